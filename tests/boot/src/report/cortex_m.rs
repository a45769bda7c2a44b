//! The figures of the image for the Cortex-M3, as tables in Markdown.

use core::fmt::Write as _;
use std::path::Path;

use super::figures::numbers;
use super::table::{bytes, median, millis};
use super::{Parts, parts};
use crate::{Boot, Error, LogLine, Machine};

/// The crates that are the client.
const CLIENT: [&str; 2] = ["imds_core", "imds_embassy"];

/// Crates with less code than this are told together.
const SMALL: u64 = 500;

/// Boots so often, and tells what the image needs, and whose code it is.
///
/// # Errors
///
/// A boot could not be tried, did not end with exit code 0, or its log lacks a figure; or the image has no symbols or no
/// debug information.
pub fn cortex_m(image: &Path, runs: usize, boot: impl Fn(Boot) -> Boot) -> Result<String, Error> {
    let logs = (0..runs)
        .map(|_| {
            let outcome = boot(Boot::new(image).machine(Machine::Lm3s6965evb)).run()?;
            match outcome.exit_code() {
                Some(0) => outcome.log(image),
                Some(_) | None => Err(Error::Figures(outcome.to_string())),
            }
        })
        .collect::<Result<Vec<_>, _>>()?;
    let figure = |before, between, after| {
        logs.iter()
            .map(|log| figure(log, before, between, after))
            .collect::<Result<Vec<_>, _>>()
    };
    let most = |of: &[(u64, u64)]| of.iter().copied().max().unwrap_or_default();
    let (stack, stack_size) = most(&figure("stack: ", " of ", " bytes")?);
    let (client, lent) = most(&figure("client: ", " bytes, and ", " lent")?);
    let middle = |of: Vec<(u64, u64)>| millis(median(of.into_iter().map(|(n, _)| n)));
    let first = middle(figure("first byte after ", "", " us")?);
    let last = middle(figure("last byte after ", "", " us")?);
    let Parts {
        text,
        rodata,
        data,
        bss,
        crates,
    } = parts(image)?;
    let own: u64 = CLIENT.iter().filter_map(|name| crates.get(*name)).sum();

    let mut table = String::from("| the image for a Cortex-M3 | |\n|---|--:|\n");
    for (what, value) in [
        ("`.text`", bytes(text)),
        ("of it core + adapter", bytes(own)),
        ("`.rodata`", bytes(rodata)),
        (
            "`.data` and `.bss`",
            format!("{} + {}", bytes(data), bytes(bss)),
        ),
        (
            "of it the client, and what is lent to it",
            format!("{} + {}", bytes(client), bytes(lent)),
        ),
        (
            "stack",
            format!("{} of {}", bytes(stack), bytes(stack_size)),
        ),
        ("first byte", first),
        ("last byte", last),
    ] {
        writeln!(table, "| {what} | {value} |").expect("a string takes everything");
    }
    let (mut named, small): (Vec<_>, Vec<_>) =
        crates.into_iter().partition(|(_, size)| *size >= SMALL);
    named.sort_by_key(|(_, size)| core::cmp::Reverse(*size));
    let small = small.into_iter().map(|(_, size)| size).sum();
    named.push((format!("with less than {SMALL} each"), small));
    table.push_str("\n| code of | bytes |\n|---|--:|\n");
    for (name, size) in named {
        writeln!(table, "| {name} | {} |", bytes(size)).expect("a string takes everything");
    }
    Ok(table)
}

fn figure(log: &[LogLine], before: &str, between: &str, after: &str) -> Result<(u64, u64), Error> {
    log.iter()
        .find_map(|line| numbers(&line.message, before, between, after))
        .ok_or_else(|| Error::Figures(format!("the log has no `{before}N{between}…{after}`")))
}
