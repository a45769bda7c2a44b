//! What a lane is doing.

use crate::client::OpId;
use crate::error::Error;
use crate::http::Head;
use crate::path::Path;
use crate::retry::Disposition;
use crate::session::Tries;
use crate::time::Instant;
use crate::walk::Why;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Conn {
    Closed,
    Open,
    /// Of no more use; the driver closes it.
    Spent(CloseReason),
}

/// Why a connection is not used again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum CloseReason {
    /// The answer said so: `Connection: close`, HTTP/1.0, or a body until the end of the stream.
    Announced,
    /// The server closed it.
    Ended,
    /// The rest of an answer that nobody needs is too long to read past.
    LeftUnread,
    /// Bytes came that nobody had asked for.
    Unsolicited,
    /// The exchange on it failed.
    Failed(Error),
    /// The operation it served was cancelled, or its driver went away.
    Abandoned,
    /// It was kept without need, and other connections were refused.
    Scarce,
}

impl CloseReason {
    /// The reason as a phrase.
    pub const fn explain(self) -> &'static str {
        match self {
            Self::Announced => "the server announced that it closes",
            Self::Ended => "the server closed",
            Self::LeftUnread => "the rest of the answer is not worth reading",
            Self::Unsolicited => "bytes came that nobody had asked for",
            Self::Failed(_) => "the exchange failed",
            Self::Abandoned => "the operation is no longer wanted",
            Self::Scarce => "the server has no connections to spare",
        }
    }
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
    /// A directory's ends with a slash.
    pub(crate) path: Path,
    pub(crate) depth: u8,
    pub(crate) directory: bool,
    pub(crate) tries: Tries,
}

impl Node {
    /// One of this walk; which, is to be filled in.
    pub(crate) const fn new(op: OpId) -> Self {
        Self {
            op,
            path: Path::new(),
            depth: 0,
            directory: false,
            tries: Tries::NONE,
        }
    }
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
    pub(super) const NONE: Self = Self {
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
