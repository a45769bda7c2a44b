//! The reference: what the tree was at each time, kept apart from the mock that serves it.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

/// A word in every value of some length. No log line and no `Debug` may have it.
pub(crate) const SECRET: &str = "s3cr3t";

/// A value, or none any more, since a time.
type Version = (Duration, Option<Vec<u8>>);

/// The tree, and all that it was.
#[derive(Default)]
pub(crate) struct Model {
    history: BTreeMap<String, Vec<Version>>,
    versions: usize,
}

impl Model {
    /// A value of this size that this path never had.
    pub(crate) fn new_value(&mut self, path: &str, size: usize) -> Vec<u8> {
        self.versions += 1;
        let line = format!("{SECRET} {path} {}\n", self.versions);
        line.bytes().cycle().take(size).collect()
    }

    pub(crate) fn set(&mut self, path: &str, now: Duration, value: Option<Vec<u8>>) {
        let history = self.history.entry(path.to_owned()).or_default();
        history.push((now, value));
    }

    /// The tree as it is.
    pub(crate) fn leaves(&self) -> BTreeMap<&str, &[u8]> {
        let mut leaves = BTreeMap::new();
        for (path, history) in &self.history {
            if let Some((_, Some(value))) = history.last() {
                leaves.insert(path.as_str(), value.as_slice());
            }
        }
        leaves
    }

    /// What a path came to at some time between these two.
    pub(crate) fn versions(&self, path: &str, from: Duration, to: Duration) -> Vec<Option<&[u8]>> {
        let Some(history) = self.history.get(path) else {
            return vec![None];
        };
        let mut versions = Vec::new();
        if history.first().is_some_and(|(since, _)| *since > from) {
            versions.push(None);
        }
        for (n, (since, value)) in history.iter().enumerate() {
            let until = history.get(n + 1).map_or(Duration::MAX, |(next, _)| *next);
            if *since <= to && until >= from {
                versions.push(value.as_deref());
            }
        }
        versions
    }

    /// The leaves that had a value throughout.
    pub(crate) fn stood(&self, from: Duration, to: Duration) -> impl Iterator<Item = &str> {
        let paths = self.history.keys().map(String::as_str);
        paths.filter(move |path| self.versions(path, from, to).iter().all(Option::is_some))
    }

    /// Did anything change?
    pub(crate) fn changed(&self, from: Duration, to: Duration) -> bool {
        let mut all = self.history.values().flatten();
        all.any(|(at, _)| *at >= from && *at <= to && !at.is_zero())
    }

    /// Was there ever anything below this path?
    pub(crate) fn is_directory(&self, path: &str) -> bool {
        let prefix = format!("{}/", path.trim_end_matches('/'));
        self.history.keys().any(|leaf| leaf.starts_with(&prefix))
    }

    /// The names that a directory had throughout, and those that it had at some time. One whose
    /// leaves are gone may still be listed.
    pub(crate) fn names(
        &self,
        directory: &str,
        from: Duration,
        to: Duration,
    ) -> (BTreeSet<String>, BTreeSet<String>) {
        let prefix = format!("{}/", directory.trim_end_matches('/'));
        let (mut always, mut ever) = (BTreeSet::new(), BTreeSet::new());
        for path in self.history.keys() {
            let Some(rest) = path.strip_prefix(&prefix) else {
                continue;
            };
            let name = match rest.split_once('/') {
                Some((name, _)) => format!("{name}/"),
                None => rest.to_owned(),
            };
            let versions = self.versions(path, from, to);
            if versions.iter().all(Option::is_some) {
                always.insert(name.clone());
            }
            if name.ends_with('/') || versions.iter().any(Option::is_some) {
                ever.insert(name);
            }
        }
        (always, ever)
    }

    /// Every name of a directory, ever: what a listing that is read in parts may take.
    pub(crate) fn size(&self) -> usize {
        self.history.len()
    }
}
