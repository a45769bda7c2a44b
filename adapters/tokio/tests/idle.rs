//! Connections between uses.

#![allow(clippy::unwrap_used, reason = "helpers of tests, too")]

use std::collections::BTreeMap;

use imds_core::config::Target;
use imds_core::{Config, Endpoint};
use imds_mock::server::Server;
use imds_mock::{Mock, Profile};
use imds_tokio::Client;

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

#[tokio::test]
async fn a_kept_connection_that_the_server_closes_is_closed_between_uses() {
    let server = Server::start(Mock::new(Profile::Ec2)).await.unwrap();
    let port = server.addr().port();
    let endpoint = Endpoint::parse(&server.url()).unwrap();
    let config = Config::new(Target::One(endpoint));
    let client = Client::builder().config(config).build();
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
    // The end of the stream is on its way; nobody uses the client.
    for turn in 0..1_000_000 {
        let open = |s: &String| s == ESTABLISHED || s == CLOSE_WAIT;
        // The table is dear to read, a turn of the runtime is not.
        if turn % 500 == 0 && !states(port).values().any(open) {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("left between uses: {:?}", states(port));
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
