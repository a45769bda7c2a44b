//! A wire that loses, delays, doubles and swaps frames.

use core::fmt::Write as _;
use core::time::Duration;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use imds_boot::{Boot, Ending, Image, Machine};
use imds_mock::Tree;
use imds_peer::Wire;

use crate::{boot, each, sorted};

each! { a_lossy_wire_gives_the_right_tree_or_a_named_error }

/// Boots without a word in `IMDS_BOOT_SEEDS`.
const SEEDS: u64 = 10;
/// Much more than the attempts of one request take, and for twenty nodes.
pub(crate) const BUDGET: Duration = Duration::from_secs(120);

fn twenty_nodes() -> Tree {
    (0..20).fold(Tree::new(), |tree, node| {
        let path = match node % 4 {
            0 => format!("/latest/meta-data/node-{node:02}"),
            _ => format!("/latest/meta-data/branch-{}/node-{node:02}", node % 3),
        };
        tree.with(&path, format!("value of node {node}"))
    })
}

fn a_lossy_wire_gives_the_right_tree_or_a_named_error(image: Image) {
    let words = "imds.walk=/latest/meta-data/ imds.lanes=3";
    faulty_wire(&image.to_string(), || {
        boot(image, Machine::Microvm, words).timeout(BUDGET)
    });
}

/// 5 % of the frames lost, 10 % late, some swapped and some doubled. `IMDS_BOOT_SEEDS` says how many
/// boots, `IMDS_BOOT_REPORT` into which folder a report is to go.
pub(crate) fn faulty_wire(name: &str, boot: impl Fn() -> Boot) {
    let seeds = match std::env::var("IMDS_BOOT_SEEDS") {
        Ok(seeds) => seeds.parse().expect("a number of seeds"),
        Err(_) => SEEDS,
    };
    let whole = boot().tree(twenty_nodes()).run().expect("a boot");
    let whole = sorted(&whole);
    assert_eq!(whole.len(), 20);

    let mut endings = BTreeMap::<String, u32>::new();
    let (mut slowest, mut total) = (Duration::ZERO, Duration::ZERO);
    let mut lost = 0;
    for seed in 0..seeds {
        let outcome = boot()
            .append(&format!("imds.seed={seed}"))
            .tree(twenty_nodes())
            .wire(Wire::lossy(seed))
            .run()
            .expect("a boot");
        let Ending::Code(code) = outcome.ending else {
            panic!("seed {seed}: {outcome}");
        };
        let last = outcome.last_line().expect("the last line");
        let leaves = sorted(&outcome);
        if code == 0 {
            assert_eq!(leaves, whole, "seed {seed}: {outcome}");
        } else {
            // No token in time, no connection, an answer cut short, time up.
            assert!([6, 7, 9, 13].contains(&code), "seed {seed}: {outcome}");
            assert!(
                leaves.iter().all(|leaf| whole.contains(leaf)),
                "seed {seed}: {outcome}"
            );
        }
        *endings
            .entry(format!("exit={code} cause={}", last.cause))
            .or_default() += 1;
        lost += outcome.link.wire().tally().dropped;
        slowest = slowest.max(outcome.wall);
        total += outcome.wall;
    }
    let mut report = String::new();
    for (ending, count) in &endings {
        let _ = writeln!(report, "{count:4} of {seeds} boots ended with {ending}");
    }
    let _ = writeln!(
        report,
        "slowest boot {} ms, mean {} ms",
        slowest.as_millis(),
        total.as_millis() / u128::from(seeds.max(1))
    );
    print!("{report}");
    if let Some(folder) = std::env::var_os("IMDS_BOOT_REPORT") {
        let path = Path::new(&folder).join(format!("lossy-{name}.out"));
        fs::write(&path, report).expect("a report that can be written");
    }
    assert!(lost >= seeds, "a wire that lost only {lost} frames");
    let right = endings.get("exit=0 cause=ok").copied().unwrap_or(0);
    assert!(u64::from(right) * 10 >= seeds * 8, "{endings:?}");
}
