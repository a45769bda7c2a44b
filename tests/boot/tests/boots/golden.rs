//! What a person sees, to the letter. `BLESS=1` writes it anew.

use std::fs;
use std::path::Path;

use imds_boot::{Flavour, Image, Machine, Stack};

use crate::{boot, built, run};

#[track_caller]
fn assert_golden(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(name);
    if std::env::var_os("BLESS").is_some() {
        fs::write(&path, text).expect("a file that can be written");
    }
    let golden = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(
        text, golden,
        "{name}; if that is right, BLESS=1 writes it anew"
    );
}

/// Digits that differ from boot to boot.
fn masked(line: &str) -> String {
    let is_measured = ["clock", "stack:", "dma:", "byte after"]
        .iter()
        .any(|word| line.contains(word));
    if !is_measured {
        return line.to_owned();
    }
    line.chars()
        .map(|c| if c.is_ascii_digit() { '#' } else { c })
        .collect::<String>()
        .split('#')
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join("#")
}

const WORDS: &str = "imds.get=instance-id imds.get=placement/region imds.walk=tags/instance/ \
                     imds.get=no-such-key imds.seed=1";

/// The same for both.
const IMAGES: [Image; 2] = [
    Image {
        stack: Stack::Smoltcp,
        flavour: Flavour::Stock,
    },
    Image {
        stack: Stack::Embassy,
        flavour: Flavour::Stock,
    },
];

#[test]
fn the_serial_port() {
    for image in IMAGES {
        let outcome = run(boot(image, Machine::Microvm, WORDS), 3);
        assert_golden("serial.out", &outcome.serial);
    }
}

#[test]
fn the_log() {
    for image in IMAGES {
        let outcome = run(boot(image, Machine::Microvm, WORDS), 3);
        let log = outcome.log(built(image)).expect("a log");
        let lines: Vec<String> = log.iter().map(|line| masked(&line.masked())).collect();
        assert_golden("defmt.out", &(lines.join("\n") + "\n"));
    }
}
