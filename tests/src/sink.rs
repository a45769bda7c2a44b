//! Gathers what operations bring, and checks what every sink may rely on.

use std::collections::HashMap;

use imds_core::drive::Sink;
use imds_core::walk::Why;
use imds_core::{Leaf, Missing, OpId};

/// A node without a value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Missed {
    /// Its display path, or its directory's if there is a name.
    pub path: String,
    /// The line that is no name.
    pub name: Vec<u8>,
    /// Why.
    pub why: Why,
}

impl Missed {
    /// Is it a node, and not a line that names none?
    pub const fn is_node(&self) -> bool {
        !matches!(self.why, Why::BadName(_))
    }

    /// Is it this node, or a directory above it?
    pub fn covers(&self, path: &str) -> bool {
        let above = |rest: &str| self.path.ends_with('/') || rest.starts_with('/');
        self.is_node()
            && path
                .strip_prefix(self.path.as_str())
                .is_some_and(|rest| rest.is_empty() || above(rest))
    }
}

impl From<&Missing<'_>> for Missed {
    fn from(missing: &Missing<'_>) -> Self {
        Self {
            path: missing.path.to_owned(),
            name: missing.name.to_vec(),
            why: missing.why,
        }
    }
}

#[derive(Default)]
struct Operation {
    leaves: Vec<(String, Vec<u8>)>,
    missing: Vec<Missed>,
    /// A leaf that has begun and not ended.
    open: Option<(String, Vec<u8>)>,
    restarts: usize,
}

/// A sink that keeps everything.
#[derive(Default)]
pub struct Gathered {
    operations: HashMap<OpId, Operation>,
    /// Refuse to take anything.
    pub stubborn: bool,
    /// Refuse after so many more chunks and reports.
    pub appetite: Option<usize>,
}

impl Gathered {
    /// The value that a get brought.
    pub fn take_value(&mut self, op: OpId) -> Option<Vec<u8>> {
        let mut operation = self.operations.remove(&op)?;
        assert!(operation.leaves.len() <= 1, "a get brings one value");
        operation.leaves.pop().map(|(_, value)| value)
    }

    /// What a walk brought.
    pub fn take_walk(&mut self, op: OpId) -> (Vec<(String, Vec<u8>)>, Vec<Missed>) {
        let operation = self.operations.remove(&op).unwrap_or_default();
        assert!(
            operation.open.is_none(),
            "a leaf that never ended: {:?}",
            operation.open
        );
        (operation.leaves, operation.missing)
    }

    /// Was anything of this operation taken?
    pub fn heard_of(&self, op: OpId) -> bool {
        self.operations.contains_key(&op)
    }

    /// Forgets an operation that was cancelled.
    pub fn forget(&mut self, op: OpId) {
        self.operations.remove(&op);
    }

    /// Leaves of an operation so far.
    pub fn count(&self, op: OpId) -> usize {
        self.operations.get(&op).map_or(0, |o| o.leaves.len())
    }

    /// How often leaves of an operation began anew.
    pub fn restarts(&self, op: OpId) -> usize {
        self.operations.get(&op).map_or(0, |o| o.restarts)
    }
}

impl Gathered {
    fn refuses(&mut self) -> bool {
        match &mut self.appetite {
            Some(0) => true,
            Some(left) => {
                *left -= 1;
                self.stubborn
            }
            None => self.stubborn,
        }
    }
}

impl Sink for Gathered {
    fn leaf(&mut self, leaf: &Leaf<'_>) -> bool {
        if self.refuses() {
            return false;
        }
        let operation = self.operations.entry(leaf.op).or_default();
        if leaf.restart {
            assert_eq!(leaf.offset, 0, "a restart is at the beginning");
            operation.open.take().expect("something to begin anew");
            operation.restarts += 1;
        }
        let (path, mut value) = operation
            .open
            .take()
            .unwrap_or_else(|| (leaf.path.to_owned(), Vec::new()));
        assert_eq!(path, leaf.path, "another leaf between first and last chunk");
        assert_eq!(value.len(), leaf.offset, "chunks follow each other");
        value.extend_from_slice(leaf.chunk);
        if leaf.last {
            operation.leaves.push((path, value));
        } else {
            operation.open = Some((path, value));
        }
        true
    }

    fn missing(&mut self, missing: &Missing<'_>) -> bool {
        if self.refuses() {
            return false;
        }
        let operation = self.operations.entry(missing.op).or_default();
        let is_node = !matches!(missing.why, Why::BadName(_));
        if is_node && operation.open.as_ref().is_some_and(|o| o.0 == missing.path) {
            operation.open = None;
        }
        operation.missing.push(Missed::from(missing));
        true
    }
}
