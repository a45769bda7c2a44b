//! What a start path is: its parent's listing says, never its own body.

use imds_core::walk::Why;
use imds_core::{Error, Peer};
use imds_mock::{Fault, Mock, Profile, Tree};
use imds_tests::{Walked, World, config};

use crate::common::{ALL, META, ec2, ec2_with, leaves, small};

fn walk(mock: Mock, start: &str) -> (World<1>, Walked) {
    let mut world = World::<1>::new(mock, config());
    let walked = world.walk(start, ALL);
    (world, walked)
}

/// A leaf is delivered as one leaf under its own name, however it was called.
#[track_caller]
fn is_leaf(mock: fn() -> Mock, start: &str, path: &str) {
    for start in [start.to_owned(), format!("{start}/")] {
        let (world, walked) = walk(mock(), &start);
        assert_eq!(walked.paths(), [path], "{start}");
        assert_eq!(walked.missing, [], "{start}");
        let expected = world.mock().data().leaf(path);
        assert_eq!(walked.value(path), expected.as_deref(), "{start}");

        let mut world = World::<1>::new(mock(), config());
        assert_eq!(world.list(&start), Err(Error::NotADirectory), "{start}");
    }
}

/// A directory is walked, and its listing listed, however it was called.
#[track_caller]
fn is_directory(mock: fn() -> Mock, start: &str, path: &str) {
    for start in [start.to_owned(), format!("{start}/")] {
        let (world, walked) = walk(mock(), &start);
        assert_eq!(walked.sorted(), leaves(&world.mock(), path), "{start}");
        assert_ne!(walked.leaves.len(), 0, "{start}");
        assert_eq!(walked.missing, [], "{start}");

        let mut world = World::<1>::new(mock(), config());
        assert!(matches!(world.list(&start), Ok(Some(_))), "{start}");
    }
}

#[test]
fn a_leaf_is_a_leaf() {
    is_leaf(
        ec2,
        "/latest/meta-data/instance-id",
        "/latest/meta-data/instance-id",
    );
}

#[test]
fn a_leaf_of_several_lines_is_a_leaf() {
    for leaf in [
        "/latest/meta-data/security-groups",
        "/latest/meta-data/network/interfaces/macs/0e:49:61:0f:c3:11/vpc-ipv4-cidr-blocks",
        "/latest/dynamic/instance-identity/document",
        "/latest/dynamic/instance-identity/pkcs7",
    ] {
        if ec2().data().leaf(leaf).is_some() {
            is_leaf(ec2, leaf, leaf);
        }
    }
    let several: fn() -> Mock = || ec2_with(small().with("meta-data/groups", "ami-id\nmac\niam/"));
    is_leaf(
        several,
        "/latest/meta-data/groups",
        "/latest/meta-data/groups",
    );
}

#[test]
fn user_data_is_a_leaf_without_asking() {
    let (world, walked) = walk(ec2(), "/latest/user-data");
    assert_eq!(walked.paths(), ["/latest/user-data"]);
    assert_eq!(world.gets(), 1);
    let mut world = World::<1>::new(ec2(), config());
    assert_eq!(world.list("/latest/user-data"), Err(Error::NotADirectory));
    assert_eq!(world.log(), [], "there is nothing to ask");
}

#[test]
fn a_directory_of_one_entry_is_a_directory() {
    is_directory(
        ec2,
        "/latest/meta-data/hibernation",
        "/latest/meta-data/hibernation/",
    );
    is_directory(
        ec2,
        "/latest/meta-data/iam/security-credentials",
        "/latest/meta-data/iam/security-credentials/",
    );
}

#[test]
fn the_roots_are_directories_without_asking() {
    for (start, reads) in [("/latest", 1), ("/latest/meta-data", 1), ("/", 1)] {
        let mut world = World::<1>::new(ec2(), config());
        assert!(world.list(start).unwrap().is_some());
        assert_eq!(world.gets(), reads, "{start}");
    }
}

#[test]
fn a_key_is_a_directory_by_its_number_and_by_its_whole_name() {
    for start in [
        "/latest/meta-data/public-keys/0",
        "/latest/meta-data/public-keys/0=my key = prod",
        "/latest/meta-data/public-keys",
    ] {
        is_directory(ec2, start, "/latest/meta-data/public-keys/");
    }
}

#[test]
fn the_value_of_a_key_is_reached_by_either_name() {
    for key in ["0", "0=my key = prod"] {
        let mut world = World::<1>::new(ec2(), config());
        let path = format!("/latest/meta-data/public-keys/{key}/openssh-key");
        assert!(world.get(&path).unwrap().is_some(), "{key}");
        assert_eq!(
            world.gets_of("/latest/meta-data/public-keys/0/openssh-key"),
            1
        );
    }
}

#[test]
fn a_tag_that_looks_like_a_key_is_a_leaf() {
    for tag in ["1=x", "a=b", "env:stage", "Name"] {
        let path = format!("/latest/meta-data/tags/instance/{tag}");
        is_leaf(ec2, &path, &path);
    }
}

#[test]
fn a_directory_that_is_not_listed_is_one_if_the_slash_is_written() {
    // As IMDS does with some categories: served, and not in the parent's listing.
    let mock = || {
        let fault = Fault::on("GET", META).body("ami-id\nmac");
        ec2_with(small()).fault(fault)
    };
    let (_, walked) = walk(mock(), "/latest/meta-data/iam/");
    assert_eq!(walked.paths(), ["/latest/meta-data/iam/info"]);
    let (_, walked) = walk(mock(), "/latest/meta-data/iam");
    assert_eq!(
        walked.leaves,
        [("/latest/meta-data/iam".to_owned(), b"info".to_vec())],
        "without the slash nothing says that it is a directory"
    );
    let mut world = World::<1>::new(mock(), config());
    let listing = world.list("/latest/meta-data/iam").unwrap();
    assert_eq!(listing, Some(vec!["info".to_owned()]), "asked to list it");
}

#[test]
fn a_parent_that_may_not_be_listed_says_nothing_of_its_child() {
    for status in [403, 404, 405] {
        let mock = || ec2_with(small()).fault(Fault::on("GET", META).status(status));
        let (_, walked) = walk(mock(), "/latest/meta-data/iam/");
        assert_eq!(walked.paths(), ["/latest/meta-data/iam/info"], "{status}");
        let (_, walked) = walk(mock(), "/latest/meta-data/mac");
        assert_eq!(walked.paths(), ["/latest/meta-data/mac"], "{status}");
    }
}

#[test]
fn a_parent_that_cannot_be_read_fails_the_start() {
    let mock = ec2_with(small()).fault(Fault::on("GET", META).status(429));
    let (world, walked) = walk(mock, "/latest/meta-data/iam/");
    assert_eq!(walked.result, Err(Error::Peer(Peer::Throttled(429))));
    assert_eq!(world.gets(), 3);
}

#[test]
fn an_absent_path_is_absent_with_slash_and_without() {
    for profile in [Profile::Ec2, Profile::Ec2Legacy, Profile::Mmds] {
        for start in ["/latest/meta-data/spot", "/latest/meta-data/spot/"] {
            let (_, walked) = walk(Mock::new(profile), start);
            assert_eq!(walked.leaves, []);
            assert_eq!(walked.missing.len(), 1, "{start}");
            assert_eq!(walked.missing[0].why, Why::Absent);
            assert_eq!(walked.exit_code(), 0);
            let mut world = World::<1>::new(Mock::new(profile), config());
            assert_eq!(world.list(start), Ok(None), "{start}");
        }
    }
}

#[test]
fn an_absent_path_below_an_absent_path_is_absent() {
    for start in [
        "/latest/meta-data/x/y",
        "/latest/meta-data/x/y/",
        "/1999-01-01/",
    ] {
        let (_, walked) = walk(ec2(), start);
        assert_eq!(walked.missing.len(), 1, "{start}");
        assert_eq!(walked.missing[0].why, Why::Absent, "{start}");
    }
}

#[test]
fn the_body_of_a_leaf_never_makes_it_a_directory() {
    let tree = Tree::new()
        .with("meta-data/a", "b/\nc/\n")
        .with("meta-data/b/x", "1");
    let (world, walked) = walk(ec2_with(tree), "/latest/");
    assert_eq!(
        walked.paths(),
        ["/latest/meta-data/a", "/latest/meta-data/b/x"]
    );
    assert_eq!(world.gets(), 5);
}

#[test]
fn a_final_line_feed_in_a_listing_is_no_name() {
    let mock = ec2_with(small()).fault(Fault::on("GET", META).body("ami-id\niam/\nmac\n"));
    let (world, walked) = walk(mock, "/latest/");
    crate::common::assert_whole(&world, &walked);
}

#[test]
fn a_very_long_line_beside_the_start_path_is_nobodys_business() {
    let long = format!("{}\nami-id\niam/\nmac", "x".repeat(10_000));
    let mock = || ec2_with(small()).fault(Fault::on("GET", META).body(long.clone()));
    let (_, walked) = walk(mock(), "/latest/meta-data/iam");
    assert_eq!(walked.paths(), ["/latest/meta-data/iam/info"]);
    assert_eq!(walked.missing, [], "it is no node of this walk");
    let mut world = World::<1>::new(mock(), config());
    assert_eq!(
        world.list("/latest/meta-data/iam"),
        Ok(Some(vec!["info".to_owned()]))
    );
}
