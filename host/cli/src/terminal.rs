//! What a person sees beside the data: whether it may be coloured, the log, progress.

use std::io::{self, Write};

use tracing::Dispatch;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;

use crate::args::{Color, Global, LogFormat};
use crate::bridge;
use crate::failure::{Exit, Failure, printable};
use crate::host::{Host, Stream};

/// Standard error and how to write to it.
#[derive(Clone, Debug)]
pub struct Messages {
    stream: Stream,
    color: bool,
    format: LogFormat,
    progress: bool,
    level: LevelFilter,
}

impl Messages {
    /// As the flags want it.
    #[must_use]
    pub fn new(flags: &Global, host: &Host) -> Self {
        let level = match (flags.quiet, flags.verbose) {
            (true, _) => LevelFilter::ERROR,
            (false, 0) => LevelFilter::WARN,
            (false, 1) => LevelFilter::INFO,
            (false, 2) => LevelFilter::DEBUG,
            (false, _) => LevelFilter::TRACE,
        };
        Self {
            stream: host.err.clone(),
            color: colored(flags.color, host, &host.err),
            format: flags.log_format,
            // Progress and a log would write over each other.
            progress: host.err.is_terminal()
                && level == LevelFilter::WARN
                && flags.log_format == LogFormat::Text,
            level,
        }
    }

    /// Prints an error. That standard error is closed is nobody's business.
    pub fn failure(&self, failure: &Failure) {
        let text = match self.format {
            LogFormat::Text => failure.text(self.color),
            LogFormat::Json => failure.json(),
        };
        let _ = self.stream.clone().write_all(text.as_bytes());
    }

    /// Prints, as one line, why `name` is missing from a dump.
    pub fn missing(&self, name: &str, exit: Exit, why: &str) {
        let text = match self.format {
            LogFormat::Text => format!("error: {}: {}\n", printable(name), printable(why)),
            LogFormat::Json => {
                let object = serde_json::json!({
                    "level": "ERROR",
                    "message": why,
                    "path": name,
                    "cause": exit.name(),
                });
                format!("{object}\n")
            }
        };
        let _ = self.stream.clone().write_all(text.as_bytes());
    }

    /// Prints what the built-in server was asked: one line a request.
    pub fn request(&self, exchange: &imds_mock::Exchange) {
        if self.level == LevelFilter::ERROR {
            return;
        }
        let text = match self.format {
            LogFormat::Text => format!("{exchange}\n"),
            LogFormat::Json => {
                let object = serde_json::json!({
                    "level": "INFO",
                    "connection": exchange.connection,
                    "method": exchange.method,
                    "path": exchange.path,
                    "status": exchange.status,
                });
                format!("{object}\n")
            }
        };
        let _ = self.stream.clone().write_all(text.as_bytes());
    }

    /// The log of the project's own crates. Others stay silent: what they say is not about
    /// metadata.
    #[must_use]
    pub fn log(&self) -> Dispatch {
        bridge::install();
        let targets = Targets::new().with_target("imds", self.level);
        let writer = Writer(self.stream.clone());
        let registry = tracing_subscriber::registry().with(targets);
        match self.format {
            LogFormat::Text => registry
                .with(
                    tracing_subscriber::fmt::layer()
                        .without_time()
                        .with_target(false)
                        .with_ansi(self.color)
                        .with_writer(writer),
                )
                .into(),
            LogFormat::Json => registry
                .with(
                    tracing_subscriber::fmt::layer()
                        .json()
                        .flatten_event(true)
                        .with_current_span(false)
                        .with_span_list(false)
                        .with_writer(writer),
                )
                .into(),
        }
    }

    /// A line that is written over again and again; silent where nobody looks.
    #[must_use]
    pub fn progress(&self) -> Progress {
        Progress {
            stream: self.progress.then(|| self.stream.clone()),
            shown: false,
        }
    }
}

/// Whether to colour what goes to `stream`.
#[must_use]
pub fn colored(choice: Color, host: &Host, stream: &Stream) -> bool {
    match choice {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => {
            stream.is_terminal()
                && host.variable("NO_COLOR").is_none()
                && host.variable("TERM").is_none_or(|term| term != "dumb")
        }
    }
}

/// Progress of a walk.
#[derive(Debug)]
pub struct Progress {
    stream: Option<Stream>,
    shown: bool,
}

impl Progress {
    /// Shows `text` in place of what was shown before.
    pub fn show(&mut self, text: &str) {
        if let Some(stream) = &mut self.stream {
            let _ = stream.write_all(format!("\r\x1b[K{text}").as_bytes());
            self.shown = true;
        }
    }
}

/// The line goes away with the walk, however that ends.
impl Drop for Progress {
    fn drop(&mut self) {
        if let (Some(stream), true) = (&mut self.stream, self.shown) {
            let _ = stream.write_all(b"\r\x1b[K");
        }
    }
}

struct Writer(Stream);

impl<'a> MakeWriter<'a> for Writer {
    type Writer = Line;

    fn make_writer(&'a self) -> Line {
        Line(self.0.clone())
    }
}

/// One log line. A reader of standard error that went away does not stop the command.
struct Line(Stream);

impl Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let _ = self.0.write_all(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::Captured;

    fn host(variables: &[(&str, &str)], terminal: bool) -> (Host, Captured) {
        let (out, _) = Stream::captured(false);
        let (err, captured) = Stream::captured(terminal);
        (Host::made_up(variables.iter().copied(), out, err), captured)
    }

    #[test]
    fn colour_is_for_terminals_and_obeys_no_color() {
        let wants = |choice, variables: &[(&str, &str)], terminal| {
            let (host, _) = host(variables, terminal);
            colored(choice, &host, &host.err)
        };
        assert!(wants(Color::Auto, &[], true));
        assert!(!wants(Color::Auto, &[], false));
        assert!(!wants(Color::Auto, &[("NO_COLOR", "1")], true));
        assert!(wants(Color::Auto, &[("NO_COLOR", "")], true));
        assert!(!wants(Color::Auto, &[("TERM", "dumb")], true));
        assert!(wants(Color::Always, &[("NO_COLOR", "1")], false));
        assert!(!wants(Color::Never, &[], true));
    }

    #[test]
    fn errors_are_lines_or_json() {
        let failure = Failure::new(Exit::Absent, "w", "s", "f");
        let (host, captured) = host(&[], false);
        Messages::new(&Global::default(), &host).failure(&failure);
        assert_eq!(captured.text(), "error: w\n  seen: s\n  fix:  f\n");

        let (host, captured) = self::host(&[], false);
        let flags = Global {
            log_format: LogFormat::Json,
            ..Global::default()
        };
        Messages::new(&flags, &host).failure(&failure);
        assert!(captured.text().starts_with('{'));
    }

    fn logged(flags: &Global) -> String {
        let (host, captured) = host(&[], false);
        tracing::dispatcher::with_default(&Messages::new(flags, &host).log(), || {
            tracing::warn!(target: "imds_core", "a warning");
            tracing::info!(target: "imds_core", "an info");
            tracing::trace!(target: "imdsctl", "a trace");
            tracing::error!(target: "mio", "of somebody else");
            log::error!(target: "mio", "of somebody else");
            log::debug!(target: "imds_core", "through the log crate");
        });
        captured.text()
    }

    #[test]
    fn the_log_speaks_as_loud_as_asked() {
        let verbose = |verbose| Global {
            verbose,
            ..Global::default()
        };
        assert_eq!(logged(&verbose(0)), " WARN a warning\n");
        assert_eq!(logged(&verbose(1)), " WARN a warning\n INFO an info\n");
        assert_eq!(
            logged(&verbose(3)),
            " WARN a warning\n INFO an info\nTRACE a trace\nDEBUG through the log crate\n"
        );
        let quiet = Global {
            quiet: true,
            ..Global::default()
        };
        assert_eq!(logged(&quiet), "");
    }

    #[test]
    fn the_log_as_json_is_one_object_a_line() {
        let text = logged(&Global {
            log_format: LogFormat::Json,
            ..Global::default()
        });
        let line: serde_json::Value = serde_json::from_str(text.trim()).unwrap();
        assert_eq!(line["message"], "a warning");
        assert_eq!(line["level"], "WARN");
    }

    #[test]
    fn progress_is_for_terminals_and_cleans_up() {
        let shown = |flags: &Global, terminal| {
            let (host, captured) = host(&[], terminal);
            let mut progress = Messages::new(flags, &host).progress();
            progress.show("1 value");
            drop(progress);
            captured.text()
        };
        assert_eq!(shown(&Global::default(), true), "\r\x1b[K1 value\r\x1b[K");
        assert_eq!(shown(&Global::default(), false), "");
        let quiet = Global {
            quiet: true,
            ..Global::default()
        };
        assert_eq!(shown(&quiet, true), "");
    }
}
