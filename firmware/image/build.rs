//! Passes on what the linker has to be told.

use std::env;

/// Bytes of stack. Some 110 KiB were in use at most, with `imds.lanes=4`; the log of a boot says.
const STACK: u32 = 144 * 1024;
/// Without optimisation every move is a copy.
const STACK_OF_DEBUG_BUILDS: u32 = 1024 * 1024;

fn main() {
    let told = |name: &str| env::var(name).expect("imds-x86 is a dependency");
    let is_optimised = env::var("OPT_LEVEL").is_ok_and(|level| level != "0");
    let stack = if is_optimised {
        STACK
    } else {
        STACK_OF_DEBUG_BUILDS
    };
    println!(
        "cargo::rustc-link-arg-bins={}{stack}",
        told("DEP_IMDS_X86_STACK_SIZE_ARG")
    );
    for argument in told("DEP_IMDS_X86_LINK_ARGS").split('\u{1f}') {
        println!("cargo::rustc-link-arg-bins={argument}");
    }
}
