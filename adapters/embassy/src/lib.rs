//! EC2 instance metadata in async firmware: no std, no heap, no thread.
//!
//! - `net`, with the feature `embassy-net`: one or more connections of an embassy-net stack,
//!   driven together in one task.
//! - [`nal`]: one connection of any stack that has [`embedded_nal_async::TcpConnect`].
//!
//! Both are a [`Client`], and have the same methods. Take `net` where the stack is embassy-net: it
//! looks at kept connections before it uses them, does not send from addresses that EC2 ignores, and
//! walks over several connections at once.
//!
//! [`embedded_nal_async::TcpConnect`]: nal::TcpConnect
//!
//! # Dropping futures
//!
//! Any future may be dropped at any await. The operation is cancelled (of a walk only the
//! [`next`](Walk::next) was, and no node is lost); a token that has arrived is kept.
#![no_std]
#![forbid(unsafe_code)]
#[cfg(test)]
extern crate std;

mod client;
mod documents;
mod memory;
pub mod nal;
#[cfg(feature = "embassy-net")]
pub mod net;
mod output;
mod timer;
mod transport;
mod walk;

pub use crate::client::Client;
pub use crate::memory::Memory;
pub use crate::output::GetIntoError;
pub use crate::transport::Transport;
pub use crate::walk::Walk;
pub use imds_core::config::{Target, Timeouts};
pub use imds_core::model::ReadError;
pub use imds_core::model::{IdentityDocument, RoleCredentials};
pub use imds_core::walk::Options;
pub use imds_core::{Config, Endpoint, Error, Instant, Misuse, Node};
