//! The whole tree, the same one everywhere.

use std::path::PathBuf;
use std::process::Command;

use imds_boot::{Image, Machine};
use imds_mock::{Mock, Profile, server};
use imds_peer::{Counters, Options};

use crate::{assert_printed_by_all, assert_same, boot, each, run, sorted, values};

each! {
    the_tree_is_what_imdsctl_dumps
    json_is_the_same_tree
    on_microvm
    on_microvm_with_acpi
    on_pc
    on_q35
    single_values_in_the_order_asked_for
}

/// The built-in instance, but for two values that tell the present: seconds may pass in a walk.
pub(crate) fn steady(profile: Profile) -> Mock {
    let mut mock = Mock::new(profile);
    for path in ["iam/info", "identity-credentials/ec2/info"] {
        let path = format!("/latest/meta-data/{path}");
        mock.data_mut()
            .insert(&path, "{\n  \"Code\" : \"Success\"\n}");
    }
    mock
}

/// `imdsctl`, built as the tests are.
fn imdsctl() -> PathBuf {
    let built = Command::new(env!("CARGO"))
        .args(["build", "--locked", "-q", "-p", "imdsctl"])
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
        .status()
        .expect("cargo runs");
    assert!(built.success(), "imdsctl does not build");
    let test = std::env::current_exe().expect("this program has a path");
    // target/debug/deps/boots-…
    test.ancestors()
        .nth(2)
        .expect("the target folder")
        .join("imdsctl")
}

/// What `imdsctl dump -o flat` reads from a mock of the same data.
pub(crate) fn dump(profile: Profile) -> String {
    let server = server::spawn(steady(profile)).expect("a port on loopback");
    let output = Command::new(imdsctl())
        .args(["dump", "-o", "flat", "--endpoint", &server.url()])
        .output()
        .expect("imdsctl runs");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

fn the_tree_is_what_imdsctl_dumps(image: Image) {
    for profile in [Profile::Ec2, Profile::Ec2Legacy] {
        let outcome = run(boot(image, Machine::Microvm, "").mock(steady(profile)), 0);
        let dumped = dump(profile);
        let lines: Vec<_> = dumped.lines().collect();
        assert_same(&sorted(&outcome), &lines, "the image and imdsctl");
        for line in [
            "/latest/meta-data/instance-id\t\"i-0123456789abcdef0\"",
            "/latest/meta-data/placement/region\t\"eu-central-1\"",
            "/latest/meta-data/tags/instance/Name\t",
        ] {
            assert!(dumped.contains(line), "{line:?} in {dumped}");
        }
        assert_eq!(outcome.counters().token_puts, 1);
    }
}

fn json_is_the_same_tree(image: Image) {
    let json = boot(image, Machine::Microvm, "imds.format=json");
    let json = run(json.mock(steady(Profile::Ec2)), 0);
    let objects = json.serial.lines().filter(|line| line.starts_with('{'));
    let lines: Vec<String> = objects
        .map(|line| {
            let object: serde_json::Value = serde_json::from_str(line).expect("JSON");
            let path = object["path"].as_str().expect("a path");
            format!("{path}\t{}", object["value"])
        })
        .collect();
    let flat = boot(image, Machine::Microvm, "");
    let flat = run(flat.mock(steady(Profile::Ec2)), 0);
    assert_eq!(lines, values(&flat));
}

/// Every way to an address, one lane and three, and every server that has a tree. One lane gives
/// the same bytes each time; three give the same lines.
fn everywhere(image: Image, machine: Machine) {
    let ec2 = [
        ("", "dhcp"),
        ("ip=172.31.40.9/20,172.31.32.1", "static"),
        (
            "ip=172.31.40.9::172.31.32.1:255.255.240.0",
            "static, as Linux has it",
        ),
        ("ip=fd00:ec2::9/64", "static IPv6"),
        ("ip=fd00:ec2::9/64 ip=dhcp", "both"),
        (
            "ip=2001:db8::9/64,fe80::1 imds.endpoint=http://[fd00:ec2::254]",
            "routed IPv6",
        ),
    ];
    for profile in [Profile::Ec2, Profile::Ec2Legacy] {
        let dumped = dump(profile);
        let dumped: Vec<_> = dumped.lines().collect();
        for (words, how) in ec2 {
            let outcome = run(boot(image, machine, words).mock(steady(profile)), 0);
            assert_same(&sorted(&outcome), &dumped, how);
            assert_printed_by_all(&format!("{profile:?}"), image, outcome.result());
            // DHCP is for those who were not told.
            let wanted = words.is_empty() || words.contains("dhcp");
            assert_eq!(outcome.counters().dhcp_acks > 0, wanted, "{outcome}");

            let three = boot(image, machine, words).append("imds.lanes=3");
            let three = run(three.mock(steady(profile)), 0);
            assert_eq!(
                sorted(&three),
                sorted(&outcome),
                "{machine}, {profile:?}, {how}"
            );
        }
    }
    let dumped = dump(Profile::Mmds);
    let dumped: Vec<_> = dumped.lines().collect();
    for words in [
        "ip=ll",
        "ip=169.254.10.9/16 imds.link-local=true",
        "ip=169.254.11.9:::255.255.0.0 imds.link-local=true",
    ] {
        let mmds = |words: &str| {
            boot(image, machine, words)
                .mock(steady(Profile::Mmds))
                .options(Options::for_profile(Profile::Mmds))
        };
        let outcome = run(mmds(words), 0);
        assert_same(&sorted(&outcome), &dumped, words);
        assert_printed_by_all("mmds", image, outcome.result());
        let three = run(mmds(words).append("imds.lanes=3"), 0);
        let what = format!("{machine}, {words}");
        assert_same(&sorted(&three), &sorted(&outcome), &what);
        let Counters {
            dhcp_offers,
            link_local,
            ..
        } = outcome.counters();
        assert_eq!((dhcp_offers, link_local), (0, 0));
    }
}

fn on_microvm(image: Image) {
    everywhere(image, Machine::Microvm);
}

fn on_microvm_with_acpi(image: Image) {
    everywhere(image, Machine::MicrovmAcpi);
}

fn on_pc(image: Image) {
    everywhere(image, Machine::Pc);
}

fn on_q35(image: Image) {
    everywhere(image, Machine::Q35);
}

fn single_values_in_the_order_asked_for(image: Image) {
    let words = "imds.get=placement/region imds.get=instance-id imds.walk=tags/instance/";
    let outcome = run(boot(image, Machine::Microvm, words), 0);
    let paths: Vec<_> = values(&outcome)
        .iter()
        .map(|line| line.split('\t').next().expect("a path"))
        .collect();
    assert_eq!(
        paths[..2],
        [
            "/latest/meta-data/placement/region",
            "/latest/meta-data/instance-id"
        ]
    );
    assert!(
        paths[2..]
            .iter()
            .all(|path| path.starts_with("/latest/meta-data/tags/instance/"))
    );
    assert!(paths.len() > 3);
}
