//! The `flat` form of a tree: `path<TAB>JSON`, one line a value. `imdsctl -o flat` and the boot
//! images print it with this code.
//!
//! ```
//! use imds_core::flat::Line;
//!
//! let line = Line { path: "/latest/meta-data/mac", value: b"0e:49" };
//! assert_eq!(line.to_string(), "/latest/meta-data/mac\t\"0e:49\"\n");
//! ```

use core::fmt::{self, Write as _};

/// One value, with its path. Displays as the whole line, line feed included.
#[derive(Clone, Copy)]
pub struct Line<'a> {
    /// The absolute display path. It holds no control character, so it holds no tab.
    pub path: &'a str,
    /// The value, whatever its bytes.
    pub value: &'a [u8],
}

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\t{}", self.path, Value(self.value))
    }
}

/// Bytes as JSON: a string, or `{"base64":"…"}` where they are not UTF-8.
#[derive(Clone, Copy)]
pub struct Value<'a>(pub &'a [u8]);

impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match core::str::from_utf8(self.0) {
            Ok(text) => Text(text).fmt(f),
            Err(_) => write!(f, "{{\"base64\":\"{}\"}}", Base64(self.0)),
        }
    }
}

/// Text as a JSON string (RFC 8259 §7), with the shortest escapes and only those that must be.
#[derive(Clone, Copy)]
pub struct Text<T>(pub T);

impl<T: fmt::Display> fmt::Display for Text<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        write!(Escaping(f), "{}", self.0)?;
        f.write_char('"')
    }
}

/// Escapes what goes through.
struct Escaping<'w, 'f>(&'w mut fmt::Formatter<'f>);

impl fmt::Write for Escaping<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut plain = 0;
        for (at, byte) in text.bytes().enumerate() {
            let short = match byte {
                b'"' => '"',
                b'\\' => '\\',
                0x08 => 'b',
                b'\t' => 't',
                b'\n' => 'n',
                0x0c => 'f',
                b'\r' => 'r',
                0..0x20 => 'u',
                _ => continue,
            };
            self.0.write_str(text.get(plain..at).unwrap_or_default())?;
            plain = at + 1;
            write!(self.0, "\\{short}")?;
            if short == 'u' {
                write!(self.0, "{byte:04x}")?;
            }
        }
        self.0.write_str(text.get(plain..).unwrap_or_default())
    }
}

/// Standard base64 with padding (RFC 4648 §4).
struct Base64<'a>(&'a [u8]);

impl fmt::Display for Base64<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DIGITS: &[u8; 64] =
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        for group in self.0.chunks(3) {
            let byte = |at: usize| u32::from(group.get(at).copied().unwrap_or(0));
            let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
            for digit in 0..4 {
                // A group of n bytes has n + 1 digits.
                let digit = match digit <= group.len() {
                    true => DIGITS[(bits >> (18 - 6 * digit)) as usize & 63],
                    false => b'=',
                };
                f.write_char(char::from(digit))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString as _;

    fn line(value: &[u8]) -> std::string::String {
        let path = "/p";
        Line { path, value }.to_string()
    }

    #[test]
    fn a_value_is_one_line() {
        assert_eq!(line(b"one\ntwo\n"), "/p\t\"one\\ntwo\\n\"\n");
        assert_eq!(line(b""), "/p\t\"\"\n");
    }

    #[test]
    fn only_what_must_be_escaped_is() {
        assert_eq!(
            line("a/é\u{7f}\u{1f600}".as_bytes()),
            "/p\t\"a/é\u{7f}\u{1f600}\"\n"
        );
        assert_eq!(
            line(b"\"\\\x00\x08\t\n\x0b\x0c\r\x1b\x1f"),
            "/p\t\"\\\"\\\\\\u0000\\b\\t\\n\\u000b\\f\\r\\u001b\\u001f\"\n"
        );
    }

    #[test]
    fn what_is_not_utf8_is_base64() {
        // RFC 4648 §10, after a byte that no text holds.
        for (value, text) in [
            (&b"\xff"[..], "/w=="),
            (b"\xfff", "/2Y="),
            (b"\xfffo", "/2Zv"),
            (b"\xfffoobar", "/2Zvb2Jhcg=="),
            (b"\xfb\xef\xbe", "++++"),
        ] {
            assert_eq!(line(value), std::format!("/p\t{{\"base64\":\"{text}\"}}\n"));
        }
    }
}
