//! What the boot image needs of its machine: an LM3S6965, which is a Cortex-M3 with 256 KiB of
//! flash, 64 KiB of memory and an Ethernet controller on the chip; QEMU has it as `lm3s6965evb`.
//! It knows nothing of what the image is for.
//!
//! Numbers of sections are of the data sheet, Texas Instruments DS-LM3S6965. One processor runs,
//! and interrupts only wake tasks. Nothing waits without an end.
#![cfg_attr(not(test), no_std)]

#[cfg(test)]
extern crate std;

pub mod ethernet;
#[cfg(target_os = "none")]
mod executor;
#[cfg(target_os = "none")]
mod log;
#[cfg(target_os = "none")]
mod machine;
mod register;
#[cfg(target_os = "none")]
mod semihosting;
#[cfg(target_os = "none")]
pub mod stack;
#[cfg(target_os = "none")]
mod time;
#[cfg(target_os = "none")]
mod trouble;
#[cfg(target_os = "none")]
mod uart;

#[cfg(target_os = "none")]
pub use executor::run;
#[cfg(target_os = "none")]
pub use machine::Machine;
#[cfg(target_os = "none")]
pub use semihosting::exit;
#[cfg(target_os = "none")]
pub use uart::Console;
