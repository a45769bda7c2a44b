//! The figures that an image tells in its log.

use crate::{Error, LogLine};

/// What one boot said of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Figures {
    /// Bytes of stack that were used.
    pub stack: u64,
    /// Bytes of stack that there are.
    pub stack_size: u64,
    /// Bytes of memory for the network card that were used.
    pub dma: u64,
    /// Bytes of memory for the network card that there are.
    pub dma_size: u64,
    /// Microseconds from the start of the machine, its firmware included, to the first byte of metadata.
    pub first_byte: u64,
    /// The same to the last byte.
    pub last_byte: u64,
}

impl Figures {
    /// Finds `stack: N of M bytes`, `dma: N of M bytes`, `first byte after N us` and `last byte after N us` among the
    /// messages; the last of each counts.
    ///
    /// # Errors
    ///
    /// A figure is not there.
    pub fn of(log: &[LogLine]) -> Result<Self, Error> {
        let numbers = |before: &str, between: &str, after: &str| {
            log.iter()
                .rev()
                .find_map(|line| numbers(&line.message, before, between, after))
                .ok_or_else(|| {
                    Error::Figures(format!("the log has no `{before}N{between}…{after}`"))
                })
        };
        let (stack, stack_size) = numbers("stack: ", " of ", " bytes")?;
        let (dma, dma_size) = numbers("dma: ", " of ", " bytes")?;
        let (first_byte, _) = numbers("first byte after ", "", " us")?;
        let (last_byte, _) = numbers("last byte after ", "", " us")?;
        Ok(Self {
            stack,
            stack_size,
            dma,
            dma_size,
            first_byte,
            last_byte,
        })
    }
}

/// The number or numbers of a message of this form. Without a word between them there is only one.
pub(super) fn numbers(
    message: &str,
    before: &str,
    between: &str,
    after: &str,
) -> Option<(u64, u64)> {
    let (_, rest) = message.split_once(before)?;
    let (inner, _) = rest.split_once(after)?;
    if between.is_empty() {
        return Some((inner.parse().ok()?, 0));
    }
    let (first, second) = inner.split_once(between)?;
    Some((first.parse().ok()?, second.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(messages: &[&str]) -> Vec<LogLine> {
        let line = |message: &&str| LogLine {
            time: String::new(),
            level: "info",
            message: (*message).to_owned(),
            place: None,
        };
        messages.iter().map(line).collect()
    }

    const ALL: [&str; 6] = [
        "address 172.31.32.17",
        "first byte after 31415 us",
        "last byte after 40000 us",
        "stack: 1 of 65536 bytes",
        "stack: 12345 of 65536 bytes",
        "dma: 90112 of 98304 bytes",
    ];

    #[test]
    fn figures_are_found_among_other_lines_and_the_last_one_counts() {
        assert_eq!(
            Figures::of(&log(&ALL)).expect("all are there"),
            Figures {
                stack: 12_345,
                stack_size: 65_536,
                dma: 90_112,
                dma_size: 98_304,
                first_byte: 31_415,
                last_byte: 40_000,
            }
        );
    }

    #[test]
    fn a_missing_figure_is_named() {
        let error = Figures::of(&log(&ALL[..5])).expect_err("no dma");
        assert!(error.to_string().contains("dma: "), "{error}");
    }
}
