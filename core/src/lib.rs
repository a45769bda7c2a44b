//! A client for the EC2 Instance Metadata Service (IMDS) without I/O: bytes and instants in,
//! bytes, values and deadlines out. No std, no allocation, no clock, no socket, no randomness.
#![no_std]
#![forbid(unsafe_code)]
#[cfg(any(test, feature = "std"))]
extern crate std;

#[macro_use]
mod fmt;

mod client;
pub mod config;
pub mod drive;
pub mod endpoint;
mod error;
pub mod http;
mod lane;
pub mod model;
mod pace;
pub mod path;
mod retry;
mod rng;
mod session;
mod time;
mod token;
pub mod walk;

pub use crate::client::{
    CLIENT_OPS, CLIENT_TOKEN, Client, Event, Leaf, Missing, OpId, Reply, Route, Want,
};
pub use crate::config::Config;
pub use crate::endpoint::Endpoint;
pub use crate::error::{BadToken, BadTtl, Cause, Error, Fault, Misuse, Peer, Phase, Reason, What};
pub use crate::lane::{Buffer, Lane};
pub use crate::session::{Counters, Session};
pub use crate::time::Instant;
