//! Trees from files and by hand.

use imds_mock::{Mock, Profile, Tokens, Tree, TreeError};

use crate::talk::Talk;

fn ec2(tree: Tree) -> Talk {
    Talk::with(Mock::new(Profile::Ec2).tokens(Tokens::Optional).tree(tree))
}

const FILE: &str = r#"{
    "meta-data": {
        "zeta": "last letter first",
        "alpha": "",
        "public-keys": {"0=a=b c": {"openssh-key": "ssh-ed25519 AAAA"}, "1=other": {"openssh-key": "ssh-rsa BBBB"}},
        "n": 1.50,
        "list": ["a", 1]
    },
    "user-data": {"base64": "AP/+Cg=="}
}"#;

#[test]
fn a_file_is_served_in_its_own_order() {
    let mut talk = ec2(Tree::from_json(FILE).unwrap());
    assert_eq!(
        talk.ask("GET", "/latest/", &[]).text(),
        "meta-data\nuser-data"
    );
    assert_eq!(
        talk.ask("GET", "/latest/meta-data/", &[]).text(),
        "zeta\nalpha\npublic-keys/\nn\nlist"
    );
    assert_eq!(
        talk.ask("GET", "/latest/meta-data/public-keys/", &[])
            .text(),
        "0=a=b c\n1=other"
    );
    assert_eq!(
        talk.ask("GET", "/latest/meta-data/public-keys/1/openssh-key", &[])
            .text(),
        "ssh-rsa BBBB"
    );
    assert_eq!(
        talk.ask("GET", "/latest/user-data", &[]).body,
        b"\x00\xff\xfe\n"
    );
    assert_eq!(talk.ask("GET", "/latest/meta-data/alpha", &[]).text(), "");
}

#[test]
fn what_is_no_string_is_served_as_its_text() {
    let mut talk = ec2(Tree::from_json(FILE).unwrap());
    assert_eq!(talk.ask("GET", "/latest/meta-data/n", &[]).text(), "1.5");
    assert_eq!(
        talk.ask("GET", "/latest/meta-data/list", &[]).text(),
        r#"["a",1]"#
    );
}

#[test]
fn the_whole_may_be_wrapped_in_latest() {
    let bare = Tree::from_json(FILE).unwrap();
    let wrapped = Tree::from_json(&format!("{{\"latest\": {FILE}}}")).unwrap();
    assert!(bare.leaves().eq(wrapped.leaves()));
    assert_eq!(
        bare.leaves().map(|(path, _)| path).collect::<Vec<_>>(),
        [
            "/latest/meta-data/zeta",
            "/latest/meta-data/alpha",
            "/latest/meta-data/public-keys/0=a=b c/openssh-key",
            "/latest/meta-data/public-keys/1=other/openssh-key",
            "/latest/meta-data/n",
            "/latest/meta-data/list",
            "/latest/user-data",
        ]
    );
}

#[test]
fn errors_name_the_offending_member() {
    for (json, error) in [
        ("[]", TreeError::NotAnObject { path: "/".into() }),
        (
            r#"{"latest": "x"}"#,
            TreeError::NotAnObject {
                path: "/latest".into(),
            },
        ),
        (
            r#"{"meta-data": {"a": {"base64": "!"}}}"#,
            TreeError::BadBase64 {
                path: "/latest/meta-data/a".into(),
            },
        ),
        (
            r#"{"meta-data": {"a/b": "x"}}"#,
            TreeError::BadName {
                path: "/latest/meta-data/a/b".into(),
            },
        ),
        (
            r#"{"meta-data": {"": "x"}}"#,
            TreeError::BadName {
                path: "/latest/meta-data/".into(),
            },
        ),
    ] {
        let found = Tree::from_json(json).unwrap_err();
        assert_eq!(found, error);
    }
    assert!(matches!(
        Tree::from_json("{").unwrap_err(),
        TreeError::Json(_)
    ));
}

#[test]
fn an_object_with_more_than_base64_is_a_directory() {
    let tree = Tree::from_json(r#"{"meta-data": {"a": {"base64": "AA==", "b": "x"}}}"#).unwrap();
    assert_eq!(tree.directory("meta-data/a").unwrap(), ["base64", "b"]);
    assert_eq!(tree.leaf("meta-data/a/base64").unwrap(), b"AA==");
}

#[test]
fn inserting_makes_directories_and_removing_takes_whole_ones() {
    let mut tree = Tree::new()
        .with("/latest/meta-data/a/b", "1")
        .with("meta-data/c", "2");
    assert_eq!(tree.directory("/latest/meta-data").unwrap(), ["a/", "c"]);
    tree.insert("meta-data/a/b/deeper", "3");
    assert_eq!(tree.leaf("meta-data/a/b"), None);
    assert_eq!(tree.leaf("meta-data/a/b/deeper").unwrap(), b"3");
    assert!(tree.remove("meta-data/a"));
    assert!(!tree.remove("meta-data/a"));
    tree.insert("/", "nothing");
    assert_eq!(tree.leaves().count(), 1);
}

#[test]
fn an_empty_tree_serves_an_empty_listing_of_nothing() {
    let mut talk = ec2(Tree::new());
    assert_eq!(talk.ask("GET", "/latest/", &[]).status(), 404);
    let mut talk = ec2(Tree::from_json(r#"{"meta-data": {}}"#).unwrap());
    let response = talk.ask("GET", "/latest/meta-data/", &[]);
    assert_eq!((response.status(), response.text()), (200, ""));
}
