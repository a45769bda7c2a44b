//! What no scenario may do, whatever it is about.

use core::time::Duration;

use imds_mock::{Exchange, TokenUse};

/// Reads without a token may go on for so long before IMDSv2 is tried again.
const V1_PERIOD: Duration = Duration::from_secs(300);

/// No read goes without a token; or, where that is allowed, only while the server's own word that
/// it has none is fresh: a 403, 404 or 405 to the last token request. Silence is no such word.
pub(crate) fn tokens(log: &[Exchange], v1: bool) {
    for (at, read) in log.iter().enumerate() {
        if read.method != "GET" || read.token != TokenUse::None {
            continue;
        }
        assert!(v1, "a read without a token: {read}");
        let Some(asked) = log[..at].iter().rev().find(|e| e.method == "PUT") else {
            panic!("a read without a token, and none was ever asked for: {read}");
        };
        assert!(
            matches!(asked.status, 403..=405),
            "a read without a token after this token request: {asked}, {read}"
        );
        let since = read.at.saturating_sub(asked.at);
        assert!(
            since <= V1_PERIOD,
            "a read without a token {since:?} after the last token request: {read}"
        );
    }
}
