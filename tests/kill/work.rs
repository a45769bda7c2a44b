//! What an agent asks, and what it may be told.

use core::fmt;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use imds_core::walk::Why;
use imds_core::{Error, Peer};
use imds_tests::common::ALL;
use imds_tests::generation::{self, ALWAYS, SOMETIMES};
use imds_tests::{Got, Random, Walked};
use imds_tokio::Client;

use crate::ledger::{Ledger, Lived};

/// No generation has it.
const NEVER: &str = "/latest/meta-data/never";

pub(crate) struct Work {
    pub(crate) client: Client,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) count: Arc<Count>,
    pub(crate) random: Random,
}

impl Work {
    /// Walks over all.
    pub(crate) async fn walk(self) {
        let begun = self.ledger.begin();
        let walked = Walked::to_the_end(self.client.walk("/latest/", ALL), async || {}).await;
        let lived = begun.end();
        let told = walked.result.map(|()| !walked.missing.is_empty());
        self.count.note("walks", &lived, told);
        assert!(
            !lived.calm || told == Ok(false),
            "a walk for which the server was there: {:?}, {:?}",
            walked.result,
            walked.missing
        );

        let always = ALWAYS.iter().map(String::as_str);
        walked.assert_accounts_for(always, |path| path == SOMETIMES);
        for (path, value) in &walked.leaves {
            lived.assert_served(path, Some(value));
        }
        for missed in &walked.missing {
            if missed.why == Why::Absent && missed.path == SOMETIMES {
                // Its generation is gone.
                continue;
            }
            let Why::Failed(error) = missed.why else {
                panic!("{missed:?}");
            };
            assert_named(error);
        }
        if let Err(error) = walked.result {
            assert_named(error);
        }
    }

    /// Walks, and loses interest.
    pub(crate) async fn leave_walk(mut self) {
        let mut walk = self.client.walk("/latest/", ALL);
        for _ in 0..self.random.below(40) {
            if walk.next().await.is_none() {
                break;
            }
        }
    }

    /// Gets so many values, one after the other.
    pub(crate) async fn get(mut self, gets: usize) {
        let always = || ALWAYS.iter().map(String::as_str);
        for _ in 0..gets {
            let path = match self.random.below(10) {
                0 => NEVER,
                1 => SOMETIMES,
                _ => {
                    let nth = self.random.below(ALWAYS.len());
                    always().nth(nth).expect("one of them")
                }
            };
            let begun = self.ledger.begin();
            // A key pair is asked for by its number alone.
            let got = self
                .client
                .get(&path.replace("/0=my key = prod/", "/0/"))
                .await;
            self.check(path, got, &begun.end());
        }
    }

    fn check(&self, path: &str, got: Got, lived: &Lived) {
        self.count.note(
            "gets",
            lived,
            got.as_ref().map(|_| false).map_err(|error| *error),
        );
        match got {
            Ok(value) => lived.assert_served(path, value.as_deref()),
            Err(error) => {
                assert!(
                    !lived.calm,
                    "{path}, for which the server was there: {error}"
                );
                assert_named(error);
            }
        }
    }
}

impl Lived {
    /// One of the servers that it may have met had just this there.
    fn assert_served(&self, path: &str, value: Option<&[u8]>) {
        let mut generations = self.generations.clone();
        let one = generations.any(|n| generation::value(path, n).as_deref() == value);
        let shown = value.map(String::from_utf8_lossy);
        assert!(one, "{path} of {:?}: {shown:?}", self.generations);
    }
}

/// The cause is the server's death or silence.
fn assert_named(error: Error) {
    let named = matches!(
        error,
        Error::Transport(..)
            | Error::Timeout(_)
            | Error::Peer(Peer::Truncated | Peer::TokenRejected)
    );
    assert!(named, "{error:?}");
}

/// What came of the day, by name.
#[derive(Default)]
pub(crate) struct Count(Mutex<BTreeMap<String, u32>>);

impl Count {
    fn tally(&self, what: String) {
        *self
            .0
            .lock()
            .expect("nobody panicked")
            .entry(what)
            .or_default() += 1;
    }

    pub(crate) fn strike(&self, signal: &str) {
        self.tally(format!("SIG{signal}"));
    }

    /// An operation that came through, and perhaps named something as missing.
    fn note(&self, what: &str, lived: &Lived, came: Result<bool, Error>) {
        let times = if lived.calm { "calm" } else { "troubled" };
        let end = match came {
            Ok(false) => "whole",
            Ok(true) => "with missing nodes",
            Err(_) => "failed",
        };
        self.tally(format!("{what} {times} {end}"));
    }

    /// The day had everything in it.
    pub(crate) fn assert_worth(&self) {
        let counts = self.0.lock().expect("nobody panicked");
        for what in [
            "SIGKILL",
            "SIGTERM",
            "SIGSTOP",
            "walks calm whole",
            "walks troubled whole",
            "walks troubled with missing nodes",
            "gets calm whole",
            "gets troubled whole",
            "gets troubled failed",
        ] {
            assert!(counts.contains_key(what), "a day without {what}");
        }
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (what, times) in &*self.0.lock().expect("nobody panicked") {
            write!(f, "{what}: {times}, ")?;
        }
        f.write_str("in all")
    }
}
