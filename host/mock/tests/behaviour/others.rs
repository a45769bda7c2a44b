//! Servers that are switched off, too far away, too old, or no metadata service at all.

use core::time::Duration;

use imds_mock::{Mock, Profile, Tokens};

use crate::talk::{Rest, Talk, drain, request};

const TTL: &str = "X-aws-ec2-metadata-token-ttl-seconds: 60";

#[test]
fn disabled_is_403_to_everything() {
    for (method, path) in [
        ("PUT", "/latest/api/token"),
        ("GET", "/"),
        ("GET", "/latest/meta-data/ami-id"),
        ("OPTIONS", "/latest/api/token"),
    ] {
        let response = Talk::to(Profile::Disabled).ask(method, path, &[TTL]);
        assert_eq!(response.line, "HTTP/1.1 403 Forbidden");
        assert_eq!(response.header("Server"), Some("EC2ws"));
    }
}

#[test]
fn v1_only_knows_no_tokens_at_all() {
    for (profile, status) in [(Profile::V1Only, 404), (Profile::V1Only405, 405)] {
        let mut talk = Talk::to(profile);
        assert_eq!(
            talk.ask("PUT", "/latest/api/token", &[TTL]).status(),
            status
        );
        assert_eq!(talk.ask("GET", "/latest/api/token", &[]).status(), 404);
        assert_eq!(
            talk.ask("GET", "/latest/meta-data/ami-id", &[]).text(),
            "ami-0123456789abcdef0"
        );
        let response = talk.get_with("/latest/meta-data/ami-id", "anything");
        assert_eq!(response.status(), 200);
        assert_eq!(
            response.header("X-Aws-Ec2-Metadata-Token-Ttl-Seconds"),
            None
        );
        assert_eq!(talk.mock.tokens_issued(), 0);
    }
}

#[test]
fn hop_limited_reads_the_put_and_says_nothing() {
    let mut mock = Mock::new(Profile::HopLimited);
    let now = Duration::ZERO;
    let mut connection = mock.connect(now);
    connection.receive(
        now,
        &mut mock,
        request("PUT", "/latest/api/token", &[TTL]).as_bytes(),
    );
    assert_eq!(drain(&mut connection), (vec![], Rest::Open));
    assert_eq!(connection.next_timeout(), None);
    connection.receive(now, &mut mock, b"more");
    connection.handle_timeout(Duration::from_secs(3600), &mut mock);
    assert_eq!(drain(&mut connection), (vec![], Rest::Open));
    assert_eq!(mock.log()[0].status, 0);
    connection.receive_eof(now, &mut mock);
    assert_eq!(drain(&mut connection), (vec![], Rest::Closed));
}

#[test]
fn hop_limited_can_reset_in_the_end() {
    let mut mock = Mock::new(Profile::HopLimited).reset_after(Duration::from_secs(30));
    let now = Duration::from_secs(1);
    let mut connection = mock.connect(now);
    connection.receive(
        now,
        &mut mock,
        request("PUT", "/latest/api/token", &[TTL]).as_bytes(),
    );
    assert_eq!(connection.next_timeout(), Some(Duration::from_secs(31)));
    connection.handle_timeout(Duration::from_secs(30), &mut mock);
    assert_eq!(drain(&mut connection).1, Rest::Open);
    connection.handle_timeout(Duration::from_secs(31), &mut mock);
    assert_eq!(drain(&mut connection).1, Rest::Reset);
}

#[test]
fn hop_limited_answers_everything_but_the_put() {
    let mut talk = Talk::to(Profile::HopLimited);
    assert_eq!(
        talk.ask("GET", "/latest/meta-data/ami-id", &[]).status(),
        401
    );
    assert_eq!(talk.ask("GET", "/latest/api/token", &[]).status(), 405);
    talk.mock.set_tokens(Tokens::Optional);
    assert_eq!(
        talk.ask("GET", "/latest/meta-data/ami-id", &[]).status(),
        200
    );
}

#[test]
fn html_welcomes_every_request() {
    for (method, path) in [
        ("PUT", "/latest/api/token"),
        ("GET", "/latest/meta-data/"),
        ("POST", "/"),
    ] {
        let response = Talk::to(Profile::Html).ask(method, path, &[]);
        assert_eq!(response.status(), 200);
        assert!(
            response
                .header("Content-Type")
                .unwrap()
                .starts_with("text/html")
        );
        assert!(response.text().starts_with("<!DOCTYPE html>"));
        assert_eq!(response.rest, Rest::Open);
    }
}

#[test]
fn html_405_refuses_the_put_and_welcomes_the_rest() {
    let mut talk = Talk::to(Profile::Html405);
    assert_eq!(
        talk.ask("PUT", "/latest/api/token", &[TTL]).line,
        "HTTP/1.1 405 Method Not Allowed"
    );
    let response = talk.ask("GET", "/latest/meta-data/ami-id", &["Connection: close"]);
    assert_eq!((response.status(), response.rest), (200, Rest::Closed));
}
