//! The image for a Cortex-M3, which has 64 KiB of memory: the same values as everywhere, the same
//! endings, and a log.

use core::time::Duration;
use std::path::Path;

use imds_boot::{Boot, Ending, Machine, Outcome, build_cortex_m};
use imds_mock::{Fault, Mock, Profile, Tree};
use imds_peer::{Options, Presence};

use crate::lossy::{BUDGET, faulty_wire};
use crate::trees::{dump, steady};
use crate::{assert_same, run, sorted, values};

#[track_caller]
fn image() -> &'static Path {
    build_cortex_m().unwrap_or_else(|error| panic!("{error}"))
}

#[track_caller]
fn boot(words: &str) -> Boot {
    Boot::new(image())
        .machine(Machine::Lm3s6965evb)
        .append(words)
}

#[track_caller]
fn assert_ends(boot: Boot, code: u8, name: &str) -> Outcome {
    let outcome = run(boot, code);
    let last = outcome.last_line().expect("the last line");
    assert_eq!((last.code, last.cause.as_str()), (code, name), "{outcome}");
    outcome
}

#[test]
fn the_tree_is_what_imdsctl_dumps() {
    for (profile, addresses) in [
        (
            Profile::Ec2,
            &[
                "",
                "ip=172.31.40.9/20,172.31.32.1",
                "ip=172.31.40.9::172.31.32.1:255.255.240.0",
            ][..],
        ),
        (Profile::Ec2Legacy, &[""]),
        (
            Profile::Mmds,
            &["ip=ll", "ip=169.254.10.9/16 imds.link-local=true"],
        ),
    ] {
        let dumped = dump(profile);
        let dumped: Vec<_> = dumped.lines().collect();
        for words in addresses {
            let outcome = run(boot(words).mock(steady(profile)), 0);
            assert_same(&sorted(&outcome), &dumped, words);
            assert_eq!(outcome.counters().token_puts, 1, "{outcome}");
            assert_eq!(
                outcome.counters().dhcp_acks > 0,
                words.is_empty(),
                "{outcome}"
            );
        }
    }
}

/// The longest user-data that EC2 takes; a quarter of the machine's memory.
#[test]
fn a_value_of_16_kib_and_none_longer() {
    for (length, code) in [(16 * 1024, 0), (16 * 1024 + 1, 9)] {
        let text = "x".repeat(length);
        let tree = Tree::new().with("/latest/user-data", text.clone());
        let outcome = run(boot("imds.get=user-data").tree(tree), code);
        let line = format!("/latest/user-data\t\"{text}\"");
        let expected: &[_] = if code == 0 { &[line.as_str()] } else { &[] };
        assert_eq!(values(&outcome), expected);
    }
}

#[test]
fn credentials_are_parsed_and_not_printed() {
    let outcome = run(boot("imds.get=instance-id"), 0);
    let line = outcome
        .serial
        .lines()
        .find(|line| line.starts_with("credentials: "));
    let line = line.unwrap_or_else(|| panic!("{outcome}"));
    assert!(
        line.starts_with("credentials: of \"web-server-role\", until 20") && line.ends_with('Z'),
        "{outcome}"
    );
    for secret in ["ASIA", "AccessKey", "Token"] {
        assert!(!outcome.serial.contains(secret), "{outcome}");
    }

    let none = Tree::new().with("/latest/meta-data/instance-id", "i-0");
    let outcome = run(boot("imds.get=instance-id").tree(none), 0);
    assert!(
        outcome.serial.contains("\ncredentials: none\n"),
        "{outcome}"
    );
    let broken = "/latest/meta-data/iam/security-credentials/role";
    let broken = Tree::new().with(broken, "{\"Code\" : \"Success\"}");
    let outcome = run(boot("imds.walk=/latest/").tree(broken), 9);
    assert!(
        outcome
            .serial
            .contains("error: /latest/meta-data/iam/security-credentials/: "),
        "{outcome}"
    );
}

#[test]
fn servers_that_give_nothing() {
    let throttling = Mock::new(Profile::Ec2).fault(Fault::any().status(503));
    for (mock, code, name) in [
        (Mock::new(Profile::Disabled), 5, "turned-off"),
        (Mock::new(Profile::HopLimited), 6, "token-no-reply"),
        (throttling, 8, "throttled"),
        (Mock::new(Profile::Html), 9, "not-imds"),
    ] {
        assert_ends(boot("imds.timeout=1s").mock(mock), code, name);
    }
}

#[test]
fn networks_that_lead_nowhere() {
    for presence in [Presence::Absent, Presence::Silent, Presence::Refused] {
        let options = Options::new().presence(presence);
        let words = "imds.timeout=1s imds.attempts=2";
        assert_ends(boot(words).options(options), 7, "unreachable");
    }
    let nobody = Options::new().dhcp(false);
    let outcome = assert_ends(boot("").options(nobody), 7, "unreachable");
    assert!(outcome.serial.contains("DHCP"), "{outcome}");
    for (words, why) in [
        // There is no way out of this network.
        ("ip=172.31.40.9/20", "no route"),
        // EC2 would drop it, and so it is not even sent.
        ("ip=169.254.10.9/16", "link-local"),
    ] {
        let outcome = assert_ends(boot(words), 7, "unreachable");
        assert!(outcome.serial.contains(why), "{outcome}");
        assert_eq!(outcome.counters().connections, 0, "{outcome}");
    }
}

#[test]
fn what_is_not_there_or_cannot_be_done() {
    let outcome = assert_ends(boot("imds.get=no-such-key"), 3, "absent");
    assert!(
        outcome
            .serial
            .contains("error: /latest/meta-data/no-such-key"),
        "{outcome}"
    );
    for words in [
        "imds.gte=instance-id",
        "imds.lanes=2",
        "imds.endpoint=http://[fd00:ec2::254]",
        "ip=fd00:ec2::9/64",
        "ip=172.31.40.9/20 ip=dhcp",
        &format!("imds.get={}", "x".repeat(1100)),
    ] {
        let outcome = assert_ends(boot(words), 2, "usage");
        assert_eq!(outcome.counters().frames_in, 0, "nothing was sent");
    }
}

#[test]
fn a_lossy_wire_gives_the_right_tree_or_a_named_error() {
    let words = "imds.walk=/latest/meta-data/";
    faulty_wire("cortex-m", || boot(words).timeout(BUDGET));
}

#[test]
fn the_log_says_what_was_used() {
    let outcome = run(boot("imds.get=instance-id"), 0);
    let log = outcome.log(image()).expect("a log");
    let lines: Vec<_> = log.iter().map(|line| line.masked()).collect();
    assert_eq!(lines[0], "info  address 172.31.32.17/20 (network.rs)");
    assert_eq!(lines[lines.len() - 1], "info  exit 0 (main.rs)");
    let stack = log
        .iter()
        .find_map(|line| line.message.strip_prefix("stack: "))
        .and_then(|line| line.strip_suffix(" of 24576 bytes"));
    let stack: u32 = stack
        .and_then(|bytes| bytes.parse().ok())
        .unwrap_or_else(|| panic!("{lines:?}"));
    assert!((1000..24_576).contains(&stack), "{stack}");
}

#[test]
fn without_a_second_serial_port_there_is_no_log() {
    let outcome = run(boot("imds.get=instance-id").log_port(false), 0);
    assert_eq!((values(&outcome).len(), outcome.defmt.len()), (1, 0));
}

#[test]
fn crashes_are_told_apart() {
    for (how, ending, words, cause) in [
        ("panic", Ending::Panic, "as it was asked to", "panic"),
        (
            "invalid",
            Ending::Exception,
            "fault 0x00010000 at 0x",
            "exception",
        ),
        (
            "guard",
            Ending::Exception,
            "fault 0x00000082 at 0x",
            "exception",
        ),
        (
            "stack",
            Ending::StackOverflow,
            "stack overflow",
            "stack-overflow",
        ),
    ] {
        let outcome = Boot::new(image().with_file_name("crash"))
            .machine(Machine::Lm3s6965evb)
            .append(how)
            .timeout(Duration::from_secs(20))
            .run()
            .expect("a boot");
        assert_eq!(outcome.ending, ending, "{outcome}");
        assert!(outcome.serial.contains(words), "{outcome}");
        let last = outcome.last_line().expect("the last line");
        assert_eq!((last.code, last.cause.as_str()), (1, cause), "{outcome}");
    }
}
