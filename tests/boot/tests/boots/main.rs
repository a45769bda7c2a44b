//! The project's images, booted: every machine, every way to an address, every kind of server.
//!
//! Each boot is of both images, over smoltcp and over embassy-net, in both builds, by the stock
//! toolchain and for the target without a floating-point unit (those have `soft` in their names). They
//! are to print the same bytes.

mod cortex_m;
mod crashes;
mod demands;
mod endings;
mod golden;
mod lossy;
mod trees;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use imds_boot::{Boot, Flavour, Image, Machine, Outcome, Stack, build};

/// The image, built.
#[track_caller]
pub(crate) fn built(image: Image) -> &'static Path {
    build(image).unwrap_or_else(|error| panic!("{image}: {error}"))
}

/// An image that is there once, in this build.
#[track_caller]
pub(crate) fn other(name: &str, flavour: Flavour) -> PathBuf {
    let stack = Stack::Smoltcp;
    built(Image { stack, flavour }).with_file_name(name)
}

/// A boot on this machine, with this command line.
#[track_caller]
pub(crate) fn boot(image: Image, machine: Machine, words: &str) -> Boot {
    Boot::new(built(image)).machine(machine).append(words)
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

/// That whoever does `what` prints the same: every image, every build, every machine.
#[track_caller]
pub(crate) fn assert_printed_by_all(what: &str, image: Image, text: &str) {
    static FIRST: Mutex<Option<HashMap<String, (Image, String)>>> = Mutex::new(None);
    let mut first = FIRST
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner());
    let (who, printed) = first
        .get_or_insert_default()
        .entry(what.to_owned())
        .or_insert_with(|| (image, text.to_owned()))
        .clone();
    drop(first);
    assert_eq!(text, printed, "{what}: {image} here, {who} there");
}

/// A test for each build of an image that is there once.
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

/// A test for each image in each build.
macro_rules! each {
    ($($name:ident)*) => {
        crate::each!(smoltcp_stock Smoltcp Stock: $($name)*);
        crate::each!(smoltcp_soft Smoltcp Soft: $($name)*);
        crate::each!(embassy_stock Embassy Stock: $($name)*);
        crate::each!(embassy_soft Embassy Soft: $($name)*);
    };
    ($module:ident $stack:ident $flavour:ident: $($name:ident)*) => {
        mod $module {
            use imds_boot::{Flavour, Image, Stack};
            const IMAGE: Image = Image { stack: Stack::$stack, flavour: Flavour::$flavour };
            $(#[test] fn $name() { super::$name(IMAGE); })*
        }
    };
}
pub(crate) use each;
