//! A whole response, read incrementally at any split of its bytes.

use super::HttpError;
use super::body::Body;
use super::head::{self, Head, MAX_HEAD};
use crate::place::part;

/// Most 1xx responses before the real one.
pub const MAX_INFORMATIONAL: u8 = 8;

/// Reads one response. Give it the unconsumed bytes; it says what stands at their front.
///
/// ```text
///  Head --1xx--> Head --2xx..5xx--> Body --last byte--> End
///    \_____________\_________________/ end of stream: truncated, or the end of an until-close body
/// ```
#[derive(Clone, Debug)]
pub struct Reader {
    state: State,
    answers_head: bool,
    informational: u8,
}

#[derive(Clone, Debug)]
enum State {
    /// `scanned` bytes hold no end of a head.
    Head {
        scanned: usize,
    },
    Body(Body),
}

/// What [`Reader::next`] found: drop `skip` bytes, then see `item`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Step {
    /// Bytes of framing at the front of the input.
    pub skip: usize,
    /// What stands behind them.
    pub item: Item,
}

/// See [`Step`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Item {
    /// More bytes are needed; all that was skipped is dealt with.
    More,
    /// A final head of this many bytes. Drop them after use.
    Head(Head),
    /// This many bytes of payload. Drop them after use.
    Data(usize),
    /// The response has ended.
    End,
}

impl Reader {
    /// A reader for the response to a request that was, or was not, a HEAD.
    pub const fn new(answers_head: bool) -> Self {
        Self {
            state: State::Head { scanned: 0 },
            answers_head,
            informational: 0,
        }
    }

    /// Looks at `input`: all bytes received and not yet dropped. `eof`: there will be no more.
    ///
    /// Call again after each [`Item::Head`] and [`Item::Data`]. After [`Item::End`], any byte is
    /// [`HttpError::TrailingBytes`].
    ///
    /// # Errors
    /// [`HttpError`], final for the connection.
    pub fn next(&mut self, input: &[u8], eof: bool) -> Result<Step, HttpError> {
        let mut dropped = 0;
        loop {
            let input = part(input, dropped..);
            match &mut self.state {
                State::Head { scanned } => {
                    if !head::may_be_http(input) {
                        return Err(HttpError::NotHttp);
                    }
                    let Some(end) = head::end(input, *scanned) else {
                        *scanned = input.len();
                        if input.len() >= MAX_HEAD {
                            return Err(HttpError::HeadTooLarge);
                        }
                        if eof {
                            return Err(HttpError::HeadTruncated);
                        }
                        return Ok(Step {
                            skip: dropped,
                            item: Item::More,
                        });
                    };
                    if end > MAX_HEAD {
                        return Err(HttpError::HeadTooLarge);
                    }
                    let head = head::parse(part(input, ..end), self.answers_head)?;
                    if head.status < 200 {
                        self.informational += 1;
                        if head.status == 101 || self.informational > MAX_INFORMATIONAL {
                            return Err(HttpError::BadInformational);
                        }
                        dropped += end;
                        *scanned = 0;
                        continue;
                    }
                    self.state = State::Body(Body::new(head.framing));
                    return Ok(Step {
                        skip: dropped,
                        item: Item::Head(head),
                    });
                }
                State::Body(body) => {
                    if body.is_done() {
                        if !input.is_empty() {
                            return Err(HttpError::TrailingBytes);
                        }
                        return Ok(Step {
                            skip: 0,
                            item: Item::End,
                        });
                    }
                    let piece = body.next(input)?;
                    let item = if piece.data > 0 {
                        Item::Data(piece.data)
                    } else if body.is_done() {
                        // Chunk framing ended inside `skip`; look again at what is behind it.
                        if piece.skip < input.len() {
                            return Err(HttpError::TrailingBytes);
                        }
                        Item::End
                    } else {
                        if eof {
                            body.handle_eof()?;
                            Item::End
                        } else {
                            Item::More
                        }
                    };
                    return Ok(Step {
                        skip: piece.skip,
                        item,
                    });
                }
            }
        }
    }

    /// Has a final head been read?
    pub const fn in_body(&self) -> bool {
        matches!(self.state, State::Body(_))
    }
}

#[cfg(test)]
#[path = "reader_tests.rs"]
mod tests;
