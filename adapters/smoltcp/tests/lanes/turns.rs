//! Two addresses on one socket: each in its turn, and what is said if neither connects.

use core::net::{IpAddr, Ipv4Addr};

use imds_core::{Endpoint, Event, Fault, Route};
use smoltcp::wire::TcpControl::Syn;

use crate::bench::{Bench, either};
use crate::cable::{Cable, GUEST, GUEST6, SERVER, SERVER6, Segment};

const SERVICE: IpAddr = IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254));
const LINK_LOCAL: IpAddr = IpAddr::V4(Ipv4Addr::new(169, 254, 7, 7));

/// No segment to the IPv4 address arrives.
fn ipv4(segment: Option<&Segment>) -> bool {
    segment.is_some_and(|segment| !segment.is_ipv6)
}

/// When SYNs went to the IPv4 and to the IPv6 address.
fn dialled(cable: &Cable) -> [Vec<u128>; 2] {
    [false, true].map(|is_ipv6| {
        let of_family = cable.seen.iter().filter(|seen| seen.is_ipv6 == is_ipv6);
        of_family
            .filter(|seen| seen.by_guest && seen.control == Syn)
            .map(|seen| seen.at)
            .collect()
    })
}

#[test]
fn the_second_address_has_its_turn_at_half_of_the_time() {
    let mut bench = Bench::<1>::new();
    let route = either(SERVER, SERVER6);
    bench.cable.server.listen();
    bench.cable.loses = ipv4;
    // The clock does not stand at zero, so that half of the time is not half of the instant.
    bench.cable.pass(500);
    assert_eq!(bench.connect_until(&route, 2500), Event::Blocked);
    bench.cable.settle();
    assert_eq!(bench.connect_until(&route, 2500), Event::Blocked);
    assert_eq!(bench.wake(), Some(1500));
    bench.cable.pass(999);
    assert_eq!(bench.connect_until(&route, 2500), Event::Blocked);
    bench.cable.pass(1);
    assert_eq!(bench.connect_until(&route, 2500), Event::Blocked);
    bench.cable.settle();
    assert_eq!(bench.connect_until(&route, 2500), Event::ConnectedSecond);
    // The stack would have repeated the first one's at that very moment.
    let [to_first, to_second] = dialled(&bench.cable);
    assert_eq!((to_first[0], to_second), (500, vec![1500]));
}

/// It is dialled once, and nothing takes its turn.
#[test]
fn the_second_address_has_all_the_rest_of_the_time() {
    let mut bench = Bench::<1>::new();
    let route = either(SERVER, SERVER6);
    bench.cable.loses = |segment| segment.is_some();
    for _ in 0..199 {
        assert_eq!(bench.connect_until(&route, 2000), Event::Blocked);
        bench.cable.pass(10);
    }
    let [to_first, to_second] = dialled(&bench.cable);
    assert!(to_first.iter().all(|at| *at <= 1000), "{to_first:?}");
    assert_eq!(to_second, [1000]);
    // The core's deadline ends it.
    assert_eq!(bench.connect_until(&route, 2000), Event::Blocked);
    assert_eq!(bench.close(0), Event::Closed);
}

/// The program came too late, and the core will say so.
#[test]
fn in_time_that_is_up_already_no_turn_is_waited_for() {
    let mut bench = Bench::<1>::new();
    let route = either(SERVER, SERVER6);
    bench.cable.loses = ipv4;
    bench.cable.pass(500);
    assert_eq!(bench.connect_until(&route, 400), Event::Blocked);
    assert_eq!(bench.connect_until(&route, 400), Event::Blocked);
    assert_eq!(bench.wake(), None);
    bench.cable.settle();
    assert_eq!(dialled(&bench.cable), [vec![], vec![500]]);
}

#[test]
fn a_second_address_without_a_way_takes_no_time_from_the_first() {
    let mut bench = Bench::<1>::new();
    let route = either(SERVER, SERVER6);
    bench.cable.guest.hold(&[(GUEST, 24)]);
    bench.cable.server.listen();
    bench.cable.loses = ipv4;
    assert_eq!(bench.connect_until(&route, 4000), Event::Blocked);
    bench.cable.pass(2500);
    assert_eq!(bench.connect_until(&route, 4000), Event::Blocked);
    assert_eq!(bench.wake(), None);
    bench.cable.loses = |_| false;
    bench.cable.pass(500);
    assert_eq!(bench.connect_until(&route, 4000), Event::Connected);
    assert_eq!(dialled(&bench.cable), [vec![0, 1000, 3000], vec![]]);
}

#[test]
fn without_a_time_limit_the_first_address_keeps_its_turn() {
    let mut bench = Bench::<1>::new();
    let route = either(SERVER, SERVER6);
    bench.cable.loses = ipv4;
    assert_eq!(bench.connect(0, &route), Event::Blocked);
    bench.cable.pass(5000);
    assert_eq!(bench.connect(0, &route), Event::Blocked);
    assert_eq!(bench.wake(), None);
    assert_eq!(dialled(&bench.cable)[1], []);
}

#[test]
fn a_refusal_gives_the_second_address_its_turn_at_once() {
    let mut bench = Bench::<1>::new();
    let route = either(SERVER, SERVER6);
    let only = (SERVER6, crate::cable::PORT);
    let peer = bench.cable.server.listen();
    let tcp = bench.cable.server.tcp(peer);
    tcp.abort();
    tcp.listen(only).expect("it is closed");
    assert_eq!(bench.connect_until(&route, 8000), Event::Blocked);
    bench.cable.settle();
    assert_eq!(bench.connect_until(&route, 8000), Event::Blocked);
    assert_eq!(bench.wake(), None, "it has all of the time");
    // For so long the stack asks for no other neighbour after it asked for one.
    bench.cable.pass(1000);
    assert_eq!(bench.connect_until(&route, 8000), Event::ConnectedSecond);
    assert_eq!(dialled(&bench.cable), [[0], [1000]]);
}

/// Connects to nobody's port until that has failed, however often it has to be asked.
fn fault(bench: &mut Bench<1>, route: &Route) -> Fault {
    for _ in 0..4 {
        let event = bench.connect_until(route, 60_000);
        if let Event::Failed(fault) = event {
            return fault;
        }
        assert_eq!(event, Event::Blocked);
        bench.cable.pass(1000);
    }
    panic!("it is not refused");
}

/// No way to one family says less than what happened on the other.
#[test]
fn of_two_faults_the_one_that_says_more_is_told() {
    let mut bench = Bench::<1>::new();
    let guest = [(GUEST, 24), (GUEST6, 64)];
    let cases = [
        // Both have a way.
        (&guest[..], either(SERVER, SERVER6), Fault::Refused),
        // Only the second, only the first, neither.
        (&guest[..1], either(SERVER6, SERVER), Fault::Refused),
        (&guest[..1], either(SERVER, SERVER6), Fault::Refused),
        (&[], either(SERVER, SERVER6), Fault::Unreachable),
        // One has no way, and the other one a source that is of no use there.
        (
            &[(LINK_LOCAL, 16)],
            either(SERVER6, SERVICE),
            Fault::LinkLocalSource,
        ),
        (
            &[(LINK_LOCAL, 16)],
            either(SERVICE, SERVER6),
            Fault::LinkLocalSource,
        ),
    ];
    for (addresses, route, expected) in cases {
        bench.cable.guest.hold(addresses);
        let told = fault(&mut bench, &route);
        assert_eq!(told, expected, "{addresses:?} {route:?}");
        assert_eq!(bench.close(0), Event::Closed);
    }
}

/// A name that only a resolver could make an address of.
#[test]
fn a_name_is_no_address() {
    let mut bench = Bench::<1>::new();
    let first = Endpoint::parse("http://metadata.internal").expect("an endpoint");
    let second = None;
    let told = fault(&mut bench, &Route { first, second });
    assert_eq!(told, Fault::NameNotFound);
}
