//! What scenarios share.

use core::time::Duration;

use imds_core::{Config, Error};
use imds_mock::Mock;
use imds_tests::World;
pub(crate) use imds_tests::common::*;

/// A world in which the small tree is walked from `/latest/` to its end, and the walk is whole.
#[track_caller]
pub(crate) fn walk_small<const LANES: usize>(mock: Mock, config: Config) -> World<LANES> {
    let mut world = World::<LANES>::new(mock.tree(small()), config);
    let walked = world.walk("/latest/", ALL);
    assert_whole(&world, &walked);
    world
}

/// Reads a value in a world of its own; also says how long that took.
pub(crate) fn get_once(mock: Mock, config: Config, path: &str) -> Got {
    let mut world = World::<1>::new(mock, config);
    let result = world.get(path);
    Got { result, world }
}

pub(crate) struct Got {
    pub(crate) result: Result<Option<Vec<u8>>, Error>,
    pub(crate) world: World<1>,
}

impl Got {
    pub(crate) fn exit_code(&self) -> u8 {
        match &self.result {
            Ok(Some(_)) => 0,
            Ok(None) => 3,
            Err(error) => error.cause().exit_code(),
        }
    }

    pub(crate) fn took(&self) -> Duration {
        self.world.network.now.get()
    }
}
