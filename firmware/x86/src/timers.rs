//! embassy-time's driver: microseconds of the [`Clock`](crate::Clock), and no interrupt.

use core::cell::RefCell;
use core::future::poll_fn;
use core::task::{Poll, Waker};

use critical_section::Mutex;
use embassy_time_driver::Driver;
use embassy_time_queue_utils::Queue;

use crate::clock;

struct Timers(Mutex<RefCell<Queue>>);

embassy_time_driver::time_driver_impl!(
    static TIMERS: Timers = Timers(Mutex::new(RefCell::new(Queue::new())))
);

impl Driver for Timers {
    fn now(&self) -> u64 {
        clock::now()
    }

    fn schedule_wake(&self, at: u64, waker: &Waker) {
        critical_section::with(|section| self.0.borrow_ref_mut(section).schedule_wake(at, waker));
    }
}

/// Wakes those whose time has come, in every round of the executor: without an interrupt somebody
/// has to look. To be spawned as a task.
pub async fn run() -> ! {
    poll_fn(|context| {
        critical_section::with(|section| {
            TIMERS
                .0
                .borrow_ref_mut(section)
                .next_expiration(clock::now())
        });
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::run;
    use core::future::Future as _;
    use core::pin::pin;
    use core::task::Context;
    use embassy_time_driver::schedule_wake;

    use crate::wakes::Wakes;

    /// In tests the clock was not calibrated, and stands still at 0.
    #[test]
    fn what_is_due_is_woken_once_and_the_task_comes_again_by_itself() {
        let [due, later, task] = [(); 3].map(|()| Wakes::new());
        schedule_wake(0, &due.1);
        schedule_wake(1, &later.1);
        let mut run = pin!(run());
        for _ in 0..2 {
            let _ = run.as_mut().poll(&mut Context::from_waker(&task.1));
        }
        assert_eq!([due, later, task].map(|it| it.0.count()), [1, 0, 2]);
    }
}
