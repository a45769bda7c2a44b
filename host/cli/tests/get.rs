//! `get`, `list`, `region`, `user-data` and `credentials` against the mock over TCP.

mod common;

use common::{at, imdsctl, run, serve, serve_mock};
use imds_mock::{Fault, Mock, Profile, Tree};

const ID: &str = "i-0123456789abcdef0";

#[test]
fn a_value_is_printed_as_the_exact_bytes() {
    let ran = run(&mut imdsctl(&["--mock", "get", "instance-id"])).ends_with(0);
    assert_eq!((ran.text(), ran.err.as_str()), (ID, ""));
}

#[test]
fn every_spelling_of_a_path_is_the_same_path() {
    let server = serve(Profile::Ec2);
    for path in [
        "instance-id",
        "/instance-id",
        "meta-data/instance-id",
        "latest/meta-data/instance-id",
        "/latest//meta-data/instance-id",
    ] {
        let ran = run(&mut at(&server, &["get", path])).ends_with(0);
        assert_eq!(ran.text(), ID, "{path}");
    }
    let ran = run(&mut at(
        &server,
        &["get", "dynamic/instance-identity/document"],
    ))
    .ends_with(0);
    assert!(ran.text().contains("\"region\""));
}

#[test]
fn several_values_have_a_newline_each() {
    let ran = run(&mut imdsctl(&[
        "--mock",
        "get",
        "instance-id",
        "placement/region",
    ]))
    .ends_with(0);
    assert_eq!(ran.text(), format!("{ID}\neu-central-1\n"));
}

#[test]
fn json_is_a_string_or_an_object_of_strings() {
    let server = serve(Profile::Ec2);
    let one = run(&mut at(&server, &["get", "-ojson", "instance-id"])).ends_with(0);
    assert_eq!(one.json(), ID);
    let two = run(&mut at(
        &server,
        &["get", "-ojson", "placement/region", "instance-id"],
    ))
    .ends_with(0);
    assert_eq!(two.json()["instance-id"], ID);
    assert_eq!(two.json()["placement/region"], "eu-central-1");
}

#[test]
fn an_absent_path_is_exit_3_with_cause_evidence_and_fix() {
    let server = serve(Profile::Ec2);
    let ran = run(&mut at(&server, &["get", "nope"])).ends_with(3);
    assert_eq!(ran.text(), "");
    ran.says(&[
        "error: ",
        "/latest/meta-data/nope",
        "seen: ",
        &server.url(),
        "404",
        "fix: ",
    ]);
}

#[test]
fn an_absent_path_does_not_keep_the_others_back() {
    let ran = run(&mut imdsctl(&["--mock", "get", "nope", "instance-id"])).ends_with(3);
    assert_eq!(ran.text(), format!("{ID}\n"));
    ran.says(&["/latest/meta-data/nope"]);
}

#[test]
fn a_default_stands_in_for_what_is_absent_and_for_nothing_else() {
    let server = serve(Profile::Ec2);
    let ran = run(&mut at(
        &server,
        &["get", "--default", "-none-", "nope", "instance-id"],
    ))
    .ends_with(0);
    assert_eq!(ran.text(), format!("-none-\n{ID}\n"));
    server.with(|mock| {
        mock.push_fault(Fault::on("GET", "/latest/meta-data/instance-id").status(500))
    });
    run(&mut at(
        &server,
        &["get", "--default", "x", "--attempts=1", "instance-id"],
    ))
    .ends_with(1);
}

#[test]
fn waiting_ends_when_the_path_appears() {
    let fault = Fault::on("GET", "/latest/meta-data/instance-id")
        .times(1)
        .status(404);
    let server = serve_mock(Mock::new(Profile::Ec2).fault(fault));
    let ran = run(&mut at(&server, &["get", "--wait-for=30s", "instance-id"])).ends_with(0);
    assert_eq!(ran.text(), ID);
}

#[test]
fn waiting_in_vain_says_how_long() {
    run(&mut imdsctl(&["--mock", "get", "--wait-for=1ms", "nope"]))
        .ends_with(3)
        .says(&["404, for 1ms"]);
}

#[test]
fn user_data_comes_byte_for_byte() {
    let bytes = b"\x1f\x8b\x00binary\xff";
    let server =
        serve_mock(Mock::new(Profile::Ec2).tree(Tree::new().with("user-data", &bytes[..])));
    assert_eq!(
        run(&mut at(&server, &["user-data"])).ends_with(0).out,
        bytes
    );
    assert_eq!(
        run(&mut at(&server, &["get", "user-data"]))
            .ends_with(0)
            .out,
        bytes
    );
}

#[test]
fn absent_user_data_is_exit_3() {
    let server = serve_mock(Mock::new(Profile::Ec2).tree(Tree::built_in().without("user-data")));
    run(&mut at(&server, &["user-data"]))
        .ends_with(3)
        .says(&["/latest/user-data"]);
}

#[test]
fn the_region_is_a_line() {
    assert_eq!(
        run(&mut imdsctl(&["--mock", "region"])).ends_with(0).text(),
        "eu-central-1\n"
    );
}

#[test]
fn names_of_a_directory_are_lines_or_an_array() {
    let server = serve(Profile::Ec2);
    let ran = run(&mut at(&server, &["list"])).ends_with(0);
    assert!(ran.text().starts_with("ami-id\n") && ran.text().contains("\nplacement/\n"));
    let ran = run(&mut at(&server, &["list", "-o", "json", "placement"])).ends_with(0);
    assert!(ran.json().as_array().unwrap().contains(&"region".into()));
    run(&mut at(&server, &["list", "nope/"])).ends_with(3);
}

#[test]
fn a_value_cannot_be_listed() {
    run(&mut imdsctl(&["--mock", "list", "instance-id"]))
        .ends_with(2)
        .says(&["not a directory", "imdsctl get"]);
}

#[test]
fn credentials_come_in_the_forms_programs_want() {
    let server = serve(Profile::Ec2);
    let ran = run(&mut at(&server, &["credentials"])).ends_with(0);
    let json = ran.json();
    assert_eq!(json["Version"], 1);
    assert_eq!(json["AccessKeyId"], "ASIAIOSFODNN7EXAMPLE");
    assert!(json["SessionToken"].as_str().unwrap().len() > 100);
    assert!(json["Expiration"].as_str().unwrap().ends_with('Z'));

    let ran = run(&mut at(&server, &["credentials", "--format=json"])).ends_with(0);
    assert_eq!(ran.json()["Token"], json["SessionToken"]);

    let ran = run(&mut at(&server, &["credentials", "--format=env"])).ends_with(0);
    assert!(
        ran.text()
            .starts_with("export AWS_ACCESS_KEY_ID='ASIAIOSFODNN7EXAMPLE'\n")
    );
}

#[test]
fn without_a_role_credentials_are_absent() {
    let server =
        serve_mock(Mock::new(Profile::Ec2).tree(Tree::built_in().without("meta-data/iam")));
    run(&mut at(&server, &["credentials"]))
        .ends_with(3)
        .says(&["role"]);
}

#[test]
fn refused_credentials_name_code_message_and_trust() {
    let document = r#"{"Code":"AssumeRoleUnauthorizedAccess",
        "Message":"EC2 cannot assume the role r","LastUpdated":"2025-07-30T06:20:00Z"}"#;
    let tree = Tree::built_in()
        .without("meta-data/iam/security-credentials")
        .with("meta-data/iam/security-credentials/r", document);
    let server = serve_mock(Mock::new(Profile::Ec2).tree(tree));
    let ran = run(&mut at(&server, &["credentials"]));
    assert!(![0, 2, 3].contains(&ran.code), "{ran:?}");
    assert_eq!(ran.text(), "");
    ran.says(&[
        "AssumeRoleUnauthorizedAccess",
        "EC2 cannot assume the role r",
        "trust",
    ]);
}

#[test]
fn expired_credentials_are_printed_with_a_warning() {
    let server = serve_mock(Mock::new(Profile::Ec2).epoch(1_000_000_000));
    let ran = run(&mut at(&server, &["credentials"])).ends_with(0);
    assert!(
        ran.json()["Expiration"]
            .as_str()
            .unwrap()
            .starts_with("2001-09-")
    );
    ran.says(&["expired"]);
}

#[test]
fn the_region_of_an_old_instance_comes_from_its_identity_document() {
    let path = "dynamic/instance-identity/document";
    let tree = Tree::new().with(path, r#"{"region" : "eu-west-3"}"#);
    let server = serve_mock(Mock::new(Profile::Ec2).tree(tree));
    let ran = run(&mut at(&server, &["region"])).ends_with(0);
    assert_eq!(ran.text(), "eu-west-3\n");

    let server = serve_mock(Mock::new(Profile::Ec2).tree(Tree::new().with(path, "oops")));
    run(&mut at(&server, &["region"]))
        .ends_with(9)
        .says(&["placement/region", "identity document"]);

    let server = serve_mock(Mock::new(Profile::Ec2).tree(Tree::new().with("meta-data/x", "")));
    run(&mut at(&server, &["region"]))
        .ends_with(3)
        .says(&["placement/region"]);
}

#[test]
fn a_path_that_cannot_be_is_told_before_anything_is_asked() {
    let server = serve(Profile::Ec2);
    let ran = run(&mut at(&server, &["get", "instance-id", "../x"])).ends_with(2);
    assert_eq!(ran.text(), "");
    assert_eq!(server.with(|mock| mock.log().len()), 0);
    ran.says(&["cannot be a path", ". or .."]);
}
