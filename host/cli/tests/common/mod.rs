//! Runs the real binary in an emptied environment. Nothing here ever names a real metadata address.

use std::process::{Command, Output, Stdio};

use imds_mock::server::{Running, spawn};
use imds_mock::{Mock, Profile};

/// The binary with these arguments, no variable set, and no sysfs to look at.
pub(crate) fn imdsctl(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_imdsctl"));
    command
        .env_clear()
        .arg("--sysfs=/nonexistent")
        .args(args)
        .stdin(Stdio::null());
    command
}

/// The same against a server.
#[allow(dead_code, reason = "not every test file needs a server")]
pub(crate) fn at(server: &Running, args: &[&str]) -> Command {
    let endpoint = format!("--endpoint={}", server.url());
    let mut command = imdsctl(&[endpoint.as_str()]);
    command.args(args);
    command
}

/// A server of this kind.
#[allow(dead_code, reason = "not every test file needs a server")]
pub(crate) fn serve(profile: Profile) -> Running {
    serve_mock(Mock::new(profile))
}

/// This server.
#[allow(dead_code, reason = "not every test file needs a server")]
pub(crate) fn serve_mock(mock: Mock) -> Running {
    spawn(mock).expect("a free port of 127.0.0.1")
}

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Ran {
    /// The exit code.
    pub(crate) code: i32,
    /// Standard output.
    pub(crate) out: Vec<u8>,
    /// Standard error.
    pub(crate) err: String,
}

impl Ran {
    /// Standard output as text.
    pub(crate) fn text(&self) -> &str {
        core::str::from_utf8(&self.out).expect("text")
    }

    /// Standard output as JSON.
    #[allow(dead_code, reason = "not every test file reads JSON")]
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.out).expect("JSON")
    }

    /// Checks the exit code, and shows everything if it is another.
    #[track_caller]
    pub(crate) fn ends_with(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:?}");
        self
    }

    /// Checks that standard error has all of these.
    #[track_caller]
    #[allow(dead_code, reason = "not every test file fails")]
    pub(crate) fn says(self, parts: &[&str]) -> Self {
        for part in parts {
            assert!(
                self.err.contains(part),
                "{part:?} is missing in:\n{}",
                self.err
            );
        }
        self
    }
}

/// Runs it to the end.
pub(crate) fn run(command: &mut Command) -> Ran {
    ran(command.output().expect("the binary runs"))
}

/// What became of a run.
pub(crate) fn ran(output: Output) -> Ran {
    Ran {
        code: output.status.code().unwrap_or(-1),
        out: output.stdout,
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}
