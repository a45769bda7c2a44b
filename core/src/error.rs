//! What can go wrong, and whose fault it is.

use core::fmt;

use crate::http::HttpError;
use crate::path::PathError;

/// Why an operation has no answer. "There is no such key" is not among these: that is an answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Error {
    /// The caller's: a call out of order, or an argument that cannot be served. No byte from
    /// the server can cause it.
    Misuse(Misuse),
    /// The server's: what it said.
    Peer(Peer),
    /// The network's: the connection failed in this phase.
    Transport(Phase, Fault),
    /// Nothing came in time.
    Timeout(Reason),
    /// More than a stated limit.
    TooLarge(What),
    /// A listing was asked of a node that its parent lists as a leaf.
    NotADirectory,
}

/// A mistake in the calling program or in what its user asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Misuse {
    /// The path cannot be asked for.
    Path(PathError),
    /// As many operations as the session has room for are under way.
    TooManyOperations,
    /// As many walks as the session has arenas for are under way.
    TooManyWalks,
    /// The event does not answer what `poll` wanted last.
    OutOfOrder,
    /// The event claims more bytes than were offered.
    TooManyBytes,
    /// The endpoint is a name, and this adapter has no resolver.
    HostNameNeedsResolver,
}

/// What the server said.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Peer {
    /// 403 to the token request, or to everything: the service is switched off (facts §1.3).
    TurnedOff,
    /// 403 to a read.
    Forbidden,
    /// 404 or 405 to the token request: IMDSv2 is not spoken here.
    NoTokens(u16),
    /// A token without its TTL header: not a metadata service (facts §1.14).
    NoTtl,
    /// A TTL header that is not one decimal number up to 21600.
    BadTtl(BadTtl),
    /// A token that cannot be a header value.
    BadToken(BadToken),
    /// 401 to a read, and 401 again with a new token.
    TokenRejected,
    /// 429 or 503 until attempts or time ran out.
    Throttled(u16),
    /// A redirect other than to the same path with a final slash.
    Redirect(u16),
    /// An HTML page where a value or a listing should be.
    Html,
    /// 206: a part of the value.
    PartialContent,
    /// Any other status.
    Status(u16),
    /// Not the HTTP response that was asked for.
    Http(HttpError),
    /// The connection ended before the answer did, until attempts ran out.
    Truncated,
    /// Text was asked for, and the value is not UTF-8.
    NotUtf8,
    /// A listing too large for the arena changed so that its rest cannot be told from what was
    /// already visited.
    ListingChanged,
}

/// Why a TTL header is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum BadTtl {
    /// Not digits.
    NotDecimal,
    /// Above 21600 seconds, the most the service grants.
    TooLong,
    /// The header stands more than once.
    Repeated,
}

/// Why a token is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum BadToken {
    /// No bytes.
    Empty,
    /// A byte that is not graphic ASCII, such as a line feed.
    IllegalByte,
}

/// Where an exchange was when the network failed it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Phase {
    /// Before the connection stood.
    Connect,
    /// Token request sent or being sent, no byte of the answer.
    TokenReply,
    /// Read request sent or being sent, no byte of the answer.
    FirstByte,
    /// In the middle of an answer.
    Body,
}

/// What the network did. Drivers report it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Fault {
    /// Connection refused.
    Refused,
    /// No route to the host or network.
    Unreachable,
    /// The only address to send from is link-local, and EC2 drops what comes from one (facts
    /// §1.1). Adapters that choose the source address say so.
    LinkLocalSource,
    /// A local rule forbids it (`EACCES`, `EPERM`): a prohibit route or a firewall.
    Denied,
    /// Reset by the peer.
    Reset,
    /// Closed by the peer before any byte of the answer.
    Closed,
    /// The stack's own time-out.
    TimedOut,
    /// The host name did not resolve.
    NameNotFound,
    /// Anything else.
    Other,
}

/// What a deadline waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Reason {
    /// The connection to stand.
    Connect,
    /// The first byte of the answer to a token request. Connected but silent is how a hop limit
    /// that is too small looks (facts §1.10).
    TokenReply,
    /// The first byte of the answer to a read.
    FirstByte,
    /// The next byte of an answer.
    BodyIdle,
    /// The whole operation.
    Operation,
    /// The pause before another attempt.
    Backoff,
    /// The walk's request budget.
    Pace,
}

/// Which limit was passed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum What {
    /// The request does not fit the lane's window.
    Request,
    /// The head of the answer.
    Head,
    /// The token.
    Token,
    /// The value.
    Value,
    /// A directory's path and one name do not fit the arena of the walk.
    Frontier,
    /// The walk's depth.
    Depth,
    /// The walk's number of nodes.
    Nodes,
    /// The walk's bytes.
    Walk,
}

/// Causes a person can act on; each has its exit code, shared by `imdsctl` and the boot images.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Cause {
    /// Anything else.
    Other,
    /// A usage error or a bad setting.
    Usage,
    /// There is no such key (404).
    Absent,
    /// This machine is not an EC2 instance.
    NotOnEc2,
    /// The service is turned off, or forbids this.
    TurnedOff,
    /// Connected, but the token request stays unanswered.
    TokenNoReply,
    /// Refused, no route, or no connection in time.
    Unreachable,
    /// Throttled until the budget was spent.
    Throttled,
    /// Not a metadata service, or an answer that cannot be used.
    NotImds,
    /// Disabled by configuration.
    Disabled,
    /// The EC2 API denied or failed.
    Api,
    /// Rendering, checking or reloading failed.
    Render,
    /// A deadline passed in the middle of an answer.
    Deadline,
}

impl Cause {
    /// The exit status of a program that ends for this cause.
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Other => 1,
            Self::Usage => 2,
            Self::Absent => 3,
            Self::NotOnEc2 => 4,
            Self::TurnedOff => 5,
            Self::TokenNoReply => 6,
            Self::Unreachable => 7,
            Self::Throttled => 8,
            Self::NotImds => 9,
            Self::Disabled => 10,
            Self::Api => 11,
            Self::Render => 12,
            Self::Deadline => 13,
        }
    }

    /// The word for machines, as in `exit=6 cause=token-no-reply`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Other => "other",
            Self::Usage => "usage",
            Self::Absent => "absent",
            Self::NotOnEc2 => "not-on-ec2",
            Self::TurnedOff => "turned-off",
            Self::TokenNoReply => "token-no-reply",
            Self::Unreachable => "unreachable",
            Self::Throttled => "throttled",
            Self::NotImds => "not-imds",
            Self::Disabled => "disabled",
            Self::Api => "api",
            Self::Render => "render",
            Self::Deadline => "deadline",
        }
    }

    /// The sentence for people.
    pub const fn explain(self) -> &'static str {
        match self {
            Self::Other => "the request failed",
            Self::Usage => "the request or a setting is not valid",
            Self::Absent => "there is no such metadata key",
            Self::NotOnEc2 => "this machine is not an EC2 instance",
            Self::TurnedOff => "the metadata service is turned off or forbids the request",
            Self::TokenNoReply => {
                "connected, but the token request got no reply; \
                 the hop limit of the instance is probably too small for this place"
            }
            Self::Unreachable => "the metadata service cannot be reached",
            Self::Throttled => "the metadata service is throttling requests",
            Self::NotImds => "what answered is not a usable metadata service",
            Self::Disabled => "metadata access is disabled by configuration",
            Self::Api => "the EC2 API denied the request or failed",
            Self::Render => "rendering, checking or reloading failed",
            Self::Deadline => "time ran out in the middle of an answer",
        }
    }

    /// How bad a cause is for a walk that met several: the order 5 6 7 8 13 9, then the rest.
    pub const fn severity(self) -> u8 {
        match self {
            Self::TurnedOff => 7,
            Self::TokenNoReply => 6,
            Self::Unreachable => 5,
            Self::Throttled => 4,
            Self::Deadline => 3,
            Self::NotImds => 2,
            Self::Other
            | Self::Usage
            | Self::NotOnEc2
            | Self::Disabled
            | Self::Api
            | Self::Render => 1,
            Self::Absent => 0,
        }
    }
}

impl From<Misuse> for Error {
    fn from(misuse: Misuse) -> Self {
        Self::Misuse(misuse)
    }
}

impl Error {
    /// The cause a person can act on.
    pub const fn cause(self) -> Cause {
        match self {
            Self::Misuse(_) | Self::NotADirectory | Self::TooLarge(What::Request) => Cause::Usage,
            Self::Transport(Phase::Connect, _) | Self::Timeout(Reason::Connect) => {
                Cause::Unreachable
            }
            Self::Transport(Phase::TokenReply, _) | Self::Timeout(Reason::TokenReply) => {
                Cause::TokenNoReply
            }
            Self::Transport(Phase::FirstByte, _) => Cause::Unreachable,
            Self::Transport(Phase::Body, _) | Self::TooLarge(_) => Cause::NotImds,
            Self::Timeout(_) => Cause::Deadline,
            Self::Peer(peer) => peer.cause(),
        }
    }
}

impl Peer {
    const fn cause(self) -> Cause {
        match self {
            Self::TurnedOff | Self::Forbidden => Cause::TurnedOff,
            Self::Throttled(_) => Cause::Throttled,
            Self::Status(_) | Self::ListingChanged => Cause::Other,
            Self::NoTokens(_)
            | Self::NoTtl
            | Self::BadTtl(_)
            | Self::BadToken(_)
            | Self::TokenRejected
            | Self::Redirect(_)
            | Self::Html
            | Self::PartialContent
            | Self::Http(_)
            | Self::NotUtf8
            | Self::Truncated => Cause::NotImds,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Misuse(misuse) => misuse.fmt(f),
            Self::Peer(peer) => peer.fmt(f),
            Self::Transport(phase, fault) => write!(f, "{} {}", fault.explain(), phase.explain()),
            Self::Timeout(reason) => f.write_str(reason.explain()),
            Self::TooLarge(what) => f.write_str(what.explain()),
            Self::NotADirectory => f.write_str("this is a value, not a directory"),
        }
    }
}

impl core::error::Error for Misuse {}

impl core::error::Error for Error {}

impl fmt::Display for Misuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Path(error) => error.explain(),
            Self::TooManyOperations => "too many operations are under way",
            Self::TooManyWalks => "too many walks are under way",
            Self::OutOfOrder => "the event does not answer what was wanted",
            Self::TooManyBytes => "the event claims more bytes than were offered",
            Self::HostNameNeedsResolver => {
                "the endpoint is a host name, and there is no resolver here"
            }
        })
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TurnedOff => f.write_str("403 to the token request: the service is turned off"),
            Self::Forbidden => f.write_str("403: the service forbids the request"),
            Self::NoTokens(status) => {
                write!(
                    f,
                    "{status} to the token request: IMDSv2 is not spoken here"
                )
            }
            Self::NoTtl => f.write_str("the token came without its TTL header"),
            Self::BadTtl(BadTtl::NotDecimal) => f.write_str("the token's TTL is not a number"),
            Self::BadTtl(BadTtl::TooLong) => f.write_str("the token's TTL is above 21600 seconds"),
            Self::BadTtl(BadTtl::Repeated) => f.write_str("the token's TTL stands more than once"),
            Self::BadToken(BadToken::Empty) => f.write_str("the token is empty"),
            Self::BadToken(BadToken::IllegalByte) => {
                f.write_str("the token holds a byte that no header can carry")
            }
            Self::TokenRejected => f.write_str("401 with a token that was just issued"),
            Self::Throttled(status) => write!(f, "{status}: the service is throttling"),
            Self::Redirect(status) => write!(f, "{status}: a redirect to somewhere else"),
            Self::Html => f.write_str("an HTML page where metadata should be"),
            Self::PartialContent => f.write_str("206: only a part of the value came"),
            Self::Status(status) => write!(f, "status {status}"),
            Self::Http(error) => f.write_str(error.explain()),
            Self::Truncated => f.write_str("the connection ended in the middle of the answer"),
            Self::NotUtf8 => f.write_str("the value is not UTF-8 text"),
            Self::ListingChanged => f.write_str("a large listing changed while it was being read"),
        }
    }
}

impl Fault {
    /// The fault as a phrase.
    pub const fn explain(self) -> &'static str {
        match self {
            Self::Refused => "connection refused",
            Self::Unreachable => "no route",
            Self::LinkLocalSource => "the only source address is link-local, which EC2 ignores",
            Self::Denied => "forbidden by a local rule",
            Self::Reset => "connection reset",
            Self::Closed => "connection closed",
            Self::TimedOut => "connection timed out",
            Self::NameNotFound => "the host name does not resolve",
            Self::Other => "connection failed",
        }
    }
}

impl Phase {
    /// The phase as a phrase that follows a fault.
    pub const fn explain(self) -> &'static str {
        match self {
            Self::Connect => "while connecting",
            Self::TokenReply => "before a reply to the token request",
            Self::FirstByte => "before a reply",
            Self::Body => "in the middle of the answer",
        }
    }
}

impl Reason {
    /// What did not happen in time, as a phrase.
    pub const fn explain(self) -> &'static str {
        match self {
            Self::Connect => "no connection in time",
            Self::TokenReply => "connected, but no reply to the token request in time",
            Self::FirstByte => "connected, but no reply in time",
            Self::BodyIdle => "the answer stalled",
            Self::Operation => "time for the operation ran out",
            Self::Backoff => "waiting before another attempt",
            Self::Pace => "waiting for the request budget",
        }
    }
}

impl What {
    /// What was too large, as a phrase.
    pub const fn explain(self) -> &'static str {
        match self {
            Self::Request => "the request is too large for the window",
            Self::Head => "the head of the answer is too large",
            Self::Token => "the token is too large",
            Self::Value => "the value is larger than the limit",
            Self::Frontier => "the directory does not fit the walk's memory",
            Self::Depth => "the tree is deeper than the limit",
            Self::Nodes => "the tree has more nodes than the limit",
            Self::Walk => "the tree has more bytes than the limit",
        }
    }
}

/// What an operating system's error means. `WouldBlock` and `Interrupted` are no faults.
#[cfg(feature = "std")]
impl From<std::io::ErrorKind> for Fault {
    fn from(kind: std::io::ErrorKind) -> Self {
        use std::io::ErrorKind as K;
        #[expect(clippy::wildcard_enum_match_arm, reason = "the system has many more")]
        match kind {
            K::ConnectionRefused => Self::Refused,
            // No address of this family: the same as no route to it.
            K::HostUnreachable | K::NetworkUnreachable | K::NetworkDown | K::AddrNotAvailable => {
                Self::Unreachable
            }
            K::PermissionDenied => Self::Denied,
            K::ConnectionReset | K::ConnectionAborted | K::BrokenPipe => Self::Reset,
            K::UnexpectedEof => Self::Closed,
            K::TimedOut => Self::TimedOut,
            _ => Self::Other,
        }
    }
}
