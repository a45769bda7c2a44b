//! From the `log` crate, which the protocol speaks, to `tracing`.
//!
//! `tracing-log` would do, but in JSON it adds where in the source each line was written, with the
//! paths of the machine that built the program.

use log::{Level, LevelFilter, Log, Metadata, Record};

struct Bridge;

static BRIDGE: Bridge = Bridge;

/// Makes the bridge the process's logger. A second call finds it done.
pub(crate) fn install() {
    if log::set_logger(&BRIDGE).is_ok() {
        // What is too much is dropped on the other side.
        log::set_max_level(LevelFilter::Trace);
    }
}

impl Log for Bridge {
    /// The project's own crates; what others say is not about metadata.
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("imds")
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let text = record.args();
        match record.level() {
            Level::Error => tracing::error!(target: "imds", "{text}"),
            Level::Warn => tracing::warn!(target: "imds", "{text}"),
            Level::Info => tracing::info!(target: "imds", "{text}"),
            Level::Debug => tracing::debug!(target: "imds", "{text}"),
            Level::Trace => tracing::trace!(target: "imds", "{text}"),
        }
    }

    fn flush(&self) {}
}
