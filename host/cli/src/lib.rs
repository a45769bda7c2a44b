//! `imdsctl`: EC2 instance metadata on the command line.
//!
//! [`run`] is the whole program. It takes the machine it runs on as a [`Host`], so a test can drive
//! it without a process and without touching the real environment, home directory or sysfs. The
//! policies have a file each: [`path`] (what a typed path means), [`settings`] (what is in force
//! and why), [`platform`] (is this EC2 at all), [`failure`] (exit codes and error texts),
//! [`output`] (forms of a dump).

pub mod args;
mod bridge;
mod commands;
mod explain;
pub mod failure;
pub mod host;
pub mod output;
pub mod path;
mod pauses;
pub mod platform;
mod service;
pub mod settings;
pub mod terminal;

use std::ffi::OsString;
use std::io::Write as _;

use clap::FromArgMatches as _;
use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue};

use args::{Cli, Color};
use commands::{Context, Stop};
use failure::{Exit, Failure};
pub use host::Host;
use terminal::Messages;

/// Runs the command line `args` (the program's name first) and returns the exit code.
pub fn run(args: impl IntoIterator<Item = OsString>, mut host: Host) -> u8 {
    let args: Vec<OsString> = args.into_iter().collect();
    let parsed = args::command()
        .try_get_matches_from(&args)
        .and_then(|matches| Cli::from_arg_matches(&matches));
    let cli = match parsed {
        Ok(cli) => cli,
        Err(error) => return explain_usage(error, &args, &host).code(),
    };
    if let Some(sysfs) = &cli.global.sysfs {
        host.sysfs.clone_from(sysfs);
    }
    let messages = Messages::new(&cli.global, &host);
    let context = Context {
        host: &host,
        flags: &cli.global,
        messages: &messages,
    };
    let result = tracing::dispatcher::with_default(&messages.log(), || {
        commands::run(&context, &cli.command)
    });
    let flushed = host.out.clone().flush().map_err(Stop::from);
    match result.and_then(|exit| flushed.map(|()| exit)) {
        Ok(exit) => exit.code(),
        // Whoever read the data has seen enough.
        Err(Stop::PipeClosed) => Exit::Ok.code(),
        Err(Stop::Failed(failure)) => {
            messages.failure(&failure);
            failure.exit.code()
        }
    }
}

/// Prints what clap has to say: help and version are data, the rest is an error.
fn explain_usage(mut error: clap::Error, args: &[OsString], host: &Host) -> Exit {
    if let Some(tip) = profile_tip(args) {
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip]));
    }
    let mut stream = if error.use_stderr() {
        host.err.clone()
    } else {
        host.out.clone()
    };
    let rendered = error.render();
    let text = if terminal::colored(color_of(args), host, &stream) {
        rendered.ansi().to_string()
    } else {
        rendered.to_string()
    };
    let written = stream
        .write_all(text.as_bytes())
        .and_then(|()| stream.flush());
    match written.map_err(Stop::from) {
        // Nobody is left to tell that nobody reads.
        _ if error.use_stderr() => Exit::Usage,
        Ok(()) | Err(Stop::PipeClosed) => Exit::Ok,
        Err(Stop::Failed(failure)) => {
            let _ = host.err.clone().write_all(failure.text(false).as_bytes());
            failure.exit
        }
    }
}

/// For `--mock PROFILE`, which would be a command named after the profile.
fn profile_tip(args: &[OsString]) -> Option<StyledStr> {
    let profile = args
        .windows(2)
        .filter(|pair| pair[0] == "--mock")
        .find_map(|pair| pair[1].to_str()?.parse::<imds_mock::Profile>().ok())?;
    Some(format!("a profile stands behind an equals sign: '--mock={profile}'").into())
}

/// `--color` of a command line that could not be parsed.
fn color_of(args: &[OsString]) -> Color {
    let words: Vec<&str> = args.iter().filter_map(|arg| arg.to_str()).collect();
    let says = |value: &str| {
        words.contains(&format!("--color={value}").as_str())
            || words.windows(2).any(|pair| pair == ["--color", value])
    };
    if says("never") {
        Color::Never
    } else if says("always") {
        Color::Always
    } else {
        Color::Auto
    }
}

impl From<std::io::Error> for Stop {
    fn from(error: std::io::Error) -> Self {
        if error.kind() == std::io::ErrorKind::BrokenPipe {
            return Self::PipeClosed;
        }
        Self::Failed(Failure::new(
            Exit::Other,
            "standard output cannot be written",
            error.to_string(),
            "look at where the output goes: a full disk, a closed descriptor",
        ))
    }
}
