//! The commands, one file each.

mod config;
mod credentials;
mod dump;
mod get;
mod list;
mod mock;
mod pages;
mod simple;

use std::io::Write as _;

use crate::args::{Command, Global};
use crate::failure::{Exit, Failure};
use crate::host::Host;
use crate::terminal::Messages;

/// What every command gets.
pub(crate) struct Context<'a> {
    /// The machine.
    pub(crate) host: &'a Host,
    /// Flags of every command.
    pub(crate) flags: &'a Global,
    /// Standard error.
    pub(crate) messages: &'a Messages,
}

/// Why a command ended before its end.
#[derive(Debug)]
pub(crate) enum Stop {
    /// It failed.
    Failed(Failure),
    /// Nobody reads the data any more.
    PipeClosed,
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl Context<'_> {
    /// Writes data.
    pub(crate) fn print(&self, bytes: &[u8]) -> Result<(), Stop> {
        Ok(self.host.out.clone().write_all(bytes)?)
    }

    /// Writes a value as it is, with a final newline where a person looks at it.
    pub(crate) fn print_raw(&self, path: &str, bytes: &[u8]) -> Result<(), Stop> {
        self.spare_terminal(path, bytes)?;
        self.print(bytes)?;
        if self.host.out.is_terminal() && !bytes.ends_with(b"\n") {
            self.print(b"\n")?;
        }
        Ok(())
    }

    /// Writes one of several values, each with a newline after it.
    pub(crate) fn print_line(&self, path: &str, bytes: &[u8]) -> Result<(), Stop> {
        self.spare_terminal(path, bytes)?;
        self.print(bytes)?;
        self.print(b"\n")
    }

    /// Fails where a value that is no text, and so could drive a terminal, would go to one.
    fn spare_terminal(&self, path: &str, bytes: &[u8]) -> Result<(), Failure> {
        if !self.host.out.is_terminal() || is_text(bytes) {
            return Ok(());
        }
        Err(Failure::new(
            Exit::Other,
            format!("the value is not text: {path}"),
            format!("{} bytes, and standard output is a terminal", bytes.len()),
            format!("redirect it to a file or a pipe, or `imdsctl get -o json {path}`"),
        ))
    }
}

/// UTF-8 without control characters but white space.
fn is_text(bytes: &[u8]) -> bool {
    let is_legal = |c: char| !c.is_control() || c.is_ascii_whitespace();
    core::str::from_utf8(bytes).is_ok_and(|text| text.chars().all(is_legal))
}

/// Runs one command.
pub(crate) fn run(context: &Context<'_>, command: &Command) -> Result<Exit, Stop> {
    match command {
        Command::Get(args) => get::run(context, args),
        Command::List(args) => list::run(context, args),
        Command::Dump(args) => dump::run(context, args),
        Command::Credentials(args) => credentials::run(context, args),
        Command::Region => simple::region(context),
        Command::UserData => simple::user_data(context),
        Command::Config(args) => config::run(context, args),
        Command::Mock(args) => mock::run(context, args),
        Command::Completions { shell } => pages::completions(context, *shell),
        Command::Man { command } => pages::man(context, command.as_deref()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_what_a_terminal_only_shows() {
        for text in ["", "i-0", "a\n\tb\r\n", "größe"] {
            assert!(is_text(text.as_bytes()), "{text:?}");
        }
        for bytes in [&b"\x1f\x8b\x00"[..], b"\x1b]0;x\x07", b"a\0b", b"\x7f"] {
            assert!(!is_text(bytes), "{bytes:?}");
        }
    }
}
