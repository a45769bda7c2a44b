//! Reads without a token: never unasked, never after silence, never for long.

use imds_core::{Error, Peer, Reason};
use imds_mock::{Fault, Mock, Profile, TokenUse, Tokens};
use imds_tests::{World, config};

use crate::common::{ALL, AMI, ID, assert_whole, ec2, get_once, millis, seconds, with_v1};

const V1: [Profile; 2] = [Profile::V1Only, Profile::V1Only405];

fn tokenless(world: &World<1>) -> usize {
    world
        .log()
        .iter()
        .filter(|e| e.method == "GET" && e.token == TokenUse::None)
        .count()
}

#[test]
fn where_it_is_allowed_a_server_without_tokens_gives_its_whole_tree() {
    for profile in V1 {
        for tokens in [Tokens::Required, Tokens::Optional] {
            fn whole<const LANES: usize>(mock: Mock) {
                let mut world = World::<LANES>::new(mock, with_v1());
                let walked = world.walk("/latest/", ALL);
                assert_whole(&world, &walked);
                assert_eq!(world.puts(), 1);
                assert_eq!(world.counters().v1_fallbacks, 1);
            }
            whole::<1>(Mock::new(profile).tokens(tokens));
            whole::<4>(Mock::new(profile).tokens(tokens));
        }
    }
}

#[test]
fn where_it_is_allowed_and_not_needed_tokens_are_used() {
    for tokens in [Tokens::Required, Tokens::Optional] {
        let mut world = World::<2>::new(ec2().tokens(tokens), with_v1());
        let walked = world.walk("/latest/", ALL);
        assert_whole(&world, &walked);
        assert!(
            world
                .log()
                .iter()
                .all(|e| e.method == "PUT" || e.token == TokenUse::Valid)
        );
        assert_eq!(world.counters().v1_fallbacks, 0);
    }
}

#[test]
fn turned_off_is_turned_off_allowed_or_not() {
    let mut world = World::<1>::new(Mock::new(Profile::Disabled), with_v1());
    assert_eq!(world.get(ID), Err(Error::Peer(Peer::TurnedOff)));
    assert_eq!((world.puts(), world.gets()), (1, 1));
    let walked = world.walk("/latest/", ALL);
    assert_eq!(walked.leaves, []);
    assert_eq!(walked.exit_code(), 5);
    assert_eq!(world.puts(), 2, "a new operation asks for a token again");
}

#[test]
fn a_web_server_is_not_taken_for_one_without_tokens() {
    for profile in [Profile::Html, Profile::Html405] {
        let mut world = World::<1>::new(Mock::new(profile), with_v1());
        let walked = world.walk("/latest/", ALL);
        assert_eq!(walked.leaves, [], "{profile}");
        assert_eq!(walked.exit_code(), 9, "{profile}");
        let got = get_once(Mock::new(profile), with_v1(), ID);
        assert_eq!(got.exit_code(), 9, "{profile}");
    }
}

#[test]
fn silence_is_never_a_reason() {
    let mut world = World::<1>::new(
        Mock::new(Profile::HopLimited).tokens(Tokens::Optional),
        with_v1(),
    );
    assert_eq!(world.get(ID), Err(Error::Timeout(Reason::TokenReply)));
    assert_eq!(world.gets(), 0);
    for fault in [
        Fault::token().reset_before_reply(),
        Fault::token().close_before_reply(),
        Fault::token().close_after(20),
        Fault::token().stall_after(20),
        Fault::token().status(500),
        Fault::token().status(503),
        Fault::token().status(400),
        Fault::token().status(401),
        Fault::token().status(429),
        Fault::token().status(501),
        Fault::token().status(301),
    ] {
        let mock = ec2().tokens(Tokens::Optional).fault(fault.clone());
        let got = get_once(mock, with_v1(), ID);
        assert!(got.result.is_err(), "{fault:?}");
        assert_eq!(got.world.gets(), 0, "{fault:?}");
    }
}

#[test]
fn each_status_that_says_so_is_a_reason() {
    for status in [403, 404, 405] {
        let mock = ec2()
            .tokens(Tokens::Optional)
            .fault(Fault::token().status(status));
        let got = get_once(mock, with_v1(), ID);
        assert!(got.result.is_ok(), "{status}");
        assert_eq!((got.world.puts(), tokenless(&got.world)), (1, 1));
    }
}

#[test]
fn a_server_that_wants_tokens_and_gives_none_is_refused_in_the_end() {
    let mock = ec2().fault(Fault::token().status(404));
    let got = get_once(mock, with_v1(), ID);
    assert_eq!(got.result, Err(Error::Peer(Peer::TokenRejected)));
    assert!(got.world.puts() <= 2 && got.world.gets() <= 2);
}

#[test]
fn tokens_are_tried_again_after_five_minutes() {
    let mut world = World::<1>::new(Mock::new(Profile::V1Only), with_v1());
    world.get(ID).unwrap().unwrap();
    for _ in 0..29 {
        world.pass(seconds(10));
        world.get(ID).unwrap().unwrap();
    }
    assert_eq!(world.puts(), 1);
    world.pass(seconds(10));
    world.get(ID).unwrap().unwrap();
    assert_eq!(world.puts(), 2);
    assert_eq!(world.counters().v1_fallbacks, 2);
}

#[test]
fn a_server_that_learns_tokens_is_spoken_to_with_tokens() {
    let mut world = World::<1>::new(
        Mock::new(Profile::V1Only).tokens(Tokens::Optional),
        with_v1(),
    );
    world.get(ID).unwrap().unwrap();
    world.mock().set_profile(Profile::Ec2);
    world.pass(seconds(301));
    world.get(ID).unwrap().unwrap();
    assert_eq!(tokenless(&world), 1);
}

#[test]
fn a_server_that_begins_to_require_tokens_is_asked_for_one_at_once() {
    let mut world = World::<1>::new(Mock::new(Profile::V1Only), with_v1());
    world.get(ID).unwrap().unwrap();
    world.mock().set_profile(Profile::Ec2);
    world.pass(seconds(10));
    assert!(world.get(AMI).unwrap().is_some());
    assert_eq!(world.puts(), 2);
}

#[test]
fn a_refusal_whose_first_read_fails_is_not_remembered_for_ever() {
    // The read that would have proved it met a page, a 500, silence.
    for fault in [
        Fault::method("GET").times(1).status(400),
        Fault::method("GET").times(3).status(500),
        Fault::method("GET").times(3).stall(),
    ] {
        let mock = Mock::new(Profile::V1Only).fault(fault.clone());
        let mut world = World::<1>::new(mock, with_v1());
        assert!(world.get(ID).is_err(), "{fault:?}");
        // The mock's law, checked at the end of each world, says the rest: no read without a
        // token more than five minutes after the refusal.
        world.pass(seconds(400));
        assert!(world.get(ID).unwrap().is_some(), "{fault:?}");
        assert_eq!(world.puts(), 2, "{fault:?}");
    }
}

#[test]
fn not_allowed_it_is_not_done_whatever_the_server_says() {
    for status in [403, 404, 405] {
        for tokens in [Tokens::Optional, Tokens::Required] {
            let mock = ec2().tokens(tokens).fault(Fault::token().status(status));
            let got = get_once(mock, config(), ID);
            assert!(got.result.is_err());
            assert_eq!(got.world.gets(), 0);
        }
    }
}

#[test]
fn a_walk_longer_than_five_minutes_asks_in_its_middle() {
    let fault = Fault::below("GET", "/latest/").delay(millis(900));
    let mut world = World::<1>::new(Mock::new(Profile::V1Only405).fault(fault), with_v1());
    let first = world.walk("/latest/meta-data/", ALL);
    assert_eq!(first.missing, []);
    while world.network.now.get() < seconds(310) {
        assert_eq!(world.walk("/latest/meta-data/", ALL).missing, []);
    }
    assert!(world.puts() >= 2);
}

#[test]
fn a_refused_renewal_is_no_reason_while_the_token_still_serves() {
    let mock = Mock::new(Profile::Ec2)
        .token_ttl_override(imds_mock::TtlOverride::Fixed(600))
        .fault(Fault::token().skip(1).status(404));
    let settings = imds_core::Config {
        allow_v1: true,
        ..config()
    };
    let mut world = World::<1>::new(mock, settings);
    assert!(world.get(ID).unwrap().is_some());
    world.pass(seconds(500));
    assert!(world.get(ID).unwrap().is_some());
    assert_eq!(world.counters().v1_fallbacks, 0);
    assert!(
        world
            .log()
            .iter()
            .all(|e| e.method == "PUT" || e.token == TokenUse::Valid)
    );
}
