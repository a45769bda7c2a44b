//! The table of operations and walks.

use crate::client::{OpId, Reply};
use crate::error::Error;
use crate::lane::Buffer;
use crate::path::Path;
use crate::session::Session;
use crate::time::Instant;
use crate::walk::frontier::Frontier;
use crate::walk::{Include, Options, Sensitive, Summary};

/// An operation.
#[derive(Debug)]
pub(super) struct Op {
    pub(super) generation: u32,
    pub(super) state: OpState,
    pub(super) kind: Kind,
    /// For listings and walks without its final slash.
    pub(super) path: Path,
    pub(super) start: Start,
    /// What the parent's listing calls it: a directory?
    pub(super) found: Option<bool>,
    pub(super) sequence: u32,
    pub(super) deadline: Option<Instant>,
    pub(super) tries: Tries,
    /// The last failure that led to another attempt.
    pub(super) last: Option<Error>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum OpState {
    Free,
    /// No lane has it, or, for a walk, lanes may have nodes of it.
    Waiting,
    /// A lane has it.
    Active {
        connected: bool,
    },
    Done(Result<Reply, Error>),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Get,
    List,
    /// With the index of its walk.
    Walk(usize),
}

/// What is known of the node that an operation starts at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Start {
    /// Its parent's listing has to be read. `slash`: the caller wrote the final slash.
    Ask { slash: bool },
    /// It is, or is not, a directory.
    Known { directory: bool },
    /// A lane has taken it (walks).
    Taken,
    /// A lane has put back a node of the walk, to serve another walk: the operation's path and
    /// tries are that node's.
    Shelved { depth: u8 },
}

/// How often a request was tried.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Tries {
    /// Attempts made that count.
    pub(crate) attempts: u8,
    /// A 401 was answered with a new token.
    pub(crate) refreshed: bool,
    /// A redirect added a final slash.
    pub(crate) slash: bool,
    /// Chunks were taken from an answer that then broke.
    pub(crate) restart: bool,
    /// A reused connection died under it once.
    pub(crate) free_retry: bool,
    /// The next attempt goes out no earlier.
    pub(crate) not_before: Instant,
}

impl Tries {
    pub(crate) const NONE: Self = Self {
        attempts: 0,
        refreshed: false,
        slash: false,
        restart: false,
        free_retry: false,
        not_before: Instant::ZERO,
    };
}

/// Stands for the lane of a shelved node in [`Walk::floor`].
pub(super) const SHELF: u8 = u8::MAX;

/// A walk, or room for one.
pub(super) struct Walk<A: Buffer> {
    pub(super) op: Option<OpId>,
    pub(super) frontier: Frontier<A>,
    pub(super) include: Include,
    /// Nodes that lanes hold.
    pub(super) in_flight: u8,
    /// Directories among them.
    pub(super) directories: u8,
    /// Most nodes that lanes may hold: lowered when the server refuses connections.
    pub(super) lane_limit: u8,
    pub(super) paused: bool,
    /// The lane whose leaf is being offered, or was taken in part: no other leaf may be.
    pub(super) floor: Option<u8>,
    /// Names accepted.
    pub(super) nodes: u32,
    pub(super) summary: Summary,
}

impl Op {
    pub(super) const FREE: Self = Self {
        generation: 0,
        state: OpState::Free,
        kind: Kind::Get,
        path: Path::new(),
        start: Start::Taken,
        found: None,
        sequence: 0,
        deadline: None,
        tries: Tries::NONE,
        last: None,
    };

    /// Its name, if this is its slot.
    pub(super) fn id(&self, slot: usize) -> OpId {
        OpId {
            // At most 255 slots.
            slot: u8::try_from(slot).unwrap_or(u8::MAX),
            generation: self.generation,
        }
    }

    /// Begun and not ended?
    pub(super) const fn is_live(&self) -> bool {
        matches!(self.state, OpState::Waiting | OpState::Active { .. })
    }
}

impl<A: Buffer> Walk<A> {
    pub(super) fn new(arena: A) -> Self {
        Self {
            op: None,
            frontier: Frontier::new(arena),
            include: Include::NONE,
            in_flight: 0,
            directories: 0,
            lane_limit: u8::MAX,
            paused: false,
            floor: None,
            nodes: 0,
            summary: Summary::default(),
        }
    }

    pub(super) fn begin(&mut self, op: OpId, path: &str, options: Options) {
        self.frontier.clear();
        self.op = Some(op);
        // Whoever starts inside a sensitive part has asked for it.
        self.include = match Sensitive::of(path) {
            Some(part) => options.include | part.include(),
            None => options.include,
        };
        self.in_flight = 0;
        self.directories = 0;
        self.lane_limit = u8::MAX;
        self.paused = false;
        self.floor = None;
        self.nodes = 0;
        self.summary = Summary::default();
    }

    /// A lane takes a node.
    pub(super) fn hold(&mut self, directory: bool) {
        self.in_flight += 1;
        self.directories += u8::from(directory);
    }

    /// A lane is rid of a node.
    pub(super) fn let_go(&mut self, directory: bool) {
        self.in_flight = self.in_flight.saturating_sub(1);
        self.directories = self.directories.saturating_sub(u8::from(directory));
    }

    /// Is there a name for a lane?
    pub(super) fn has_next(&self) -> bool {
        self.frontier.has_next() && !self.frontier.is_crowded(self.directories)
    }

    pub(super) fn end(&mut self) {
        self.op = None;
        self.frontier.clear();
    }
}

impl<A: Buffer, const OPS: usize, const WALKS: usize, const TOKEN: usize>
    Session<A, OPS, WALKS, TOKEN>
{
    /// The operation, if it is under way.
    pub(super) fn op(&self, id: OpId) -> Option<&Op> {
        let op = self.ops.get(usize::from(id.slot))?;
        (op.generation == id.generation && op.is_live()).then_some(op)
    }

    pub(super) fn op_mut(&mut self, id: OpId) -> Option<&mut Op> {
        let op = self.ops.get_mut(usize::from(id.slot))?;
        (op.generation == id.generation && op.is_live()).then_some(op)
    }

    pub(super) fn walk_index(&self, id: OpId) -> Option<usize> {
        match self.op(id)?.kind {
            Kind::Walk(walk) => Some(walk),
            Kind::Get | Kind::List => None,
        }
    }

    pub(super) fn walk_at(&self, id: OpId) -> Option<&Walk<A>> {
        self.walks.get(self.walk_index(id)?)
    }

    pub(super) fn walk_of(&mut self, id: OpId) -> Option<&mut Walk<A>> {
        let index = self.walk_index(id)?;
        self.walks.get_mut(index)
    }

    /// Ends an operation with this result.
    pub(super) fn finish(&mut self, id: OpId, result: Result<Reply, Error>) {
        if let Some(op) = self.op_mut(id) {
            op.state = OpState::Done(result);
            self.end_walk(id);
            self.changed = true;
        }
    }

    /// Frees the slot; the id is void.
    pub(super) fn free(&mut self, id: OpId) {
        let Some(op) = self.ops.get_mut(usize::from(id.slot)) else {
            return;
        };
        if op.generation != id.generation {
            return;
        }
        if matches!(op.state, OpState::Free) {
            return;
        }
        op.state = OpState::Free;
        op.generation = op.generation.wrapping_add(1);
        self.end_walk(id);
    }

    fn end_walk(&mut self, id: OpId) {
        for walk in self.walks.iter_mut().filter(|w| w.op == Some(id)) {
            walk.end();
        }
    }

    /// Ends a walk whose last node is done.
    pub(super) fn settle(&mut self, id: OpId) {
        let started = self.op(id).is_some_and(|op| op.start == Start::Taken);
        if started
            && let Some(walk) = self.walk_at(id)
            && walk.in_flight == 0
            && walk.frontier.is_empty()
        {
            let summary = walk.summary;
            self.finish(id, Ok(Reply::Walked(summary)));
        }
    }
}

/// A path (without final slash) as its directory, with the final slash, and its last name.
pub(super) fn parent(path: &str) -> (&str, &str) {
    let slash = path.bytes().rposition(|byte| byte == b'/');
    let at = slash.map_or(0, |at| at + 1);
    path.split_at_checked(at).unwrap_or_default()
}
