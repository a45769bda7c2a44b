//! What a walk leaves out unless it is asked for.

use imds_core::walk::{Include, Options, Sensitive, Why};
use imds_mock::{Mock, Profile};
use imds_tests::{Walked, World, config};

use crate::common::{ec2, leaves, names};

fn walk(start: &str, include: Include) -> (World<2>, Walked) {
    let mut world = World::<2>::new(ec2(), config());
    let walked = world.walk(start, Options::include(include));
    (world, walked)
}

const PARTS: [(Sensitive, &str); 4] = [
    (
        Sensitive::Credentials,
        "/latest/meta-data/iam/security-credentials/",
    ),
    (
        Sensitive::IdentityCredentials,
        "/latest/meta-data/identity-credentials/ec2/security-credentials/",
    ),
    (Sensitive::SshKeys, "/latest/meta-data/managed-ssh-keys/"),
    (Sensitive::UserData, "/latest/user-data"),
];

fn left_out(walked: &Walked) -> Vec<(Sensitive, &str)> {
    let mut parts: Vec<_> = walked
        .missing
        .iter()
        .map(|missed| match missed.why {
            Why::LeftOut(part) => (part, missed.path.as_str()),
            why @ (Why::Absent | Why::BadName(_) | Why::Failed(_) | _) => panic!("{why:?}"),
        })
        .collect();
    parts.sort_by_key(|(_, path)| PARTS.iter().position(|(_, p)| p == path));
    parts
}

#[test]
fn by_default_every_sensitive_part_is_named_and_not_read() {
    let (world, walked) = walk("/latest/", Include::NONE);
    assert_eq!(left_out(&walked), PARTS);
    assert_eq!(walked.exit_code(), 0, "it is no failure");
    for (_, path) in PARTS {
        assert!(
            walked.paths().iter().all(|p| !p.starts_with(path)),
            "{path}"
        );
        let read = world.log().iter().any(|e| e.path.starts_with(path));
        assert!(!read, "{path}");
    }
    let rest = leaves(&world.mock(), "/latest/").len() - 4;
    assert_eq!(walked.leaves.len(), rest);
}

#[test]
fn each_part_can_be_taken_along() {
    for (part, path) in PARTS {
        let (world, walked) = walk("/latest/", part.include());
        assert_eq!(left_out(&walked).len(), 3);
        let got = walked
            .paths()
            .iter()
            .filter(|p| p.starts_with(path))
            .count();
        assert_eq!(got, leaves(&world.mock(), path).len(), "{path}");
    }
}

#[test]
fn whoever_starts_inside_has_asked() {
    for (_, path) in PARTS {
        for start in [path, path.trim_end_matches('/')] {
            let (world, walked) = walk(start, Include::NONE);
            assert_eq!(walked.missing, [], "{start}");
            assert_eq!(
                names(&walked.sorted()),
                names(&leaves(&world.mock(), path)),
                "{start}"
            );
        }
    }
}

#[test]
fn whoever_starts_inside_one_has_not_asked_for_another() {
    let (_, walked) = walk("/latest/meta-data/iam/", Include::USER_DATA);
    assert_eq!(
        left_out(&walked),
        [(
            Sensitive::Credentials,
            "/latest/meta-data/iam/security-credentials/"
        )]
    );
    assert_eq!(walked.paths(), ["/latest/meta-data/iam/info"]);
}

#[test]
fn a_get_or_a_listing_of_a_sensitive_path_is_asking() {
    let mut world = World::<1>::new(ec2(), config());
    let roles = world.list("/latest/meta-data/iam/security-credentials/");
    assert_eq!(roles, Ok(Some(vec!["web-server-role".to_owned()])));
    let path = "/latest/meta-data/iam/security-credentials/web-server-role";
    assert!(world.get(path).unwrap().is_some());
    assert!(world.get("/latest/user-data").unwrap().is_some());
}

#[test]
fn parts_are_known_in_every_version_of_the_tree() {
    let mut world = World::<1>::new(ec2(), config());
    let walked = world.walk("/2021-03-23/", Options::default());
    assert_eq!(walked.missing.len(), 4);
}

#[test]
fn firecracker_has_the_same_parts() {
    let mut world = World::<1>::new(Mock::new(Profile::Mmds), config());
    let walked = world.walk("/latest/", Options::default());
    assert_eq!(left_out(&walked), PARTS);
}
