//! What the server does arrives: answers, ends, silences, on one connection and on many, over good wires and bad ones.

use core::net::IpAddr;
use core::time::Duration;

use crate::guest::{Answer, End, PUT, STATIC, World, body, get};
use imds_mock::{Fault, Mock, Profile, Tree};
use imds_peer::{Options, SERVICE, Wire};

const V4: IpAddr = IpAddr::V4(SERVICE);
const ID: &str = "/latest/meta-data/instance-id";

/// A guest of the subnet, to which the service is on the link.
fn world(mock: Mock, options: Options, wire: Wire) -> World {
    let mut world = World::new(mock, options, wire);
    world.take_address(STATIC.into(), 0);
    world
}

fn faulty(fault: Fault) -> World {
    world(
        Mock::new(Profile::Ec2).fault(fault),
        Options::new(),
        Wire::perfect(),
    )
}

fn read(world: &mut World) -> Answer {
    read_timed(world).0
}

/// Reads a value with a new token. How long the read took.
fn read_timed(world: &mut World) -> (Answer, Duration) {
    let token = world.token(V4);
    let began = world.now;
    (world.exchange(V4, &get(ID, &token)), world.now - began)
}

#[test]
fn four_connections_are_served_at_once_and_four_more_right_behind() {
    let mut world = world(Mock::new(Profile::Ec2), Options::new(), Wire::perfect());
    let token = world.token(V4);
    let request = get(ID, &token);
    for _ in 0..2 {
        let handles: Vec<_> = (0..4).map(|_| world.connect(V4)).collect();
        let requests: Vec<_> = handles.iter().map(|h| (*h, request.as_str())).collect();
        for answer in world.finish(&requests) {
            assert_eq!(answer.end, End::Fin);
            assert_eq!(body(&answer.text), "i-0123456789abcdef0");
        }
    }
    assert_eq!(world.link.peer().mock().peak_connections(), 4);
    assert_eq!(world.link.peer().mock().open_connections(), 0);
    assert_eq!(world.link.counters().connections, 9);
}

#[test]
fn a_kept_connection_serves_one_request_after_the_other() {
    let mut world = world(Mock::new(Profile::Ec2), Options::new(), Wire::perfect());
    let token = world.token(V4);
    let kept = get(ID, &token).replace("Host: x", "Connection: keep-alive");
    let answer = world.exchange(V4, &[kept.as_str(), &kept, &get(ID, &token)].concat());
    assert_eq!(
        answer.text.matches("\r\n\r\ni-0123456789abcdef0").count(),
        3
    );
    assert_eq!(answer.end, End::Fin);
    assert_eq!(world.link.counters().connections, 2);
}

#[test]
fn a_close_arrives_as_fin_and_a_reset_as_rst() {
    let mut closing = faulty(Fault::on("GET", ID).close_before_reply());
    assert_eq!(
        read(&mut closing),
        Answer {
            text: String::new(),
            end: End::Fin
        }
    );
    let mut resetting = faulty(Fault::on("GET", ID).reset_before_reply());
    assert_eq!(
        read(&mut resetting),
        Answer {
            text: String::new(),
            end: End::Reset
        }
    );
    for world in [closing, resetting] {
        assert_eq!(world.link.peer().mock().open_connections(), 0);
    }
}

#[test]
fn what_was_sent_before_a_reset_arrives() {
    let answer = read(&mut faulty(Fault::on("GET", ID).reset_in_body(4)));
    assert_eq!((body(&answer.text), answer.end), ("i-01", End::Reset));
    let answer = read(&mut faulty(Fault::on("GET", ID).close_in_body(4)));
    assert_eq!((body(&answer.text), answer.end), ("i-01", End::Fin));
}

#[test]
fn a_stalled_answer_is_silence_and_the_mocks_patience_ends_it() {
    let answer = read(&mut faulty(Fault::on("GET", ID).stall_in_body(4)));
    assert_eq!((body(&answer.text), answer.end), ("i-01", End::Silence));

    let mock = Mock::new(Profile::Ec2)
        .fault(Fault::on("GET", ID).stall())
        .reset_after(Duration::from_secs(2));
    let mut world = world(mock, Options::new(), Wire::perfect());
    let (answer, took) = read_timed(&mut world);
    assert_eq!((answer.end, took), (End::Reset, Duration::from_secs(2)));
}

#[test]
fn a_delayed_answer_comes_when_the_mock_says() {
    let mut world = faulty(Fault::on("GET", ID).delay(Duration::from_millis(1500)));
    let (answer, took) = read_timed(&mut world);
    assert_eq!((answer.end, took), (End::Fin, Duration::from_millis(1500)));
}

#[test]
fn dribbled_bytes_are_segments() {
    let mut world = faulty(Fault::on("GET", ID).dribble());
    let token = world.token(V4);
    let before = world.link.counters().frames_out;
    let answer = world.exchange(V4, &get(ID, &token));
    assert_eq!(body(&answer.text), "i-0123456789abcdef0");
    let frames = world.link.counters().frames_out - before;
    let bytes = u64::try_from(answer.text.len()).expect("short");
    assert!(frames >= bytes, "{frames} frames for {bytes} bytes");
}

#[test]
fn a_client_that_closes_first_is_answered_all_the_same() {
    let mut world = faulty(Fault::any().delay(Duration::from_millis(100)));
    let handle = world.connect(V4);
    world.settle();
    let socket = world.socket(handle);
    socket.send_slice(PUT.as_bytes()).expect("connected");
    socket.close();
    while world.socket(handle).recv_queue() == 0 {
        world.settle();
        assert!(world.advance(Duration::from_secs(1)), "no answer");
    }
    assert_eq!(world.link.counters().token_puts, 1);
}

#[test]
fn a_server_that_limits_connections_resets_those_beyond() {
    let mut world = world(
        Mock::new(Profile::Ec2).max_connections(1),
        Options::new(),
        Wire::perfect(),
    );
    let handles = [world.connect(V4), world.connect(V4)];
    world.settle();
    let answers = world.finish(&handles.map(|handle| (handle, PUT)));
    assert_eq!([answers[0].end, answers[1].end], [End::Fin, End::Reset]);
}

#[test]
fn a_token_with_too_few_hops_never_arrives_and_all_else_does() {
    let options = Options::new().hop_limit(1, 1);
    let mut world = world(Mock::new(Profile::Ec2), options, Wire::perfect());
    assert_eq!(
        world.exchange(V4, &get(ID, "none")).end,
        End::Fin,
        "401 arrives"
    );
    let answer = world.exchange(V4, PUT);
    assert_eq!((answer.text.as_str(), answer.end), ("", End::Silence));
    let counters = world.link.counters();
    assert_eq!(
        counters.token_puts, 1,
        "the PUT arrived and was acknowledged"
    );
    assert!(
        counters.expired > 2,
        "retransmissions die too: {counters:?}"
    );
    assert_eq!(world.exchange(V4, &get(ID, "none")).end, End::Fin);
}

#[test]
fn a_token_with_enough_hops_arrives() {
    for (limit, routers) in [(1, 0), (2, 1), (64, 3)] {
        let options = Options::new().hop_limit(limit, routers);
        let mut world = world(Mock::new(Profile::Ec2), options, Wire::perfect());
        assert_eq!(read(&mut world).end, End::Fin);
        assert_eq!(world.link.counters().expired, 0);
    }
}

#[test]
fn the_limit_is_lifted_for_the_next_request_of_a_connection() {
    let options = Options::new().hop_limit(1, 0);
    let mut world = world(Mock::new(Profile::Ec2), options, Wire::perfect());
    let kept = PUT.replace("Host: x", "Connection: keep-alive");
    let answer = world.exchange(V4, &[kept.as_str(), &get(ID, "none")].concat());
    assert_eq!(answer.text.matches("HTTP/1.1 ").count(), 2);
}

#[test]
fn bytes_are_right_over_a_lossy_wire() {
    // Longer than a window and than a segment, and no two lines alike.
    let long: String = (0..4000).map(|n| format!("line {n}\n")).collect();
    let mut faults = 0;
    for seed in 0..20 {
        let mock =
            Mock::new(Profile::Ec2).tree(Tree::built_in().with("/latest/user-data", long.as_str()));
        let mut world = World::new(mock, Options::new(), Wire::lossy(seed));
        world.dhcp().expect("an address in the end");
        world.patience = Duration::from_secs(600);
        let token = world.token(V4);
        let answer = world.exchange(V4, &get("/latest/user-data", &token));
        assert_eq!(answer.end, End::Fin);
        assert!(body(&answer.text) == long, "bytes of seed {seed}");
        let tally = world.link.wire().tally();
        faults += tally.dropped + tally.delayed + tally.duplicated + tally.reordered;
    }
    assert!(faults > 200, "{faults}");
}

#[test]
fn the_same_seeds_make_the_same_world() {
    let run = |seed| {
        let options = Options::new().seed(7);
        let mut world = World::new(Mock::new(Profile::Ec2), options, Wire::lossy(seed));
        world.dhcp().expect("an address in the end");
        world.patience = Duration::from_secs(600);
        let answer = read(&mut world);
        (
            answer,
            world.now,
            world.link.counters(),
            world.link.wire().tally(),
        )
    };
    for seed in [1, 2, 3] {
        assert_eq!(run(seed), run(seed));
    }
}
