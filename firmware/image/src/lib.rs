//! What boot images share: what the command line asks for, what they ask of DHCP, how results are
//! printed, and, for those over `imds-x86`, how they begin and end.
//!
//! All but the last have nothing to do with the machine, and are tested where there is a standard
//! library.
#![no_std]
#![forbid(unsafe_code)]
#[cfg(test)]
extern crate std;

pub mod dhcp;
#[cfg(all(feature = "x86", not(test)))]
pub mod machine;
pub mod options;
pub mod output;
