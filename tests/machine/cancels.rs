//! Operations that are cancelled.

use imds_core::{OpId, Want};
use imds_mock::{Fault, Mock, Tree};
use imds_tests::{Bare, Machine, config};

use crate::common::{
    ALL, AMI, ID, assert_whole, attempts, ec2, ec2_with, found, millis, small, start_get,
};

/// What happens to an operation that is cancelled after `k` events of its world.
struct Cancelled {
    /// The operation had ended before.
    over: bool,
}

fn cancel_after<const LANES: usize>(
    mock: Mock,
    k: usize,
    start: fn(&mut Machine<LANES>) -> OpId,
) -> Cancelled {
    let mut world = Machine::<LANES>::new(mock, attempts(3));
    let op = start(&mut world);
    let mut events = 0;
    'events: loop {
        let mut moved = false;
        for lane in 0..LANES {
            if events == k {
                break 'events;
            }
            if world.turn(lane) {
                events += 1;
                moved = true;
            }
        }
        if !moved && !world.step() {
            return Cancelled { over: true };
        }
    }
    let over = world.take_ended(op).is_some();
    world.client.cancel(op);
    world.gathered.forget(op);
    let get = start_get(&mut world, ID);
    found(if k.is_multiple_of(2) {
        world.run(get)
    } else {
        world.run_in_turns(get)
    });
    assert!(world.gathered.take_value(get).is_some());
    world.drive();
    assert!(!world.heard_of(op), "heard of after {k} events");
    let walked = world.walk("/latest/", ALL);
    assert_whole(&world, &walked);
    Cancelled { over }
}

fn cancel_everywhere<const LANES: usize>(
    mock: fn() -> Mock,
    start: fn(&mut Machine<LANES>) -> OpId,
) {
    for k in 0..2000 {
        if cancel_after(mock(), k, start).over {
            assert!(k > 4, "it takes some events to read anything");
            return;
        }
    }
    panic!("an operation that does not end");
}

#[test]
fn a_get_cancelled_at_any_event_is_not_heard_of_again() {
    fn start<const LANES: usize>(world: &mut Machine<LANES>) -> OpId {
        start_get(world, AMI)
    }
    cancel_everywhere::<1>(|| ec2_with(with_id()), start);
    cancel_everywhere::<2>(|| ec2_with(with_id()), start);
    cancel_everywhere::<1>(|| ec2_with(with_id()).always_close(true), start);
}

#[test]
fn a_walk_cancelled_at_any_event_is_not_heard_of_again() {
    fn start<const LANES: usize>(world: &mut Machine<LANES>) -> OpId {
        world.start_walk("/latest/meta-data", ALL).unwrap()
    }
    cancel_everywhere::<1>(|| ec2_with(with_id()), start);
    cancel_everywhere::<3>(|| ec2_with(with_id()), start);
    cancel_everywhere::<3>(|| ec2_with(with_id()).always_close(true), start);
}

#[test]
fn a_walk_with_failures_cancelled_at_any_event_is_not_heard_of_again() {
    fn start<const LANES: usize>(world: &mut Machine<LANES>) -> OpId {
        world.start_walk("/latest/meta-data/iam/", ALL).unwrap()
    }
    let mock = || {
        ec2_with(with_id())
            .fault(
                Fault::on("GET", "/latest/meta-data/iam/info")
                    .times(1)
                    .status(503),
            )
            .fault(
                Fault::on("GET", "/latest/meta-data/iam/info")
                    .times(1)
                    .reset_in_body(1),
            )
            .fault(Fault::token().times(1).close_before_reply())
    };
    cancel_everywhere::<1>(mock, start);
    cancel_everywhere::<2>(mock, start);
}

/// The small tree, and an instance id.
pub(crate) fn with_id() -> Tree {
    small().with("meta-data/instance-id", "i-1")
}

#[test]
fn a_leaf_on_offer_is_withdrawn_when_its_walk_is_cancelled() {
    let mut world = Machine::<2>::new(ec2(), config());
    let walk = world.start_walk("/latest/", ALL).unwrap();
    world.gathered.stubborn = true;
    world.drive();
    world.client.cancel(walk);
    world.gathered.stubborn = false;
    world.drive();
    assert!(!world.heard_of(walk));
}

#[test]
fn a_value_on_offer_is_withdrawn_when_its_get_is_cancelled() {
    let mut world = Machine::<1>::new(ec2(), config());
    let get = start_get(&mut world, ID);
    world.gathered.stubborn = true;
    world.drive();
    world.client.cancel(get);
    world.gathered.stubborn = false;
    world.drive();
    assert!(!world.heard_of(get));
}

#[test]
fn a_report_on_offer_is_withdrawn_when_its_walk_is_cancelled() {
    let mut world = Machine::<1>::new(ec2_with(small()), config());
    let walk = world.start_walk("/latest/meta-data/none/", ALL).unwrap();
    world.gathered.stubborn = true;
    world.drive();
    world.client.cancel(walk);
    world.gathered.stubborn = false;
    world.drive();
    assert!(!world.heard_of(walk));
}

#[test]
fn a_lane_that_waits_for_an_answer_is_free_when_its_get_is_cancelled() {
    let mock = ec2().fault(Fault::on("GET", AMI).stall());
    let mut world = Machine::<1>::new(mock, config());
    let get = start_get(&mut world, AMI);
    world.drive();
    world.client.cancel(get);
    assert!(world.get(ID).unwrap().is_some());
    assert_eq!(world.network.now.get(), millis(0), "without waiting");
}

#[test]
fn an_end_that_nobody_was_told_of_is_cancelled_too() {
    // A path that is known to be a leaf ends its listing at once, without a request.
    let mut world = Machine::<1>::new(ec2(), config());
    let now = world.now();
    let first = world.client.list(now, "/latest/user-data").unwrap();
    let second = world.client.list(now, "/latest/user-data").unwrap();
    world.client.cancel(second);
    world.client.cancel(first);
    world.drive();
    assert!(!world.heard_of(first) && !world.heard_of(second));
    let ops: Vec<_> = (0..4).map(|_| start_get(&mut world, ID)).collect();
    assert_eq!(ops.len(), 4, "their places are free");
}

#[test]
fn cancelling_twice_or_after_the_end_does_nothing() {
    let mut world = Machine::<1>::new(ec2(), config());
    let get = start_get(&mut world, ID);
    found(world.run(get));
    world.client.cancel(get);
    world.client.cancel(get);
    let next = start_get(&mut world, AMI);
    world.client.cancel(get);
    found(world.run(next));
}

#[test]
fn a_lane_that_offers_a_report_is_wanted_until_its_walk_is_cancelled() {
    let mut bare = Bare::<1, 1>::new(ec2(), config());
    let now = bare.now();
    let none = "/latest/meta-data/none";
    let walk = bare.session.walk(now, none, ALL).expect("room");
    bare.gathered.stubborn = true;
    bare.drive();
    assert!(matches!(bare.lanes[0].poll(), Some(Want::Missing(_))));
    assert!(bare.session.is_wanted(&bare.lanes[0]));
    bare.session.cancel(walk);
    assert!(!bare.session.is_wanted(&bare.lanes[0]));
}
