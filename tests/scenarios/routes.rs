//! Where requests go, and what they say about it.

use imds_core::config::Target;
use imds_core::{Config, Endpoint, Error, Peer};
use imds_mock::Fault;
use imds_tests::{World, config};

use crate::common::{ALL, AMI, ID, assert_whole, ec2, ec2_with, small};

fn to(target: Target) -> Config {
    Config { target, ..config() }
}

fn at(url: &str) -> Config {
    to(Target::One(Endpoint::parse(url).expect("a legal endpoint")))
}

fn hosts<const LANES: usize>(world: &World<LANES>) -> Vec<String> {
    let log = world.log();
    let mut hosts: Vec<_> = log
        .iter()
        .map(|e| {
            e.header("host")
                .expect("every request names its host")
                .to_owned()
        })
        .collect();
    hosts.dedup();
    hosts
}

#[test]
fn every_request_names_its_host() {
    for (url, host) in [
        ("http://169.254.169.254", "169.254.169.254"),
        ("http://169.254.169.254:80/", "169.254.169.254"),
        ("http://169.254.169.254:1338", "169.254.169.254:1338"),
        ("http://[fd00:ec2::254]", "[fd00:ec2::254]"),
        ("http://[fd00:ec2::254]:8080/", "[fd00:ec2::254]:8080"),
    ] {
        let mut world = World::<1>::new(ec2(), at(url));
        assert!(world.get(ID).unwrap().is_some());
        assert_eq!(hosts(&world), [host], "{url}");
    }
}

#[test]
fn a_prefix_stands_before_every_target() {
    let mut world = World::<1>::new(ec2(), at("http://10.0.0.1:8080/imds/v9"));
    // The mock has no prefix, so the token's path is one of the wrong places to ask.
    assert_eq!(world.get(ID), Err(Error::Peer(Peer::TurnedOff)));
    assert_eq!(world.log()[0].path, "/imds/v9/latest/api/token");
}

#[test]
fn the_first_address_is_remembered_when_it_gave_a_token() {
    let mut world = World::<2>::new(ec2_with(small()), to(Target::Auto));
    let route = world.client.route();
    assert_eq!(route.first, Endpoint::IPV4);
    assert_eq!(route.second, Some(Endpoint::IPV6));
    let walked = world.walk("/latest/", ALL);
    assert_whole(&world, &walked);
    assert_eq!(hosts(&world), ["169.254.169.254"]);
    let route = world.client.route();
    assert_eq!((route.first, route.second), (Endpoint::IPV4, None));
}

#[test]
fn the_second_address_is_remembered_when_it_gave_a_token() {
    let mut world = World::<2>::new(ec2_with(small()).always_close(true), to(Target::Auto));
    world.network.second.set(true);
    let walked = world.walk("/latest/", ALL);
    assert_whole(&world, &walked);
    assert_eq!(hosts(&world), ["[fd00:ec2::254]"]);
    let route = world.client.route();
    assert_eq!((route.first, route.second), (Endpoint::IPV6, None));
}

#[test]
fn an_address_that_gave_no_token_is_not_remembered() {
    let fault = Fault::token().times(1).status(403);
    let mut world = World::<1>::new(ec2().fault(fault).always_close(true), to(Target::Auto));
    world.network.second.set(true);
    assert_eq!(world.get(ID), Err(Error::Peer(Peer::TurnedOff)));
    assert!(world.client.route().second.is_some(), "still open");
    world.network.second.set(false);
    assert!(world.get(AMI).unwrap().is_some());
    assert_eq!(hosts(&world), ["[fd00:ec2::254]", "169.254.169.254"]);
}

#[test]
fn requests_are_small_and_say_nothing_they_need_not() {
    let mut world = World::<1>::new(ec2(), config());
    world.get("/latest/user-data").unwrap();
    for request in world.log() {
        for header in [
            "expect",
            "transfer-encoding",
            "accept-encoding",
            "x-forwarded-for",
            "user-agent",
        ] {
            assert_eq!(request.header(header), None, "{header}");
        }
        let bytes: usize = request
            .headers
            .iter()
            .map(|(n, v)| n.len() + v.len() + 4)
            .sum();
        assert!(bytes < 300);
    }
}
