//! The built-in instance has what facts §2 says an instance can have.

use imds_mock::{DEFAULT_EPOCH, Mock, Profile, Tokens, Tree};
use serde_json::Value;

use crate::talk::Talk;

fn get(path: &str) -> String {
    let mut talk = Talk::with(Mock::new(Profile::Ec2).tokens(Tokens::Optional));
    let response = talk.ask("GET", path, &[]);
    assert_eq!(response.status(), 200, "{path}");
    response.text().to_owned()
}

#[test]
fn the_top_is_listed_in_alphabetical_order() {
    let text = get("/latest/meta-data/");
    let names: Vec<&str> = text.split('\n').collect();
    assert_eq!(
        names,
        [
            "ami-id",
            "ami-launch-index",
            "ami-manifest-path",
            "autoscaling/",
            "block-device-mapping/",
            "events/",
            "hibernation/",
            "hostname",
            "iam/",
            "identity-credentials/",
            "instance-action",
            "instance-id",
            "instance-life-cycle",
            "instance-type",
            "ipv6",
            "local-hostname",
            "local-ipv4",
            "mac",
            "managed-ssh-keys/",
            "metrics/",
            "network/",
            "placement/",
            "product-codes",
            "profile",
            "public-hostname",
            "public-ipv4",
            "public-keys/",
            "reservation-id",
            "security-groups",
            "services/",
            "system",
            "tags/",
        ]
    );
}

#[test]
fn the_identity_leaves_are_listed_as_captured() {
    assert_eq!(get("/latest/dynamic/"), "instance-identity/\nfws/");
    assert_eq!(
        get("/latest/dynamic/instance-identity/"),
        "rsa2048\npkcs7\ndocument\nsignature\ndsa2048"
    );
    assert_eq!(get("/latest/dynamic/fws/instance-monitoring"), "disabled");
}

#[test]
fn there_are_two_interfaces_and_one_has_a_public_address() {
    let macs = "/latest/meta-data/network/interfaces/macs";
    assert_eq!(
        get(&format!("{macs}/")),
        "02:29:96:8f:6a:2d/\n02:7c:11:d0:e4:9b/"
    );
    let first = get(&format!("{macs}/02:29:96:8f:6a:2d/"));
    let second = get(&format!("{macs}/02:7c:11:d0:e4:9b/"));
    let public = ["ipv4-associations/", "public-hostname", "public-ipv4s"];
    for name in public {
        assert!(first.lines().any(|line| line == name), "{name}");
        assert!(!second.lines().any(|line| line == name), "{name}");
    }
    let without: Vec<&str> = first
        .lines()
        .filter(|line| !public.contains(line))
        .collect();
    assert_eq!(without, second.lines().collect::<Vec<_>>());
    assert!(first.lines().is_sorted());
    assert_eq!(
        get(&format!("{macs}/02:29:96:8f:6a:2d/ipv4-associations/")),
        "198.51.100.17"
    );
    assert_eq!(
        get(&format!(
            "{macs}/02:29:96:8f:6a:2d/ipv4-associations/198.51.100.17"
        )),
        "172.31.32.17"
    );
    assert_eq!(
        get(&format!("{macs}/02:29:96:8f:6a:2d/local-ipv4s"))
            .lines()
            .count(),
        3
    );
    assert_eq!(
        get(&format!("{macs}/02:7c:11:d0:e4:9b/subnet-ipv6-cidr-blocks")),
        "2a05:d014:1a2b:3c01:0:0:0:0/64"
    );
}

#[test]
fn tags_have_names_that_tempt_a_reader() {
    assert_eq!(
        get("/latest/meta-data/tags/instance/"),
        "1=x\nName\na=b\nempty\nenv:stage\nowner\nteam@ops+dev,night"
    );
    assert_eq!(get("/latest/meta-data/tags/instance/empty"), "");
    assert_eq!(
        get("/latest/meta-data/tags/instance/owner"),
        "Zoë Grün – 東京"
    );
    assert_eq!(get("/latest/meta-data/tags/"), "instance/");
}

#[test]
fn leaves_of_many_lines_and_listings_of_one() {
    assert_eq!(
        get("/latest/meta-data/security-groups"),
        "web server\ndefault\nssh (office), v2"
    );
    assert_eq!(get("/latest/meta-data/product-codes").lines().count(), 2);
    assert_eq!(
        get("/latest/meta-data/iam/security-credentials/"),
        "web-server-role"
    );
    assert_eq!(get("/latest/meta-data/public-hostname"), "");
    assert_eq!(get("/latest/meta-data/events/maintenance/scheduled"), "[]");
    assert!(
        get("/latest/meta-data/managed-ssh-keys/signer-cert")
            .starts_with("-----BEGIN CERTIFICATE-----\n")
    );
}

#[test]
fn no_notice_is_pending_and_one_can_be_given() {
    let mut talk = Talk::with(Mock::new(Profile::Ec2).tokens(Tokens::Optional));
    for path in [
        "spot/instance-action",
        "spot/termination-time",
        "events/recommendations/rebalance",
    ] {
        assert_eq!(
            talk.ask("GET", &format!("/latest/meta-data/{path}"), &[])
                .status(),
            404
        );
    }
    talk.mock
        .data_mut()
        .insert("meta-data/spot/termination-time", "2025-07-30T06:22:00Z");
    assert_eq!(
        talk.ask("GET", "/latest/meta-data/spot/termination-time", &[])
            .text(),
        "2025-07-30T06:22:00Z"
    );
}

#[test]
fn credentials_are_good_for_six_hours_from_now() {
    let mut talk = Talk::with(Mock::new(Profile::Ec2).tokens(Tokens::Optional)).at(60);
    for path in [
        "iam/security-credentials/web-server-role",
        "identity-credentials/ec2/security-credentials/ec2-instance",
    ] {
        let response = talk.ask("GET", &format!("/latest/meta-data/{path}"), &[]);
        let document: Value = serde_json::from_str(response.text()).unwrap();
        for (name, value) in [
            ("Code", "Success"),
            ("Type", "AWS-HMAC"),
            ("AccessKeyId", "ASIAIOSFODNN7EXAMPLE"),
            (
                "SecretAccessKey",
                "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            ),
            ("LastUpdated", "2025-07-30T06:21:00Z"),
            ("Expiration", "2025-07-30T12:21:00Z"),
        ] {
            assert_eq!(document[name], value);
        }
        assert!((1_000..2_000).contains(&response.body.len()));
        assert_eq!(
            response.header("Last-Modified"),
            Some("Wed, 30 Jul 2025 06:21:00 GMT")
        );
        assert!(!response.text().ends_with('\n'));
    }
}

#[test]
fn documents_are_json_in_ec2s_layout() {
    let identity = get("/latest/dynamic/instance-identity/document");
    assert!(identity.starts_with("{\n  \"accountId\" : \"012345678901\",\n"));
    let document: Value = serde_json::from_str(&identity).unwrap();
    let names: Vec<&String> = document.as_object().unwrap().keys().collect();
    assert!(names.is_sorted() && names.len() == 15);
    for path in ["iam/info", "identity-credentials/ec2/info"] {
        let info: Value = serde_json::from_str(&get(&format!("/latest/meta-data/{path}"))).unwrap();
        assert_eq!(info["Code"], "Success");
    }
    let history: Value =
        serde_json::from_str(&get("/latest/meta-data/events/maintenance/history")).unwrap();
    assert_eq!(history[0]["State"], "completed");
}

#[test]
fn user_data_are_12_kilobytes_that_are_no_text() {
    let bytes = Tree::built_in().leaf("user-data").unwrap();
    assert_eq!(bytes.len(), 12 * 1024);
    assert!(bytes.starts_with(&[0x1f, 0x8b]) && bytes.ends_with(b"\0\n"));
    assert!(core::str::from_utf8(&bytes).is_err());
}

#[test]
fn every_leaf_is_served_under_the_path_of_the_walk() {
    let mut talk = Talk::with(Mock::new(Profile::Ec2).tokens(Tokens::Optional));
    let leaves: Vec<_> = Tree::built_in().leaves_at(DEFAULT_EPOCH).collect();
    assert!(leaves.len() > 90);
    for (path, bytes) in leaves {
        let asked = path.replace("0=my key = prod", "0");
        let response = talk.ask("GET", &asked, &[]);
        assert_eq!((response.status(), &response.body), (200, &bytes), "{path}");
    }
}
