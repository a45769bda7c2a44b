//! What a walk brought.

use core::ops::AsyncFnMut;
use std::collections::BTreeSet;

use imds_core::walk::{self, Summary};
use imds_core::{Cause, Error};
use imds_tokio::{Node, Walk};

use crate::Missed;

/// What a get comes to.
pub type Got = Result<Option<Vec<u8>>, Error>;

/// What a walk brought.
#[derive(Debug)]
pub struct Walked {
    /// Values by display path, in the order they came; no path stands twice.
    pub leaves: Vec<(String, Vec<u8>)>,
    /// Nodes without a value.
    pub missing: Vec<Missed>,
    /// How it ended.
    pub result: Result<(), Error>,
}

impl Walked {
    /// These nodes, each of which came once, and this end. The counts of its summary must be true;
    /// `None` if the client tells nobody.
    pub(crate) fn new(
        leaves: Vec<(String, Vec<u8>)>,
        missing: Vec<Missed>,
        result: Result<Option<Summary>, Error>,
    ) -> Self {
        let nodes = missing.iter().filter(|missed| missed.is_node());
        let mut paths: Vec<&str> = nodes.map(|missed| missed.path.as_str()).collect();
        let absent = paths.len();
        paths.extend(leaves.iter().map(|(path, _)| path.as_str()));
        paths.sort_unstable();
        for pair in paths.windows(2) {
            assert_ne!(pair[0], pair[1], "a node reported twice");
        }
        if let Ok(Some(summary)) = result {
            assert_eq!(
                usize::try_from(summary.leaves),
                Ok(leaves.len()),
                "leaves counted"
            );
            assert_eq!(
                usize::try_from(summary.missing),
                Ok(absent),
                "missing nodes counted"
            );
        }
        Self {
            leaves,
            missing,
            result: result.map(|_| ()),
        }
    }

    /// A walk of imds-tokio's client to its end. `each` has its turn after every node.
    pub async fn to_the_end(mut walk: Walk, mut each: impl AsyncFnMut()) -> Self {
        let (mut leaves, mut missing) = (Vec::new(), Vec::new());
        let result = loop {
            match walk.next().await {
                None => break Ok(None),
                Some(Err(error)) => break Err(error),
                Some(Ok(Node::Leaf { path, value })) => leaves.push((path, value)),
                Some(Ok(Node::Missing { path, name, why })) => {
                    missing.push(Missed { path, name, why });
                }
            }
            each().await;
        };
        Self::new(leaves, missing, result)
    }

    /// Every one of these leaves came, or is named as missing, or stands below a directory that is;
    /// only an error may leave some out. Leaves that are not among these came only if `more` says so.
    ///
    /// # Panics
    /// If something else was lost, or came.
    pub fn assert_accounts_for<'a>(
        &self,
        expected: impl IntoIterator<Item = &'a str>,
        more: impl Fn(&str) -> bool,
    ) {
        let came: BTreeSet<&str> = self.leaves.iter().map(|(path, _)| path.as_str()).collect();
        let expected: BTreeSet<&str> = expected.into_iter().collect();
        for path in came.difference(&expected) {
            assert!(more(path), "a leaf that is not in the tree: {path}");
        }
        for path in expected {
            let missing = self.missing.iter().filter(|missed| missed.covers(path));
            let named = missing.count() + usize::from(came.contains(path));
            match self.result {
                Ok(()) => assert_eq!(named, 1, "how often {path} came or is named as missing"),
                Err(_) => assert!(named <= 1, "{path} came or is named {named} times"),
            }
        }
    }

    /// The exit code of a program that does nothing but this walk: of its error, or of the worst
    /// node that failed.
    pub fn exit_code(&self) -> u8 {
        let causes = self.missing.iter().filter_map(|m| m.why.cause());
        let worst = causes
            .chain(self.result.err().map(|error| error.cause()))
            .filter(|cause| *cause != Cause::Absent)
            .max_by_key(|cause| cause.severity());
        worst.map_or(0, Cause::exit_code)
    }

    /// The paths of the leaves, in the order they came.
    pub fn paths(&self) -> Vec<&str> {
        self.leaves.iter().map(|(path, _)| path.as_str()).collect()
    }

    /// The value of this leaf.
    pub fn value(&self, path: &str) -> Option<&[u8]> {
        let (_, value) = self.leaves.iter().find(|(p, _)| p == path)?;
        Some(value)
    }

    /// The leaves, sorted by path.
    pub fn sorted(&self) -> Vec<(String, Vec<u8>)> {
        let mut leaves = self.leaves.clone();
        leaves.sort();
        leaves
    }
}

/// The names of a listing.
pub(crate) fn names(path: &str, listing: &[u8]) -> Vec<String> {
    let names = walk::entries(path, listing).filter_map(Result::ok);
    names.map(str::to_owned).collect()
}
