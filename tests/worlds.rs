//! Simulated worlds, some of them: the program `simulate` runs as many as there is time for.

use imds_tests::common::each_seed;
use imds_tests::sim::check;

#[test]
fn worlds_keep_every_rule() {
    each_seed(0, 300, |seed| {
        if let Err(failure) = check(seed) {
            panic!(
                "{}\nthe shortest script that still fails:\n{}",
                failure.why, failure.script
            );
        }
    });
}
