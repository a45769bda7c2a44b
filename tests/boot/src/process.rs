//! A process with a time limit, whose output is read as it comes, and which is gone afterwards.

use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::ffi::OsString;
use std::io::{self, Read};
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Instant;

use rustix::process::{Pid, Resource, Rlimit, prlimit};

use crate::{Ending, Error};

/// Where Debian keeps a QEMU.
fn package(program: &Path) -> &'static str {
    match program.ends_with("qemu-system-arm") {
        true => "qemu-system-arm",
        false => "qemu-system-x86",
    }
}

/// How often the caller's flag is looked at.
const GLANCE: Duration = Duration::from_millis(50);

/// When to give up.
pub(crate) struct Limits<'a> {
    pub(crate) timeout: Duration,
    pub(crate) interrupt: &'a AtomicBool,
}

/// What a process said, and how it ended.
pub(crate) struct Ran {
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
    pub(crate) ending: Ending,
}

/// Kills and reaps the process wherever the caller leaves.
struct Guard(Child);

impl Drop for Guard {
    fn drop(&mut self) {
        // Both do nothing to a process that was reaped.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs a program to its end, or to the limit. `meaning` is that of its exit status.
pub(crate) fn run(
    program: &Path,
    arguments: &[OsString],
    limits: Limits<'_>,
    meaning: fn(i32) -> Ending,
    mut on_stdout: impl FnMut(&[u8]),
) -> Result<Ran, Error> {
    let began = Instant::now();
    let mut guard = start(program, arguments, limits.timeout)?;
    let (sender, pieces) = mpsc::channel();
    let stdout = guard.0.stdout.take().expect("it was piped");
    // These threads end with the process, whose ends of the pipes close.
    thread::spawn(move || forward(stdout, |piece| sender.send(piece).is_ok()));
    let stderr = guard.0.stderr.take().expect("it was piped");
    let stderr = thread::spawn(move || {
        let mut all = Vec::new();
        forward(stderr, |piece| {
            all.extend(piece);
            true
        });
        all
    });
    let mut stdout = Vec::new();
    let ending = loop {
        let left = limits.timeout.saturating_sub(began.elapsed());
        if left.is_zero() {
            break Ending::TimedOut;
        }
        if limits.interrupt.load(Ordering::SeqCst) {
            return Err(Error::Interrupted);
        }
        match pieces.recv_timeout(left.min(GLANCE)) {
            Ok(piece) => {
                on_stdout(&piece);
                stdout.extend(piece);
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => match guard.0.try_wait() {
                Ok(Some(status)) => break ending(status, meaning),
                // Its output is closed, so it is about to end.
                Ok(None) => thread::sleep(Duration::from_millis(1)),
                Err(error) => return Err(Error::File(program.to_owned(), error)),
            },
        }
    };
    drop(guard);
    // What it said until it was killed.
    for piece in pieces.try_iter() {
        on_stdout(&piece);
        stdout.extend(piece);
    }
    Ok(Ran {
        stdout,
        stderr: stderr.join().unwrap_or_default(),
        ending,
    })
}

fn start(program: &Path, arguments: &[OsString], timeout: Duration) -> Result<Guard, Error> {
    let child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| {
            if error.kind() == io::ErrorKind::NotFound {
                Error::Missing {
                    program: program.to_owned(),
                    package: package(program),
                }
            } else {
                Error::File(program.to_owned(), error)
            }
        })?;
    // A guest that spins would run for ever if we were killed without a chance to kill it. Two threads at work, and some
    // grace: it never comes before the timeout. The process may be gone already.
    let seconds = Some(timeout.as_secs().saturating_mul(2).saturating_add(10));
    let limit = Rlimit {
        current: seconds,
        maximum: seconds,
    };
    let _ = prlimit(Some(Pid::from_child(&child)), Resource::Cpu, limit);
    Ok(Guard(child))
}

/// Reads to the end, or until nobody wants more.
fn forward(mut from: impl Read, mut to: impl FnMut(Vec<u8>) -> bool) {
    let mut buffer = [0; 4096];
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return,
            Ok(n) if to(buffer[..n].to_vec()) => {}
            Ok(_) => return,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return,
        }
    }
}

fn ending(status: ExitStatus, meaning: fn(i32) -> Ending) -> Ending {
    match (status.code(), status.signal()) {
        (Some(code), _) => meaning(code),
        (None, Some(signal)) => Ending::Signal(signal),
        (None, None) => Ending::Other(-1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static NEVER: AtomicBool = AtomicBool::new(false);

    fn shell(script: &str, timeout: Duration, interrupt: &AtomicBool) -> Result<Ran, Error> {
        let arguments = ["-c", script].map(OsString::from);
        run(
            Path::new("/bin/sh"),
            &arguments,
            Limits { timeout, interrupt },
            Ending::of_status,
            |_| {},
        )
    }

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn output_and_status_are_told() {
        let ran = shell("echo out; echo err >&2; exit 33", LONG, &NEVER).expect("a shell");
        assert_eq!(ran.ending, Ending::Code(0));
        assert_eq!(
            (ran.stdout, ran.stderr),
            (b"out\n".to_vec(), b"err\n".to_vec())
        );
    }

    #[test]
    fn a_signal_of_somebody_else_is_told() {
        let ran = shell("kill -9 $$", LONG, &NEVER).expect("a shell");
        assert_eq!(ran.ending, Ending::Signal(9));
    }

    #[test]
    fn a_process_beyond_its_limit_is_killed_and_what_it_said_is_kept() {
        let began = Instant::now();
        let limit = Duration::from_millis(100);
        let ran = shell("echo $$; exec sleep 600", limit, &NEVER).expect("a shell");
        assert_eq!(ran.ending, Ending::TimedOut);
        assert!(began.elapsed() < LONG);
        let pid = String::from_utf8(ran.stdout).expect("a number");
        assert!(!Path::new("/proc").join(pid.trim()).exists(), "it is gone");
    }

    #[test]
    fn a_raised_flag_ends_it() {
        let result = shell("exec sleep 600", LONG, &AtomicBool::new(true));
        assert!(matches!(result, Err(Error::Interrupted)));
    }

    #[test]
    fn a_missing_qemu_is_an_error_with_the_package_to_install() {
        let limits = Limits {
            timeout: LONG,
            interrupt: &NEVER,
        };
        let Err(error) = run(
            Path::new("qemu-system-vax"),
            &[],
            limits,
            Ending::of_status,
            |_| {},
        ) else {
            panic!("there is no such machine");
        };
        assert_eq!(
            error.to_string(),
            "qemu-system-vax is not installed; Debian has it in the package qemu-system-x86: \
             apt-get install qemu-system-x86"
        );
    }
}
