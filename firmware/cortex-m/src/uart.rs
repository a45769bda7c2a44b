//! The serial ports (chapter 13): UART0 for people and scripts, UART1 for logs.

use core::fmt;

use crate::register::Register;

/// How often a full queue is looked at until the byte is dropped: more than it takes to send.
const PATIENCE: u32 = 100_000;
const QUEUE_FULL: u32 = 1 << 5;

const DATA: u32 = 0x000;
const FLAGS: u32 = 0x018;
const BAUD_INTEGER: u32 = 0x024;
const BAUD_FRACTION: u32 = 0x028;
const LINE: u32 = 0x02c;
const CONTROL: u32 = 0x030;

/// The first serial port: values, errors and the last line.
#[derive(Clone, Copy, Debug)]
pub struct Console;

impl fmt::Write for Console {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        UART0.write(text.as_bytes());
        Ok(())
    }
}

/// 115,200 bits a second.
pub(crate) static UART0: Uart = Uart(0x4000_c000);
/// 921,600 bits a second: a line of the log is sent with interrupts off, and has to be short
/// beside the millisecond after which the clock would lose time.
pub(crate) static UART1: Uart = Uart(0x4000_d000);

pub(crate) struct Uart(u32);

impl Uart {
    /// Eight bits, no parity, with a queue of 16 bytes. The divisor is in 1/64: the machine's 50 MHz by 16 times the
    /// rate.
    pub(crate) fn init(&self, divisor: u32) {
        self.at(CONTROL).write(0);
        self.at(BAUD_INTEGER).write(divisor / 64);
        self.at(BAUD_FRACTION).write(divisor % 64);
        self.at(LINE).write(0x70);
        self.at(CONTROL).write(0x301);
    }

    pub(crate) fn write(&self, bytes: &[u8]) {
        for byte in bytes {
            for _ in 0..PATIENCE {
                if self.at(FLAGS).read() & QUEUE_FULL == 0 {
                    self.at(DATA).write(u32::from(*byte));
                    break;
                }
            }
        }
    }

    fn at(&self, offset: u32) -> Register {
        // SAFETY: registers of a serial port, which does no more than to send.
        unsafe { Register::new(self.0 + offset) }
    }
}
