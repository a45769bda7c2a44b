//! `imds-boot IMAGE`: boots an image against a metadata service of its own. What `cargo run` runs in `firmware/`.

mod arguments;
mod run;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    run::run(&arguments::Arguments::parse())
}
