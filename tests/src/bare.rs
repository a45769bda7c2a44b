//! A session without a [`Client`](imds_core::Client): several walks at once, lanes that drivers
//! abandon.

use core::time::Duration;
use std::rc::Rc;

use imds_core::drive::{Sink as _, Socket as _, pump};
use imds_core::{Config, Error, Event, Instant, Lane, OpId, Reply, Session, Want};
use imds_mock::Mock;

use crate::socket::next_timeout;
use crate::{Carrier, Gathered, Network, Socket, law};

/// Operations that there is room for.
const OPS: usize = 8;
/// Longest token.
const TOKEN: usize = 128;

/// A session with `LANES` lanes, room for `WALKS` walks with arenas of `ARENA` bytes, a mock and the
/// time they share.
pub struct Bare<const LANES: usize, const WALKS: usize, const ARENA: usize = 8192> {
    /// The session under test.
    pub session: Session<Vec<u8>, OPS, WALKS, TOKEN>,
    /// Its lanes.
    pub lanes: [Lane<Vec<u8>>; LANES],
    /// The server, and what stands between it and the session.
    pub network: Rc<Network>,
    sockets: [Socket; LANES],
    /// What operations brought.
    pub gathered: Gathered,
    ended: Vec<(OpId, Result<Reply, Error>)>,
}

impl<const LANES: usize, const WALKS: usize, const ARENA: usize> Bare<LANES, WALKS, ARENA> {
    /// A world at time zero, with windows of 4 KiB.
    pub fn new(mock: Mock, config: Config) -> Self {
        assert!(!config.allow_v1, "here every read must carry a token");
        let (network, sockets) = Carrier::chosen().network(mock, config.seed);
        Self {
            session: Session::new(config, core::array::from_fn(|_| vec![0; ARENA])),
            lanes: core::array::from_fn(|id| {
                let id = u8::try_from(id).expect("at most 256 lanes");
                Lane::new(id, vec![0; 4096])
            }),
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

    /// Drives one lane to rest.
    pub fn drive_lane(&mut self, lane: usize) -> bool {
        let now = self.now();
        let moved = pump(
            || now,
            &mut self.session,
            &mut self.lanes[lane],
            &mut self.sockets[lane],
            &mut self.gathered,
        )
        .expect("the sockets keep to the order of calls");
        self.ended
            .extend(core::iter::from_fn(|| self.session.next_done()));
        moved
    }

    /// Drives all lanes to rest without moving the clock.
    pub fn drive(&mut self) {
        for _ in 0..100_000 {
            let moved = (0..LANES).fold(false, |moved, lane| moved | self.drive_lane(lane));
            if !moved && !self.session.take_changed() {
                return;
            }
        }
        panic!("lanes that never rest");
    }

    /// Drives the lanes in turn, one event each, for `k` events. False: there were not so many.
    pub fn turns(&mut self, k: usize) -> bool {
        let mut left = k;
        loop {
            let mut moved = false;
            for lane in 0..LANES {
                if left == 0 {
                    return true;
                }
                if self.turn(lane) {
                    left -= 1;
                    moved = true;
                }
            }
            if !moved && !self.step() {
                return false;
            }
        }
    }

    /// Lets one lane do one thing. False: there is nothing it can do now.
    pub fn turn(&mut self, lane: usize) -> bool {
        let now = self.now();
        let (lane, socket) = (&mut self.lanes[lane], &mut self.sockets[lane]);
        self.session.serve(now, lane);
        self.ended
            .extend(core::iter::from_fn(|| self.session.next_done()));
        let event = match lane.poll() {
            None | Some(Want::Idle | Want::Done(..)) => return false,
            Some(Want::Connect) => socket.connect(&self.session.route(), None),
            Some(Want::Send(bytes)) => socket.send(bytes, None),
            Some(Want::Receive) => socket.receive(lane.rx_window(), None),
            Some(Want::Leaf(leaf)) if self.gathered.leaf(&leaf) => Event::Taken,
            Some(Want::Missing(missing)) if self.gathered.missing(&missing) => Event::Taken,
            Some(Want::Leaf(_) | Want::Missing(_)) => return false,
            Some(Want::Close) => socket.close(),
        };
        lane.handle(now, event)
            .expect("the event answers what was wanted");
        event != Event::Blocked
    }

    /// Moves the clock to the next thing that can happen. False: nothing can.
    pub fn step(&mut self) -> bool {
        let server = next_timeout(&self.network, &self.sockets);
        let client = self
            .lanes
            .iter()
            .filter_map(|lane| self.session.deadline(lane))
            .map(|(at, _)| Duration::from_micros(at.as_micros()));
        match client.chain(server).min() {
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
            if let Some(at) = self.ended.iter().position(|(id, _)| *id == op) {
                return self.ended.remove(at).1;
            }
            assert!(self.step(), "an operation that nothing can end");
        }
        panic!("an operation that does not end");
    }

    /// Cancels an operation, and forgets what it brought.
    pub fn forget(&mut self, op: OpId) {
        self.session.cancel(op);
        self.ended.retain(|(id, _)| *id != op);
        self.gathered.forget(op);
    }

    /// Reads one value while whatever else is under way goes on.
    pub fn get(&mut self, path: &str) -> Result<Option<Vec<u8>>, Error> {
        let now = self.now();
        let op = self.session.get(now, path).map_err(Error::Misuse)?;
        self.run(op)?;
        Ok(self.gathered.take_value(op))
    }
}

impl<const LANES: usize, const WALKS: usize, const ARENA: usize> Drop
    for Bare<LANES, WALKS, ARENA>
{
    fn drop(&mut self) {
        if !std::thread::panicking() {
            law::tokens(self.network.mock.borrow().log(), false);
        }
    }
}
