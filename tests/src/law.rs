//! What no scenario may do, whatever it is about.

use core::time::Duration;
use std::collections::HashSet;

use imds_mock::{Exchange, TokenUse};

/// Reads without a token may go on for so long before IMDSv2 is tried again.
const V1_PERIOD: Duration = Duration::from_secs(300);

/// No read goes without a token; or, where that is allowed, only while the server's own word that
/// it has none is fresh: a 403, 404 or 405 to the last token request. Silence is no such word.
///
/// No token that was answered 401 goes over the same connection again before another was asked for:
/// whoever sends a request there has read that answer. Where a path is refused once more, the path is
/// to blame.
pub(crate) fn tokens(log: &[Exchange], v1: bool) {
    let (mut rejected, mut refused) = (HashSet::new(), HashSet::new());
    for read in log {
        if read.method == "PUT" {
            rejected.clear();
        }
        if let Some(token) = read.header("x-aws-ec2-metadata-token") {
            let sent = (read.connection, token);
            assert!(!rejected.contains(&sent), "a token after its 401: {read}");
            if read.status == 401 && refused.insert(read.path.trim_end_matches('/')) {
                rejected.insert(sent);
            }
        }
    }
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
