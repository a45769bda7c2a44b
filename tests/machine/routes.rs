//! Where requests go, and what they say about it.

use imds_core::config::Target;
use imds_core::{Config, Endpoint, Error, Peer};
use imds_mock::Fault;
use imds_tests::{Machine, config};

use crate::common::{ALL, AMI, ID, assert_whole, ec2, ec2_with, hosts, small};

fn to(target: Target) -> Config {
    Config { target, ..config() }
}

#[test]
fn the_first_address_is_remembered_when_it_gave_a_token() {
    let mut world = Machine::<2>::new(ec2_with(small()), to(Target::Auto));
    let route = world.client.route();
    assert_eq!(route.first, Endpoint::IPV4);
    assert_eq!(route.second, Some(Endpoint::IPV6));
    let walked = world.walk("/latest/", ALL);
    assert_whole(&world, &walked);
    assert_eq!(hosts(&world.log()), ["169.254.169.254"]);
    let route = world.client.route();
    assert_eq!((route.first, route.second), (Endpoint::IPV4, None));
}

#[test]
fn the_second_address_is_remembered_when_it_gave_a_token() {
    let mut world = Machine::<2>::new(ec2_with(small()).always_close(true), to(Target::Auto));
    world.network.second.set(true);
    let walked = world.walk("/latest/", ALL);
    assert_whole(&world, &walked);
    assert_eq!(hosts(&world.log()), ["[fd00:ec2::254]"]);
    let route = world.client.route();
    assert_eq!((route.first, route.second), (Endpoint::IPV6, None));
}

#[test]
fn an_address_that_gave_no_token_is_not_remembered() {
    let fault = Fault::token().times(1).status(403);
    let mut world = Machine::<1>::new(ec2().fault(fault).always_close(true), to(Target::Auto));
    world.network.second.set(true);
    assert_eq!(world.get(ID), Err(Error::Peer(Peer::TurnedOff)));
    assert!(world.client.route().second.is_some(), "still open");
    world.network.second.set(false);
    assert!(world.get(AMI).unwrap().is_some());
    assert_eq!(hosts(&world.log()), ["[fd00:ec2::254]", "169.254.169.254"]);
}
