//! The answer as it is read: from received bytes to payload in the window.

use crate::error::{Error, Peer, Reason, What};
use crate::http::{Framing, Head, HttpError, Item, Reader};
use crate::lane::{Buffer, CloseReason, Lane, Sink, State};
use crate::place::{part, shift};
use crate::time::Instant;

/// Longest body that is read to its end only to keep the connection.
const MAX_DRAIN: u64 = 4096;

impl<B: Buffer> Lane<B> {
    /// The bytes of the head in `State::Head`.
    pub(crate) fn head_bytes(&self, head: &Head) -> &[u8] {
        part(part(self.window(), self.raw.clone()), ..head.len)
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
            self.spend(CloseReason::Announced);
        }
        if sink == Sink::Drain {
            let short = match head.framing {
                Framing::Empty => true,
                Framing::Length(n) => n <= MAX_DRAIN,
                Framing::Chunked | Framing::UntilClose => false,
            };
            if !short || self.close_reason().is_some() {
                self.spend(CloseReason::LeftUnread);
                return self.end(Ok(()));
            }
        }
        self.advance();
    }

    /// The payload that was received and not yet taken.
    pub(crate) fn payload(&self) -> &[u8] {
        part(self.window(), self.payload.clone())
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

    pub(super) fn begin_answer(&mut self) {
        self.reader = Reader::new(false);
        self.eof = false;
        self.payload = 0..0;
        self.raw = 0..0;
        self.state = State::Receiving;
    }

    /// Decodes what was received until someone has to be asked or more is needed.
    pub(super) fn advance(&mut self) {
        loop {
            let raw = part(self.window.as_ref(), self.raw.clone());
            let step = match self.reader.next(raw, self.eof) {
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
                        self.spend(CloseReason::Ended);
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
            shift(self.window.as_mut(), from..from + n, to);
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
        shift(window, self.payload.clone(), 0);
        shift(window, self.raw.clone(), payload);
        self.payload = 0..payload;
        self.raw = payload..payload + raw;
    }
}
