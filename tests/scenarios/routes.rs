//! Where requests go, and what they say about it.

use imds_core::config::Target;
use imds_core::{Config, Endpoint, Error, Peer};
use imds_tests::{World, config};

use crate::common::{ID, ec2, hosts};

fn to(target: Target) -> Config {
    Config { target, ..config() }
}

fn at(url: &str) -> Config {
    to(Target::One(Endpoint::parse(url).expect("a legal endpoint")))
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
        assert_eq!(hosts(&world.log()), [host], "{url}");
    }
}

#[test]
fn a_prefix_stands_before_every_target() {
    let mut world = World::<1>::new(ec2(), at("http://169.254.169.254:8080/imds/v9"));
    // The mock has no prefix, so the token's path is one of the wrong places to ask.
    assert_eq!(world.get(ID), Err(Error::Peer(Peer::TurnedOff)));
    assert_eq!(world.log()[0].path, "/imds/v9/latest/api/token");
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
