//! One TCP socket of a stack that is asked and not waited for: how it serves a route of two
//! endpoints, and how its connections end.
//!
//! An adapter to such a stack says what the stack can do ([`Tcp`]), keeps a [`Stage`] for each
//! socket, and lends both to a [`Polled`] whenever a lane is driven.

use super::Socket;
use crate::client::{Event, Route};
use crate::endpoint::Endpoint;
use crate::error::Fault;
use crate::time::Instant;

/// How long an orderly close may take before the connection is reset, and then how long the reset
/// may take to be sent; in microseconds.
const CLOSING: u64 = 250_000;

/// A TCP socket of a stack. No call waits for anything.
pub trait Tcp {
    /// Begins to connect a socket that is [`Closed`](State::Closed). `Some`, if it has to wait
    /// until then for a local port.
    ///
    /// # Errors
    /// Why it is known at once that there will be no connection.
    fn start(&mut self, endpoint: &Endpoint) -> Result<Option<Instant>, Fault>;

    /// Is there a way to the endpoint, as far as is known at once?
    fn has_way(&mut self, endpoint: &Endpoint) -> bool;

    /// What has become of the connection.
    fn state(&self) -> State;

    /// Writes some of `bytes`: `Sent`, `Failed` or `Blocked`.
    fn send(&mut self, bytes: &[u8]) -> Event;

    /// Reads into `window`: `Received`, `Eof`, `Failed` or `Blocked`. What came before the end,
    /// even before a reset, comes first.
    fn receive(&mut self, window: &mut [u8]) -> Event;

    /// How many bytes have come and were not read.
    fn unread(&self) -> usize;

    /// Has a FIN sent after all that was written.
    fn close(&mut self);

    /// Has a reset sent.
    fn abort(&mut self);

    /// Frees the socket, whatever its state, without a word to the peer.
    fn forget(&mut self);

    /// Has the lanes driven when the state changes, for stacks that do not drive them after each
    /// frame.
    fn wait(&mut self) {}
}

/// TCP's states (RFC 9293 §3.3.2), as far as they differ here.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// SYN-SENT or SYN-RECEIVED.
    Connecting,
    /// ESTABLISHED.
    Established,
    /// CLOSE-WAIT: the peer has closed, and we have not.
    CloseWait,
    /// FIN-WAIT-1, CLOSING or LAST-ACK: we have closed, and the peer may not know.
    Closing,
    /// FIN-WAIT-2: the peer knows, and has not closed.
    FinWait2,
    /// CLOSED, with a reset still to be sent.
    Resetting,
    /// CLOSED, LISTEN or TIME-WAIT: nobody has to be told of anything.
    Closed,
}

/// What a socket is in use for, from one call to the next.
#[derive(Clone, Copy, Debug)]
pub enum Stage {
    /// For nothing.
    Free,
    /// For a connection, made or in the making.
    Begun {
        /// To the route's second endpoint.
        second: bool,
        /// When.
        since: Instant,
    },
    /// To end a connection.
    Closing {
        /// When that, or the reset after it, began.
        since: Instant,
    },
}

/// The socket of one lane, at this moment.
#[derive(Debug)]
pub struct Polled<'a, T> {
    /// The stack's socket.
    pub tcp: T,
    /// What it is in use for.
    pub stage: &'a mut Stage,
    /// The present.
    pub now: Instant,
    /// When the lanes want to be driven again for a reason that neither the stack nor the core
    /// knows; it is brought forward, and never put off.
    pub wake: &'a mut Option<Instant>,
}

impl<T: Tcp> Polled<'_, T> {
    /// `Blocked`, and to be asked again at `at` even if nothing happens on the wire.
    fn blocked(&mut self, at: Option<Instant>) -> Event {
        self.tcp.wait();
        *self.wake = [*self.wake, at].into_iter().flatten().min();
        Event::Blocked
    }

    /// After a failure the connection is gone.
    const fn noted(&mut self, event: Event) -> Event {
        if let Event::Failed(_) = event {
            *self.stage = Stage::Free;
        }
        event
    }

    fn forget(&mut self) -> Event {
        self.tcp.forget();
        *self.stage = Stage::Free;
        Event::Closed
    }

    fn begin(&mut self, endpoint: &Endpoint, second: bool) -> Result<Event, Fault> {
        let since = self.now;
        let no_port_until = self.tcp.start(endpoint)?;
        *self.stage = match no_port_until {
            Some(_) => Stage::Free,
            None => Stage::Begun { second, since },
        };
        Ok(self.blocked(no_port_until))
    }

    /// Goes on to the second endpoint, or ends with what became of the first.
    fn begin_second(&mut self, route: &Route, first: Fault) -> Event {
        let begun = match &route.second {
            Some(second) => self.begin(second, true),
            None => Err(first),
        };
        begun.unwrap_or_else(|fault| self.noted(Event::Failed(Route::fault(first, fault))))
    }

    /// When the first endpoint, tried `since`, has to make way for the second, if it has to.
    fn turn(&mut self, route: &Route, since: Instant, until: Option<Instant>) -> Option<Instant> {
        let (second, until) = (route.second.as_ref()?, until?);
        // One to which there is no way takes no time from the first.
        self.tcp.has_way(second).then(|| Route::turn(since, until))
    }
}

impl<T: Tcp> Socket for Polled<'_, T> {
    fn connect(&mut self, route: &Route, until: Option<Instant>) -> Event {
        let Stage::Begun { second, since } = *self.stage else {
            let begun = self.begin(&route.first, false);
            return begun.unwrap_or_else(|fault| self.begin_second(route, fault));
        };
        match self.tcp.state() {
            State::Established | State::CloseWait => match second {
                true => Event::ConnectedSecond,
                false => Event::Connected,
            },
            State::Connecting if second => self.blocked(None),
            State::Connecting => match self.turn(route, since, until) {
                Some(turn) if turn <= self.now => {
                    self.tcp.forget();
                    self.begin_second(route, Fault::TimedOut)
                }
                turn => self.blocked(turn),
            },
            // Reset, or the stack gave up.
            State::Closing | State::FinWait2 | State::Resetting | State::Closed => match second {
                true => self.noted(Event::Failed(Fault::Refused)),
                false => self.begin_second(route, Fault::Refused),
            },
        }
    }

    fn send(&mut self, bytes: &[u8], _until: Option<Instant>) -> Event {
        let event = self.tcp.send(bytes);
        self.noted(event)
    }

    fn receive(&mut self, window: &mut [u8], _until: Option<Instant>) -> Event {
        let event = self.tcp.receive(window);
        self.noted(event)
    }

    /// The socket is free again when both sides know that it is over: both have closed, or our
    /// reset is sent. A peer that knows of our FIN and does not close is reset at once: nobody will
    /// read what it may still have to say. TIME-WAIT need not be waited for, because the next
    /// connection has another local port.
    fn close(&mut self) -> Event {
        let since = match *self.stage {
            Stage::Free => return Event::Closed,
            Stage::Closing { since } => since,
            // There is nobody to tell.
            Stage::Begun { .. } if self.tcp.state() == State::Connecting => return self.forget(),
            // It may stand without having been looked at since.
            Stage::Begun { .. } => {
                // Bytes that nobody will read, and the peer may have more of them.
                if self.tcp.unread() > 0 {
                    self.tcp.abort();
                } else {
                    self.tcp.close();
                }
                self.now
            }
        };
        *self.stage = Stage::Closing { since };
        let state = self.tcp.state();
        let end = since.plus(CLOSING);
        let is_late = end <= self.now;
        // If not even a reset could be sent, the peer is not to be reached: it will find out.
        if state == State::Closed || (state == State::Resetting && is_late) {
            return self.forget();
        }
        if state == State::FinWait2 || is_late {
            self.tcp.abort();
            *self.stage = Stage::Closing { since: self.now };
            return self.blocked(Some(self.now.plus(CLOSING)));
        }
        self.blocked(Some(end))
    }

    fn check_idle(&mut self) -> Event {
        match (self.tcp.unread(), self.tcp.state()) {
            (0, State::Established) => Event::Blocked,
            (0, _) => Event::Eof,
            (unread, _) => Event::Received(unread),
        }
    }
}
