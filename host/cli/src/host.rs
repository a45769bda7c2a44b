//! Everything the commands take from the machine they run on, in one value that a test can make up.

use core::fmt;
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io::{self, IsTerminal as _, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

/// Where data goes, and where everything else goes: a writer that commands and the log share.
#[derive(Clone)]
pub struct Stream {
    writer: Arc<Mutex<dyn Write + Send>>,
    terminal: bool,
}

impl Stream {
    /// A stream over `writer`; `terminal` says whether a person is looking at it.
    pub fn new(writer: impl Write + Send + 'static, terminal: bool) -> Self {
        Self {
            writer: Arc::new(Mutex::new(writer)),
            terminal,
        }
    }

    /// A stream into memory and the memory itself, for tests.
    #[must_use]
    pub fn captured(terminal: bool) -> (Self, Captured) {
        let captured = Captured::default();
        (Self::new(captured.clone(), terminal), captured)
    }

    /// Whether a person is looking at it.
    #[must_use]
    pub fn is_terminal(&self) -> bool {
        self.terminal
    }

    fn lock(&self) -> MutexGuard<'_, dyn Write + Send + 'static> {
        // A writer that panicked once may still take bytes: better a torn line than none.
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.lock().write(bytes)
    }

    /// In one piece: a log line and an error never mix.
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.lock().write_all(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.lock().flush()
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream")
            .field("terminal", &self.terminal)
            .finish_non_exhaustive()
    }
}

/// Bytes written to a [`Stream::captured`].
#[derive(Clone, Default)]
pub struct Captured(Arc<Mutex<Vec<u8>>>);

impl Captured {
    /// What was written so far.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The same as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes()).into_owned()
    }
}

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl fmt::Debug for Captured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Captured(..)")
    }
}

/// The machine as far as `imdsctl` looks at it.
///
/// Its `Debug` shows no variable's value: an environment holds secrets.
pub struct Host {
    variables: BTreeMap<OsString, OsString>,
    /// Root of sysfs, where the platform check reads.
    pub sysfs: PathBuf,
    /// The wall clock, read only to say whether credentials have expired.
    pub clock: fn() -> SystemTime,
    /// Where data goes.
    pub out: Stream,
    /// Where everything else goes.
    pub err: Stream,
}

impl Host {
    /// The process as it is.
    #[must_use]
    pub fn of_this_process() -> Self {
        let (out, err) = (io::stdout(), io::stderr());
        let (out_is_terminal, err_is_terminal) = (out.is_terminal(), err.is_terminal());
        Self {
            variables: std::env::vars_os().collect(),
            sysfs: PathBuf::from("/sys"),
            clock: SystemTime::now,
            out: Stream::new(out, out_is_terminal),
            err: Stream::new(err, err_is_terminal),
        }
    }

    /// A machine with these variables, no sysfs and the given streams.
    pub fn made_up<'a>(
        variables: impl IntoIterator<Item = (&'a str, &'a str)>,
        out: Stream,
        err: Stream,
    ) -> Self {
        Self {
            variables: variables
                .into_iter()
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
            sysfs: PathBuf::from("/nonexistent"),
            clock: || SystemTime::UNIX_EPOCH,
            out,
            err,
        }
    }

    /// An environment variable; an empty one counts as unset.
    #[must_use]
    pub fn variable(&self, name: &str) -> Option<&OsStr> {
        let value = self.variables.get(OsStr::new(name))?;
        (!value.is_empty()).then_some(value.as_os_str())
    }

    /// The home directory.
    #[must_use]
    pub fn home(&self) -> Option<PathBuf> {
        self.variable("HOME").map(PathBuf::from)
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Host")
            .field("sysfs", &self.sysfs)
            .field("out", &self.out)
            .field("err", &self.err)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_variable_counts_as_unset() {
        let (out, _) = Stream::captured(false);
        let host = Host::made_up([("HOME", ""), ("A", "b")], out.clone(), out);
        assert_eq!(host.home(), None);
        assert_eq!(host.variable("A"), Some(OsStr::new("b")));
        assert_eq!(host.variable("B"), None);
    }

    #[test]
    fn debug_shows_no_value_of_a_variable() {
        let (out, _) = Stream::captured(false);
        let host = Host::made_up([("AWS_SECRET_ACCESS_KEY", "hunter2")], out.clone(), out);
        assert!(!format!("{host:?}").contains("hunter2"));
    }
}
