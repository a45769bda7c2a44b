//! Connections that are kept between two operations, and what becomes of them meanwhile.

use smoltcp::socket::tcp::{Socket, State};
use smoltcp::wire::TcpControl::{Fin, Rst, Syn};

use crate::service::Service;

/// Reads a value, lets the server do something to the idle connection, and reads again. The
/// second read costs one new connection, and no exchange that fails.
fn meanwhile(what: fn(&mut Socket<'static>)) -> Service<1> {
    let mut service = Service::<1>::new();
    service.get().expect("a value");
    assert_eq!(service.requests, 2, "for the token and for the value");
    let idle = service.open();
    assert_eq!(idle.len(), 1, "it is kept");
    what(service.cable.server.tcp(idle[0]));
    service.cable.pass(1000);
    assert_eq!(service.requests, 2);
    service.get().expect("a value");
    assert_eq!(service.requests, 3, "none was in vain");
    let counters = service.client.counters();
    assert_eq!((counters.requests, counters.retries), (3, 0));
    assert_eq!(counters.connections, 2);
    assert_eq!(service.cable.sent(Syn), [0, 1000]);
    service
}

#[test]
fn a_kept_connection_is_used_again_if_nothing_happened_to_it() {
    let mut service = Service::<1>::new();
    for _ in 0..3 {
        service.get().expect("a value");
        service.cable.pass(1000);
    }
    assert_eq!(service.requests, 4);
    assert_eq!(service.cable.sent(Syn), [0]);
}

#[test]
fn a_kept_connection_that_the_server_closed_costs_no_exchange() {
    let mut service = meanwhile(Socket::close);
    assert_eq!(service.cable.sent(Fin), [1000]);
    assert_eq!(service.cable.sent(Rst), []);
    // Both ends are over, and one stands.
    assert_eq!(service.open().len(), 1);
}

#[test]
fn a_kept_connection_that_the_server_reset_costs_no_exchange() {
    let service = meanwhile(Socket::abort);
    assert_eq!(service.cable.sent(Fin), []);
    assert_eq!(service.cable.sent(Rst), []);
}

/// It would be taken for the beginning of the next answer.
#[test]
fn a_kept_connection_on_which_the_server_speaks_unasked_is_reset() {
    let mut service = meanwhile(|tcp| {
        tcp.send_slice(b"H").expect("it is connected");
    });
    assert_eq!(service.cable.sent(Rst), [1000]);
    assert_eq!(service.cable.sent(Fin), []);
    assert_eq!(service.open().len(), 1);
}

/// As a 408 before the end: bytes, and then a FIN.
#[test]
fn a_kept_connection_on_which_the_server_speaks_and_closes_is_reset() {
    let service = meanwhile(|tcp| {
        tcp.send_slice(b"HTTP/1.1 408 \r\n\r\n")
            .expect("it is connected");
        tcp.close();
        assert_eq!(tcp.state(), State::FinWait1);
    });
    assert_eq!(service.cable.sent(Rst), [1000]);
}
