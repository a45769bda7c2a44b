//! Time as the caller tells it. The core reads no clock.

use core::ops::Add;
use core::time::Duration;

/// A point on the caller's monotonic clock, in microseconds from a start of the caller's choice.
///
/// Only differences matter. Feed the same clock everywhere; a value that runs backwards is
/// clamped to the latest one seen.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Instant(u64);

impl Instant {
    /// The caller's start.
    pub const ZERO: Self = Self(0);
    /// Later than every other instant: a deadline that never comes.
    pub const FAR_FUTURE: Self = Self(u64::MAX);

    /// `micros` microseconds after the start.
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// `millis` milliseconds after the start.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis.saturating_mul(1000))
    }

    /// Microseconds since the start.
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// `micros` microseconds later.
    pub(crate) const fn plus(self, micros: u64) -> Self {
        Self(self.0.saturating_add(micros))
    }

    /// How long ago `earlier` was; zero if it was not.
    pub const fn saturating_since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}

/// Adding saturates: nothing a peer or a setting says can wrap a deadline around.
impl Add<Duration> for Instant {
    type Output = Self;

    fn add(self, rhs: Duration) -> Self {
        self.plus(micros(rhs))
    }
}

/// Whole microseconds; of more than 136 years, as many as there can be. (Less code than
/// [`Duration::as_micros`] and its 128 bits, for machines of 32; and there once.)
#[inline(never)]
pub(crate) fn micros(duration: Duration) -> u64 {
    match u32::try_from(duration.as_secs()) {
        Ok(seconds) => u64::from(seconds) * 1_000_000 + u64::from(duration.subsec_micros()),
        Err(_) => u64::MAX,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adding_saturates_instead_of_wrapping() {
        let late = Instant::from_micros(u64::MAX - 1);
        assert_eq!(late + Duration::from_secs(1), Instant::FAR_FUTURE);
        assert_eq!(Instant::ZERO + Duration::MAX, Instant::FAR_FUTURE);
    }

    #[test]
    fn an_instant_in_the_future_is_zero_ago() {
        let (a, b) = (Instant::from_millis(1), Instant::from_millis(3));
        assert_eq!(a.saturating_since(b), Duration::ZERO);
        assert_eq!(b.saturating_since(a), Duration::from_millis(2));
    }
}

#[cfg(test)]
#[path = "time_properties.rs"]
mod properties;
