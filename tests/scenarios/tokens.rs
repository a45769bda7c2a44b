//! The token: asked for once, renewed in time, replaced when refused, never looped over.

use imds_core::config::Timeouts;
use imds_core::walk::Why;
use imds_core::{BadToken, BadTtl, Config, Error, Peer, Reason, What};
use imds_mock::{Fault, TokenUse, Tokens, TtlOverride};
use imds_tests::{Front, World, config};

use crate::common::{
    ALL, AMI, ID, SMALL_READS, assert_whole, ec2, ec2_with, get_once, leaves, millis, seconds,
    small, walk_small,
};

#[test]
fn a_token_that_ends_during_a_walk_is_renewed_before_it_ends() {
    for ttl in [1, 2, 5, 10] {
        let mock = || {
            ec2()
                .token_ttl_override(TtlOverride::Fixed(ttl))
                .fault(Fault::method("GET").delay(millis(100)))
        };
        fn whole<const LANES: usize>(mock: imds_mock::Mock, ttl: u32) {
            let mut world = World::<LANES>::new(mock, config());
            let walked = world.walk("/latest/", ALL);
            assert_eq!(walked.missing, []);
            assert_eq!(walked.leaves.len(), leaves(&world.mock(), "/latest/").len());
            let refused = world.log().iter().filter(|e| e.status == 401).count();
            assert_eq!(refused, 0, "no read went with a token that had ended");
            let lived = world.network.now.get().as_secs_f64();
            // Each serves at least the four fifths before its margin.
            let most = lived / (f64::from(ttl) * 0.8) + 2.0;
            assert!((world.puts() as f64) <= most, "{} of {most}", world.puts());
            assert!(world.puts() > 1 || lived < f64::from(ttl));
        }
        whole::<1>(mock(), ttl);
        whole::<4>(mock(), ttl);
    }
}

#[test]
fn a_token_is_renewed_two_minutes_before_its_end() {
    let mut world = World::<1>::new(ec2(), config());
    world.get(ID).unwrap().unwrap();
    world.pass(seconds(21_600 - 121));
    world.get(ID).unwrap().unwrap();
    assert_eq!(world.puts(), 1);
    world.pass(seconds(1));
    world.get(ID).unwrap().unwrap();
    assert_eq!(world.puts(), 2);
}

#[test]
fn an_old_token_serves_while_it_cannot_be_renewed() {
    let fault = Fault::token().skip(1).status(503);
    let mut world = World::<1>::new(ec2().fault(fault), config());
    world.get(ID).unwrap().unwrap();
    world.pass(seconds(21_600 - 100));
    assert!(world.get(ID).unwrap().is_some(), "it has 100 seconds left");
    assert!(world.get(AMI).unwrap().is_some());
    world.pass(seconds(100));
    assert_eq!(world.get(ID), Err(Error::Peer(Peer::Throttled(503))));
}

#[test]
fn a_server_that_asks_for_time_is_left_alone_while_the_old_token_serves() {
    let fault = Fault::token().skip(1).status(503);
    let mock = ec2().fault(fault.header("Retry-After", "60"));
    let mut world = World::<1>::new(mock, config());
    world.get(ID).unwrap().unwrap();
    world.pass(seconds(21_600 - 100));
    for _ in 0..59 {
        assert!(world.get(ID).unwrap().is_some(), "it has some time left");
        world.pass(seconds(1));
    }
    assert_eq!(world.puts(), 2, "the first, and one that was put off");
    world.pass(seconds(1));
    assert!(world.get(ID).unwrap().is_some());
    assert_eq!(world.puts(), 3);
    // Without a token that serves nothing can be read, so it is asked for again.
    world.pass(seconds(40));
    assert_eq!(world.get(ID), Err(Error::Peer(Peer::Throttled(503))));
}

#[test]
fn the_life_asked_for_is_the_one_set() {
    for (set, sent) in [
        (0, "1"),
        (1, "1"),
        (60, "60"),
        (21_600, "21600"),
        (u16::MAX, "21600"),
    ] {
        let settings = Config {
            token_ttl: set,
            ..config()
        };
        let got = get_once(ec2(), settings, ID);
        assert!(got.result.is_ok());
        let put = &got.world.log()[0];
        assert_eq!(
            put.header("x-aws-ec2-metadata-token-ttl-seconds"),
            Some(sent)
        );
    }
}

#[test]
fn a_live_token_refused_once_is_replaced_once() {
    for skip in 0..6 {
        let fault = || Fault::method("GET").skip(skip).times(1).status(401);
        let world = walk_small::<1>(ec2().fault(fault()), config());
        assert_eq!((world.puts(), world.gets()), (2, SMALL_READS + 1));
        let world = walk_small::<4>(ec2().fault(fault()), config());
        assert_eq!((world.puts(), world.gets()), (2, SMALL_READS + 1));
    }
}

#[test]
fn a_refused_token_is_no_failed_attempt() {
    let settings = Config {
        attempts: 1,
        ..config()
    };
    let fault = Fault::on("GET", AMI).times(1).status(401);
    let got = get_once(ec2().fault(fault), settings, AMI);
    assert!(got.result.is_ok());
    assert_eq!(got.took(), millis(0));
}

#[test]
fn a_second_refusal_is_final() {
    let got = get_once(ec2().fault(Fault::method("GET").status(401)), config(), AMI);
    assert_eq!(got.result, Err(Error::Peer(Peer::TokenRejected)));
    assert_eq!(got.exit_code(), 9);
    assert_eq!((got.world.puts(), got.world.gets()), (2, 2));
}

#[test]
fn a_server_that_refuses_every_token_is_asked_a_bounded_number_of_times() {
    fn refused<const LANES: usize>() {
        let fault = Fault::below("GET", "/latest/meta-data/").status(401);
        let mut world = World::<LANES>::new(
            ec2_with(small().with("user-data", "x")).fault(fault),
            config(),
        );
        let walked = world.walk("/latest/", ALL);
        assert_eq!(walked.paths(), ["/latest/user-data"]);
        assert_eq!(walked.missing.len(), 1);
        assert_eq!(
            walked.missing[0].why,
            Why::Failed(Error::Peer(Peer::TokenRejected))
        );
        assert_eq!(walked.exit_code(), 9);
        assert!(world.gets() <= 4 + LANES, "{}", world.gets());
        assert!(world.puts() <= 3, "{}", world.puts());
    }
    refused::<1>();
    refused::<4>();
}

#[test]
fn each_leaf_that_is_refused_for_ever_costs_two_reads() {
    let mut mock = ec2_with(small());
    for leaf in leaves(&mock, "/latest/") {
        mock.push_fault(Fault::on("GET", &leaf.0).status(401));
    }
    let mut world = World::<1>::new(mock, config());
    let walked = world.walk("/latest/", ALL);
    assert_eq!(walked.missing.len(), 3);
    assert_eq!(world.gets(), 3 + 3 * 2);
    assert!(world.puts() <= 4);
}

#[test]
fn a_token_of_no_life_serves_one_read_each() {
    fn served<const LANES: usize>() {
        let mock = ec2().token_ttl_override(TtlOverride::Raw("0".into()));
        let mut world = World::<LANES>::new(mock.tree(small()), config());
        let walked = world.walk("/latest/", ALL);
        assert_whole(&world, &walked);
        assert_eq!(world.gets(), SMALL_READS);
        assert_eq!(world.puts(), SMALL_READS, "{LANES} lanes");
    }
    served::<1>();
    served::<4>();
}

#[test]
fn a_token_that_is_dead_on_arrival_is_no_loop() {
    let mock = ec2().token_ttl_override(TtlOverride::Fixed(0));
    let got = get_once(mock, config(), ID);
    assert_eq!(got.result, Err(Error::Peer(Peer::TokenRejected)));
    assert_eq!((got.world.puts(), got.world.gets()), (2, 2));
}

#[test]
fn tokens_that_come_too_late_to_be_of_use_end_a_walk() {
    let late = Fault::token().delay(seconds(61));
    let mock = ec2_with(small()).token_ttl_override(TtlOverride::Fixed(1));
    let settings = Config {
        timeouts: Timeouts {
            first_byte: seconds(120),
            ..config().timeouts
        },
        ..config()
    };
    let mut world = World::<1>::new(mock.fault(late), settings);
    let walked = world.walk("/latest/", ALL);
    assert_eq!(walked.result, Err(Error::Timeout(Reason::BodyIdle)));
    assert_eq!(world.puts(), usize::from(config().attempts));
    assert_eq!(world.gets(), 0);
}

#[test]
fn a_bad_ttl_is_refused_by_name() {
    let ttl = |text: &str| TtlOverride::Raw(text.into());
    for (over, error) in [
        (ttl("21601"), Peer::BadTtl(BadTtl::TooLong)),
        (
            ttl("99999999999999999999999"),
            Peer::BadTtl(BadTtl::TooLong),
        ),
        (ttl("abc"), Peer::BadTtl(BadTtl::NotDecimal)),
        (ttl("-1"), Peer::BadTtl(BadTtl::NotDecimal)),
        (ttl("60 s"), Peer::BadTtl(BadTtl::NotDecimal)),
        (ttl(""), Peer::BadTtl(BadTtl::NotDecimal)),
        (
            TtlOverride::Repeated(vec!["60".into(), "60".into()]),
            Peer::BadTtl(BadTtl::Repeated),
        ),
        (TtlOverride::Absent, Peer::NoTtl),
    ] {
        let got = get_once(ec2().token_ttl_override(over.clone()), config(), ID);
        assert_eq!(got.result, Err(Error::Peer(error)), "{over:?}");
        assert_eq!(got.exit_code(), 9);
        assert_eq!((got.world.puts(), got.world.gets()), (1, 0));
    }
}

#[test]
fn a_bad_token_is_refused_by_name() {
    let cases: [(&[u8], Error); 7] = [
        (b"", Error::Peer(Peer::BadToken(BadToken::Empty))),
        (
            b"AQ==\n",
            Error::Peer(Peer::BadToken(BadToken::IllegalByte)),
        ),
        (
            b"AQ==\r\nX: y",
            Error::Peer(Peer::BadToken(BadToken::IllegalByte)),
        ),
        (b"A Q", Error::Peer(Peer::BadToken(BadToken::IllegalByte))),
        (
            b"\xc3\xa9",
            Error::Peer(Peer::BadToken(BadToken::IllegalByte)),
        ),
        (b"A\0", Error::Peer(Peer::BadToken(BadToken::IllegalByte))),
        (&[b'A'; 600], Error::TooLarge(What::Token)),
    ];
    for framing in [
        |f: Fault| f,
        Fault::chunked as fn(Fault) -> Fault,
        Fault::until_close,
    ] {
        for (token, error) in cases {
            let fault = framing(Fault::token().body(token));
            let got = get_once(ec2().fault(fault), config(), ID);
            assert_eq!(got.result, Err(error), "{token:?}");
            assert_eq!(got.exit_code(), 9);
            assert_eq!((got.world.puts(), got.world.gets()), (1, 0));
        }
    }
}

#[test]
fn a_token_of_the_largest_size_is_taken_and_a_larger_one_is_not() {
    let longest = Front::chosen().longest_token();
    let fault = Fault::token().body(vec![b'A'; longest]);
    let got = get_once(ec2().tokens(Tokens::Optional).fault(fault), config(), ID);
    // The mock never issued it, so the reads are refused; what counts is that they carried it.
    assert_eq!(got.result, Err(Error::Peer(Peer::TokenRejected)));
    let log = got.world.log();
    let sent = log[1].header("x-aws-ec2-metadata-token");
    assert_eq!(sent, Some("A".repeat(longest).as_str()));

    let fault = Fault::token().body(vec![b'A'; longest + 1]);
    let got = get_once(ec2().fault(fault), config(), ID);
    assert_eq!(got.result, Err(Error::TooLarge(What::Token)));
}

#[test]
fn every_read_carries_the_newest_token() {
    let world = walk_small::<4>(ec2().token_ttl_override(TtlOverride::Fixed(1)), config());
    assert!(
        world
            .log()
            .iter()
            .filter(|e| e.method == "GET")
            .all(|e| e.token == TokenUse::Valid)
    );
}

#[test]
fn a_400_to_the_token_request_is_not_retried() {
    let got = get_once(ec2().max_token_ttl(60), config(), ID);
    assert_eq!(got.result, Err(Error::Peer(Peer::NoTokens(400))));
    assert_eq!(got.world.puts(), 1);
}

#[test]
fn a_renewal_without_an_answer_does_not_keep_the_old_token_from_serving() {
    let fault = Fault::token().skip(1).stall();
    let mock = ec2().token_ttl_override(TtlOverride::Fixed(100));
    let mut world = World::<1>::new(mock.fault(fault), config());
    world.get(ID).unwrap().unwrap();
    world.pass(seconds(90));
    let before = world.network.now.get();
    assert!(world.get(AMI).unwrap().is_some(), "it has ten seconds left");
    let waited = world.network.now.get() - before;
    // On the kept connection, and on a fresh one.
    assert_eq!(waited, seconds(2));
}

#[test]
fn a_silent_token_request_on_a_kept_connection_is_made_again_on_a_fresh_one() {
    let mock = ec2()
        .token_ttl_override(TtlOverride::Fixed(10))
        .fault(Fault::token().skip(1).times(1).stall());
    let mut world = World::<1>::new(mock, config());
    assert!(world.get(ID).unwrap().is_some());
    world.pass(seconds(60));
    let began = world.now();
    assert!(world.get(ID).unwrap().is_some());
    assert_eq!(world.now().saturating_since(began), seconds(1));
    assert_eq!(world.mock().connections(), 2);
    // On a fresh connection silence is final.
    let mock = imds_mock::Mock::new(imds_mock::Profile::HopLimited);
    let mut world = World::<1>::new(mock, config());
    assert_eq!(world.get(ID), Err(Error::Timeout(Reason::TokenReply)));
    assert_eq!(world.mock().connections(), 1);
}
