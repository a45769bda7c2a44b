//! Requests written, heads judged, exchanges concluded.

use core::fmt::{self, Write};
use core::time::Duration;

use crate::client::{OpId, Reply};
use crate::error::{Error, Fault, Peer, Phase, What};
use crate::http::{self, Found, Framing, Head, Request, decimal, find};
use crate::lane::{Buffer, Job, Lane, Sink, State};
use crate::path::Encoded;
use crate::retry::{self, Disposition, Exchange, Seen, disposition};
use crate::session::ops::{Kind, OpState, Start, Tries, with_slash};
use crate::session::{Session, V1, V1_PERIOD};
use crate::time::Instant;
use crate::token::read_ttl;
use crate::walk::Why;
use crate::walk::frontier::Finished;

/// Facts §1.2.
const TOKEN_PATH: &str = "/latest/api/token";
const TTL_REQUEST: &str = "X-aws-ec2-metadata-token-ttl-seconds";
const TTL_HEADER: &str = "x-aws-ec2-metadata-token-ttl-seconds";
const TOKEN_HEADER: &str = "X-aws-ec2-metadata-token";

impl<A: Buffer, const OPS: usize, const WALKS: usize, const TOKEN: usize>
    Session<A, OPS, WALKS, TOKEN>
{
    /// Writes the request of a lane that is connected.
    pub(super) fn request<B: Buffer>(&mut self, now: Instant, lane: &mut Lane<B>) -> bool {
        let job = lane.job;
        if let Job::Token(_) = job {
            lane.job = Job::Token(now);
            self.fetch.lane = Some((lane.id, true));
            self.counters.token_requests = self.counters.token_requests.wrapping_add(1);
        } else if !self.may_read(now) {
            // The token ran out while the connection was made.
            if let Some(op) = lane.op().and_then(|op| self.op_mut(op))
                && !matches!(op.kind, Kind::Walk(_) if matches!(job, Job::Node(_)))
            {
                op.state = OpState::Waiting;
            }
            lane.rest();
            return true;
        }
        let written = match job {
            Job::Token(_) => {
                let endpoint = self.config.endpoint(lane.second);
                let ttl = self.config.token_ttl.clamp(1, crate::config::MAX_TOKEN_TTL);
                http::write(
                    lane.request_buffer(),
                    &Request {
                        method: "PUT",
                        prefix: endpoint.prefix(),
                        target: &TOKEN_PATH,
                        host: &endpoint.authority(),
                        header: Some((TTL_REQUEST, &ttl)),
                        empty_body: true,
                    },
                )
                .map(|len| (len, None))
            }
            Job::None | Job::Read(_) | Job::Classify(_) | Job::Node(_) => {
                self.write_read(lane, job)
            }
        };
        match written {
            Some((len, generation)) => {
                self.counters.requests = self.counters.requests.wrapping_add(1);
                lane.begin_request(now, len, generation);
            }
            None => lane.end(Err(Error::TooLarge(What::Request))),
        }
        true
    }

    /// Walks, and only walks, are paced.
    pub(super) fn spend_pace(&mut self, now: Instant, job: Job) {
        let walking = match job {
            Job::Node(_) => true,
            Job::Classify(op) => self.walk_index(op).is_some(),
            Job::None | Job::Token(_) | Job::Read(_) => false,
        };
        if walking && let Some(budget) = &mut self.pace {
            budget.take(now);
        }
    }

    fn write_read<B: Buffer>(
        &mut self,
        lane: &mut Lane<B>,
        job: Job,
    ) -> Option<(usize, Option<u32>)> {
        let generation = (self.v1 == V1::Off).then(|| self.token.mark_used());
        if let Some(op) = lane.op().and_then(|op| self.op_mut(op))
            && let OpState::Active { connected } = &mut op.state
        {
            *connected = true;
        }
        let node_path;
        let target = match job {
            Job::Node(_) => {
                let node = lane.node.as_ref()?;
                node_path = node.path.clone();
                Target {
                    path: &node_path,
                    slash: node.tries.slash,
                }
            }
            Job::Classify(id) => Target {
                path: Self::classify_dir(&self.op(id)?.path),
                slash: false,
            },
            Job::Read(id) => {
                let op = self.op(id)?;
                let list = op.kind == Kind::List && !op.path.ends_with('/');
                Target {
                    path: &op.path,
                    slash: op.tries.slash || list,
                }
            }
            Job::None | Job::Token(_) => return None,
        };
        let endpoint = self.config.endpoint(lane.second);
        let header: Option<(&'static str, &dyn fmt::Display)> = match generation {
            Some(_) => Some((TOKEN_HEADER, &self.token)),
            None => None,
        };
        let len = http::write(
            lane.request_buffer(),
            &Request {
                method: "GET",
                prefix: endpoint.prefix(),
                target: &target,
                host: &endpoint.authority(),
                header,
                empty_body: false,
            },
        )?;
        Some((len, generation))
    }

    /// Judges the head of an answer and says where its body goes.
    pub(super) fn judge<B: Buffer>(
        &mut self,
        _now: Instant,
        lane: &mut Lane<B>,
        head: &Head,
    ) -> bool {
        let exchange = lane.exchange();
        let mut verdict = disposition(exchange, Seen::Status(head.status));
        let bytes = lane.head_bytes(head);
        let mut retry_after = None;
        let mut ttl = 0;
        match verdict {
            Disposition::Deliver if exchange == Exchange::Token => {
                match read_ttl(find(bytes, TTL_HEADER)) {
                    Ok(seconds) => ttl = seconds,
                    Err(peer) => verdict = Disposition::Fatal(Error::Peer(peer)),
                }
            }
            // A token proves a metadata service. Without one, a page is a foreign server's.
            Disposition::Deliver if lane.verdict.generation.is_none() && is_html(bytes) => {
                verdict = Disposition::Fatal(Error::Peer(Peer::Html));
            }
            Disposition::Redirect(status) if !self.adds_a_slash(lane, bytes) => {
                verdict = Disposition::Fatal(Error::Peer(Peer::Redirect(status)));
            }
            Disposition::Retry(Error::Peer(Peer::Throttled(_))) => {
                self.counters.throttled = self.counters.throttled.wrapping_add(1);
                retry_after = retry_after_of(bytes);
            }
            Disposition::Retry(_) => retry_after = retry_after_of(bytes),
            Disposition::Deliver
            | Disposition::Refresh
            | Disposition::Absent
            | Disposition::Redirect(_)
            | Disposition::NoTokens(_)
            | Disposition::Fatal(_) => {}
        }
        let limits = self.config.limits;
        let mut allowance = usize::try_from(limits.value).unwrap_or(usize::MAX);
        let mut sink = Sink::Leaf;
        if verdict == Disposition::Deliver {
            match lane.job {
                Job::Token(_) => {
                    sink = Sink::Token;
                    allowance = TOKEN;
                }
                Job::Classify(_) => sink = Sink::Listing,
                Job::Node(op) => {
                    if let Some((path, depth)) = lane
                        .node
                        .as_ref()
                        .filter(|node| node.directory)
                        .map(|node| (with_slash(&node.path), node.depth))
                    {
                        sink = Sink::Listing;
                        let opened = self
                            .walk_of(op)
                            .map(|walk| walk.frontier.open(&path, depth));
                        if let Some(Err(_)) = opened {
                            verdict = Disposition::Fatal(Error::TooLarge(What::Frontier));
                        }
                    }
                }
                Job::None | Job::Read(_) => {}
            }
            if sink == Sink::Listing {
                allowance = usize::try_from(limits.walk).unwrap_or(usize::MAX);
            }
            if let Framing::Length(len) = head.framing
                && usize::try_from(len).map_or(true, |len| len > allowance)
            {
                verdict = Disposition::Fatal(Error::TooLarge(match sink {
                    Sink::Token => What::Token,
                    Sink::Leaf | Sink::Listing | Sink::Drain => What::Value,
                }));
            }
        }
        if verdict != Disposition::Deliver {
            sink = Sink::Drain;
            allowance = usize::MAX;
        }
        lane.verdict.disposition = verdict;
        lane.verdict.retry_after = retry_after;
        lane.verdict.ttl = ttl;
        lane.begin_body(head, sink, allowance);
        true
    }

    /// Does the answer redirect to the same path on the same host, with a slash added, for the
    /// first time?
    fn adds_a_slash<B: Buffer>(&self, lane: &Lane<B>, head: &[u8]) -> bool {
        let (path, slash) = match (lane.job, &lane.node) {
            (Job::Node(_), Some(node)) => (node.path.as_str(), node.tries.slash),
            (Job::Read(op), _) => match self.op(op) {
                Some(op) if op.kind == Kind::Get => (op.path.as_str(), op.tries.slash),
                _ => return false,
            },
            _ => return false,
        };
        let Found::Once(location) = find(head, "location") else {
            return false;
        };
        if slash || path.ends_with('/') {
            return false;
        }
        let endpoint = self.config.endpoint(lane.second);
        let target = format_args!("{}{}/", endpoint.prefix(), Encoded(path)).to_match(location);
        let whole = format_args!(
            "http://{}{}{}/",
            endpoint.authority(),
            endpoint.prefix(),
            Encoded(path)
        )
        .to_match(location);
        target || whole
    }

    /// Lets a leaf be offered, unless another lane is in the middle of one of the same walk.
    pub(super) fn clear_offer<B: Buffer>(&mut self, lane: &mut Lane<B>, last: bool) -> bool {
        if let Job::Node(op) = lane.job
            && let Some(walk) = self.walk_of(op)
        {
            match walk.floor {
                Some(id) if id != lane.id => return false,
                Some(_) => {}
                None => walk.floor = (!last).then_some(lane.id),
            }
        }
        lane.cleared = true;
        true
    }

    /// Draws the conclusions of an exchange, and sends the lane back to idle or to a report.
    pub(super) fn conclude<B: Buffer>(
        &mut self,
        now: Instant,
        lane: &mut Lane<B>,
        result: Result<(), Error>,
    ) -> bool {
        let verdict = lane.verdict;
        let fresh_failure = verdict.disposition == Disposition::Deliver;
        let outcome = match result {
            Err(error) if fresh_failure => disposition(lane.exchange(), Seen::Failed(error)),
            // The verdict stood; only the rest of the body was lost.
            Ok(()) | Err(_) => verdict.disposition,
        };
        // A connection kept too long: what was asked over it was most likely never read.
        let stale = lane.reused
            && matches!(
                result,
                Err(Error::Transport(
                    Phase::TokenReply | Phase::FirstByte,
                    Fault::Reset | Fault::Closed | Fault::Other
                ))
            );
        match lane.job {
            Job::Token(asked) => self.conclude_token(now, lane, asked, outcome, stale),
            Job::Read(op) | Job::Classify(op) => {
                lane.rest();
                self.conclude_op(now, lane, op, outcome, stale);
            }
            Job::Node(op) => self.conclude_node(now, lane, op, outcome, stale),
            // A node without a value was reported.
            Job::None => {
                lane.rest();
                if let Some(node) = lane.node.take()
                    && let Some(walk) = self.walk_of(node.op)
                {
                    walk.summary.missing += 1;
                    self.leave(node.op, lane.id);
                }
            }
        }
        true
    }

    fn conclude_token<B: Buffer>(
        &mut self,
        now: Instant,
        lane: &mut Lane<B>,
        asked: Instant,
        outcome: Disposition,
        stale: bool,
    ) {
        self.fetch.lane = None;
        self.changed = true;
        let outcome = if outcome == Disposition::Deliver {
            match self.token.accept(asked, lane.verdict.ttl, lane.payload()) {
                Ok(()) => Disposition::Deliver,
                Err(error) => Disposition::Fatal(error),
            }
        } else {
            outcome
        };
        let second = lane.second;
        let retry_after = lane.verdict.retry_after;
        lane.rest();
        match outcome {
            Disposition::Deliver => {
                log_debug!("token granted for {} s", lane.verdict.ttl);
                self.fetch.attempts = 0;
                self.fetch.last = None;
                self.fetch.not_before = now;
                self.pinned.get_or_insert(second);
            }
            Disposition::Retry(_) if stale => {}
            Disposition::Retry(error) => {
                self.fetch.attempts = self.fetch.attempts.saturating_add(1);
                self.fetch.last = Some(error);
                match self.pause_after(now, self.fetch.attempts, retry_after, self.token_deadline())
                {
                    Some(pause) => {
                        log_debug!("token request failed, will be tried again: {}", error);
                        self.fetch.not_before = now + pause;
                    }
                    None => self.fail_token(now, error),
                }
            }
            Disposition::NoTokens(error) if self.config.allow_v1 => {
                log_warn!("IMDSv1 is used because the token request failed: {}", error);
                self.counters.v1_fallbacks = self.counters.v1_fallbacks.wrapping_add(1);
                self.v1 = V1::Trial;
                self.fetch.attempts = 0;
            }
            Disposition::NoTokens(error) | Disposition::Fatal(error) => {
                self.fail_token(now, error);
            }
            Disposition::Refresh | Disposition::Absent | Disposition::Redirect(_) => {}
        }
    }

    /// No token is to be had: whoever needs one fails, unless the old one still serves.
    fn fail_token(&mut self, now: Instant, error: Error) {
        self.fetch.attempts = 0;
        if self.token.usable(now) {
            log_debug!("token not renewed, the old one stays in use: {}", error);
            self.fetch.not_before = now + self.config.backoff_cap;
            return;
        }
        self.fetch.not_before = now;
        for slot in 0..OPS {
            let op = &self.ops[slot];
            if op.state == OpState::Waiting {
                let kind = op.kind;
                self.ops[slot].state = OpState::Done(Err(error));
                if let Kind::Walk(walk) = kind {
                    self.walks[walk].end();
                }
            }
        }
    }

    /// The deadline of the operation that can wait longest for a token.
    fn token_deadline(&self) -> Option<Instant> {
        let mut latest = Some(Instant::ZERO);
        for op in self.ops.iter().filter(|op| op.state == OpState::Waiting) {
            latest = match (latest, op.deadline) {
                (Some(a), Some(b)) => Some(a.max(b)),
                _ => None,
            };
        }
        latest
    }

    fn conclude_op<B: Buffer>(
        &mut self,
        now: Instant,
        lane: &Lane<B>,
        id: OpId,
        outcome: Disposition,
        stale: bool,
    ) {
        self.changed = true;
        let outcome = self.v1_lesson(now, lane, outcome);
        let Some(op) = self.op(id) else { return };
        let classifying = matches!(op.start, Start::Ask { .. });
        let (tries, deadline) = (op.tries, op.deadline);
        match self.retry(now, lane, outcome, tries, deadline, stale) {
            Retry::Again(mut tries) => {
                tries.restart |= lane.was_taken_from();
                if let Some(op) = self.op_mut(id) {
                    op.state = OpState::Waiting;
                    op.tries = tries;
                    if let Disposition::Retry(error) = outcome {
                        op.last = Some(error);
                    }
                }
            }
            Retry::No(result) if classifying => self.classified(id, result),
            Retry::No(result) => self.finish(
                id,
                result.map(|found| match found {
                    true => Reply::Found,
                    false => Reply::Absent,
                }),
            ),
        }
    }

    /// The parent's listing was read, or cannot be.
    fn classified(&mut self, id: OpId, result: Result<bool, Error>) {
        // A parent that cannot be listed says nothing of its child.
        let silent = matches!(
            result,
            Ok(_) | Err(Error::Peer(Peer::Forbidden | Peer::Status(_)))
        );
        if let Err(error) = result
            && !silent
        {
            return self.finish(id, Err(error));
        }
        let Some(op) = self.op_mut(id) else { return };
        let Start::Ask { slash } = op.start else {
            return;
        };
        let directory = op.found.unwrap_or(slash);
        op.start = Start::Known { directory };
        op.state = OpState::Waiting;
        op.tries = Tries::default();
        if op.kind == Kind::List && op.found == Some(false) {
            self.finish(id, Err(Error::NotADirectory));
        }
    }

    fn conclude_node<B: Buffer>(
        &mut self,
        now: Instant,
        lane: &mut Lane<B>,
        id: OpId,
        outcome: Disposition,
        stale: bool,
    ) {
        self.changed = true;
        let outcome = self.v1_lesson(now, lane, outcome);
        let Some(node) = &lane.node else {
            return lane.rest();
        };
        let (tries, directory) = (node.tries, node.directory);
        let dir = with_slash(&node.path);
        if let Disposition::Retry(Error::Transport(_, Fault::Refused | Fault::Reset)) = outcome
            && !stale
            && let Some(walk) = self.walk_of(id)
        {
            // The server has a limit on connections (facts §1.7): use fewer from here on.
            walk.lane_limit = (walk.lane_limit.min(walk.in_flight) / 2).max(1);
        }
        let why = match self.retry(now, lane, outcome, tries, None, stale) {
            Retry::Again(mut tries) => {
                tries.restart |= lane.was_taken_from();
                self.release_listing(id, lane);
                if let Some(node) = &mut lane.node {
                    node.tries = tries;
                }
                return lane.rest();
            }
            Retry::No(Ok(true)) if directory => {
                match self.walk_of(id).map(|walk| walk.frontier.finish(&dir)) {
                    Some(Finished::AnchorLost) => Why::Failed(Error::Peer(Peer::ListingChanged)),
                    Some(Finished::Ok) | None => return self.node_done(lane, id),
                }
            }
            Retry::No(Ok(true)) => {
                let bytes = u32::try_from(lane.delivered()).unwrap_or(u32::MAX);
                let limit = self.config.limits.walk;
                let Some(walk) = self.walk_of(id) else {
                    return lane.rest();
                };
                walk.summary.leaves += 1;
                walk.summary.bytes = walk.summary.bytes.saturating_add(bytes);
                if walk.summary.bytes > limit {
                    self.finish(id, Err(Error::TooLarge(What::Walk)));
                }
                return self.node_done(lane, id);
            }
            Retry::No(Ok(false)) => Why::Absent,
            Retry::No(Err(error)) => Why::Failed(error),
        };
        if directory && let Some(walk) = self.walk_of(id) {
            walk.frontier.abort(&dir);
            walk.frontier.give_up(&dir);
        }
        lane.rest();
        lane.state = State::Report(why);
    }

    fn node_done<B: Buffer>(&mut self, lane: &mut Lane<B>, id: OpId) {
        lane.node = None;
        lane.rest();
        self.leave(id, lane.id);
    }

    /// A lane is done with its node of this walk.
    fn leave(&mut self, id: OpId, lane: u8) {
        self.changed = true;
        if let Some(index) = self.walk_index(id) {
            let walk = &mut self.walks[index];
            walk.in_flight = walk.in_flight.saturating_sub(1);
            if walk.floor == Some(lane) {
                walk.floor = None;
            }
            self.settle(index);
        }
    }

    /// What an answer to a read without a token teaches.
    fn v1_lesson<B: Buffer>(
        &mut self,
        now: Instant,
        lane: &Lane<B>,
        outcome: Disposition,
    ) -> Disposition {
        if lane.verdict.generation.is_some() || self.v1 == V1::Off {
            return outcome;
        }
        match outcome {
            Disposition::Deliver | Disposition::Absent => {
                if self.v1 == V1::Trial {
                    self.v1 = V1::On {
                        until: now + V1_PERIOD,
                    };
                }
                outcome
            }
            // Refused with and without a token: it is turned off, and nothing is remembered.
            Disposition::Fatal(Error::Peer(Peer::Forbidden)) => {
                self.v1 = V1::Off;
                Disposition::Fatal(Error::Peer(Peer::TurnedOff))
            }
            Disposition::Refresh => {
                self.v1 = V1::Off;
                outcome
            }
            // More is to come before it is known.
            Disposition::Retry(_) | Disposition::Redirect(_) => outcome,
            Disposition::NoTokens(_) | Disposition::Fatal(_) => {
                self.end_trial();
                outcome
            }
        }
    }

    /// A read without a token failed for good: nothing is remembered.
    fn end_trial(&mut self) {
        if self.v1 == V1::Trial {
            self.v1 = V1::Off;
        }
    }

    /// Whether a read is made again, and how it ends if not: found, absent or failed.
    fn retry<B: Buffer>(
        &mut self,
        now: Instant,
        lane: &Lane<B>,
        outcome: Disposition,
        mut tries: Tries,
        deadline: Option<Instant>,
        stale: bool,
    ) -> Retry {
        match outcome {
            Disposition::Deliver => Retry::No(Ok(true)),
            Disposition::Absent => Retry::No(Ok(false)),
            Disposition::Fatal(error) | Disposition::NoTokens(error) => Retry::No(Err(error)),
            Disposition::Redirect(_) => {
                tries.slash = true;
                Retry::Again(tries)
            }
            Disposition::Refresh if tries.refreshed => {
                Retry::No(Err(Error::Peer(Peer::TokenRejected)))
            }
            Disposition::Refresh => {
                if let Some(generation) = lane.verdict.generation {
                    self.token.reject(generation);
                }
                tries.refreshed = true;
                Retry::Again(tries)
            }
            Disposition::Retry(_) if stale && !tries.free_retry => {
                tries.free_retry = true;
                Retry::Again(tries)
            }
            Disposition::Retry(error) => {
                tries.attempts = tries.attempts.saturating_add(1);
                match self.pause_after(now, tries.attempts, lane.verdict.retry_after, deadline) {
                    Some(pause) => {
                        log_debug!("read failed, will be tried again: {}", error);
                        tries.not_before = now + pause;
                        Retry::Again(tries)
                    }
                    None => {
                        self.end_trial();
                        Retry::No(Err(error))
                    }
                }
            }
        }
    }

    /// How long to wait after the `attempts`th attempt failed. `None`: it was the last.
    fn pause_after(
        &mut self,
        now: Instant,
        attempts: u8,
        retry_after: Option<u32>,
        deadline: Option<Instant>,
    ) -> Option<Duration> {
        if attempts >= self.config.attempts.max(1) {
            return None;
        }
        let own = retry::pause(&self.config, &mut self.rng, attempts.saturating_add(1));
        let pause = match retry_after {
            Some(seconds) => {
                let asked = Duration::from_secs(u64::from(seconds));
                let patience = match deadline {
                    Some(at) => at.saturating_since(now),
                    None => self.config.limits.retry_after,
                };
                if asked > patience {
                    return None;
                }
                asked.max(own)
            }
            None => own,
        };
        self.counters.retries = self.counters.retries.wrapping_add(1);
        Some(pause)
    }
}

enum Retry {
    Again(Tries),
    /// The end: found, absent, or failed.
    No(Result<bool, Error>),
}

/// A display path as a request target, perhaps with a slash that it does not have.
struct Target<'a> {
    path: &'a str,
    slash: bool,
}

impl fmt::Display for Target<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Encoded(self.path))?;
        if self.slash { f.write_str("/") } else { Ok(()) }
    }
}

fn is_html(head: &[u8]) -> bool {
    const HTML: &[u8] = b"text/html";
    matches!(find(head, "content-type"), Found::Once(value)
        if value.get(..HTML.len()).is_some_and(|v| v.eq_ignore_ascii_case(HTML)))
}

/// Seconds; a date there is no clock for, so it counts as none.
fn retry_after_of(head: &[u8]) -> Option<u32> {
    match find(head, "retry-after") {
        Found::Once(value) => decimal(value).map(|s| u32::try_from(s).unwrap_or(u32::MAX)),
        Found::Missing | Found::Repeated => None,
    }
}

/// Compares formatted text with bytes, without a buffer.
trait ToMatch {
    fn to_match(self, bytes: &[u8]) -> bool;
}

impl ToMatch for fmt::Arguments<'_> {
    fn to_match(self, bytes: &[u8]) -> bool {
        struct Rest<'a>(&'a [u8]);
        impl Write for Rest<'_> {
            fn write_str(&mut self, s: &str) -> fmt::Result {
                let (front, rest) = self.0.split_at_checked(s.len()).ok_or(fmt::Error)?;
                self.0 = rest;
                if front.eq_ignore_ascii_case(s.as_bytes()) {
                    Ok(())
                } else {
                    Err(fmt::Error)
                }
            }
        }
        let mut rest = Rest(bytes);
        rest.write_fmt(self).is_ok() && rest.0.is_empty()
    }
}
