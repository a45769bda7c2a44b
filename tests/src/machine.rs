//! The core's client by its own driver, and all of its insides: for scenarios that look at single
//! events, stop in the middle, or give it odd memory.

use core::ops::Deref;
use core::time::Duration;
use std::rc::Rc;

use imds_core::drive::{self, Sink as _};
use imds_core::walk::Options;
use imds_core::{Client, Config, Error, Event, Instant, Misuse, OpId, Reply, Want};
use imds_mock::Mock;

use crate::socket::next_timeout;
use crate::{Carrier, Gathered, Got, Network, Socket, Walked, law};

/// A client, a mock and the time they share.
pub struct Machine<const LANES: usize = 1, const WINDOW: usize = 4096, const ARENA: usize = 8192> {
    /// The client under test.
    pub client: Box<Client<LANES, Vec<u8>, Vec<u8>>>,
    /// The server, and what stands between it and the client.
    pub network: Rc<Network>,
    sockets: [Socket; LANES],
    /// What operations brought.
    pub gathered: Gathered,
    ended: Vec<(OpId, Result<Reply, Error>)>,
    /// Reads without a token are allowed.
    v1: bool,
}

impl<const LANES: usize, const WINDOW: usize, const ARENA: usize> Machine<LANES, WINDOW, ARENA> {
    /// A client at time zero. The environment says what carries its bytes.
    pub fn new(mock: Mock, config: Config) -> Self {
        Self::over(Carrier::chosen(), mock, config)
    }

    /// A client at time zero whose bytes are carried by this, whatever the environment says.
    pub fn over(carrier: Carrier, mock: Mock, config: Config) -> Self {
        let (network, sockets) = carrier.network(mock, config.seed);
        Self {
            v1: config.allow_v1,
            client: Box::new(Client::with_memory(
                config,
                core::array::from_fn(|_| vec![0; WINDOW]),
                vec![0; ARENA],
            )),
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
    pub fn hang_up(&self) {
        self.network.hang_up();
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
        let server = next_timeout(&self.network, &self.sockets);
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
        let Self {
            client,
            sockets,
            gathered,
            ended,
            ..
        } = self;
        turn(client, now, lane, &mut sockets[lane], gathered, ended)
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
    pub fn get(&mut self, path: &str) -> Got {
        let op = self.client.get(self.now(), path).map_err(Error::Misuse)?;
        self.read(op)
    }

    /// Reads a listing.
    pub fn list(&mut self, path: &str) -> Got {
        let op = self.client.list(self.now(), path).map_err(Error::Misuse)?;
        self.read(op)
    }

    /// Runs a get or a listing to its end.
    pub fn read(&mut self, op: OpId) -> Got {
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
        match self.start_walk(path, options) {
            Ok(op) => {
                let result = self.run(op);
                self.walked(op, result)
            }
            Err(misuse) => Walked::new(Vec::new(), Vec::new(), Err(Error::Misuse(misuse))),
        }
    }

    /// What a walk that has ended brought.
    pub fn walked(&mut self, op: OpId, result: Result<Reply, Error>) -> Walked {
        let (leaves, missing) = self.gathered.take_walk(op);
        let result = result.map(|reply| match reply {
            Reply::Walked(summary) => Some(summary),
            Reply::Found | Reply::Absent => panic!("a walk ended as a get"),
        });
        Walked::new(leaves, missing, result)
    }

    /// [`walk`](Self::walk), and a [`get`](Self::get) of `within` whenever something came. No lane
    /// begins a node meanwhile, but each may bring the one that it has.
    pub fn walk_with(&mut self, path: &str, options: Options, within: &str) -> (Walked, Vec<Got>) {
        let mut got = Vec::new();
        let op = self.start_walk(path, options).expect("room for a walk");
        loop {
            self.gathered.appetite = Some(1);
            self.drive();
            let left = self.gathered.appetite.take();
            if let Some(result) = self.take_ended(op) {
                return (self.walked(op, result), got);
            }
            if left == Some(0) {
                self.client.pause(op);
                got.push(self.get(within));
                self.client.resume(op);
            } else {
                assert!(self.step(), "a walk that nothing can end");
            }
        }
    }

    /// A walk that is cancelled after so many chunks and reports. Answers whether it had ended
    /// before.
    pub fn leave_walk(&mut self, path: &str, options: Options, nodes: usize) -> bool {
        let op = self.start_walk(path, options).expect("room for a walk");
        self.gathered.appetite = Some(nodes);
        loop {
            self.drive();
            let ended = self.take_ended(op).is_some();
            if ended || self.gathered.appetite == Some(0) {
                self.gathered.appetite = None;
                self.client.cancel(op);
                self.gathered.forget(op);
                return ended;
            }
            assert!(self.step(), "a walk that nothing can end");
        }
    }

    /// A get that is cancelled after so many events. Answers whether it had ended before.
    pub fn drop_get(&mut self, path: &str, events: usize) -> bool {
        let now = self.now();
        let op = self.client.get(now, path).expect("room for a get");
        let mut left = events;
        while left > 0 {
            let moved = (0..LANES).fold(false, |moved, lane| moved | self.turn(lane));
            assert!(moved || self.step(), "a get that nothing can end");
            left -= 1;
        }
        self.client.cancel(op);
        self.gathered.forget(op);
        self.take_ended(op).is_some()
    }
}

/// Lets one lane of a client do one thing, through the calls that a driver makes. False: there is
/// nothing it can do now.
pub(crate) fn turn<const LANES: usize>(
    client: &mut Client<LANES, Vec<u8>, Vec<u8>>,
    now: Instant,
    lane: usize,
    socket: &mut impl drive::Socket,
    sink: &mut Gathered,
    ended: &mut Vec<(OpId, Result<Reply, Error>)>,
) -> bool {
    let event = match client.poll(now, lane) {
        Want::Idle => return false,
        Want::Connect => socket.connect(&client.route(), None),
        Want::Send(bytes) => socket.send(bytes, None),
        Want::Receive => socket.receive(client.rx_window(lane), None),
        Want::Leaf(leaf) if sink.leaf(&leaf) => Event::Taken,
        Want::Missing(missing) if sink.missing(&missing) => Event::Taken,
        Want::Leaf(_) | Want::Missing(_) => return false,
        Want::Done(op, result) => {
            ended.push((op, result));
            Event::Taken
        }
        Want::Close => socket.close(),
    };
    let due = client.deadline(lane).is_some_and(|(at, _)| at <= now);
    client
        .handle(now, lane, event)
        .expect("the event answers what was wanted");
    event != Event::Blocked || due
}

impl<const LANES: usize, const WINDOW: usize, const ARENA: usize> Deref
    for Machine<LANES, WINDOW, ARENA>
{
    type Target = Network;

    fn deref(&self) -> &Network {
        &self.network
    }
}

/// Every scenario, whatever it is about, ends with the law on tokens.
impl<const LANES: usize, const WINDOW: usize, const ARENA: usize> Drop
    for Machine<LANES, WINDOW, ARENA>
{
    fn drop(&mut self) {
        if !std::thread::panicking() {
            law::tokens(self.network.mock.borrow().log(), self.v1);
        }
    }
}
