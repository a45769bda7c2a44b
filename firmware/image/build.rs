//! Passes on what the linker has to be told.

use std::env;

/// Bytes of stack. Some 100 KiB were in use at most, with `imds.lanes=4`; the log of a boot says.
const STACK: u32 = 144 * 1024;

fn main() {
    // The library, in an image for another machine, has nothing to be linked.
    let Ok(arguments) = env::var("DEP_IMDS_X86_LINK_ARGS") else {
        return;
    };
    // What imds-x86 has for builds without optimisation is enough.
    if env::var("OPT_LEVEL").is_ok_and(|level| level != "0") {
        let argument = env::var("DEP_IMDS_X86_STACK_SIZE_ARG").expect("imds-x86 has both");
        println!("cargo::rustc-link-arg-bins={argument}{STACK}");
    }
    for argument in arguments.split('\u{1f}') {
        println!("cargo::rustc-link-arg-bins={argument}");
    }
}
