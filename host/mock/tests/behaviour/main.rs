//! The mock in memory, held against the facts. No test here knows a client.
#![allow(
    clippy::unwrap_used,
    reason = "the lint spares tests, but not their helpers"
)]

mod built_in;
mod connections;
mod ec2;
mod ec2_paths;
mod faults;
mod legacy;
mod mmds;
mod others;
mod talk;
mod tokens;
mod trees;
