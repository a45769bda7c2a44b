//! Collects what operations bring until their callers take it.

use std::collections::VecDeque;

use imds_core::{Error, Leaf, Missing, OpId, Reply};
use zeroize::Zeroize;

use crate::Node;

/// What operations brought, and whatever the adapter keeps with each (`T`: a waker, say).
#[derive(Debug)]
pub struct Gather<T = ()> {
    operations: Vec<Operation<T>>,
}

struct Operation<T> {
    op: OpId,
    /// The value that is being received: of the get, or of the walk's present leaf.
    value: Vec<u8>,
    nodes: VecDeque<Node>,
    result: Option<Result<Reply, Error>>,
    extra: T,
}

impl<T> core::fmt::Debug for Operation<T> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Operation")
            .field("op", &self.op)
            .field("nodes", &self.nodes)
            .field("result", &self.result)
            .finish_non_exhaustive()
    }
}

impl<T> Drop for Operation<T> {
    fn drop(&mut self) {
        // Values that nobody took may be secrets.
        self.value.zeroize();
        for node in &mut self.nodes {
            if let Node::Leaf { value, .. } = node {
                value.zeroize();
            }
        }
    }
}

impl<T> Default for Gather<T> {
    fn default() -> Self {
        Self {
            operations: Vec::new(),
        }
    }
}

impl<T> Gather<T> {
    /// Expects what `op` brings.
    pub fn begin(&mut self, op: OpId, extra: T) {
        self.operations.push(Operation {
            op,
            value: Vec::new(),
            nodes: VecDeque::new(),
            result: None,
            extra,
        });
    }

    /// Forgets an operation.
    pub fn forget(&mut self, op: OpId) {
        self.operations.retain(|o| o.op != op);
    }

    /// What the adapter keeps with the operation.
    pub fn extra(&mut self, op: OpId) -> Option<&mut T> {
        self.find(op).map(|o| &mut o.extra)
    }

    /// What the adapter keeps with all operations.
    pub fn extras(&self) -> impl Iterator<Item = (OpId, &T)> {
        self.operations.iter().map(|o| (o.op, &o.extra))
    }

    /// How the operation ended, if it has.
    pub fn result(&mut self, op: OpId) -> Option<Result<Reply, Error>> {
        self.find(op)?.result
    }

    /// The operation has ended.
    pub fn end(&mut self, op: OpId, result: Result<Reply, Error>) {
        if let Some(operation) = self.find(op) {
            operation.result = Some(result);
        }
    }

    /// Takes the value of a get that has ended.
    pub fn take_value(&mut self, op: OpId) -> Vec<u8> {
        self.find(op)
            .map(|o| core::mem::take(&mut o.value))
            .unwrap_or_default()
    }

    /// Takes the next node of a walk.
    pub fn take_node(&mut self, op: OpId) -> Option<Node> {
        self.find(op)?.nodes.pop_front()
    }

    /// Nodes of a walk that wait to be taken.
    pub fn waiting(&mut self, op: OpId) -> usize {
        self.find(op).map_or(0, |o| o.nodes.len())
    }

    /// Takes a chunk.
    pub fn leaf(&mut self, leaf: &Leaf<'_>) {
        let Some(operation) = self.find(leaf.op) else {
            return;
        };
        // A value that began anew: what came before is void.
        if leaf.offset == 0 {
            operation.value.zeroize();
        }
        if leaf.offset == 0 && leaf.last {
            operation.value = leaf.chunk.to_vec();
        } else {
            operation.value.extend_from_slice(leaf.chunk);
        }
        if leaf.last && !leaf.path.is_empty() {
            let value = core::mem::take(&mut operation.value);
            operation.nodes.push_back(Node::Leaf {
                path: leaf.path.to_owned(),
                value,
            });
        }
    }

    /// Takes a node without a value.
    pub fn missing(&mut self, missing: &Missing<'_>) {
        if let Some(operation) = self.find(missing.op) {
            operation.nodes.push_back(Node::Missing {
                path: missing.path.to_owned(),
                name: missing.name.to_vec(),
                why: missing.why,
            });
        }
    }

    fn find(&mut self, op: OpId) -> Option<&mut Operation<T>> {
        self.operations.iter_mut().find(|o| o.op == op)
    }
}
