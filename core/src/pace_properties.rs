//! The budget, whatever the pace and whenever it is asked.

use std::vec::Vec;

use proptest::prelude::*;

use super::*;
use crate::properties::config;

proptest! {
    #![proptest_config(config())]

    /// Any requests that one looks at together are no more than the burst and what the rate has
    /// brought meanwhile.
    #[test]
    fn no_window_has_more_than_the_burst_and_the_rate_together(
        burst in 0..40_u16,
        per_second in any::<u16>(),
        waits in prop::collection::vec(prop_oneof![Just(0), 0..2000_u64, 0..2_000_000_u64], 1..80),
    ) {
        let mut budget = Budget::new(Pace { burst, per_second });
        let mut now = Instant::from_millis(1);
        let mut sent: Vec<Instant> = Vec::new();
        for wait in waits {
            now = now.plus(wait);
            if budget.ready_at() <= now {
                budget.take(now);
                sent.push(now);
            }
        }
        for (first, from) in sent.iter().enumerate() {
            for (last, to) in sent.iter().enumerate().skip(first) {
                let time = to.as_micros() - from.as_micros();
                let brought = time * u64::from(per_second.max(1)) / 1_000_000;
                let most = u64::from(burst.max(1)) + brought;
                let count = u64::try_from(last - first + 1)?;
                prop_assert!(count <= most, "{count} within {time} us");
            }
        }
    }

    /// Nobody waits longer than for one request's share, or is kept waiting after a rest.
    #[test]
    fn the_budget_is_there_for_those_who_wait(
        pace in (any::<u16>(), any::<u16>()),
        waits in prop::collection::vec(0..2_000_000_u64, 1..40),
    ) {
        let (burst, per_second) = pace;
        let mut budget = Budget::new(Pace { burst, per_second });
        let share = 1_000_000_u64.div_ceil(u64::from(per_second.max(1)));
        let mut now = Instant::from_millis(1);
        for wait in waits {
            now = now.plus(wait).max(budget.ready_at());
            budget.take(now);
            prop_assert!(budget.ready_at() <= now.plus(share));
        }
        let rested = now.plus(share * u64::from(burst.max(1)));
        for _ in 0..burst.max(1) {
            prop_assert!(budget.ready_at() <= rested);
            budget.take(rested);
        }
        prop_assert!(budget.ready_at() > rested, "and no more than the burst");
    }
}
