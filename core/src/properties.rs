//! Properties: what holds for every path, pause, pace and time, and not only for the examples in the
//! other tests. They stand beside what they are about, in files named `*_properties.rs`.
//!
//! Each run looks at the same cases, so that a change is what makes a property fail, and not chance.
//! `PROPTEST_CASES=100000 PROPTEST_RNG_SEED=7 cargo test -p imds-core properties` looks at more and at
//! others. A failure prints its smallest case; what it was becomes a test of its own, with a name, and
//! so nothing is written into the source tree.

use proptest::test_runner::{Config, RngSeed};

/// The settings of all of them.
pub(crate) fn config() -> Config {
    let asked = Config::default();
    let rng_seed = match asked.rng_seed {
        RngSeed::Random => RngSeed::Fixed(1),
        RngSeed::Fixed(seed) => RngSeed::Fixed(seed),
    };
    Config {
        rng_seed,
        failure_persistence: None,
        ..asked
    }
}
