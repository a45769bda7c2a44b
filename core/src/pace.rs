//! The walks' request budget, as the generic cell rate algorithm: one instant is all its state.

use crate::config::Pace;
use crate::time::Instant;

#[derive(Clone, Debug)]
pub(crate) struct Budget {
    /// Microseconds from one request to the next.
    interval: u64,
    /// How far ahead of the steady rate requests may run, in microseconds.
    slack: u64,
    /// When the steady rate would allow the next request.
    next: Instant,
}

impl Budget {
    pub(crate) fn new(pace: Pace) -> Self {
        // Instants are whole microseconds: rounded down, the rate would be too high.
        let interval = u64::from(1_000_000_u32.div_ceil(u32::from(pace.per_second.max(1))));
        Self {
            interval,
            slack: interval * u64::from(pace.burst.max(1) - 1),
            next: Instant::ZERO,
        }
    }

    /// When one more request may go out.
    pub(crate) fn ready_at(&self) -> Instant {
        Instant::from_micros(self.next.as_micros().saturating_sub(self.slack))
    }

    /// One request goes out.
    pub(crate) fn take(&mut self, now: Instant) {
        self.next = self.next.max(now).plus(self.interval);
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;

    #[test]
    fn a_burst_goes_at_once_and_the_rest_at_the_rate() {
        let mut budget = Budget::new(Pace {
            burst: 4,
            per_second: 10,
        });
        let now = Instant::from_millis(5000);
        for _ in 0..4 {
            assert!(budget.ready_at() <= now);
            budget.take(now);
        }
        assert_eq!(budget.ready_at(), now + Duration::from_millis(100));
        budget.take(now + Duration::from_millis(100));
        assert_eq!(budget.ready_at(), now + Duration::from_millis(200));
    }

    #[test]
    fn in_no_second_more_than_burst_and_rate_together() {
        let mut budget = Budget::new(Pace {
            burst: 96,
            per_second: 96,
        });
        let mut at = Instant::ZERO;
        let mut sent = std::vec::Vec::new();
        while sent.len() < 1000 {
            at = at.max(budget.ready_at());
            budget.take(at);
            sent.push(at);
        }
        for window in sent.windows(193) {
            assert!(window[192].saturating_since(window[0]) >= Duration::from_secs(1));
        }
    }

    #[test]
    fn idle_time_is_not_saved_beyond_the_burst() {
        let mut budget = Budget::new(Pace {
            burst: 2,
            per_second: 1,
        });
        let now = Instant::from_millis(1_000_000);
        budget.take(now);
        budget.take(now);
        assert!(budget.ready_at() > now);
    }
}

#[cfg(test)]
#[path = "pace_properties.rs"]
mod properties;
