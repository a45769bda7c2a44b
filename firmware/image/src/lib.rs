//! The parts of the boot image that have nothing to do with the machine: what the command line
//! asks for, and how results are printed. They are a library so that they can be tested where
//! there is a standard library, and used by another image.
#![no_std]
#![forbid(unsafe_code)]
#[cfg(test)]
extern crate std;

pub mod options;
pub mod output;
