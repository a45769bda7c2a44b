//! Passes on what the linker has to be told.

use std::env;

/// Bytes of stack. Some 110 KiB were in use at most, with `imds.lanes=4`; the log of a boot says.
const STACK: u32 = 144 * 1024;

fn main() {
    // The library of an image for another machine has nothing to be linked.
    if env::var_os("CARGO_FEATURE_X86").is_none() {
        return;
    }
    let told = |name: &str| env::var(name).expect("imds-x86 is a dependency");
    // What imds-x86 has for builds without optimisation is enough.
    if env::var("OPT_LEVEL").is_ok_and(|level| level != "0") {
        println!(
            "cargo::rustc-link-arg-bins={}{STACK}",
            told("DEP_IMDS_X86_STACK_SIZE_ARG")
        );
    }
    for argument in told("DEP_IMDS_X86_LINK_ARGS").split('\u{1f}') {
        println!("cargo::rustc-link-arg-bins={argument}");
    }
}
