//! What scenarios share.

use core::time::Duration;

use imds_core::Config;
use imds_core::walk::{BadName, Include, Options, Why};
use imds_mock::{Exchange, Fault, Mock, Profile, Tree};

use crate::{Missed, Network, Random, Walked, config};

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

/// A server with a random tree, and troubles that pass.
pub fn troubled(seed: u64, random: &mut Random) -> Mock {
    let profile = random.pick(&[
        Profile::Ec2,
        Profile::Ec2,
        Profile::Ec2Legacy,
        Profile::Mmds,
    ]);
    let mut tree = Tree::new();
    for n in 0..random.below(40) {
        let depth = random.below(5);
        let dirs: String = (0..depth)
            .map(|_| format!("d{}/", random.below(3)))
            .collect();
        let size = random.pick(&[0, 1, 20, 500, 3000, 9000]);
        let value: Vec<u8> = (0..size)
            .map(|_| b'a' + random.number().to_le_bytes()[0] % 26)
            .collect();
        tree.insert(&format!("meta-data/{dirs}leaf{n}"), value);
    }
    tree.insert("meta-data/ami-id", "ami-1");
    let mut mock = Mock::new(profile).tree(tree).seed(seed);
    if random.one_in(3) {
        mock = mock.always_close(true);
    }
    for _ in 0..random.below(6) {
        let fault = match random.below(5) {
            0 => Fault::token(),
            1 => Fault::on("GET", "/latest/meta-data/"),
            _ => Fault::method("GET").skip(random.below_u32(40)),
        };
        // Each strikes once, and no request three times in a row but by the rarest chance.
        let fault = fault.times(1);
        let at = random.below(600);
        mock.push_fault(match random.below(12) {
            0 => fault.status(503),
            1 => fault.status(429).header("Retry-After", "1"),
            2 => fault.reset_before_reply(),
            3 => fault.close_before_reply(),
            4 => fault.reset_after(at),
            5 => fault.close_after(at),
            6 => fault.stall_after(at + 1),
            // There are no chunks in HTTP/1.0.
            7 if profile != Profile::Ec2Legacy => fault.chunks_of(at + 1),
            8 => fault.until_close(),
            9 => fault.dribble(),
            10 => fault.delay(millis(900)),
            _ => fault.status(500),
        });
    }
    mock
}

/// As many attempts as there can be faults for one request, so that every walk comes through.
pub fn generous(seed: u64) -> Config {
    Config {
        seed,
        ..attempts(8)
    }
}

/// Leaves that stand in a listing beside what scenarios spoil it with.
pub const SIBLINGS: [&str; 3] = [
    "/latest/meta-data/ami-id",
    "/latest/meta-data/iam/info",
    "/latest/meta-data/mac",
];

/// A line of the listing of [`META`] that is no name.
pub fn bad(name: impl Into<Vec<u8>>, why: BadName) -> Missed {
    Missed {
        path: META.to_owned(),
        name: name.into(),
        why: Why::BadName(why),
    }
}

/// The hosts that requests were for, one after the other.
///
/// # Panics
/// If a request names none.
pub fn hosts(log: &[Exchange]) -> Vec<String> {
    let host = |e: &Exchange| e.header("host").map(str::to_owned);
    let named = |e| host(e).expect("every request names its host");
    let mut hosts: Vec<_> = log.iter().map(named).collect();
    hosts.dedup();
    hosts
}

/// Runs a world for each of `count` seeds from `first`, or as `IMDS_SEED` and `IMDS_SEEDS` say.
///
/// # Panics
/// If one fails: says which.
pub fn each_seed(first: u64, count: u64, run: fn(u64)) {
    let first = std::env::var("IMDS_SEED").map_or(first, |seed| seed.parse().expect("a number"));
    let count = std::env::var("IMDS_SEEDS").map_or(count, |n| n.parse().expect("a number"));
    for seed in first..first + count {
        let failed = std::panic::catch_unwind(|| run(seed)).is_err();
        assert!(!failed, "the world of seed {seed} failed: IMDS_SEED={seed}");
    }
}
