//! Everything at once, by chance. What happens is the library's, so that a fuzzer may choose too.

use imds_tests::{Random, chaos};

use crate::common::each_seed;

#[test]
fn a_client_survives_anything() {
    each_seed(0, 120, |seed| chaos::client(Random::new(seed)));
}

#[test]
fn a_session_with_two_walks_survives_anything() {
    each_seed(0, 120, |seed| chaos::session(Random::new(seed)));
}

/// A leaf that broke off in its middle went to the shelf with the floor, and every lane held a
/// leaf that waited for the floor.
#[test]
fn a_shelved_leaf_with_the_floor_is_taken_by_a_lane_that_waits_for_it() {
    chaos::session(Random::new(1_041_377));
}
