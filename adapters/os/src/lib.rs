//! What the adapters for operating systems share, so that neither writes it again.
//!
//! Applications use `imds-blocking` or `imds-tokio`, which re-export what they need from here.

mod clock;
mod dial;
pub mod documents;
mod gather;
mod node;

pub use clock::{Clock, random_seed};
pub use dial::{Dial, event_of};
pub use documents::{Credentials, ReadError};
pub use gather::Gather;
pub use node::{Node, entries};

/// Longest token that the adapters keep, in bytes. EC2's have 56.
pub const MAX_TOKEN: usize = 512;
