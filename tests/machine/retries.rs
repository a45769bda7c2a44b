//! Failures that another attempt mends, and those that it does not.

use core::time::Duration;

use imds_core::{Config, Error, Event, Fault as Broken, Peer, Reason};
use imds_mock::{Fault, Tree};
use imds_tests::{Machine, config};

use crate::common::{
    ALL, AMI, SMALL_READS, assert_whole, attempts, ec2, ec2_with, leaves, millis, small, start_get,
};

/// Requests beyond those of an undisturbed walk of the small tree.
fn extra<const LANES: usize>(world: &Machine<LANES>) -> usize {
    world.gets() - SMALL_READS
}

#[test]
fn a_break_in_the_body_is_truncation_and_never_stitched() {
    let big: Vec<u8> = (0..30_000u32).map(|n| n.to_le_bytes()[1]).collect();
    let tree = || Tree::new().with("meta-data/big", big.clone());
    let path = "/latest/meta-data/big";
    for at in [0, 1, 3000, 4096, 8192, 29_999] {
        for fault in [
            Fault::on("GET", path).reset_in_body(at),
            Fault::on("GET", path).close_in_body(at),
            Fault::on("GET", path).stall_in_body(at),
        ] {
            let mock = ec2_with(tree()).fault(fault.clone().times(2));
            let mut world = Machine::<1, 2048>::new(mock, config());
            let get = start_get(&mut world, path);
            assert!(world.run(get).is_ok(), "{fault:?}");
            let restarts = world.gathered.restarts(get);
            assert_eq!(world.gathered.take_value(get).unwrap(), big);
            // A piece smaller than the window never reached the taker, so nothing is void.
            assert_eq!(restarts, if at > 2048 { 2 } else { 0 }, "{fault:?}");

            let mut world =
                Machine::<1, 2048>::new(ec2_with(tree()).fault(fault.clone()), config());
            let get = start_get(&mut world, path);
            let error = world.run(get).unwrap_err();
            assert!(
                [
                    Error::Peer(Peer::Truncated),
                    Error::Timeout(Reason::BodyIdle)
                ]
                .contains(&error),
                "{fault:?}: {error:?}"
            );
        }
    }
}

/// A server that promised to keep the connection and closed it under the next request.
fn dies_when_reused(settings: Config, fault: Fault) -> Machine<1> {
    let mut world = Machine::<1>::new(ec2_with(small()).fault(fault), settings);
    world.network.looks.set(false);
    let walked = world.walk("/latest/", ALL);
    assert_whole(&world, &walked);
    world
}

#[test]
fn a_kept_connection_that_dies_before_the_first_byte_costs_no_attempt() {
    for fault in [
        Fault::on("GET", AMI).close_before_reply(),
        Fault::on("GET", AMI).reset_before_reply(),
        Fault::on("GET", "/latest/").close_before_reply(),
    ] {
        let world = dies_when_reused(attempts(1), fault.clone().times(1));
        assert_eq!(extra(&world), 1, "{fault:?}");
        assert_eq!(world.client.session().counters().retries, 0);
        assert_eq!(world.network.now.get(), Duration::ZERO, "nor any time");
    }
}

#[test]
fn a_connection_refused_in_the_middle_costs_attempts_of_its_node() {
    let mut world = Machine::<1>::new(ec2_with(small()).always_close(true), config());
    let walk = world.start_walk("/latest/", ALL).unwrap();
    world.gathered.appetite = Some(1);
    world.drive();
    world.gathered.appetite = None;
    let refused = Event::Failed(Broken::Refused);
    world.network.connect.set(Some(refused));
    world.drive();
    assert!(world.step());
    world.drive();
    world.network.connect.set(None);
    let result = world.run(walk);
    let walked = world.walked(walk, result);
    assert_whole(&world, &walked);
}

#[test]
fn a_service_that_goes_away_fails_every_node_by_name() {
    let mut world = Machine::<1>::new(ec2_with(small()).always_close(true), config());
    let walk = world.start_walk("/latest/", ALL).unwrap();
    world.gathered.appetite = Some(1);
    world.drive();
    world.gathered.appetite = None;
    world
        .network
        .connect
        .set(Some(Event::Failed(Broken::Refused)));
    let result = world.run(walk);
    let walked = world.walked(walk, result);
    assert_eq!(walked.exit_code(), 7);
    assert_eq!(walked.leaves.len(), 2, "one was taken, one was on offer");
    assert_eq!(walked.missing.len(), 1);
}

#[test]
fn lanes_are_halved_after_a_reset_for_the_rest_of_the_walk() {
    // Each leaf takes its time, so lanes pile up as far as they may.
    let fault = Fault::below("GET", "/latest/meta-data/").delay(millis(10));
    let reset = Fault::on("GET", "/latest/meta-data/hostname").times(1);
    let mock = ec2()
        .always_close(true)
        .fault(reset.reset_before_reply())
        .fault(fault);
    let mut world = Machine::<8>::new(mock, config());
    let walked = world.walk("/latest/", ALL);
    assert_eq!(walked.leaves.len(), leaves(&world.mock(), "/latest/").len());
    let log = world.log();
    let at = log
        .iter()
        .position(|e| e.path.ends_with("/hostname") && e.status == 0)
        .expect("it was reset");
    // Whoever asked within the time that one answer takes has a lane of its own.
    let most = |log: &[imds_mock::Exchange]| {
        let slow: Vec<_> = log
            .iter()
            .filter(|e| e.path.starts_with("/latest/meta-data/") && e.status == 200)
            .map(|e| e.at)
            .collect();
        let within = |i: usize| {
            let rest = slow[i..].iter();
            rest.take_while(|at| **at < slow[i] + millis(10)).count()
        };
        (0..slow.len()).map(within).max().unwrap_or(0)
    };
    assert_eq!(most(&log[..at]), 7, "before, all lanes were used");
    assert!(most(&log[at + 9..]) <= 4, "after, half of them");
}
