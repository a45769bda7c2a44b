//! What scenarios share.

use imds_core::{Error, OpId, Reply};
use imds_tests::Machine;
pub(crate) use imds_tests::common::*;

/// Starts a get, for a client that is in the middle of something.
pub(crate) fn start_get<const L: usize, const W: usize, const A: usize>(
    world: &mut Machine<L, W, A>,
    path: &str,
) -> OpId {
    let now = world.now();
    world.client.get(now, path).expect("room for a get")
}

/// The summary's counts, for sentences about them.
#[track_caller]
pub(crate) fn found(result: Result<Reply, Error>) {
    assert_eq!(result, Ok(Reply::Found));
}

/// Starts a walk of everything.
pub(crate) fn start_walk<const L: usize, const W: usize, const A: usize>(
    world: &mut Machine<L, W, A>,
) -> OpId {
    world.start_walk("/latest/", ALL).expect("room for a walk")
}
