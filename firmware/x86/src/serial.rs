//! The serial ports: COM1 for people and scripts, COM2 for logs.
//!
//! Nothing here waits without an end. Firecracker has no COM2: what is written there is dropped,
//! and the line status reads 0, so that "transmitter empty" never comes.

use core::fmt;
use core::sync::atomic::{AtomicU8, Ordering};

use crate::port::Port;
use crate::{clock, cpu};

/// Ticks of the time stamp counter until a port is given up: a minute or so, for a reader that has
/// stopped to think.
const PATIENCE: u64 = 60 * clock::ASSUMED;
/// What a port takes at once when it has nothing left to send.
const QUEUE: usize = 16;

const TRANSMITTER_EMPTY: u8 = 0x20;
const ALL_SENT: u8 = 0x40;

const ABSENT: u8 = 0;
const READY: u8 = 1;
/// Did not take a byte for as long as we were ready to wait: from then on it is asked only once.
const STUCK: u8 = 2;

static COM1: Uart<Ports> = Uart::new(Ports(0x3f8));
static COM2: Uart<Ports> = Uart::new(Ports(0x2f8));

/// The registers of a UART: tests have others than the machine's.
trait Registers {
    fn read(&self, offset: u16) -> u8;
    fn write(&self, offset: u16, value: u8);
    /// The time stamp counter.
    fn ticks(&self) -> u64;
}

struct Ports(u16);

impl Ports {
    fn at(&self, offset: u16) -> Port {
        // SAFETY: bytes in, bytes out; the port touches no memory.
        unsafe { Port::new(self.0 + offset) }
    }
}

impl Registers for Ports {
    fn read(&self, offset: u16) -> u8 {
        self.at(offset).read()
    }

    fn write(&self, offset: u16, value: u8) {
        self.at(offset).write(value);
    }

    fn ticks(&self) -> u64 {
        cpu::tsc()
    }
}

const DATA: u16 = 0;
const LINE_STATUS: u16 = 5;
const SCRATCH: u16 = 7;

/// 115200 baud, 8 bits, polled, with queues: registers and what is written to them.
const SET_UP: [(u16, u8); 7] = [
    (1, 0x00),
    (3, 0x80),
    (0, 0x01),
    (1, 0x00),
    (3, 0x03),
    (2, 0x07),
    (4, 0x03),
];

/// A 16550.
struct Uart<R> {
    registers: R,
    state: AtomicU8,
}

impl<R: Registers> Uart<R> {
    const fn new(registers: R) -> Self {
        Self {
            registers,
            state: AtomicU8::new(ABSENT),
        }
    }

    fn init(&self) {
        // The scratch register has no other use than this.
        let kept = [0x5a, 0xa5].into_iter().all(|value| {
            self.registers.write(SCRATCH, value);
            self.registers.read(SCRATCH) == value
        });
        for (offset, value) in SET_UP {
            self.registers.write(offset, value);
        }
        self.state
            .store(if kept { READY } else { ABSENT }, Ordering::Relaxed);
    }

    fn is_present(&self) -> bool {
        self.state.load(Ordering::Relaxed) != ABSENT
    }

    /// Waits for `bit` of the line status, within reason.
    fn wait(&self, bit: u8) {
        let patience = match self.state.load(Ordering::Relaxed) {
            READY => PATIENCE,
            STUCK => 0,
            _ => return,
        };
        let start = self.registers.ticks();
        let state = loop {
            if self.registers.read(LINE_STATUS) & bit != 0 {
                break READY;
            }
            if self.registers.ticks().wrapping_sub(start) >= patience {
                break STUCK;
            }
            core::hint::spin_loop();
        };
        self.state.store(state, Ordering::Relaxed);
    }

    fn write(&self, bytes: &[u8]) {
        for chunk in bytes.chunks(QUEUE) {
            self.wait(TRANSMITTER_EMPTY);
            for &byte in chunk {
                self.registers.write(DATA, byte);
            }
        }
    }
}

#[cfg_attr(test, expect(dead_code, reason = "called by the entry code"))]
pub(crate) fn init() {
    COM1.init();
    COM2.init();
}

/// Lets what was written leave before the machine ends.
pub(crate) fn drain() {
    COM1.wait(ALL_SENT);
    COM2.wait(ALL_SENT);
}

/// The first serial port. It is written to whether it seems to be there or not.
#[derive(Clone, Copy, Debug, Default)]
pub struct Console;

impl Console {
    /// Writes bytes as they are.
    pub fn write_bytes(self, bytes: &[u8]) {
        COM1.write(bytes);
    }
}

impl fmt::Write for Console {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.write_bytes(text.as_bytes());
        Ok(())
    }
}

/// The second serial port, where there is one.
#[derive(Clone, Copy, Debug)]
pub struct LogPort(());

impl LogPort {
    /// The port, if its scratch register proved that it exists.
    pub fn find() -> Option<Self> {
        COM2.is_present().then_some(Self(()))
    }

    /// Writes bytes as they are.
    pub fn write_bytes(self, bytes: &[u8]) {
        COM2.write(bytes);
    }
}

#[doc(hidden)]
pub fn print(arguments: fmt::Arguments<'_>) {
    // The port itself never fails, and an error of a `Display` has nowhere to go.
    let _ = fmt::Write::write_fmt(&mut Console, arguments);
}

/// Prints to the first serial port.
#[macro_export]
macro_rules! print {
    ($($argument:tt)*) => { $crate::serial::print(::core::format_args!($($argument)*)) };
}

/// Prints a line to the first serial port. It ends in a line feed and nothing else.
#[macro_export]
macro_rules! println {
    () => { $crate::print!("\n") };
    ($($argument:tt)*) => {
        $crate::serial::print(::core::format_args!("{}\n", ::core::format_args!($($argument)*)))
    };
}

#[cfg(test)]
mod tests {
    use core::cell::RefCell;
    use std::vec::Vec;

    use super::{LINE_STATUS, Registers, SCRATCH, Uart};
    use crate::clock;

    /// A port of which this is read at the line status.
    struct Fake {
        is_there: bool,
        line_status: u8,
        scratch: RefCell<u8>,
        reads: RefCell<u32>,
        written: RefCell<Vec<u8>>,
    }

    impl Registers for Fake {
        fn read(&self, offset: u16) -> u8 {
            *self.reads.borrow_mut() += 1;
            match offset {
                LINE_STATUS => self.line_status,
                SCRATCH if self.is_there => *self.scratch.borrow(),
                _ => 0,
            }
        }

        fn write(&self, offset: u16, value: u8) {
            match offset {
                0 => self.written.borrow_mut().push(value),
                SCRATCH => *self.scratch.borrow_mut() = value,
                _ => {}
            }
        }

        /// A reading of the line status takes a second.
        fn ticks(&self) -> u64 {
            u64::from(*self.reads.borrow()) * clock::ASSUMED
        }
    }

    fn uart(is_there: bool, line_status: u8) -> Uart<Fake> {
        let uart = Uart::new(Fake {
            is_there,
            line_status,
            scratch: RefCell::default(),
            reads: RefCell::default(),
            written: RefCell::default(),
        });
        uart.init();
        uart.registers.written.borrow_mut().clear();
        *uart.registers.reads.borrow_mut() = 0;
        uart
    }

    #[test]
    fn a_port_that_is_there_gets_its_bytes() {
        let uart = uart(true, 0x60);
        assert!(uart.is_present());
        uart.write(b"a line longer than the queue of a port");
        assert_eq!(
            *uart.registers.written.borrow(),
            b"a line longer than the queue of a port"
        );
        assert_eq!(*uart.registers.reads.borrow(), 3, "once for each 16 bytes");
    }

    /// Firecracker: writes are dropped, everything reads 0.
    #[test]
    fn a_port_that_is_not_there_is_not_waited_for() {
        let uart = uart(false, 0);
        assert!(!uart.is_present());
        uart.write(&[b'x'; 1000]);
        assert_eq!(*uart.registers.reads.borrow(), 0);
    }

    #[test]
    fn a_port_that_takes_nothing_is_waited_for_once() {
        let uart = uart(true, 0);
        uart.write(&[b'x'; 1600]);
        assert_eq!(
            *uart.registers.reads.borrow(),
            60 + 99,
            "once for each 16 bytes after the first"
        );
    }
}
