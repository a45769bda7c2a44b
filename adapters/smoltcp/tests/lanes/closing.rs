//! How a connection ends.

use core::time::Duration;

use imds_core::{Error, Event, Fault, Reason};
use smoltcp::socket::tcp::State;
use smoltcp::wire::TcpControl::{Fin, Rst, Syn};

use crate::bench::{Bench, connected, to};
use crate::cable::{SERVER, Segment};
use crate::service::Service;

fn fin_of_guest(segment: Option<&Segment>) -> bool {
    segment.is_some_and(|segment| segment.by_guest && segment.control == Fin)
}

#[test]
fn an_orderly_close_is_a_fin_and_does_not_wait_for_time_wait() {
    let (mut bench, peer) = connected();
    assert_eq!(bench.close(0), Event::Blocked);
    assert_eq!(bench.wake(), Some(250));
    bench.cable.settle();
    assert_eq!(bench.cable.server.tcp(peer).state(), State::CloseWait);
    bench.cable.server.tcp(peer).close();
    bench.cable.pass(40);
    let handle = bench.handles[0];
    assert_eq!(bench.cable.guest.tcp(handle).state(), State::TimeWait);
    assert_eq!(bench.close(0), Event::Closed);
    assert_eq!(bench.wake(), None);
    assert_eq!(bench.cable.sent(Fin), [0]);
    let port = bench.cable.dialled();
    bench.cable.server.listen();
    bench.open(0);
    assert_ne!(bench.cable.dialled(), port);
    assert_eq!(bench.cable.sent(Syn), [0, 40]);
    assert_eq!(bench.cable.sent(Rst), []);
}

#[test]
fn a_close_at_the_same_moment_as_the_peer_s_is_orderly_too() {
    let (mut bench, peer) = connected();
    bench.cable.server.tcp(peer).close();
    assert_eq!(bench.close(0), Event::Blocked);
    bench.cable.settle();
    assert_eq!(bench.close(0), Event::Closed);
    bench.cable.pass(1000);
    assert_eq!(bench.cable.sent(Fin), [0]);
    assert_eq!(bench.cable.sent(Rst), []);
}

#[test]
fn a_connection_that_the_peer_closed_is_over_with_the_acknowledgement_of_our_fin() {
    let (mut bench, peer) = connected();
    bench.cable.server.tcp(peer).close();
    bench.cable.settle();
    assert_eq!(bench.receive(), (vec![], Event::Eof));
    assert_eq!(bench.close(0), Event::Blocked);
    bench.cable.settle();
    assert_eq!(bench.close(0), Event::Closed);
    assert_eq!(bench.cable.sent(Fin), [0]);
    assert_eq!(bench.cable.sent(Rst), []);
}

#[test]
fn a_connection_that_the_peer_reset_is_over_at_once() {
    let (mut bench, peer) = connected();
    bench.cable.server.tcp(peer).abort();
    bench.cable.settle();
    assert_eq!(bench.close(0), Event::Closed);
    bench.cable.settle();
    assert_eq!(bench.cable.sent(Fin), []);
    assert_eq!(bench.cable.sent(Rst), []);
}

/// The peer may have more of them, and a FIN would let it go on.
#[test]
fn bytes_that_nobody_will_read_are_answered_with_a_reset() {
    let (mut bench, peer) = connected();
    let sent = bench.cable.server.tcp(peer).send_slice(b"unread");
    sent.expect("it is connected");
    bench.cable.settle();
    assert_eq!(bench.close(0), Event::Blocked);
    assert_eq!(bench.wake(), Some(250));
    assert_eq!(bench.close(0), Event::Blocked, "it has not left yet");
    bench.cable.settle();
    assert_eq!(bench.close(0), Event::Closed);
    assert_eq!(bench.cable.sent(Rst), [0]);
    assert_eq!(bench.cable.sent(Fin), []);
    assert_eq!(bench.cable.server.tcp(peer).state(), State::Closed);
}

#[test]
fn a_fin_that_is_not_acknowledged_is_followed_by_a_reset() {
    let (mut bench, _) = connected();
    bench.cable.loses = fin_of_guest;
    assert_eq!(bench.close(0), Event::Blocked);
    bench.cable.pass(249);
    assert_eq!(bench.close(0), Event::Blocked);
    assert_eq!(bench.wake(), Some(250));
    bench.cable.pass(1);
    assert_eq!(bench.cable.sent(Rst), []);
    assert_eq!(bench.close(0), Event::Blocked);
    assert_eq!(bench.wake(), Some(500));
    bench.cable.settle();
    assert_eq!(bench.cable.sent(Rst), [250]);
    assert_eq!(bench.close(0), Event::Closed);
}

/// It acknowledges our FIN and keeps its own half open, to say more that nobody will read.
#[test]
fn a_peer_that_knows_of_our_fin_and_does_not_close_is_reset_without_waiting() {
    let (mut bench, peer) = connected();
    assert_eq!(bench.close(0), Event::Blocked);
    bench.cable.pass(40);
    assert_eq!(bench.cable.server.tcp(peer).state(), State::CloseWait);
    assert_eq!(bench.close(0), Event::Blocked);
    assert_eq!(bench.wake(), Some(290));
    bench.cable.settle();
    assert_eq!(bench.close(0), Event::Closed);
    assert_eq!(bench.cable.sent(Fin), [0]);
    assert_eq!(bench.cable.sent(Rst), [40]);
    assert_eq!(bench.cable.server.tcp(peer).state(), State::Closed);
}

#[test]
fn a_program_that_comes_back_late_still_sends_the_reset() {
    let (mut bench, peer) = connected();
    bench.cable.loses = fin_of_guest;
    assert_eq!(bench.close(0), Event::Blocked);
    bench.cable.settle();
    // It was somewhere else meanwhile.
    bench.cable.now += Duration::from_secs(2);
    assert_eq!(bench.close(0), Event::Blocked);
    assert_eq!(bench.wake(), Some(2250));
    bench.cable.settle();
    assert_eq!(bench.cable.sent(Rst), [2000]);
    assert_eq!(bench.cable.server.tcp(peer).state(), State::Closed);
    assert_eq!(bench.close(0), Event::Closed);
}

/// After a minute the neighbour has to be asked for again, and it is not there.
#[test]
fn a_reset_that_cannot_be_sent_holds_the_lane_no_longer_than_a_close() {
    let (mut bench, _) = connected();
    bench.cable.now += Duration::from_secs(61);
    bench.cable.loses = |_| true;
    assert_eq!(bench.close(0), Event::Blocked);
    bench.cable.pass(250);
    assert_eq!(bench.close(0), Event::Blocked);
    assert_eq!(bench.wake(), Some(61_500));
    bench.cable.pass(249);
    assert_eq!(bench.close(0), Event::Blocked);
    assert_eq!(bench.wake(), Some(61_500));
    bench.cable.pass(1);
    assert_eq!(bench.close(0), Event::Closed);
    bench.cable.pass(5000);
    assert_eq!(bench.cable.sent(Fin), []);
    assert_eq!(bench.cable.sent(Rst), []);
    // And the stack does not go on to look for the neighbour.
    assert_eq!(bench.cable.guest_delay(), None);

    bench.cable.loses = |_| false;
    bench.cable.server.listen();
    assert_eq!(bench.connect(0, &to(SERVER)), Event::Blocked);
    bench.cable.settle();
    assert_eq!(bench.connect(0, &to(SERVER)), Event::Connected);
}

#[test]
fn a_reset_for_unread_bytes_that_cannot_be_sent_takes_one_stage() {
    let (mut bench, peer) = connected();
    bench.cable.now += Duration::from_secs(58);
    let sent = bench.cable.server.tcp(peer).send_slice(b"unread");
    sent.expect("it is connected");
    bench.cable.settle();
    // Nothing was heard of it since.
    bench.cable.now += Duration::from_secs(61);
    bench.cable.loses = |_| true;
    assert_eq!(bench.close(0), Event::Blocked);
    bench.cable.pass(249);
    assert_eq!(bench.close(0), Event::Blocked);
    bench.cable.pass(1);
    assert_eq!(bench.close(0), Event::Closed);
    bench.cable.pass(5000);
    assert_eq!(bench.cable.sent(Rst), []);
    assert_eq!(bench.cable.guest_delay(), None);
}

#[test]
fn a_connection_that_was_never_made_is_given_up_at_once() {
    let mut bench = Bench::<1>::new();
    bench.cable.loses = |segment| segment.is_some();
    assert_eq!(bench.connect(0, &to(SERVER)), Event::Blocked);
    bench.cable.settle();
    assert_eq!(bench.close(0), Event::Closed);
    assert_eq!(bench.wake(), None);
    assert_eq!(bench.close(0), Event::Closed, "and stays so");
    bench.cable.pass(5000);
    assert_eq!(bench.cable.sent(Syn), [0], "and is not tried again");
    assert_eq!(bench.cable.sent(Rst), [], "there is nobody to tell");
    assert_eq!(bench.cable.guest_delay(), None);
    let handle = bench.handles[0];
    assert_eq!(bench.cable.guest.tcp(handle).state(), State::Closed);
    let port = bench.cable.dialled();

    bench.cable.loses = |_| false;
    bench.cable.server.listen();
    bench.open(0);
    assert_ne!(bench.cable.dialled(), port);
}

/// The stack shakes hands by itself, and the program gave up before it looked again.
#[test]
fn a_connection_that_stands_without_our_knowing_is_closed_like_any_other() {
    let mut bench = Bench::<1>::new();
    for speaks in [false, true] {
        let peer = bench.cable.server.listen();
        assert_eq!(bench.connect(0, &to(SERVER)), Event::Blocked);
        bench.cable.settle();
        let tcp = bench.cable.server.tcp(peer);
        assert_eq!(tcp.state(), State::Established);
        if speaks {
            tcp.send_slice(b"busy").expect("it is connected");
            bench.cable.settle();
        }
        assert_eq!(bench.close(0), Event::Blocked);
        bench.cable.settle();
        let tcp = bench.cable.server.tcp(peer);
        assert_ne!(tcp.state(), State::Established);
        tcp.close();
        bench.cable.settle();
        assert_eq!(bench.close(0), Event::Closed);
        let told = [bench.cable.sent(Fin).len(), bench.cable.sent(Rst).len()];
        assert_eq!(told, if speaks { [1, 1] } else { [1, 0] });
    }
}

#[test]
fn what_came_before_a_reset_is_read_first_and_then_the_socket_is_free() {
    let (mut bench, peer) = connected();
    let tcp = bench.cable.server.tcp(peer);
    tcp.send_slice(b"last words").expect("it is connected");
    bench.cable.settle();
    bench.cable.server.tcp(peer).abort();
    bench.cable.settle();
    let end = Event::Failed(Fault::Reset);
    assert_eq!(bench.receive(), (b"last words".to_vec(), end));
    assert_eq!(bench.close(0), Event::Closed);
    bench.cable.server.listen();
    bench.open(0);
}

#[test]
fn sending_on_a_connection_that_was_reset_says_so() {
    let (mut bench, peer) = connected();
    bench.cable.server.tcp(peer).abort();
    bench.cable.settle();
    assert_eq!(bench.send(b"request"), Event::Failed(Fault::Reset));
    assert_eq!(bench.close(0), Event::Closed);
}

/// The lanes' timers are the soonest of all of them.
#[test]
fn of_two_lanes_that_close_the_first_one_s_time_is_told() {
    use imds_core::drive::{Socket as _, Sockets as _};
    let mut bench = Bench::<2>::new();
    for lane in 0..2 {
        bench.cable.server.listen();
        bench.open(lane);
    }
    bench.cable.loses = fin_of_guest;
    assert_eq!(bench.close(1), Event::Blocked);
    bench.cable.pass(100);
    let now = bench.cable.instant();
    for order in [[0, 1], [1, 0]] {
        let guest = &mut bench.cable.guest;
        let mut stack = bench.lanes.on(now, &mut guest.iface, &mut guest.sockets);
        for lane in order {
            assert_eq!(stack.socket(lane).close(), Event::Blocked);
        }
        assert_eq!(bench.wake(), Some(250));
    }
}

/// A program that only does what `poll` tells it, and when.
#[test]
fn a_client_says_when_to_come_back_until_all_is_closed() {
    let mut service = Service::<1>::new();
    service.header = "Connection: close\r\n";
    service.cable.loses = fin_of_guest;
    service.get().expect("a value");
    service.rest();
    // The token's connection, and the value's.
    assert_eq!(service.cable.sent(Rst), [250, 500]);
    assert_eq!(service.cable.now, Duration::from_millis(500));
    service.cable.loses = |_| false;
    service.get().expect("a value");
    assert_eq!(service.client.counters().retries, 0);
}

#[test]
fn a_client_whose_syns_were_lost_connects_later() {
    let mut service = Service::<1>::new();
    service.cable.loses = |segment| segment.is_some();
    let error = service.get().expect_err("nobody answers");
    assert_eq!(error, Error::Timeout(Reason::Connect));
    service.rest();
    service.cable.loses = |_| false;
    let before = service.cable.now;
    service.get().expect("a value");
    assert_eq!(service.cable.now, before);
}
