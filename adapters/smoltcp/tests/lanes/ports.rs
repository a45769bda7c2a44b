//! Local ports, when there are connections on them.

use core::time::Duration;

use imds_core::Event;
use imds_smoltcp::{Buffers, Lanes};
use smoltcp::iface::SocketHandle;
use smoltcp::wire::TcpControl::{None as Plain, Syn};

use crate::bench::{Bench, SEED, connected, either, to};
use crate::cable::{SERVER, SERVER6};
use crate::service::Service;

/// As many as there are local ports.
const COUNT: usize = 32768;

/// A lane dials so often, and gives up each time.
fn dial(bench: &mut Bench<2>, lane: usize, times: usize) {
    for _ in 0..times {
        assert_eq!(bench.connect(lane, &to(SERVER)), Event::Blocked);
        assert_eq!(bench.wake(), None);
        assert_eq!(bench.close(lane), Event::Closed);
    }
}

/// A lap, at once, with a connection on its first port that stays.
fn lap() -> (Bench<2>, SocketHandle) {
    let mut bench = Bench::<2>::new();
    let peer = bench.cable.server.listen();
    bench.open(0);
    dial(&mut bench, 1, COUNT - 1);
    bench.cable.settle();
    (bench, peer)
}

#[test]
fn a_port_that_another_lane_uses_is_passed_over() {
    let (mut bench, _) = lap();
    let first = bench.cable.first_port();
    bench.cable.now += Duration::from_secs(60);
    bench.cable.server.listen();
    bench.open(1);
    let second = bench.cable.dialled();
    assert_eq!(second, if first == u16::MAX { 32768 } else { first + 1 });
    for lane in [0, 1] {
        let sent = bench.ask(lane, |socket| socket.send(b"request", None));
        assert_eq!(sent, Event::Sent(7));
    }
    bench.cable.seen.clear();
    bench.cable.settle();
    let mut ports: Vec<u16> = bench
        .cable
        .seen
        .iter()
        .filter(|seen| seen.control == Plain && seen.len == 7)
        .map(|seen| seen.port)
        .collect();
    ports.sort_unstable();
    let mut expected = [first, second];
    expected.sort_unstable();
    assert_eq!(ports, expected);
}

/// With the same seed, so that they begin with the same port, and to the same server.
#[test]
fn a_port_that_another_client_of_the_stack_uses_is_passed_over() {
    let mut bench = Bench::<1>::new();
    let buffers: &'static mut Buffers<1, 64, 64> = Box::leak(Box::default());
    let other = buffers.add_to(&mut bench.cable.guest.sockets);
    let mut other = Lanes::new(other, SEED);
    for _ in 0..2 {
        bench.cable.server.listen();
        bench.open(0);
        core::mem::swap(&mut bench.lanes, &mut other);
    }
    assert_ne!(bench.cable.first_port(), bench.cable.dialled());
}

/// Its answers would go to whoever listens there.
#[test]
fn a_port_on_which_the_program_listens_is_passed_over() {
    let (mut bench, _) = connected();
    let first = bench.cable.first_port();
    bench = Bench::new();
    let listening = bench.cable.guest.listen();
    let tcp = bench.cable.guest.tcp(listening);
    tcp.abort();
    tcp.listen(first).expect("it is closed");
    bench.cable.server.listen();
    bench.open(0);
    assert_ne!(bench.cable.dialled(), first);
}

#[test]
fn without_a_port_that_has_rested_a_lane_waits_for_one() {
    let (mut bench, _) = lap();
    assert_eq!(bench.connect(1, &to(SERVER)), Event::Blocked);
    assert_eq!(bench.wake(), Some(60_000));
    bench.cable.now += Duration::from_millis(59_999);
    assert_eq!(bench.connect(1, &to(SERVER)), Event::Blocked);
    assert_eq!(bench.wake(), Some(60_000));
    // It never began, so there is nothing to wait for.
    assert_eq!(bench.close(1), Event::Closed);
    bench.cable.now += Duration::from_millis(1);
    bench.cable.server.listen();
    bench.open(1);
}

/// The first one's connection was given up for it.
#[test]
fn if_there_is_no_port_for_a_second_address_both_have_their_turns_anew() {
    let mut bench = Bench::<2>::new();
    let route = either(SERVER, SERVER6);
    bench.cable.loses = |segment| segment.is_some();
    assert_eq!(bench.connect_until(&route, 200_000), Event::Blocked);
    bench.cable.now += Duration::from_secs(50);
    dial(&mut bench, 1, COUNT - 1);
    // The turn.
    bench.cable.now += Duration::from_secs(50);
    assert_eq!(bench.connect_until(&route, 200_000), Event::Blocked);
    assert_eq!(bench.wake(), Some(110_000));
    bench.cable.seen.clear();
    bench.cable.pass(10_000);
    assert_eq!(bench.cable.sent(Syn), []);
    assert_eq!(bench.connect_until(&route, 200_000), Event::Blocked);
    bench.cable.settle();
    assert_eq!(bench.cable.sent(Syn), [110_000]);
    let last = bench.cable.seen.last().expect("a SYN");
    assert!(!last.is_ipv6, "{last:?}");
}

/// The server remembers it from then on.
#[test]
fn a_port_rests_from_the_end_of_its_connection() {
    let (mut bench, peer) = lap();
    let first = bench.cable.first_port();
    bench.cable.now += Duration::from_secs(100);
    bench.cable.settle();
    assert_eq!(bench.close(0), Event::Blocked);
    bench.cable.settle();
    bench.cable.server.tcp(peer).close();
    bench.cable.settle();
    assert_eq!(bench.close(0), Event::Closed);
    assert_eq!(bench.connect(1, &to(SERVER)), Event::Blocked);
    assert_eq!(bench.wake(), Some(160_000));
    bench.cable.now += Duration::from_secs(60);
    // The stack's own TIME-WAIT is over.
    bench.cable.settle();
    assert_eq!(bench.connect(1, &to(SERVER)), Event::Blocked);
    bench.cable.settle();
    assert_eq!(bench.cable.dialled(), first);
}

/// The program sleeps for as long as it is told to, and not for ever.
#[test]
fn a_client_without_a_port_says_when_there_will_be_one() {
    let mut service = Service::<1>::new();
    service.header = "Connection: close\r\n";
    service.get().expect("a value");
    let now = service.cable.instant();
    let guest = &mut service.cable.guest;
    service.header = "";
    // The connections' ends are not what this is about.
    for _ in 0..COUNT {
        let op = service.client.get(now, "/latest/user-data").expect("room");
        let sink = &mut crate::service::All;
        let client = &mut service.client;
        client.poll(now, &mut guest.iface, &mut guest.sockets, sink);
        client.cancel(op);
        client.poll(now, &mut guest.iface, &mut guest.sockets, sink);
    }
    let op = service.client.get(now, "/latest/user-data").expect("room");
    let dialled = service.cable.sent(Syn).len();
    let delay = service.poll().expect("a time to come back");
    assert_eq!(service.cable.sent(Syn).len(), dialled);
    assert_eq!(delay, Duration::from_secs(60));
    service.cable.now += delay;
    service.poll();
    let (ended, result) = service.client.next_done().expect("it went on");
    assert_eq!((ended, result.is_ok()), (op, true));
}
