//! Bodies of the fuzz targets: each takes any bytes, and panics if a law of the crate does not
//! hold for them. They are here and not in the fuzzer's own package so that they see private
//! parts, and compile whenever the crate does.

use core::fmt;

mod answer;
mod document;
mod text;

pub use self::answer::{chunked, head, response};
pub use self::document::{credentials, documents};
pub use self::text::{endpoint, listing, path, token};

/// What is told of a failure is one line of plain text, whatever it is about.
fn check_text(text: &dyn fmt::Display) {
    struct Plain;
    impl fmt::Write for Plain {
        fn write_str(&mut self, s: &str) -> fmt::Result {
            assert!(!s.chars().any(char::is_control), "{s:?}");
            Ok(())
        }
    }
    fmt::write(&mut Plain, format_args!("{text}")).expect("it can be written");
}

/// The text up to the first line feed, and what stands behind it.
fn first_line(input: &[u8]) -> (&[u8], &[u8]) {
    let end = input.iter().position(|byte| *byte == b'\n');
    let end = end.unwrap_or(input.len());
    (&input[..end], input.get(end + 1..).unwrap_or_default())
}
