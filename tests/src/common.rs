//! What scenarios share.

use core::time::Duration;

use imds_core::Config;
use imds_core::walk::{Include, Options};
use imds_mock::{Mock, Profile, Tree};

use crate::{Network, Walked, config};

/// A value.
pub const ID: &str = "/latest/meta-data/instance-id";
/// Another.
pub const AMI: &str = "/latest/meta-data/ami-id";
/// A directory.
pub const META: &str = "/latest/meta-data/";

/// A walk that leaves nothing out.
pub const ALL: Options = Options::include(Include::ALL);

/// EC2 as it is today.
pub fn ec2() -> Mock {
    Mock::new(Profile::Ec2)
}

/// EC2 with these data.
pub fn ec2_with(tree: Tree) -> Mock {
    ec2().tree(tree)
}

/// A tree of few names, to count requests by: a walk makes six, its token aside.
pub fn small() -> Tree {
    Tree::new()
        .with("meta-data/ami-id", "ami-1")
        .with("meta-data/iam/info", "{}")
        .with("meta-data/mac", "0e:49")
}

/// Requests of a walk over [`small`] from `/latest/`, its token aside.
pub const SMALL_READS: usize = 6;

/// Settings under which reads may go without a token.
pub fn with_v1() -> Config {
    Config {
        allow_v1: true,
        ..config()
    }
}

/// Settings with so many attempts.
pub fn attempts(attempts: u8) -> Config {
    Config {
        attempts,
        ..config()
    }
}

/// So many milliseconds.
pub const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// So many seconds.
pub const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// The mock's own leaves below this prefix, sorted.
pub fn leaves(mock: &Mock, prefix: &str) -> Vec<(String, Vec<u8>)> {
    let mut leaves: Vec<_> = mock
        .data()
        .leaves()
        .filter(|(path, _)| path.starts_with(prefix))
        .collect();
    leaves.sort();
    leaves
}

/// Paths only: dated documents change while a walk's time passes.
pub fn names(leaves: &[(String, Vec<u8>)]) -> Vec<&str> {
    leaves.iter().map(|(path, _)| path.as_str()).collect()
}

/// The walk brought the mock's whole tree, each node once and nothing else.
///
/// # Panics
/// If it did not.
#[track_caller]
pub fn assert_whole(network: &Network, walked: &Walked) {
    assert!(walked.result.is_ok(), "{:?}", walked.result);
    assert_eq!(walked.missing, [], "nothing is missing");
    let expected = leaves(&network.mock(), "/latest/");
    assert_eq!(names(&walked.sorted()), names(&expected));
    if network.now.get() < seconds(1) {
        assert_eq!(walked.sorted(), expected);
    }
}
