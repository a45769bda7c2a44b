//! The whole instance: configuration, faults, connections, log.

use core::{fmt, time::Duration};

use crate::{
    Connection, Exchange, Fault, Profile, TokenUse, Tokens, Tree, TtlOverride,
    fault::{Effect, Substitute},
    outcome::{self, Outcome, Then},
    request::{Request, Segments},
    respond::{self, Answer, Call, Instance, KeepAlive},
    token::TokenDesk,
};

/// The log forgets its older half when it holds this many entries, so that a server may run for weeks.
const LOG: usize = 65_536;

/// Firecracker serves no more connections at once (facts §9.3).
const MMDS_CONNECTIONS: usize = 30;

/// A metadata server: its data, tokens, faults and log. It reads no clock and opens no socket: every call says what
/// time it is, as a duration since the mock began.
///
/// Configured by value (`Mock::new(..).tokens(..).fault(..)`), then driven through [`Mock::connect`].
pub struct Mock {
    instance: Instance,
    faults: Vec<Fault>,
    log: Vec<Exchange>,
    seen: u64,
    opened: u64,
    open: usize,
    peak: usize,
    limit: Option<usize>,
    skew: Duration,
}

impl Mock {
    /// A server of this kind with the [built-in](Tree::built_in) instance, tokens required.
    #[must_use]
    pub fn new(profile: Profile) -> Self {
        Self {
            instance: Instance {
                profile,
                tokens: Tokens::Required,
                desk: TokenDesk::new(),
                tree: if profile == Profile::Mmds {
                    Tree::built_in_mmds()
                } else {
                    Tree::built_in()
                },
                keep_alive: KeepAlive::Natural,
                epoch: None,
                imds_compat: false,
                reset_after: None,
            },
            faults: Vec::new(),
            log: Vec::new(),
            seen: 0,
            opened: 0,
            open: 0,
            peak: 0,
            limit: (profile == Profile::Mmds).then_some(MMDS_CONNECTIONS),
            skew: Duration::ZERO,
        }
    }

    /// Whether requests without a token are served. On `mmds`, `Optional` is its version `V1`: tokens are issued and
    /// not looked at.
    #[must_use]
    pub fn tokens(mut self, tokens: Tokens) -> Self {
        self.instance.tokens = tokens;
        self
    }

    /// Serves these data.
    #[must_use]
    pub fn tree(mut self, tree: Tree) -> Self {
        self.instance.tree = tree;
        self
    }

    /// Decides what the tokens are.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.instance.desk.seed = seed;
        self
    }

    /// The Unix time at `now` = 0, for the dates in headers and documents. Without it a socket front end takes the wall
    /// clock, and in memory it is [`DEFAULT_EPOCH`](crate::DEFAULT_EPOCH).
    #[must_use]
    pub fn epoch(mut self, unix: u64) -> Self {
        self.instance.epoch = Some(unix);
        self
    }

    /// The longest life a token may be asked for; more is 400. EC2: 21600 seconds (facts §1.2).
    #[must_use]
    pub fn max_token_ttl(mut self, seconds: u32) -> Self {
        self.instance.desk.longest = seconds;
        self
    }

    /// What the PUT says about a token's life.
    #[must_use]
    pub fn token_ttl_override(mut self, ttl: TtlOverride) -> Self {
        self.instance.desk.ttl = ttl;
        self
    }

    /// Closes behind every answer, asked to keep alive or not. No effect on `mmds`, which never closes first.
    #[must_use]
    pub fn always_close(mut self, yes: bool) -> Self {
        self.instance.keep_alive = if yes {
            KeepAlive::Never
        } else {
            KeepAlive::Natural
        };
        self
    }

    /// Never closes first, asked to keep alive or not.
    #[must_use]
    pub fn never_close(mut self, yes: bool) -> Self {
        self.instance.keep_alive = if yes {
            KeepAlive::Always
        } else {
            KeepAlive::Natural
        };
        self
    }

    /// Resets a connection that has been kept in silence this long: by `hop-limited`, or by a fault that stalls. A
    /// network with too few hops does so in the end (facts §1.10).
    #[must_use]
    pub fn reset_after(mut self, silence: Duration) -> Self {
        self.instance.reset_after = Some(silence);
        self
    }

    /// Resets every connection beyond so many at once. There is a limit on EC2 too, of unknown size (facts §1.7);
    /// `mmds` has 30. Unlike Firecracker's, an idle connection is never given up for a new one.
    #[must_use]
    pub fn max_connections(mut self, limit: usize) -> Self {
        self.limit = Some(limit);
        self
    }

    /// `mmds`: always answers as text, though labelled as `Accept` asks (facts §9.2).
    #[must_use]
    pub fn imds_compat(mut self, yes: bool) -> Self {
        self.instance.imds_compat = yes;
        self
    }

    /// Adds a failure.
    #[must_use]
    pub fn fault(mut self, fault: Fault) -> Self {
        self.push_fault(fault);
        self
    }

    /// Adds a failure to a running server.
    pub fn push_fault(&mut self, fault: Fault) {
        self.faults.push(fault);
    }

    /// How often each failure has acted so far, in the order they were added.
    pub fn strikes(&self) -> impl Iterator<Item = u32> {
        self.faults.iter().map(|fault| fault.struck)
    }

    /// Takes all failures away.
    pub fn clear_faults(&mut self) {
        self.faults.clear();
    }

    /// Switches a running server to other terms, as `ModifyInstanceMetadataOptions` does.
    pub fn set_tokens(&mut self, tokens: Tokens) {
        self.instance.tokens = tokens;
    }

    /// Turns a running server into one of another kind; data, tokens and connections stay.
    pub fn set_profile(&mut self, profile: Profile) {
        self.instance.profile = profile;
    }

    /// Ends every live token: each becomes 401.
    pub fn revoke_tokens(&mut self) {
        self.instance.desk.revoke_all();
    }

    /// How many tokens were ever issued.
    #[must_use]
    pub fn tokens_issued(&self) -> u64 {
        self.instance.desk.issued()
    }

    /// Lets time pass at once: everything happens this much later from now on. So a token ends without waiting, behind
    /// a real socket too.
    pub fn advance(&mut self, by: Duration) {
        self.skew = self.skew.saturating_add(by);
    }

    /// The kind of server.
    #[must_use]
    pub fn profile(&self) -> Profile {
        self.instance.profile
    }

    /// The data it serves.
    #[must_use]
    pub fn data(&self) -> &Tree {
        &self.instance.tree
    }

    /// The data, to change: a tag is set, a spot notice appears.
    pub fn data_mut(&mut self) -> &mut Tree {
        &mut self.instance.tree
    }

    /// The Unix time that its dates say at this moment.
    #[must_use]
    pub fn unix(&self, now: Duration) -> u64 {
        self.instance.unix(self.skewed(now))
    }

    /// Every request so far, oldest first. Beyond 65536 the older half is forgotten.
    #[must_use]
    pub fn log(&self) -> &[Exchange] {
        &self.log
    }

    /// Forgets the log, and gives back its memory.
    pub fn clear_log(&mut self) {
        self.log = Vec::new();
    }

    /// Opens a connection.
    pub fn connect(&mut self, _now: Duration) -> Connection {
        let refused = self.limit.is_some_and(|limit| self.open >= limit);
        self.opened += 1;
        self.open += 1;
        self.peak = self.peak.max(self.open);
        Connection::new(self.opened, refused)
    }

    /// How many connections were ever opened.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.opened
    }

    /// The most connections that were open at once.
    #[must_use]
    pub fn peak_connections(&self) -> usize {
        self.peak
    }

    /// How many connections are open.
    #[must_use]
    pub fn open_connections(&self) -> usize {
        self.open
    }

    /// Says what the wall clock shows, unless the epoch was set before.
    #[cfg(feature = "tokio")]
    pub(crate) fn suggest_epoch(&mut self, unix: u64) {
        self.instance.epoch.get_or_insert(unix);
    }

    /// Requests ever logged, the forgotten ones too.
    #[cfg(feature = "tokio")]
    pub(crate) fn seen(&self) -> u64 {
        self.seen
    }

    pub(crate) fn disconnect(&mut self) {
        self.open = self.open.saturating_sub(1);
    }

    fn skewed(&self, now: Duration) -> Duration {
        now.saturating_add(self.skew)
    }

    fn note(&mut self, exchange: Exchange) {
        if self.log.len() >= LOG {
            self.log.drain(..LOG / 2);
        }
        self.seen += 1;
        self.log.push(exchange);
    }

    /// The outcome of a request.
    pub(crate) fn answer(&mut self, now: Duration, connection: u64, request: Request) -> Outcome {
        let now = self.skewed(now);
        let segments = Segments::decoded(request.path());
        let path = segments.display();
        let token = respond::judge(&self.instance, now, &request);
        let mut effect = self
            .faults
            .iter_mut()
            .find_map(|fault| fault.strike(&request.method, &path))
            .unwrap_or(Effect::NONE);
        let mut call = Call {
            instance: &mut self.instance,
            now,
            request: &request,
            segments: &segments,
            token,
        };
        let (status, outcome) = match effect.substitute.take() {
            Some(Substitute::Raw(bytes)) => {
                (outcome::shown_status(&bytes), Outcome::raw(bytes, &effect))
            }
            Some(Substitute::Status {
                code,
                headers,
                body,
            }) => {
                let reply = respond::injected(&call, code, &headers, &body);
                (code, Outcome::reply(reply, &effect))
            }
            substitute => match respond::respond(&mut call) {
                Answer::Silence => (0, Outcome::silence()),
                Answer::Reply(mut reply) => {
                    if let Some(Substitute::Body(body)) = substitute {
                        reply.status = 200;
                        reply.reason = if reply.reason.is_empty() { "" } else { "OK" };
                        reply.body = body;
                    }
                    (reply.status, Outcome::reply(reply, &effect))
                }
            },
        };
        self.note(Exchange {
            connection,
            method: request.method,
            path: request.target,
            headers: request.headers,
            token,
            status: if effect.hides_status() { 0 } else { status },
            at: now,
        });
        outcome
    }

    /// The outcome of bytes that are no request.
    pub(crate) fn unreadable(&mut self, now: Duration, connection: u64) -> Outcome {
        let reply = respond::unreadable(&self.instance, self.skewed(now));
        self.note_unreadable(now, connection, reply.status);
        Outcome::reply(reply, &Effect::NONE)
    }

    /// The outcome of a request beyond the server's buffer.
    pub(crate) fn oversized(&mut self, now: Duration, connection: u64) -> Outcome {
        if self.profile() != Profile::Mmds {
            return self.unreadable(now, connection);
        }
        self.note_unreadable(now, connection, 0);
        Outcome {
            then: Then::Reset,
            ..Outcome::silence()
        }
    }

    fn note_unreadable(&mut self, now: Duration, connection: u64, status: u16) {
        self.note(Exchange {
            connection,
            method: String::new(),
            path: String::new(),
            headers: Vec::new(),
            token: TokenUse::None,
            status,
            at: self.skewed(now),
        });
    }

    /// How long a connection is kept in silence.
    pub(crate) fn patience(&self) -> Option<Duration> {
        self.instance.reset_after
    }
}

impl fmt::Debug for Mock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mock")
            .field("profile", &self.instance.profile)
            .field("tokens", &self.instance.tokens)
            .field("requests", &self.seen)
            .field("open", &self.open)
            .finish_non_exhaustive()
    }
}
