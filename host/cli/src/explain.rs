//! Errors of the protocol in the three parts a person needs: cause, evidence, fix.

use imds_core::{Error, Fault, Misuse, Peer, Phase, Reason, What};

use crate::failure::{Exit, Failure};
use crate::path::below_version;

/// An error about `path`, asked of `endpoint`.
pub(crate) fn failure(error: Error, path: &str, endpoint: &str) -> Failure {
    let exit = Exit::from_code(error.cause().exit_code());
    if let Error::Misuse(Misuse::Path(reason)) = error {
        // Nobody was asked.
        let what = format!("this cannot be a path: {path}");
        return Failure::new(exit, what, reason.to_string(), fix(error));
    }
    Failure::new(
        exit,
        format!("{}: {path}", what(error)),
        format!("{endpoint}: {error}"),
        fix(error),
    )
}

/// What went wrong: the cause, or something truer where a cause covers several things.
fn what(error: Error) -> &'static str {
    match error {
        Error::NotADirectory => "not a directory",
        Error::Timeout(Reason::FirstByte) => "the metadata service did not answer in time",
        Error::Peer(Peer::Truncated) | Error::Transport(Phase::Body, _) => "the answer broke off",
        Error::TooLarge(What::Depth | What::Nodes | What::Walk | What::Frontier) => {
            "the tree is larger than a walk may be"
        }
        Error::Misuse(_)
        | Error::Peer(_)
        | Error::Transport(..)
        | Error::Timeout(_)
        | Error::TooLarge(_)
        | _ => error.cause().explain(),
    }
}

/// 404.
pub(crate) fn absent(path: &str, endpoint: &str) -> Failure {
    Failure::new(
        Exit::Absent,
        format!("there is no such metadata key: {path}"),
        format!("{endpoint}: 404"),
        absent_fix(path),
    )
}

/// No connection, and the firmware says why.
pub(crate) fn not_on_ec2(error: Error, evidence: &str, path: &str, endpoint: &str) -> Failure {
    Failure::new(
        Exit::NotOnEc2,
        format!("this machine is not an EC2 instance: {path}"),
        format!("{evidence}; {endpoint}: {error}"),
        "run it on an instance, give another --endpoint, or try --mock; \
         if this is wrong, say --platform-check=off",
    )
}

/// Whether no connection came about.
pub(crate) fn is_without_connection(error: Error) -> bool {
    matches!(
        error,
        Error::Transport(Phase::Connect, _) | Error::Timeout(Reason::Connect)
    )
}

fn absent_fix(path: &str) -> String {
    let listing = match path.trim_end_matches('/').rsplit_once('/') {
        Some((parent, name)) if !name.is_empty() => {
            format!("`imdsctl list {parent}/` shows what there is")
        }
        _ => return "look at --endpoint: a metadata service has a root".to_owned(),
    };
    let below = below_version(path).trim_end_matches('/');
    if below == "meta-data/tags" || below.starts_with("meta-data/tags/") {
        let allow = "allow tags in metadata: `aws ec2 modify-instance-metadata-options \
                     --instance-metadata-tags enabled`";
        return match below {
            "meta-data/tags" | "meta-data/tags/instance" => allow.to_owned(),
            _ => format!("{listing}; where that is absent too, {allow}"),
        };
    }
    if matches!(
        below,
        "meta-data/iam" | "meta-data/iam/info" | "meta-data/iam/security-credentials"
    ) {
        return "attach an instance profile with a role to the instance".to_owned();
    }
    if path.ends_with("/user-data") {
        return "start the instance with user-data; there is none".to_owned();
    }
    listing
}

fn fix(error: Error) -> &'static str {
    const ROUTE: &str = "on EC2 look at routes, firewalls and whether the endpoint is enabled; \
                         elsewhere give --endpoint or try --mock";
    const SOMETHING_ELSE: &str =
        "look at --endpoint and the profile: something other than a metadata service answers there";
    const HOP_LIMIT: &str = "raise the hop limit: `aws ec2 modify-instance-metadata-options \
                             --http-put-response-hop-limit 2`, or run on the host's own network";
    const SLOWER: &str = "raise --timeout; if it stays, look at packet loss on this interface";
    match error {
        Error::Transport(Phase::Connect, Fault::Refused) => {
            "nothing listens there: look at --endpoint, and at firewalls that reject"
        }
        Error::Transport(Phase::Connect, Fault::Denied) => {
            "a route or firewall of this machine forbids it: \
             look at `ip rule`, `ip route` and `nft list ruleset`"
        }
        Error::Transport(Phase::Connect, Fault::NameNotFound) => {
            "look at the name in --endpoint and at this machine's resolver"
        }
        Error::Transport(Phase::TokenReply, _) | Error::Timeout(Reason::TokenReply) => HOP_LIMIT,
        Error::Transport(Phase::Connect | Phase::FirstByte, _)
        | Error::Timeout(Reason::Connect) => ROUTE,
        Error::Transport(Phase::Body, _) | Error::Peer(Peer::Truncated) => {
            "ask again; if it stays, look at what stands between here and the service"
        }
        Error::Timeout(_) => SLOWER,
        Error::TooLarge(What::Depth | What::Nodes | What::Walk | What::Frontier) => {
            "start deeper: give `dump` a PREFIX"
        }
        Error::TooLarge(_) => SOMETHING_ELSE,
        Error::NotADirectory => "read it with `imdsctl get`",
        Error::Misuse(Misuse::Path(_)) => "write the path as `imdsctl list` prints the names",
        Error::Peer(Peer::TurnedOff) => {
            "turn it on: `aws ec2 modify-instance-metadata-options --http-endpoint enabled`"
        }
        Error::Peer(Peer::Forbidden) => {
            "ask without a proxy in between (X-Forwarded-For is refused), \
             and look at what this place may read"
        }
        Error::Peer(Peer::NoTokens(_)) => {
            "if a service without IMDSv2 is meant to be there, say --allow-v1; \
             otherwise look at --endpoint"
        }
        Error::Peer(Peer::Throttled(_)) => {
            "ask less often; for a dump lower --pace and --lanes, or raise --attempts"
        }
        Error::Peer(Peer::Status(_)) => {
            "ask again later; if it stays, the service has a problem with this path"
        }
        Error::Peer(Peer::ListingChanged) => "ask again once the tree is quiet",
        Error::Peer(_) => SOMETHING_ELSE,
        // Our own mistakes, and whatever a later core may find.
        Error::Misuse(_) | _ => "this should not happen: please report it with the output of -vvv",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use imds_core::path::PathError;

    const AT: &str = "http://127.0.0.1:1";

    #[test]
    fn every_error_names_path_endpoint_and_what_was_seen() {
        let failure = failure(
            Error::Transport(Phase::Connect, Fault::Refused),
            "/latest/x",
            AT,
        );
        assert_eq!(failure.exit, Exit::Unreachable);
        assert!(failure.what.ends_with(": /latest/x"));
        assert_eq!(
            failure.seen,
            "http://127.0.0.1:1: connection refused while connecting"
        );
        assert!(failure.fix.contains("--endpoint"));
    }

    #[test]
    fn a_silent_token_request_names_the_hop_limit() {
        for error in [
            Error::Timeout(Reason::TokenReply),
            Error::Transport(Phase::TokenReply, Fault::Reset),
        ] {
            let failure = failure(error, "/x", AT);
            assert_eq!(failure.exit, Exit::NoToken);
            assert!(failure.fix.contains("hop-limit"));
        }
    }

    #[test]
    fn a_service_that_is_turned_off_is_not_called_unreachable() {
        let failure = failure(Error::Peer(Peer::TurnedOff), "/x", AT);
        assert_eq!(failure.exit, Exit::TurnedOff);
        assert!(failure.fix.contains("--http-endpoint enabled"));
    }

    #[test]
    fn a_service_without_tokens_points_to_allow_v1() {
        assert!(
            failure(Error::Peer(Peer::NoTokens(404)), "/x", AT)
                .fix
                .contains("--allow-v1")
        );
    }

    #[test]
    fn the_first_line_says_what_happened_and_no_more() {
        let what = |error| failure(error, "/x", AT).what;
        assert_eq!(what(Error::NotADirectory), "not a directory: /x");
        assert_eq!(
            what(Error::Timeout(Reason::FirstByte)),
            "the metadata service did not answer in time: /x"
        );
        assert_eq!(
            what(Error::Peer(Peer::Truncated)),
            "the answer broke off: /x"
        );
        assert!(what(Error::TooLarge(What::Frontier)).contains("walk"));
        assert!(what(Error::TooLarge(What::Value)).contains("not a usable"));
    }

    #[test]
    fn a_path_that_cannot_be_is_nobodys_answer() {
        let error = Error::Misuse(Misuse::Path(PathError::DotSegment));
        let failure = failure(error, "/..", AT);
        assert_eq!(failure.exit, Exit::Usage);
        assert!(failure.what.ends_with(": /..") && !failure.seen.contains(AT));
    }

    #[test]
    fn absent_keys_say_where_to_look() {
        let fix = |path| absent(path, AT).fix;
        assert_eq!(
            fix("/latest/meta-data/nope"),
            "`imdsctl list /latest/meta-data/` shows what there is"
        );
        assert!(fix("/latest/meta-data/tags/instance/").contains("--instance-metadata-tags"));
        assert!(fix("/latest/meta-data/iam/security-credentials/").contains("role"));
        assert!(fix("/latest/user-data").contains("user-data"));
        // Tags are there, this one is not, or they are not allowed at all: both are possible.
        let tag = fix("/latest/meta-data/tags/instance/Name");
        assert!(tag.contains("list /latest/meta-data/tags/instance/"));
        assert!(tag.contains("--instance-metadata-tags"));
        let role = fix("/latest/meta-data/iam/security-credentials/other");
        assert!(role.contains("list /latest/meta-data/iam/security-credentials/"));
        assert!(!fix("/latest/meta-data/tagsy").contains("--instance-metadata-tags"));
        assert!(fix("/nope").contains("list /"));
    }
}
