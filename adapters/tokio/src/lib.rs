//! EC2 instance metadata for tokio: one token and a few connections, shared by many tasks.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let server = imds_mock::server::Server::start(imds_mock::Mock::new(imds_mock::Profile::Ec2)).await?;
//! # let url = server.url();
//! use imds_tokio::{Client, Config, Node, Options};
//! use imds_core::{Endpoint, config::Target};
//!
//! // `Client::default()` is right on an instance; this is a test server.
//! let config = Config::new(Target::One(Endpoint::parse(&url)?));
//! let client = Client::builder().config(config).build();
//! let id = client.get_str("/latest/meta-data/instance-id").await?;
//! assert!(id.is_some_and(|id| id.starts_with("i-")));
//!
//! let mut walk = client.walk("/latest/meta-data/placement/", Options::default());
//! while let Some(node) = walk.next().await {
//!     if let Node::Leaf { path, value } = node? {
//!         println!("{path} has {} bytes", value.len());
//!     }
//! }
//! # Ok(()) }
//! ```
//!
//! Any call may be dropped at any await: whatever it was doing for others goes on in their
//! hands. A client never uses an HTTP proxy.

mod builder;
mod clock;
mod connect;
mod idle;
#[cfg(test)]
mod interleavings;
mod pool;
mod socket;
mod task;
mod threads;
mod walk;

use core::fmt;
use core::future::poll_fn;
use std::sync::Arc;

pub use imds_core::model::IdentityDocument;
pub use imds_core::walk::Options;
pub use imds_core::{Config, Error};
use imds_core::{Counters, Misuse, OpId, Reply};
pub use imds_os::{Credentials, MAX_TOKEN, Node, ReadError};
use imds_os::{documents, entries};

pub use crate::builder::{Builder, MAX_LANES};
pub use crate::connect::Stream;
use crate::pool::{Pool, State};
use crate::task::Task;
pub use crate::walk::Walk;

/// A client. Clones share its token and its connections.
#[derive(Clone)]
pub struct Client {
    pool: Arc<Pool>,
    lanes: usize,
}

impl Default for Client {
    fn default() -> Self {
        Self::builder().build()
    }
}

impl Client {
    /// To make a client with other settings than the defaults.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Reads one value; `None` if there is no such key.
    ///
    /// # Errors
    /// [`Error`] says whose fault it is.
    pub async fn get(&self, path: &str) -> Result<Option<Vec<u8>>, Error> {
        self.read(|state, now| state.session.get(now, path)).await
    }

    /// Reads one value as text.
    ///
    /// # Errors
    /// [`NotUtf8`](imds_core::Peer::NotUtf8), if it is none; else as [`get`](Self::get).
    pub async fn get_str(&self, path: &str) -> Result<Option<String>, Error> {
        self.get(path).await?.map(documents::text).transpose()
    }

    /// The region, from its own key or, on old instances, from the identity document.
    ///
    /// # Errors
    /// [`ReadError`] says whose fault it is.
    pub async fn region(&self) -> Result<Option<String>, ReadError> {
        if let Some(region) = self.get_str(documents::REGION).await? {
            return Ok(Some(region));
        }
        let document = self.identity_document().await?;
        Ok(document.and_then(|d| d.region.map(|r| r.as_str().to_owned())))
    }

    /// The instance identity document, unverified.
    ///
    /// # Errors
    /// [`ReadError`] says whose fault it is.
    pub async fn identity_document(&self) -> Result<Option<IdentityDocument>, ReadError> {
        match self.get(documents::IDENTITY).await? {
            Some(body) => Ok(Some(documents::identity(&body)?)),
            None => Ok(None),
        }
    }

    /// The credentials of the instance's role; `None` if it has none.
    ///
    /// # Errors
    /// [`ReadError`] says whose fault it is. A document that says that the role cannot be
    /// assumed is [`NotSuccess`](imds_core::model::DocumentError::NotSuccess).
    pub async fn credentials(&self) -> Result<Option<Credentials>, ReadError> {
        let roles = self.get(documents::ROLES).await?;
        let Some(path) = roles.and_then(|listing| documents::role_path(&listing)) else {
            return Ok(None);
        };
        match self.get(&path).await? {
            Some(body) => Ok(Some(documents::credentials(body)?)),
            None => Ok(None),
        }
    }

    /// Reads the names in a directory, as its listing spells them: most directories among them end
    /// with `/`, those of `/latest/` and `public-keys/` do not. `None` if there is no such directory.
    ///
    /// # Errors
    /// [`Error::NotADirectory`] for a leaf; else as [`get`](Self::get).
    pub async fn list(&self, path: &str) -> Result<Option<Vec<String>>, Error> {
        let listing = self
            .read(|state, now| state.session.list(now, path))
            .await?;
        Ok(listing.map(|listing| entries(path, listing)))
    }

    /// Walks the tree at `path` over all lanes that are free.
    ///
    /// Up to four walks at a time; one more ends at once with
    /// [`TooManyWalks`](Misuse::TooManyWalks).
    pub fn walk(&self, path: impl Into<String>, options: Options) -> Walk {
        Walk::new(Arc::clone(&self.pool), path.into(), options, self.lanes)
    }

    /// What happened so far.
    pub fn counters(&self) -> Counters {
        self.pool.lock().session.counters()
    }

    async fn read(
        &self,
        start: impl FnOnce(&mut State, imds_core::Instant) -> Result<OpId, Misuse>,
    ) -> Result<Option<Vec<u8>>, Error> {
        let mut task = Task::begin(&self.pool, 1, start).await?;
        let op = task.op;
        let (result, value) = poll_fn(|cx| {
            task.poll(cx, |state| {
                let result = state.gather.result(op)?;
                Some((result, state.gather.take_value(op)))
            })
        })
        .await;
        Ok(match result? {
            Reply::Found | Reply::Walked(_) => Some(value),
            Reply::Absent => None,
        })
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("lanes", &self.lanes)
            .finish_non_exhaustive()
    }
}
