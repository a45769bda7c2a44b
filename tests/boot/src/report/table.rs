//! The figures as a table in Markdown.

use core::fmt::Write as _;

use super::{Figures, Sizes};
use crate::Machine;

/// One line: an image on a machine.
#[derive(Clone, Debug)]
pub struct Row {
    /// The image's name.
    pub image: String,
    /// Its sizes.
    pub sizes: Sizes,
    /// The machine.
    pub machine: Machine,
    /// The figures of its boots.
    pub boots: Vec<Figures>,
}

/// The table, with a line break at its end. Of stack and DMA memory the most that any boot used, of times the median.
#[must_use]
pub fn table(rows: &[Row]) -> String {
    let mut text = String::from(
        "| image | machine | stripped | `.text` | of it core + adapter | `.bss` | stack | DMA memory | first byte | last byte |\n\
         |---|---|--:|--:|--:|--:|--:|--:|--:|--:|\n",
    );
    for row in rows {
        let most = |figure: fn(&Figures) -> u64| row.boots.iter().map(figure).max().unwrap_or(0);
        let middle = |figure: fn(&Figures) -> u64| median(row.boots.iter().map(figure));
        let Sizes {
            stripped,
            text: code,
            client,
            bss,
        } = row.sizes;
        writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} | {} of {} | {} of {} | {} | {} |",
            row.image,
            row.machine,
            bytes(stripped),
            bytes(code),
            bytes(client),
            bytes(bss),
            bytes(most(|boot| boot.stack)),
            bytes(most(|boot| boot.stack_size)),
            bytes(most(|boot| boot.dma)),
            bytes(most(|boot| boot.dma_size)),
            millis(middle(|boot| boot.first_byte)),
            millis(middle(|boot| boot.last_byte)),
        )
        .expect("a string takes everything");
    }
    text
}

/// The middle one, or the lower of the two in the middle; 0 of none.
#[must_use]
pub fn median(values: impl Iterator<Item = u64>) -> u64 {
    let mut values: Vec<u64> = values.collect();
    values.sort_unstable();
    values
        .get(values.len().saturating_sub(1) / 2)
        .copied()
        .unwrap_or(0)
}

/// With a comma at the thousands.
pub(super) fn bytes(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

pub(super) fn millis(micros: u64) -> String {
    format!("{}.{} ms", micros / 1000, micros % 1000 / 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_one() {
        assert_eq!(median([3, 1, 2].into_iter()), 2);
        assert_eq!(median([4, 3, 1, 2].into_iter()), 2);
        assert_eq!(median([7].into_iter()), 7);
        assert_eq!(median([].into_iter()), 0);
    }

    #[test]
    fn thousands_have_commas() {
        let all = [0, 999, 1000, 65_536, 1_234_567].map(bytes);
        assert_eq!(all, ["0", "999", "1,000", "65,536", "1,234,567"]);
    }

    #[test]
    fn a_row_has_the_most_of_the_needs_and_the_middle_of_the_times() {
        let boot = |stack, first_byte| Figures {
            stack,
            stack_size: 16_384,
            dma: 70_000,
            dma_size: 98_304,
            first_byte,
            last_byte: 2 * first_byte,
        };
        let row = Row {
            image: "stock".into(),
            sizes: Sizes {
                stripped: 180_000,
                text: 95_000,
                client: 31_000,
                bss: 400_000,
            },
            machine: Machine::Q35,
            boots: vec![
                boot(9_000, 31_415),
                boot(9_100, 30_000),
                boot(8_000, 99_999),
            ],
        };
        let text = table(&[row]);
        assert_eq!(
            text.lines().next_back(),
            Some(
                "| stock | q35 | 180,000 | 95,000 | 31,000 | 400,000 | 9,100 of 16,384 | 70,000 of 98,304 | 31.4 ms | 62.8 ms |"
            )
        );
    }
}
