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

use core::fmt;
use core::ops::Range;

use zeroize::Zeroize;

use crate::client::{Event, Leaf, Missing, OpId, Want};
use crate::config::Timeouts;
use crate::error::{Error, Fault, Misuse, Peer, Phase, Reason, What};
use crate::http::{Framing, Head, HttpError, Item, Reader};
use crate::path::Path;
use crate::retry::{Disposition, Exchange};
use crate::session::Tries;
use crate::time::Instant;
use crate::walk::Why;

/// Memory that a lane or a session works in.
pub trait Buffer: AsRef<[u8]> + AsMut<[u8]> {}
impl<T: AsRef<[u8]> + AsMut<[u8]>> Buffer for T {}

/// Longest body that is read to its end only to keep the connection.
const MAX_DRAIN: u64 = 4096;

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
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Conn {
    Closed,
    Open,
    /// Of no more use; the driver closes it.
    Spent,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum State {
    Idle,
    Connecting,
    /// The session writes the request.
    Connected,
    Sending {
        sent: usize,
        len: usize,
    },
    Receiving,
    /// The session reads the head.
    Head(Head),
    /// Payload to be offered; `last`: all of it.
    Offering {
        last: bool,
    },
    /// Payload of a listing, for the session; `last`: all of it.
    Lines {
        last: bool,
    },
    /// A line of a listing to be reported; then back to `Lines`.
    BadLine {
        why: Why,
        /// Bytes to show, and bytes to drop then.
        line: usize,
        used: usize,
        last: bool,
    },
    /// The node to be reported; then it is done with.
    Report(Why),
    /// The session draws its conclusions.
    Ended(Result<(), Error>),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Job {
    None,
    /// The token. Asked at this instant.
    Token(Instant),
    /// A get, or a listing that is known to be one.
    Read(OpId),
    /// The parent's listing of an operation's path.
    Classify(OpId),
    /// The lane's node.
    Node(OpId),
}

/// A node of a walk.
pub(crate) struct Node {
    pub(crate) op: OpId,
    pub(crate) path: Path,
    pub(crate) depth: u8,
    pub(crate) directory: bool,
    pub(crate) tries: Tries,
}

/// What a head decided.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Verdict {
    pub(crate) disposition: Disposition,
    /// Seconds of `Retry-After`.
    pub(crate) retry_after: Option<u32>,
    /// TTL of a token.
    pub(crate) ttl: u16,
    /// Generation of the token that the request carried.
    pub(crate) generation: Option<u32>,
}

impl Verdict {
    const NONE: Self = Self {
        disposition: Disposition::Deliver,
        retry_after: None,
        ttl: 0,
        generation: None,
    };
}

/// Where the payload goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Sink {
    /// To the caller, in chunks.
    Leaf,
    /// To the session, line by line.
    Listing,
    /// To the session, whole.
    Token,
    /// Nowhere.
    Drain,
}

impl<B: Buffer> Lane<B> {
    /// A lane with its window. `id` tells the lanes of a session apart.
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
        }
    }

    /// What the lane wants, or `None` if the session has to be asked
    /// ([`Session::poll`](crate::Session::poll)). Level-triggered: asking twice gives the same.
    pub fn poll(&self) -> Option<Want<'_>> {
        match self.state {
            State::Idle | State::Connecting if self.conn == Conn::Spent => Some(Want::Close),
            State::Connecting => Some(Want::Connect),
            State::Sending { sent, len } => Some(Want::Send(&self.window()[sent..len])),
            State::Receiving => Some(Want::Receive),
            State::Offering { last } if self.cleared => Some(Want::Leaf(Leaf {
                op: self.op()?,
                path: self.path(),
                offset: self.offset,
                chunk: &self.window()[self.payload.clone()],
                last,
                restart: self.restart && self.offset == 0,
            })),
            State::BadLine { why, line, .. } => Some(Want::Missing(Missing {
                op: self.op()?,
                path: self.path(),
                name: &self.payload()[..line],
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
        let start = if self.state == State::Receiving {
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
        self.now = self.now.max(now);
        let now = self.now;
        match (self.state, event) {
            // A kept connection that the server closed, or spoke on out of turn.
            (State::Idle, Event::Eof | Event::Received(_) | Event::Failed(_))
                if self.conn == Conn::Open =>
            {
                self.conn = Conn::Spent;
            }
            (State::Idle | State::Connecting, Event::Closed) if self.conn == Conn::Spent => {
                self.conn = Conn::Closed;
            }
            (State::Connecting, Event::Connected | Event::ConnectedSecond)
                if self.conn == Conn::Closed =>
            {
                self.second |= event == Event::ConnectedSecond;
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
            ) if self.conn != Conn::Spent || self.state == State::Receiving => {
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
        self.conn == Conn::Open
    }

    /// Is no exchange under way?
    pub fn is_idle(&self) -> bool {
        self.state == State::Idle
    }

    /// Is the exchange, or the node that the lane keeps, this operation's?
    pub fn serves(&self, op: OpId) -> bool {
        self.op() == Some(op) || self.node.as_ref().is_some_and(|node| node.op == op)
    }

    /// The operation that the exchange serves; none for a token.
    pub(crate) const fn op(&self) -> Option<OpId> {
        match self.job {
            Job::Read(op) | Job::Classify(op) | Job::Node(op) => Some(op),
            Job::None | Job::Token(_) => None,
        }
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
        if self.conn == Conn::Open {
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

    /// The bytes of the head in `State::Head`.
    pub(crate) fn head_bytes(&self, head: &Head) -> &[u8] {
        &self.window()[self.raw.start..][..head.len]
    }

    /// The head is read; the body, of at most `allowance` bytes, goes to `sink`.
    pub(crate) fn begin_body(&mut self, head: &Head, sink: Sink, allowance: usize) {
        self.sink = sink;
        self.offset = 0;
        self.cleared = false;
        self.first_lines = true;
        self.skipping_line = false;
        self.allowance = allowance;
        self.raw.start += head.len;
        self.payload = self.raw.start..self.raw.start;
        if !head.keep_alive {
            self.conn = Conn::Spent;
        }
        if sink == Sink::Drain {
            let short = match head.framing {
                Framing::Empty => true,
                Framing::Length(n) => n <= MAX_DRAIN,
                Framing::Chunked | Framing::UntilClose => false,
            };
            if !short || self.conn == Conn::Spent {
                self.conn = Conn::Spent;
                return self.end(Ok(()));
            }
        }
        self.advance();
    }

    /// The payload that was received and not yet taken.
    pub(crate) fn payload(&self) -> &[u8] {
        &self.window()[self.payload.clone()]
    }

    /// Drops bytes at the front of the payload.
    pub(crate) fn consume(&mut self, n: usize) {
        self.payload.start = (self.payload.start + n).min(self.payload.end);
    }

    /// Does the payload fill the window?
    pub(crate) fn is_full(&self) -> bool {
        self.payload == (0..self.window().len())
    }

    /// Were chunks of this answer taken?
    pub(crate) const fn was_taken_from(&self) -> bool {
        self.offset > 0
    }

    /// Bytes of payload that this answer brought.
    pub(crate) const fn delivered(&self) -> usize {
        self.offset
    }

    /// What was offered was taken, and there is more to come. The taker's time is not the
    /// server's: its idle time begins anew.
    pub(crate) fn read_on(&mut self, now: Instant) {
        self.deadline = Some((now + self.timeouts.body_idle, Reason::BodyIdle));
        self.advance();
    }

    /// The exchange is over; its connection is kept if it can be.
    pub(crate) fn end(&mut self, result: Result<(), Error>) {
        self.deadline = None;
        self.state = State::Ended(result);
    }

    /// The exchange is over, and so is the connection.
    pub(crate) fn fail(&mut self, error: Error) {
        // A connection that was never made needs no closing by the lane's account, but the
        // driver may hold a half-open socket.
        self.conn = Conn::Spent;
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
            | State::BadLine { .. } => self.conn = Conn::Spent,
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

    fn begin_answer(&mut self) {
        self.reader = Reader::new(false);
        self.eof = false;
        self.payload = 0..0;
        self.raw = 0..0;
        self.state = State::Receiving;
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

    /// Decodes what was received until someone has to be asked or more is needed.
    fn advance(&mut self) {
        loop {
            let step = match self
                .reader
                .next(&self.window.as_ref()[self.raw.clone()], self.eof)
            {
                Ok(step) => step,
                Err(HttpError::HeadTooLarge) => return self.fail(Error::TooLarge(What::Head)),
                Err(error) => return self.fail(Error::Peer(Peer::Http(error))),
            };
            self.raw.start += step.skip;
            match step.item {
                Item::Head(head) => {
                    self.state = State::Head(head);
                    return;
                }
                Item::Data(n) => {
                    if !self.take_payload(n) {
                        return;
                    }
                }
                Item::More => {
                    if self.make_room() {
                        self.state = State::Receiving;
                    }
                    return;
                }
                Item::End => {
                    if self.eof {
                        self.conn = Conn::Spent;
                    }
                    match self.sink {
                        Sink::Leaf => self.state = State::Offering { last: true },
                        Sink::Listing => self.state = State::Lines { last: true },
                        Sink::Token | Sink::Drain => self.end(Ok(())),
                    }
                    return;
                }
            }
        }
    }

    /// Moves `n` raw bytes to the payload. False: it was too much.
    fn take_payload(&mut self, n: usize) -> bool {
        let Some(allowance) = self.allowance.checked_sub(n) else {
            self.fail(Error::TooLarge(match self.sink {
                Sink::Token => What::Token,
                Sink::Leaf | Sink::Listing | Sink::Drain => What::Value,
            }));
            return false;
        };
        self.allowance = allowance;
        let from = self.raw.start;
        self.raw.start += n;
        if self.sink == Sink::Drain {
            return true;
        }
        // Without chunk framing in between, payload is where it belongs already.
        if self.payload.end != from {
            let to = self.payload.end;
            self.window.as_mut().copy_within(from..from + n, to);
        }
        self.payload.end += n;
        true
    }

    /// Makes the window's tail free to receive into. False: someone has to take payload first,
    /// or nothing ever fits.
    fn make_room(&mut self) -> bool {
        if self.raw.end < self.window().len() {
            return true;
        }
        // In a body, nothing but payload is left: framing was dropped as it was read.
        let full = self.payload.start == 0 && !self.payload.is_empty();
        match (self.reader.in_body(), self.sink) {
            (false, _) if self.raw.start == 0 => self.fail(Error::TooLarge(What::Head)),
            (true, Sink::Token) if full => self.fail(Error::TooLarge(What::Token)),
            (true, Sink::Listing) if full => self.state = State::Lines { last: false },
            // Offered where it lies rather than moved to make one larger chunk.
            (true, Sink::Leaf) if !self.payload.is_empty() => {
                self.state = State::Offering { last: false };
            }
            _ => {
                self.slide();
                return true;
            }
        }
        false
    }

    /// Moves what is left to the front of the window.
    fn slide(&mut self) {
        let (payload, raw) = (self.payload.len(), self.raw.len());
        let window = self.window.as_mut();
        window.copy_within(self.payload.clone(), 0);
        window.copy_within(self.raw.clone(), payload);
        self.payload = 0..payload;
        self.raw = payload..payload + raw;
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
