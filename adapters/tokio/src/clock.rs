//! Tokio's clock, which stands still in tests that pause it.

use core::time::Duration;

use imds_core::Instant;

#[derive(Clone, Copy)]
pub(crate) struct Clock(tokio::time::Instant);

impl Clock {
    pub(crate) fn start() -> Self {
        Self(tokio::time::Instant::now())
    }

    pub(crate) fn now(self) -> Instant {
        let micros = tokio::time::Instant::now()
            .saturating_duration_since(self.0)
            .as_micros();
        Instant::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
    }

    /// When a timer has to fire; `None` for the far future.
    pub(crate) fn at(self, at: Instant) -> Option<tokio::time::Instant> {
        self.0.checked_add(Duration::from_micros(at.as_micros()))
    }
}
