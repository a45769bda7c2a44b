//! Is what came the tree's, or has every difference a cause that was seen?

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use imds_core::http::HttpError;
use imds_core::walk::{Sensitive, Why};
use imds_core::{Config, Error, Fault, Peer, Phase, Reason, What as TooLarge};

use imds_mock::Profile;

use super::model::Model;
use super::player::{Op, What};
use super::script::{Kind, LOOP, META, Script, Step, What as Trouble};
use super::tap::Tap;
use super::wire::Wire;
use crate::Walked;
use crate::walked::names;

/// Everything there is to judge by.
pub(crate) struct Verdict<'a> {
    pub(crate) script: &'a Script,
    pub(crate) wire: &'a Wire,
    pub(crate) model: &'a Model,
}

/// What a client saw since a time.
pub(crate) struct Sight<'a> {
    pub(crate) tap: &'a Tap,
    pub(crate) config: &'a Config,
    pub(crate) since: Duration,
}

/// What is left out of a walk that does not ask for it.
pub(crate) fn is_sensitive(path: &str) -> bool {
    [
        "/latest/user-data",
        "/latest/meta-data/iam/security-credentials/",
    ]
    .iter()
    .any(|prefix| path.starts_with(prefix))
}

impl Verdict<'_> {
    pub(crate) fn now(&self) -> Duration {
        self.wire.now.get()
    }

    /// The operation's time was up, and this is what it was waiting for.
    #[expect(clippy::wildcard_enum_match_arm, reason = "the others are one case")]
    fn ran_out_of_time(&self, sight: &Sight<'_>, op: &Op, error: Error) -> bool {
        let budget = sight.config.timeouts.operation;
        let over = budget.is_some_and(|budget| self.now() >= op.began + budget);
        over && match error {
            Error::Timeout(Reason::TokenReply) => sight.tap.awaits_token(self.now()),
            Error::Timeout(Reason::Connect) | Error::Transport(Phase::Connect, Fault::TimedOut) => {
                sight.tap.is_connecting(self.now())
            }
            _ => false,
        }
    }

    fn planted(&self, kind: impl Fn(Kind) -> bool) -> bool {
        self.script.faults.iter().any(|fault| kind(fault.kind))
    }

    pub(crate) fn has_step(&self, is: impl Fn(&Step) -> bool) -> bool {
        self.script.steps.iter().any(|(_, step)| is(step))
    }

    /// Is another server among those that may have answered?
    fn had_other_server(&self) -> bool {
        self.has_step(|step| matches!(step, Step::Become(_)))
    }

    /// May a parent's listing be lacking? It says nothing of its child then.
    fn is_unlisted(&self) -> bool {
        self.planted(|k| matches!(k, Kind::Status(_) | Kind::BadNames)) || self.had_other_server()
    }

    fn had_bad_names(&self) -> bool {
        self.planted(|kind| kind == Kind::BadNames)
    }

    fn had_legacy(&self) -> bool {
        self.script.server.profile == Profile::Ec2Legacy
            || self.has_step(|step| *step == Step::Become(Profile::Ec2Legacy))
    }

    fn is_right(&self, path: &str, since: Duration, value: &[u8]) -> bool {
        let versions = self.model.versions(path, since, self.now());
        path.starts_with(LOOP) || versions.contains(&Some(value))
    }

    /// A web page for a value: whoever has granted a token is believed, for user-data may be one.
    fn is_page(&self, sight: &Sight<'_>, value: &[u8]) -> bool {
        let lies = self.planted(|kind| kind == Kind::Html) || self.had_other_server();
        lies && sight.tap.tokens().next().is_some() && value.starts_with(b"<")
    }

    /// What a get or a listing brought.
    pub(crate) fn value(&self, sight: &Sight<'_>, op: &Op, value: &[u8]) {
        let path = &*op.path;
        sight.fits(path, value);
        let right = self.is_right(path, op.began, value) || self.is_page(sight, value);
        if path.starts_with(LOOP) || (right && (op.what == What::Get || self.is_unlisted())) {
            return;
        }
        assert!(
            self.model.is_directory(path),
            "never had a value of {} bytes as this: {path}",
            value.len()
        );
        if path.trim_end_matches('/') == META.trim_end_matches('/') && self.had_bad_names() {
            return;
        }
        let brought: BTreeSet<String> = names(path, value).into_iter().collect();
        let (always, ever) = self.model.names(path, op.began, self.now());
        assert!(
            always.is_subset(&brought),
            "{path}: {brought:?} lacks some of {always:?}"
        );
        assert!(
            brought.is_subset(&ever),
            "{path}: {brought:?} is more than {ever:?}"
        );
    }

    /// There was no such key.
    pub(crate) fn absent(&self, sight: &Sight<'_>, since: Duration, path: &str) {
        assert!(
            sight.tap.saw_on(path, 404, since),
            "absent, and no 404 for it was seen: {path}"
        );
        let lies = self.planted(|kind| matches!(kind, Kind::Status(404)));
        let was_absent = self.model.versions(path, since, self.now()).contains(&None);
        assert!(
            was_absent || lies || self.had_other_server() || path.starts_with(LOOP),
            "absent, and it was there all the time: {path}"
        );
    }

    /// What a walk brought that came to its end.
    pub(crate) fn walk(&self, sight: &Sight<'_>, op: &Op, all: bool, walked: &Walked) {
        // Then the caller's slash decides what it is.
        let is_leaf = !self.model.is_directory(&op.path);
        if op.path.ends_with('/') && is_leaf && self.is_unlisted() {
            return;
        }
        for (path, value) in &walked.leaves {
            sight.fits(path, value);
            assert!(
                self.is_right(path, op.began, value) || self.is_page(sight, value),
                "never had a value of {} bytes as this: {path}",
                value.len()
            );
            assert!(all || !is_sensitive(path), "{path} was not asked for");
        }
        for missed in &walked.missing {
            let path = &*missed.path;
            match missed.why {
                Why::Absent => self.absent(sight, op.began, path),
                Why::LeftOut(part) => {
                    assert!(!all && is_sensitive(path), "{path} was asked for: {part:?}");
                    assert_eq!(Sensitive::of(path), Some(part));
                }
                Why::BadName(bad) => assert!(
                    path == META && self.had_bad_names(),
                    "no line was bad: {path} {:?}, {bad}",
                    missed.name
                ),
                Why::Failed(Error::TooLarge(TooLarge::Depth)) => {
                    assert!(path.starts_with(LOOP), "too deep: {path}");
                }
                Why::Failed(error) => self.error(sight, op, error),
                other => panic!("a reason that nobody knows: {other:?}"),
            }
        }
        let came: BTreeSet<&str> = walked.paths().into_iter().collect();
        let missed: BTreeSet<&str> = walked.missing.iter().map(|m| m.path.as_str()).collect();
        // Its other lines are not there.
        if self.had_bad_names() {
            return;
        }
        let start = op.path.trim_end_matches('/');
        for path in self.model.stood(op.began, self.now()) {
            let below = path
                .strip_prefix(start)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
            if !below || came.contains(path) || path.starts_with(LOOP) {
                continue;
            }
            let on_the_way = |missed: &&str| {
                path == *missed || (missed.ends_with('/') && path.starts_with(*missed))
            };
            assert!(missed.iter().any(on_the_way), "lost without a word: {path}");
        }
    }

    /// The tree as it is, and nothing else.
    pub(crate) fn whole(&self, walked: &Walked, longest: u32) {
        let too_long = Why::Failed(Error::TooLarge(TooLarge::Value));
        let fits = |value: &[u8]| u32::try_from(value.len()).is_ok_and(|len| len <= longest);
        let (tree, large): (BTreeMap<_, _>, BTreeMap<_, _>) =
            self.model.leaves().into_iter().partition(|(_, v)| fits(v));
        for missed in &walked.missing {
            let is_large = large.contains_key(&*missed.path) && missed.why == too_long;
            assert!(is_large, "nothing is wrong any more: {missed:?}");
        }
        let came = walked.leaves.iter();
        let came: BTreeMap<&str, &[u8]> = came.map(|(p, v)| (&**p, &**v)).collect();
        let (paths, all): (Vec<_>, Vec<_>) = (came.keys().collect(), tree.keys().collect());
        assert_eq!(paths, all, "nothing is wrong any more");
        assert!(came == tree, "a value is not the tree's");
    }

    /// Every failure has a cause that was seen.
    #[expect(clippy::wildcard_enum_match_arm, reason = "the others are one case")]
    pub(crate) fn error(&self, sight: &Sight<'_>, op: &Op, error: Error) {
        let is_leaf = op.what == What::List && !self.model.is_directory(&op.path);
        let changed = self.model.changed(op.began, self.now());
        let endless = self.planted(|k| matches!(k, Kind::EndlessDepth | Kind::EndlessWidth));
        let explained = match error {
            Error::NotADirectory => is_leaf,
            Error::Peer(Peer::ListingChanged) => changed || endless,
            Error::TooLarge(TooLarge::Nodes) => self.planted(|k| k == Kind::EndlessWidth),
            // Any other tree here fits the least arena.
            Error::TooLarge(TooLarge::Frontier) => endless,
            Error::TooLarge(TooLarge::Value) => {
                sight.config.limits.value < 65_536 || self.planted(|k| k == Kind::Oversized)
            }
            Error::Peer(Peer::BadTtl(_)) => self.planted(|k| matches!(k, Kind::BadTtl(_))),
            Error::TooLarge(TooLarge::Token) => self.planted(|k| k == Kind::LongToken),
            Error::Peer(Peer::NoTtl) => {
                let no_ttl = |k| matches!(k, Kind::NoTtl | Kind::Html | Kind::Garbage(_));
                self.planted(no_ttl) || self.had_other_server()
            }
            // What an endless tree says may stand in the place of a 404 page, and have its type.
            Error::Peer(Peer::Html) => {
                self.planted(|k| k == Kind::Html) || self.had_other_server() || endless
            }
            // HTTP/1.0 has no chunks.
            Error::Peer(Peer::Http(HttpError::BadTransferEncoding)) => {
                self.planted(|k| matches!(k, Kind::Chunks(_))) && self.had_legacy()
            }
            Error::Peer(Peer::Http(HttpError::TrailingBytes)) => {
                let mut troubles = self.script.troubles.iter();
                troubles.any(|trouble| trouble.what == Trouble::Unasked)
            }
            Error::Peer(Peer::Http(_)) => self.planted(|k| matches!(k, Kind::Garbage(_))),
            Error::Timeout(Reason::Operation) => {
                let budget = sight.config.timeouts.operation;
                budget.is_some_and(|budget| self.now() >= op.began + budget)
            }
            other => sight.explains(other) || self.ran_out_of_time(sight, op, other),
        };
        assert!(
            explained,
            "{error:?}, and nothing was seen that explains it: {}",
            op.path
        );
        assert!(
            !self.script.is_calm() || is_leaf || error == Error::TooLarge(TooLarge::Value),
            "{error:?}, and nothing was wrong: {}",
            op.path
        );
    }
}

impl Sight<'_> {
    /// No value is longer than the client takes.
    fn fits(&self, path: &str, value: &[u8]) {
        let most = usize::try_from(self.config.limits.value).unwrap_or(usize::MAX);
        assert!(value.len() <= most, "more than {most} bytes: {path}");
    }

    /// Was seen on the wire what this error says?
    #[expect(clippy::wildcard_enum_match_arm, reason = "the others are one case")]
    fn explains(&self, error: Error) -> bool {
        let (tap, since, times) = (self.tap, self.since, self.config.timeouts);
        let saw_any = |put, status| {
            tap.saw(put, status, Duration::ZERO) && (put || tap.saw(put, status, since))
        };
        match error {
            Error::Peer(Peer::TurnedOff) => saw_any(true, 403) || saw_any(false, 403),
            Error::Peer(Peer::Forbidden) => saw_any(false, 403),
            Error::Peer(Peer::NoTokens(status)) => saw_any(true, status),
            Error::Peer(Peer::TokenRejected) => saw_any(false, 401),
            Error::Peer(Peer::Throttled(status) | Peer::Status(status)) => {
                saw_any(false, status) || saw_any(true, status)
            }
            Error::Peer(Peer::Redirect(status)) => saw_any(false, status) || saw_any(true, status),
            Error::Peer(Peer::PartialContent) => saw_any(false, 206) || saw_any(true, 206),
            Error::Peer(Peer::Truncated) => tap.saw_break(since),
            Error::Transport(Phase::Connect, fault) => tap.saw_fault(fault, Duration::ZERO),
            Error::Transport(Phase::TokenReply, Fault::Reset | Fault::Closed) => {
                tap.saw_break(Duration::ZERO)
            }
            Error::Transport(_, Fault::Reset | Fault::Closed) => tap.saw_break(since),
            Error::Timeout(Reason::Connect) => tap.saw_slow_connect(times.connect, Duration::ZERO),
            Error::Timeout(Reason::TokenReply) => {
                tap.saw_silence(true, times.first_byte, Duration::ZERO)
            }
            Error::Timeout(Reason::FirstByte) => tap.saw_silence(false, times.first_byte, since),
            Error::Timeout(Reason::BodyIdle) => {
                tap.saw_stop(times.body_idle, Duration::ZERO) || tap.saw_late_token()
            }
            _ => false,
        }
    }
}
