//! What goes wrong has its exit code and its name.

use core::time::Duration;

use imds_boot::{Ending, Flavour, Machine};
use imds_mock::{Fault, Mock, Profile};
use imds_peer::{Options, Presence};

use crate::{boot, both, run};

both! {
    servers_that_give_nothing
    networks_that_lead_nowhere
    values_that_are_not_there
    words_that_cannot_be_understood
    a_machine_without_a_network_card
    machines_end_the_same_way_on_pci
}

#[track_caller]
fn assert_ends(outcome: &imds_boot::Outcome, code: u8, name: &str) {
    let last = outcome.last_line().expect("the last line");
    assert_eq!((last.code, last.cause.as_str()), (code, name), "{outcome}");
    assert_eq!(outcome.ending, Ending::Code(code), "{outcome}");
}

fn servers_that_give_nothing(flavour: Flavour) {
    let throttling = Mock::new(Profile::Ec2).fault(Fault::any().status(503));
    for (mock, code, name) in [
        (Mock::new(Profile::Disabled), 5, "turned-off"),
        (Mock::new(Profile::HopLimited), 6, "token-no-reply"),
        (throttling, 8, "throttled"),
        (Mock::new(Profile::Html), 9, "not-imds"),
        (Mock::new(Profile::Html405), 9, "not-imds"),
        // Not without being told to.
        (Mock::new(Profile::V1Only), 9, "not-imds"),
    ] {
        let outcome = run(
            boot(flavour, Machine::Microvm, "imds.timeout=1s").mock(mock),
            code,
        );
        assert_ends(&outcome, code, name);
    }
    // The token's segments die on the way, and nothing else does.
    let hops = Options::new().hop_limit(1, 1);
    let outcome = run(
        boot(flavour, Machine::Microvm, "imds.timeout=1s").options(hops),
        6,
    );
    assert_ends(&outcome, 6, "token-no-reply");
}

fn networks_that_lead_nowhere(flavour: Flavour) {
    for presence in [Presence::Absent, Presence::Silent, Presence::Refused] {
        let options = Options::new().presence(presence);
        let words = "imds.timeout=1s imds.attempts=2";
        let outcome = run(boot(flavour, Machine::Microvm, words).options(options), 7);
        assert_ends(&outcome, 7, "unreachable");
    }
    // Nobody gives an address.
    let options = Options::new().dhcp(false);
    let outcome = run(boot(flavour, Machine::Microvm, "").options(options), 7);
    assert!(outcome.serial.contains("DHCP"), "{outcome}");
    assert!(outcome.wall < Duration::from_secs(30), "{outcome}");
    // There is no way out of this network.
    let outcome = run(boot(flavour, Machine::Microvm, "ip=172.31.40.9/20"), 7);
    assert!(outcome.serial.contains("no route"), "{outcome}");
    // EC2 would drop it, and so it is not even sent.
    let words = "ip=169.254.10.9/16";
    let outcome = run(boot(flavour, Machine::Microvm, words), 7);
    assert!(outcome.serial.contains("link-local"), "{outcome}");
    assert_eq!(
        (
            outcome.counters().link_local,
            outcome.counters().connections
        ),
        (0, 0)
    );
}

fn values_that_are_not_there(flavour: Flavour) {
    for words in [
        "imds.get=no-such-key",
        "imds.walk=no-such-key/",
        "imds.get=instance-id imds.get=no-such-key",
    ] {
        let outcome = run(boot(flavour, Machine::Microvm, words), 3);
        assert_ends(&outcome, 3, "absent");
        assert!(
            outcome
                .serial
                .contains("error: /latest/meta-data/no-such-key"),
            "{outcome}"
        );
    }
}

fn words_that_cannot_be_understood(flavour: Flavour) {
    for word in [
        "imds.lanes=none",
        "imds.gte=instance-id",
        "imds.endpoint=http://metadata",
        "ip=here",
    ] {
        let outcome = run(boot(flavour, Machine::Microvm, word), 2);
        assert_ends(&outcome, 2, "usage");
        assert_eq!(outcome.counters().frames_in, 0, "nothing was sent");
    }
}

fn a_machine_without_a_network_card(flavour: Flavour) {
    for machine in Machine::ALL {
        let outcome = run(
            boot(flavour, machine, "").transport(imds_boot::Transport::None),
            7,
        );
        assert!(outcome.serial.contains("no virtio NIC found"), "{outcome}");
    }
}

fn machines_end_the_same_way_on_pci(flavour: Flavour) {
    for machine in [Machine::Pc, Machine::Q35] {
        let outcome = run(boot(flavour, machine, "").profile(Profile::Disabled), 5);
        assert_ends(&outcome, 5, "turned-off");
    }
}
