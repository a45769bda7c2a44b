//! Why a boot could not be tried, or its log not be read.

use core::fmt;
use std::io;
use std::path::PathBuf;

/// Something outside the image failed. How the image itself ended is an [`Ending`](crate::Ending).
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// A program is missing, and this Debian package has it.
    Missing {
        /// What was to be run.
        program: PathBuf,
        /// Debian's name for the package.
        package: &'static str,
    },
    /// This file could not be read, written or run.
    File(PathBuf, io::Error),
    /// This program ran and failed; what it said.
    Failed(PathBuf, String),
    /// The peer's end of the cable broke.
    Peer(io::Error),
    /// The caller's flag was raised.
    Interrupted,
    /// The image has no defmt log to be read: why.
    Log(String),
    /// The figures are not to be had from this boot: why.
    Figures(String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { program, package } => write!(
                f,
                "{} is not installed; Debian has it in the package {package}: apt-get install {package}",
                program.display()
            ),
            Self::File(path, error) => write!(f, "{}: {error}", path.display()),
            Self::Failed(path, said) => write!(f, "{} failed: {}", path.display(), said.trim()),
            Self::Peer(error) => write!(f, "the cable to QEMU: {error}"),
            Self::Interrupted => f.write_str("interrupted"),
            Self::Log(why) => write!(f, "no log: {why}"),
            Self::Figures(why) => write!(f, "no figures: {why}"),
        }
    }
}

impl core::error::Error for Error {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::File(_, error) | Self::Peer(error) => Some(error),
            Self::Missing { .. }
            | Self::Failed(..)
            | Self::Interrupted
            | Self::Log(_)
            | Self::Figures(_) => None,
        }
    }
}
