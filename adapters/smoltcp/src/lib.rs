//! EC2 instance metadata over a bare [smoltcp] stack, for boot images without an operating
//! system: no std, no heap, no thread.
//!
//! The program owns the stack and its loop. [`Client::poll`] belongs beside
//! [`Interface::poll`](smoltcp::iface::Interface::poll): one moves frames, the other moves the
//! protocol on, and says when it wants to be called again.
//!
//! ```no_run
//! use imds_smoltcp::{Buffers, Client, Config, Error, Gather, Node, Reply, Timeouts};
//! use smoltcp::iface::{Interface, SocketSet, SocketStorage};
//! use smoltcp::time::Instant;
//!
//! # fn main_loop(
//! #     mut iface: Interface,
//! #     device: &mut impl smoltcp::phy::Device,
//! #     now: impl Fn() -> Instant,
//! #     sleep: impl Fn(Option<smoltcp::time::Duration>),
//! # ) -> Result<(), Error> {
//! // One connection. All memory is lent.
//! let mut buffers = Buffers::<1, 1460, 512>::new();
//! let mut storage = [SocketStorage::EMPTY; 2];
//! let mut sockets = SocketSet::new(&mut storage[..]);
//! let mut memory = [0; 16 * 1024];
//! let mut gather = Gather::new(&mut memory);
//!
//! let mut config = Config::default();
//! // Small stacks repeat what was lost after a second, and the default has lost patience by then.
//! config.timeouts = Timeouts::WITHOUT_OS;
//! config.limits.value = 16 * 1024;
//! config.seed = 0x5eed; // of chance, if the machine has any
//! let mut client = Client::<1, 2048, 1024>::new(config, buffers.add_to(&mut sockets))?;
//! client.get(now(), "/latest/meta-data/instance-id")?;
//! let reply = loop {
//!     iface.poll(now(), device, &mut sockets);
//!     let delay = client.poll(now(), &mut iface, &mut sockets, &mut gather);
//!     if let Some(Node::Leaf { value, .. }) = gather.node() {
//!         // The instance id, whole.
//!         assert!(value.starts_with(b"i-"));
//!         gather.taken();
//!     } else if let Some((_, result)) = client.next_done() {
//!         break result?;
//!     } else {
//!         // Until then, or until a frame arrives.
//!         sleep(delay);
//!     }
//! };
//! assert_eq!(reply, Reply::Found);
//! # Ok(())
//! # }
//! ```
//!
//! [`Gather`] hands out whole nodes, pulled when there is time for them. For nodes of any size,
//! pushed in chunks as they arrive, give `poll` a [`Sink`](imds_core::drive::Sink) of your own.
//!
//! [smoltcp]: https://docs.rs/smoltcp
#![no_std]
#![forbid(unsafe_code)]
#[cfg(test)]
extern crate std;

mod buffers;
mod client;
mod lanes;
mod ports;
mod time;

pub use crate::buffers::Buffers;
pub use crate::client::Client;
pub use crate::lanes::{Lanes, Stack};
/// The core, for all that is not named below.
pub use imds_core;
pub use imds_core::config::{Target, Timeouts};
pub use imds_core::walk::Options;
pub use imds_core::{Cause, Config, Endpoint, Error, Gather, Misuse, Node, OpId, Reply};
