//! Watching kept connections while no task drives them, so that one which the server closes is
//! closed here too and does not linger half-open.
//!
//! One task for each client, and only while there is something to watch.

use core::future::Future;
use core::task::{Context, Poll, Waker};
use std::sync::{Arc, Weak};

use crate::pool::{Pool, Slot};
use crate::threads;

#[derive(Default)]
pub(crate) struct Watcher {
    /// A task watches.
    running: bool,
    /// Which it is, of all there were.
    number: u64,
    waker: Option<Waker>,
}

impl Watcher {
    /// Has the task look at all kept connections anew.
    pub(crate) fn wake(&self) {
        if let Some(waker) = &self.waker {
            waker.wake_by_ref();
        }
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        // The pool is gone, or the task is: either way it has nothing more to wait for.
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

/// Has the watcher, if there is one, woken when something happens on these connections. Call it
/// before they are put back.
pub(crate) fn register(pool: &Pool, slots: &mut [Box<Slot>]) {
    if !slots.iter().any(|slot| slot.is_kept()) {
        return;
    }
    let (number, waker) = {
        let watcher = &pool.lock().watcher;
        (watcher.number, watcher.waker.clone())
    };
    if let Some(waker) = waker {
        let cx = &mut Context::from_waker(&waker);
        for slot in slots.iter_mut() {
            pool.check_idle(slot, cx);
            slot.watcher = number;
        }
    }
}

/// Starts a watcher if there is something to watch and none does, and lets it go if there is
/// nothing. Call it after connections were put back.
pub(crate) fn start(pool: &Arc<Pool>) {
    {
        let mut state = pool.lock();
        if state.watcher.running {
            // It may have begun, and looked, between `register` and now.
            let number = state.watcher.number;
            let mut kept = state.free.iter().filter(|slot| slot.is_kept());
            if kept.any(|slot| slot.watcher != number) || state.is_disconnected() {
                state.watcher.wake();
            }
            return;
        }
        if !state.free.iter().any(|slot| slot.is_kept()) {
            return;
        }
        state.watcher.running = true;
        state.watcher.number += 1;
    }
    let watch = Watch {
        pool: Arc::downgrade(pool),
        ended: false,
    };
    threads::spawn(watch);
}

struct Watch {
    pool: Weak<Pool>,
    ended: bool,
}

impl Future for Watch {
    type Output = ();

    fn poll(mut self: core::pin::Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Some(pool) = self.pool.upgrade() else {
            return Poll::Ready(());
        };
        let (number, mut slots) = {
            let mut state = pool.lock();
            state.watcher.waker = Some(cx.waker().clone());
            (state.watcher.number, state.take_kept())
        };
        for slot in &mut slots {
            pool.check_idle(slot, cx);
            slot.watcher = number;
        }
        let kept = slots.iter().any(|slot| slot.is_kept());
        let mut state = pool.lock();
        state.free.append(&mut slots);
        state.wake_waiting();
        // A task may have put one back meanwhile, and wakes this one if that does not know of it.
        if kept || state.free.iter().any(|slot| slot.is_kept()) {
            return Poll::Pending;
        }
        state.watcher.running = false;
        state.watcher.waker = None;
        self.ended = true;
        Poll::Ready(())
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // Dropped with its runtime: the next runtime may start another.
        if !self.ended
            && let Some(pool) = self.pool.upgrade()
        {
            let mut state = pool.lock();
            state.watcher.running = false;
            let waker = state.watcher.waker.take();
            drop(state);
            drop(waker);
        }
    }
}
