//! Instants near both ends of time.

use proptest::prelude::*;

use super::*;
use crate::properties::config;

fn instants() -> impl Strategy<Value = Instant> {
    let near = 0..5_000_000_u64;
    prop_oneof![near.clone(), near.prop_map(|n| u64::MAX - n), any::<u64>()]
        .prop_map(Instant::from_micros)
}

fn durations() -> impl Strategy<Value = Duration> {
    prop_oneof![
        (0..5_000_000_u64).prop_map(Duration::from_micros),
        any::<u64>().prop_map(Duration::from_micros),
        any::<Duration>(),
    ]
}

/// What adding makes with all the bits there are. What takes longer than 136 years never comes.
fn sum(at: Instant, after: Duration) -> u64 {
    let end = u128::from(at.as_micros()) + after.as_micros();
    match after.as_secs() > u64::from(u32::MAX) {
        true => u64::MAX,
        false => u64::try_from(end).unwrap_or(u64::MAX),
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn adding_is_right_or_the_end_of_time(at in instants(), after in durations()) {
        prop_assert_eq!((at + after).as_micros(), sum(at, after));
    }

    #[test]
    fn what_is_later_stays_later(a in instants(), b in instants(), c in durations(), d in durations()) {
        prop_assert_eq!(a.max(b) + c, (a + c).max(b + c));
        prop_assert_eq!(a + c.max(d), (a + c).max(a + d));
        prop_assert!(a + c >= a);
    }

    #[test]
    fn a_difference_is_the_way_from_one_to_the_other(a in instants(), b in instants()) {
        let (early, late) = (a.min(b), a.max(b));
        prop_assert_eq!(early.saturating_since(late), Duration::ZERO);
        let between = late.saturating_since(early);
        prop_assert_eq!(between.as_micros(), u128::from(late.as_micros() - early.as_micros()));
        if between < Duration::from_secs(u64::from(u32::MAX)) {
            prop_assert_eq!(early + between, late);
        }
    }
}
