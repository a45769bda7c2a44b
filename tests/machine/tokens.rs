//! The token: asked for once, renewed in time, replaced when refused, never looped over.

use imds_core::walk::Why;
use imds_core::{Config, Error, Peer, Reason};
use imds_mock::{Fault, TtlOverride};
use imds_tests::{Machine, config};

use crate::common::{ALL, AMI, ID, ec2, leaves, millis, seconds, small, start_get};

#[test]
fn lanes_share_one_request_for_a_token() {
    for ttl in [TtlOverride::Echo, TtlOverride::Fixed(5)] {
        let fault = Fault::token().delay(millis(500));
        let mut world = Machine::<8>::new(ec2().token_ttl_override(ttl).fault(fault), config());
        let now = world.now();
        let ops: Vec<_> = [ID, AMI, ID].map(|path| start_get(&mut world, path)).into();
        let walk = world.client.walk(now, "/latest/", ALL).unwrap();
        for op in ops {
            world.run(op).unwrap();
        }
        world.run(walk).unwrap();
        assert_eq!(world.puts(), 1);
    }
}

#[test]
fn revoked_tokens_are_replaced_in_the_middle_of_a_walk() {
    fn revoke<const LANES: usize>() {
        let mut world = Machine::<LANES>::new(ec2(), config());
        let walk = world.start_walk("/latest/", ALL).unwrap();
        let mut n = 0;
        let result = loop {
            n += 1;
            if n % 40 == 0 {
                world.mock().revoke_tokens();
            }
            world.turn(n % LANES);
            if let Some(result) = world.take_ended(walk) {
                break result;
            }
            if !(0..LANES).any(|lane| world.turn(lane)) && world.take_ended(walk).is_none() {
                world.step();
            }
            assert!(n < 100_000);
        };
        let walked = world.walked(walk, result);
        assert!(walked.result.is_ok());
        // A node struck by two revocations in a row is final, by rule; nothing else is missing.
        let all = leaves(&world.mock(), "/latest/").len();
        assert!(walked.leaves.len() + walked.missing.len() >= all);
        for missed in &walked.missing {
            assert_eq!(missed.why, Why::Failed(Error::Peer(Peer::TokenRejected)));
        }
    }
    revoke::<1>();
    revoke::<4>();
}

#[test]
fn a_late_refusal_of_an_old_token_spares_the_new_one() {
    // Two reads go out with the first token; both are refused, the second one late.
    let mock = ec2()
        .fault(
            Fault::on("GET", AMI)
                .times(1)
                .status(401)
                .delay(millis(100)),
        )
        .fault(Fault::on("GET", ID).times(1).status(401).delay(millis(300)));
    let mut world = Machine::<2>::new(mock, config());
    let one = start_get(&mut world, AMI);
    let two = start_get(&mut world, ID);
    world.run(one).unwrap();
    world.run(two).unwrap();
    assert_eq!(world.puts(), 2, "the new token serves both");
}

#[test]
fn a_token_that_dies_sooner_than_it_says_is_replaced() {
    let mock = ec2().fault(Fault::method("GET").delay(millis(300)));
    let mut world = Machine::<1>::new(mock.tree(small()), config());
    let walk = world.start_walk("/latest/", ALL).unwrap();
    for _ in 0..3 {
        world.drive();
        world.step();
    }
    world.mock().revoke_tokens();
    let result = world.run(walk);
    let walked = world.walked(walk, result);
    assert_eq!(walked.leaves.len(), 3);
    assert_eq!(world.puts(), 2);
}

#[test]
fn attempts_made_for_an_operation_that_is_gone_do_not_count_for_the_next() {
    let fault = Fault::token().times(4).status(503);
    let mut world = Machine::<1>::new(ec2().fault(fault), config());
    for puts in 1..=2 {
        let gone = start_get(&mut world, ID);
        world.drive();
        assert_eq!(
            world.puts(),
            puts,
            "it failed and waits for another attempt"
        );
        world.client.cancel(gone);
        world.drive();
        world.pass(seconds(3600));
    }
    assert!(
        world.get(ID).unwrap().is_some(),
        "its third attempt succeeds"
    );
    assert_eq!(world.puts(), 5);
}

#[test]
fn attempts_made_until_a_deadline_do_not_count_for_the_next_operation() {
    let fault = Fault::token().times(1).stall_in_body(4);
    let settings = Config {
        attempts: 2,
        timeouts: imds_core::config::Timeouts {
            operation: Some(millis(1010)),
            ..config().timeouts
        },
        // The pause outlasts the deadline.
        backoff_base: seconds(60),
        backoff_cap: seconds(60),
        ..config()
    };
    let late = Fault::token().times(1).status(503);
    let mut world = Machine::<1>::new(ec2().fault(fault).fault(late), settings);
    assert_eq!(world.get(ID), Err(Error::Timeout(Reason::BodyIdle)));
    world.pass(seconds(3600));
    let next = start_get(&mut world, ID);
    world.drive();
    assert_eq!(world.take_ended(next), None, "it has an attempt left");
}

#[test]
fn a_renewal_without_an_answer_does_not_keep_the_old_token_from_serving_on_another_lane() {
    let fault = Fault::token().skip(1).stall();
    let mut world = Machine::<2>::new(ec2().fault(fault), config());
    world.get(ID).unwrap().unwrap();
    world.pass(seconds(21_600 - 100));
    let before = world.network.now.get();
    assert!(world.get(AMI).unwrap().is_some(), "it has 100 seconds left");
    let waited = world.network.now.get() - before;
    assert!(waited <= seconds(1), "{waited:?}");
}
