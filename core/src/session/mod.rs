//! What lanes share: the token, the operations, the walks, the pace; and every policy.
//!
//! - here: the front for callers, and the order in which a lane is served
//! - `assign`: which work a lane gets next
//! - `request`: requests written
//! - `judge`: heads judged
//! - `lines`: listings taken apart
//! - `conclude`: exchanges concluded; `fetch` for the token's, `v1` for reads without one
//! - `ops`: the table of operations and walks

mod assign;
mod conclude;
mod fetch;
mod judge;
mod lines;
mod ops;
#[cfg(test)]
mod properties;
mod request;
mod v1;

use core::fmt;

pub(crate) use self::ops::Tries;
use self::ops::{Kind, Op, OpState, Start, Walk};
use self::v1::V1;
use crate::client::{OpId, Reply, Route};
use crate::config::{Config, Target};
use crate::error::{Error, Fault, Misuse, Phase, Reason};
use crate::lane::{Buffer, CloseReason, Job, Lane, State};
use crate::pace::Budget;
use crate::path::{self, MAX_PATH, PathError};
use crate::rng::Rng;
use crate::time::Instant;
use crate::token::Token;
use crate::walk::Options;
use crate::walk::listing;

/// What the lanes of a client share.
///
/// `A` is the arena of a walk, `WALKS` how many there may be at once, `OPS` how many operations
/// of any kind (at most 255), `TOKEN` the longest token.
pub struct Session<A: Buffer, const OPS: usize, const WALKS: usize, const TOKEN: usize> {
    config: Config,
    rng: Rng,
    /// The latest instant seen.
    now: Instant,
    token: Token<TOKEN>,
    fetch: Fetch,
    v1: V1,
    ops: [Op; OPS],
    walks: [Walk<A>; WALKS],
    /// Numbers operations in the order they came.
    sequence: u32,
    pace: Option<Budget>,
    /// The default endpoint that gave the first token: the second?
    pinned: Option<bool>,
    changed: bool,
    /// Counts fresh connections that were refused or reset: the server may have a limit.
    crowded: u8,
    counters: Counters,
}

/// The earliest of several instants, and what happens then. Of equal ones the first counts.
struct Earliest(Option<(Instant, Reason)>);

impl Earliest {
    fn or(&mut self, at: Instant, reason: Reason) {
        if self.0.is_none_or(|(earliest, _)| at < earliest) {
            self.0 = Some((at, reason));
        }
    }
}

/// The token request.
#[derive(Clone, Copy, Debug)]
struct Fetch {
    /// The lane that has it, and whether it is connected.
    lane: Option<(u8, bool)>,
    attempts: u8,
    not_before: Instant,
    /// The last failure that led to another attempt.
    last: Option<Error>,
}

/// What happened so far, for metrics and tests. All counts wrap.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct Counters {
    /// Requests sent, token requests included.
    pub requests: u32,
    /// Token requests sent.
    pub token_requests: u32,
    /// Attempts after the first.
    pub retries: u32,
    /// Answers 429 and 503.
    pub throttled: u32,
    /// Times that reads began to go without a token.
    pub v1_fallbacks: u32,
    /// Connections asked for.
    pub connections: u32,
}

impl<A: Buffer, const OPS: usize, const WALKS: usize, const TOKEN: usize>
    Session<A, OPS, WALKS, TOKEN>
{
    /// A session with these settings; each arena serves one walk at a time.
    #[inline]
    pub fn new(config: Config, arenas: [A; WALKS]) -> Self {
        const { assert!(OPS >= 1 && OPS <= 255 && TOKEN >= 56) }
        Self {
            rng: Rng::new(config.seed),
            now: Instant::ZERO,
            token: Token::none(),
            fetch: Fetch {
                lane: None,
                attempts: 0,
                not_before: Instant::ZERO,
                last: None,
            },
            v1: V1::Off,
            ops: core::array::from_fn(|_| Op::FREE),
            walks: arenas.map(Walk::new),
            sequence: 0,
            pace: config.pace.map(Budget::new),
            pinned: None,
            changed: false,
            crowded: 0,
            counters: Counters::default(),
            config,
        }
    }

    /// Begins to read one value. Its chunks are [`Want::Leaf`](crate::Want::Leaf) with this id.
    ///
    /// # Errors
    /// [`Misuse`], for a path that cannot be asked for, or too many operations.
    pub fn get(&mut self, now: Instant, path: &str) -> Result<OpId, Misuse> {
        self.start(now, path, Kind::Get)
    }

    /// Begins to read the listing of a directory. The value is the listing's text.
    ///
    /// A path that its parent lists as a leaf ends with [`Error::NotADirectory`].
    ///
    /// # Errors
    /// [`Misuse`], for a path that cannot be asked for, or too many operations.
    pub fn list(&mut self, now: Instant, path: &str) -> Result<OpId, Misuse> {
        self.start(now, path, Kind::List)
    }

    /// Begins a walk of the tree at `path`, which may be a leaf too.
    ///
    /// # Errors
    /// [`Misuse`], for a path that cannot be asked for, or too many operations or walks.
    pub fn walk(&mut self, now: Instant, path: &str, options: Options) -> Result<OpId, Misuse> {
        let walk = self
            .walks
            .iter()
            .position(|w| w.op.is_none())
            .ok_or(Misuse::TooManyWalks)?;
        let op = self.start(now, path, Kind::Walk(walk))?;
        if let Some(walk) = self.walk_of(op) {
            walk.begin(op, path, options);
        }
        Ok(op)
    }

    /// Ends an operation at any time; it is not heard of again. Unknown ids are ignored.
    pub fn cancel(&mut self, op: OpId) {
        // One that has ended and was not told of is cancelled too.
        self.free(op);
        self.changed = true;
    }

    /// No lane takes nodes of this walk until [`resume`](Self::resume): for callers that do not
    /// take leaves at the moment.
    pub fn pause(&mut self, op: OpId) {
        if let Some(walk) = self.walk_of(op) {
            walk.paused = true;
        }
    }

    /// Undoes [`pause`](Self::pause).
    pub fn resume(&mut self, op: OpId) {
        if let Some(walk) = self.walk_of(op) {
            self.changed |= core::mem::take(&mut walk.paused);
        }
    }

    /// An operation that has ended, each once. Its id is void from here on.
    pub fn next_done(&mut self) -> Option<(OpId, Result<Reply, Error>)> {
        let mut ops = self.ops.iter().enumerate();
        let done = ops.find_map(|(slot, op)| match op.state {
            OpState::Done(result) => Some((op.id(slot), result)),
            OpState::Free | OpState::Waiting | OpState::Active { .. } => None,
        })?;
        self.free(done.0);
        Some(done)
    }

    /// Serves a lane: gives it work, writes its request, judges its answer, until it has to wait
    /// for its driver or for something to happen. [`Lane::poll`] then says what it wants; `None`
    /// means nothing, unless this answers that the lane's state has changed: then serve it again,
    /// after a look at its connection if it is kept.
    pub fn serve<B: Buffer>(&mut self, now: Instant, lane: &mut Lane<B>) -> bool {
        let now = self.clamp(now);
        lane.see(now);
        self.expire(now);
        let mut served = self.drop_void(lane);
        // Each turn moves the lane on: bounded by the states an exchange has, and by the names
        // in a window.
        while lane.poll().is_none() {
            let moved = match lane.state {
                State::Idle => self.assign(now, lane),
                State::Connected => self.request(now, lane),
                State::Head(head) => self.judge(lane, &head),
                State::Offering { .. } => self.clear_offer(now, lane),
                State::Lines { last } => self.lines(now, lane, last),
                State::Ended(result) => self.conclude(now, lane, result),
                State::Connecting
                | State::Sending { .. }
                | State::Receiving
                | State::BadLine { .. }
                | State::Report(_) => false,
            };
            if !moved {
                break;
            }
            served = true;
            // A kept connection is looked at before it is used again.
            if lane.is_idle() && lane.is_connected() {
                break;
            }
        }
        // Where connections are scarce, one that is kept without need may be what others lack.
        if !served
            && core::mem::replace(&mut lane.crowded, self.crowded) != self.crowded
            && lane.is_idle()
            && lane.is_connected()
        {
            lane.spend(CloseReason::Scarce);
            served = true;
        }
        served
    }

    /// When to serve this lane again even if nothing happens, and why.
    pub fn deadline<B: Buffer>(&self, lane: &Lane<B>) -> Option<(Instant, Reason)> {
        let mut first = Earliest(lane.deadline());
        if lane.is_idle() || lane.wants_floor() {
            self.next_work(lane, &mut first);
        }
        for op in self.ops.iter().filter(|op| op.is_live()) {
            if let Some(at) = op.deadline {
                first.or(at, Reason::Operation);
            }
        }
        first.0
    }

    /// Ends operations whose time is up: for drivers that have no lane to serve at the moment.
    pub fn handle_deadline(&mut self, now: Instant) {
        let now = self.clamp(now);
        self.expire(now);
    }

    /// When the time of an operation is up.
    pub fn op_deadline(&self, op: OpId) -> Option<Instant> {
        self.op(op)?.deadline
    }

    /// Did anything change, since this was last asked, that may concern other lanes than the one
    /// served? Then serve them too.
    pub fn take_changed(&mut self) -> bool {
        core::mem::take(&mut self.changed)
    }

    /// Is the exchange of this lane, or the report that it offers, of use to an operation that
    /// someone waits for? A driver that goes away leaves such a lane to another driver, and
    /// [abandons](Self::abandon) others.
    pub fn is_wanted<B: Buffer>(&self, lane: &Lane<B>) -> bool {
        match lane.job {
            Job::None => lane.node.as_ref().is_some_and(|n| self.op(n.op).is_some()),
            Job::Token(_) => self
                .ops
                .iter()
                .any(|op| op.is_live() && !self.is_paused(op)),
            Job::Read(op) | Job::Classify(op) | Job::Node(op) => self.op(op).is_some(),
        }
    }

    /// Breaks off a lane's exchange; what it was for is open again. The lane wants `Close` next.
    pub fn abandon<B: Buffer>(&mut self, lane: &mut Lane<B>) {
        // What has come to its end is concluded, or it would be delivered twice.
        if let State::Ended(result) = lane.state {
            self.conclude(self.now, lane, result);
            return;
        }
        let restart = lane.was_taken_from();
        match lane.job {
            // A report that was not taken: the node is looked at again, and read if it may be.
            Job::None if matches!(lane.state, State::Report(_)) => self.begin_anew(lane),
            Job::None => return,
            Job::Token(_) => self.fetch.lane = None,
            Job::Read(op) | Job::Classify(op) => {
                if let Some(op) = self.op_mut(op) {
                    op.state = OpState::Waiting;
                    op.tries.restart |= restart;
                }
            }
            Job::Node(op) => {
                self.release_listing(op, lane);
                if let (State::BadLine { .. }, Some(node)) = (lane.state, &lane.node)
                    && let Some(walk) = self.walk_of(op)
                {
                    walk.frontier.take_back_bad(&node.path);
                }
                self.begin_anew(lane);
            }
        }
        lane.drop_exchange();
        self.changed = true;
    }

    /// The lane's node begins anew: it says so if chunks of it were taken, and else it gives the floor
    /// up.
    fn begin_anew<B: Buffer>(&mut self, lane: &mut Lane<B>) {
        let restart = lane.was_taken_from();
        let Some(node) = &mut lane.node else { return };
        node.tries.restart |= restart;
        if !node.tries.restart
            && let Some(walk) = self.walk_of(node.op)
            && walk.floor == Some(lane.id)
        {
            walk.floor = None;
        }
    }

    /// Where to connect.
    pub fn route(&self) -> Route {
        match self.pinned {
            None if matches!(self.config.target, Target::Auto) => Route {
                first: self.config.endpoint(false).clone(),
                second: Some(self.config.endpoint(true).clone()),
            },
            pinned => Route {
                first: self.config.endpoint(pinned == Some(true)).clone(),
                second: None,
            },
        }
    }

    /// The settings.
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// What happened so far.
    pub const fn counters(&self) -> Counters {
        self.counters
    }

    /// Are reads going without a token now?
    pub const fn is_v1(&self) -> bool {
        matches!(self.v1, V1::On { .. })
    }

    fn clamp(&mut self, now: Instant) -> Instant {
        self.now = self.now.max(now);
        self.now
    }

    fn start(&mut self, now: Instant, path: &str, kind: Kind) -> Result<OpId, Misuse> {
        path::validate(path).map_err(Misuse::Path)?;
        let now = self.clamp(now);
        let is_first = self.fetch.lane.is_none() && !self.ops.iter().any(Op::is_live);
        let mut ops = self.ops.iter_mut().enumerate();
        let (slot, op) = ops
            .find(|(_, op)| matches!(op.state, OpState::Free))
            .ok_or(Misuse::TooManyOperations)?;
        let start = match kind {
            Kind::Get => Start::Known { directory: false },
            Kind::List | Kind::Walk(_) => match listing::known(path) {
                Some(directory) => Start::Known { directory },
                None => Start::Ask {
                    slash: path.ends_with('/'),
                },
            },
        };
        let path = match path.strip_suffix('/') {
            Some(bare) if kind != Kind::Get && !bare.is_empty() => bare,
            None if kind != Kind::Get && path.len() == MAX_PATH => {
                // No room for the slash of its listing.
                return Err(Misuse::Path(PathError::TooLong));
            }
            _ => path,
        };
        if is_first {
            // Attempts were made for operations that are no more.
            self.fetch.attempts = 0;
            self.fetch.last = None;
        }
        self.sequence = self.sequence.wrapping_add(1);
        op.state = OpState::Waiting;
        op.kind = kind;
        path::set(&mut op.path, path);
        op.start = start;
        op.found = None;
        op.sequence = self.sequence;
        op.tries = Tries::NONE;
        op.last = None;
        op.deadline = match kind {
            Kind::Walk(_) => None,
            Kind::Get | Kind::List => self.config.timeouts.operation.map(|d| now + d),
        };
        let id = op.id(slot);
        if kind == Kind::List && start == (Start::Known { directory: false }) {
            // `/<version>/user-data`: there is nothing to ask.
            self.finish(id, Err(Error::NotADirectory));
        }
        self.changed = true;
        Ok(id)
    }

    /// Ends operations whose time is up.
    fn expire(&mut self, now: Instant) {
        for slot in 0..OPS {
            let op = &self.ops[slot];
            if op.is_live() && op.deadline.is_some_and(|at| at <= now) {
                // What it was waiting for says more than that it waited.
                let error = op.last.unwrap_or_else(|| self.waited_for(op));
                self.ops[slot].state = OpState::Done(Err(error));
                self.changed = true;
            }
        }
    }

    /// What an operation that never failed was waiting for when its time ran out.
    fn waited_for(&self, op: &Op) -> Error {
        match (op.state, self.fetch.lane) {
            (OpState::Waiting, Some((_, true))) => Error::Timeout(Reason::TokenReply),
            (OpState::Waiting, Some((_, false))) => Error::Timeout(Reason::Connect),
            (OpState::Waiting, None) => {
                self.fetch.last.unwrap_or(Error::Timeout(Reason::Operation))
            }
            (OpState::Active { connected: false }, _) => {
                Error::Transport(Phase::Connect, Fault::TimedOut)
            }
            _ => Error::Timeout(Reason::Operation),
        }
    }

    /// Takes from a lane whatever belongs to an operation that is no more.
    fn drop_void<B: Buffer>(&mut self, lane: &mut Lane<B>) -> bool {
        let gone = |op: OpId| self.op(op).is_none();
        let node_gone = lane.node.as_ref().is_some_and(|node| gone(node.op));
        let exchange_gone =
            lane.op().is_some_and(gone) || (node_gone && matches!(lane.state, State::Report(_)));
        if node_gone {
            lane.node = None;
        }
        if exchange_gone {
            lane.drop_exchange();
        }
        node_gone || exchange_gone
    }
}

impl<A: Buffer, const OPS: usize, const WALKS: usize, const TOKEN: usize> fmt::Debug
    for Session<A, OPS, WALKS, TOKEN>
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("token", &self.token)
            .field("counters", &self.counters)
            .finish_non_exhaustive()
    }
}
