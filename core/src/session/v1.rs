//! Reading without a token: only where that is allowed, only when the service refuses to give
//! one, and for five minutes at most.

use core::time::Duration;

use crate::error::{Error, Peer};
use crate::lane::{Buffer, Lane};
use crate::retry::Disposition;
use crate::session::Session;
use crate::time::Instant;

/// How long reads go without a token before IMDSv2 is tried again.
const V1_PERIOD: Duration = Duration::from_secs(300);

/// Reading without a token.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum V1 {
    Off,
    On {
        /// From then on a token is asked for again.
        until: Instant,
        /// A read without a token was answered. Until one is, a failure ends it.
        proven: bool,
    },
}

impl<A: Buffer, const OPS: usize, const WALKS: usize, const TOKEN: usize>
    Session<A, OPS, WALKS, TOKEN>
{
    /// The token request sent at `asked` was refused, and reading without a token is allowed.
    pub(super) fn begin_v1(&mut self, asked: Instant) {
        self.counters.v1_fallbacks = self.counters.v1_fallbacks.wrapping_add(1);
        self.v1 = V1::On {
            until: asked + V1_PERIOD,
            proven: false,
        };
    }

    /// Do reads go without a token now?
    pub(super) fn reads_v1(&mut self, now: Instant) -> bool {
        match self.v1 {
            V1::Off => false,
            V1::On { until, .. } if until <= now => {
                self.v1 = V1::Off;
                false
            }
            V1::On { .. } => true,
        }
    }

    /// What an answer to a read without a token teaches.
    pub(super) fn v1_lesson<B: Buffer>(
        &mut self,
        lane: &Lane<B>,
        outcome: Disposition,
    ) -> Disposition {
        let V1::On { proven, .. } = &mut self.v1 else {
            return outcome;
        };
        if lane.verdict.generation.is_some() {
            return outcome;
        }
        match outcome {
            Disposition::Deliver | Disposition::Absent => {
                *proven = true;
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
                self.end_unproven_v1();
                outcome
            }
        }
    }

    /// A read without a token failed for good: nothing is remembered.
    pub(super) fn end_unproven_v1(&mut self) {
        if matches!(self.v1, V1::On { proven: false, .. }) {
            self.v1 = V1::Off;
        }
    }
}
