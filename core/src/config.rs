//! Every setting the protocol knows, with its default.

use core::time::Duration;

use crate::endpoint::Endpoint;

/// Where to find the service.
#[derive(Clone, PartialEq, Eq, Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "no allocation: the endpoint is inline"
)]
pub enum Target {
    /// The IPv4 address; after a short head start, or at once if there is no route, the IPv6
    /// address beside it. The first token wins and its address is used from then on.
    Auto,
    /// This endpoint.
    One(Endpoint),
}

/// How long each phase may take.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Timeouts {
    /// Until the connection stands; of two addresses, for each.
    pub connect: Duration,
    /// From the connection, or the end of the previous answer, to the first byte.
    pub first_byte: Duration,
    /// Between two reads of an answer.
    pub body_idle: Duration,
    /// A whole get or listing, attempts and pauses included. A walk has no such limit.
    pub operation: Option<Duration>,
}

impl Timeouts {
    /// For stacks without an operating system, to begin with: ten times as long to connect as by
    /// default. The first connection waits for address resolution, and small stacks repeat what
    /// was lost, a request for an address or a segment, after a second only.
    pub const WITHOUT_OS: Self = {
        let phase = Duration::from_millis(2500);
        Self {
            connect: phase,
            first_byte: phase,
            body_idle: phase,
            operation: Some(Duration::from_secs(30)),
        }
    };

    pub(crate) const NONE: Self = Self {
        connect: Duration::MAX,
        first_byte: Duration::MAX,
        body_idle: Duration::MAX,
        operation: None,
    };
}

/// A request budget for walks: EC2 gives all link-local services of an interface together
/// 1024 packets a second (facts §1.11).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pace {
    /// Requests that may go out at once.
    pub burst: u16,
    /// Requests a second after that.
    pub per_second: u16,
}

/// Bounds on what a server can make the client take.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Bytes of one value.
    pub value: u32,
    /// Levels below the start of a walk.
    pub depth: u8,
    /// Nodes of a walk.
    pub nodes: u32,
    /// Bytes of all values of a walk.
    pub walk: u32,
    /// Longest `Retry-After` that an operation without a deadline waits for.
    pub retry_after: Duration,
}

/// The settings of a session.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Config {
    /// Where to find the service.
    pub target: Target,
    /// How long each phase may take.
    pub timeouts: Timeouts,
    /// Attempts for each request; 0 counts as 1.
    pub attempts: u8,
    /// First pause between attempts; it doubles with each.
    pub backoff_base: Duration,
    /// Longest pause between attempts.
    pub backoff_cap: Duration,
    /// Token life to ask for, in seconds; clamped to 1–21600.
    pub token_ttl: u16,
    /// Read without a token where the token request is answered 403, 404 or 405.
    pub allow_v1: bool,
    /// The walks' request budget.
    pub pace: Option<Pace>,
    /// Bounds on what a server can make the client take.
    pub limits: Limits,
    /// Spreads retries. Any number will do; equal seeds give equal pauses. Adapters for operating
    /// systems draw one in place of 0.
    pub seed: u64,
}

/// Head start of the IPv4 address over the IPv6 address beside it ([`Target::Auto`]).
pub const HEAD_START: Duration = Duration::from_millis(250);

/// The longest token life, in seconds (facts §1.2).
pub const MAX_TOKEN_TTL: u16 = 21600;

impl Default for Config {
    fn default() -> Self {
        Self::new(Target::Auto)
    }
}

impl Config {
    /// The defaults, for this target.
    pub const fn new(target: Target) -> Self {
        Self {
            target,
            timeouts: Timeouts {
                connect: Duration::from_millis(250),
                first_byte: Duration::from_secs(1),
                body_idle: Duration::from_secs(1),
                operation: Some(Duration::from_secs(5)),
            },
            attempts: 3,
            backoff_base: Duration::from_millis(50),
            backoff_cap: Duration::from_secs(1),
            token_ttl: MAX_TOKEN_TTL,
            allow_v1: false,
            pace: Some(Pace {
                burst: 96,
                per_second: 96,
            }),
            limits: Limits {
                value: 64 * 1024,
                depth: 12,
                nodes: 20_000,
                walk: 16 * 1024 * 1024,
                retry_after: Duration::from_secs(30),
            },
            seed: 0,
        }
    }
}
