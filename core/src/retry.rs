//! What an answer or a failure means for the request, and how long to wait before another try.
//!
//! Pure: one table and one formula.

use crate::config::Config;
use crate::error::{Error, Fault, Peer, Phase, Reason};
use crate::http::HttpError;
use crate::rng::Rng;
use crate::time::micros;

/// The two kinds of request there are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Exchange {
    Token,
    Read,
}

/// How an exchange ended, or its head's status.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Seen {
    Status(u16),
    Failed(Error),
}

/// What to do about it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Disposition {
    /// Take the body.
    Deliver,
    /// Try again after a pause; this is the error if no attempt is left.
    Retry(Error),
    /// Get another token and try once more.
    Refresh,
    /// There is no such key.
    Absent,
    /// Perhaps only a slash is missing.
    Redirect(u16),
    /// IMDSv2 may not be spoken here: read without a token if that is allowed.
    NoTokens(Error),
    /// Over.
    Fatal(Error),
}

/// The table.
pub(crate) const fn disposition(exchange: Exchange, seen: Seen) -> Disposition {
    use Disposition as D;
    match (exchange, seen) {
        (_, Seen::Status(status @ (429 | 503))) => D::Retry(Error::Peer(Peer::Throttled(status))),
        (_, Seen::Status(status @ (500 | 502 | 504))) => {
            D::Retry(Error::Peer(Peer::Status(status)))
        }
        (_, Seen::Status(206)) => D::Fatal(Error::Peer(Peer::PartialContent)),

        (Exchange::Token, Seen::Status(200..=299)) => D::Deliver,
        (Exchange::Token, Seen::Status(403)) => D::NoTokens(Error::Peer(Peer::TurnedOff)),
        (Exchange::Token, Seen::Status(status @ (404 | 405))) => {
            D::NoTokens(Error::Peer(Peer::NoTokens(status)))
        }

        (Exchange::Read, Seen::Status(200)) => D::Deliver,
        (Exchange::Read, Seen::Status(301)) => D::Redirect(301),
        (Exchange::Read, Seen::Status(401)) => D::Refresh,
        (Exchange::Read, Seen::Status(403)) => D::Fatal(Error::Peer(Peer::Forbidden)),
        (Exchange::Read, Seen::Status(404)) => D::Absent,

        (_, Seen::Status(status @ 300..=399)) => D::Fatal(Error::Peer(Peer::Redirect(status))),
        // A token request that is answered by anything else was not understood.
        (Exchange::Token, Seen::Status(status)) => D::Fatal(Error::Peer(Peer::NoTokens(status))),
        (Exchange::Read, Seen::Status(status)) => D::Fatal(Error::Peer(Peer::Status(status))),

        (_, Seen::Failed(error)) => failed(error),
    }
}

const fn failed(error: Error) -> Disposition {
    use Disposition as D;
    match error {
        // Local rules do not change within an operation.
        Error::Transport(_, Fault::Denied | Fault::LinkLocalSource) => D::Fatal(error),
        Error::Transport(Phase::Body, _)
        | Error::Peer(Peer::Http(HttpError::HeadTruncated | HttpError::BodyTruncated)) => {
            D::Retry(Error::Peer(Peer::Truncated))
        }
        // A silent PUT is how a small hop limit looks: more waiting cannot help (facts §1.10).
        Error::Timeout(Reason::TokenReply) => D::Fatal(error),
        Error::Transport(..) | Error::Timeout(_) => D::Retry(error),
        Error::Misuse(_) | Error::Peer(_) | Error::TooLarge(_) | Error::NotADirectory => {
            D::Fatal(error)
        }
    }
}

/// The pause, in microseconds, before attempt `attempt` (the second is 2): full jitter, an even choice between
/// nothing and a bound that doubles up to the cap.
pub(crate) fn pause(config: &Config, rng: &mut Rng, attempt: u8) -> u64 {
    let doublings = u32::from(attempt.saturating_sub(2)).min(31);
    let bound = micros(config.backoff_base).saturating_mul(1 << doublings);
    rng.up_to(bound.min(micros(config.backoff_cap)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(exchange: Exchange, status: u16) -> Disposition {
        disposition(exchange, Seen::Status(status))
    }

    #[test]
    fn each_status_has_its_row() {
        use Disposition as D;
        use Exchange::{Read, Token};
        let peer = |p| D::Fatal(Error::Peer(p));
        for (exchange, statuses, expected) in [
            (Token, &[200, 201, 299][..], D::Deliver),
            (Token, &[403], D::NoTokens(Error::Peer(Peer::TurnedOff))),
            (Token, &[404], D::NoTokens(Error::Peer(Peer::NoTokens(404)))),
            (Token, &[405], D::NoTokens(Error::Peer(Peer::NoTokens(405)))),
            (Token, &[400], peer(Peer::NoTokens(400))),
            (Token, &[401], peer(Peer::NoTokens(401))),
            (Token, &[417], peer(Peer::NoTokens(417))),
            (Token, &[501], peer(Peer::NoTokens(501))),
            (Token, &[301], peer(Peer::Redirect(301))),
            (Read, &[200], D::Deliver),
            (Read, &[204], peer(Peer::Status(204))),
            (Read, &[206], peer(Peer::PartialContent)),
            (Read, &[301], D::Redirect(301)),
            (Read, &[302], peer(Peer::Redirect(302))),
            (Read, &[307], peer(Peer::Redirect(307))),
            (Read, &[308], peer(Peer::Redirect(308))),
            (Read, &[400], peer(Peer::Status(400))),
            (Read, &[401], D::Refresh),
            (Read, &[403], peer(Peer::Forbidden)),
            (Read, &[404], D::Absent),
            (Read, &[405], peer(Peer::Status(405))),
            (Read, &[501], peer(Peer::Status(501))),
            (Read, &[505], peer(Peer::Status(505))),
        ] {
            for status in statuses {
                assert_eq!(of(exchange, *status), expected, "{exchange:?} {status}");
            }
        }
        for exchange in [Token, Read] {
            for status in [429, 503] {
                let throttled = D::Retry(Error::Peer(Peer::Throttled(status)));
                assert_eq!(of(exchange, status), throttled);
            }
            for status in [500, 502, 504] {
                assert_eq!(
                    of(exchange, status),
                    D::Retry(Error::Peer(Peer::Status(status)))
                );
            }
        }
    }

    #[test]
    fn each_failure_has_its_row() {
        use Disposition as D;
        let row = |error| disposition(Exchange::Read, Seen::Failed(error));
        for error in [
            Error::Transport(Phase::Connect, Fault::Refused),
            Error::Transport(Phase::Connect, Fault::Unreachable),
            Error::Transport(Phase::FirstByte, Fault::Reset),
            Error::Transport(Phase::TokenReply, Fault::Closed),
            Error::Timeout(Reason::Connect),
            Error::Timeout(Reason::FirstByte),
            Error::Timeout(Reason::BodyIdle),
        ] {
            assert_eq!(row(error), D::Retry(error));
        }
        for error in [
            Error::Transport(Phase::Body, Fault::Reset),
            Error::Peer(Peer::Http(HttpError::BodyTruncated)),
            Error::Peer(Peer::Http(HttpError::HeadTruncated)),
        ] {
            assert_eq!(row(error), D::Retry(Error::Peer(Peer::Truncated)));
        }
        for error in [
            Error::Transport(Phase::Connect, Fault::Denied),
            Error::Transport(Phase::Connect, Fault::LinkLocalSource),
            Error::Timeout(Reason::TokenReply),
            Error::Peer(Peer::Http(HttpError::BadChunk)),
            Error::TooLarge(crate::error::What::Value),
        ] {
            assert_eq!(row(error), D::Fatal(error));
        }
    }

    #[test]
    fn pauses_stay_below_a_bound_that_doubles_to_the_cap() {
        let config = Config::default();
        for (attempt, bound) in [(1, 50), (2, 50), (3, 100), (4, 200), (7, 1000), (255, 1000)] {
            let mut rng = Rng::new(3);
            let pauses: std::vec::Vec<_> = (0..200)
                .map(|_| pause(&config, &mut rng, attempt))
                .collect();
            let bound = bound * 1000;
            assert!(pauses.iter().all(|p| *p <= bound));
            assert!(
                pauses.iter().any(|p| *p > bound * 8 / 10),
                "spread to the top"
            );
            assert!(
                pauses.iter().any(|p| *p < bound * 2 / 10),
                "spread to the bottom"
            );
        }
    }
}
