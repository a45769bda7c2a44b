//! Passes on what the linker has to be told.

fn main() {
    let arguments = std::env::var("DEP_IMDS_X86_LINK_ARGS").expect("imds-x86 is a dependency");
    for argument in arguments.split('\u{1f}') {
        println!("cargo::rustc-link-arg-bins={argument}");
    }
}
