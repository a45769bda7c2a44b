//! What scenarios share.

use core::time::Duration;

use imds_core::walk::{Include, Options};
use imds_core::{Config, Error, OpId, Reply};
use imds_mock::{Mock, Profile, Tree};
use imds_tests::{Walked, World, config};

pub(crate) const ID: &str = "/latest/meta-data/instance-id";
pub(crate) const AMI: &str = "/latest/meta-data/ami-id";
pub(crate) const META: &str = "/latest/meta-data/";

/// A walk that leaves nothing out.
pub(crate) const ALL: Options = Options::include(Include::ALL);

/// EC2 as it is today.
pub(crate) fn ec2() -> Mock {
    Mock::new(Profile::Ec2)
}

/// EC2 with these data.
pub(crate) fn ec2_with(tree: Tree) -> Mock {
    ec2().tree(tree)
}

/// A tree of few names, to count requests by: a walk makes six, its token aside.
pub(crate) fn small() -> Tree {
    Tree::new()
        .with("meta-data/ami-id", "ami-1")
        .with("meta-data/iam/info", "{}")
        .with("meta-data/mac", "0e:49")
}

/// Requests of a walk over [`small`] from `/latest/`, its token aside.
pub(crate) const SMALL_READS: usize = 6;

/// Settings under which reads may go without a token.
pub(crate) fn with_v1() -> Config {
    Config {
        allow_v1: true,
        ..config()
    }
}

/// Settings with so many attempts.
pub(crate) fn attempts(attempts: u8) -> Config {
    Config {
        attempts,
        ..config()
    }
}

pub(crate) const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub(crate) const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// The mock's own leaves below this prefix, sorted.
pub(crate) fn leaves(mock: &Mock, prefix: &str) -> Vec<(String, Vec<u8>)> {
    let mut leaves: Vec<_> = mock
        .data()
        .leaves()
        .filter(|(path, _)| path.starts_with(prefix))
        .collect();
    leaves.sort();
    leaves
}

/// Paths only: dated documents change while a walk's time passes.
pub(crate) fn names(leaves: &[(String, Vec<u8>)]) -> Vec<&str> {
    leaves.iter().map(|(path, _)| path.as_str()).collect()
}

/// The walk brought the mock's whole tree, each node once and nothing else.
#[track_caller]
pub(crate) fn assert_whole<const L: usize, const W: usize, const A: usize>(
    world: &World<L, W, A>,
    walked: &Walked,
) {
    assert!(walked.result.is_ok(), "{:?}", walked.result);
    assert_eq!(walked.missing, [], "nothing is missing");
    let expected = leaves(&world.mock(), "/latest/");
    assert_eq!(names(&walked.sorted()), names(&expected));
    if world.now().as_micros() < 1_000_000 {
        assert_eq!(walked.sorted(), expected);
    }
}

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

/// Starts a get, for a world that is in the middle of something.
pub(crate) fn start_get<const L: usize, const W: usize, const A: usize>(
    world: &mut World<L, W, A>,
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
    world: &mut World<L, W, A>,
) -> OpId {
    world.start_walk("/latest/", ALL).expect("room for a walk")
}
