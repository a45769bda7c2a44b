//! The project's image, booted: every machine, every way to an address, every kind of server.
//!
//! Each boot is of both builds of the image, by the stock toolchain and for the target without a
//! floating-point unit; the names of the latter begin with `soft`.

mod crashes;
mod demands;
mod endings;
mod golden;
mod lossy;
mod trees;

use std::path::Path;

use imds_boot::{Boot, Flavour, Machine, Outcome, build};

/// The image of this build.
#[track_caller]
pub(crate) fn image(flavour: Flavour) -> &'static Path {
    build(flavour).unwrap_or_else(|error| panic!("{flavour}: {error}"))
}

/// A boot on this machine, with this command line.
#[track_caller]
pub(crate) fn boot(flavour: Flavour, machine: Machine, words: &str) -> Boot {
    Boot::new(image(flavour)).machine(machine).append(words)
}

/// Boots, and insists on this exit code: by the machine's status and by the last line.
#[track_caller]
pub(crate) fn run(boot: Boot, code: u8) -> Outcome {
    let outcome = boot.run().unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(outcome.exit_code(), Some(code), "{outcome}");
    let last = outcome.last_line().expect("the last line");
    assert_eq!(last.code, code, "{outcome}");
    outcome
}

/// The lines that are values, as they came.
pub(crate) fn values(outcome: &Outcome) -> Vec<&str> {
    let lines = outcome.serial.lines();
    lines.filter(|line| line.starts_with('/')).collect()
}

/// The lines that are values, sorted.
pub(crate) fn sorted(outcome: &Outcome) -> Vec<&str> {
    let mut lines = values(outcome);
    lines.sort_unstable();
    lines
}

/// That these are the same lines; if not, says which are not in both.
#[track_caller]
pub(crate) fn assert_same(left: &[&str], right: &[&str], what: &str) {
    let only = |these: &[&str], those: &[&str]| -> Vec<String> {
        let these = these.iter().filter(|line| !those.contains(line));
        these.map(|line| (*line).to_owned()).collect()
    };
    let (left_only, right_only) = (only(left, right), only(right, left));
    assert!(
        left == right,
        "{what}: {left_only:#?} here, {right_only:#?} there"
    );
}

/// A test for each build of the image.
macro_rules! both {
    ($($name:ident)*) => {
        mod stock {
            $(#[test] fn $name() { super::$name(imds_boot::Flavour::Stock); })*
        }
        mod soft {
            $(#[test] fn $name() { super::$name(imds_boot::Flavour::Soft); })*
        }
    };
}
pub(crate) use both;
