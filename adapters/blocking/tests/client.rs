//! The blocking client over loopback.

#![allow(clippy::unwrap_used, reason = "helpers of tests, too")]

use core::time::Duration;
use std::net::TcpListener;
use std::time::Instant;

use imds_blocking::{Client, Config, Error, Node, Options, ReadError};
use imds_core::config::Target;
use imds_core::model::DocumentError;
use imds_core::walk::Include;
use imds_core::{Endpoint, Fault, Phase, Reason};
use imds_mock::server::{Running, spawn};
use imds_mock::{Fault as Script, Mock, Profile};

const ID: &str = "/latest/meta-data/instance-id";
const ROLE: &str = "/latest/meta-data/iam/security-credentials/web-server-role";

fn to(url: &str) -> Client {
    Client::new(Config {
        pace: None,
        ..Config::new(Target::One(Endpoint::parse(url).unwrap()))
    })
}

fn client(server: &Running) -> Client {
    to(&server.url())
}

#[test]
fn values_listings_and_documents_are_read() {
    let server = spawn(Mock::new(Profile::Ec2)).unwrap();
    let mut client = client(&server);
    assert!(client.get_str(ID).unwrap().unwrap().starts_with("i-"));
    assert_eq!(
        client.get("/latest/meta-data/spot/instance-action"),
        Ok(None)
    );
    let names = client.list("/latest/meta-data/placement").unwrap().unwrap();
    assert!(names.contains(&"region".to_owned()));
    assert_eq!(client.list(ID), Err(Error::NotADirectory));
    let region = client.region().unwrap();
    let document = client.identity_document().unwrap().unwrap();
    assert_eq!(document.region.map(|r| r.as_str().to_owned()), region);
    let credentials = client.credentials().unwrap().unwrap();
    assert!(credentials.access_key_id().starts_with("ASIA"));
    assert!(!format!("{credentials:?}").contains(credentials.secret_access_key()));
    assert_eq!(server.with(|mock| mock.tokens_issued()), 1);
    assert_eq!(server.with(|mock| mock.peak_connections()), 1);
}

#[test]
fn an_instance_without_a_role_has_no_credentials_and_a_bad_role_says_why() {
    let server = spawn(Mock::new(Profile::Ec2)).unwrap();
    server.with(|mock| {
        mock.push_fault(Script::on("GET", ROLE).times(1).body(
            r#"{"Code":"AssumeRoleUnauthorizedAccess","Message":"no","LastUpdated":"2025-01-01T00:00:00Z"}"#,
        ));
    });
    let error = client(&server).credentials().unwrap_err();
    assert!(
        matches!(error, ReadError::Document(DocumentError::NotSuccess { .. })),
        "{error}"
    );
    server.with(|mock| mock.data_mut().remove("/latest/meta-data/iam/"));
    assert!(client(&server).credentials().unwrap().is_none());
}

#[test]
fn a_walk_yields_nodes_one_by_one_and_the_client_is_usable_in_between() {
    let server = spawn(Mock::new(Profile::Ec2)).unwrap();
    let mut client = client(&server);
    let mut walk = client
        .walk("/latest/", Options::include(Include::ALL))
        .unwrap();
    let mut paths = Vec::new();
    while let Some(node) = walk.next() {
        let Node::Leaf { path, .. } = node.unwrap() else {
            panic!("a node without a value");
        };
        assert!(walk.client().get(ID).unwrap().is_some());
        paths.push(path);
        let read = server.with(|mock| mock.log().len());
        assert!(
            read < 6 * paths.len() + 12,
            "the walk runs ahead: {read} requests"
        );
    }
    let mut expected: Vec<_> = server.with(|mock| mock.data().leaves().map(|l| l.0).collect());
    paths.sort();
    expected.sort();
    assert_eq!(paths, expected);
}

#[test]
fn a_walk_that_is_dropped_leaves_the_client_usable() {
    let server = spawn(Mock::new(Profile::Ec2)).unwrap();
    let mut client = client(&server);
    for nodes in [0, 1, 7] {
        let mut walk = client.walk("/latest/", Options::default()).unwrap();
        for _ in 0..nodes {
            assert!(walk.next().unwrap().is_ok());
        }
        drop(walk);
        assert!(client.get(ID).unwrap().is_some());
    }
}

#[test]
fn an_error_ends_a_walk_and_is_told_once() {
    let server = spawn(Mock::new(Profile::Disabled)).unwrap();
    let mut client = client(&server);
    let mut walk = client.walk("/latest/", Options::default()).unwrap();
    assert!(walk.next().unwrap().is_err());
    assert!(walk.next().is_none());
}

#[test]
fn a_port_where_nothing_listens_is_refused() {
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let error = to(&format!("http://127.0.0.1:{port}")).get(ID).unwrap_err();
    assert_eq!(error, Error::Transport(Phase::Connect, Fault::Refused));
}

#[test]
fn a_silent_token_request_ends_with_its_phase() {
    let server = spawn(Mock::new(Profile::HopLimited)).unwrap();
    let mut config = Config::new(Target::One(Endpoint::parse(&server.url()).unwrap()));
    config.timeouts.first_byte = Duration::from_millis(30);
    let error = Client::new(config.clone()).get(ID).unwrap_err();
    assert_eq!(error, Error::Timeout(Reason::TokenReply));
    // The operation's own limit, where it is the shorter one.
    config.timeouts.first_byte = Duration::from_secs(60);
    config.timeouts.operation = Some(Duration::from_millis(30));
    let began = Instant::now();
    let error = Client::new(config).get(ID).unwrap_err();
    assert_eq!(error, Error::Timeout(Reason::TokenReply));
    assert!(began.elapsed() < Duration::from_secs(30));
}
