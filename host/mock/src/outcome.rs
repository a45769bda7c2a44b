//! What a request leads to on its connection: a reply, shaped by the fault that struck it.

use core::time::Duration;

use crate::{
    fault::{At, Effect, End, Framing},
    reply::{Encoded, Reply},
};

/// What goes over the connection because of one request.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) bytes: Vec<u8>,
    pub(crate) delay: Duration,
    pub(crate) dribble: bool,
    pub(crate) then: Then,
}

/// What the connection does behind an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Then {
    Next,
    Close,
    Reset,
    Silence,
}

impl Outcome {
    /// No byte, now or later.
    pub(crate) fn silence() -> Self {
        Self {
            bytes: Vec::new(),
            delay: Duration::ZERO,
            dribble: false,
            then: Then::Silence,
        }
    }

    /// A server's reply.
    pub(crate) fn reply(reply: Reply, effect: &Effect) -> Self {
        let keep = reply.keep && effect.framing != Framing::UntilClose;
        let then = if keep { Then::Next } else { Then::Close };
        Self::cut(reply.encode(effect.framing), then, effect)
    }

    /// Bytes that a fault dictates.
    pub(crate) fn raw(bytes: Vec<u8>, effect: &Effect) -> Self {
        let head = bytes
            .windows(4)
            .position(|window| window == b"\r\n\r\n")
            .map_or(bytes.len(), |at| at + 4);
        Self::cut(Encoded { bytes, head }, Then::Close, effect)
    }

    fn cut(encoded: Encoded, then: Then, effect: &Effect) -> Self {
        let Encoded { mut bytes, head } = encoded;
        let then = match effect.cut {
            None => then,
            Some((at, end)) => {
                bytes.truncate(match at {
                    At::Answer(n) => n,
                    At::Body(n) => head.saturating_add(n),
                });
                match end {
                    End::Close => Then::Close,
                    End::Reset => Then::Reset,
                    End::Silence => Then::Silence,
                }
            }
        };
        Self {
            bytes,
            delay: effect.delay,
            dribble: effect.dribble,
            then,
        }
    }
}

/// The status that raw bytes show to a client, 0 if they show none.
pub(crate) fn shown_status(bytes: &[u8]) -> u16 {
    bytes
        .strip_prefix(b"HTTP/1.")
        .and_then(|rest| rest.get(2..5))
        .and_then(|digits| core::str::from_utf8(digits).ok())
        .and_then(|digits| digits.parse().ok())
        .unwrap_or(0)
}
