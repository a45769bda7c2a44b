//! How a connection begins, and on what kind of socket.

use core::time::Duration;

use imds_core::{Event, Fault};
use smoltcp::iface::SocketHandle;
use smoltcp::wire::IpEndpoint;
use smoltcp::wire::TcpControl::{None as Plain, Rst, Syn};

use crate::bench::{Bench, connected, to};
use crate::cable::{GUEST, PORT, SERVER};

/// A bench whose socket somebody has used before.
fn used(how: impl FnOnce(&mut Bench<1>, SocketHandle)) -> Bench<1> {
    let mut bench = Bench::new();
    let handle = bench.handles[0];
    how(&mut bench, handle);
    bench.cable.settle();
    bench
}

fn dial(bench: &mut Bench<1>, handle: SocketHandle) {
    bench.cable.server.listen();
    let guest = &mut bench.cable.guest;
    let tcp: &mut smoltcp::socket::tcp::Socket<'_> = guest.sockets.get_mut(handle);
    let remote = IpEndpoint::new(SERVER.into(), PORT);
    tcp.connect(guest.iface.context(), remote, (GUEST, 1234))
        .expect("it is closed");
}

#[test]
fn a_socket_may_be_handed_over_in_any_state() {
    let listening = used(|bench, handle| {
        bench.cable.guest.tcp(handle).listen(8080).expect("new");
    });
    let connecting = used(|bench, handle| {
        bench.cable.loses = |_| true;
        dial(bench, handle);
    });
    let established = used(dial);
    let resting = used(|bench, handle| {
        dial(bench, handle);
        bench.cable.settle();
        bench.cable.guest.tcp(handle).close();
    });
    for mut bench in [listening, connecting, established, resting] {
        bench.cable.loses = |_| false;
        // The stack's rest, if the neighbour could not be found.
        bench.cable.pass(1000);
        let handle = bench.handles[0];
        println!("{}", bench.cable.guest.tcp(handle).state());
        bench.cable.server.listen();
        bench.open(0);
        assert_ne!(bench.cable.dialled(), 1234);
        assert_eq!(bench.send(b"request"), Event::Sent(7));
    }
}

#[test]
fn a_socket_that_was_handed_over_loses_its_time_limit() {
    let (mut bench, peer) = {
        let mut bench = Bench::<1>::new();
        let handle = bench.handles[0];
        let limit = smoltcp::time::Duration::from_millis(100);
        bench.cable.guest.tcp(handle).set_timeout(Some(limit));
        let peer = bench.cable.server.listen();
        bench.open(0);
        (bench, peer)
    };
    assert_eq!(bench.send(b"request"), Event::Sent(7));
    bench.cable.loses = |_| true;
    bench.cable.pass(5000);
    assert_eq!(bench.receive(), (vec![], Event::Blocked));
    bench.cable.loses = |_| false;
    bench.cable.pass(5000);
    assert_eq!(bench.cable.server.tcp(peer).recv_queue(), 7);
}

/// The server's stack holds a second small segment back until the first is acknowledged.
#[test]
fn what_the_server_sends_is_acknowledged_without_delay() {
    let (mut bench, peer) = connected();
    for part in [b"a", b"b"] {
        let tcp = bench.cable.server.tcp(peer);
        assert!(tcp.nagle_enabled());
        tcp.send_slice(part).expect("it is connected");
        // Nobody reads meanwhile: it is the stack that acknowledges.
        bench.cable.settle();
    }
    assert_eq!(bench.receive(), (b"ab".to_vec(), Event::Blocked));
    assert_eq!(bench.cable.now, Duration::ZERO);
}

/// The server's stack delays its acknowledgements, as smoltcp's do.
#[test]
fn what_we_send_does_not_wait_for_acknowledgements() {
    let (mut bench, peer) = connected();
    assert!(bench.cable.server.tcp(peer).ack_delay().is_some());
    bench.cable.seen.clear();
    for part in [b"a", b"b"] {
        assert_eq!(bench.send(part), Event::Sent(1));
        bench.cable.settle();
    }
    assert_eq!(bench.cable.sent(Plain), [0, 0]);
    assert_eq!(bench.cable.server.tcp(peer).recv_queue(), 2);
}

#[test]
fn a_send_buffer_that_is_full_is_no_error() {
    let (mut bench, _) = connected();
    assert_eq!(bench.send(&[0; 600]), Event::Sent(512));
    assert_eq!(bench.send(&[0; 88]), Event::Blocked);
    bench.cable.pass(20);
    assert_eq!(bench.send(&[0; 88]), Event::Sent(88));
}

/// It is connected all the same, and what it said is read.
#[test]
fn a_server_that_speaks_and_closes_before_we_look_is_heard() {
    let mut bench = Bench::<1>::new();
    let peer = bench.cable.server.listen();
    assert_eq!(bench.connect(0, &to(SERVER)), Event::Blocked);
    bench.cable.settle();
    let tcp = bench.cable.server.tcp(peer);
    tcp.send_slice(b"busy").expect("it is connected");
    tcp.close();
    bench.cable.settle();
    assert_eq!(bench.connect(0, &to(SERVER)), Event::Connected);
    assert_eq!(bench.receive(), (b"busy".to_vec(), Event::Eof));
}

#[test]
fn a_refused_connection_is_begun_from_nothing_the_next_time() {
    let mut bench = Bench::<1>::new();
    let mut ports = Vec::new();
    for _ in 0..3 {
        assert_eq!(bench.connect(0, &to(SERVER)), Event::Blocked);
        bench.cable.settle();
        let refused = Event::Failed(Fault::Refused);
        assert_eq!(bench.connect(0, &to(SERVER)), refused);
        ports.push(bench.cable.dialled());
    }
    ports.sort_unstable();
    ports.dedup();
    assert_eq!(ports.len(), 3);
    assert_eq!(bench.close(0), Event::Closed);
    bench.cable.settle();
    assert_eq!(bench.cable.sent(Rst), []);
    bench.cable.server.listen();
    bench.open(0);
}

#[test]
fn a_syn_that_is_lost_is_repeated_and_connects() {
    let mut bench = Bench::<1>::new();
    bench.cable.server.listen();
    bench.cable.loses = |segment| segment.is_some_and(|segment| segment.at < 900);
    assert_eq!(bench.connect(0, &to(SERVER)), Event::Blocked);
    bench.cable.pass(999);
    assert_eq!(bench.connect(0, &to(SERVER)), Event::Blocked);
    // One address: no other one has to have its turn.
    assert_eq!(bench.wake(), None);
    bench.cable.pass(1);
    assert_eq!(bench.connect(0, &to(SERVER)), Event::Connected);
    assert_eq!(bench.cable.sent(Syn), [0, 1000]);
}
