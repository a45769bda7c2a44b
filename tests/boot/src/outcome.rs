//! How a boot went.

use core::fmt;
use core::time::Duration;
use std::path::Path;

use imds_mock::Exchange;
use imds_peer::{Counters, Link};

use crate::{Ending, Error, LastLine, LogLine, log};

/// Everything that a boot left behind. `Display` tells it to whoever reads a failed assertion:
/// `assert_eq!(outcome.ending, Ending::Code(0), "{outcome}")`.
#[derive(Debug)]
pub struct Outcome {
    /// What the first serial port said.
    pub serial: String,
    /// What the second serial port said: defmt's bytes.
    pub defmt: Vec<u8>,
    /// How the machine ended.
    pub ending: Ending,
    /// What QEMU itself had to say; mostly nothing.
    pub stderr: String,
    /// The other end of the cable, with its mock.
    pub link: Link,
    /// From the start of QEMU to its end.
    pub wall: Duration,
    /// The command that was run, as one would type it.
    pub command: String,
}

impl Outcome {
    /// What the peer has seen and done.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.link.counters()
    }

    /// Every request that reached the mock, oldest first.
    #[must_use]
    pub fn requests(&self) -> &[Exchange] {
        self.link.peer().mock().log()
    }

    /// The image's last line, if it got so far.
    #[must_use]
    pub fn last_line(&self) -> Option<LastLine> {
        LastLine::of(&self.serial)
    }

    /// What stands before the last line: the image's result. Everything, if there is no last line.
    #[must_use]
    pub fn result(&self) -> &str {
        if self.last_line().is_none() {
            return &self.serial;
        }
        let text = self.serial.trim_end();
        let begins = text.rfind('\n').map_or(0, |at| at + 1);
        &self.serial[..begins]
    }

    /// Whether the image ended by an accident of its own: by QEMU's status or, where the machine has none, by the last
    /// line.
    #[must_use]
    pub fn crashed(&self) -> bool {
        match self.ending {
            Ending::Panic | Ending::Exception | Ending::StackOverflow => true,
            Ending::Reset => self.last_line().is_some_and(|line| line.is_crash()),
            Ending::Code(_) | Ending::Other(_) | Ending::Signal(_) | Ending::TimedOut => false,
        }
    }

    /// The exit code: by QEMU's status or, where the machine has none, by the last line.
    #[must_use]
    pub fn exit_code(&self) -> Option<u8> {
        match self.ending {
            Ending::Code(code) => Some(code),
            Ending::Reset => self.last_line().map(|line| line.code),
            Ending::Panic
            | Ending::Exception
            | Ending::StackOverflow
            | Ending::Other(_)
            | Ending::Signal(_)
            | Ending::TimedOut => None,
        }
    }

    /// The log, in words, by the format strings in this image: the one that was booted, or its twin from before it was
    /// stripped.
    ///
    /// # Errors
    ///
    /// The image cannot be read, or has no format strings in it.
    pub fn log(&self, image: impl AsRef<Path>) -> Result<Vec<LogLine>, Error> {
        log::decode(image.as_ref(), &self.defmt)
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            serial,
            defmt,
            ending,
            stderr,
            link,
            wall,
            command,
        } = self;
        writeln!(f, "{ending} after {} ms", wall.as_millis())?;
        writeln!(f, "{command}")?;
        writeln!(
            f,
            "wire of seed {}: {:?}",
            link.wire().seed(),
            link.wire().tally()
        )?;
        writeln!(f, "{:?}", link.counters())?;
        for exchange in self.requests() {
            writeln!(f, "  {exchange}")?;
        }
        writeln!(f, "log: {} bytes", defmt.len())?;
        if !stderr.is_empty() {
            writeln!(f, "QEMU says: {}", stderr.trim_end())?;
        }
        write!(f, "serial port:\n{serial}")
    }
}
