//! Exchanges concluded: delivered, made again, or given up.

use crate::client::{OpId, Reply};
use crate::error::{Error, Fault, Peer, Phase, Reason, What};
use crate::lane::{Buffer, Job, Lane, State};
use crate::retry::{self, Disposition, Seen, disposition};
use crate::session::Session;
use crate::session::ops::{Kind, OpState, Start, Tries};
use crate::time::{Instant, micros};
use crate::walk::Why;
use crate::walk::frontier::Finished;

impl<A: Buffer, const OPS: usize, const WALKS: usize, const TOKEN: usize>
    Session<A, OPS, WALKS, TOKEN>
{
    /// Draws the conclusions of an exchange, and sends the lane back to idle or to a report.
    pub(super) fn conclude<B: Buffer>(
        &mut self,
        now: Instant,
        lane: &mut Lane<B>,
        result: Result<(), Error>,
    ) -> bool {
        let verdict = lane.verdict;
        let fresh_failure = matches!(verdict.disposition, Disposition::Deliver);
        let outcome = match result {
            Err(error) if fresh_failure => disposition(lane.exchange(), Seen::Failed(error)),
            // The verdict stood; only the rest of the body was lost.
            Ok(()) | Err(_) => verdict.disposition,
        };
        // A connection kept too long: what was asked over it was most likely never read. A silent
        // token request is told from a small hop limit by asking over a fresh one.
        let stale = lane.reused
            && matches!(
                result,
                Err(Error::Transport(
                    Phase::TokenReply | Phase::FirstByte,
                    Fault::Reset | Fault::Closed | Fault::Other
                ) | Error::Timeout(Reason::TokenReply))
            );
        if stale {
            // Others that were kept as long are no better.
            self.crowded = self.crowded.wrapping_add(1);
        }
        if !stale && let Err(Error::Transport(_, Fault::Refused | Fault::Reset)) = result {
            self.crowded = self.crowded.wrapping_add(1);
            lane.crowded = self.crowded;
        }
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
                    self.leave(node.op, lane.id, node.directory);
                }
            }
        }
        true
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
        let outcome = self.v1_lesson(lane, outcome);
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
        op.tries = Tries::NONE;
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
        let outcome = self.v1_lesson(lane, outcome);
        let Some(node) = &lane.node else {
            return lane.rest();
        };
        let (tries, directory) = (node.tries, node.directory);
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
                let finished = match (self.walk_of(id), &lane.node) {
                    (Some(walk), Some(node)) => walk.frontier.finish(&node.path),
                    _ => Finished::Ok,
                };
                match finished {
                    Finished::AnchorLost => Why::Failed(Error::Peer(Peer::ListingChanged)),
                    Finished::NoRoom => Why::Failed(Error::TooLarge(What::Frontier)),
                    Finished::Ok => return self.node_done(lane, id),
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
        if let Some(node) = &lane.node
            && node.directory
            && let Some(walk) = self.walk_of(id)
        {
            walk.frontier.abort(&node.path);
            walk.frontier.give_up(&node.path);
        }
        lane.rest();
        lane.state = State::Report(why);
    }

    fn node_done<B: Buffer>(&mut self, lane: &mut Lane<B>, id: OpId) {
        let directory = lane.node.take().is_some_and(|node| node.directory);
        lane.rest();
        self.leave(id, lane.id, directory);
    }

    /// A lane is done with its node of this walk.
    fn leave(&mut self, id: OpId, lane: u8, directory: bool) {
        self.changed = true;
        if let Some(walk) = self.walk_of(id) {
            walk.let_go(directory);
            if walk.floor == Some(lane) {
                walk.floor = None;
            }
            self.settle(id);
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
                        tries.not_before = now.plus(pause);
                        Retry::Again(tries)
                    }
                    None => {
                        self.end_unproven_v1();
                        Retry::No(Err(error))
                    }
                }
            }
        }
    }

    /// How many microseconds to wait after the `attempts`th attempt failed. `None`: it was the last.
    pub(super) fn pause_after(
        &mut self,
        now: Instant,
        attempts: u8,
        retry_after: Option<u32>,
        deadline: Option<Instant>,
    ) -> Option<u64> {
        if attempts >= self.config.attempts.max(1) {
            return None;
        }
        let own = retry::pause(&self.config, &mut self.rng, attempts.saturating_add(1));
        let pause = match retry_after {
            Some(seconds) => {
                let asked = u64::from(seconds) * 1_000_000;
                let patience = match deadline {
                    Some(at) => at.as_micros().saturating_sub(now.as_micros()),
                    None => micros(self.config.limits.retry_after),
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
