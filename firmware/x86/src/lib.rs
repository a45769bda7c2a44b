//! What a boot image needs of the machine it runs on, where there is no operating system: an entry
//! point, serial ports, exceptions that say what happened, time, chance, the kernel command line, a
//! virtio network card and a way out. It knows nothing of what the image is for.
//!
//! The machine is an x86-64 virtual machine that boots by the PVH protocol: QEMU's `microvm`, `pc`
//! and `q35` with `-kernel`, and Firecracker. A whole boot image:
//!
//! ```ignore
//! #![no_std]
//! #![no_main]
//!
//! imds_x86::entry!(main);
//!
//! fn main(machine: imds_x86::Machine) -> imds_x86::Exit {
//! imds_x86::println!("{} us after the start", machine.clock.now());
//! imds_x86::Exit::SUCCESS
//! }
//! ```
//!
//! Its build script hands the linker's arguments on; see the boot image `hello` beside this
//! package.
//!
//! One processor runs, with interrupts off, in an identity mapping of the first 4 GiB. Nothing
//! waits without an end: not for a serial port, not for a timer, not for a device.

#![cfg_attr(not(test), no_std)]

#[cfg(test)]
extern crate std;

pub mod clock;
pub mod command_line;
mod cpu;
#[cfg(not(test))]
mod entry;
#[cfg(not(test))]
mod exceptions;
pub mod exit;
#[cfg(all(feature = "defmt", not(test)))]
mod log;
#[cfg(target_os = "linux")]
mod memory;
#[cfg(not(test))]
mod paging;
#[cfg(all(feature = "panic-handler", not(test)))]
mod panic;
mod port;
pub mod seed;
pub mod serial;
#[cfg(not(test))]
pub mod stack;
#[cfg(feature = "embassy-time")]
pub mod timers;
pub mod virtio;
#[cfg(all(test, any(feature = "embassy-net", feature = "embassy-time")))]
mod wakes;

pub use clock::Clock;
pub use exit::Exit;
pub use seed::Seed;

use command_line::CommandLine;

/// What a boot image is given of the machine.
#[derive(Debug)]
pub struct Machine {
    /// What whoever started the machine has to say to the image.
    pub command_line: Result<CommandLine, command_line::Error>,
    /// Microseconds since the image's first instruction.
    pub clock: Clock,
}

impl Machine {
    /// A number that differs from boot to boot. See [`Seed`] for what it is good for.
    pub fn seed(&self) -> Seed {
        Seed::draw()
    }

    /// Brings up the network card: the first one, if there are several.
    ///
    /// # Errors
    ///
    /// [`virtio::NicError`] says what was looked for, and where.
    pub fn nic(&self) -> Result<virtio::Found, virtio::NicError> {
        let command_line = self.command_line.unwrap_or(CommandLine::EMPTY);
        virtio::bring_up(command_line, self.seed().value)
    }
}

/// Makes a function the one that the machine starts: `fn(Machine) -> Exit`.
#[macro_export]
macro_rules! entry {
    ($main:path) => {
        #[doc(hidden)]
        #[unsafe(no_mangle)]
        extern "Rust" fn imds_x86_main(machine: $crate::Machine) -> $crate::Exit {
            let main: fn($crate::Machine) -> $crate::Exit = $main;
            main(machine)
        }
    };
}
