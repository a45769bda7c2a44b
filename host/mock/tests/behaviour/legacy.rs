//! The older generation (facts §1.6, §1.8).

use imds_mock::{Mock, Profile, Tokens};

use crate::talk::{Rest, Talk};

fn legacy() -> Talk {
    Talk::with(Mock::new(Profile::Ec2Legacy).tokens(Tokens::Optional))
}

#[test]
fn it_speaks_http_1_0_and_has_an_etag() {
    let response = legacy().ask("GET", "/latest/meta-data/ami-id", &[]);
    assert_eq!(response.line, "HTTP/1.0 200 OK");
    assert_eq!(response.header("Accept-Ranges"), Some("bytes"));
    assert_eq!(response.header("ETag"), Some("\"1234567890\""));
    assert_eq!(response.header("Server"), Some("EC2ws"));
    assert!(response.header("Last-Modified").is_some());
}

#[test]
fn it_closes_though_asked_to_keep_alive() {
    let response = legacy().ask(
        "GET",
        "/latest/meta-data/ami-id",
        &["Connection: keep-alive"],
    );
    assert_eq!(response.header("Connection"), Some("close"));
    assert_eq!(response.rest, Rest::Closed);
}

#[test]
fn a_directory_without_its_slash_is_301_with_an_absolute_location() {
    for path in [
        "/latest",
        "/latest/meta-data",
        "/2021-01-03/meta-data/iam/security-credentials",
        "/latest/meta-data/public-keys/0",
    ] {
        let response = legacy().ask("GET", path, &[]);
        assert_eq!(response.line, "HTTP/1.0 301 Moved Permanently");
        assert_eq!(
            response.header("Location"),
            Some(format!("http://169.254.169.254{path}/").as_str())
        );
        assert_eq!(response.header("Content-Length"), Some("0"));
        assert!(response.body.is_empty());
    }
}

#[test]
fn the_location_names_the_host_that_was_asked() {
    let response = legacy().send("GET /latest HTTP/1.1\r\nHost: 127.0.0.1:4711\r\n\r\n");
    assert_eq!(
        response.header("Location"),
        Some("http://127.0.0.1:4711/latest/")
    );
    let response = legacy().send("GET /latest HTTP/1.0\r\n\r\n");
    assert_eq!(
        response.header("Location"),
        Some("http://169.254.169.254/latest/")
    );
}

#[test]
fn leaves_directories_with_slash_and_absent_names_are_not_moved() {
    for (path, status) in [
        ("/", 200),
        ("/latest/meta-data/", 200),
        ("/latest/meta-data/ami-id", 200),
        ("/latest/meta-data/ami-id/", 200),
        ("/latest/meta-data/nothing", 404),
    ] {
        assert_eq!(legacy().ask("GET", path, &[]).status(), status, "{path}");
    }
}

#[test]
fn the_token_is_asked_for_first() {
    assert_eq!(
        Talk::to(Profile::Ec2Legacy)
            .ask("GET", "/latest", &[])
            .status(),
        401
    );
}
