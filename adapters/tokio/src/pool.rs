//! What the tasks of a client share: the session, the lanes, and who waits for what.
//!
//! There is no background task that moves bytes. Each operation is driven by the task that
//! waits for it: it takes a lane out of the pool, drives it as long as there is something to
//! do, and puts it back. A task that goes away leaves its lane to another; which lane does whose
//! work is the session's choice, not the task's.

use core::task::{Context, Waker};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use imds_core::drive::{self, Step};
use imds_core::{Buffer, Instant, Lane, Leaf, Missing, OpId, Route, Session};
use imds_os::{Gather, MAX_TOKEN};
use tokio::sync::Semaphore;

use crate::clock::Clock;
use crate::connect::Connector;
use crate::idle;
use crate::socket::{Polled, Socket};

/// Operations in the session at once; more wait for a place.
pub(crate) const OPS: usize = 64;
/// Walks at once; one more is refused by name.
pub(crate) const WALKS: usize = 4;

pub(crate) type LaneOf = Lane<Box<[u8]>>;
type SessionOf = Session<Box<[u8]>, OPS, WALKS, MAX_TOKEN>;

/// A lane and its socket.
pub(crate) struct Slot {
    pub(crate) lane: LaneOf,
    pub(crate) socket: Socket,
}

/// Lanes that move between the pool and tasks: boxed, to move a pointer and not a kilobyte.
pub(crate) type Slots = Vec<Box<Slot>>;

impl Slot {
    /// Is its connection kept for a later use?
    pub(crate) fn is_kept(&self) -> bool {
        self.lane.is_idle() && self.lane.is_connected()
    }
}

pub(crate) struct Pool {
    pub(crate) clock: Clock,
    pub(crate) connector: Connector,
    /// A place for each operation that may be under way.
    pub(crate) places: Arc<Semaphore>,
    shared: Mutex<State>,
}

pub(crate) struct State {
    pub(crate) session: SessionOf,
    /// Lanes that no task drives.
    pub(crate) free: Slots,
    pub(crate) gather: Gather<Option<Waker>>,
    /// Operations whose tasks want a lane, longest first.
    waiting: VecDeque<OpId>,
    /// Watches kept connections that no task drives.
    pub(crate) watcher: idle::Watcher,
}

impl Pool {
    pub(crate) fn new(
        session: SessionOf,
        lanes: Vec<LaneOf>,
        clock: Clock,
        connector: Connector,
    ) -> Self {
        Self {
            clock,
            connector,
            places: Arc::new(Semaphore::new(OPS)),
            shared: Mutex::new(State {
                session,
                free: lanes
                    .into_iter()
                    .map(|lane| {
                        Box::new(Slot {
                            lane,
                            socket: Socket::default(),
                        })
                    })
                    .collect(),
                gather: Gather::default(),
                waiting: VecDeque::new(),
                watcher: idle::Watcher::default(),
            }),
        }
    }

    /// The state; held for microseconds, never across I/O or an await.
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        // A panic elsewhere leaves the session as sound as any cancelled call does.
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does one thing on a lane.
    pub(crate) fn step(&self, slot: &mut Slot, cx: &mut Context<'_>) -> Step {
        let mut socket = Polled {
            socket: &mut slot.socket,
            connector: &self.connector,
            cx,
        };
        let clock = || self.clock.now();
        // The socket answers what it was asked, so there is no misuse; if there were, a lane
        // that blocks is the harmless reading.
        drive::step(
            clock,
            &mut Locked(self),
            &mut slot.lane,
            &mut socket,
            &mut Locked(self),
        )
        .unwrap_or(Step::Blocked)
    }

    /// Looks at the kept connection of a lane that was not driven for a while.
    pub(crate) fn check_idle(&self, slot: &mut Slot, cx: &mut Context<'_>) {
        let mut socket = Polled {
            socket: &mut slot.socket,
            connector: &self.connector,
            cx,
        };
        let clock = || self.clock.now();
        let _ = drive::check_idle(clock, &mut slot.lane, &mut socket);
        // A connection of no more use is closed at once.
        if slot.lane.is_idle() && !slot.lane.is_connected() {
            slot.socket = Socket::default();
        }
    }
}

impl State {
    /// Takes a lane for this operation's task: the one that has its exchange, else an idle one,
    /// else one that some task left in the middle of an exchange. Without one, the task waits
    /// if it says so.
    pub(crate) fn take(&mut self, op: OpId, or_wait: bool) -> Option<Box<Slot>> {
        let rank = |slot: &Slot| {
            if slot.lane.serves(op) {
                0
            } else if slot.lane.is_idle() {
                // A kept connection saves a handshake.
                if slot.lane.is_connected() { 1 } else { 2 }
            } else {
                3
            }
        };
        let best = (0..self.free.len()).min_by_key(|at| rank(&self.free[*at]));
        match best {
            Some(at) => {
                // Else it would be woken for a lane that another task could have.
                self.stop_waiting(op);
                Some(self.free.swap_remove(at))
            }
            None => {
                if or_wait {
                    self.wait(op);
                }
                None
            }
        }
    }

    /// Wakes this operation's task when there may be a lane, or work, for it.
    pub(crate) fn wait(&mut self, op: OpId) {
        if !self.waiting.contains(&op) {
            self.waiting.push_back(op);
        }
    }

    /// The operation's task has a lane, or wants none any more.
    pub(crate) fn stop_waiting(&mut self, op: OpId) {
        self.waiting.retain(|waiting| *waiting != op);
    }

    /// Gathers what has ended, and wakes whom it concerns.
    pub(crate) fn spread(&mut self) {
        while let Some((op, result)) = self.session.next_done() {
            self.gather.end(op, result);
            self.wake(op);
        }
        if self.session.take_changed() {
            self.wake_waiting();
        }
    }

    /// Wakes as many waiting tasks as there are lanes for them.
    pub(crate) fn wake_waiting(&mut self) {
        for _ in 0..self.free.len() {
            let Some(op) = self.waiting.pop_front() else {
                return;
            };
            self.wake(op);
        }
    }

    pub(crate) fn wake(&mut self, op: OpId) {
        if let Some(Some(waker)) = self.gather.extra(op) {
            waker.wake_by_ref();
        }
    }

    /// Serves a lane once more under this lock, and puts it back if there is nothing for it.
    /// The task then waits, unless another one left a lane in the middle of an exchange.
    pub(crate) fn rest(
        &mut self,
        now: Instant,
        op: OpId,
        mut slot: Box<Slot>,
    ) -> Option<Box<Slot>> {
        if self.session.serve(now, &mut slot.lane) || slot.lane.poll().is_some() {
            return Some(slot);
        }
        self.free.push(slot);
        let busy = (0..self.free.len())
            .filter(|at| self.free[*at].lane.poll().is_some())
            .min_by_key(|at| !self.free[*at].lane.serves(op));
        match busy {
            Some(at) => Some(self.free.swap_remove(at)),
            None => {
                self.wait(op);
                None
            }
        }
    }

    /// Takes the lanes that have a kept connection, to look at them.
    pub(crate) fn take_kept(&mut self) -> Slots {
        self.free.extract_if(.., |slot| slot.is_kept()).collect()
    }

    /// Puts a lane back whatever it is doing: what someone else waits for goes on in the hands
    /// of another task, the rest is broken off.
    pub(crate) fn give(&mut self, now: Instant, mut slot: Box<Slot>) {
        // What has just ended is concluded at once: its owner may have no lane to do it with.
        self.session.serve(now, &mut slot.lane);
        self.spread();
        if !slot.lane.is_idle() && !self.session.is_wanted(&slot.lane) {
            self.session.abandon(&mut slot.lane);
        }
        if slot.lane.is_idle() && !slot.lane.is_connected() {
            slot.socket = Socket::default();
        }
        self.free.push(slot);
        self.wake_waiting();
    }

    pub(crate) fn forget(&mut self, op: OpId) {
        self.session.cancel(op);
        self.gather.forget(op);
        self.stop_waiting(op);
    }
}

/// The pool as the core's driver sees it: locked for each call.
struct Locked<'a>(&'a Pool);

impl drive::Shared for Locked<'_> {
    fn serve<B: Buffer>(&mut self, now: Instant, lane: &mut Lane<B>) -> bool {
        self.0.lock().session.serve(now, lane)
    }

    fn route(&mut self) -> Route {
        self.0.lock().session.route()
    }
}

impl drive::Sink for Locked<'_> {
    fn leaf(&mut self, leaf: &Leaf<'_>) -> bool {
        self.0.lock().gather.leaf(leaf);
        true
    }

    fn missing(&mut self, missing: &Missing<'_>) -> bool {
        self.0.lock().gather.missing(missing);
        true
    }
}
