//! A metadata server for tests: EC2's, in its generations and moods, and Firecracker's.
//!
//! The server is protocol logic without I/O: [`Mock`] holds the instance, [`Connection`] one connection to it, and every
//! call says what time it is. Bytes go in, bytes come out; an in-memory test needs nothing else. With the feature
//! `tokio` (on by default) [`server`] puts it behind a socket:
//!
//! ```
//! # #[cfg(feature = "tokio")] {
//! use imds_mock::{Fault, Mock, Profile, server};
//! let server = server::spawn(Mock::new(Profile::Ec2).fault(Fault::token().times(1).status(503))).unwrap();
//! let endpoint = server.url(); // http://127.0.0.1:PORT, until `server` is dropped
//! server.with(|mock| assert!(mock.log().is_empty()));
//! # let _ = endpoint;
//! # }
//! ```
//!
//! What it answers comes from captures and documentation of the real services, collected in the project's fact sheet
//! ("facts §…"), not from what the project's client sends; and it shares no code with that client. So each can be wrong
//! alone, and a test shows it.

mod builtin;
mod connection;
mod date;
mod document;
mod exchange;
mod fault;
#[cfg(feature = "fuzz")]
#[doc(hidden)]
pub mod fuzz;
mod mock;
mod outcome;
mod profile;
mod random;
mod reply;
mod request;
mod respond;
#[cfg(feature = "tokio")]
pub mod server;
mod token;
mod tree;

pub use connection::{Action, Connection};
pub use document::{CREDENTIALS_LIFE, credentials};
pub use exchange::Exchange;
pub use fault::Fault;
pub use mock::Mock;
pub use profile::{Profile, UnknownProfile};
#[cfg(feature = "tokio")]
pub use server::{Running, Server};
pub use token::{TokenUse, Tokens, TtlOverride};
pub use tree::{DEFAULT_EPOCH, Tree, TreeError};

/// Where a token is asked for, exactly (facts §1.2).
pub const TOKEN_PATH: &str = "/latest/api/token";
