//! The front end over real loopback sockets, and over a stream in memory.
#![cfg(feature = "tokio")]
#![allow(
    clippy::unwrap_used,
    reason = "the lint spares tests, but not their helpers"
)]

use core::time::Duration;
use std::{
    io::{ErrorKind, Read as _, Write as _},
    net::TcpStream,
    sync::{Arc, Mutex, mpsc},
};

use imds_mock::{Fault, Mock, Profile, Tokens, server};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

const GET: &[u8] = b"GET /latest/meta-data/ami-id HTTP/1.1\r\n\r\n";

fn optional() -> Mock {
    Mock::new(Profile::Ec2).tokens(Tokens::Optional)
}

fn connect(running: &server::Running) -> TcpStream {
    let stream = TcpStream::connect(running.addr()).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    stream
}

#[test]
fn embedded_in_three_lines() {
    let running = server::spawn(optional()).unwrap();
    let mut stream = connect(&running);
    stream.write_all(GET).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(
        answer.starts_with("HTTP/1.1 200 OK\r\n")
            && answer.ends_with("\r\n\r\nami-0123456789abcdef0")
    );
    assert_eq!(running.url(), format!("http://{}", running.addr()));
    running.with(|mock| assert_eq!((mock.log().len(), mock.connections()), (1, 1)));
}

#[test]
fn an_epoch_that_nobody_set_is_the_wall_clock() {
    let running = server::spawn(optional()).unwrap();
    let mut stream = connect(&running);
    stream.write_all(GET).unwrap();
    stream.read_to_end(&mut Vec::new()).unwrap();
    let wall = std::time::SystemTime::now()
        .duration_since(std::time::SystemTime::UNIX_EPOCH)
        .unwrap()
        .as_secs();
    let mocked = running.with(|mock| mock.unix(Duration::ZERO));
    assert!(wall.abs_diff(mocked) < 60);
}

#[test]
fn a_big_leaf_arrives_whole_and_closed_connections_are_not_counted() {
    let running = server::spawn(optional()).unwrap();
    let mut stream = connect(&running);
    stream
        .write_all(b"GET /latest/user-data HTTP/1.1\r\nConnection: keep-alive\r\n\r\n")
        .unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    assert!(answer.ends_with(&running.with(|mock| mock.data().leaf("user-data").unwrap())));
    running.with(|mock| assert_eq!((mock.peak_connections(), mock.open_connections()), (1, 0)));
}

#[test]
fn a_reset_is_a_real_one_and_comes_behind_what_was_sent() {
    let running = server::spawn(optional().fault(Fault::any().reset_after(20))).unwrap();
    let mut stream = connect(&running);
    stream.write_all(GET).unwrap();
    let mut answer = Vec::new();
    let error = stream.read_to_end(&mut answer).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    assert!(answer.len() <= 20);
}

#[test]
fn a_mock_that_is_dropped_frees_its_port_and_its_connections() {
    let running = server::spawn(Mock::new(Profile::HopLimited)).unwrap();
    let addr = running.addr();
    let mut stream = connect(&running);
    stream
        .write_all(
            b"PUT /latest/api/token HTTP/1.1\r\nX-aws-ec2-metadata-token-ttl-seconds: 60\r\n\r\n",
        )
        .unwrap();
    drop(running);
    assert!(matches!(stream.read(&mut [0; 16]), Ok(0) | Err(_)));
    assert!(TcpStream::connect(addr).is_err());
}

#[test]
fn tokens_end_without_waiting() {
    let running = server::spawn(Mock::new(Profile::Mmds)).unwrap();
    let mut stream = connect(&running);
    let mut ask = |text: String| {
        stream.write_all(text.as_bytes()).unwrap();
        let mut answer = vec![0; 4096];
        let n = stream.read(&mut answer).unwrap();
        String::from_utf8_lossy(&answer[..n]).into_owned()
    };
    let answer =
        ask("PUT /latest/api/token HTTP/1.1\r\nX-metadata-token-ttl-seconds: 60\r\n\r\n".into());
    let token = answer.split("\r\n\r\n").nth(1).unwrap().to_owned();
    let get = format!("GET /latest/meta-data/ami-id HTTP/1.1\r\nX-metadata-token: {token}\r\n\r\n");
    assert!(ask(get.clone()).starts_with("HTTP/1.1 200 "));
    running.with(|mock| mock.advance(Duration::from_secs(60)));
    assert!(ask(get).starts_with("HTTP/1.1 401 "));
}

#[tokio::test]
async fn a_server_on_the_callers_runtime() {
    let server = server::Server::start(optional()).await.unwrap();
    let mut stream = tokio::net::TcpStream::connect(server.addr()).await.unwrap();
    stream.write_all(GET).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    assert!(answer.ends_with(b"ami-0123456789abcdef0"));
    assert_eq!(server.with(|mock| mock.log().len()), 1);
    let addr = server.addr();
    server.shutdown().await;
    assert!(tokio::net::TcpStream::connect(addr).await.is_err());
}

#[tokio::test]
async fn a_thread_of_its_own_may_be_started_from_a_runtime() {
    let running = server::spawn_at("[::1]:0".parse().unwrap(), optional())
        .or_else(|_| server::spawn(optional()))
        .unwrap();
    assert!(tokio::net::TcpStream::connect(running.addr()).await.is_ok());
}

#[tokio::test]
async fn in_the_foreground_every_request_is_reported() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let mock = Arc::new(Mutex::new(optional()));
    let (report, reports) = mpsc::channel();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let observe = move |exchange: &imds_mock::Exchange| report.send(exchange.to_string()).unwrap();
    let client = async {
        for _ in 0..2 {
            let mut stream = tokio::net::TcpStream::connect(addr).await.unwrap();
            stream.write_all(GET).await.unwrap();
            stream.read_to_end(&mut Vec::new()).await.unwrap();
        }
        stop.send(()).unwrap();
    };
    tokio::join!(
        server::run(listener, mock, observe, async { stopped.await.unwrap() }),
        client
    );
    let lines: Vec<String> = reports.iter().collect();
    assert_eq!(
        lines,
        [
            "#1 GET \"/latest/meta-data/ami-id\" (no token) 200",
            "#2 GET \"/latest/meta-data/ami-id\" (no token) 200"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn over_a_stream_in_memory_the_paused_clock_is_the_mocks() {
    let mock = Mutex::new(optional().fault(Fault::any().delay(Duration::from_secs(3600))));
    let began = tokio::time::Instant::now();
    let (mut client, mut service) = tokio::io::duplex(64);
    let ask = async {
        client.write_all(GET).await.unwrap();
        let mut answer = Vec::new();
        client.read_to_end(&mut answer).await.unwrap();
        answer
    };
    let (ended, answer) = tokio::join!(server::attend(&mut service, &mock, began, |_| {}), ask);
    assert_eq!(ended, server::Ended::Closed);
    assert!(answer.ends_with(b"ami-0123456789abcdef0"));
    assert_eq!(began.elapsed(), Duration::from_secs(3600));
    assert_eq!(mock.lock().unwrap().open_connections(), 0);
}
