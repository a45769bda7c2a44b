//! Connections between uses.

#![allow(clippy::unwrap_used, reason = "helpers of tests, too")]

use std::collections::BTreeMap;

use imds_core::config::Target;
use imds_core::{Config, Endpoint};
use imds_mock::server::Server;
use imds_mock::{Fault, Mock, Profile};
use imds_tokio::{Client, Options};
use tokio::runtime::Handle;

const ID: &str = "/latest/meta-data/instance-id";

/// States of the sockets whose peer is `port` of loopback, from the kernel's table, by their own
/// addresses: the table is read in pieces, and where sockets come and go meanwhile one of them may
/// stand in two.
fn states(port: u16) -> BTreeMap<String, String> {
    let table = std::fs::read_to_string("/proc/net/tcp").expect("Linux has this table");
    let peer = format!("0100007F:{port:04X}");
    table
        .lines()
        .filter_map(|line| {
            let mut fields = line.split_whitespace().skip(1);
            let (own, its_peer) = (fields.next()?, fields.next()?);
            (its_peer == peer).then(|| (own.to_owned(), fields.next().unwrap_or("").to_owned()))
        })
        .collect()
}

/// Established, and half-closed by the peer, in the kernel's table.
const ESTABLISHED: &str = "01";
const CLOSE_WAIT: &str = "08";

fn client(server: &Server) -> Client {
    let endpoint = Endpoint::parse(&server.url()).unwrap();
    let config = Config::new(Target::One(endpoint));
    Client::builder().config(config).build()
}

/// Waits until a client that nobody uses has noticed that its server is gone, and has neither a
/// connection nor a task any more.
async fn nothing_left(port: u16) {
    let tasks = || Handle::current().metrics().num_alive_tasks();
    for turn in 0..1_000_000 {
        let open = |s: &String| s == ESTABLISHED || s == CLOSE_WAIT;
        // The table is dear to read, a turn of the runtime is not.
        if turn % 500 == 0 && tasks() == 0 && !states(port).values().any(open) {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("left: {:?}, {} tasks", states(port), tasks());
}

#[tokio::test]
async fn a_kept_connection_that_the_server_closes_is_closed_between_uses() {
    let server = Server::start(Mock::new(Profile::Ec2)).await.unwrap();
    let port = server.addr().port();
    let client = client(&server);
    for round in 0..2 {
        assert!(client.get(ID).await.unwrap().is_some());
        let sockets = states(port);
        let states: Vec<_> = sockets.values().collect();
        assert_eq!(states, [ESTABLISHED], "kept, round {round}: {sockets:?}");
        if round == 0 {
            server.with(|mock| mock.clear_log());
        }
    }
    server.shutdown().await;
    nothing_left(port).await;
}

#[tokio::test]
async fn a_walk_that_is_dropped_leaves_no_connection_that_nobody_watches() {
    for nodes in 0..40 {
        let server = Server::start(Mock::new(Profile::Ec2)).await.unwrap();
        let client = client(&server);
        let mut walk = client.walk("/latest/", Options::default());
        for _ in 0..nodes {
            assert!(walk.next().await.unwrap().is_ok());
        }
        drop(walk);
        // The server answers what was asked.
        for _ in 0..1000 {
            tokio::task::yield_now().await;
        }
        let port = server.addr().port();
        server.shutdown().await;
        nothing_left(port).await;
    }
}

#[tokio::test]
async fn nothing_is_watched_when_the_last_use_has_closed_what_was_kept() {
    let server = Server::start(Mock::new(Profile::Ec2)).await.unwrap();
    let client = client(&server);
    assert!(client.get(ID).await.unwrap().is_some());
    // It is watched from now on.
    tokio::task::yield_now().await;
    server.with(|mock| mock.push_fault(Fault::any().until_close()));
    assert!(client.get(ID).await.unwrap().is_some());
    let port = server.addr().port();
    server.shutdown().await;
    nothing_left(port).await;
}

#[test]
fn a_client_outlives_the_runtime_it_was_used_in() {
    let server = imds_mock::server::spawn(Mock::new(Profile::Ec2)).unwrap();
    let endpoint = Endpoint::parse(&server.url()).unwrap();
    let client = Client::builder()
        .config(Config::new(Target::One(endpoint)))
        .build();
    for _ in 0..3 {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        assert!(runtime.block_on(client.get(ID)).unwrap().is_some());
    }
}

#[tokio::test]
async fn a_proxy_in_the_environment_is_never_called() {
    // Set before this process began would be the real case; the client reads none, so a child
    // process with the variables set is the proof.
    let trap = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    trap.set_nonblocking(true).unwrap();
    let url = format!("http://{}", trap.local_addr().unwrap());
    let status = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_client_outlives_the_runtime_it_was_used_in"])
        .env("HTTP_PROXY", &url)
        .env("http_proxy", &url)
        .env("ALL_PROXY", &url)
        .stdout(std::process::Stdio::null())
        .status()
        .unwrap();
    assert!(status.success());
    assert!(trap.accept().is_err(), "the trap was called");
}
