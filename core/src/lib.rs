//! A client for the EC2 Instance Metadata Service (IMDS) without I/O: bytes and instants go in,
//! bytes, values and deadlines come out. No std, no allocation, no clock, no socket, no
//! randomness of its own, no `unsafe`.
//!
//! Most programs want an adapter: `imds-tokio`, `imds-blocking`, or one for a stack without an
//! operating system. This page is for those who write one, or drive the core by hand.
//!
//! # The loop
//!
//! Ask each lane what it [wants](Want), do it, say what [happened](Event), and ask again. That is
//! all of it. Here the network is an array of two answers:
//!
//! ```
//! use imds_core::{Client, Config, Event, Instant, Reply, Want};
//!
//! /// What a server would say to the token request, and then to the read.
//! const ANSWERS: [&str; 2] = [
//!     "HTTP/1.1 200 OK\r\nX-Aws-Ec2-Metadata-Token-Ttl-Seconds: 21600\r\n\
//!      Content-Length: 4\r\n\r\nAQA=",
//!     "HTTP/1.1 200 OK\r\nContent-Length: 19\r\n\r\ni-1234567890abcdef0",
//! ];
//!
//! // One lane with a window of 2 KiB, and 1 KiB for walks.
//! let mut client: Client<1> = Client::new(Config::default());
//! // Time is the caller's: any monotonic clock will do.
//! let now = Instant::from_millis(17);
//! let op = client.get(now, "/latest/meta-data/instance-id")?;
//!
//! let mut answers = ANSWERS.iter();
//! let mut value = Vec::new();
//! let reply = loop {
//!     let event = match client.poll(now, 0) {
//!         // A real driver opens a socket to `client.route()`.
//!         Want::Connect => Event::Connected,
//!         // A real driver writes to it; some of the bytes will do.
//!         Want::Send(request) => Event::Sent(request.len()),
//!         // A real driver reads from it, straight into the window. If there is nothing to read
//!         // it says `Blocked`, and sleeps until there is or until `client.deadline(0)`.
//!         Want::Receive => match answers.next() {
//!             Some(answer) => {
//!                 client.rx_window(0)[..answer.len()].copy_from_slice(answer.as_bytes());
//!                 Event::Received(answer.len())
//!             }
//!             None => Event::Blocked,
//!         },
//!         Want::Leaf(leaf) => {
//!             value.extend_from_slice(leaf.chunk);
//!             Event::Taken
//!         }
//!         // Only walks have these.
//!         Want::Missing(_) => Event::Taken,
//!         Want::Done(id, result) => {
//!             assert_eq!(id, op);
//!             break result;
//!         }
//!         Want::Close => Event::Closed,
//!         Want::Idle => unreachable!("there is an operation, and nothing to wait for"),
//!     };
//!     client.handle(now, 0, event)?;
//! };
//! assert_eq!(reply, Ok(Reply::Found));
//! assert_eq!(value, b"i-1234567890abcdef0");
//! # Ok::<(), imds_core::Misuse>(())
//! ```
//!
//! The rules that make it this short:
//!
//! 1. [`poll`](Client::poll) is level-triggered: asking twice gives the same answer. A full socket,
//!    a spurious wake-up and a cancelled future are all the same non-event.
//! 2. State moves when something was accepted ([`Sent`](Event::Sent), [`Taken`](Event::Taken)),
//!    never when it was offered.
//! 3. The present is an argument. It is clamped and never runs backwards.
//! 4. Time-outs are judged on [`Blocked`](Event::Blocked) only: what has arrived is read first,
//!    however late the driver comes.
//! 5. The end of the stream is an event. What it means depends on how the body is framed.
//! 6. A [deadline](Client::deadline) says [why](Reason).
//! 7. A call out of order is [`Misuse`] and changes nothing; no byte from the server can cause it.
//! 8. After an event, poll all lanes: other lanes' answers may have changed.
//!
//! [`drive`] has this loop once and for all, over a [`Socket`](drive::Socket) trait of five calls;
//! [`drive::polled`] is that for the TCP sockets of stacks without an operating system.
//!
//! # A lane and a session
//!
//! ```text
//!   Session: token, operations, walks, pace          shared; needed between exchanges
//!      |  work            ^ head, lines, end
//!      v                  |
//!   Lane: one connection, one window, one exchange   alone while bytes move
//!
//!            work             Connected            request written
//!   Idle ---------> Connecting --------> Connected ---------> Sending ---> Receiving
//!    ^                                       ^ (a kept connection)             |
//!    |                                                                         v
//!  Ended <--- Offering (leaf) <---+---- Body <---- the session judges it ---- Head
//!    ^        Lines (listing) <---+
//!    +-- every fault, time-out and refused byte, from every state
//! ```
//!
//! [`Client`] holds both for one driver. Drivers that share a session keep it behind a lock of
//! their own and hold it only for [`Session::serve`].
//!
//! # What is decided here
//!
//! Tokens ([facts] §1.2–1.3): expiry counts from before the request, renewal comes early, one
//! request at a time, a 401 discards exactly the token it answered and is replayed once. Retries:
//! 429, 500, 502, 503, 504 and what the network did, with full jitter, `Retry-After` obeyed. A
//! connected but silent token request is told apart at once: it is how a hop limit that is too
//! small looks. IMDSv1 only where [`Config::allow_v1`] says so. A walk decides from the parent's
//! listing what is a directory, never from the body, and reports every node exactly once, as long
//! as a listing does not name it twice. Gets go before nodes of walks.
//!
//! [facts]: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-service.html
//!
//! # Memory
//!
//! | what | whose | bytes |
//! |---|---|---|
//! | window | each lane's, lent | requests are written and answers read there; a head must fit (real ones have 300, legal ones up to 4096), a value need not |
//! | arena | each walk's, lent | directory paths and names still to visit; what does not fit is read again later. 1 KiB walks any tree as wide as it likes and some eight levels deep |
//! | lane without window | inline | 700 |
//! | operation | inline, [`CLIENT_OPS`] of them | 480 |
//! | walk without arena | inline | 1400 |
//! | the rest of a session | inline | 700 |
//! | token | inline | up to [`CLIENT_TOKEN`] in a [`Client`] |
//! | `Client<1, [u8; 2048], [u8; 1024]>` | | below 8 KiB, pinned by a test |
//!
//! Secrets are redacted in Debug, and wiped: tokens when replaced or dropped, windows and typed
//! credentials when dropped.
//!
//! # Features
//!
//! `log` and `defmt` write log lines, both at once if wanted; `std` adds what operating systems'
//! errors mean. None changes what the core does.
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
pub mod flat;
#[cfg(feature = "fuzz")]
#[doc(hidden)]
pub mod fuzz;
mod gather;
pub mod http;
mod lane;
pub mod model;
mod pace;
pub mod path;
mod place;
#[cfg(test)]
mod properties;
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
pub use crate::gather::{Gather, Node};
pub use crate::lane::{Buffer, CloseReason, Lane};
pub use crate::session::{Counters, Session};
pub use crate::time::Instant;
