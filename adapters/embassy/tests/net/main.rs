//! The front for embassy-net, over its stack, at the end of a wire: [`guest`].

mod dropping;
mod guest;
mod lanes;
mod ways;

use core::time::Duration;
use std::collections::BTreeMap;

use guest::{Guest, ID, assert_same, auto, config, ec2, leaves, options};
use imds_core::{Cause, Error, Fault, Phase, Reason};
use imds_embassy::Target;
use imds_mock::{Fault as Trouble, Mock, Profile};
use imds_peer::Wire;

#[test]
fn a_value_a_missing_one_and_one_token_for_both() {
    let mut guest = Guest::new(ec2());
    let mut resources = guest.resources::<1>();
    let mut client = guest.client(&mut resources, config());
    guest.read_id(&mut client);
    let mut memory = [0; 64];
    let absent = guest.run(client.get("/latest/meta-data/no-such", &mut memory));
    assert_eq!(absent, Ok(None));
    let mut memory = [0; 512];
    let listing = guest.run(client.list("/latest/meta-data/placement/", &mut memory));
    assert!(listing.is_ok_and(|text| text.is_some_and(|text| text.starts_with(b"availability"))));
    assert_eq!(guest.link.peer().counters().token_puts, 1);
    assert_eq!(
        guest.now(),
        Duration::ZERO,
        "nothing waits on a perfect wire"
    );
}

#[test]
fn typed_documents() {
    let mut guest = Guest::new(ec2());
    let mut resources = guest.resources::<1>();
    let mut client = guest.client(&mut resources, config());
    let mut memory = [0; 4096];
    let identity = guest.run(client.identity_document(&mut memory));
    let identity = identity.expect("readable").expect("there");
    assert_eq!(identity.region.as_deref(), Some("eu-central-1"));
    let credentials = guest.run(client.credentials::<2048>(&mut memory));
    assert!(credentials.expect("readable").is_some());
    assert_eq!(memory, [0; 4096], "wiped");
}

#[test]
fn the_whole_tree_with_any_number_of_lanes() {
    fn walk<const LANES: usize>(mock: Mock, pushed: bool) -> BTreeMap<String, Vec<u8>> {
        let mut guest = Guest::new(mock);
        let mut resources = guest.resources::<LANES>();
        let mut client = guest.client(&mut resources, config());
        let found = match pushed {
            true => guest.walk_into(&mut client, "/latest/"),
            false => guest.walk(&mut client, "/latest/"),
        };
        let (found, _) = found.expect("a tree");
        // One lane that is kept needs one connection.
        assert!(guest.link.peer().counters().connections >= LANES as u64);
        found
    }
    for mock in [
        ec2,
        || ec2().always_close(true),
        || ec2().never_close(true),
        || Mock::new(Profile::Ec2Legacy),
    ] {
        let expected = leaves(&mock());
        for pushed in [false, true] {
            assert_same(&walk::<1>(mock(), pushed), &expected);
            assert_same(&walk::<3>(mock(), pushed), &expected);
            assert_same(&walk::<8>(mock(), pushed), &expected);
        }
    }
}

/// Runs that end at the ring's edge, window after window.
#[test]
fn a_value_many_times_as_long_as_the_buffers() {
    for length in [1459, 1460, 1461, 2047, 2048, 2049, 60_000] {
        let value: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
        let mut guest = Guest::new(ec2().fault(Trouble::on("GET", ID).body(value.clone())));
        let mut resources = guest.resources::<1>();
        let mut client = guest.client(&mut resources, config());
        let mut memory = vec![0; 64 * 1024];
        let found = guest.run(client.get(ID, &mut memory));
        assert_eq!(found, Ok(Some(&value[..])));
    }
}

#[test]
fn a_reset_and_an_end_in_mid_value_are_begun_anew() {
    for trouble in [
        Trouble::on("GET", ID).reset_in_body(5).times(2),
        Trouble::on("GET", ID).close_in_body(5).times(2),
        Trouble::on("GET", ID).reset_before_reply().times(2),
        Trouble::on("GET", ID).close_before_reply().times(2),
        Trouble::token().reset_before_reply().times(2),
    ] {
        let mut guest = Guest::new(ec2().fault(trouble));
        let mut resources = guest.resources::<1>();
        let mut client = guest.client(&mut resources, config());
        guest.read_id(&mut client);
        assert!(guest.link.peer().counters().connections >= 3);
    }
}

#[test]
fn a_reset_for_ever_and_an_end_for_ever_are_told_apart() {
    let reset = Trouble::on("GET", ID).reset_before_reply();
    let closed = Trouble::on("GET", ID).close_before_reply();
    for (trouble, fault) in [(reset, Fault::Reset), (closed, Fault::Closed)] {
        let mut guest = Guest::new(ec2().fault(trouble));
        let mut resources = guest.resources::<1>();
        let mut client = guest.client(&mut resources, config());
        let mut memory = [0; 64];
        let result = guest.run(client.get(ID, &mut memory));
        assert_eq!(result, Err(Error::Transport(Phase::FirstByte, fault)));
    }
}

/// The readiness helpers of the stack would not tell of it.
#[test]
fn a_server_that_closes_while_we_wait_is_noticed_at_once() {
    let trouble = Trouble::on("GET", ID).close_before_reply().times(1);
    let mut guest = Guest::new(ec2().fault(trouble));
    let mut resources = guest.resources::<1>();
    let mut client = guest.client(&mut resources, config());
    guest.read_id(&mut client);
    assert!(guest.now() < Duration::from_secs(1), "{:?}", guest.now());
}

#[test]
fn a_server_that_never_answers_is_a_time_out_of_its_phase() {
    let mut guest = Guest::new(ec2().fault(Trouble::on("GET", ID).stall()));
    let mut resources = guest.resources::<1>();
    let mut client = guest.client(&mut resources, config());
    let mut memory = [0; 64];
    let result = guest.run(client.get(ID, &mut memory));
    assert!(
        matches!(
            result,
            Err(Error::Timeout(Reason::FirstByte | Reason::Operation))
        ),
        "{result:?}"
    );
}

#[test]
fn a_wire_that_is_cut_ends_in_a_named_error_and_heals() {
    let mut guest = Guest::new(ec2());
    let mut resources = guest.resources::<1>();
    let mut client = guest.client(&mut resources, config());
    guest.read_id(&mut client);
    guest.cut = true;
    let mut memory = [0; 64];
    let error = guest.run(client.get(ID, &mut memory)).expect_err("cut");
    assert!(
        matches!(error.cause(), Cause::Unreachable | Cause::Deadline),
        "{error}"
    );
    guest.cut = false;
    guest.read_id(&mut client);
}

#[test]
fn a_lossy_wire_gives_the_right_tree_or_a_named_error() {
    const PLACEMENT: &str = "/latest/meta-data/placement/";
    let mut whole = leaves(&ec2());
    whole.retain(|path, _| path.starts_with(PLACEMENT));
    let mut right = 0;
    for seed in 0..100 {
        let mut guest = Guest::over(ec2(), imds_peer::Options::new(), Wire::lossy(seed));
        guest.take_addresses();
        let mut resources = guest.resources::<3>();
        let mut client = guest.client(&mut resources, config());
        match guest.walk(&mut client, PLACEMENT) {
            Ok((leaves, summary)) if summary.missing == 0 => {
                assert_same(&leaves, &whole);
                right += 1;
            }
            Ok((leaves, _)) => assert!(leaves.iter().all(|leaf| whole.get(leaf.0) == Some(leaf.1))),
            Err(error) => assert_ne!(error.cause(), Cause::Usage, "seed {seed}: {error}"),
        }
        assert!(guest.now() < Duration::from_secs(60), "seed {seed}");
    }
    assert!(right >= 90, "only {right} of 100");
}

/// The clock of a machine that was off for an hour goes on, and the token is too old.
#[test]
fn a_client_that_rested_for_long_is_as_good_as_new() {
    let mut guest = Guest::new(ec2());
    let mut resources = guest.resources::<1>();
    let mut client = guest.client(&mut resources, config());
    guest.read_id(&mut client);
    guest.pass(Duration::from_secs(7 * 3600));
    guest.read_id(&mut client);
    assert_eq!(guest.link.peer().counters().token_puts, 2);
}

#[test]
fn a_value_goes_into_a_writer_while_it_arrives() {
    let value: Vec<u8> = (0..40_000).map(|at| (at % 251) as u8).collect();
    let mut guest = Guest::new(ec2().fault(Trouble::on("GET", ID).body(value.clone())));
    let mut resources = guest.resources::<2>();
    let mut client = guest.client(&mut resources, config());
    let mut store = vec![0; 50_000];
    let mut writer = &mut store[..];
    let written = guest.run(client.get_into(ID, &mut writer));
    assert_eq!(written, Ok(Some(value.len())));
    assert_eq!(store[..value.len()], value);
}

#[test]
fn a_token_that_cannot_pass_the_hop_limit_is_named() {
    let options = imds_peer::Options::new().hop_limit(1, 1);
    let mut guest = Guest::over(ec2(), options, Wire::perfect());
    guest.take_addresses();
    let mut resources = guest.resources::<1>();
    let mut client = guest.client(&mut resources, config());
    let mut memory = [0; 64];
    let error = guest
        .run(client.get(ID, &mut memory))
        .expect_err("no token");
    assert_eq!(error.cause(), Cause::TokenNoReply);
}

#[test]
fn a_walk_over_closing_connections_does_not_wait() {
    for mock in [ec2().always_close(true), ec2()] {
        let mut guest = Guest::new(mock);
        let mut resources = guest.resources::<1>();
        let mut client = guest.client(&mut resources, config());
        guest.walk(&mut client, "/latest/").expect("a tree");
        assert!(
            guest.now() < Duration::from_millis(100),
            "{:?}",
            guest.now()
        );
    }
}
