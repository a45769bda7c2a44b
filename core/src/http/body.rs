//! The body of a response: where payload lies, and when it ends.

use super::chunk::Chunks;
use super::{Framing, HttpError};

#[derive(Clone, Copy, Debug)]
pub(crate) enum Body {
    Length(u64),
    Chunked(Chunks),
    UntilClose,
    Done,
}

/// What stands at the front of the input: bytes to drop, then payload.
pub(crate) struct Piece {
    pub(crate) skip: usize,
    pub(crate) data: usize,
}

impl Body {
    pub(crate) const fn new(framing: Framing) -> Self {
        match framing {
            Framing::Empty | Framing::Length(0) => Self::Done,
            Framing::Length(n) => Self::Length(n),
            Framing::Chunked => Self::Chunked(Chunks::new()),
            Framing::UntilClose => Self::UntilClose,
        }
    }

    pub(crate) const fn is_done(&self) -> bool {
        matches!(self, Self::Done)
    }

    /// The next piece of `input`. Consumes what it returns.
    pub(crate) fn next(&mut self, input: &[u8]) -> Result<Piece, HttpError> {
        let piece = match self {
            Self::Done => Piece { skip: 0, data: 0 },
            Self::UntilClose => Piece {
                skip: 0,
                data: input.len(),
            },
            Self::Length(left) => {
                let have = u64::try_from(input.len()).unwrap_or(u64::MAX);
                let take = have.min(*left);
                *left -= take;
                if *left == 0 {
                    *self = Self::Done;
                }
                Piece {
                    skip: 0,
                    // `take <= input.len()`.
                    data: usize::try_from(take).unwrap_or(input.len()),
                }
            }
            Self::Chunked(chunks) => {
                let chunk = chunks.next(input)?;
                if chunk.done {
                    *self = Self::Done;
                }
                Piece {
                    skip: chunk.skip,
                    data: chunk.data,
                }
            }
        };
        Ok(piece)
    }

    /// The connection ended.
    pub(crate) fn handle_eof(&mut self) -> Result<(), HttpError> {
        match self {
            Self::Done => Ok(()),
            Self::UntilClose => {
                *self = Self::Done;
                Ok(())
            }
            Self::Length(_) | Self::Chunked(_) => Err(HttpError::BodyTruncated),
        }
    }
}
