//! `dump` against the mock over TCP.

mod common;

use common::{at, imdsctl, run, serve, serve_mock};
use imds_mock::{Fault, Mock, Profile, Tree};

#[test]
fn the_whole_tree_is_one_object_without_secrets() {
    let ran = run(&mut imdsctl(&["--mock", "dump"])).ends_with(0);
    let json = ran.json();
    assert_eq!(json["meta-data"]["instance-id"], "i-0123456789abcdef0");
    assert_eq!(json["meta-data"]["placement"]["region"], "eu-central-1");
    assert!(json["dynamic"]["instance-identity"]["document"].is_string());
    assert_eq!(json.get("user-data"), None);
    assert_eq!(json["meta-data"]["iam"].get("security-credentials"), None);
    assert!(!ran.text().contains("wJalrXUtnFEMI"));
    assert_eq!(ran.err, "");
}

#[test]
fn include_brings_what_is_left_out() {
    let server = serve(Profile::Ec2);
    let ran = run(&mut at(
        &server,
        &["dump", "--include", "credentials,user-data"],
    ))
    .ends_with(0);
    assert!(ran.json()["meta-data"]["iam"]["security-credentials"].is_object());
    assert!(ran.json().get("user-data").is_some());
    assert_eq!(ran.json()["meta-data"].get("managed-ssh-keys"), None);
    let ran = run(&mut at(&server, &["dump", "--include", "all"])).ends_with(0);
    assert!(ran.json()["meta-data"]["managed-ssh-keys"].is_object());
}

#[test]
fn public_keys_keep_number_and_name() {
    let tree = Tree::new()
        .with(
            "meta-data/public-keys/0=my key = prod/openssh-key",
            "ssh-ed25519 A\n",
        )
        .with("meta-data/public-keys/1=b/openssh-key", "ssh-ed25519 B\n");
    let server = serve_mock(Mock::new(Profile::Ec2).tree(tree));
    let keys = run(&mut at(&server, &["dump", "public-keys"]))
        .ends_with(0)
        .json();
    assert_eq!(keys["0=my key = prod"]["openssh-key"], "ssh-ed25519 A\n");
    assert_eq!(keys["1=b"]["openssh-key"], "ssh-ed25519 B\n");
}

#[test]
fn a_key_by_its_number_is_the_object_below_it() {
    let server = serve(Profile::Ec2);
    for prefix in [
        "public-keys/0",
        "public-keys/0/",
        "public-keys/0=my key = prod",
    ] {
        let ran = run(&mut at(&server, &["dump", prefix])).ends_with(0);
        assert!(ran.json()["openssh-key"].is_string(), "{prefix}");
    }
}

#[test]
fn a_prefix_gives_the_object_there_and_a_leaf_its_value() {
    let server = serve(Profile::Ec2);
    let ran = run(&mut at(&server, &["dump", "placement/"])).ends_with(0);
    assert_eq!(ran.json()["region"], "eu-central-1");
    let ran = run(&mut at(&server, &["dump", "meta-data/placement"])).ends_with(0);
    assert_eq!(ran.json()["region"], "eu-central-1");
    let ran = run(&mut at(&server, &["dump", "instance-id"])).ends_with(0);
    assert_eq!(ran.text(), "\"i-0123456789abcdef0\"\n");
}

#[test]
fn an_absent_prefix_is_exit_3() {
    let ran = run(&mut imdsctl(&["--mock", "dump", "nope/"])).ends_with(3);
    assert_eq!(ran.text(), "");
    ran.says(&["/latest/meta-data/nope", "404"]);
}

#[test]
fn nodes_that_fail_are_named_and_the_rest_is_printed() {
    let server = serve_mock(
        Mock::new(Profile::Ec2)
            .fault(Fault::on("GET", "/latest/meta-data/ami-id").status(503))
            .fault(Fault::on("GET", "/latest/meta-data/hostname").status(500)),
    );
    let ran = run(&mut at(&server, &["dump", "--attempts=1"])).ends_with(8);
    let json = ran.json();
    assert_eq!(json["meta-data"]["instance-id"], "i-0123456789abcdef0");
    assert_eq!(json["meta-data"].get("ami-id"), None);
    ran.says(&[
        "/latest/meta-data/ami-id: 503",
        "/latest/meta-data/hostname: ",
        "2 nodes failed",
        "--pace",
    ]);
}

#[test]
fn nodes_that_vanish_are_no_failure() {
    let fault = Fault::on("GET", "/latest/meta-data/ami-id").status(404);
    let server = serve_mock(Mock::new(Profile::Ec2).fault(fault));
    let ran = run(&mut at(&server, &["dump"])).ends_with(0);
    assert_eq!(ran.json()["meta-data"].get("ami-id"), None);
    assert_eq!(ran.err, "");
    run(&mut at(&server, &["dump", "-v"]))
        .ends_with(0)
        .says(&["vanished", "/latest/meta-data/ami-id"]);
}

#[test]
fn lines_that_are_no_names_are_named_and_not_followed() {
    let fault = Fault::on("GET", "/latest/meta-data/tags/instance/").body("good\n..\nbad/name");
    let tree = Tree::new().with("meta-data/tags/instance/good", "1");
    let server = serve_mock(Mock::new(Profile::Ec2).tree(tree).fault(fault));
    let ran = run(&mut at(&server, &["dump"])).ends_with(9);
    assert_eq!(ran.json()["meta-data"]["tags"]["instance"]["good"], "1");
    let asked = server.with(|mock| {
        let paths = mock.log().iter().map(|exchange| exchange.path.clone());
        paths.collect::<Vec<_>>().join(" ")
    });
    assert!(!asked.contains(".."), "{asked}");
    ran.says(&[
        "/latest/meta-data/tags/instance/..: ",
        "/latest/meta-data/tags/instance/bad/name: ",
        "2 nodes failed",
    ]);
}

#[test]
fn flat_is_a_line_for_every_leaf_of_the_tree() {
    let server = serve(Profile::Ec2);
    let flat = run(&mut at(&server, &["dump", "-o", "flat"])).ends_with(0);
    let json = run(&mut at(&server, &["dump"])).ends_with(0).json();
    let mut lines = 0;
    for line in flat.text().lines() {
        let (path, value) = line.split_once('\t').unwrap();
        let pointer = path.strip_prefix("/latest").unwrap();
        let value: serde_json::Value = serde_json::from_str(value).unwrap();
        assert_eq!(json.pointer(pointer), Some(&value), "{path}");
        lines += 1;
    }
    assert!(lines > 50, "{lines}");
}

#[test]
fn env_lines_mean_the_same_to_a_shell() {
    let tree = Tree::new().with("meta-data/tags/instance/it", "it's $HOME\nand `more`");
    let server = serve_mock(Mock::new(Profile::Ec2).tree(tree));
    let ran = run(&mut at(&server, &["dump", "-o", "env"])).ends_with(0);
    let script = format!(
        "{}printf %s \"$IMDS_META_DATA_TAGS_INSTANCE_IT\"",
        ran.text()
    );
    let shell = std::process::Command::new("sh")
        .arg("-c")
        .arg(script)
        .output()
        .unwrap();
    assert_eq!(shell.stdout, b"it's $HOME\nand `more`");
}

#[test]
fn env_names_that_collide_are_reported_and_left_out() {
    let tree = Tree::new()
        .with("meta-data/tags/instance/a-b", "1")
        .with("meta-data/tags/instance/a.b", "2")
        .with("meta-data/tags/instance/c", "3");
    let server = serve_mock(Mock::new(Profile::Ec2).tree(tree));
    let ran = run(&mut at(&server, &["dump", "-o", "env"])).ends_with(1);
    assert_eq!(ran.text(), "IMDS_META_DATA_TAGS_INSTANCE_C='3'\n");
    ran.says(&[
        "IMDS_META_DATA_TAGS_INSTANCE_A_B",
        "/latest/meta-data/tags/instance/a.b",
    ]);
}

#[test]
fn decode_opens_documents_and_lines() {
    let server = serve(Profile::Ec2);
    let json = run(&mut at(&server, &["dump", "--decode"]))
        .ends_with(0)
        .json();
    assert_eq!(
        json["dynamic"]["instance-identity"]["document"]["region"],
        "eu-central-1"
    );
    assert!(json["meta-data"]["security-groups"].is_array());
}

#[test]
fn bytes_that_are_not_text_are_base64() {
    let server =
        serve_mock(Mock::new(Profile::Ec2).tree(Tree::new().with("meta-data/x", &b"\xff\x00"[..])));
    let json = run(&mut at(&server, &["dump"])).ends_with(0).json();
    assert_eq!(json["meta-data"]["x"]["base64"], "/wA=");
}

#[test]
fn yaml_and_tree_hold_the_same_values() {
    let server = serve(Profile::Ec2);
    let yaml = run(&mut at(&server, &["dump", "-o", "yaml"])).ends_with(0);
    assert!(
        yaml.text()
            .contains("  instance-id: \"i-0123456789abcdef0\"\n"),
        "{}",
        yaml.text()
    );
    let tree = run(&mut at(&server, &["dump", "-o", "tree"])).ends_with(0);
    assert!(tree.text().starts_with("/latest/\n├── dynamic/\n"));
    assert!(
        tree.text()
            .contains("── instance-id: i-0123456789abcdef0\n")
    );
}

#[test]
fn every_profile_that_serves_data_can_be_dumped() {
    for (mock, more) in [
        ("ec2", &[][..]),
        ("ec2-legacy", &[]),
        ("mmds", &[]),
        ("v1-only", &["--allow-v1"]),
        ("v1-only-405", &["--allow-v1"]),
    ] {
        let flag = format!("--mock={mock}");
        let ran = run(imdsctl(&[flag.as_str(), "dump"]).args(more)).ends_with(0);
        assert!(ran.json().is_object(), "{mock}");
    }
}

#[test]
fn one_lane_and_many_find_the_same() {
    let server = serve(Profile::Ec2);
    let one = run(&mut at(
        &server,
        &["dump", "--lanes=1", "--pace=off", "-oflat"],
    ))
    .ends_with(0);
    let many = run(&mut at(
        &server,
        &["dump", "--lanes=64", "--pace=off", "-oflat"],
    ))
    .ends_with(0);
    let steady = |text: &str| -> Vec<String> {
        // Documents that carry the time of the request may differ by a second.
        text.lines()
            .filter(|line| !line.contains("LastUpdated"))
            .map(str::to_owned)
            .collect()
    };
    assert_eq!(steady(one.text()), steady(many.text()));
}
