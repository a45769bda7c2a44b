//! What goes to the first serial port.

use core::fmt::{self, Write};

use imds_core::Cause;
use imds_core::flat::{Line, Text, Value};

use crate::options::Format;

/// Prints values, and remembers the worst that went wrong.
///
/// A line that begins with `/` is a value in the flat form; in the JSON form all from `{` to `}`
/// is one object. Everything else is for people, but the last line:
/// `exit=N cause=NAME`, with the numbers and names of `imdsctl`.
#[derive(Debug)]
pub struct Printer<W> {
    out: W,
    format: Format,
    values: usize,
    worst: Option<Cause>,
}

impl<W: Write> Printer<W> {
    /// Prints to `out`.
    pub const fn new(out: W, format: Format) -> Self {
        Self {
            out,
            format,
            values: 0,
            worst: None,
        }
    }

    /// A value.
    pub fn value(&mut self, path: &str, value: &[u8]) {
        self.values += 1;
        match self.format {
            Format::Flat => self.print(format_args!("{}", Line { path, value })),
            Format::Json => {
                let open = if self.values == 1 { "{\n" } else { ",\n" };
                self.print(format_args!("{open}{}:{}", Text(path), Value(value)));
            }
        }
    }

    /// Something is missing, for this reason.
    pub fn failure(&mut self, cause: Cause, what: &str, why: impl fmt::Display) {
        if self
            .worst
            .is_none_or(|worst| worst.severity() < cause.severity())
        {
            self.worst = Some(cause);
        }
        // JSON is nothing but the object, until it is over.
        if self.format == Format::Flat {
            self.print(format_args!("error: {what}: {why}\n"));
        }
    }

    /// The end: closes what is open, and says the last line. Answers the exit code.
    pub fn finish(mut self) -> u8 {
        if self.format == Format::Json {
            self.print(format_args!(
                "{}",
                if self.values == 0 { "{}\n" } else { "\n}\n" }
            ));
            if let Some(cause) = self.worst {
                self.print(format_args!("error: {}\n", cause.explain()));
            }
        }
        let (code, name) = match self.worst {
            None => (0, "ok"),
            Some(cause) => (cause.exit_code(), cause.name()),
        };
        self.print(format_args!("exit={code} cause={name}\n"));
        code
    }

    /// There is nowhere to say that a serial port failed.
    fn print(&mut self, text: fmt::Arguments<'_>) {
        let _ = self.out.write_fmt(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::String;

    fn printed(format: Format, print: impl FnOnce(&mut Printer<&mut String>)) -> (String, u8) {
        let mut text = String::new();
        let mut printer = Printer::new(&mut text, format);
        print(&mut printer);
        let code = printer.finish();
        (text, code)
    }

    #[test]
    fn flat_is_a_line_for_each_value_and_the_last_line_tells_the_end() {
        let (text, code) = printed(Format::Flat, |printer| {
            printer.value("/a", b"1");
            printer.value("/b", b"two\nlines");
        });
        assert_eq!(text, "/a\t\"1\"\n/b\t\"two\\nlines\"\nexit=0 cause=ok\n");
        assert_eq!(code, 0);
    }

    #[test]
    fn json_is_one_object() {
        let (text, _) = printed(Format::Json, |printer| {
            printer.value("/a", b"1");
            printer.value("/b", b"\xff");
        });
        let object = "{\n\"/a\":\"1\",\n\"/b\":{\"base64\":\"/w==\"}\n}\n";
        assert_eq!(text, [object, "exit=0 cause=ok\n"].concat());
        let (text, _) = printed(Format::Json, |_| {});
        assert_eq!(text, "{}\nexit=0 cause=ok\n");
    }

    #[test]
    fn the_worst_cause_is_the_exit() {
        let (text, code) = printed(Format::Flat, |printer| {
            for cause in [
                Cause::Absent,
                Cause::NotImds,
                Cause::TurnedOff,
                Cause::Throttled,
            ] {
                printer.failure(cause, "/a", "why");
            }
        });
        assert_eq!(code, 5);
        assert!(
            text.ends_with("error: /a: why\nexit=5 cause=turned-off\n"),
            "{text}"
        );
    }

    #[test]
    fn json_stays_json_when_something_fails() {
        let (text, code) = printed(Format::Json, |printer| {
            printer.failure(Cause::Absent, "/a", "why");
            printer.value("/b", b"1");
        });
        assert_eq!(
            text,
            "{\n\"/b\":\"1\"\n}\nerror: there is no such metadata key\nexit=3 cause=absent\n"
        );
        assert_eq!(code, 3);
    }
}
