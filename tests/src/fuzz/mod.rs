//! Every fuzz target by its name, and the bodies that need more than one crate.

mod hyper_reader;
mod json;
mod meant;

use crate::sim::{self, Script};
use crate::{Random, chaos};

/// A body: takes any bytes, and panics if a law does not hold for them.
pub type Body = fn(&[u8]);

/// Names are those of the targets in `fuzz/fuzz_targets` and of the folders in `fuzz/corpus`.
pub const TARGETS: [(&str, Body); 14] = [
    ("chunked", imds_core::fuzz::chunked),
    ("client", client),
    ("credentials", imds_core::fuzz::credentials),
    ("documents", imds_core::fuzz::documents),
    ("endpoint", imds_core::fuzz::endpoint),
    ("head", imds_core::fuzz::head),
    ("hyper", hyper_reader::compare),
    ("json", json::compare),
    ("listing", imds_core::fuzz::listing),
    ("mock_request", imds_mock::fuzz::mock_request),
    ("path", imds_core::fuzz::path),
    ("response", imds_core::fuzz::response),
    ("session", session),
    ("token", imds_core::fuzz::token),
];

/// Runs the body of this name.
///
/// # Panics
/// If there is none, or if a law does not hold.
pub fn run(target: &str, input: &[u8]) {
    let found = TARGETS.iter().find(|(name, _)| *name == target);
    let (_, body) = found.expect("the name of a target");
    body(input);
}

fn client(input: &[u8]) {
    sim::run(&Script::drawn(&mut Random::chosen(input)));
}

fn session(input: &[u8]) {
    chaos::session(Random::chosen(input));
}
