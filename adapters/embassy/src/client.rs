//! Operations, whatever moves the bytes.

use core::fmt;

use embedded_io_async::Write;
use imds_core::config::Target;
use imds_core::drive::Sink;
use imds_core::endpoint::Host;
use imds_core::walk::{Options, Summary};
use imds_core::{Config, Counters, Error, Gather, Misuse, OpId, Reply};

use crate::memory::Memory;
use crate::output::{GetIntoError, Nothing, Output, Slice, Writer};
use crate::transport::{Core, Done, Takes, Transport};
use crate::walk::Walk;

/// A client with `LANES` connections, whose bytes a transport moves: [`nal::Client`] or, with the
/// feature `embassy-net`, `net::Client`.
///
/// [`nal::Client`]: crate::nal::Client
pub struct Client<'m, T, const LANES: usize> {
    pub(crate) core: Core<'m, LANES>,
    pub(crate) transport: T,
    /// The operation of a future that may be under way, and how it ended.
    get: Option<OpId>,
    got: Option<Result<Reply, Error>>,
    /// The walk under way, and how it ended.
    walk: Option<OpId>,
    walked: Option<Result<Reply, Error>>,
}

impl<'m, T, const LANES: usize> Client<'m, T, LANES> {
    pub(crate) fn over<const WINDOW: usize, const ARENA: usize>(
        transport: T,
        memory: &'m mut Memory<LANES, WINDOW, ARENA>,
        config: Config,
    ) -> Result<Self, Misuse> {
        if let Target::One(endpoint) = &config.target
            && let Host::Name(_) = endpoint.host()
        {
            return Err(Misuse::HostNameNeedsResolver);
        }
        let windows = memory.windows.each_mut().map(|window| &mut window[..]);
        Ok(Self {
            core: Core::with_memory(config, windows, &mut memory.arena),
            transport,
            get: None,
            got: None,
            walk: None,
            walked: None,
        })
    }

    /// What the client has done so far.
    pub const fn counters(&self) -> Counters {
        self.core.session().counters()
    }

    /// Notes what has ended.
    fn note(&mut self, done: Option<Done>) {
        if let Some((op, result)) = done {
            if self.get == Some(op) {
                self.got = Some(result);
            } else if self.walk == Some(op) {
                self.walked = Some(result);
            }
        }
    }
}

impl<'m, T: Transport<LANES>, const LANES: usize> Client<'m, T, LANES> {
    /// Reads one value into `memory`, and gives the part of it that holds the value; `None` if
    /// there is no such key.
    ///
    /// # Errors
    /// [`Error`] says whose fault it is. [`TooLarge`](Error::TooLarge), if the value is longer than
    /// `memory`.
    pub async fn get<'b>(
        &mut self,
        path: &str,
        memory: &'b mut [u8],
    ) -> Result<Option<&'b [u8]>, Error> {
        self.fill(Ask::Value, path, memory, &mut Takes(true)).await
    }

    /// Reads the listing of a directory: one name a line, as the service spells them. `None` if
    /// there is no such directory.
    ///
    /// # Errors
    /// [`Error::NotADirectory`] for a leaf; else as [`get`](Self::get).
    pub async fn list<'b>(
        &mut self,
        path: &str,
        memory: &'b mut [u8],
    ) -> Result<Option<&'b [u8]>, Error> {
        self.fill(Ask::Listing, path, memory, &mut Takes(true))
            .await
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
        let found = self
            .read(Ask::Value, path, &mut output, &mut Takes(true))
            .await?;
        Ok(found.then_some(output.written))
    }

    /// Begins to walk the tree at `path`, whose nodes come from [`Walk::next`], put together in
    /// `memory`: lend it [`Limits::value`](imds_core::config::Limits) bytes, or set that limit to
    /// what there is.
    ///
    /// # Errors
    /// [`Error::Misuse`] for a path that cannot be asked for. What goes wrong later comes from
    /// [`Walk::next`].
    pub fn walk<'c, 'b>(
        &'c mut self,
        path: &str,
        options: Options,
        memory: &'b mut [u8],
    ) -> Result<Walk<'c, 'm, 'b, T, LANES>, Error> {
        self.start_walk(path, options)?;
        Ok(Walk::new(self, Gather::new(memory)))
    }

    /// Walks the tree at `path`, and gives chunks of values and missing nodes to `sink` as they
    /// arrive: no memory is needed for a value. A sink that refuses is asked again within a
    /// millisecond.
    ///
    /// If the future is dropped, the walk ends.
    ///
    /// # Errors
    /// [`Error`], if the walk ended with it. A node that could not be read is no error, but
    /// [`Sink::missing`].
    pub async fn walk_into(
        &mut self,
        path: &str,
        options: Options,
        sink: &mut impl Sink,
    ) -> Result<Summary, Error> {
        self.start_walk(path, options)?;
        let walking = Walking(self);
        loop {
            if let Some(result) = walking.0.walk_result() {
                return result;
            }
            walking.0.advance_walk(sink).await?;
        }
    }

    fn start_walk(&mut self, path: &str, options: Options) -> Result<(), Error> {
        // One that was leaked.
        self.end_get();
        self.end_walk();
        let op = self.core.walk(self.transport.now(), path, options);
        self.walk = Some(op.map_err(Error::Misuse)?);
        Ok(())
    }

    /// How the walk ended, if it has; told once.
    pub(crate) fn walk_result(&mut self) -> Option<Result<Summary, Error>> {
        Some(self.walked.take()?.map(|reply| match reply {
            Reply::Walked(summary) => summary,
            Reply::Found | Reply::Absent => Summary::default(),
        }))
    }

    /// Lets the walk go on. The future may be dropped: no node is lost.
    pub(crate) async fn advance_walk(&mut self, sink: &mut dyn Sink) -> Result<(), Error> {
        if self.get.is_some() {
            // One that was leaked: the walk is paused for it, and its value is no node.
            self.end_get();
        }
        let mut step = Step {
            client: self,
            whole: false,
        };
        let Self {
            core, transport, ..
        } = &mut *step.client;
        let done = transport.advance(core, None, &mut Nothing, sink).await?;
        step.whole = true;
        step.client.note(done);
        Ok(())
    }

    /// [`read`](Self::read) into memory.
    pub(crate) async fn fill<'b>(
        &mut self,
        ask: Ask,
        path: &str,
        memory: &'b mut [u8],
        sink: &mut dyn Sink,
    ) -> Result<Option<&'b [u8]>, Error> {
        let mut output = Slice { memory, len: 0 };
        let found = self.read(ask, path, &mut output, sink).await?;
        let Slice { memory, len } = output;
        Ok(found.then_some(&memory[..len]))
    }

    /// Drives the lanes until a get or a listing has ended. What comes of a walk goes to `sink`.
    async fn read<O: Output>(
        &mut self,
        ask: Ask,
        path: &str,
        output: &mut O,
        sink: &mut dyn Sink,
    ) -> Result<bool, O::Stop> {
        // One that was leaked.
        self.end_get();
        let now = self.transport.now();
        let op = match ask {
            Ask::Value => self.core.get(now, path),
            Ask::Listing => self.core.list(now, path),
        };
        let op = op.map_err(Error::Misuse)?;
        self.get = Some(op);
        if let Some(walk) = self.walk {
            // The lanes are wanted here, not for the next node of a walk.
            self.core.pause(walk);
        }
        let reading = Reading(self);
        let client = &mut *reading.0;
        loop {
            let Self {
                core, transport, ..
            } = client;
            let done = transport.advance(core, Some(op), output, sink).await?;
            client.note(done);
            if let Some(result) = client.got.take() {
                return Ok(match result? {
                    Reply::Found | Reply::Walked(_) => true,
                    Reply::Absent => false,
                });
            }
        }
    }

    /// Ends the get under way, whatever its state.
    fn end_get(&mut self) {
        let op = self.get.take();
        self.end(op);
        self.got = None;
        if let Some(walk) = self.walk {
            self.core.resume(walk);
        }
    }

    /// Ends the walk under way.
    pub(crate) fn end_walk(&mut self) {
        let op = self.walk.take();
        self.end(op);
        self.walked = None;
    }

    fn end(&mut self, op: Option<OpId>) {
        if let Some(op) = op {
            self.broken_off();
            self.core.cancel(op);
            self.transport.settle(&mut self.core);
        }
    }

    /// A future of the transport may have been dropped.
    fn broken_off(&mut self) {
        self.transport.broken_off(&mut self.core);
        // What has come to its end may have ended an operation.
        while let Some(done) = self.core.next_done() {
            self.note(Some(done));
        }
    }
}

/// What is asked for.
pub(crate) enum Ask {
    Value,
    Listing,
}

/// A get under way. However it ends, nothing of it stays.
struct Reading<'a, 'm, T: Transport<LANES>, const LANES: usize>(&'a mut Client<'m, T, LANES>);

impl<T: Transport<LANES>, const LANES: usize> Drop for Reading<'_, '_, T, LANES> {
    fn drop(&mut self) {
        self.0.end_get();
    }
}

/// A walk under way, whose nodes are pushed.
struct Walking<'a, 'm, T: Transport<LANES>, const LANES: usize>(&'a mut Client<'m, T, LANES>);

impl<T: Transport<LANES>, const LANES: usize> Drop for Walking<'_, '_, T, LANES> {
    fn drop(&mut self) {
        self.0.end_walk();
    }
}

/// A part of a walk, which may be dropped before it was whole.
struct Step<'a, 'm, T: Transport<LANES>, const LANES: usize> {
    client: &'a mut Client<'m, T, LANES>,
    whole: bool,
}

impl<T: Transport<LANES>, const LANES: usize> Drop for Step<'_, '_, T, LANES> {
    fn drop(&mut self) {
        if !self.whole {
            self.client.broken_off();
        }
    }
}

impl<T, const LANES: usize> fmt::Debug for Client<'_, T, LANES> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("session", self.core.session())
            .finish_non_exhaustive()
    }
}
