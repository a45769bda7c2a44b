//! One value, one listing.

use imds_core::path::PathError;
use imds_core::{Error, Misuse, Peer};
use imds_mock::{Fault, Mock, Profile, Tokens};
use imds_tests::{World, config};

use crate::common::{ALL, AMI, ID, attempts, ec2, get_once, millis, seconds};

#[test]
fn a_value_comes_from_every_server_that_serves() {
    for profile in [Profile::Ec2, Profile::Ec2Legacy, Profile::Mmds] {
        for tokens in [Tokens::Required, Tokens::Optional] {
            let got = get_once(Mock::new(profile).tokens(tokens), config(), ID);
            assert_eq!(got.result, Ok(Some(b"i-0123456789abcdef0".to_vec())));
            assert_eq!(got.world.puts(), 1);
            assert_eq!(got.world.gets(), 1);
        }
    }
}

#[test]
fn a_get_fails_with_the_code_of_its_cause() {
    for (profile, code) in [
        (Profile::Disabled, 5),
        (Profile::HopLimited, 6),
        (Profile::V1Only, 9),
        (Profile::V1Only405, 9),
        (Profile::Html, 9),
        (Profile::Html405, 9),
    ] {
        let got = get_once(Mock::new(profile), config(), ID);
        assert_eq!(got.exit_code(), code, "{profile}: {:?}", got.result);
        assert_eq!(got.world.gets(), 0, "{profile}");
    }
}

#[test]
fn an_absent_value_is_an_answer() {
    for profile in [Profile::Ec2, Profile::Ec2Legacy, Profile::Mmds] {
        let got = get_once(Mock::new(profile), config(), "/latest/meta-data/spot/x");
        assert_eq!(got.result, Ok(None));
    }
}

#[test]
fn an_empty_value_is_not_an_absent_one() {
    let got = get_once(ec2(), config(), "/latest/meta-data/tags/instance/empty");
    assert_eq!(got.result, Ok(Some(Vec::new())));
}

#[test]
fn binary_user_data_comes_byte_for_byte_through_a_small_window() {
    let mut world = World::<1, 700>::new(ec2(), config());
    let value = world.get("/latest/user-data").unwrap().unwrap();
    let expected = world.mock().data().leaf("/latest/user-data").unwrap();
    assert_eq!(value, expected);
}

#[test]
fn the_token_serves_the_next_get_too() {
    let mut world = World::<1>::new(ec2(), config());
    for _ in 0..5 {
        world.get(ID).unwrap().unwrap();
        world.pass(seconds(3600));
    }
    assert_eq!(world.puts(), 1);
}

#[test]
fn an_old_server_is_followed_to_a_directory_without_its_slash() {
    let mut world = World::<1>::new(Mock::new(Profile::Ec2Legacy), config());
    let listing = world.get("/latest/meta-data/iam").unwrap().unwrap();
    assert_eq!(listing, b"info\nsecurity-credentials/");
    assert_eq!(world.gets_of("/latest/meta-data/iam"), 1);
    assert_eq!(world.gets_of("/latest/meta-data/iam/"), 1);
}

fn redirected(fault: Fault) -> Result<Option<Vec<u8>>, Error> {
    let got = get_once(ec2().fault(fault), config(), AMI);
    assert!(got.world.gets() <= 2, "a redirect is followed once");
    got.result
}

#[test]
fn no_other_redirect_is_followed() {
    let moved = |status, location| {
        let fault = Fault::method("GET").status(status);
        redirected(fault.header("Location", location))
    };
    for location in [
        "http://169.254.169.254/latest/meta-data/other/",
        "http://10.0.0.1/latest/meta-data/ami-id/",
        "https://169.254.169.254/latest/meta-data/ami-id/",
        "http://169.254.169.254:8080/latest/meta-data/ami-id/",
        "//169.254.169.254/latest/meta-data/ami-id/",
        "/latest/meta-data/ami-id",
        "ami-id/",
        "",
    ] {
        let error = Err(Error::Peer(Peer::Redirect(301)));
        assert_eq!(moved(301, location), error, "{location:?}");
    }
    for status in [302, 303, 307, 308] {
        let error = Err(Error::Peer(Peer::Redirect(status)));
        assert_eq!(moved(status, "/latest/meta-data/ami-id/"), error);
    }
}

#[test]
fn a_redirect_that_leads_back_is_followed_once() {
    let fault = Fault::method("GET").status(301);
    assert_eq!(
        redirected(fault.header("Location", "/latest/meta-data/ami-id/")),
        Err(Error::Peer(Peer::Redirect(301)))
    );
}

#[test]
fn an_upper_case_host_in_a_redirect_is_the_same_host() {
    let fault = Fault::on("GET", AMI).status(301);
    assert_eq!(
        redirected(fault.header(
            "Location",
            "HTTP://169.254.169.254/latest/meta-data/ami-id/"
        )),
        Ok(Some(b"ami-0123456789abcdef0".to_vec()))
    );
}

#[test]
fn a_path_that_cannot_be_asked_for_is_refused_before_any_request() {
    let mut world = World::<1>::new(ec2(), config());
    for (path, error) in [
        ("latest", PathError::NotAbsolute),
        ("/a\r\nX: y", PathError::ControlCharacter),
        ("/latest//meta-data", PathError::EmptySegment),
        ("/latest/../x", PathError::DotSegment),
    ] {
        let refused = Error::Misuse(Misuse::Path(error));
        assert_eq!(world.get(path), Err(refused));
        assert_eq!(world.list(path), Err(refused));
        assert_eq!(world.walk(path, ALL).result, Err(refused));
    }
    assert_eq!(world.log(), []);
}

#[test]
fn a_name_with_reserved_characters_is_encoded_once() {
    let mut world = World::<1>::new(ec2(), config());
    world.mock().data_mut().insert("meta-data/100% é?#", "odd");
    let value = world.get("/latest/meta-data/100% é?#").unwrap();
    assert_eq!(value.as_deref(), Some(&b"odd"[..]));
    let path = world.log().pop().unwrap().path;
    assert_eq!(path, "/latest/meta-data/100%25%20%C3%A9%3F%23");
}

#[test]
fn statuses_that_retrying_cannot_help_are_asked_once() {
    for (status, code) in [(400, 1), (403, 5), (405, 1), (417, 1), (501, 1), (505, 1)] {
        let got = get_once(
            ec2().fault(Fault::method("GET").status(status)),
            config(),
            ID,
        );
        assert_eq!(got.exit_code(), code, "{status}");
        assert_eq!(got.world.gets(), 1, "{status}");
    }
}

#[test]
fn a_kept_connection_that_the_server_closed_costs_no_attempt() {
    let mut world = World::<1>::new(ec2(), attempts(1));
    for n in 1..5 {
        assert!(world.get(ID).unwrap().is_some());
        let counters = world.counters();
        assert_eq!(counters.retries, 0);
        let lost = if world.front().looks() { 0 } else { n - 1 };
        assert_eq!(counters.requests, 1 + n + lost);
        world.hang_up();
        world.pass(seconds(60));
    }
    assert_eq!(world.mock().connections(), 4);
}

#[test]
fn a_get_given_up_at_any_moment_harms_no_other() {
    // Everything takes a while, so that there are moments.
    let slow = Fault::any().delay(millis(5));
    for close in [false, true] {
        let mock = || ec2().always_close(close).fault(slow.clone());
        let ended = (0..10_000).find(|&after| {
            let mut world = World::<1>::new(mock(), config());
            let ended = world.drop_get(AMI, after);
            assert!(world.get(ID).unwrap().is_some(), "after {after}");
            // A token request that was broken off is made again.
            assert!(world.puts() <= 2, "after {after}");
            ended
        });
        // In the request for the token, and in the one for the value.
        assert!(ended.is_some_and(|moments| moments > 2), "{ended:?}");
    }
}
