//! Time as the program has it.

use core::future::{Future, poll_fn};
use core::pin::{Pin, pin};
use core::task::Poll;
use core::time::Duration;

use imds_core::Instant;

/// Before a client without a deadline to come looks again, or asks a sink again that refused.
pub(crate) const SHORTEST_NAP: Duration = Duration::from_millis(1);

/// A monotonic clock that can wake a task.
pub trait Timer {
    /// The present. Only differences matter.
    fn now(&self) -> Instant;

    /// Comes to its end at `at`, or as soon after it as can be; never before, or the client asks
    /// again and again until it is `at`.
    fn wait_until(&self, at: Instant) -> impl Future<Output = ()>;
}

impl<T: Timer + ?Sized> Timer for &T {
    fn now(&self) -> Instant {
        T::now(self)
    }

    fn wait_until(&self, at: Instant) -> impl Future<Output = ()> {
        T::wait_until(self, at)
    }
}

/// What `future` gives, if it does by `until`. (Lent, because a future that is handed on by value
/// takes its room twice.)
pub(crate) async fn before<F: Future>(
    timer: &impl Timer,
    until: Option<Instant>,
    mut future: Pin<&mut F>,
) -> Option<F::Output> {
    let Some(until) = until else {
        return Some(future.await);
    };
    let mut alarm = pin!(timer.wait_until(until));
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => alarm.as_mut().poll(cx).map(|()| None),
    })
    .await
}

/// embassy-time's clock, of whatever driver the program has.
#[cfg(feature = "embassy-time")]
#[derive(Clone, Copy, Debug, Default)]
pub struct EmbassyTimer;

#[cfg(feature = "embassy-time")]
impl Timer for EmbassyTimer {
    fn now(&self) -> Instant {
        Instant::from_micros(embassy_time::Instant::now().as_micros())
    }

    fn wait_until(&self, at: Instant) -> impl Future<Output = ()> {
        let ticks = ticks(at, embassy_time::TICK_HZ);
        embassy_time::Timer::at(embassy_time::Instant::from_ticks(ticks))
    }
}

/// Wakes the task at `at`, or soon if that has come. (embassy's timer is not ready at its first poll,
/// but has the driver wake whoever polls it, and its alarm outlives it.)
#[cfg(feature = "embassy-net")]
pub(crate) fn alarm(at: Instant, cx: &mut core::task::Context<'_>) {
    let _ = pin!(EmbassyTimer.wait_until(at)).poll(cx);
}

/// The first tick that is not before `at`.
#[cfg(any(test, feature = "embassy-time"))]
fn ticks(at: Instant, hertz: u64) -> u64 {
    let ticks = (u128::from(at.as_micros()) * u128::from(hertz)).div_ceil(1_000_000);
    u64::try_from(ticks).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alarm_is_never_early() {
        for (micros, hertz, expected) in [
            (0, 32_768, 0),
            (1, 32_768, 1),
            (30, 32_768, 1),
            (31, 32_768, 2),
            (1_000_000, 32_768, 32_768),
            (1_000_000, 1000, 1000),
            (999_001, 1000, 1000),
            (17, 1_000_000, 17),
        ] {
            assert_eq!(
                ticks(Instant::from_micros(micros), hertz),
                expected,
                "{micros} µs"
            );
        }
    }

    #[test]
    fn a_deadline_that_never_comes_is_no_overflow() {
        assert_eq!(ticks(Instant::FAR_FUTURE, 1_000_000_000), u64::MAX);
    }
}
