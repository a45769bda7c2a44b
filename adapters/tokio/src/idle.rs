//! Watching kept connections while no task drives them, so that one which the server closes is
//! closed here too and does not linger half-open.
//!
//! One task for each client, and only while there is something to watch.

use core::future::Future;
use core::task::{Context, Poll, Waker};
use std::sync::{Arc, Weak};

use crate::pool::{Pool, Slot};

#[derive(Default)]
pub(crate) struct Watcher {
    /// A task watches.
    running: bool,
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
    let waker = pool.lock().watcher.waker.clone();
    if let Some(waker) = waker {
        let cx = &mut Context::from_waker(&waker);
        for slot in slots.iter_mut() {
            pool.check_idle(slot, cx);
        }
    }
}

/// Starts a watcher if there is something to watch and none does, and lets it go if there is
/// nothing. Call it after connections were put back.
pub(crate) fn start(pool: &Arc<Pool>) {
    {
        let mut state = pool.lock();
        if state.watcher.running {
            if state.is_disconnected() {
                state.watcher.wake();
            }
            return;
        }
        if !state.free.iter().any(|slot| slot.is_kept()) {
            return;
        }
        state.watcher.running = true;
    }
    let watch = Watch {
        pool: Arc::downgrade(pool),
        ended: false,
    };
    match tokio::runtime::Handle::try_current() {
        Ok(runtime) => drop(runtime.spawn(watch)),
        // Dropping it says that none watches.
        Err(_) => drop(watch),
    }
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
        let mut slots = {
            let mut state = pool.lock();
            state.watcher.waker = Some(cx.waker().clone());
            state.take_kept()
        };
        for slot in &mut slots {
            pool.check_idle(slot, cx);
        }
        let kept = slots.iter().any(|slot| slot.is_kept());
        let mut state = pool.lock();
        state.free.append(&mut slots);
        state.wake_waiting();
        // A task may have put one back meanwhile, registered with this task's waker.
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
            let watcher = core::mem::take(&mut pool.lock().watcher);
            drop(watcher);
        }
    }
}
