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
    pub(crate) fn print_raw(&self, bytes: &[u8]) -> Result<(), Stop> {
        self.print(bytes)?;
        if self.host.out.is_terminal() && !bytes.ends_with(b"\n") {
            self.print(b"\n")?;
        }
        Ok(())
    }
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
