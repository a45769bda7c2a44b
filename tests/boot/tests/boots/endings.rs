//! What goes wrong has its exit code and its name.

use core::time::Duration;

use imds_boot::{Boot, Ending, Image, Machine, Outcome, Stack, Transport};
use imds_mock::{Fault, Mock, Profile};
use imds_peer::{Options, Presence};

use crate::{assert_printed_by_all, boot, each, run};

each! {
    servers_that_give_nothing
    networks_that_lead_nowhere
    values_that_are_not_there
    words_that_cannot_be_understood
    two_addresses_of_a_family
    a_machine_without_a_network_card
    machines_end_the_same_way_on_pci
}

/// Insists on this ending, by the machine's status and by the last line, and on the same words from
/// every image. `what` names the circumstances.
#[track_caller]
fn ends(image: Image, what: &str, boot: Boot, code: u8, name: &str) -> Outcome {
    let outcome = run(boot, code);
    let last = outcome.last_line().expect("the last line");
    assert_eq!((last.code, last.cause.as_str()), (code, name), "{outcome}");
    assert_eq!(outcome.ending, Ending::Code(code), "{outcome}");
    assert_printed_by_all(what, image, &outcome.serial);
    outcome
}

fn servers_that_give_nothing(image: Image) {
    let throttling = Mock::new(Profile::Ec2).fault(Fault::any().status(503));
    for (what, mock, code, name) in [
        ("disabled", Mock::new(Profile::Disabled), 5, "turned-off"),
        (
            "hop limit",
            Mock::new(Profile::HopLimited),
            6,
            "token-no-reply",
        ),
        ("throttling", throttling, 8, "throttled"),
        ("html", Mock::new(Profile::Html), 9, "not-imds"),
        ("html, 405", Mock::new(Profile::Html405), 9, "not-imds"),
        // Not without being told to.
        ("v1 only", Mock::new(Profile::V1Only), 9, "not-imds"),
    ] {
        let boot = boot(image, Machine::Microvm, "imds.timeout=1s").mock(mock);
        ends(image, what, boot, code, name);
    }
    // The token's segments die on the way, and nothing else does.
    let hops = Options::new().hop_limit(1, 1);
    let boot = boot(image, Machine::Microvm, "imds.timeout=1s").options(hops);
    ends(image, "hop limit", boot, 6, "token-no-reply");
}

fn networks_that_lead_nowhere(image: Image) {
    for presence in [Presence::Absent, Presence::Silent, Presence::Refused] {
        let options = Options::new().presence(presence);
        let words = "imds.timeout=1s imds.attempts=2";
        let boot = boot(image, Machine::Microvm, words).options(options);
        ends(image, &format!("{presence:?}"), boot, 7, "unreachable");
    }
    // Nobody gives an address.
    let nobody = boot(image, Machine::Microvm, "").options(Options::new().dhcp(false));
    let outcome = ends(image, "no DHCP", nobody, 7, "unreachable");
    assert!(outcome.serial.contains("DHCP"), "{outcome}");
    assert!(outcome.wall < Duration::from_secs(30), "{outcome}");
    // There is no way out of this network.
    let boxed_in = boot(image, Machine::Microvm, "ip=172.31.40.9/20");
    let outcome = ends(image, "no route", boxed_in, 7, "unreachable");
    assert!(outcome.serial.contains("no route"), "{outcome}");
    // EC2 would drop it, and so it is not even sent.
    let dropped = boot(image, Machine::Microvm, "ip=169.254.10.9/16");
    let outcome = ends(image, "link-local", dropped, 7, "unreachable");
    assert!(outcome.serial.contains("link-local"), "{outcome}");
    assert_eq!(outcome.counters().frames_in, 0, "{outcome}");
}

fn values_that_are_not_there(image: Image) {
    for words in [
        "imds.get=no-such-key",
        "imds.walk=no-such-key/",
        "imds.get=instance-id imds.get=no-such-key",
    ] {
        let boot = boot(image, Machine::Microvm, words);
        let outcome = ends(image, words, boot, 3, "absent");
        assert!(
            outcome
                .serial
                .contains("error: /latest/meta-data/no-such-key"),
            "{outcome}"
        );
    }
}

fn words_that_cannot_be_understood(image: Image) {
    for word in [
        "imds.lanes=none",
        "imds.gte=instance-id",
        "imds.endpoint=http://metadata",
        "ip=here",
    ] {
        let boot = boot(image, Machine::Microvm, word);
        let outcome = ends(image, word, boot, 2, "usage");
        assert_eq!(outcome.counters().frames_in, 0, "nothing was sent");
    }
}

/// embassy-net has one address of each family; smoltcp has as many as there is room for.
fn two_addresses_of_a_family(image: Image) {
    for words in [
        "ip=172.31.40.9/20,172.31.32.1 ip=172.31.40.10/20",
        "ip=172.31.40.9/20,172.31.32.1 ip=dhcp",
        "ip=fd00:ec2::9/64 ip=fd00:ec2::a/64",
    ] {
        let boot = boot(image, Machine::Microvm, words).append("imds.get=instance-id");
        match image.stack {
            Stack::Smoltcp => drop(run(boot, 0)),
            Stack::Embassy => {
                let outcome = ends(image, words, boot, 2, "usage");
                assert!(outcome.serial.contains("embassy-net has one"), "{outcome}");
                assert_eq!(outcome.counters().frames_in, 0, "nothing was sent");
            }
        }
    }
}

fn a_machine_without_a_network_card(image: Image) {
    for machine in Machine::ALL {
        let boot = boot(image, machine, "").transport(Transport::None);
        let outcome = ends(image, "no card", boot, 7, "unreachable");
        assert!(outcome.serial.contains("no virtio NIC found"), "{outcome}");
    }
}

fn machines_end_the_same_way_on_pci(image: Image) {
    for machine in [Machine::Pc, Machine::Q35] {
        let boot = boot(image, machine, "imds.timeout=1s").profile(Profile::Disabled);
        ends(image, "disabled", boot, 5, "turned-off");
    }
}
