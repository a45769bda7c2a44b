//! The monotonic clock, and a seed.

use core::hash::{BuildHasher, Hasher};
use std::collections::hash_map::RandomState;

use imds_core::Instant;

/// Tells the present as the core wants it: time since the clock was made.
#[derive(Clone, Copy, Debug)]
pub struct Clock(std::time::Instant);

impl Clock {
    /// A clock that begins now.
    pub fn start() -> Self {
        Self(std::time::Instant::now())
    }

    /// The present.
    pub fn now(&self) -> Instant {
        Instant::from_micros(u64::try_from(self.0.elapsed().as_micros()).unwrap_or(u64::MAX))
    }
}

/// A number that differs from process to process, to spread retries. Not for secrets.
pub fn random_seed() -> u64 {
    RandomState::new().build_hasher().finish()
}
