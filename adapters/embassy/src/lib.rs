//! EC2 instance metadata in async firmware: no std, no heap, no thread. One client for every
//! stack that can open TCP connections by [`embedded_nal_async::TcpConnect`], embassy-net's
//! `TcpClient` among them.
//!
//! ```
//! use imds_embassy::{Client, Config, Endpoint, Error, Target, Timeouts, Timer, nal::TcpConnect};
//!
//! async fn instance_id(stack: &impl TcpConnect, timer: impl Timer) -> Result<(), Error> {
//!     // A stack that speaks both families may have `Config::default()`, which tries both.
//!     let mut config = Config::new(Target::One(Endpoint::IPV4));
//!     // Small stacks repeat what was lost after a second, and the default has lost patience by then.
//!     config.timeouts = Timeouts::WITHOUT_OS;
//!     config.seed = 0x5eed; // of chance, if the machine has any
//!     let mut client = Client::<_, _, 2048, 1024>::new(stack, timer, config)?;
//!
//!     let mut memory = [0; 64];
//!     let id = client.get("/latest/meta-data/instance-id", &mut memory).await?;
//!     assert!(id.is_some_and(|id| id.starts_with(b"i-")));
//!     Ok(())
//! }
//! ```
//!
//! # Why these traits
//!
//! What a client needs of a stack is to connect, to read, to write, and to give a connection up.
//!
//! - `embedded_io_async::{Read, Write}` alone would have the caller connect. But the service
//!   answers most requests with `Connection: close`, so the client must connect again and again,
//!   and it is the core that knows when.
//! - `embedded_nal_async::TcpConnect` is that and no more: a shared reference gives connections,
//!   which are `Read + Write` and closed by dropping them. Because the reference is shared, a
//!   connection can be kept from one call to the next. embassy-net's `TcpClient` has it, modems and
//!   `std` have it.
//! - `embedded_nal` without `async` has non-blocking sockets but nothing to wait on;
//!   `edge-nal` is nearer to sockets, and few stacks have it.
//! - `ReadReady` and `WriteReady` are optional and mostly absent: nothing here asks for them. So a
//!   kept connection is not looked at before it is used again; one that the server has closed
//!   costs a request, which the core repeats at no charge.
//!
//! The traits say nothing of time: [`Timer`] is two functions, with an implementation for
//! embassy-time behind the feature `embassy-time`.
//!
//! # What the traits do not promise, and what is done about it
//!
//! - **Dropping a read or a write may lose bytes.** A connection whose exchange was broken off, by a
//!   time-out or because the caller dropped the future, is given up; it is never used again.
//! - **Dropping a connect** leaves nothing behind in the stack: the future owns what was begun. Who
//!   comes later connects anew.
//! - **`flush` may wait until the peer has acknowledged** (embassy-net's does), and without it other
//!   stacks may not send at all. So it is awaited where the answer is, in the time that the answer
//!   has, and what it says is not judged: what the server sent before a reset comes first.
//! - **One error kind may stand for all** (embassy-net calls everything that a connect can come to a
//!   reset). While connecting, a reset is a refusal, as in TCP.
//! - **Source addresses** are the stack's business: EC2 drops requests from a link-local one, and
//!   that shows as a time-out.
//! - embassy-net panics when it is told to connect to a family that it was not built for. Name one
//!   endpoint then, and do not leave the target to [`Target::Auto`].
//!
//! # Dropping futures
//!
//! Any future may be dropped at any await. The operation is cancelled (of a walk only the
//! [`next`](Walk::next) was, and the node comes again, from its beginning); a token that has
//! arrived is kept.
#![no_std]
#![forbid(unsafe_code)]
#[cfg(test)]
extern crate std;

mod client;
mod documents;
mod link;
mod output;
mod timer;
mod turn;
mod walk;

pub use crate::client::Client;
pub use crate::output::GetIntoError;
#[cfg(feature = "embassy-time")]
pub use crate::timer::EmbassyTimer;
pub use crate::timer::Timer;
pub use crate::walk::Walk;
/// The stack's traits, in the version that is used here.
pub use embedded_nal_async as nal;
pub use imds_core::config::{Target, Timeouts};
pub use imds_core::model::ReadError;
pub use imds_core::model::{IdentityDocument, RoleCredentials};
pub use imds_core::walk::Options;
pub use imds_core::{Config, Endpoint, Error, Instant, Misuse, Node};
