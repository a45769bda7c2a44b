//! Which function calls which stays written down in the program, for `tests/panics`.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rustc-link-arg-bins=--emit-relocs");
}
