//! The client over `tokio::io::duplex`, in time that stands still until it is needed.

#![allow(clippy::unwrap_used, reason = "helpers of tests, too")]

use core::time::Duration;
use std::io;
use std::sync::{Arc, Mutex};

use imds_core::config::Target;
use imds_core::walk::{Include, Options};
use imds_core::{Config, Endpoint, Error, Fault, Peer, Phase, Reason};
use imds_mock::{Fault as Script, Mock, Profile, server};
use imds_tokio::{Client, Node};
use tokio::io::DuplexStream;
use tokio::time::Instant;

const ID: &str = "/latest/meta-data/instance-id";

/// The client's end of a connection whose other end `mock` attends to.
fn attended(mock: Arc<Mutex<Mock>>, began: Instant) -> DuplexStream {
    let (ours, mut theirs) = tokio::io::duplex(4096);
    tokio::spawn(async move {
        server::attend(&mut theirs, &mock, began, |_| {}).await;
    });
    ours
}

/// A client whose connections lead to `mock` through memory.
fn client(mock: &Arc<Mutex<Mock>>, lanes: u8) -> Client {
    let mock = Arc::clone(mock);
    let began = Instant::now();
    let config = Config {
        pace: None,
        ..Config::new(Target::One(Endpoint::IPV4))
    };
    Client::builder()
        .config(config)
        .lanes(lanes)
        .connector(move |_| {
            let mock = Arc::clone(&mock);
            async move { Ok::<_, io::Error>(attended(mock, began)) }
        })
        .build()
}

fn shared(mock: Mock) -> Arc<Mutex<Mock>> {
    Arc::new(Mutex::new(mock))
}

fn puts(mock: &Arc<Mutex<Mock>>) -> usize {
    let mock = mock.lock().unwrap();
    mock.log().iter().filter(|e| e.method == "PUT").count()
}

#[tokio::test(start_paused = true)]
async fn a_silent_token_request_is_told_after_one_second() {
    let mock = shared(Mock::new(Profile::HopLimited));
    let began = Instant::now();
    let error = client(&mock, 1).get(ID).await.unwrap_err();
    assert_eq!(error, Error::Timeout(Reason::TokenReply));
    assert_eq!(error.cause().exit_code(), 6);
    assert_eq!(began.elapsed(), Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn no_connection_in_time_is_told_within_a_second_of_attempts() {
    let config = Config::new(Target::One(Endpoint::IPV4));
    let client = Client::builder()
        .config(config)
        .connector(|_| core::future::pending::<io::Result<DuplexStream>>())
        .build();
    let began = Instant::now();
    let error = client.get(ID).await.unwrap_err();
    assert_eq!(error, Error::Timeout(Reason::Connect));
    assert_eq!(error.cause().exit_code(), 7);
    assert!(began.elapsed() <= Duration::from_millis(3 * 250 + 50 + 100));
}

#[tokio::test(start_paused = true)]
async fn the_second_address_is_tried_after_a_head_start_and_remembered() {
    let mock = shared(Mock::new(Profile::Ec2).always_close(true));
    let tried = Arc::new(Mutex::new(Vec::new()));
    let began = Instant::now();
    let client = {
        let (mock, tried) = (Arc::clone(&mock), Arc::clone(&tried));
        Client::builder()
            .config(Config {
                pace: None,
                ..Config::default()
            })
            .connector(move |endpoint| {
                tried
                    .lock()
                    .unwrap()
                    .push((endpoint.to_string(), began.elapsed()));
                let mock = Arc::clone(&mock);
                async move {
                    if endpoint == Endpoint::IPV4 {
                        core::future::pending::<()>().await;
                    }
                    // A connection takes time of its own, here all that it may.
                    tokio::time::sleep(Duration::from_millis(249)).await;
                    Ok::<_, io::Error>(attended(mock, began))
                }
            })
            .build()
    };
    assert!(client.get(ID).await.unwrap().is_some());
    let tried = tried.lock().unwrap();
    let names: Vec<_> = tried.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        [
            "http://169.254.169.254",
            "http://[fd00:ec2::254]",
            "http://[fd00:ec2::254]"
        ]
    );
    assert_eq!(tried[1].1, imds_core::config::HEAD_START);
    let mock = mock.lock().unwrap();
    let hosts = mock
        .log()
        .iter()
        .map(|e| e.header("host").map(str::to_owned));
    assert!(
        hosts
            .clone()
            .all(|host| host.as_deref() == Some("[fd00:ec2::254]"))
    );
}

#[tokio::test(start_paused = true)]
async fn without_a_route_the_second_address_is_tried_at_once() {
    let mock = shared(Mock::new(Profile::Ec2));
    let began = Instant::now();
    let client = {
        let mock = Arc::clone(&mock);
        Client::builder()
            .connector(move |endpoint| {
                let mock = Arc::clone(&mock);
                async move {
                    if endpoint == Endpoint::IPV4 {
                        return Err(io::Error::from(io::ErrorKind::NetworkUnreachable));
                    }
                    Ok::<_, io::Error>(attended(mock, began))
                }
            })
            .build()
    };
    assert!(client.get(ID).await.unwrap().is_some());
    assert_eq!(began.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_local_prohibition_ends_at_once() {
    let client = Client::builder()
        .connector(|_| async {
            Err::<DuplexStream, _>(io::Error::from(io::ErrorKind::PermissionDenied))
        })
        .build();
    let error = client.get(ID).await.unwrap_err();
    assert_eq!(error, Error::Transport(Phase::Connect, Fault::Denied));
}

/// Polls a get `polls` times, lets the server work in between, and drops it.
async fn drop_after(client: &Client, polls: usize) -> bool {
    let mut get = Box::pin(client.get(ID));
    for _ in 0..polls {
        let done =
            core::future::poll_fn(|cx| core::task::Poll::Ready(get.as_mut().poll(cx).is_ready()))
                .await;
        if done {
            return true;
        }
        tokio::task::yield_now().await;
    }
    false
}

#[tokio::test(start_paused = true)]
async fn a_future_dropped_at_any_await_harms_nobody() {
    for lanes in [1, 8] {
        for polls in 0..40 {
            let mock = shared(Mock::new(Profile::Ec2).fault(Script::any().dribble()));
            let client = client(&mock, lanes);
            let mut others: Vec<_> = (0..3)
                .map(|_| {
                    let client = client.clone();
                    tokio::spawn(async move { client.get(ID).await })
                })
                .collect();
            let done = drop_after(&client, polls).await;
            for other in others.drain(..) {
                assert!(
                    other.await.unwrap().unwrap().is_some(),
                    "{lanes} lanes, {polls} polls"
                );
            }
            assert_eq!(puts(&mock), 1, "{lanes} lanes, {polls} polls");
            // And when it was alone.
            drop_after(&client, polls).await;
            assert!(client.get(ID).await.unwrap().is_some());
            if done {
                break;
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_request_left_behind_long_ago_does_not_fail_the_next_get() {
    let mock = shared(Mock::new(Profile::Ec2).fault(Script::token().times(1).stall()));
    let client = client(&mock, 1);
    assert!(!drop_after(&client, 5).await);
    tokio::time::advance(Duration::from_secs(3600)).await;
    assert!(client.get(ID).await.unwrap().is_some());
}

#[tokio::test(start_paused = true)]
async fn a_walk_dropped_at_any_node_leaves_the_client_usable() {
    for lanes in [1, 8] {
        for nodes in 0..30 {
            let mock = shared(Mock::new(Profile::Ec2));
            let client = client(&mock, lanes);
            let mut walk = client.walk("/latest/", Options::default());
            for _ in 0..nodes {
                assert!(walk.next().await.unwrap().is_ok());
            }
            drop(walk);
            assert!(client.get(ID).await.unwrap().is_some());
            assert_eq!(puts(&mock), 1);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_consumer_may_take_longer_than_every_time_out() {
    let mock = shared(Mock::new(Profile::Ec2));
    let client = client(&mock, 8);
    let mut walk = client.walk("/latest/", Options::include(Include::ALL));
    let mut leaves = 0;
    while let Some(node) = walk.next().await {
        assert!(matches!(node.unwrap(), Node::Leaf { .. }));
        leaves += 1;
        if leaves % 10 == 0 {
            tokio::time::advance(Duration::from_secs(60)).await;
        }
    }
    let expected = mock.lock().unwrap().data().leaves().count();
    assert_eq!(leaves, expected);
    let attempts = mock
        .lock()
        .unwrap()
        .log()
        .iter()
        .filter(|e| e.status != 200)
        .count();
    assert_eq!(attempts, 0);
}

#[tokio::test(start_paused = true)]
async fn throttling_is_obeyed_and_has_an_end() {
    let mock = shared(
        Mock::new(Profile::Ec2).fault(
            Script::on("GET", ID)
                .times(1)
                .status(429)
                .header("Retry-After", "2"),
        ),
    );
    let began = Instant::now();
    assert!(client(&mock, 1).get(ID).await.unwrap().is_some());
    assert!(began.elapsed() >= Duration::from_secs(2));

    let mock = shared(
        Mock::new(Profile::Ec2).fault(
            Script::on("GET", ID)
                .status(429)
                .header("Retry-After", "60"),
        ),
    );
    let began = Instant::now();
    let error = client(&mock, 1).get(ID).await.unwrap_err();
    assert_eq!(error, Error::Peer(Peer::Throttled(429)));
    assert!(began.elapsed() < Duration::from_millis(100));
}

/// Numbers for a test, from its seed (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % n).unwrap()
    }
}

#[tokio::test(start_paused = true)]
async fn no_wake_up_is_lost_among_tasks_that_come_and_go() {
    // Nothing here takes time, so the paused clock moves only if every task waits for a timer:
    // that is, if someone was not woken.
    for seed in 1..150_u64 {
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let lanes = u8::try_from(1 + random.below(4)).unwrap();
        let mock = Mock::new(Profile::Ec2).always_close(random.below(2) == 0);
        let mock = shared(if random.below(3) == 0 {
            mock.fault(Script::any().dribble())
        } else {
            mock
        });
        let client = client(&mock, lanes);
        let began = Instant::now();
        let tasks: Vec<_> = (0..10)
            .map(|n| {
                let client = client.clone();
                let mut random = Random(seed * 31 + n + 1);
                tokio::spawn(async move {
                    for _ in 0..8 {
                        match random.below(4) {
                            0 => drop(drop_after(&client, random.below(12)).await),
                            1 => {
                                let path = "/latest/meta-data/placement/";
                                let mut walk = client.walk(path, Options::default());
                                for _ in 0..random.below(8) {
                                    match walk.next().await {
                                        Some(Err(error)) => {
                                            let refused =
                                                Error::Misuse(imds_core::Misuse::TooManyWalks);
                                            assert_eq!(error, refused);
                                        }
                                        Some(Ok(_)) => {}
                                        None => break,
                                    }
                                    if random.below(3) == 0 {
                                        assert!(client.get(ID).await.unwrap().is_some());
                                    }
                                }
                            }
                            _ => assert!(client.get(ID).await.unwrap().is_some()),
                        }
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(
            began.elapsed(),
            Duration::ZERO,
            "seed {seed}, {lanes} lanes"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_future_that_is_not_polled_any_more_holds_nothing() {
    for lanes in [1, 8] {
        // A walk whose `next` was given up by a timeout, and that is kept.
        let mock = shared(
            Mock::new(Profile::Ec2)
                .fault(Script::below("GET", "/latest/meta-data/").delay(Duration::from_millis(20))),
        );
        let client = client(&mock, lanes);
        let mut walk = client.walk("/latest/", Options::default());
        assert!(walk.next().await.is_some());
        for _ in 0..3 {
            let next = tokio::time::timeout(Duration::from_millis(1), walk.next()).await;
            if next.is_err() {
                break;
            }
        }
        let began = Instant::now();
        assert!(client.get(ID).await.unwrap().is_some(), "{lanes} lanes");
        assert!(
            began.elapsed() < Duration::from_millis(100),
            "{lanes} lanes"
        );
        while let Some(node) = walk.next().await {
            node.unwrap();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_get_that_sleeps_with_the_token_request_does_not_hold_up_another() {
    for lanes in [1, 8] {
        let mock = shared(
            Mock::new(Profile::Ec2).fault(Script::token().delay(Duration::from_millis(100))),
        );
        let client = client(&mock, lanes);
        let mut first = Box::pin(client.get(ID));
        for _ in 0..5 {
            let pending = core::future::poll_fn(|cx| {
                core::task::Poll::Ready(first.as_mut().poll(cx).is_pending())
            });
            assert!(pending.await);
            tokio::task::yield_now().await;
        }
        // As in a `select!` whose other arm waits for this.
        let began = Instant::now();
        assert!(client.get(ID).await.unwrap().is_some(), "{lanes} lanes");
        assert!(
            began.elapsed() <= Duration::from_millis(100),
            "{lanes} lanes"
        );
        assert!(first.await.unwrap().is_some());
        assert_eq!(puts(&mock), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_task_whose_budget_is_spent_does_not_take_the_server_for_silent() {
    let mock =
        shared(Mock::new(Profile::Ec2).fault(Script::token().delay(Duration::from_millis(1))));
    let client = client(&mock, 1);
    let mut get = Box::pin(client.get(ID));
    for _ in 0..5 {
        let pending =
            core::future::poll_fn(|cx| core::task::Poll::Ready(get.as_mut().poll(cx).is_pending()));
        assert!(pending.await);
        tokio::task::yield_now().await;
    }
    tokio::time::sleep(Duration::from_millis(2)).await;
    // The answer is there, the task comes two seconds late, and it has done much since it woke.
    tokio::time::advance(Duration::from_secs(2)).await;
    tokio::task::yield_now().await;
    while tokio::task::coop::has_budget_remaining() {
        tokio::task::coop::consume_budget().await;
    }
    assert!(get.await.unwrap().is_some());
}

#[tokio::test(start_paused = true)]
async fn a_walk_is_told_of_nodes_that_another_task_brings_and_is_not_flooded() {
    let mock = shared(
        Mock::new(Profile::Ec2)
            .fault(
                Script::on("GET", ID)
                    .times(1)
                    .status(503)
                    .header("Retry-After", "2"),
            )
            .fault(Script::below("GET", "/latest/dynamic/").delay(Duration::from_millis(20))),
    );
    let client = client(&mock, 1);
    let mut walk = client.walk("/latest/", Options::default());
    assert!(walk.next().await.is_some());
    let other = tokio::spawn({
        let client = client.clone();
        async move { client.get(ID).await }
    });
    tokio::time::sleep(Duration::from_secs(1)).await;
    // Nobody has polled the walk for a second; whoever drove its lane did not run ahead.
    let requests = mock.lock().unwrap().log().len();
    assert!(requests < 40, "{requests} requests");
    while let Some(node) = walk.next().await {
        node.unwrap();
    }
    assert!(other.await.unwrap().unwrap().is_some());
}

#[tokio::test(start_paused = true)]
async fn a_stream_with_a_buffer_of_its_own_is_flushed() {
    let mock = shared(Mock::new(Profile::Ec2));
    let began = Instant::now();
    let client = {
        let mock = Arc::clone(&mock);
        Client::builder()
            .config(Config::new(Target::One(Endpoint::IPV4)))
            .connector(move |_| {
                let mock = Arc::clone(&mock);
                async move { Ok::<_, io::Error>(tokio::io::BufStream::new(attended(mock, began))) }
            })
            .build()
    };
    assert!(client.get(ID).await.unwrap().is_some());
}
