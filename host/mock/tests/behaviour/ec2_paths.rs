//! Paths, listings and names (facts §1.8, §2.5), for the profile `ec2`.

use imds_mock::{Mock, Profile, Tokens, Tree};

use crate::talk::Talk;

fn optional() -> Talk {
    Talk::with(Mock::new(Profile::Ec2).tokens(Tokens::Optional))
}

#[test]
fn the_root_lists_versions_and_each_serves_the_same_tree() {
    let mut talk = optional();
    let root = talk.ask("GET", "/", &[]);
    let versions: Vec<&str> = root.text().split('\n').collect();
    assert_eq!(versions.len(), 29);
    assert_eq!((versions[0], versions[28]), ("1.0", "latest"));
    for version in versions {
        let path = format!("/{version}/meta-data/instance-id");
        assert_eq!(
            talk.ask("GET", &path, &[]).text(),
            "i-0123456789abcdef0",
            "{version}"
        );
    }
    assert_eq!(
        talk.ask("GET", "/2030-01-01/meta-data/instance-id", &[])
            .status(),
        404
    );
}

#[test]
fn below_a_version_entries_carry_no_slash_and_api_is_not_among_them() {
    for path in ["/latest", "/latest/", "/2021-07-15/"] {
        assert_eq!(
            optional().ask("GET", path, &[]).text(),
            "dynamic\nmeta-data\nuser-data",
            "{path}"
        );
    }
    assert_eq!(optional().ask("GET", "/latest/api", &[]).status(), 404);
}

#[test]
fn user_data_are_listed_only_where_they_exist() {
    let mut talk = optional();
    talk.mock.data_mut().remove("user-data");
    assert_eq!(
        talk.ask("GET", "/latest/", &[]).text(),
        "dynamic\nmeta-data"
    );
    assert_eq!(talk.ask("GET", "/latest/user-data", &[]).status(), 404);
}

#[test]
fn user_data_are_opaque_and_come_as_an_octet_stream() {
    for path in ["/latest/user-data", "/latest/user-data/"] {
        let response = optional().ask("GET", path, &[]);
        assert_eq!(
            response.header("Content-Type"),
            Some("application/octet-stream")
        );
        assert_eq!(response.body, Tree::built_in().leaf("user-data").unwrap());
    }
}

#[test]
fn a_directory_is_listed_with_and_without_its_slash() {
    for path in [
        "/latest/meta-data/block-device-mapping/",
        "/latest/meta-data/block-device-mapping",
        "//latest///meta-data/block-device-mapping//",
    ] {
        assert_eq!(
            optional().ask("GET", path, &[]).text(),
            "ami\nebs1\nroot",
            "{path}"
        );
    }
}

#[test]
fn a_leaf_asked_as_a_directory_returns_its_value() {
    assert_eq!(
        optional()
            .ask("GET", "/latest/meta-data/instance-id/", &[])
            .text(),
        "i-0123456789abcdef0"
    );
    assert_eq!(
        optional()
            .ask("GET", "/latest/meta-data/instance-id/x", &[])
            .status(),
        404
    );
}

#[test]
fn key_pairs_are_listed_with_their_name_and_served_by_their_number() {
    let mut talk = optional();
    assert_eq!(
        talk.ask("GET", "/latest/meta-data/public-keys/", &[])
            .text(),
        "0=my key = prod"
    );
    assert_eq!(
        talk.ask("GET", "/latest/meta-data/public-keys/0/", &[])
            .text(),
        "openssh-key"
    );
    let key = talk.ask("GET", "/latest/meta-data/public-keys/0/openssh-key", &[]);
    assert!(key.text().starts_with("ssh-rsa ") && key.text().ends_with("my key = prod\n"));
    for path in ["1/", "0=my%20key%20=%20prod/", "/my%20key"] {
        let path = format!("/latest/meta-data/public-keys/{path}");
        assert_eq!(talk.ask("GET", &path, &[]).status(), 404, "{path}");
    }
}

#[test]
fn names_may_be_percent_encoded() {
    for (path, value) in [
        ("a=b", "c=d"),
        ("a%3Db", "c=d"),
        ("a%3db/", "c=d"),
        ("env%3Astage", "prod"),
        ("team@ops+dev,night", "on call"),
        ("team%40ops%2Bdev%2Cnight", "on call"),
    ] {
        let path = format!("/latest/meta-data/tags/instance/{path}");
        assert_eq!(optional().ask("GET", &path, &[]).text(), value, "{path}");
    }
}
