//! A world in memory: the client of `imds-core`, the mock, and a clock that only moves when
//! nothing else can. What one writes the other has at once; with `IMDS_NETWORK=smoltcp` in the
//! environment there is TCP between the two, by `imds-smoltcp` and a loopback, and all else is
//! the same.

mod bare;
mod law;
mod loopback;
mod memory;
mod random;
mod sink;
mod socket;

use core::time::Duration;
use std::rc::Rc;

use imds_core::config::Target;
use imds_core::drive::{Sink as _, Socket as _};
use imds_core::walk::{Options, Summary};
use imds_core::{
    Cause, Client, Config, Endpoint, Error, Event, Instant, Misuse, OpId, Reply, Want,
};
use imds_mock::{Exchange, Mock};

pub use self::bare::Bare;
pub use self::random::Random;
pub use self::sink::{Gathered, Missed};
pub use self::socket::{Carrier, Network, Socket};

/// Settings for a world: the mock is at the default address, and walks are not paced.
pub fn config() -> Config {
    Config {
        pace: None,
        ..Config::new(Target::One(Endpoint::IPV4))
    }
}

/// A client, a mock and the time they share.
pub struct World<const LANES: usize = 1, const WINDOW: usize = 4096, const ARENA: usize = 8192> {
    /// The client under test.
    pub client: Box<Client<LANES, [u8; WINDOW], [u8; ARENA]>>,
    /// The server, and what stands between it and the client.
    pub network: Rc<Network>,
    sockets: [Socket; LANES],
    /// What operations brought.
    pub gathered: Gathered,
    ended: Vec<(OpId, Result<Reply, Error>)>,
    /// Reads without a token are allowed.
    v1: bool,
}

impl<const LANES: usize, const WINDOW: usize, const ARENA: usize> World<LANES, WINDOW, ARENA> {
    /// A world at time zero. The environment says what carries its bytes.
    pub fn new(mock: Mock, config: Config) -> Self {
        Self::over(Carrier::chosen(), mock, config)
    }

    /// A world at time zero whose bytes are carried by this, whatever the environment says.
    pub fn over(carrier: Carrier, mock: Mock, config: Config) -> Self {
        let (network, sockets) = Network::new(carrier, mock, config.seed);
        Self {
            v1: config.allow_v1,
            client: Box::new(Client::new(config)),
            sockets,
            network,
            gathered: Gathered::default(),
            ended: Vec::new(),
        }
    }

    /// The present.
    pub fn now(&self) -> Instant {
        self.network.instant()
    }

    /// Lets time pass with nothing happening.
    pub fn pass(&self, time: Duration) {
        self.network.pass(time);
    }

    /// The server closes every connection that it keeps.
    pub fn hang_up(&mut self) {
        self.network.hang_up(&mut self.sockets);
    }

    /// Drives all lanes to rest without moving the clock.
    pub fn drive(&mut self) {
        let now = self.now();
        self.client
            .drive(now, &mut self.sockets, &mut self.gathered)
            .expect("the sockets keep to the order of calls");
        self.ended
            .extend(core::iter::from_fn(|| self.client.next_done()));
    }

    /// Moves the clock to the next thing that can happen. False: nothing can.
    pub fn step(&mut self) -> bool {
        let server = self.network.next_timeout(&self.sockets);
        let client = self
            .client
            .next_deadline()
            .map(|at| Duration::from_micros(at.as_micros()));
        match [server, client].into_iter().flatten().min() {
            Some(at) => {
                assert!(at >= self.network.now.get(), "a deadline in the past");
                self.network.now.set(at);
                true
            }
            None => false,
        }
    }

    /// Runs until this operation has ended.
    pub fn run(&mut self, op: OpId) -> Result<Reply, Error> {
        for _ in 0..100_000 {
            self.drive();
            if let Some(result) = self.take_ended(op) {
                return result;
            }
            assert!(self.step(), "an operation that nothing can end");
        }
        panic!("an operation that does not end");
    }

    /// Lets one lane do one thing, through the calls that a driver makes. False: there is nothing
    /// it can do now.
    pub fn turn(&mut self, lane: usize) -> bool {
        let now = self.now();
        let socket = &mut self.sockets[lane];
        let event = match self.client.poll(now, lane) {
            Want::Idle => return false,
            Want::Connect => socket.connect(&self.client.route(), None),
            Want::Send(bytes) => socket.send(bytes, None),
            Want::Receive => socket.receive(self.client.rx_window(lane), None),
            Want::Leaf(leaf) if self.gathered.leaf(&leaf) => Event::Taken,
            Want::Missing(missing) if self.gathered.missing(&missing) => Event::Taken,
            Want::Leaf(_) | Want::Missing(_) => return false,
            Want::Done(op, result) => {
                self.ended.push((op, result));
                Event::Taken
            }
            Want::Close => socket.close(),
        };
        let due = self.client.deadline(lane).is_some_and(|(at, _)| at <= now);
        self.client
            .handle(now, lane, event)
            .expect("the event answers what was wanted");
        event != Event::Blocked || due
    }

    /// [`run`](Self::run), but one event at a time and the lanes in turn, so that they are
    /// everywhere between their events when another lane's come.
    pub fn run_in_turns(&mut self, op: OpId) -> Result<Reply, Error> {
        for _ in 0..2_000_000 {
            let moved = (0..LANES).fold(false, |moved, lane| moved | self.turn(lane));
            if let Some(result) = self.take_ended(op) {
                return result;
            }
            assert!(moved || self.step(), "an operation that nothing can end");
        }
        panic!("an operation that does not end");
    }

    /// How this operation ended, if it has.
    pub fn take_ended(&mut self, op: OpId) -> Option<Result<Reply, Error>> {
        let at = self.ended.iter().position(|(id, _)| *id == op)?;
        Some(self.ended.remove(at).1)
    }

    /// Was this operation heard of: a chunk, a report, or its end?
    pub fn heard_of(&self, op: OpId) -> bool {
        self.gathered.heard_of(op) || self.ended.iter().any(|(id, _)| *id == op)
    }

    /// Reads one value.
    pub fn get(&mut self, path: &str) -> Result<Option<Vec<u8>>, Error> {
        let op = self.client.get(self.now(), path).map_err(Error::Misuse)?;
        self.read(op)
    }

    /// Reads a listing.
    pub fn list(&mut self, path: &str) -> Result<Option<Vec<u8>>, Error> {
        let op = self.client.list(self.now(), path).map_err(Error::Misuse)?;
        self.read(op)
    }

    /// Runs a get or a listing to its end.
    pub fn read(&mut self, op: OpId) -> Result<Option<Vec<u8>>, Error> {
        let reply = self.run(op)?;
        let value = self.gathered.take_value(op);
        match reply {
            Reply::Found => Ok(Some(value.expect("found, so it was delivered"))),
            Reply::Absent => {
                assert_eq!(value, None, "absent, yet delivered");
                Ok(None)
            }
            Reply::Walked(_) => panic!("a get ended as a walk"),
        }
    }

    /// Begins a walk.
    pub fn start_walk(&mut self, path: &str, options: Options) -> Result<OpId, Misuse> {
        self.client.walk(self.now(), path, options)
    }

    /// Walks to the end.
    pub fn walk(&mut self, path: &str, options: Options) -> Walked {
        let op = self.start_walk(path, options).expect("room for a walk");
        let result = self.run(op);
        self.walked(op, result)
    }

    /// What a walk that has ended brought.
    pub fn walked(&mut self, op: OpId, result: Result<Reply, Error>) -> Walked {
        let (leaves, missing) = self.gathered.take_walk(op);
        let result = result.map(|reply| match reply {
            Reply::Walked(summary) => summary,
            Reply::Found | Reply::Absent => panic!("a walk ended as a get"),
        });
        if let Ok(summary) = result {
            assert_eq!(
                usize::try_from(summary.leaves),
                Ok(leaves.len()),
                "leaves counted"
            );
            assert_eq!(
                usize::try_from(summary.missing),
                Ok(missing.iter().filter(|m| m.is_node()).count()),
                "missing nodes counted"
            );
        }
        Walked {
            leaves,
            missing,
            result,
        }
    }

    /// The mock.
    pub fn mock(&self) -> core::cell::RefMut<'_, Mock> {
        self.network.mock.borrow_mut()
    }

    /// Every request that reached the mock, oldest first.
    pub fn log(&self) -> Vec<Exchange> {
        self.mock().log().to_vec()
    }

    /// Token requests that reached the mock.
    pub fn puts(&self) -> usize {
        self.mock()
            .log()
            .iter()
            .filter(|e| e.method == "PUT")
            .count()
    }

    /// Reads that reached the mock.
    pub fn gets(&self) -> usize {
        self.mock()
            .log()
            .iter()
            .filter(|e| e.method == "GET")
            .count()
    }

    /// Reads of this request target that reached the mock.
    pub fn gets_of(&self, target: &str) -> usize {
        self.mock()
            .log()
            .iter()
            .filter(|e| e.method == "GET" && e.path == target)
            .count()
    }
}

/// Every scenario, whatever it is about, ends with the law on tokens.
impl<const LANES: usize, const WINDOW: usize, const ARENA: usize> Drop
    for World<LANES, WINDOW, ARENA>
{
    fn drop(&mut self) {
        if !std::thread::panicking() {
            law::tokens(self.network.mock.borrow().log(), self.v1);
        }
    }
}

/// What a walk brought.
#[derive(Debug)]
pub struct Walked {
    /// Values by display path, in the order they came; no path stands twice.
    pub leaves: Vec<(String, Vec<u8>)>,
    /// Nodes without a value.
    pub missing: Vec<Missed>,
    /// How it ended.
    pub result: Result<Summary, Error>,
}

impl Walked {
    /// The exit code of a program that does nothing but this walk: of its error, or of the worst
    /// node that failed.
    pub fn exit_code(&self) -> u8 {
        let causes = self.missing.iter().filter_map(|m| m.why.cause());
        let worst = causes
            .chain(self.result.err().map(|error| error.cause()))
            .filter(|cause| *cause != Cause::Absent)
            .max_by_key(|cause| cause.severity());
        worst.map_or(0, Cause::exit_code)
    }

    /// The paths of the leaves, in the order they came.
    pub fn paths(&self) -> Vec<&str> {
        self.leaves.iter().map(|(path, _)| path.as_str()).collect()
    }

    /// The value of this leaf.
    pub fn value(&self, path: &str) -> Option<&[u8]> {
        let (_, value) = self.leaves.iter().find(|(p, _)| p == path)?;
        Some(value)
    }

    /// The leaves, sorted by path.
    pub fn sorted(&self) -> Vec<(String, Vec<u8>)> {
        let mut leaves = self.leaves.clone();
        leaves.sort();
        leaves
    }
}

/// The code of the README, so that it stays true.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
