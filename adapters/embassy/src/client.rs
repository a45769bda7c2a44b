//! The client on a stack.

use core::fmt;

use embedded_io_async::Write;
use embedded_nal_async::TcpConnect;
use imds_core::config::Target;
use imds_core::endpoint::Host;
use imds_core::walk::Options;
use imds_core::{
    CLIENT_TOKEN, Config, Counters, Error, Gather, Lane, Misuse, OpId, Reply, Session, Want,
};

use crate::link::Link;
use crate::output::{GetIntoError, Output, Slice, Writer};
use crate::timer::Timer;
use crate::walk::Walk;

/// A walk, and a get in the middle of it.
const OPS: usize = 2;

/// A client with one connection of a stack.
///
/// `WINDOW` bytes for the connection, `ARENA` bytes for a walk; see [`imds_core`] for what they
/// mean: 2048 and 1024 are sensible.
pub struct Client<'s, S: TcpConnect, T, const WINDOW: usize, const ARENA: usize> {
    pub(crate) session: Session<[u8; ARENA], OPS, 1, CLIENT_TOKEN>,
    pub(crate) lane: Lane<[u8; WINDOW]>,
    pub(crate) link: Link<'s, S>,
    pub(crate) timer: T,
    /// The operation of a future that may be under way, and how it ended.
    get: Option<OpId>,
    got: Option<Result<Reply, Error>>,
    /// The walk under way, and how it ended.
    walk: Option<OpId>,
    pub(crate) walked: Option<Result<Reply, Error>>,
}

impl<'s, S: TcpConnect, T: Timer, const WINDOW: usize, const ARENA: usize>
    Client<'s, S, T, WINDOW, ARENA>
{
    /// A client with these settings. Nothing is sent before the first call.
    ///
    /// Give the settings time: [`Timeouts::WITHOUT_OS`](crate::Timeouts::WITHOUT_OS), where the
    /// stack is none of an operating system.
    ///
    /// # Errors
    /// [`Misuse::HostNameNeedsResolver`]: the endpoint must be an address.
    pub fn new(stack: &'s S, timer: T, config: Config) -> Result<Self, Misuse> {
        if let Target::One(endpoint) = &config.target
            && let Host::Name(_) = endpoint.host()
        {
            return Err(Misuse::HostNameNeedsResolver);
        }
        Ok(Self {
            session: Session::new(config, [[0; ARENA]]),
            lane: Lane::new(0, [0; WINDOW]),
            link: Link::new(stack),
            timer,
            get: None,
            got: None,
            walk: None,
            walked: None,
        })
    }

    /// Reads one value into `memory`, and gives the part of it that holds the value; `None` if
    /// there is no such key.
    ///
    /// # Errors
    /// [`Error`] says whose fault it is. [`TooLarge`](Error::TooLarge), if the value is longer than
    /// `memory`.
    pub async fn get<'m>(
        &mut self,
        path: &str,
        memory: &'m mut [u8],
    ) -> Result<Option<&'m [u8]>, Error> {
        self.fill(Ask::Value, path, memory, None).await
    }

    /// Reads the listing of a directory: one name a line, as the service spells them. `None` if
    /// there is no such directory.
    ///
    /// # Errors
    /// [`Error::NotADirectory`] for a leaf; else as [`get`](Self::get).
    pub async fn list<'m>(
        &mut self,
        path: &str,
        memory: &'m mut [u8],
    ) -> Result<Option<&'m [u8]>, Error> {
        self.fill(Ask::Listing, path, memory, None).await
    }

    /// Reads one value of any size, up to [`Limits::value`](imds_core::config::Limits), into a
    /// writer, chunk by chunk as it arrives. Answers how many bytes it had; `None` if there is no
    /// such key.
    ///
    /// The writer's time counts as the operation's: a slow one wants longer
    /// [`Timeouts::operation`](crate::Timeouts).
    ///
    /// # Errors
    /// [`GetIntoError`] says whose fault it is.
    pub async fn get_into<W: Write>(
        &mut self,
        path: &str,
        writer: &mut W,
    ) -> Result<Option<usize>, GetIntoError<W::Error>> {
        let mut output = Writer { writer, written: 0 };
        let found = self.read(Ask::Value, path, &mut output, None).await?;
        Ok(found.then_some(output.written))
    }

    /// Begins to walk the tree at `path`, whose nodes come from [`Walk::next`], put together in
    /// `memory`: lend it [`Limits::value`](imds_core::config::Limits) bytes, or set that limit to
    /// what there is.
    ///
    /// # Errors
    /// [`Error::Misuse`] for a path that cannot be asked for. What goes wrong later comes from
    /// [`Walk::next`].
    pub fn walk<'c, 'm>(
        &'c mut self,
        path: &str,
        options: Options,
        memory: &'m mut [u8],
    ) -> Result<Walk<'c, 's, 'm, S, T, WINDOW, ARENA>, Error> {
        self.end_get();
        // One that was leaked.
        self.end_walk();
        let op = self.session.walk(self.timer.now(), path, options);
        self.walk = Some(op.map_err(Error::Misuse)?);
        Ok(Walk::new(self, Gather::new(memory)))
    }

    /// What the client has done so far.
    pub const fn counters(&self) -> Counters {
        self.session.counters()
    }

    /// [`read`](Self::read) into memory.
    pub(crate) async fn fill<'m>(
        &mut self,
        ask: Ask,
        path: &str,
        memory: &'m mut [u8],
        gather: Option<&mut Gather<'_>>,
    ) -> Result<Option<&'m [u8]>, Error> {
        let mut output = Slice { memory, len: 0 };
        let found = self.read(ask, path, &mut output, gather).await?;
        let Slice { memory, len } = output;
        Ok(found.then_some(&memory[..len]))
    }

    /// Drives the lane until a get or a listing has ended. What comes of a walk goes to `gather`.
    async fn read<O: Output>(
        &mut self,
        ask: Ask,
        path: &str,
        output: &mut O,
        mut gather: Option<&mut Gather<'_>>,
    ) -> Result<bool, O::Stop> {
        // One that was leaked.
        self.end_get();
        let now = self.timer.now();
        let op = match ask {
            Ask::Value => self.session.get(now, path),
            Ask::Listing => self.session.list(now, path),
        };
        let op = op.map_err(Error::Misuse)?;
        self.get = Some(op);
        if let Some(walk) = self.walk {
            // The lane is wanted here, not for the next node of a walk.
            self.session.pause(walk);
        }
        let reading = Reading(self);
        let client = &mut *reading.0;
        loop {
            let idle = client.turn(Some(op), output, gather.as_deref_mut()).await?;
            if let Some(result) = client.got.take() {
                return Ok(match result? {
                    Reply::Found | Reply::Walked(_) => true,
                    Reply::Absent => false,
                });
            }
            if idle {
                client.nap().await;
            }
        }
    }

    /// Notes what has ended.
    pub(crate) fn hear(&mut self) {
        while let Some((op, result)) = self.session.next_done() {
            if self.get == Some(op) {
                self.got = Some(result);
            } else if self.walk == Some(op) {
                self.walked = Some(result);
            }
        }
    }

    /// Ends the get under way, whatever its state, and leaves the lane free. Its connection is
    /// given up, if it was in the middle of an exchange.
    fn end_get(&mut self) {
        let op = self.get.take();
        self.end(op);
        self.got = None;
        if let Some(walk) = self.walk {
            self.session.resume(walk);
        }
    }

    /// Ends the walk under way.
    pub(crate) fn end_walk(&mut self) {
        let op = self.walk.take();
        self.end(op);
        self.walked = None;
    }

    fn end(&mut self, op: Option<OpId>) {
        self.free_lane();
        let Some(op) = op else { return };
        self.session.cancel(op);
        if !self.lane.is_idle() {
            // It had a node of the operation to report.
            self.session.serve(self.timer.now(), &mut self.lane);
        }
    }

    /// Breaks off the lane's exchange, if there is one; what it was for is open again.
    pub(crate) fn free_lane(&mut self) {
        if !self.lane.is_idle() {
            self.session.abandon(&mut self.lane);
            // What has come to its end may have ended an operation.
            self.hear();
        }
        if self.lane.poll() == Some(Want::Close) {
            self.link.give_up();
            // It wants just that.
            let _ = self.lane.handle(self.timer.now(), imds_core::Event::Closed);
        }
    }
}

/// What is asked for.
pub(crate) enum Ask {
    Value,
    Listing,
}

/// A get under way. However it ends, nothing of it stays.
struct Reading<'a, 's, S: TcpConnect, T: Timer, const WINDOW: usize, const ARENA: usize>(
    &'a mut Client<'s, S, T, WINDOW, ARENA>,
);

impl<S: TcpConnect, T: Timer, const WINDOW: usize, const ARENA: usize> Drop
    for Reading<'_, '_, S, T, WINDOW, ARENA>
{
    fn drop(&mut self) {
        self.0.end_get();
    }
}

impl<S: TcpConnect, T, const WINDOW: usize, const ARENA: usize> fmt::Debug
    for Client<'_, S, T, WINDOW, ARENA>
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("session", &self.session)
            .finish_non_exhaustive()
    }
}
