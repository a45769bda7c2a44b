//! What the code under test writes to its log.

use core::cell::RefCell;
use core::fmt::Write as _;
use std::sync::Once;

thread_local! {
    static LINES: RefCell<String> = const { RefCell::new(String::new()) };
}

struct Lines;

impl log::Log for Lines {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        LINES.with_borrow_mut(|lines| {
            // Writing to a string does not fail.
            let _ = writeln!(lines, "{}", record.args());
        });
    }

    fn flush(&self) {}
}

/// From here on lines are kept, for each thread its own.
pub(crate) fn keep() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        log::set_logger(&Lines).expect("nobody else logs in these tests");
        log::set_max_level(log::LevelFilter::Trace);
    });
    take();
}

/// The lines of this thread since they were taken last.
pub(crate) fn take() -> String {
    LINES.take()
}
