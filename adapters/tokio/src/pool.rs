//! What the tasks of a client share: the session, the lanes, and who waits for what.
//!
//! There is no background task that moves bytes. Each operation is driven by the task that
//! waits for it: it takes a lane out of the pool, drives it as far as it goes, and puts it back
//! before it goes to sleep, with its waker at the socket. So no task holds a lane that it does
//! not drive this very moment: a future that is dropped, or just not polled any more, leaves its
//! lanes to whoever needs them. Which lane does whose work is the session's choice.

use core::task::{Context, Waker};
use std::collections::VecDeque;
use std::sync::{Arc, PoisonError};

use imds_core::drive::{self, Step};
use imds_core::{Buffer, Instant, Lane, Leaf, Missing, OpId, Route, Session};
use imds_os::{Gather, MAX_TOKEN};
use tokio::sync::Semaphore;

use crate::clock::Clock;
use crate::connect::Connector;
use crate::idle;
use crate::socket::{Polled, Socket};
use crate::threads::{Mutex, MutexGuard};

/// Operations in the session at once; more wait for a place. (So few in the interleavings that it
/// does not take long until they are too many.)
pub(crate) const OPS: usize = if cfg!(test) { 8 } else { 64 };
/// Walks at once; one more is refused by name.
pub(crate) const WALKS: usize = 4;

pub(crate) type LaneOf = Lane<Box<[u8]>>;
type SessionOf = Session<Box<[u8]>, OPS, WALKS, MAX_TOKEN>;

/// Nodes of a walk that may wait to be taken before its lanes bring no more.
const MAX_WAITING: usize = 16;

/// A lane and its socket.
pub(crate) struct Slot {
    pub(crate) lane: LaneOf,
    pub(crate) socket: Socket,
    /// The operation whose task is woken by the socket, while the lane lies in the pool in the
    /// middle of an exchange.
    watched_by: Option<OpId>,
    /// The number of the task that was the last to be told of its kept connection.
    pub(crate) watcher: u64,
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
    /// All lanes there are.
    lanes: usize,
    pub(crate) gather: Gather<Option<Waker>>,
    /// Operations whose tasks found no lane at all, longest first.
    waiting: VecDeque<OpId>,
    /// Operations whose tasks slept with a lane that another took.
    robbed: VecDeque<OpId>,
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
                lanes: lanes.len(),
                free: lanes
                    .into_iter()
                    .map(|lane| {
                        Box::new(Slot {
                            lane,
                            socket: Socket::default(),
                            watched_by: None,
                            watcher: 0,
                        })
                    })
                    .collect(),
                gather: Gather::default(),
                waiting: VecDeque::new(),
                robbed: VecDeque::new(),
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
        // With the task's budget spent every socket says that it blocks, and the core would think
        // that the server is silent.
        if !tokio::task::coop::has_budget_remaining() {
            cx.waker().wake_by_ref();
            return Step::Blocked;
        }
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
    /// Takes a lane for this operation's task: the one that has its exchange, or that it watches;
    /// else an idle one; else one in the middle of an exchange that nobody watches. A task that
    /// has no lane yet (`first`) takes one that another watches rather than none: that task may
    /// not be polled any more. With all lanes in other hands this very moment, it waits.
    pub(crate) fn take(&mut self, op: OpId, first: bool) -> Option<Box<Slot>> {
        let best = (0..self.free.len())
            .map(|at| (self.rank(op, &self.free[at]), at))
            .min()
            .filter(|(rank, _)| first || *rank < Rank::Watched);
        match best {
            Some((rank, at)) => {
                // Else it would be woken for a lane that another task could have.
                self.stop_waiting(op);
                let mut slot = self.free.swap_remove(at);
                if rank <= Rank::Mine {
                    // If it was woken for one that nobody has, that is still there for the next.
                    // But not for whom it robs of this one: two tasks to whom one lane is of use, a
                    // get by its exchange and a walk by its node, would take it from each other
                    // for ever.
                    self.wake_waiting();
                }
                self.rob(op, &mut slot);
                Some(slot)
            }
            None => {
                if first {
                    self.wait(op);
                }
                None
            }
        }
    }

    fn rank(&self, op: OpId, slot: &Slot) -> Rank {
        if slot.lane.serves(op) {
            Rank::Own
        } else if slot.watched_by == Some(op) {
            Rank::Mine
        } else if slot.is_kept() {
            // Saves a handshake.
            Rank::Kept
        } else if slot.lane.is_idle() {
            Rank::Idle
        } else if slot.watched_by.is_none() {
            Rank::Left
        } else {
            Rank::Watched
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
        self.robbed.retain(|robbed| *robbed != op);
    }

    /// Is there no operation, and nobody remembered who waits?
    #[cfg(test)]
    pub(crate) fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.robbed.is_empty() && self.gather.extras().next().is_none()
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

    /// Wakes as many tasks as there are lanes that nobody drives or watches.
    pub(crate) fn wake_waiting(&mut self) {
        let left = self.free.iter().filter(|s| s.watched_by.is_none()).count();
        for _ in 0..left {
            let next = self.waiting.pop_front().or_else(|| self.robbed.pop_front());
            let Some(op) = next else {
                return;
            };
            self.wake(op);
        }
    }

    /// A node came for a walk, perhaps by another task's hands.
    fn brought(&mut self, op: OpId) {
        let waiting = self.gather.waiting(op);
        if waiting > 0 {
            self.wake(op);
        }
        if waiting >= MAX_WAITING {
            // Until it is polled again.
            self.session.pause(op);
        }
    }

    pub(crate) fn wake(&mut self, op: OpId) {
        if let Some(Some(waker)) = self.gather.extra(op) {
            waker.wake_by_ref();
        }
    }

    /// Wakes whom this lane's work is for. The token is everybody's.
    fn wake_served(&self, lane: &LaneOf) {
        for (op, waker) in self.gather.extras() {
            if (lane.fetches_token() || lane.serves(op))
                && let Some(waker) = waker
            {
                waker.wake_by_ref();
            }
        }
    }

    /// The operation's task has all the lanes that it takes. Others that it watched it does not look
    /// at any more when it is woken: they are somebody else's.
    pub(crate) fn unwatch(&mut self, op: OpId) {
        let watched: Slots = self
            .free
            .extract_if(.., |slot| slot.watched_by == Some(op))
            .collect();
        for mut slot in watched {
            slot.watched_by = None;
            self.wake_served(&slot.lane);
            self.free.push(slot);
            self.wake_waiting();
        }
    }

    /// Serves a lane once more under this lock, and puts it back if there is nothing for it. A
    /// task that has no other lane (`alone`) then takes one in the middle of an exchange: it may
    /// be the one that gets the token, in the hands of a task that is not polled any more.
    pub(crate) fn rest(
        &mut self,
        now: Instant,
        op: OpId,
        mut slot: Box<Slot>,
        alone: bool,
    ) -> Option<Box<Slot>> {
        if self.session.serve(now, &mut slot.lane) || slot.lane.poll().is_some() {
            return Some(slot);
        }
        self.free.push(slot);
        if !alone {
            return None;
        }
        let busy = (0..self.free.len())
            .filter(|at| self.free[*at].lane.poll().is_some())
            .min_by_key(|at| {
                let slot = &self.free[*at];
                (!slot.lane.fetches_token(), self.rank(op, slot))
            });
        let Some(at) = busy else {
            self.wait(op);
            return None;
        };
        Some(self.remove(op, at))
    }

    /// Takes this lane for this operation's task.
    fn remove(&mut self, op: OpId, at: usize) -> Box<Slot> {
        let mut slot = self.free.swap_remove(at);
        self.rob(op, &mut slot);
        slot
    }

    /// Remembers whose task watched a lane that this operation's task takes.
    fn rob(&mut self, op: OpId, slot: &mut Slot) {
        match slot.watched_by.take() {
            Some(robbed) if robbed != op && !self.robbed.contains(&robbed) => {
                self.robbed.push_back(robbed);
            }
            _ => {}
        }
    }

    /// Puts a lane back that blocks, with this operation's waker at its socket.
    pub(crate) fn park(&mut self, op: OpId, mut slot: Box<Slot>) {
        slot.watched_by = Some(op);
        self.free.push(slot);
        // Better a lane that another watches than none. Whoever was robbed is not woken for it:
        // the two would take it from each other for ever.
        if let Some(op) = self.waiting.pop_front() {
            self.wake(op);
        }
    }

    /// Takes the lanes that this operation's task watches, and those that nobody watches and whose
    /// work was for an operation that is over: another task had them last, and put them back for it.
    pub(crate) fn take_watched(&mut self, op: OpId) -> Slots {
        let Self { free, session, .. } = self;
        let mut slots: Slots = free
            .extract_if(.., |slot| match slot.watched_by {
                Some(watching) => watching == op,
                None => !slot.lane.is_idle() && !session.is_wanted(&slot.lane),
            })
            .collect();
        for slot in &mut slots {
            slot.watched_by = None;
        }
        slots
    }

    /// Takes the lanes that have a kept connection, to look at them.
    pub(crate) fn take_kept(&mut self) -> Slots {
        self.free.extract_if(.., |slot| slot.is_kept()).collect()
    }

    /// Is every lane at rest, and none connected?
    pub(crate) fn is_disconnected(&self) -> bool {
        self.free.len() == self.lanes && !self.free.iter().any(|slot| slot.lane.is_connected())
    }

    /// Puts a lane back whatever it is doing: what someone else waits for goes on in the hands
    /// of another task, the rest is broken off. Answers with a socket to close, not under this
    /// lock.
    #[must_use]
    pub(crate) fn give(&mut self, now: Instant, mut slot: Box<Slot>) -> Socket {
        let was_kept = slot.is_kept();
        // What has just ended is concluded at once: its owner may have no lane to do it with.
        self.session.serve(now, &mut slot.lane);
        if slot.is_kept() && !was_kept {
            self.watcher.wake();
        }
        self.spread();
        if !slot.lane.is_idle() && !self.session.is_wanted(&slot.lane) {
            self.session.abandon(&mut slot.lane);
        }
        let mut spent = Socket::default();
        if slot.lane.is_idle() {
            if !slot.lane.is_connected() {
                spent = core::mem::take(&mut slot.socket);
            }
        } else {
            self.wake_served(&slot.lane);
        }
        self.free.push(slot);
        self.wake_waiting();
        spent
    }

    /// Ends an operation. Answers with its waker, to drop not under this lock: it is its
    /// executor's code.
    #[must_use]
    pub(crate) fn forget(&mut self, op: OpId) -> Option<Waker> {
        self.session.cancel(op);
        let waker = self.gather.extra(op).and_then(Option::take);
        self.gather.forget(op);
        self.stop_waiting(op);
        waker
    }
}

/// Which lane a task takes first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Own,
    Mine,
    Kept,
    Idle,
    Left,
    Watched,
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
        let mut state = self.0.lock();
        state.gather.leaf(leaf);
        if leaf.last {
            state.brought(leaf.op);
        }
        true
    }

    fn missing(&mut self, missing: &Missing<'_>) -> bool {
        let mut state = self.0.lock();
        state.gather.missing(missing);
        state.brought(missing.op);
        true
    }
}
