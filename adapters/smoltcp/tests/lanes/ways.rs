//! To whom there is a way, and from which address.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use imds_core::{Event, Fault};
use smoltcp::iface::Route;
use smoltcp::time::Instant;
use smoltcp::wire::TcpControl::Syn;

use crate::bench::{Bench, to};
use crate::cable::{GUEST, GUEST6, SERVER, SERVER6};

const FAR: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
const FAR6: IpAddr = IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1));
const SERVICE: IpAddr = IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254));
const LINK_LOCAL: IpAddr = IpAddr::V4(Ipv4Addr::new(169, 254, 7, 7));
const UNREACHABLE: Event = Event::Failed(Fault::Unreachable);

fn default_route(bench: &mut Bench<1>, router: IpAddr) {
    let routes = bench.cable.guest.iface.routes_mut();
    match router {
        IpAddr::V4(router) => routes.add_default_ipv4_route(router),
        IpAddr::V6(router) => routes.add_default_ipv6_route(router),
    }
    .expect("room");
}

#[test]
fn a_route_that_has_expired_leads_nowhere() {
    let mut bench = Bench::<1>::new();
    assert_eq!(bench.connect(0, &to(FAR)), UNREACHABLE);
    let IpAddr::V4(router) = SERVER else {
        unreachable!("a constant");
    };
    let route = Route {
        expires_at: Some(Instant::from_millis(3000)),
        ..Route::new_ipv4_gateway(router)
    };
    let routes = bench.cable.guest.iface.routes_mut();
    routes.update(|all| all.push(route).expect("room"));
    bench.cable.pass(2999);
    assert_eq!(bench.connect(0, &to(FAR)), Event::Blocked);
    bench.cable.settle();
    assert_eq!(bench.cable.sent(Syn), [2999]);
    assert_eq!(bench.close(0), Event::Closed);
    bench.cable.pass(1);
    assert_eq!(bench.connect(0, &to(FAR)), UNREACHABLE);
    bench.cable.pass(5000);
    assert_eq!(bench.cable.sent(Syn), [2999]);
}

/// smoltcp names `::1` then, and sends from it if it is told to.
#[test]
fn a_machine_without_an_address_of_the_family_reaches_nobody_of_it() {
    let mut bench = Bench::<1>::new();
    default_route(&mut bench, SERVER);
    default_route(&mut bench, SERVER6);
    for (address, near, far) in [((GUEST, 24), SERVER6, FAR6), ((GUEST6, 64), SERVER, FAR)] {
        bench.cable.guest.hold(&[address]);
        for remote in [near, far] {
            assert_eq!(bench.connect(0, &to(remote)), UNREACHABLE, "{remote}");
        }
    }
    bench.cable.pass(1000);
    assert_eq!(bench.cable.seen, []);
}

/// The other address is of another family.
#[test]
fn a_source_of_the_other_family_does_not_help_a_link_local_one() {
    let mut bench = Bench::<1>::new();
    bench.cable.guest.hold(&[(LINK_LOCAL, 16), (GUEST6, 64)]);
    let refused = Event::Failed(Fault::LinkLocalSource);
    assert_eq!(bench.connect(0, &to(SERVICE)), refused);
    bench.lanes.allow_link_local_source(true);
    assert_eq!(bench.connect(0, &to(SERVICE)), Event::Blocked);
}

#[test]
fn an_address_on_the_link_needs_no_route() {
    for address in [SERVER, SERVER6] {
        let mut bench = Bench::<1>::new();
        bench.cable.server.listen();
        assert_eq!(bench.connect(0, &to(address)), Event::Blocked);
        bench.cable.settle();
        assert_eq!(bench.connect(0, &to(address)), Event::Connected);
    }
}

/// The stack closes the socket by itself, without a word.
#[test]
fn an_address_that_is_lost_while_connecting_ends_it() {
    let mut bench = Bench::<1>::new();
    bench.cable.loses = |segment| segment.is_some();
    assert_eq!(bench.connect(0, &to(SERVER)), Event::Blocked);
    bench.cable.settle();
    bench.cable.guest.hold(&[(GUEST6, 64)]);
    bench.cable.pass(1);
    let event = bench.connect(0, &to(SERVER));
    assert_eq!(event, Event::Failed(Fault::Refused));
    assert_eq!(bench.close(0), Event::Closed);
}
