//! The server's side of one TCP connection, without the TCP.

use core::time::Duration;

use crate::{
    Mock, Profile,
    outcome::{Outcome, Then},
    request::{self, Bad},
};

/// A request with its body has to stay below this; EC2's limit is unknown, nobody comes near.
const INPUT: usize = 64 * 1024;

/// Firecracker's receive buffer: a request has to be shorter (facts §9.3).
const MMDS_INPUT: usize = 2_500;

/// One connection. Bytes go in with [`Connection::receive`], what to do comes out of [`Connection::transmit`].
///
/// ```
/// # use core::time::Duration;
/// use imds_mock::{Action, Mock, Profile};
/// let now = Duration::ZERO;
/// let mut mock = Mock::new(Profile::Ec2);
/// let mut connection = mock.connect(now);
/// connection.receive(now, &mut mock, b"GET /latest/meta-data/ HTTP/1.1\r\n\r\n");
/// let Action::Send(bytes) = connection.transmit() else { panic!("no answer") };
/// assert!(bytes.starts_with(b"HTTP/1.1 401 Unauthorized\r\n"));
/// let n = bytes.len();
/// connection.sent(n);
/// assert_eq!(connection.transmit(), Action::Close);
/// connection.closed(now, &mut mock);
/// ```
#[derive(Debug)]
pub struct Connection {
    number: u64,
    input: Vec<u8>,
    output: Vec<u8>,
    /// How much of the output was sent.
    sent: usize,
    /// Output goes byte by byte.
    dribble: bool,
    state: State,
    peer_finished: bool,
    counted: bool,
}

#[derive(Debug)]
enum State {
    /// Takes requests.
    Serving,
    /// An answer is held back.
    Waiting { until: Duration, outcome: Outcome },
    /// Says nothing more, and perhaps resets one day.
    Silent { reset_at: Option<Duration> },
    /// Closes once everything is sent.
    Closing,
    /// Resets once everything is sent.
    Resetting,
}

/// What the owner of the socket is to do. Asked again without having done it, the answer is the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action<'a> {
    /// Write some of these bytes and say how many with [`Connection::sent`].
    Send(&'a [u8]),
    /// Send FIN, then call [`Connection::closed`].
    Close,
    /// Send RST, then call [`Connection::closed`].
    Reset,
    /// Wait: for bytes, for the end of the stream, for [`Connection::next_timeout`].
    Idle,
}

impl Connection {
    pub(crate) fn new(number: u64, refused: bool) -> Self {
        Self {
            number,
            input: Vec::new(),
            output: Vec::new(),
            sent: 0,
            dribble: false,
            state: if refused {
                State::Resetting
            } else {
                State::Serving
            },
            peer_finished: false,
            counted: true,
        }
    }

    /// Which connection of the mock it is, counted from 1.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.number
    }

    /// These bytes came from the client.
    pub fn receive(&mut self, now: Duration, mock: &mut Mock, bytes: &[u8]) {
        match self.state {
            State::Serving | State::Waiting { .. } => self.input.extend_from_slice(bytes),
            State::Silent { .. } | State::Closing | State::Resetting => return,
        }
        if matches!(self.state, State::Waiting { .. }) && self.input.len() > INPUT {
            // Whoever sends this much before the first answer is not a client.
            self.state = State::Resetting;
            return;
        }
        self.serve(now, mock);
    }

    /// The client will send nothing more. What it has asked for is still answered.
    pub fn receive_eof(&mut self, _now: Duration, _mock: &mut Mock) {
        self.peer_finished = true;
    }

    /// What to do now.
    #[must_use]
    pub fn transmit(&self) -> Action<'_> {
        let rest = &self.output[self.sent..];
        if !rest.is_empty() {
            return Action::Send(if self.dribble { &rest[..1] } else { rest });
        }
        match self.state {
            State::Resetting => Action::Reset,
            State::Closing => Action::Close,
            State::Serving | State::Silent { .. } if self.peer_finished => Action::Close,
            State::Serving | State::Silent { .. } | State::Waiting { .. } => Action::Idle,
        }
    }

    /// So many of the offered bytes were written.
    pub fn sent(&mut self, n: usize) {
        self.sent = self.sent.saturating_add(n).min(self.output.len());
        if self.sent == self.output.len() {
            self.output.clear();
            self.sent = 0;
            self.dribble = false;
        }
    }

    /// When [`Connection::handle_timeout`] wants to be called, in the time of `now`.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Duration> {
        match self.state {
            State::Waiting { until, .. } => Some(until),
            State::Silent { reset_at } => reset_at,
            State::Serving | State::Closing | State::Resetting => None,
        }
    }

    /// Time has passed. Too early does nothing.
    pub fn handle_timeout(&mut self, now: Duration, mock: &mut Mock) {
        if self.next_timeout().is_none_or(|at| now < at) {
            return;
        }
        match core::mem::replace(&mut self.state, State::Serving) {
            State::Waiting { outcome, .. } => {
                self.release(now, mock, outcome);
                self.serve(now, mock);
            }
            State::Silent { .. } => self.state = State::Resetting,
            other @ (State::Serving | State::Closing | State::Resetting) => self.state = other,
        }
    }

    /// The socket is gone. Calling it again does nothing.
    pub fn closed(&mut self, _now: Duration, mock: &mut Mock) {
        if self.counted {
            self.counted = false;
            mock.disconnect();
        }
    }

    /// Answers requests until one is incomplete, is to be answered later, or was the last.
    fn serve(&mut self, now: Duration, mock: &mut Mock) {
        let mmds = mock.profile() == Profile::Mmds;
        while matches!(self.state, State::Serving) && !self.input.is_empty() {
            let limit = if mmds { MMDS_INPUT } else { INPUT };
            let outcome = match self.take_request(mmds, limit) {
                Ok(Taken::Request(request)) => mock.answer(now, self.number, request),
                Ok(Taken::Oversized) => mock.oversized(now, self.number),
                Ok(Taken::Nothing) => return,
                Err(Bad) => {
                    self.input.clear();
                    mock.unreadable(now, self.number)
                }
            };
            if outcome.delay.is_zero() {
                self.release(now, mock, outcome);
            } else {
                let until = now.saturating_add(outcome.delay);
                self.state = State::Waiting { until, outcome };
            }
            if mmds {
                // It parses one request per received segment (facts §9.3).
                return;
            }
        }
    }

    fn take_request(&mut self, mmds: bool, limit: usize) -> Result<Taken, Bad> {
        let Some((request, head)) = request::parse_head(&self.input)? else {
            return Ok(if self.input.len() >= limit {
                Taken::Oversized
            } else {
                Taken::Nothing
            });
        };
        // Firecracker reads no body: it would be the start of the next request.
        let body = if mmds {
            Some(0)
        } else {
            request::body_length(&request, &self.input[head..])?
        };
        match body {
            Some(body) if head + body < limit => {
                self.input.drain(..head + body);
                Ok(Taken::Request(request))
            }
            None if self.input.len() < limit => Ok(Taken::Nothing),
            Some(_) | None => Ok(Taken::Oversized),
        }
    }

    fn release(&mut self, now: Duration, mock: &Mock, outcome: Outcome) {
        self.output.extend_from_slice(&outcome.bytes);
        self.dribble |= outcome.dribble;
        self.state = match outcome.then {
            Then::Next => State::Serving,
            Then::Close => State::Closing,
            Then::Reset => State::Resetting,
            Then::Silence => State::Silent {
                reset_at: mock.patience().map(|patience| now.saturating_add(patience)),
            },
        };
        if !matches!(self.state, State::Serving) {
            self.input.clear();
        }
    }
}

enum Taken {
    Request(request::Request),
    Nothing,
    Oversized,
}
