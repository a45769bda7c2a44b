//! One connection, one exchange.
//!
//! A lane moves bytes between a socket and its window and needs nobody while it does. Between
//! exchanges, at the head of an answer, and when lines of a listing are ready it *wants the
//! session*: [`Lane::poll`] answers `None` then.
//!
//! ```text
//!            work             Connected            request written
//!   Idle ---------> Connecting --------> Connected ---------> Sending ---> Receiving
//!    ^                                       ^ (a kept connection)             |
//!    |                                                                         v
//!  Ended <--- Offering <---+--- Body <--------- session chooses a sink ------ Head
//!    ^        Lines <------+
//!    +-- any fault, time-out or refused byte, from every state
//! ```

mod answer;
mod state;

use core::fmt;
use core::ops::Range;

use zeroize::Zeroize;

pub use self::state::CloseReason;
pub(crate) use self::state::{Conn, Job, Node, Sink, State, Verdict};
use crate::client::{Event, Leaf, Missing, OpId, Want};
use crate::config::Timeouts;
use crate::error::{Error, Fault, Misuse, Phase, Reason};
use crate::http::Reader;
use crate::place::part;
use crate::retry::Exchange;
use crate::time::Instant;

/// Memory that a lane or a session works in.
pub trait Buffer: AsRef<[u8]> + AsMut<[u8]> {}
impl<T: AsRef<[u8]> + AsMut<[u8]>> Buffer for T {}

/// One TCP connection with its window, and one exchange on it.
///
/// `B` is the window: requests are written there and answers read there. A head must fit in it;
/// a value need not. 2 KiB is a sensible least, [`http::MAX_HEAD`](crate::http::MAX_HEAD) and
/// above lets every legal head in. It is wiped when the lane is dropped.
pub struct Lane<B: Buffer> {
    pub(crate) id: u8,
    window: B,
    pub(crate) conn: Conn,
    pub(crate) state: State,
    /// What the exchange is for.
    pub(crate) job: Job,
    /// A node of a walk that this lane has taken; it stays through retries, while the lane may
    /// do other work.
    pub(crate) node: Option<Node>,
    /// Verdict on the head, for when the rest of the answer is out of the way.
    pub(crate) verdict: Verdict,
    reader: Reader,
    sink: Sink,
    /// Payload of the body, undelivered.
    payload: Range<usize>,
    /// Bytes as received, behind the payload.
    raw: Range<usize>,
    eof: bool,
    /// The exchange goes over a connection that served another one before.
    pub(crate) reused: bool,
    /// The connection goes to the second of the two default endpoints.
    pub(crate) second: bool,
    /// The session let the leaf in `Offering` be offered.
    pub(crate) cleared: bool,
    /// An earlier answer's chunks of this leaf were taken.
    pub(crate) restart: bool,
    /// Bytes of the leaf that were taken from this answer.
    offset: usize,
    /// Bytes of payload this answer may still have.
    allowance: usize,
    /// No line of this listing was looked at.
    pub(crate) first_lines: bool,
    /// A line of a listing is being skipped because it is too long.
    pub(crate) skipping_line: bool,
    deadline: Option<(Instant, Reason)>,
    timeouts: Timeouts,
    /// The latest instant seen.
    now: Instant,
    /// The session's count of refused connections when it last served the lane.
    pub(crate) crowded: u8,
}

impl<B: Buffer> Lane<B> {
    /// A lane with its window. `id` tells the lanes of a session apart.
    #[inline]
    pub fn new(id: u8, window: B) -> Self {
        Self {
            id,
            window,
            conn: Conn::Closed,
            state: State::Idle,
            job: Job::None,
            node: None,
            verdict: Verdict::NONE,
            reader: Reader::new(false),
            sink: Sink::Drain,
            payload: 0..0,
            raw: 0..0,
            eof: false,
            reused: false,
            second: false,
            cleared: false,
            restart: false,
            offset: 0,
            allowance: 0,
            first_lines: false,
            skipping_line: false,
            deadline: None,
            timeouts: Timeouts::NONE,
            now: Instant::ZERO,
            crowded: 0,
        }
    }

    /// What the lane wants, or `None` if the session has to be asked
    /// ([`Session::serve`](crate::Session::serve)). Level-triggered: asking twice gives the same.
    pub fn poll(&self) -> Option<Want<'_>> {
        match self.state {
            State::Idle | State::Connecting if self.close_reason().is_some() => Some(Want::Close),
            State::Connecting => Some(Want::Connect),
            State::Sending { sent, len } => Some(Want::Send(part(self.window(), sent..len))),
            State::Receiving => Some(Want::Receive),
            State::Offering { last } if self.cleared => Some(Want::Leaf(Leaf {
                op: self.op()?,
                path: self.path(),
                offset: self.offset,
                chunk: self.payload(),
                last,
                restart: self.restart && self.offset == 0,
            })),
            State::BadLine { why, line, .. } => Some(Want::Missing(Missing {
                op: self.op()?,
                path: self.path(),
                name: part(self.payload(), ..line),
                why,
            })),
            State::Report(why) => Some(Want::Missing(Missing {
                op: self.node.as_ref()?.op,
                path: self.path(),
                name: b"",
                why,
            })),
            State::Idle
            | State::Connected
            | State::Head(_)
            | State::Offering { .. }
            | State::Lines { .. }
            | State::Ended(_) => None,
        }
    }

    /// Where the driver puts received bytes while the lane wants [`Want::Receive`]. Never empty
    /// then. On an idle lane it is room for a byte nobody asked for.
    pub fn rx_window(&mut self) -> &mut [u8] {
        let start = if matches!(self.state, State::Receiving) {
            self.raw.end
        } else {
            0
        };
        self.window.as_mut().get_mut(start..).unwrap_or_default()
    }

    /// What happened on the socket, or to what was offered.
    ///
    /// # Errors
    /// [`Misuse`], if the event does not answer what `poll` wanted. The lane is unchanged then.
    pub fn handle(&mut self, now: Instant, event: Event) -> Result<(), Misuse> {
        self.see(now);
        let now = self.now;
        match (self.state, event) {
            // A kept connection that the server closed, or spoke on out of turn.
            (State::Idle, Event::Eof | Event::Failed(_)) if matches!(self.conn, Conn::Open) => {
                self.spend(CloseReason::Ended);
            }
            (State::Idle, Event::Received(_)) if matches!(self.conn, Conn::Open) => {
                self.spend(CloseReason::Unsolicited);
            }
            (State::Idle | State::Connecting, Event::Closed) if self.close_reason().is_some() => {
                self.conn = Conn::Closed;
            }
            (State::Connecting, Event::Connected | Event::ConnectedSecond)
                if matches!(self.conn, Conn::Closed) =>
            {
                self.second |= matches!(event, Event::ConnectedSecond);
                self.conn = Conn::Open;
                self.state = State::Connected;
                self.deadline = None;
            }
            (State::Sending { sent, len }, Event::Sent(n)) => {
                if n > len - sent {
                    return Err(Misuse::TooManyBytes);
                }
                if sent + n < len {
                    self.state = State::Sending {
                        sent: sent + n,
                        len,
                    };
                } else {
                    self.begin_answer();
                }
            }
            (State::Receiving, Event::Received(n)) => {
                if n > self.window().len() - self.raw.end {
                    return Err(Misuse::TooManyBytes);
                }
                if n > 0 {
                    self.raw.end += n;
                    self.deadline = Some((now + self.timeouts.body_idle, Reason::BodyIdle));
                    self.advance();
                }
            }
            (State::Receiving, Event::Eof) => {
                self.eof = true;
                if self.silent() {
                    self.fail(Error::Transport(self.phase(), Fault::Closed));
                } else {
                    self.advance();
                }
            }
            (State::Offering { last }, Event::Taken) if self.cleared => {
                self.offset += self.payload.len();
                self.payload.start = self.payload.end;
                if last {
                    self.end(Ok(()));
                } else {
                    self.read_on(now);
                }
            }
            (State::BadLine { used, last, .. }, Event::Taken) => {
                self.consume(used);
                self.state = State::Lines { last };
            }
            (State::Report(_), Event::Taken) => self.state = State::Ended(Ok(())),
            (
                State::Connecting | State::Sending { .. } | State::Receiving,
                Event::Failed(fault),
            ) if self.close_reason().is_none() || matches!(self.state, State::Receiving) => {
                self.fail(Error::Transport(self.phase(), fault));
            }
            (State::Sending { .. }, Event::Eof) => {
                self.fail(Error::Transport(self.phase(), Fault::Closed));
            }
            // Only a phase that waits for the server can run out of time.
            (State::Connecting | State::Sending { .. } | State::Receiving, Event::Blocked) => {
                if let Some((_, reason)) = self.deadline.filter(|(at, _)| *at <= now) {
                    self.fail(Error::Timeout(reason));
                }
            }
            (_, Event::Blocked) => {}
            _ => return Err(Misuse::OutOfOrder),
        }
        Ok(())
    }

    /// When the exchange's present phase has taken too long, and what it waits for.
    pub const fn deadline(&self) -> Option<(Instant, Reason)> {
        match self.state {
            State::Connecting | State::Sending { .. } | State::Receiving => self.deadline,
            State::Idle
            | State::Connected
            | State::Head(_)
            | State::Offering { .. }
            | State::Lines { .. }
            | State::BadLine { .. }
            | State::Report(_)
            | State::Ended(_) => None,
        }
    }

    /// Does the driver hold an open connection for it that it may keep?
    pub fn is_connected(&self) -> bool {
        matches!(self.conn, Conn::Open)
    }

    /// Why the connection is to be closed; `None` if it is not.
    pub const fn close_reason(&self) -> Option<CloseReason> {
        match self.conn {
            Conn::Spent(reason) => Some(reason),
            Conn::Closed | Conn::Open => None,
        }
    }

    /// Is no exchange under way?
    pub fn is_idle(&self) -> bool {
        matches!(self.state, State::Idle)
    }

    /// Does it have a leaf that may not be offered yet?
    pub(crate) fn wants_floor(&self) -> bool {
        matches!(self.state, State::Offering { .. }) && !self.cleared
    }

    /// Were chunks of a value taken, and is there more of it to come?
    pub(crate) fn is_mid_leaf(&self) -> bool {
        matches!(self.state, State::Receiving | State::Offering { .. }) && self.offset > 0
    }

    /// Is the exchange, or the node that the lane keeps, this operation's?
    pub fn serves(&self, op: OpId) -> bool {
        self.op() == Some(op) || self.node.as_ref().is_some_and(|node| node.op == op)
    }

    /// Is the exchange the token request, which serves everybody?
    pub const fn fetches_token(&self) -> bool {
        matches!(self.job, Job::Token(_))
    }

    /// The operation that the exchange serves; none for a token.
    pub const fn op(&self) -> Option<OpId> {
        match self.job {
            Job::Read(op) | Job::Classify(op) | Job::Node(op) => Some(op),
            Job::None | Job::Token(_) => None,
        }
    }

    /// It is this late, or later if it has been so before.
    pub(crate) fn see(&mut self, now: Instant) {
        self.now = self.now.max(now);
    }

    pub(crate) const fn exchange(&self) -> Exchange {
        match self.job {
            Job::Token(_) => Exchange::Token,
            Job::None | Job::Read(_) | Job::Classify(_) | Job::Node(_) => Exchange::Read,
        }
    }

    /// Begins an exchange. `second`: the route leads to the second default endpoint.
    pub(crate) fn begin(&mut self, now: Instant, job: Job, timeouts: Timeouts, second: bool) {
        self.job = job;
        self.timeouts = timeouts;
        self.verdict = Verdict::NONE;
        self.offset = 0;
        if matches!(self.conn, Conn::Open) {
            self.reused = true;
            self.state = State::Connected;
        } else {
            self.reused = false;
            self.second = second;
            self.state = State::Connecting;
            self.deadline = Some((now + timeouts.connect, Reason::Connect));
        }
    }

    /// The window, to write a request into.
    pub(crate) fn request_buffer(&mut self) -> &mut [u8] {
        self.window.as_mut()
    }

    /// The same, and the node that it may be for.
    pub(crate) fn request_parts(&mut self) -> (&mut [u8], Option<&Node>) {
        (self.window.as_mut(), self.node.as_ref())
    }

    /// A request of `len` bytes is in the window.
    pub(crate) fn begin_request(&mut self, now: Instant, len: usize, generation: Option<u32>) {
        self.verdict.generation = generation;
        self.state = State::Sending { sent: 0, len };
        let reason = match self.exchange() {
            Exchange::Token => Reason::TokenReply,
            Exchange::Read => Reason::FirstByte,
        };
        self.deadline = Some((now + self.timeouts.first_byte, reason));
    }

    /// The exchange is over; its connection is kept if it can be.
    pub(crate) fn end(&mut self, result: Result<(), Error>) {
        self.deadline = None;
        self.state = State::Ended(result);
    }

    /// The connection is of no more use. The first reason counts.
    pub(crate) fn spend(&mut self, reason: CloseReason) {
        if self.close_reason().is_none() {
            log_debug!("connection given up: {}", reason.explain());
            self.conn = Conn::Spent(reason);
        }
    }

    /// The exchange is over, and so is the connection.
    pub(crate) fn fail(&mut self, error: Error) {
        // A connection that was never made needs no closing by the lane's account, but the
        // driver may hold a half-open socket.
        self.spend(CloseReason::Failed(error));
        self.end(Err(error));
    }

    /// Breaks off whatever is under way; nobody wants to hear of it.
    pub(crate) fn drop_exchange(&mut self) {
        match self.state {
            State::Idle | State::Connected | State::Report(_) | State::Ended(_) => {}
            State::Connecting
            | State::Sending { .. }
            | State::Receiving
            | State::Head(_)
            | State::Offering { .. }
            | State::Lines { .. }
            | State::BadLine { .. } => self.spend(CloseReason::Abandoned),
        }
        self.rest();
    }

    /// Back to idle.
    pub(crate) fn rest(&mut self) {
        self.job = Job::None;
        self.state = State::Idle;
        self.deadline = None;
    }

    /// The display path of the node; empty if the exchange is no node's.
    fn path(&self) -> &str {
        match (self.job, self.state, &self.node) {
            (Job::Node(_), _, Some(node)) | (_, State::Report(_), Some(node)) => &node.path,
            _ => "",
        }
    }

    fn window(&self) -> &[u8] {
        self.window.as_ref()
    }

    /// Has no byte of the answer come?
    fn silent(&self) -> bool {
        self.raw.is_empty() && !self.reader.in_body()
    }

    fn phase(&self) -> Phase {
        match (self.state, self.exchange()) {
            (State::Connecting, _) => Phase::Connect,
            (State::Receiving, _) if !self.silent() => Phase::Body,
            (_, Exchange::Token) => Phase::TokenReply,
            (_, Exchange::Read) => Phase::FirstByte,
        }
    }
}

impl<B: Buffer> fmt::Debug for Lane<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lane")
            .field("id", &self.id)
            .field("conn", &self.conn)
            .field("job", &self.job)
            .field("deadline", &self.deadline)
            .field("window", &"** redacted **")
            .finish_non_exhaustive()
    }
}

impl<B: Buffer> Drop for Lane<B> {
    fn drop(&mut self) {
        self.window.as_mut().zeroize();
    }
}
