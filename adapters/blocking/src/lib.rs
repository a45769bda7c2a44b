//! EC2 instance metadata over blocking sockets: one connection, no runtime, no thread.
//!
//! For one-shot commands, initramfs tools, and programs that read metadata once at start.
//!
//! ```
//! # let server = imds_mock::server::spawn(imds_mock::Mock::new(imds_mock::Profile::Ec2))?;
//! # let url = server.url();
//! use imds_blocking::{Client, Config};
//! use imds_core::config::Target;
//! use imds_core::Endpoint;
//!
//! // `Config::default()` is right on an instance; this is a test server.
//! let mut client = Client::new(Config::new(Target::One(Endpoint::parse(&url)?)));
//! let id = client.get("/latest/meta-data/instance-id")?.expect("every instance has one");
//! assert!(id.starts_with(b"i-"));
//! assert_eq!(client.get("/latest/meta-data/spot/instance-action")?, None);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod socket;

use core::time::Duration;

use imds_core::drive::{self, Step};
pub use imds_core::model::IdentityDocument;
pub use imds_core::walk::Options;
pub use imds_core::{Config, Error};
use imds_core::{Counters, Lane, Leaf, Missing, OpId, Reply, Session};
use imds_os::{Clock, Gather, MAX_TOKEN, documents, entries, random_seed};
pub use imds_os::{Credentials, Dial, Node, ReadError};

use crate::socket::Socket;

/// A window that holds most answers whole.
const WINDOW: usize = 16 * 1024;
const ARENA: usize = 32 * 1024;
/// Between two looks at a session that names no deadline. With one lane it always does.
const SHORTEST_NAP: Duration = Duration::from_millis(1);

/// A client with one connection.
#[derive(Debug)]
pub struct Client {
    session: Session<Box<[u8]>, 2, 1, MAX_TOKEN>,
    lane: Lane<Box<[u8]>>,
    socket: Socket,
    gather: Gather,
    clock: Clock,
    /// A walk that is under way.
    walking: Option<OpId>,
}

impl Client {
    /// A client with these settings. Nothing is sent before the first call.
    pub fn new(config: Config) -> Self {
        Self::with_dial(config, Dial::default())
    }

    /// A client whose connections come from a given address or interface.
    pub fn with_dial(mut config: Config, dial: Dial) -> Self {
        if config.seed == 0 {
            config.seed = random_seed();
        }
        let clock = Clock::start();
        Self {
            session: Session::new(config, [vec![0; ARENA].into_boxed_slice()]),
            lane: Lane::new(0, vec![0; WINDOW].into_boxed_slice()),
            socket: Socket::new(clock, dial),
            gather: Gather::default(),
            clock,
            walking: None,
        }
    }

    /// Reads one value; `None` if there is no such key.
    ///
    /// # Errors
    /// [`Error`] says whose fault it is.
    pub fn get(&mut self, path: &str) -> Result<Option<Vec<u8>>, Error> {
        let op = self.session.get(self.clock.now(), path);
        self.read(op.map_err(Error::Misuse)?)
    }

    /// Reads the names in a directory, as its listing spells them: most directories among them end
    /// with `/`, those of `/latest/` and `public-keys/` do not. `None` if there is no such directory.
    ///
    /// # Errors
    /// [`Error::NotADirectory`] for a leaf; else as [`get`](Self::get).
    pub fn list(&mut self, path: &str) -> Result<Option<Vec<String>>, Error> {
        let op = self.session.list(self.clock.now(), path);
        let listing = self.read(op.map_err(Error::Misuse)?)?;
        Ok(listing.map(|listing| entries(path, listing)))
    }

    /// Reads one value as text.
    ///
    /// # Errors
    /// [`NotUtf8`](imds_core::Peer::NotUtf8), if it is none; else as [`get`](Self::get).
    pub fn get_str(&mut self, path: &str) -> Result<Option<String>, Error> {
        self.get(path)?.map(documents::text).transpose()
    }

    /// The region, from its own key or, on old instances, from the identity document.
    ///
    /// # Errors
    /// [`ReadError`] says whose fault it is.
    pub fn region(&mut self) -> Result<Option<String>, ReadError> {
        if let Some(region) = self.get_str(documents::REGION)? {
            return Ok(Some(region));
        }
        let document = self.identity_document()?;
        Ok(document.and_then(|d| d.region.map(|r| r.as_str().to_owned())))
    }

    /// The instance identity document, unverified.
    ///
    /// # Errors
    /// [`ReadError`] says whose fault it is.
    pub fn identity_document(&mut self) -> Result<Option<IdentityDocument>, ReadError> {
        match self.get(documents::IDENTITY)? {
            Some(body) => Ok(Some(documents::identity(&body)?)),
            None => Ok(None),
        }
    }

    /// The credentials of the instance's role; `None` if it has none.
    ///
    /// # Errors
    /// [`ReadError`] says whose fault it is. A document that says that the role cannot be
    /// assumed is [`NotSuccess`](imds_core::model::DocumentError::NotSuccess).
    pub fn credentials(&mut self) -> Result<Option<Credentials>, ReadError> {
        let roles = self.get(documents::ROLES)?;
        let Some(path) = roles.and_then(|listing| documents::role_path(&listing)) else {
            return Ok(None);
        };
        match self.get(&path)? {
            Some(body) => Ok(Some(documents::credentials(body)?)),
            None => Ok(None),
        }
    }

    /// Walks the tree at `path`.
    ///
    /// # Errors
    /// [`Error::Misuse`] for a path that cannot be asked for. What goes wrong later comes from
    /// [`Walk::next`].
    pub fn walk(&mut self, path: &str, options: Options) -> Result<Walk<'_>, Error> {
        let op = self
            .session
            .walk(self.clock.now(), path, options)
            .map_err(Error::Misuse)?;
        self.gather.begin(op, ());
        self.walking = Some(op);
        Ok(Walk { client: self, op })
    }

    /// What happened so far.
    pub fn counters(&self) -> Counters {
        self.session.counters()
    }

    fn read(&mut self, op: OpId) -> Result<Option<Vec<u8>>, Error> {
        self.gather.begin(op, ());
        if !self.lane.is_idle() {
            // What a get whose time ran out has left on the lane is dropped first.
            self.session.serve(self.clock.now(), &mut self.lane);
        }
        self.socket.limit = self.session.op_deadline(op);
        // The lane is wanted here, not for the next node of a walk.
        if let Some(walk) = self.walking {
            self.session.pause(walk);
        }
        let result = loop {
            if let Some(result) = self.gather.result(op) {
                break result;
            }
            if let Err(error) = self.turn() {
                break Err(error);
            }
        };
        self.socket.limit = None;
        let value = self.gather.take_value(op);
        self.gather.forget(op);
        if let Some(walk) = self.walking {
            self.session.resume(walk);
        }
        Ok(match result? {
            Reply::Found | Reply::Walked(_) => Some(value),
            Reply::Absent => None,
        })
    }

    /// Does one thing, or sleeps until there is one.
    fn turn(&mut self) -> Result<(), Error> {
        let clock = self.clock;
        let step = drive::step(
            || clock.now(),
            &mut self.session,
            &mut self.lane,
            &mut self.socket,
            &mut Taker(&mut self.gather),
        )
        .map_err(Error::Misuse)?;
        while let Some((op, result)) = self.session.next_done() {
            self.gather.end(op, result);
        }
        if step == Step::Idle {
            // A pause before another attempt, or for the pace.
            let wait = self
                .session
                .deadline(&self.lane)
                .map_or(SHORTEST_NAP, |(at, _)| at.saturating_since(clock.now()));
            std::thread::sleep(wait);
        }
        Ok(())
    }
}

/// A walk under way. Dropping it ends the walk; the client stays usable.
#[derive(Debug)]
pub struct Walk<'a> {
    client: &'a mut Client,
    op: OpId,
}

impl Walk<'_> {
    /// The client, to read something else in between.
    pub fn client(&mut self) -> &mut Client {
        self.client
    }
}

impl Iterator for Walk<'_> {
    type Item = Result<Node, Error>;

    /// The next node. An error ends the walk: nothing more can be read. A node that could not
    /// be read is no error, but [`Node::Missing`].
    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(node) = self.client.gather.take_node(self.op) {
                return Some(Ok(node));
            }
            match self.client.gather.result(self.op) {
                Some(Ok(_)) => return None,
                Some(Err(error)) => {
                    // Told once.
                    self.client.gather.forget(self.op);
                    self.client.walking = None;
                    return Some(Err(error));
                }
                None => {}
            }
            if self.client.walking != Some(self.op) {
                return None;
            }
            if let Err(error) = self.client.turn() {
                self.client.walking = None;
                return Some(Err(error));
            }
        }
    }
}

impl Drop for Walk<'_> {
    fn drop(&mut self) {
        self.client.session.cancel(self.op);
        self.client.gather.forget(self.op);
        self.client.walking = None;
    }
}

struct Taker<'a>(&'a mut Gather);

impl drive::Sink for Taker<'_> {
    fn leaf(&mut self, leaf: &Leaf<'_>) -> bool {
        self.0.leaf(leaf);
        true
    }

    fn missing(&mut self, missing: &Missing<'_>) -> bool {
        self.0.missing(missing);
        true
    }
}
