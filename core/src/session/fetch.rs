//! The token request concluded.

use crate::error::{Error, Reason};
use crate::lane::{Buffer, Lane};
use crate::retry::Disposition;
use crate::session::Session;
use crate::session::ops::{Kind, OpState};
use crate::time::Instant;

impl<A: Buffer, const OPS: usize, const WALKS: usize, const TOKEN: usize>
    Session<A, OPS, WALKS, TOKEN>
{
    pub(super) fn conclude_token<B: Buffer>(
        &mut self,
        now: Instant,
        lane: &mut Lane<B>,
        asked: Instant,
        outcome: Disposition,
        stale: bool,
    ) {
        self.fetch.lane = None;
        self.changed = true;
        let outcome = if matches!(outcome, Disposition::Deliver) {
            match self.token.accept(asked, lane.verdict.ttl, lane.payload()) {
                // It came too late to be of any use, and the next one may too.
                Ok(()) if !self.token.usable(now) => {
                    Disposition::Retry(Error::Timeout(Reason::BodyIdle))
                }
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
            Disposition::Retry(_) | Disposition::Fatal(Error::Timeout(_)) if stale => {}
            Disposition::Retry(error) => {
                self.fetch.attempts = self.fetch.attempts.saturating_add(1);
                self.fetch.last = Some(error);
                match self.pause_after(now, self.fetch.attempts, retry_after, self.token_deadline())
                {
                    Some(pause) => {
                        log_debug!("token request failed, will be tried again: {}", error);
                        self.fetch.not_before = now.plus(pause);
                    }
                    None => self.fail_token(now, error, retry_after),
                }
            }
            // A token that still serves is better than none.
            Disposition::NoTokens(error) if self.config.allow_v1 && !self.token.usable(now) => {
                log_warn!(
                    "IMDSv1 is tried because the token request failed: {}",
                    error
                );
                // Counted from the request: the answer may have lain unread for long.
                self.begin_v1(asked);
                self.fetch.attempts = 0;
            }
            Disposition::NoTokens(error) | Disposition::Fatal(error) => {
                self.fail_token(now, error, None);
            }
            Disposition::Refresh | Disposition::Absent | Disposition::Redirect(_) => {}
        }
    }

    /// No token is to be had: whoever needs one fails, unless the old one still serves.
    fn fail_token(&mut self, now: Instant, error: Error, retry_after: Option<u32>) {
        self.fetch.attempts = 0;
        if self.token.usable(now) {
            log_debug!("token not renewed, the old one stays in use: {}", error);
            // The server is left alone for as long as it asks for and the old token serves.
            let asked = now.plus(u64::from(retry_after.unwrap_or(0)) * 1_000_000);
            let pause = now + self.config.backoff_cap;
            self.fetch.not_before = pause.max(asked.min(self.token.expires()));
            return;
        }
        self.fetch.not_before = now;
        for op in &mut self.ops {
            if matches!(op.state, OpState::Waiting) {
                op.state = OpState::Done(Err(error));
                if let Kind::Walk(walk) = op.kind
                    && let Some(walk) = self.walks.get_mut(walk)
                {
                    walk.end();
                }
            }
        }
    }

    /// The deadline of the operation that can wait longest for a token.
    fn token_deadline(&self) -> Option<Instant> {
        let mut latest = Some(Instant::ZERO);
        for op in self
            .ops
            .iter()
            .filter(|op| matches!(op.state, OpState::Waiting))
        {
            latest = match (latest, op.deadline) {
                (Some(a), Some(b)) => Some(a.max(b)),
                _ => None,
            };
        }
        latest
    }
}
