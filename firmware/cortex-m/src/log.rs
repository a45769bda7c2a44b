//! defmt's way to the second serial port.

use core::cell::UnsafeCell;

use crate::uart::UART1;

#[defmt::global_logger]
struct Logger;

struct State {
    encoder: UnsafeCell<defmt::Encoder>,
    /// The critical section that a log line is written in.
    section: UnsafeCell<critical_section::RestoreState>,
}

// SAFETY: touched only between `acquire` and `release`, in a critical section, and a log line within
// a log line is not possible: only values of this crate's users are formatted, by derived code.
unsafe impl Sync for State {}

static STATE: State = State {
    encoder: UnsafeCell::new(defmt::Encoder::new()),
    section: UnsafeCell::new(critical_section::RestoreState::invalid()),
};

defmt::timestamp!("{=u64:us}", embassy_time_driver::now());

fn send(bytes: &[u8]) {
    UART1.write(bytes);
}

// SAFETY: one line at a time, encoded and sent in the order of the calls.
unsafe impl defmt::Logger for Logger {
    fn acquire() {
        // SAFETY: given back by `release`; and ours from here on.
        unsafe {
            let section = critical_section::acquire();
            *STATE.section.get() = section;
            (*STATE.encoder.get()).start_frame(send);
        }
    }

    unsafe fn flush() {
        // What is left in the port's queue leaves by itself.
    }

    unsafe fn release() {
        // SAFETY: ours since `acquire`, which says what is restored.
        unsafe {
            (*STATE.encoder.get()).end_frame(send);
            critical_section::release(*STATE.section.get());
        }
    }

    unsafe fn write(bytes: &[u8]) {
        // SAFETY: ours between `acquire` and `release`.
        unsafe { (*STATE.encoder.get()).write(bytes, send) };
    }
}
