//! The figures of an image: how large it is, how much it needs, how long it takes.

mod cortex_m;
mod crates;
mod elf;
mod figures;
mod table;

use std::path::Path;

pub use cortex_m::cortex_m;
pub use crates::{Parts, parts};
pub use elf::Sizes;
pub use figures::Figures;
pub use table::{Row, median, table};

use crate::{Boot, Error};

/// Boots so often, and gives the figures of every boot.
///
/// # Errors
///
/// A boot could not be tried, did not end with exit code 0, or its log lacks a figure.
pub fn measure(image: &Path, runs: usize, boot: impl Fn() -> Boot) -> Result<Vec<Figures>, Error> {
    (0..runs)
        .map(|_| {
            let outcome = boot().run()?;
            if outcome.exit_code() != Some(0) {
                return Err(Error::Figures(outcome.to_string()));
            }
            Figures::of(&outcome.log(image)?)
        })
        .collect()
}
