//! Many tasks, few lanes.

#![allow(clippy::unwrap_used, reason = "helpers of tests, too")]

use std::sync::Arc;

use imds_core::config::Target;
use imds_core::walk::{Include, Options};
use imds_core::{Config, Endpoint};
use imds_mock::server::Server;
use imds_mock::{Mock, Profile};
use imds_tokio::{Client, Node};

fn client(server: &Server, lanes: u8) -> Client {
    let endpoint = Endpoint::parse(&server.url()).unwrap();
    let config = Config {
        pace: None,
        ..Config::new(Target::One(endpoint))
    };
    Client::builder().config(config).lanes(lanes).build()
}

fn puts(server: &Server) -> usize {
    server.with(|mock| mock.log().iter().filter(|e| e.method == "PUT").count())
}

async fn sixty_four_tasks(mock: Mock, lanes: u8) -> Server {
    let server = Server::start(mock).await.unwrap();
    let client = Arc::new(client(&server, lanes));
    let tasks: Vec<_> = (0..64)
        .map(|_| {
            let client = Arc::clone(&client);
            tokio::spawn(async move {
                for _ in 0..200 {
                    let id = client.get("/latest/meta-data/instance-id").await.unwrap();
                    assert!(id.unwrap().starts_with(b"i-"));
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    server
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixty_four_tasks_share_one_token_and_no_more_connections_than_lanes() {
    let server = sixty_four_tasks(Mock::new(Profile::Ec2), 8).await;
    assert_eq!(puts(&server), 1);
    let (peak, gets) = server.with(|mock| (mock.peak_connections(), mock.log().len() - 1));
    assert!(peak <= 8, "{peak} connections at a time");
    assert_eq!(gets, 64 * 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_always_closes_gets_no_more_connections_than_lanes_either() {
    let server = sixty_four_tasks(Mock::new(Profile::Ec2).always_close(true), 4).await;
    assert_eq!(puts(&server), 1);
    // The server is done with a connection a moment after the client is, which has opened the
    // next one by then.
    let peak = server.with(|mock| mock.peak_connections());
    assert!(peak <= 2 * 4, "{peak} connections at a time");
}

async fn gets_within_walks(lanes: u8) {
    let server = Server::start(Mock::new(Profile::Ec2)).await.unwrap();
    let client = client(&server, lanes);
    let mut first = client.walk("/latest/", Options::include(Include::ALL));
    let mut second = client.walk("/latest/", Options::include(Include::ALL));
    // Begun, and left alone for the rest of the test.
    let mut unpolled = client.walk("/latest/", Options::default());
    assert!(unpolled.next().await.is_some());
    let (mut paths, mut again) = (Vec::new(), Vec::new());
    while let Some(node) = first.next().await {
        if let Node::Leaf { path, value } = node.unwrap() {
            if !path.contains("security-credentials") && !path.contains("/dynamic/") {
                assert_eq!(client.get(&path).await.unwrap(), Some(value), "{path}");
            }
            paths.push(path);
        }
        if let Some(node) = second.next().await
            && let Node::Leaf { path, .. } = node.unwrap()
        {
            again.push(path);
        }
    }
    while let Some(node) = second.next().await {
        if let Node::Leaf { path, .. } = node.unwrap() {
            again.push(path);
        }
    }
    let mut expected: Vec<_> = server.with(|mock| mock.data().leaves().map(|l| l.0).collect());
    expected.sort();
    paths.sort();
    again.sort();
    assert_eq!(paths, expected);
    assert_eq!(again, expected);
    assert_eq!(puts(&server), 1);
}

#[tokio::test]
async fn a_get_inside_the_loop_over_a_walk_completes_with_one_lane() {
    gets_within_walks(1).await;
}

#[tokio::test]
async fn a_get_inside_the_loop_over_a_walk_completes_with_eight_lanes() {
    gets_within_walks(8).await;
}

#[tokio::test]
async fn a_fifth_walk_is_refused_by_name() {
    let server = Server::start(Mock::new(Profile::Ec2)).await.unwrap();
    let client = client(&server, 2);
    let mut walks: Vec<_> = (0..4)
        .map(|_| client.walk("/latest/", Options::default()))
        .collect();
    for walk in &mut walks {
        assert!(walk.next().await.unwrap().is_ok());
    }
    let mut fifth = client.walk("/latest/", Options::default());
    let error = fifth.next().await.unwrap().unwrap_err();
    assert_eq!(
        error,
        imds_core::Error::Misuse(imds_core::Misuse::TooManyWalks)
    );
    assert!(fifth.next().await.is_none());
    drop(walks);
    let mut sixth = client.walk("/latest/meta-data/placement/", Options::default());
    assert!(sixth.next().await.unwrap().is_ok());
}
