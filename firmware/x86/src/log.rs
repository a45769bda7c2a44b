//! defmt's way to the second serial port. Where there is none, nothing is encoded.

use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicBool, Ordering};

use crate::serial::LogPort;

#[defmt::global_logger]
struct Logger;

struct State {
    encoder: UnsafeCell<defmt::Encoder>,
    /// The critical section that a log line is written in.
    section: UnsafeCell<critical_section::RestoreState>,
}

// SAFETY: touched only between `acquire` and `release`, in a critical section that `TAKEN` keeps
// from being entered twice.
unsafe impl Sync for State {}

static STATE: State = State {
    encoder: UnsafeCell::new(defmt::Encoder::new()),
    section: UnsafeCell::new(critical_section::RestoreState::invalid()),
};
static TAKEN: AtomicBool = AtomicBool::new(false);

defmt::timestamp!("{=u64:us}", crate::clock::now());

fn send(bytes: &[u8]) {
    if let Some(port) = LogPort::find() {
        port.write_bytes(bytes);
    }
}

// SAFETY: one line at a time, encoded and sent in the order of the calls.
unsafe impl defmt::Logger for Logger {
    fn acquire() {
        // SAFETY: given back by `release`.
        let section = unsafe { critical_section::acquire() };
        assert!(
            !TAKEN.swap(true, Ordering::Relaxed),
            "a log line within a log line"
        );
        // SAFETY: ours until `release`.
        unsafe {
            *STATE.section.get() = section;
            if LogPort::find().is_some() {
                (*STATE.encoder.get()).start_frame(send);
            }
        }
    }

    unsafe fn flush() {
        // The port sends by itself; what is left when the machine ends is waited for there.
    }

    unsafe fn release() {
        // SAFETY: ours since `acquire`, which says what is restored.
        unsafe {
            if LogPort::find().is_some() {
                (*STATE.encoder.get()).end_frame(send);
            }
            TAKEN.store(false, Ordering::Relaxed);
            critical_section::release(*STATE.section.get());
        }
    }

    unsafe fn write(bytes: &[u8]) {
        if LogPort::find().is_some() {
            // SAFETY: ours between `acquire` and `release`.
            unsafe { (*STATE.encoder.get()).write(bytes, send) };
        }
    }
}
