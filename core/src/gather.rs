//! Whole nodes out of chunks, in lent memory.

use zeroize::Zeroize;

use crate::client::{Leaf, Missing, OpId};
use crate::drive::Sink;
use crate::path::MAX_PATH;
use crate::place::{part, part_mut, put};
use crate::walk::Why;

/// A [`Sink`] for a [`Client`](crate::Client) that puts one node together at a time and hands it
/// out whole. While one waits to be [taken](Self::taken) it takes nothing more, so a slow reader
/// slows the client down and loses nothing.
///
/// Lend it as many bytes as [`Limits::value`](crate::config::Limits) allows; the core then
/// reports a larger value as too large before it would not fit here. The memory is wiped when a
/// node is taken, and at the end: values may be secrets.
///
/// ```
/// # use imds_core::{Client, Config, Gather, Node};
/// let mut memory = [0; 2048];
/// let mut config = Config::default();
/// config.limits.value = 2048;
/// let mut gather = Gather::new(&mut memory);
/// // After each turn of the driver:
/// if let Some(Node::Leaf { path, value, .. }) = gather.node() {
///     println!("{path}: {value:?}");
///     gather.taken();
/// }
/// ```
pub struct Gather<'m> {
    memory: &'m mut [u8],
    /// Bytes of the value, or of a missing node's name.
    len: usize,
    path: heapless::String<MAX_PATH>,
    state: State,
}

#[derive(Clone, Copy)]
enum State {
    Empty,
    /// The value has begun.
    Open,
    Leaf(OpId),
    /// The value was longer than the memory.
    TooLong(OpId),
    Missing(OpId, Why),
}

/// A node, whole.
#[derive(Clone, Copy)]
pub enum Node<'a> {
    /// One with a value.
    Leaf {
        /// The operation it belongs to.
        op: OpId,
        /// Its display path; empty for a get, whose caller has it.
        path: &'a str,
        /// Its value.
        value: &'a [u8],
    },
    /// One without.
    Missing(Missing<'a>),
    /// One whose value is longer than the memory of the [`Gather`], which is shorter than
    /// [`Limits::value`](crate::config::Limits) then.
    TooLong {
        /// The operation it belongs to.
        op: OpId,
        /// Its display path; empty for a get.
        path: &'a str,
    },
}

impl<'m> Gather<'m> {
    /// Gathers in `memory`.
    pub const fn new(memory: &'m mut [u8]) -> Self {
        Self {
            memory,
            len: 0,
            path: heapless::String::new(),
            state: State::Empty,
        }
    }

    /// The node that waits to be taken, if there is one.
    pub fn node(&self) -> Option<Node<'_>> {
        let path = self.path.as_str();
        let bytes = part(self.memory, ..self.len);
        match self.state {
            State::Empty | State::Open => None,
            State::Leaf(op) => Some(Node::Leaf {
                op,
                path,
                value: bytes,
            }),
            State::TooLong(op) => Some(Node::TooLong { op, path }),
            State::Missing(op, why) => Some(Node::Missing(Missing {
                op,
                path,
                name: bytes,
                why,
            })),
        }
    }

    /// Makes room for the next node.
    pub fn taken(&mut self) {
        if self.node().is_some() {
            self.clear();
        }
    }

    fn clear(&mut self) {
        part_mut(self.memory, ..self.len).zeroize();
        self.len = 0;
        self.path.clear();
        self.state = State::Empty;
    }

    fn begin(&mut self, path: &str, state: State) {
        self.clear();
        // The core reports no longer path.
        let _ = self.path.push_str(path);
        self.state = state;
    }

    /// As much as fits. False: not all of it.
    fn push(&mut self, bytes: &[u8]) -> bool {
        let n = bytes.len().min(self.memory.len() - self.len);
        put(self.memory, self.len, part(bytes, ..n));
        self.len += n;
        n == bytes.len()
    }
}

impl Sink for Gather<'_> {
    fn leaf(&mut self, leaf: &Leaf<'_>) -> bool {
        if self.node().is_some() {
            return false;
        }
        // A value that begins voids one that has begun: that one broke, or was cancelled.
        if leaf.offset == 0 {
            self.begin(leaf.path, State::Open);
        }
        let whole = leaf.offset == self.len && self.push(leaf.chunk);
        if leaf.last {
            self.state = match whole {
                true => State::Leaf(leaf.op),
                false => State::TooLong(leaf.op),
            };
        }
        true
    }

    fn missing(&mut self, missing: &Missing<'_>) -> bool {
        if self.node().is_some() {
            return false;
        }
        self.begin(missing.path, State::Missing(missing.op, missing.why));
        self.push(missing.name);
        true
    }
}

impl Drop for Gather<'_> {
    fn drop(&mut self) {
        self.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OP: OpId = OpId {
        slot: 0,
        generation: 1,
    };

    fn leaf<'a>(path: &'a str, offset: usize, chunk: &'a [u8], last: bool) -> Leaf<'a> {
        Leaf {
            op: OP,
            path,
            offset,
            chunk,
            last,
            restart: false,
        }
    }

    fn value<'a>(gather: &'a Gather<'_>) -> (&'a str, &'a [u8]) {
        match gather.node() {
            Some(Node::Leaf {
                op: OP,
                path,
                value,
            }) => (path, value),
            _ => panic!("no leaf"),
        }
    }

    #[test]
    fn chunks_become_one_value() {
        let mut memory = [0; 6];
        let mut gather = Gather::new(&mut memory);
        assert!(gather.leaf(&leaf("/a", 0, b"one", false)));
        assert!(gather.node().is_none(), "not before it is whole");
        assert!(gather.leaf(&leaf("/a", 3, b"two", true)));
        assert_eq!(value(&gather), ("/a", &b"onetwo"[..]));
    }

    #[test]
    fn nothing_more_is_taken_while_a_node_waits() {
        let mut memory = [0; 8];
        let mut gather = Gather::new(&mut memory);
        assert!(gather.leaf(&leaf("/a", 0, b"", true)));
        assert!(!gather.leaf(&leaf("/b", 0, b"b", true)));
        let missing = Missing {
            op: OP,
            path: "/c",
            name: b"",
            why: Why::Absent,
        };
        assert!(!gather.missing(&missing));
        assert_eq!(value(&gather), ("/a", &b""[..]));
        gather.taken();
        assert!(gather.missing(&missing));
        assert!(matches!(gather.node(), Some(Node::Missing(m)) if m == missing));
    }

    #[test]
    fn a_value_that_begins_anew_is_not_stitched() {
        let mut memory = [0; 8];
        let mut gather = Gather::new(&mut memory);
        assert!(gather.leaf(&leaf("", 0, b"broken", false)));
        assert!(gather.leaf(&leaf("", 0, b"good", true)));
        assert_eq!(value(&gather), ("", &b"good"[..]));
    }

    #[test]
    fn a_value_longer_than_the_memory_is_named_and_not_cut() {
        let mut memory = [0; 4];
        let mut gather = Gather::new(&mut memory);
        assert!(gather.leaf(&leaf("/a", 0, b"12345", false)));
        assert!(gather.leaf(&leaf("/a", 5, b"", true)));
        assert!(matches!(
            gather.node(),
            Some(Node::TooLong { op: OP, path: "/a" })
        ));
        gather.taken();
        assert!(
            gather.leaf(&leaf("/b", 0, b"1234", true)),
            "the next one fits"
        );
        assert_eq!(value(&gather), ("/b", &b"1234"[..]));
    }

    #[test]
    fn the_memory_is_wiped() {
        let mut memory = [0; 8];
        let mut gather = Gather::new(&mut memory);
        gather.leaf(&leaf("/a", 0, b"secret", true));
        gather.taken();
        assert_eq!(gather.memory, [0; 8]);
        gather.leaf(&leaf("/a", 0, b"secret", false));
        drop(gather);
        assert_eq!(memory, [0; 8]);
    }
}
