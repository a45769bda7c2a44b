//! The life of a token (facts §1.2, §0.3).

use core::time::Duration;

use imds_mock::{Fault, Mock, Profile, TokenUse, Tokens, TtlOverride};

use crate::talk::Talk;

const ECHO: &str = "X-Aws-Ec2-Metadata-Token-Ttl-Seconds";

fn put(talk: &mut Talk, seconds: u32) -> crate::talk::Response {
    let ttl = format!("X-aws-ec2-metadata-token-ttl-seconds: {seconds}");
    talk.ask("PUT", "/latest/api/token", &[&ttl])
}

#[test]
fn a_token_works_until_its_last_second_and_on_every_version() {
    let mut talk = Talk::to(Profile::Ec2);
    let token = talk.token(10);
    let mut talk = talk.at(9);
    let response = talk.get_with("/2021-01-03/meta-data/ami-id", &token);
    assert_eq!((response.status(), response.header(ECHO)), (200, Some("1")));
    let mut talk = talk.at(10);
    assert_eq!(
        talk.get_with("/latest/meta-data/ami-id", &token).status(),
        401
    );
    assert_eq!(talk.mock.log()[2].token, TokenUse::Invalid);
}

#[test]
fn many_tokens_live_side_by_side() {
    let mut talk = Talk::to(Profile::Ec2);
    let tokens: Vec<String> = (0..50).map(|_| talk.token(60)).collect();
    for token in &tokens {
        assert_eq!(
            talk.get_with("/latest/meta-data/ami-id", token).status(),
            200
        );
    }
    assert_eq!(talk.mock.tokens_issued(), 50);
}

#[test]
fn revoked_tokens_are_401_and_new_ones_work() {
    let mut talk = Talk::to(Profile::Ec2);
    let token = talk.token(60);
    talk.mock.revoke_tokens();
    assert_eq!(talk.get_with("/latest/", &token).status(), 401);
    assert_eq!(talk.get("/latest/").status(), 200);
}

#[test]
fn advancing_ends_tokens_and_moves_dates() {
    let mut talk = Talk::with(Mock::new(Profile::Ec2).epoch(1_709_251_199));
    let token = talk.token(60);
    talk.mock.advance(Duration::from_secs(60));
    let response = talk.get_with("/latest/", &token);
    assert_eq!(response.status(), 401);
    assert_eq!(
        response.header("Date"),
        Some("Fri, 01 Mar 2024 00:00:59 GMT")
    );
    assert_eq!(talk.mock.unix(talk.now), 1_709_251_259);
}

#[test]
fn the_seed_decides_the_tokens() {
    let token = |seed| Talk::with(Mock::new(Profile::Ec2).seed(seed)).token(60);
    assert_eq!(token(1), token(1));
    assert_ne!(token(1), token(2));
}

#[test]
fn a_fixed_ttl_is_what_counts() {
    let mut talk = Talk::with(Mock::new(Profile::Ec2).token_ttl_override(TtlOverride::Fixed(5)));
    let response = put(&mut talk, 21_600);
    assert_eq!(response.header(ECHO), Some("5"));
    let token = response.text().to_owned();
    assert_eq!(talk.get_with("/latest/", &token).header(ECHO), Some("5"));
    assert_eq!(talk.at(5).get_with("/latest/", &token).status(), 401);
}

#[test]
fn the_ttl_header_can_be_nonsense_repeated_or_absent() {
    for (ttl, seen) in [
        (TtlOverride::Raw("abc".into()), vec!["abc"]),
        (
            TtlOverride::Repeated(vec!["1".into(), "2".into()]),
            vec!["1", "2"],
        ),
        (TtlOverride::Absent, vec![]),
    ] {
        for profile in [Profile::Ec2, Profile::Mmds] {
            let mut talk = Talk::with(Mock::new(profile).token_ttl_override(ttl.clone()));
            let response = put(&mut talk, 60);
            let values: Vec<&str> = response
                .headers
                .iter()
                .filter(|(name, _)| name.eq_ignore_ascii_case(ECHO))
                .map(|(_, value)| value.as_str())
                .collect();
            assert_eq!(values, seen);
            let token = response.text().to_owned();
            assert_eq!(talk.at(59).get_with("/latest/", &token).status(), 200);
        }
    }
}

#[test]
fn a_lower_maximum_refuses_what_ec2_would_grant() {
    let mut talk = Talk::with(Mock::new(Profile::Ec2).max_token_ttl(300));
    assert_eq!(put(&mut talk, 301).status(), 400);
    assert_eq!(put(&mut talk, 300).status(), 200);
}

#[test]
fn terms_can_change_while_it_runs() {
    let mut talk = Talk::with(Mock::new(Profile::Ec2).tokens(Tokens::Optional));
    assert_eq!(talk.ask("GET", "/latest/", &[]).status(), 200);
    talk.mock.set_tokens(Tokens::Required);
    assert_eq!(talk.ask("GET", "/latest/", &[]).status(), 401);
    talk.mock.set_profile(Profile::Disabled);
    assert_eq!(talk.ask("GET", "/latest/", &[]).status(), 403);
}

#[test]
fn a_refused_put_issues_nothing_and_a_lost_answer_does() {
    let mut talk = Talk::to(Profile::Ec2);
    talk.mock.push_fault(Fault::token().times(1).status(503));
    assert_eq!(put(&mut talk, 60).status(), 503);
    assert_eq!(talk.mock.tokens_issued(), 0);
    talk.mock.push_fault(Fault::token().reset_before_reply());
    talk.bytes(
        b"PUT /latest/api/token HTTP/1.1\r\nX-aws-ec2-metadata-token-ttl-seconds: 60\r\n\r\n",
    );
    assert_eq!(talk.mock.tokens_issued(), 1);
}
