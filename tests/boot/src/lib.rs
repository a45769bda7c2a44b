//! Boots an image in QEMU, against a metadata service of its own, and says how it went.
//!
//! The image's network card is a Unix socket, and at its other end is [`imds_peer`]: no root, no TAP device, and no way to
//! the host's network, where a cloud machine's real metadata service might answer.
//!
//! ```no_run
//! use imds_boot::{Boot, Ending, Machine};
//! use imds_mock::Profile;
//! let outcome = Boot::new("firmware/image")
//!     .machine(Machine::Q35)
//!     .profile(Profile::Ec2)
//!     .append("imds.walk=/latest imds.lanes=3")
//!     .run()?;
//! assert_eq!(outcome.ending, Ending::Code(0), "{outcome}");
//! # Ok::<(), imds_boot::Error>(())
//! ```
//!
//! Every boot has a time limit; a QEMU that is still there when the limit, the caller or the caller's panic comes is
//! killed, and the files of the boot are removed.

mod arm;
mod boot;
mod command;
mod ending;
mod error;
mod image;
mod log;
mod machine;
mod outcome;
mod process;
pub mod report;
mod scratch;

pub use arm::build_cortex_m;
pub use boot::Boot;
pub use ending::{Ending, LastLine};
pub use error::Error;
pub use image::{Flavour, Image, Stack, build};
pub use log::LogLine;
pub use machine::{Machine, Transport, UnknownMachine};
pub use outcome::Outcome;
