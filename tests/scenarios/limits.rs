//! Bounds on what a server can make the client take, do and wait.

use core::time::Duration;

use imds_core::config::{Limits, Timeouts};
use imds_core::walk::Why;
use imds_core::{Cause, Config, Error, Event, What};
use imds_mock::{Fault, Tree};
use imds_tests::{World, config};

use crate::common::{
    ALL, AMI, ID, META, assert_whole, ec2, ec2_with, get_once, millis, seconds, small, with_v1,
};

fn limits(change: impl FnOnce(&mut Limits)) -> Config {
    let mut settings = config();
    change(&mut settings.limits);
    settings
}

/// Directories in each other, this deep, each with a leaf.
fn deep(levels: usize) -> Tree {
    let mut tree = Tree::new();
    let mut path = String::from("meta-data");
    for _ in 0..levels {
        path.push_str("/d");
        tree.insert(&format!("{path}/leaf"), "v");
    }
    tree
}

#[test]
fn a_tree_deeper_than_the_limit_is_cut_there_by_name() {
    for depth in [1, 2, 5, 12] {
        let mut world = World::<2>::new(ec2_with(deep(20)), limits(|l| l.depth = depth));
        let walked = world.walk(META, ALL);
        // Depth counts levels below the start: `d/` is the first, its leaf on the second.
        assert!(walked.result.is_ok());
        assert_eq!(walked.leaves.len(), usize::from(depth) - 1, "{depth}");
        assert!(!walked.missing.is_empty());
        for missed in &walked.missing {
            assert_eq!(missed.why, Why::Failed(Error::TooLarge(What::Depth)));
        }
        assert_eq!(walked.exit_code(), 9);
    }
}

#[test]
fn a_tree_without_end_is_cut_by_its_depth() {
    let mut mock = ec2();
    mock.push_fault(Fault::below("GET", META).body("again/\nleaf"));
    let mut world = World::<3>::new(mock, config());
    let walked = world.walk(META, ALL);
    assert!(walked.result.is_ok());
    assert!(world.gets() < 40);
    assert_eq!(walked.missing.len(), 2, "the first level too deep");
}

#[test]
fn a_tree_that_widens_without_end_is_cut_by_its_nodes() {
    let mut mock = ec2();
    mock.push_fault(Fault::below("GET", META).body("a/\nb/\nc/\nd/"));
    let mut world = World::<2>::new(mock, limits(|l| l.nodes = 500));
    let walked = world.walk(META, ALL);
    assert_eq!(walked.result, Err(Error::TooLarge(What::Nodes)));
    assert_eq!(walked.exit_code(), 9);
    assert!(world.gets() <= 502, "{}", world.gets());
}

#[test]
fn the_number_of_nodes_is_exact() {
    let nodes = 7;
    let walk = |limit| {
        let mut world = World::<1>::new(ec2_with(small()), limits(|l| l.nodes = limit));
        world.walk("/latest/", ALL).result
    };
    assert!(
        walk(nodes - 1).is_ok(),
        "six nodes: three directories, three leaves"
    );
    assert_eq!(walk(nodes - 2), Err(Error::TooLarge(What::Nodes)));
}

#[test]
fn the_bytes_of_a_walk_are_bounded() {
    let tree = || {
        (0..20).fold(Tree::new(), |tree, n| {
            tree.with(&format!("meta-data/leaf{n:02}"), vec![b'x'; 1000])
        })
    };
    let walk = |limit| {
        let mut world = World::<2>::new(ec2_with(tree()), limits(|l| l.walk = limit));
        world.walk("/latest/", ALL)
    };
    assert!(walk(20_000).result.is_ok());
    let walked = walk(9_999);
    assert_eq!(walked.result, Err(Error::TooLarge(What::Walk)));
    assert!(walked.leaves.len() <= 12, "{}", walked.leaves.len());
}

#[test]
fn a_leaf_beyond_the_limit_is_reported_and_its_siblings_come() {
    for framing in [
        |f: Fault| f,
        Fault::chunked as fn(Fault) -> Fault,
        Fault::until_close,
    ] {
        let tree = small().with("meta-data/huge", vec![b'x'; 10_000]);
        let fault = framing(Fault::on("GET", "/latest/meta-data/huge"));
        let mut world = World::<2>::new(ec2_with(tree).fault(fault), limits(|l| l.value = 9999));
        let walked = world.walk("/latest/", ALL);
        assert_eq!(walked.leaves.len(), 3);
        assert_eq!(walked.missing.len(), 1);
        assert_eq!(
            walked.missing[0].why,
            Why::Failed(Error::TooLarge(What::Value))
        );
    }
}

#[test]
fn a_listing_without_end_is_cut() {
    let lines = "abcdefgh/\n".repeat(1000);
    let mock = ec2().fault(Fault::on("GET", META).body(lines).until_close());
    let mut world = World::<1>::new(mock, limits(|l| l.walk = 5000));
    let walked = world.walk(META, ALL);
    assert!(world.gets() < 10);
    assert!(walked.missing.iter().any(|m| m.path == META));
}

#[test]
fn no_pace_means_no_waiting() {
    let mut world = World::<4>::new(ec2(), config());
    let walked = world.walk("/latest/", ALL);
    assert_whole(&world, &walked);
    assert_eq!(world.network.now.get(), Duration::ZERO);
}

#[test]
fn a_get_ends_with_its_deadline_whatever_it_waits_for() {
    let settings = |operation| Config {
        timeouts: Timeouts {
            connect: seconds(60),
            first_byte: seconds(60),
            body_idle: seconds(60),
            operation: Some(operation),
        },
        ..config()
    };
    for (mock, connect, cause) in [
        (ec2(), Some(Event::Blocked), Cause::Unreachable),
        (
            ec2().fault(Fault::token().stall()),
            None,
            Cause::TokenNoReply,
        ),
        (
            ec2().fault(Fault::on("GET", AMI).stall()),
            None,
            Cause::Deadline,
        ),
        (
            ec2().fault(Fault::on("GET", AMI).stall_in_body(3)),
            None,
            Cause::Deadline,
        ),
        (
            ec2().fault(Fault::on("GET", AMI).status(503).header("Retry-After", "2")),
            None,
            Cause::Throttled,
        ),
    ] {
        let mut world = World::<1>::new(mock, settings(seconds(3)));
        world.network.connect.set(connect);
        let error = world.get(AMI).unwrap_err();
        assert_eq!(error.cause(), cause, "{error}");
        assert!(world.network.now.get() <= seconds(3));
        assert!(world.network.now.get() >= seconds(2), "{error}");
    }
}

#[test]
fn a_get_whose_connection_never_stands_is_unreachable_with_a_token_too() {
    let mut world = World::<1>::new(ec2().always_close(true), config());
    world.get(ID).unwrap().unwrap();
    world.network.connect.set(Some(Event::Blocked));
    let error = world.get(AMI).unwrap_err();
    assert_eq!(error.cause(), Cause::Unreachable, "{error}");
    let settings = Config {
        timeouts: Timeouts {
            connect: seconds(60),
            ..config().timeouts
        },
        ..config()
    };
    let mut world = World::<1>::new(ec2().always_close(true), settings);
    world.get(ID).unwrap().unwrap();
    world.network.connect.set(Some(Event::Blocked));
    let error = world.get(AMI).unwrap_err();
    assert_eq!(error.cause(), Cause::Unreachable, "{error}");
    assert_eq!(world.network.now.get(), seconds(5));
}

#[test]
fn a_walk_has_no_deadline() {
    let fault = Fault::method("GET").delay(millis(950));
    let mut world = World::<1>::new(ec2_with(small()).fault(fault), config());
    let walked = world.walk("/latest/", ALL);
    assert_whole(&world, &walked);
    assert!(world.network.now.get() > seconds(5));
}

#[test]
fn a_server_that_dribbles_for_ever_is_bounded_by_the_deadline() {
    // Each piece comes in time; all together they do not.
    let fault = Fault::on("GET", AMI).delay(millis(990)).status(500);
    let settings = Config {
        attempts: 255,
        ..with_v1()
    };
    let got = get_once(ec2().fault(fault), settings, AMI);
    assert!(got.took() <= seconds(5));
    assert!(got.world.gets() < 8);
}
