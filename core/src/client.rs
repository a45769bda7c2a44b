//! What goes back and forth between a driver and the core, and the client that holds a session
//! and its lanes together.

use core::fmt;

use crate::config::{Config, Target};
use crate::endpoint::Endpoint;
use crate::error::{Error, Fault, Misuse, Reason};
use crate::lane::{Buffer, CloseReason, Lane};
use crate::session::Session;
use crate::time::Instant;
use crate::walk::{Options, Summary, Why};

/// Names an operation for as long as it lasts.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct OpId {
    pub(crate) slot: u8,
    pub(crate) generation: u32,
}

/// What a driver is to do for a lane. Answer with an [`Event`].
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Want<'a> {
    /// Nothing, until the deadline or until another lane's event changed something.
    Idle,
    /// Connect to [`Session::route`](crate::Session::route); then `Connected` or `Failed`.
    Connect,
    /// Write these bytes; then `Sent` with how many were taken.
    Send(&'a [u8]),
    /// Read into [`Lane::rx_window`]; then `Received`, `Eof` or `Failed`.
    Receive,
    /// A chunk of a value; then `Taken`.
    Leaf(Leaf<'a>),
    /// A node without a value; then `Taken`.
    Missing(Missing<'a>),
    /// An operation has ended; then `Taken`, and its id is void. Only [`Client`] says this;
    /// with a bare session ask [`Session::next_done`](crate::Session::next_done).
    Done(OpId, Result<Reply, Error>),
    /// Close the connection, or give up making it; then `Closed`. [`Lane::close_reason`] says why.
    Close,
}

impl fmt::Debug for Want<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Idle => f.write_str("Idle"),
            Self::Connect => f.write_str("Connect"),
            // May carry a token.
            Self::Send(bytes) => write!(f, "Send({} bytes)", bytes.len()),
            Self::Receive => f.write_str("Receive"),
            Self::Leaf(leaf) => leaf.fmt(f),
            Self::Missing(missing) => missing.fmt(f),
            Self::Done(op, result) => f.debug_tuple("Done").field(op).field(result).finish(),
            Self::Close => f.write_str("Close"),
        }
    }
}

/// What happened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Event {
    /// The connection to the route's first endpoint stands.
    Connected,
    /// The connection to the route's second endpoint stands.
    ConnectedSecond,
    /// This many of the offered bytes were accepted.
    Sent(usize),
    /// This many bytes were put at the front of the window.
    Received(usize),
    /// The peer will send no more.
    Eof,
    /// The chunk, the missing node or the result was taken.
    Taken,
    /// The connection is closed, or left to close by itself.
    Closed,
    /// The network failed.
    Failed(Fault),
    /// The socket can do nothing now. Time-outs are judged on this event only, so what has
    /// arrived is always read first, however late the driver comes.
    Blocked,
}

/// A chunk of a value.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Leaf<'a> {
    /// The operation it belongs to.
    pub op: OpId,
    /// The node's display path; empty for a get, whose caller has it.
    pub path: &'a str,
    /// Where in the value the chunk lies.
    pub offset: usize,
    /// The bytes. Empty only in an empty value, or at the end of one of unannounced length.
    pub chunk: &'a [u8],
    /// The value ends with this chunk.
    pub last: bool,
    /// Chunks of a broken answer came before: forget them, the value begins anew.
    pub restart: bool,
}

impl fmt::Debug for Leaf<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Leaf")
            .field("op", &self.op)
            .field("path", &self.path)
            .field("offset", &self.offset)
            // May be a secret.
            .field("chunk", &self.chunk.len())
            .field("last", &self.last)
            .field("restart", &self.restart)
            .finish()
    }
}

/// A node of a walk without a value. If chunks of it came before, they are void.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Missing<'a> {
    /// The walk.
    pub op: OpId,
    /// The node's display path; for a bad name, its directory's.
    pub path: &'a str,
    /// The line of the listing that is no name; may be cut.
    pub name: &'a [u8],
    /// Why there is no value.
    pub why: Why,
}

/// The good end of an operation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Reply {
    /// The value was delivered.
    Found,
    /// There is no such key.
    Absent,
    /// The walk is over.
    Walked(Summary),
}

/// Where to connect.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Route {
    /// Here.
    pub first: Endpoint,
    /// And, after a head start of the first or when it failed, beside it here: use whichever
    /// connects. Say which with [`Event::Connected`] or [`Event::ConnectedSecond`].
    pub second: Option<Endpoint>,
}

impl Route {
    /// When the second endpoint has its turn, for those who have one socket and connect to one
    /// after the other: each gets half of the time. (It must also have it at once when the first
    /// has failed.)
    ///
    /// A small stack needs two seconds for both: for one it lets a socket rest whose first
    /// endpoint's neighbour could not be found.
    pub fn turn(since: Instant, until: Instant) -> Instant {
        let all = until.as_micros().saturating_sub(since.as_micros());
        since.plus(all / 2)
    }

    /// Which of both endpoints' faults is told: no way to one family says less than what happened
    /// on the other.
    pub fn fault(first: Fault, second: Fault) -> Fault {
        if first == Fault::Unreachable {
            second
        } else {
            first
        }
    }
}

impl Config {
    pub(crate) fn endpoint(&self, second: bool) -> &Endpoint {
        static IPV4: Endpoint = Endpoint::IPV4;
        static IPV6: Endpoint = Endpoint::IPV6;
        match &self.target {
            Target::One(endpoint) => endpoint,
            Target::Auto if second => &IPV6,
            Target::Auto => &IPV4,
        }
    }
}

/// Operations that a [`Client`] has room for.
pub const CLIENT_OPS: usize = 4;
/// Longest token of a [`Client`], in bytes; EC2's have 56, Firecracker's 48.
pub const CLIENT_TOKEN: usize = 128;

/// A session and its lanes in one value, for one driver: boot images, blocking programs, tests.
///
/// Each of `LANES` connections has a window `W`, and a walk has the arena `A`; they are arrays, or
/// memory that is lent. There is room for `OPS` operations. Lanes are numbered from 0; one whose
/// number is not below `LANES` wants nothing and takes no event.
#[derive(Debug)]
pub struct Client<
    const LANES: usize,
    W: Buffer = [u8; 2048],
    A: Buffer = [u8; 1024],
    const OPS: usize = CLIENT_OPS,
> {
    pub(crate) session: Session<A, OPS, 1, CLIENT_TOKEN>,
    pub(crate) lanes: [Lane<W>; LANES],
    done: Option<(OpId, Result<Reply, Error>)>,
    /// The operation of whose end each lane was told last.
    told: [Option<OpId>; LANES],
}

impl<const LANES: usize, const WINDOW: usize, const ARENA: usize, const OPS: usize>
    Client<LANES, [u8; WINDOW], [u8; ARENA], OPS>
{
    /// A client with these settings, and memory of its own.
    #[inline]
    pub fn new(config: Config) -> Self {
        let session = Session::new(config, [[0; ARENA]]);
        let lane = |id| Lane::new(u8::try_from(id).unwrap_or(u8::MAX), [0; WINDOW]);
        Self::of(session, core::array::from_fn(lane))
    }
}

impl<const LANES: usize, W: Buffer, A: Buffer, const OPS: usize> Client<LANES, W, A, OPS> {
    /// A client with these settings, and this memory. What is moved with a client that has its
    /// memory lent is the rest of it: [`new`](Self::new) puts it all on the stack first.
    #[inline]
    pub fn with_memory(config: Config, windows: [W; LANES], arena: A) -> Self {
        let mut ids = 0..=u8::MAX;
        let lane = |window| Lane::new(ids.next().unwrap_or(u8::MAX), window);
        Self::of(Session::new(config, [arena]), windows.map(lane))
    }

    #[inline]
    const fn of(session: Session<A, OPS, 1, CLIENT_TOKEN>, lanes: [Lane<W>; LANES]) -> Self {
        Self {
            session,
            lanes,
            done: None,
            told: [None; LANES],
        }
    }

    /// Begins to read one value.
    ///
    /// # Errors
    /// [`Misuse`], for a path that cannot be asked for, or too many operations.
    pub fn get(&mut self, now: Instant, path: &str) -> Result<OpId, Misuse> {
        self.session.get(now, path)
    }

    /// Begins to read a listing. The value is the listing's text.
    ///
    /// # Errors
    /// [`Misuse`], for a path that cannot be asked for, or too many operations.
    pub fn list(&mut self, now: Instant, path: &str) -> Result<OpId, Misuse> {
        self.session.list(now, path)
    }

    /// Begins a walk.
    ///
    /// # Errors
    /// [`Misuse`], for a path that cannot be asked for, too many operations, or a second walk.
    pub fn walk(&mut self, now: Instant, path: &str, options: Options) -> Result<OpId, Misuse> {
        self.session.walk(now, path, options)
    }

    /// Ends an operation, at any time. It is not heard of again.
    pub fn cancel(&mut self, op: OpId) {
        if self.done.is_some_and(|(done, _)| done == op) {
            self.done = None;
        }
        self.session.cancel(op);
    }

    /// No lane takes nodes of this walk until [`resume`](Self::resume): for drivers that do not
    /// take leaves at the moment.
    pub fn pause(&mut self, op: OpId) {
        self.session.pause(op);
    }

    /// Undoes [`pause`](Self::pause).
    pub fn resume(&mut self, op: OpId) {
        self.session.resume(op);
    }

    /// Breaks off what lane number `lane` is at, for drivers that lost track of its connection or
    /// need it for something else; it is begun anew later. The lane wants [`Want::Close`] next, if
    /// it has a connection.
    pub fn abandon(&mut self, lane: usize) {
        if let Some(lane) = self.lanes.get_mut(lane) {
            self.session.abandon(lane);
        }
    }

    /// What lane number `lane` wants now. Asking twice gives the same answer.
    pub fn poll(&mut self, now: Instant, lane: usize) -> Want<'_> {
        let has_floor = self.has_floor(lane);
        let (Some(told), Some(lane)) = (self.told.get_mut(lane), self.lanes.get_mut(lane)) else {
            return Want::Idle;
        };
        while self.session.serve(now, lane) && lane.poll().is_none() {}
        if self.done.is_none() {
            self.done = self.session.next_done();
        }
        *told = self.done.map(|(op, _)| op);
        match self.done {
            Some((op, result)) => Want::Done(op, result),
            None => match lane.poll() {
                None => Want::Idle,
                Some(Want::Leaf(_) | Want::Missing(_)) if !has_floor => Want::Idle,
                Some(want) => want,
            },
        }
    }

    /// May this lane offer a leaf or report a node? Not between the first and the last chunk of
    /// another lane's leaf: who takes them may have room for one. (If that leaf breaks it begins
    /// anew, so the floor is free then.)
    pub(crate) fn has_floor(&self, lane: usize) -> bool {
        let mut lanes = self.lanes.iter().enumerate();
        lanes.all(|(other, state)| other == lane || !state.is_mid_leaf())
    }

    /// Where lane number `lane` is to put received bytes.
    pub fn rx_window(&mut self, lane: usize) -> &mut [u8] {
        let lane = self.lanes.get_mut(lane);
        lane.map(Lane::rx_window).unwrap_or_default()
    }

    /// Tells lane number `lane` what happened. Poll all lanes after it: other lanes' answers may
    /// have changed.
    ///
    /// # Errors
    /// [`Misuse`], if the event does not answer what the lane wanted. Nothing has changed then. So
    /// it is too with [`Event::Taken`] if a chunk of another lane's leaf was taken since this one's
    /// was offered, and that leaf is not at its end: poll again.
    pub fn handle(&mut self, now: Instant, lane: usize, event: Event) -> Result<(), Misuse> {
        if matches!(event, Event::Taken)
            && let Some(op) = self.told.get_mut(lane).and_then(Option::take)
        {
            // Another lane's driver may have taken it already.
            self.done = self.done.filter(|(done, _)| *done != op);
            return Ok(());
        }
        if matches!(event, Event::Taken) && !self.has_floor(lane) {
            return Err(Misuse::OutOfOrder);
        }
        let lane = self.lanes.get_mut(lane).ok_or(Misuse::OutOfOrder)?;
        lane.handle(now, event)?;
        // Conclusions are drawn here, so that one round of polls after it sees them all.
        while self.session.serve(now, lane) && lane.poll().is_none() {}
        Ok(())
    }

    /// The next operation that has ended; its id is void then. For drivers that use
    /// [`drive`](Self::drive): [`poll`](Self::poll) tells it as [`Want::Done`].
    pub fn next_done(&mut self) -> Option<(OpId, Result<Reply, Error>)> {
        self.done.take().or_else(|| self.session.next_done())
    }

    /// When to poll lane number `lane` again even if nothing happens, and why. It is polling that
    /// does the work: ask after it.
    pub fn deadline(&self, lane: usize) -> Option<(Instant, Reason)> {
        self.session.deadline(self.lanes.get(lane)?)
    }

    /// Why lane number `lane` wants [`Want::Close`]; `None` if it does not.
    pub fn close_reason(&self, lane: usize) -> Option<CloseReason> {
        self.lanes.get(lane)?.close_reason()
    }

    /// Where to connect.
    pub fn route(&self) -> Route {
        self.session.route()
    }

    /// The session, for its settings and counters.
    pub const fn session(&self) -> &Session<A, OPS, 1, CLIENT_TOKEN> {
        &self.session
    }

    /// Number of lanes.
    pub const fn lanes(&self) -> usize {
        LANES
    }
}
