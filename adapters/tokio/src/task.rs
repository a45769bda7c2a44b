//! A task's part in an operation: it drives lanes while it waits.

use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;
use std::sync::Arc;

use imds_core::drive::Step;
use imds_core::{Error, Instant, Misuse, OpId};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Sleep;

use crate::idle;
use crate::pool::{Pool, Slots, State};

/// Steps on one lane before the others have their turn.
const TURN: usize = 16;

/// Longest sleep. Another task may have taken this one's lane and not be polled any more: then nobody
/// is woken, but whoever looks can take a lane back.
const LONGEST_SLEEP: Duration = Duration::from_millis(100);

/// An operation and the task that waits for it. Dropped early, it cancels the operation and
/// leaves everyone else's work to others.
pub(crate) struct Task {
    pool: Arc<Pool>,
    pub(crate) op: OpId,
    /// Lanes in this task's hands; none while it sleeps.
    slots: Slots,
    /// Most lanes it takes.
    lanes: usize,
    sleep: Option<Pin<Box<Sleep>>>,
    _place: OwnedSemaphorePermit,
}

impl Task {
    /// Begins an operation as soon as there is a place for it.
    pub(crate) async fn begin(
        pool: &Arc<Pool>,
        lanes: usize,
        start: impl FnOnce(&mut State, Instant) -> Result<OpId, Misuse>,
    ) -> Result<Self, Error> {
        let place = Arc::clone(&pool.places)
            .acquire_owned()
            .await
            .map_err(|_| Error::Misuse(Misuse::TooManyOperations))?;
        let mut state = pool.lock();
        let op = start(&mut state, pool.clock.now()).map_err(Error::Misuse)?;
        state.gather.begin(op, None);
        drop(state);
        Ok(Self {
            pool: Arc::clone(pool),
            op,
            slots: Vec::new(),
            lanes,
            sleep: None,
            _place: place,
        })
    }

    pub(crate) fn pool(&self) -> &Pool {
        &self.pool
    }

    /// Drives lanes until `enough` gives something.
    pub(crate) fn poll<R>(
        &mut self,
        cx: &mut Context<'_>,
        mut enough: impl FnMut(&mut State) -> Option<R>,
    ) -> Poll<R> {
        loop {
            {
                let pool = Arc::clone(&self.pool);
                let mut state = pool.lock();
                if let Some(result) = enough(&mut state) {
                    drop(state);
                    self.release();
                    return Poll::Ready(result);
                }
                if let Some(waker) = state.gather.extra(self.op) {
                    match waker {
                        Some(waker) => waker.clone_from(cx.waker()),
                        None => *waker = Some(cx.waker().clone()),
                    }
                }
                self.take_lanes(&mut state);
            }
            let mut moved = false;
            let mut idle = Slots::new();
            for mut slot in core::mem::take(&mut self.slots) {
                let mut last = Step::Moved;
                for _ in 0..TURN {
                    last = self.pool.step(&mut slot, cx);
                    if last != Step::Moved {
                        break;
                    }
                    moved = true;
                }
                match last {
                    Step::Idle => idle.push(slot),
                    Step::Moved | Step::Blocked => self.slots.push(slot),
                }
            }
            let (kept_busy, until) = self.settle(idle);
            if moved || kept_busy {
                continue;
            }
            if !self.sleep_until(cx, until) {
                self.park();
                return Poll::Pending;
            }
        }
    }

    /// Leaves all lanes in the pool while the task sleeps, with its waker at their sockets.
    fn park(&mut self) {
        if self.slots.is_empty() {
            return;
        }
        let mut state = self.pool.lock();
        for slot in self.slots.drain(..) {
            state.park(self.op, slot);
        }
    }

    fn take_lanes(&mut self, state: &mut State) {
        while self.slots.len() < self.lanes {
            match state.take(self.op, self.slots.is_empty()) {
                Some(slot) => self.slots.push(slot),
                None => return,
            }
        }
        state.unwatch(self.op);
    }

    /// Puts idle lanes back. Answers whether one turned out to have work, and when to look again.
    fn settle(&mut self, mut idle: Slots) -> (bool, Option<Instant>) {
        idle::register(&self.pool, &mut idle);
        let now = self.pool.clock.now();
        let mut state = self.pool.lock();
        state.session.handle_deadline(now);
        state.spread();
        let mut until = state.session.op_deadline(self.op);
        let mut earlier = |at: Option<Instant>| {
            until = [until, at].into_iter().flatten().min();
        };
        let mut busy = false;
        for slot in &self.slots {
            earlier(state.session.deadline(&slot.lane).map(|(at, _)| at));
        }
        for slot in idle {
            earlier(state.session.deadline(&slot.lane).map(|(at, _)| at));
            let alone = self.slots.is_empty();
            if let Some(slot) = state.rest(now, self.op, slot, alone) {
                busy = true;
                self.slots.push(slot);
            }
        }
        // Serving a lane under this lock may have ended something.
        state.spread();
        drop(state);
        idle::start(&self.pool);
        (busy, until)
    }

    /// Has the task woken at `until`, or soon. True: that is now.
    fn sleep_until(&mut self, cx: &mut Context<'_>, until: Option<Instant>) -> bool {
        let soon = tokio::time::Instant::now() + LONGEST_SLEEP;
        let until = until.and_then(|until| self.pool.clock.at(until));
        let at = until.map_or(soon, |until| until.min(soon));
        let sleep = match &mut self.sleep {
            Some(sleep) => {
                sleep.as_mut().reset(at);
                sleep
            }
            None => self.sleep.insert(Box::pin(tokio::time::sleep_until(at))),
        };
        sleep.as_mut().poll(cx).is_ready()
    }

    /// Gives all lanes back; the operation stays.
    fn release(&mut self) {
        // Those in the pool that only this task would be woken for, too.
        self.slots
            .append(&mut self.pool.lock().take_watched(self.op));
        idle::register(&self.pool, &mut self.slots);
        let now = self.pool.clock.now();
        let mut state = self.pool.lock();
        let spent: Vec<_> = self
            .slots
            .drain(..)
            .map(|slot| state.give(now, slot))
            .collect();
        // This task may have been woken for a lane that it does not take.
        state.stop_waiting(self.op);
        state.wake_waiting();
        drop(state);
        drop(spent);
        idle::start(&self.pool);
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        let waker = self.pool.lock().forget(self.op);
        drop(waker);
        self.release();
    }
}
