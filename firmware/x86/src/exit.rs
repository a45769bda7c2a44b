//! How the machine ends, and with which status.
//!
//! QEMU's `isa-debug-exit` makes a number the status of its process: `(number << 1) | 1`. The
//! image's number 0 is given to it as 0x10, so that success has a status of its own, 33, and none
//! is taken for an error of QEMU's.

use core::sync::atomic::{AtomicBool, Ordering};

use crate::cpu;
use crate::port::Port;
use crate::serial;

/// The number that a boot image ends with: 0 is success.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exit(u8);

impl Exit {
    /// All went well.
    pub const SUCCESS: Self = Self(0);

    /// The largest number; greater ones would meet those of a crash.
    pub const MAX: u8 = 0x1f;

    /// Ends with `number`; a number above [`Self::MAX`] counts as that.
    pub const fn new(number: u8) -> Self {
        if number > Self::MAX {
            Self(Self::MAX)
        } else {
            Self(number)
        }
    }

    /// The number.
    pub const fn number(self) -> u8 {
        self.0
    }

    /// The status of QEMU's process on a machine with `isa-debug-exit`.
    pub const fn qemu_status(self) -> u8 {
        (SUCCESS + self.0) << 1 | 1
    }
}

/// Written to the exit device for success.
const SUCCESS: u8 = 0x10;

/// Ends that a boot image does not choose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(
    test,
    allow(dead_code, reason = "who meets them is not part of the tests")
)]
pub(crate) enum Crash {
    Panic = 0x30,
    Exception = 0x31,
    StackOverflow = 0x32,
}

/// Ends the machine.
pub fn end(exit: Exit) -> ! {
    leave(SUCCESS + exit.0)
}

/// Ends the machine as a panic does, for a panic handler of one's own.
pub fn panicked() -> ! {
    crash(Crash::Panic)
}

/// Ends the machine after the line by which a crash is known where there is no exit device.
#[cfg_attr(
    test,
    allow(dead_code, reason = "who crashes is not part of the tests")
)]
pub(crate) fn crash(crash: Crash) -> ! {
    let cause = match crash {
        Crash::Panic => "panic",
        Crash::Exception => "exception",
        Crash::StackOverflow => "stack-overflow",
    };
    static CRASHING: AtomicBool = AtomicBool::new(false);
    // A crash while this line is printed ends here.
    if !CRASHING.swap(true, Ordering::Relaxed) {
        crate::println!("exit=1 cause={cause}");
    }
    leave(crash as u8)
}

fn leave(status: u8) -> ! {
    serial::drain();
    for (port, value) in ways_out(status) {
        // SAFETY: a reset, if anything.
        unsafe { Port::new(port) }.write(value);
    }
    // Some machines need a moment for it.
    for _ in 0..100_000 {
        core::hint::spin_loop();
    }
    triple_fault()
}

/// QEMU's exit device, which other machines do not have, then the keyboard controller's reset,
/// which is also Firecracker's way to end a machine.
const fn ways_out(status: u8) -> [(u16, u8); 2] {
    [(0xf4, status), (0x64, 0xfe)]
}

/// The last resort: an exception that nothing handles resets the machine.
fn triple_fault() -> ! {
    #[repr(C, packed)]
    struct Descriptor {
        limit: u16,
        base: u64,
    }
    let empty = Descriptor { limit: 0, base: 0 };
    // SAFETY: the machine ends here. Not executed where there is a standard library.
    unsafe { core::arch::asm!("lidt [{}]", "ud2", in(reg) &raw const empty, options(nostack)) };
    cpu::halt()
}

#[cfg(test)]
mod tests {
    use super::{Crash, Exit, ways_out};

    #[test]
    fn a_machine_without_exit_device_is_reset() {
        assert_eq!(ways_out(0x10), [(0xf4, 0x10), (0x64, 0xfe)]);
    }

    #[test]
    fn statuses_are_those_promised() {
        assert_eq!(Exit::SUCCESS.qemu_status(), 33);
        assert_eq!(Exit::new(13).qemu_status(), 59);
    }

    #[test]
    fn no_number_meets_a_crash() {
        assert!(Exit::new(u8::MAX).qemu_status() < (Crash::Panic as u8) << 1 | 1);
    }
}
