//! What the network does for a guest: addresses, neighbours, and which packets reach the service.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::time::Duration;

use crate::guest::{End, PUT, STATIC, World, body, get};
use imds_mock::{Mock, Profile};
use imds_peer::{
    DNS, GUEST_MAC, Options, Peer, Presence, ROUTER, ROUTER6, SERVICE, SERVICE6, Wire,
};

const V4: IpAddr = IpAddr::V4(SERVICE);
const V6: IpAddr = IpAddr::V6(SERVICE6);

/// Of the service's own prefix.
const LINK6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 9);

/// Behind a router, with a prefix of its own.
const ELSEWHERE6: Ipv6Addr = Ipv6Addr::new(0x2a05, 0xd014, 0x1a2b, 0x3c00, 0, 0, 0, 0x11);

fn instance_id(world: &mut World, service: IpAddr) -> String {
    let token = world.token(service);
    let answer = world.exchange(service, &get("/latest/meta-data/instance-id", &token));
    assert_eq!(answer.end, End::Fin);
    body(&answer.text).to_owned()
}

/// A guest without an address.
fn bare(options: Options) -> World {
    World::new(Mock::new(Profile::Ec2), options, Wire::perfect())
}

/// A guest with an address of the subnet.
fn ec2(options: Options) -> World {
    let mut world = bare(options);
    world.take_address(STATIC.into(), 20);
    world
}

#[test]
fn dhcp_gives_the_instances_own_address_and_the_service_is_reached() {
    let mut world = bare(Options::new());
    let (address, router, dns) = world.dhcp().expect("an address");
    assert_eq!(address.to_string(), "172.31.32.17/20");
    assert_eq!(address.address(), Peer::address_of(GUEST_MAC).into());
    assert_eq!((router, dns), (Some(ROUTER), vec![DNS]));
    assert_eq!(instance_id(&mut world, V4), "i-0123456789abcdef0");
    let counters = world.link.counters();
    assert_eq!(
        (counters.dhcp_offers, counters.dhcp_acks, counters.dhcp_naks),
        (1, 1, 0)
    );
    assert_eq!(
        (counters.connections, counters.token_puts, counters.gets),
        (2, 1, 1)
    );
    assert_eq!(
        (counters.link_local, counters.ignored, counters.expired),
        (0, 0, 0)
    );
}

#[test]
fn without_dhcp_nobody_gets_an_address() {
    let options = Options::new().dhcp(false);
    let mut world = bare(options);
    assert_eq!(world.dhcp(), None);
    assert!(world.link.counters().ignored > 1, "it asked again");
}

#[test]
fn the_service_is_on_the_link_for_a_guest_without_a_router() {
    let mut world = bare(Options::new());
    world.take_address(STATIC.into(), 0);
    assert_eq!(instance_id(&mut world, V4), "i-0123456789abcdef0");
}

#[test]
fn the_service_is_behind_the_router_for_a_guest_of_the_subnet() {
    let mut world = ec2(Options::new());
    world.take_route(ROUTER.into());
    assert_eq!(instance_id(&mut world, V4), "i-0123456789abcdef0");
}

#[test]
fn the_service_is_on_the_link_in_ipv6() {
    let mut world = bare(Options::new());
    world.take_address(LINK6.into(), 64);
    assert_eq!(instance_id(&mut world, V6), "i-0123456789abcdef0");
}

#[test]
fn the_service_is_behind_either_router_in_ipv6() {
    for router in [ROUTER6, Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1)] {
        let mut world = bare(Options::new());
        world.take_address(ELSEWHERE6.into(), 64);
        world.take_route(router.into());
        assert_eq!(
            instance_id(&mut world, V6),
            "i-0123456789abcdef0",
            "{router}"
        );
    }
}

#[test]
fn link_local_sources_are_not_served_unless_allowed() {
    for allowed in [false, true] {
        let mut world = bare(Options::new().allow_link_local(allowed));
        world.take_address(Ipv4Addr::new(169, 254, 10, 20).into(), 16);
        let answer = world.exchange(V4, PUT);
        let counters = world.link.counters();
        if allowed {
            assert_eq!((answer.end, counters.link_local), (End::Fin, 0));
        } else {
            assert_eq!((answer.text.as_str(), answer.end), ("", End::Silence));
            assert!(
                counters.link_local > 1,
                "tried, and tried again: {counters:?}"
            );
            assert_eq!(counters.connections, 0);
        }
    }
}

#[test]
fn in_firecracker_a_link_local_source_is_served_and_there_is_nothing_else() {
    let options = Options::for_profile(Profile::Mmds);
    let mut world = World::new(Mock::new(Profile::Mmds), options, Wire::perfect());
    assert_eq!(world.dhcp(), None, "no DHCP");
    world.take_address(Ipv4Addr::new(169, 254, 10, 20).into(), 16);
    let handle = world.connect(V4);
    let put = "PUT /latest/api/token HTTP/1.1\r\nX-metadata-token-ttl-seconds: 60\r\n\r\n";
    let answers = world.finish(&[(handle, put)]);
    // It keeps every connection open.
    assert_eq!(answers[0].end, End::Silence);
    assert!(
        answers[0].text.starts_with("HTTP/1.1 200 \r\n"),
        "{answers:?}"
    );

    world.take_address(LINK6.into(), 64);
    assert_eq!(world.exchange(V6, PUT).end, End::Silence, "no IPv6");
}

#[test]
fn an_absent_service_is_silence_in_both_families() {
    let mut world = ec2(Options::new().presence(Presence::Absent));
    world.take_address(LINK6.into(), 64);
    world.take_route(ROUTER.into());
    for service in [V4, V6] {
        assert_eq!(world.exchange(service, PUT).end, End::Silence);
    }
    assert!(world.link.counters().ignored > 1);
}

#[test]
fn a_silent_service_has_a_neighbour_and_no_connection() {
    let mut world = bare(Options::new().presence(Presence::Silent));
    world.take_address(STATIC.into(), 0);
    assert_eq!(world.exchange(V4, PUT).end, End::Silence);
    let counters = world.link.counters();
    assert_eq!(
        counters.frames_out, 1,
        "the neighbour's address: {counters:?}"
    );
    assert!(counters.ignored > 1, "SYNs: {counters:?}");
}

#[test]
fn a_refused_connection_is_reset_at_once() {
    for service in [V4, V6] {
        // A world for each: smoltcp asks for one neighbour a second.
        let mut world = bare(Options::new().presence(Presence::Refused));
        world.take_address(STATIC.into(), 0);
        world.take_address(LINK6.into(), 64);
        assert_eq!(world.exchange(service, PUT).end, End::Reset);
        assert_eq!(world.now, Duration::ZERO);
    }
}

#[test]
fn other_addresses_of_ours_serve_nothing() {
    let mut world = ec2(Options::new());
    assert_eq!(world.exchange(ROUTER.into(), PUT).end, End::Reset);
}
