//! Failures that another attempt mends, and those that it does not.

use core::time::Duration;

use imds_core::walk::Why;
use imds_core::{Config, Error, Fault as Broken, Peer, Phase, Reason};
use imds_mock::{Fault, Tree, TtlOverride};
use imds_tests::{World, config};

use crate::common::{
    ALL, AMI, ID, SMALL_READS, assert_whole, attempts, ec2, ec2_with, get_once, millis, seconds,
    small, walk_small,
};

/// Requests beyond those of an undisturbed walk of the small tree.
fn extra<const LANES: usize>(world: &World<LANES>) -> usize {
    world.gets() - SMALL_READS
}

#[test]
fn a_failure_that_passes_costs_one_request_more_and_no_node() {
    for fault in [
        Fault::on("GET", AMI).status(429),
        Fault::on("GET", AMI).status(500),
        Fault::on("GET", AMI).status(502),
        Fault::on("GET", AMI).status(503),
        Fault::on("GET", AMI).status(504),
        Fault::on("GET", AMI).reset_before_reply(),
        Fault::on("GET", AMI).close_before_reply(),
        Fault::on("GET", AMI).reset_in_body(2),
        Fault::on("GET", AMI).close_in_body(2),
        Fault::on("GET", AMI).close_in_body(0),
        Fault::on("GET", AMI).reset_after(30),
        Fault::on("GET", AMI).close_after(30),
        Fault::on("GET", AMI).stall(),
        Fault::on("GET", AMI).stall_after(30),
        Fault::on("GET", AMI).stall_in_body(2),
        Fault::on("GET", "/latest/meta-data/").status(503),
        Fault::on("GET", "/latest/meta-data/").close_in_body(8),
        Fault::on("GET", "/latest/meta-data/").reset_in_body(8),
        Fault::on("GET", "/latest/").stall_in_body(3),
        Fault::on("GET", AMI).chunked().close_in_body(9),
    ] {
        for close in [false, true] {
            let mock = || ec2().fault(fault.clone().times(1)).always_close(close);
            let world = walk_small::<1>(mock(), config());
            assert_eq!((extra(&world), world.puts()), (1, 1), "{fault:?}");
            let world = walk_small::<4>(mock(), config());
            assert_eq!((extra(&world), world.puts()), (1, 1), "{fault:?}");
        }
    }
}

#[test]
fn a_failure_that_stays_is_tried_as_often_as_set() {
    for n in [0, 1, 2, 3, 5] {
        for fault in [
            Fault::on("GET", AMI).status(500),
            Fault::on("GET", AMI).close_in_body(3),
            Fault::on("GET", AMI).reset_in_body(0),
        ] {
            let mut world = World::<2>::new(ec2_with(small()).fault(fault), attempts(n));
            let walked = world.walk("/latest/", ALL);
            assert_eq!(world.gets_of(AMI), usize::from(n.max(1)));
            assert_eq!(walked.leaves.len(), 2, "one bad node ends nothing");
            assert_eq!(walked.missing.len(), 1);
        }
    }
}

#[test]
fn each_request_has_its_own_attempts() {
    let mock = ec2()
        .fault(Fault::on("GET", AMI).times(2).status(503))
        .fault(
            Fault::on("GET", "/latest/meta-data/mac")
                .times(2)
                .status(500),
        )
        .fault(Fault::on("GET", "/latest/meta-data/").times(2).status(502))
        .fault(Fault::token().times(2).status(503));
    let world = walk_small::<1>(mock, config());
    assert_eq!((extra(&world), world.puts()), (6, 3));
}

#[test]
fn a_token_request_that_fails_is_tried_again() {
    for fault in [
        Fault::token().status(429),
        Fault::token().status(500),
        Fault::token().status(503),
        Fault::token().reset_before_reply(),
        Fault::token().close_before_reply(),
        Fault::token().reset_in_body(7),
        Fault::token().close_in_body(7),
        Fault::token().stall_in_body(7),
        Fault::token().stall_after(5),
    ] {
        let world = walk_small::<1>(ec2().fault(fault.clone().times(1)), config());
        assert_eq!(world.puts(), 2, "{fault:?}");
        assert_eq!(extra(&world), 0);
        let world = walk_small::<4>(ec2().fault(fault.clone().times(2)), config());
        assert_eq!(world.puts(), 3, "{fault:?}");
    }
}

#[test]
fn a_token_request_that_goes_on_failing_ends_the_operation() {
    for (fault, code) in [
        (Fault::token().status(503), 8),
        (Fault::token().status(429), 8),
        (Fault::token().status(500), 1),
        (Fault::token().reset_before_reply(), 6),
        (Fault::token().close_in_body(3), 9),
        (Fault::token().stall_in_body(3), 13),
    ] {
        let got = get_once(ec2().fault(fault.clone()), config(), ID);
        assert_eq!(got.exit_code(), code, "{fault:?}: {:?}", got.result);
        assert_eq!(got.world.puts(), 3, "{fault:?}");
        assert_eq!(got.world.gets(), 0, "{fault:?}");
    }
}

#[test]
fn a_token_request_without_an_answer_is_not_repeated() {
    let got = get_once(ec2().fault(Fault::token().times(1).stall()), config(), ID);
    assert_eq!(got.result, Err(Error::Timeout(Reason::TokenReply)));
    assert_eq!(got.took(), seconds(1));
    assert_eq!(got.world.puts(), 1);
}

#[test]
fn retry_after_is_obeyed_on_the_clock() {
    for status in [429, 500, 503] {
        let fault = Fault::on("GET", AMI).times(1).status(status);
        let got = get_once(ec2().fault(fault.header("Retry-After", "2")), config(), AMI);
        assert!(got.result.is_ok());
        assert!(got.took() >= seconds(2), "{:?}", got.took());
        assert!(got.took() <= seconds(2) + millis(50), "{:?}", got.took());
    }
    let fault = Fault::token().times(1).status(429);
    let got = get_once(ec2().fault(fault.header("Retry-After", "3")), config(), AMI);
    assert!(got.result.is_ok());
    assert!(got.took() >= seconds(3), "{:?}", got.took());
}

#[test]
fn without_retry_after_the_pause_is_short() {
    let fault = Fault::on("GET", AMI).times(2).status(503);
    let got = get_once(ec2().fault(fault), config(), AMI);
    assert!(got.result.is_ok());
    assert!(got.took() <= millis(50 + 100), "{:?}", got.took());
}

#[test]
fn pauses_differ_with_the_seed() {
    let took = |seed| {
        let fault = Fault::on("GET", AMI).times(2).status(503);
        let settings = Config { seed, ..config() };
        get_once(ec2().fault(fault), settings, AMI).took()
    };
    assert_eq!(took(1), took(1));
    let different: std::collections::HashSet<Duration> = (0..20).map(took).collect();
    assert!(different.len() > 15);
}

#[test]
fn a_retry_after_beyond_the_deadline_ends_at_once_as_throttled() {
    let late = |fault: Fault| fault.status(429).header("Retry-After", "6");
    for fault in [late(Fault::on("GET", AMI)), late(Fault::token())] {
        let got = get_once(ec2().fault(fault), config(), AMI);
        assert_eq!(got.result, Err(Error::Peer(Peer::Throttled(429))));
        assert_eq!(got.exit_code(), 8);
        assert_eq!(got.took(), Duration::ZERO, "nobody waits for nothing");
    }
}

#[test]
fn a_walk_waits_for_a_retry_after_up_to_its_own_limit() {
    let after = |seconds| {
        let fault = Fault::on("GET", AMI).times(1).status(503);
        let fault = fault.header("Retry-After", seconds);
        let mut world = World::<1>::new(ec2_with(small()).fault(fault), config());
        let walked = world.walk("/latest/", ALL);
        (walked, world.network.now.get())
    };
    let (walked, took) = after("30");
    assert_eq!(walked.missing, []);
    assert!(took >= seconds(30));
    let (walked, took) = after("31");
    assert_eq!(
        walked.missing[0].why,
        Why::Failed(Error::Peer(Peer::Throttled(503)))
    );
    assert_eq!(walked.exit_code(), 8);
    assert!(took < seconds(1));
}

#[test]
fn a_retry_after_that_is_no_number_counts_as_none() {
    for text in ["Wed, 30 Jul 2025 06:20:00 GMT", "-1", "1.5", "soon", ""] {
        let fault = Fault::on("GET", AMI).times(1).status(503);
        let got = get_once(
            ec2().fault(fault.header("Retry-After", text)),
            config(),
            AMI,
        );
        assert!(got.result.is_ok(), "{text}");
        assert!(got.took() <= millis(50), "{text}");
    }
    let fault = Fault::on("GET", AMI).times(1).status(503);
    let fault = fault.header("Retry-After", "99999999999999999999");
    let got = get_once(ec2().fault(fault), config(), AMI);
    assert!(matches!(
        got.result,
        Ok(_) | Err(Error::Peer(Peer::Throttled(503)))
    ));
}

#[test]
fn a_gets_budget_is_one_for_all_its_attempts() {
    // Every answer comes just in time and says to try again: nine seconds in all.
    let fault = Fault::on("GET", AMI).delay(millis(900)).status(503);
    let got = get_once(ec2().fault(fault), attempts(10), AMI);
    assert!(got.took() <= seconds(5), "{:?}", got.took());
    assert_eq!(got.result, Err(Error::Peer(Peer::Throttled(503))));
    assert!(got.world.gets() <= 6);
}

#[test]
fn a_stall_in_the_body_is_body_idle() {
    let fault = Fault::on("GET", AMI).stall_in_body(4);
    let got = get_once(ec2().fault(fault), config(), AMI);
    assert_eq!(got.result, Err(Error::Timeout(Reason::BodyIdle)));
    assert_eq!(got.exit_code(), 13);
    assert_eq!(got.world.gets(), 3);
}

#[test]
fn a_stall_before_the_reply_is_first_byte() {
    let got = get_once(ec2().fault(Fault::on("GET", AMI).stall()), config(), AMI);
    assert_eq!(got.result, Err(Error::Timeout(Reason::FirstByte)));
    assert_eq!(got.exit_code(), 13);
    assert!(got.took() >= seconds(3) && got.took() <= millis(3150));
}

#[test]
fn a_value_that_shrinks_between_attempts_is_the_second_one_alone() {
    let path = "/latest/meta-data/big";
    let fault = Fault::on("GET", path).times(1).body(vec![b'x'; 9000]);
    let mock =
        ec2_with(Tree::new().with("meta-data/big", "short")).fault(fault.reset_in_body(8000));
    let mut world = World::<1, 1024>::new(mock, config());
    let value = world.get(path).unwrap().unwrap();
    assert_eq!(value, b"short");
}

#[test]
fn a_value_that_is_gone_at_the_second_attempt_is_absent() {
    let path = "/latest/meta-data/big";
    let fault = Fault::on("GET", path).times(1).body(vec![b'x'; 9000]);
    let mock = ec2_with(Tree::new().with("meta-data/other", "1")).fault(fault.reset_in_body(8000));
    let mut world = World::<1, 1024>::new(mock, config());
    assert_eq!(world.get(path), Ok(None));
}

#[test]
fn a_slow_answer_just_in_time_is_no_failure() {
    let world = walk_small::<1>(ec2().fault(Fault::any().delay(millis(999))), config());
    assert_eq!((world.puts(), extra(&world)), (1, 0));
    let mut world = World::<1>::new(
        ec2().fault(Fault::on("GET", AMI).times(1).delay(millis(1001))),
        config(),
    );
    assert!(world.get(AMI).unwrap().is_some());
    assert_eq!(world.gets(), 2);
}

#[test]
fn it_is_free_once_and_then_counts() {
    let mut world = World::<1>::new(
        ec2_with(small()).fault(Fault::on("GET", AMI).close_before_reply()),
        attempts(2),
    );
    let walked = world.walk("/latest/", ALL);
    assert_eq!(walked.missing.len(), 1);
    assert_eq!(world.gets_of(AMI), 3, "one free, two that count");
}

#[test]
fn a_fresh_connection_that_dies_costs_an_attempt() {
    let fault = Fault::on("GET", AMI).times(1).close_before_reply();
    let mut world = World::<1>::new(ec2().always_close(true).fault(fault), attempts(1));
    assert_eq!(
        world.get(AMI),
        Err(Error::Transport(Phase::FirstByte, Broken::Closed))
    );
}

#[test]
fn a_token_request_on_a_kept_connection_that_dies_costs_no_attempt() {
    let fault = Fault::token().skip(1).times(1).close_before_reply();
    let mock = ec2().token_ttl_override(TtlOverride::Fixed(10));
    let mut world = World::<1>::new(mock.fault(fault), attempts(1));
    world.get(ID).unwrap().unwrap();
    world.pass(seconds(60));
    assert!(world.get(ID).unwrap().is_some());
    assert_eq!(world.puts(), 3);
}

#[test]
fn whatever_strikes_wherever_the_walk_is_whole() {
    // One failure at the n-th request, for every n and every kind: three attempts mend it.
    let kinds: [fn(Fault) -> Fault; 8] = [
        |f| f.status(503),
        |f| f.reset_before_reply(),
        |f| f.close_before_reply(),
        |f| f.reset_after(100),
        |f| f.close_in_body(1),
        |f| f.reset_in_body(3),
        |f| f.stall_in_body(1),
        |f| f.status(401),
    ];
    for n in 0..8 {
        for kind in kinds {
            let fault = || kind(Fault::method("GET").skip(n).times(1));
            walk_small::<1>(ec2().fault(fault()), config());
            walk_small::<3>(ec2().fault(fault()), config());
            walk_small::<3>(ec2().fault(fault()).always_close(true), config());
        }
    }
}

#[test]
fn answers_in_every_framing_and_pace_are_one() {
    for fault in [
        Fault::method("GET").chunked(),
        Fault::method("GET").chunks_of(1),
        Fault::method("GET").chunks_of(3000),
        Fault::method("GET").until_close(),
        Fault::method("GET").dribble(),
        Fault::method("GET").chunks_of(7).dribble(),
        Fault::any().until_close(),
        Fault::any().chunked(),
        Fault::any().dribble(),
        Fault::method("GET").delay(millis(400)),
    ] {
        let mut world = World::<2, 1024>::new(
            ec2_with(small().with("user-data", vec![7; 5000])).fault(fault.clone()),
            config(),
        );
        let walked = world.walk("/latest/", ALL);
        assert_whole(&world, &walked);
        assert_eq!(world.gets(), SMALL_READS + 1, "{fault:?}");
    }
}
