//! A short soak. `cargo run --release -p imds-tests --bin soak -- --minutes 30` is a long one.

use std::process::Command;

#[test]
fn nothing_is_left_of_days_with_troubles() {
    let soak = Command::new(env!("CARGO_BIN_EXE_soak"))
        .args(["--days", "2"])
        .status();
    assert!(soak.expect("it runs").success());
}
