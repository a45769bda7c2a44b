//! Collects what a boot image's linker has to be told.
//!
//! Cargo lets a package give linker arguments to its own programs only, so they travel as metadata:
//! a boot image's build script finds them in `DEP_IMDS_X86_LINK_ARGS`, separated by the character
//! 0x1f, and in `DEP_IMDS_X86_STACK_SIZE_ARG` the beginning of the one that sets another stack
//! size.

use std::{env, fs};

/// For a linker that is called directly.
const ARGUMENTS: [&str; 8] = [
    "--no-pie",
    "--gc-sections",
    "--build-id=none",
    "-znorelro",
    "-zmax-page-size=4096",
    // Guards are made by the page tables and not by segment headers.
    "-znognustack",
    "--no-dynamic-linker",
    "--no-eh-frame-hdr",
];

/// A boot image with other needs than the default adds the number of bytes.
const STACK_SIZE: &str = "--defsym=imds_x86_stack_size=";

fn main() {
    let directory = env::var("CARGO_MANIFEST_DIR").expect("cargo sets it");
    let mut arguments: Vec<String> = ARGUMENTS.iter().map(ToString::to_string).collect();
    let script = fs::read_to_string(format!("{directory}/link.ld")).expect("it is in the package");
    // Without optimisation every move is a copy, and the stack holds them all.
    let script = match env::var("OPT_LEVEL").as_deref() {
        Ok("0") => script.replace("imds_x86_stack_size = 64K", "imds_x86_stack_size = 1M"),
        _ => script,
    };
    let out = env::var("OUT_DIR").expect("cargo sets it");
    fs::write(format!("{out}/imds-x86.ld"), script).expect("the folder is ours");
    arguments.push(format!("-T{out}/imds-x86.ld"));
    if env::var_os("CARGO_FEATURE_DEFMT").is_some() {
        // Found on the search path that defmt's own build script adds to.
        arguments.push("-Tdefmt.x".to_owned());
    }
    // Where a target has an operating system, rustc calls the linker through the C compiler.
    let mut prefix = "";
    if env::var("CARGO_CFG_TARGET_OS").as_deref() != Ok("none") {
        prefix = "-Wl,";
        for argument in &mut arguments {
            argument.insert_str(0, prefix);
        }
        arguments.extend(["-nostartfiles", "-nostdlib", "-static", "-no-pie"].map(str::to_owned));
    }
    println!("cargo::metadata=LINK_ARGS={}", arguments.join("\u{1f}"));
    println!("cargo::metadata=STACK_SIZE_ARG={prefix}{STACK_SIZE}");
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=link.ld");
}
