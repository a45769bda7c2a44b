//! `imdsctl`: read EC2 instance metadata from the command line.

use std::process::ExitCode;

fn main() -> ExitCode {
    let code = imdsctl::run(std::env::args_os(), imdsctl::Host::of_this_process());
    ExitCode::from(code)
}
