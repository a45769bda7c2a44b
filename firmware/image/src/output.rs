//! What goes to the first serial port.

use core::fmt::{self, Write};

use imds_core::flat::{Line, Text, Value};
use imds_core::walk::Why;
use imds_core::{Cause, Error, Node, Reply};

use crate::options::Format;

/// Prints values, and remembers the worst that went wrong.
///
/// In the flat form a line that begins with `/` is a value, one that begins with `error: ` is not. In
/// the JSON form each line is an object. The last line is `exit=N cause=NAME` in both, with the
/// numbers and names of `imdsctl`.
#[derive(Debug)]
pub struct Printer<W> {
    out: W,
    format: Format,
    worst: Option<Cause>,
}

impl<W: Write> Printer<W> {
    /// Prints to `out`.
    pub const fn new(out: W, format: Format) -> Self {
        Self {
            out,
            format,
            worst: None,
        }
    }

    /// A value.
    pub fn value(&mut self, path: &str, value: &[u8]) {
        match self.format {
            Format::Flat => self.print(format_args!("{}", Line { path, value })),
            Format::Json => {
                let (path, value) = (Text(path), Value(value));
                self.print(format_args!("{{\"path\":{path},\"value\":{value}}}\n"));
            }
        }
    }

    /// A node of the walk of this path, or the value of it.
    pub fn node(&mut self, asked: &str, node: &Node<'_>) {
        match node {
            Node::Leaf {
                path: "", value, ..
            } => self.value(asked, value),
            Node::Leaf { path, value, .. } => self.value(path, value),
            // Nodes come and go, and some are left out on purpose; but what was asked for should be there.
            Node::Missing(missing) => match missing.why {
                Why::LeftOut(_) => {}
                Why::Absent
                    if missing.path.trim_end_matches('/') == asked.trim_end_matches('/') =>
                {
                    self.failure(Cause::Absent, missing.path, Why::Absent);
                }
                Why::Absent => {}
                why @ (Why::BadName(_) | Why::Failed(_) | _) => {
                    let cause = why.cause().unwrap_or(Cause::Other);
                    let line = missing.name.escape_ascii();
                    match missing.name {
                        [] => self.failure(cause, missing.path, why),
                        _ => self.failure(cause, missing.path, format_args!("{why}: {line}")),
                    }
                }
            },
            Node::TooLong { path, .. } => {
                self.failure(Cause::NotImds, path, "longer than the core allows");
            }
        }
    }

    /// How the read or the walk of this path ended.
    pub fn ended(&mut self, path: &str, result: Result<Reply, Error>) {
        match result {
            Ok(Reply::Found | Reply::Walked(_)) => {}
            Ok(Reply::Absent) => self.failure(Cause::Absent, path, Why::Absent),
            Err(error) => self.failure(error.cause(), path, error),
        }
    }

    /// Something is missing, for this reason.
    pub fn failure(&mut self, cause: Cause, path: &str, why: impl fmt::Display) {
        if self
            .worst
            .is_none_or(|worst| worst.severity() < cause.severity())
        {
            self.worst = Some(cause);
        }
        match self.format {
            Format::Flat => self.print(format_args!("error: {path}: {why}\n")),
            Format::Json => {
                let (path, why, cause) = (Text(path), Text(why), Text(cause.name()));
                self.print(format_args!(
                    "{{\"path\":{path},\"error\":{why},\"cause\":{cause}}}\n"
                ));
            }
        }
    }

    /// The last line. Answers the exit code.
    pub fn finish(mut self) -> u8 {
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
    use imds_core::Missing;
    use imds_core::walk::{BadName, Sensitive};
    use std::string::String;

    fn printed(format: Format, print: impl FnOnce(&mut Printer<&mut String>)) -> (String, u8) {
        let mut text = String::new();
        let mut printer = Printer::new(&mut text, format);
        print(&mut printer);
        let code = printer.finish();
        (text, code)
    }

    fn a_bit_of_everything(printer: &mut Printer<&mut String>) {
        printer.value("/a", b"two\nlines");
        printer.failure(Cause::Absent, "/b", "\"why\"");
        printer.value("/c", b"\xff");
    }

    #[test]
    fn flat_is_a_line_for_each_value() {
        let (text, code) = printed(Format::Flat, a_bit_of_everything);
        let lines = [
            "/a\t\"two\\nlines\"\n",
            "error: /b: \"why\"\n",
            "/c\t{\"base64\":\"/w==\"}\n",
            "exit=3 cause=absent\n",
        ];
        assert_eq!((text, code), (lines.concat(), 3));
    }

    #[test]
    fn json_is_an_object_for_each_value_and_failure() {
        let (text, code) = printed(Format::Json, a_bit_of_everything);
        let lines = [
            "{\"path\":\"/a\",\"value\":\"two\\nlines\"}\n",
            "{\"path\":\"/b\",\"error\":\"\\\"why\\\"\",\"cause\":\"absent\"}\n",
            "{\"path\":\"/c\",\"value\":{\"base64\":\"/w==\"}}\n",
            "exit=3 cause=absent\n",
        ];
        assert_eq!((text, code), (lines.concat(), 3));
    }

    #[test]
    fn nothing_is_an_end_without_fault() {
        for format in [Format::Flat, Format::Json] {
            let (text, code) = printed(format, |_| {});
            assert_eq!((text.as_str(), code), ("exit=0 cause=ok\n", 0));
        }
    }

    #[test]
    fn a_node_that_went_is_nothing_unless_it_was_asked_for() {
        let op = imds_core::Client::<1>::new(imds_core::Config::default())
            .get(imds_core::Instant::ZERO, "/a")
            .expect("the first one");
        let (text, code) = printed(Format::Flat, |printer| {
            let mut missing = |asked, path, name: &[u8], why| {
                let missing = Missing {
                    op,
                    path,
                    name,
                    why,
                };
                printer.node(asked, &Node::Missing(missing));
            };
            missing("/a/", "/a/went", b"", Why::Absent);
            missing("/a/", "/a/secret", b"", Why::LeftOut(Sensitive::UserData));
            missing("/a/", "/a", b"", Why::Absent);
            missing(
                "/a/",
                "/a/",
                b"b\0",
                Why::BadName(BadName::ControlCharacter),
            );
            let (path, value) = ("", &b"value"[..]);
            printer.node("/b", &Node::Leaf { op, path, value });
            printer.ended("/c", Ok(Reply::Absent));
        });
        let lines = [
            "error: /a: 404: no such key\n",
            "error: /a/: a line of the listing holds a control character: b\\x00\n",
            "/b\t\"value\"\n",
            "error: /c: 404: no such key\n",
            "exit=9 cause=not-imds\n",
        ];
        assert_eq!((text, code), (lines.concat(), 9));
    }

    #[test]
    fn the_worst_cause_is_the_exit() {
        let (_, code) = printed(Format::Flat, |printer| {
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
    }
}
