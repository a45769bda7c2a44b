//! Which work a lane gets next.
//!
//! Gets go before nodes of walks, so a get made in the middle of a walk never waits for the
//! rest of it. Whatever the work, a token comes first.

use crate::client::OpId;
use crate::config::{HEAD_START, Target};
use crate::error::{Error, Reason, What};
use crate::lane::{Buffer, Job, Lane, Node, State};
use crate::path;
use crate::session::ops::{Kind, Op, OpState, SHELF, Start, parent};
use crate::session::{Earliest, Session};
use crate::time::Instant;
use crate::walk::frontier::Next;
use crate::walk::listing::is_directory;
use crate::walk::{Sensitive, Why};

enum Work {
    /// A get or a listing, or the look at where a walk starts.
    Op(OpId),
    /// The node that the lane holds.
    Held(OpId),
    /// The next node of this walk.
    Walk(usize),
}

enum Gate {
    Go,
    /// Get a token first.
    Fetch,
    /// Another lane is getting one, or it is too early to try again.
    Wait,
}

impl<A: Buffer, const OPS: usize, const WALKS: usize, const TOKEN: usize>
    Session<A, OPS, WALKS, TOKEN>
{
    /// Gives an idle lane work. False: there is none for it now.
    pub(super) fn assign<B: Buffer>(&mut self, now: Instant, lane: &mut Lane<B>) -> bool {
        let Some(work) = self.pick(now, lane) else {
            return false;
        };
        let job = match self.gate(now) {
            Gate::Wait => return false,
            Gate::Fetch => {
                self.fetch.lane = Some((lane.id, lane.is_connected()));
                Job::Token(now)
            }
            Gate::Go => match work {
                Work::Op(id) => {
                    let Some(op) = self.op_mut(id) else {
                        return false;
                    };
                    op.state = OpState::Active {
                        connected: lane.is_connected(),
                    };
                    lane.restart = op.tries.restart;
                    match op.start {
                        Start::Ask { .. } => Job::Classify(id),
                        Start::Known { .. } | Start::Taken | Start::Shelved { .. } => Job::Read(id),
                    }
                }
                Work::Held(op) => {
                    lane.restart = lane.node.as_ref().is_some_and(|n| n.tries.restart);
                    match self.ask(op, lane) {
                        Some(job) => job,
                        // Its report was broken off.
                        None => return true,
                    }
                }
                Work::Walk(index) => {
                    self.shelve(lane);
                    match self.take_node(index, lane) {
                        Some(job) => job,
                        // Reported without asking, or the walk is over.
                        None => return true,
                    }
                }
            },
        };
        let second = self.pinned == Some(true);
        let mut timeouts = self.config.timeouts;
        if self.pinned.is_none() && matches!(self.config.target, Target::Auto) {
            // The second address begins later, and has its whole time too.
            timeouts.connect = timeouts.connect.saturating_add(HEAD_START);
        }
        lane.begin(now, job, timeouts, second);
        if !lane.reused {
            self.counters.connections = self.counters.connections.wrapping_add(1);
        }
        true
    }

    /// When an idle lane may get work that it may not get yet.
    pub(super) fn next_work<B: Buffer>(&self, lane: &Lane<B>, first: &mut Earliest) {
        // What is due already waits for another lane, not for time.
        let mut wait = |at: Instant, reason| {
            if at > self.now {
                first.or(at, reason);
            }
        };
        for op in &self.ops {
            if matches!(op.state, OpState::Waiting) && !self.is_paused(op) {
                wait(op.tries.not_before, Reason::Backoff);
            }
        }
        if let Some(node) = &lane.node {
            wait(node.tries.not_before, Reason::Backoff);
        }
        if self.fetch.lane.is_none() && self.ops.iter().any(Op::is_live) {
            wait(self.fetch.not_before, Reason::Backoff);
        }
        if let Some(budget) = &self.pace
            && self.walks.iter().any(|w| w.op.is_some() && !w.paused)
        {
            wait(budget.ready_at(), Reason::Pace);
        }
    }

    fn pick<B: Buffer>(&self, now: Instant, lane: &Lane<B>) -> Option<Work> {
        let due = |op: &Op| matches!(op.state, OpState::Waiting) && op.tries.not_before <= now;
        let oldest = |wanted: &dyn Fn(&Op) -> bool| {
            self.ops
                .iter()
                .enumerate()
                .filter(|(_, op)| due(op) && wanted(op))
                .max_by_key(|(_, op)| self.sequence.wrapping_sub(op.sequence))
                .map(|(slot, op)| Work::Op(op.id(slot)))
        };
        if let Some(get) = oldest(&|op| !matches!(op.kind, Kind::Walk(_))) {
            return Some(get);
        }
        if self
            .pace
            .as_ref()
            .is_some_and(|budget| budget.ready_at() > now)
        {
            return None;
        }
        if let Some(node) = &lane.node {
            let walk = self.walk_at(node.op)?;
            if !walk.paused && node.tries.not_before <= now {
                return Some(Work::Held(node.op));
            }
            // It waits. Its own walk must not take the lane meanwhile, others may.
            if self.op(node.op)?.start != Start::Taken {
                return None;
            }
        }
        let held = lane.node.as_ref().map(|node| node.op);
        let classify = |op: &Op| {
            matches!((op.kind, op.start), (Kind::Walk(_), Start::Ask { .. })) && !self.is_paused(op)
        };
        if let Some(start) = oldest(&classify) {
            return Some(start);
        }
        self.walks
            .iter()
            .position(|walk| {
                let Some(op) = walk.op.and_then(|op| self.op(op)) else {
                    return false;
                };
                walk.op != held
                    && !walk.paused
                    && walk.in_flight < walk.lane_limit
                    && match op.start {
                        Start::Known { .. } => true,
                        Start::Shelved { .. } => op.tries.not_before <= now || walk.has_next(),
                        Start::Taken => walk.has_next(),
                        Start::Ask { .. } => false,
                    }
            })
            .map(Work::Walk)
    }

    fn gate(&mut self, now: Instant) -> Gate {
        if self.reads_v1(now) {
            return Gate::Go;
        }
        let usable = self.token.usable(now);
        let may_fetch = self.fetch.lane.is_none() && self.fetch.not_before <= now;
        if self.token.wants_refresh(now) && may_fetch {
            Gate::Fetch
        } else if usable {
            Gate::Go
        } else {
            Gate::Wait
        }
    }

    /// May a read go out now?
    pub(super) fn may_read(&mut self, now: Instant) -> bool {
        self.reads_v1(now) || self.token.usable(now)
    }

    /// Puts the node that the lane holds, if any, back to its walk.
    fn shelve<B: Buffer>(&mut self, lane: &mut Lane<B>) {
        let Some(node) = &lane.node else { return };
        if let Some(op) = self.op_mut(node.op) {
            op.start = Start::Shelved { depth: node.depth };
            path::set(&mut op.path, &node.path);
            op.tries = node.tries;
        }
        if let Some(walk) = self.walk_of(node.op) {
            walk.let_go(node.directory);
            if walk.floor == Some(lane.id) {
                walk.floor = Some(SHELF);
            }
        }
        lane.node = None;
    }

    /// Gives the lane, whose leaf may not be offered, the shelved node that has the floor, if that
    /// is due, and puts the lane's own on the shelf. Its answer is lost and will be asked for again.
    pub(super) fn swap_with_shelf<B: Buffer>(
        &mut self,
        now: Instant,
        id: OpId,
        lane: &mut Lane<B>,
    ) -> bool {
        let Some(node) = &mut lane.node else {
            return false;
        };
        let Some(op) = self.op_mut(id).filter(|op| op.tries.not_before <= now) else {
            return false;
        };
        let Start::Shelved { depth } = &mut op.start else {
            return false;
        };
        core::mem::swap(depth, &mut node.depth);
        core::mem::swap(&mut op.path, &mut node.path);
        core::mem::swap(&mut op.tries, &mut node.tries);
        node.op = id;
        node.directory = node.path.ends_with('/');
        lane.drop_exchange();
        if let Some(walk) = self.walk_of(id) {
            walk.floor = Some(lane.id);
        }
        self.changed = true;
        true
    }

    /// Takes the next node of a walk for the lane. `None`: it needs no exchange.
    fn take_node<B: Buffer>(&mut self, index: usize, lane: &mut Lane<B>) -> Option<Job> {
        let walk = self.walks.get_mut(index)?;
        let id = walk.op?;
        let op = self.ops.get_mut(usize::from(id.slot))?;
        let due = op.tries.not_before <= self.now;
        let node = lane.node.insert(Node::new(id));
        let mut again = false;
        let mut shelved = false;
        match op.start {
            Start::Shelved { depth } if due => {
                op.start = Start::Taken;
                path::set(&mut node.path, &op.path);
                node.depth = depth;
                node.tries = op.tries;
                shelved = true;
                if walk.floor == Some(SHELF) {
                    walk.floor = Some(lane.id);
                }
            }
            Start::Known { directory } => {
                op.start = Start::Taken;
                path::set(&mut node.path, &op.path);
                if directory && !node.path.ends_with('/') {
                    // There is room: `start` and `judge` counted this byte.
                    let _ = node.path.push('/');
                }
            }
            Start::Ask { .. } | Start::Taken | Start::Shelved { .. } => {
                match walk.frontier.next(&mut node.path) {
                    Some(Next::Child { depth }) => {
                        node.depth = depth + 1;
                        if !node.path.ends_with('/') {
                            let (dir, name) = parent(&node.path);
                            if is_directory(dir, name) {
                                // There is room: `judge` counted this byte.
                                let _ = node.path.push('/');
                            }
                        }
                    }
                    Some(Next::Again { depth }) => {
                        node.depth = depth;
                        again = true;
                    }
                    None => {
                        lane.node = None;
                        return None;
                    }
                }
            }
        }
        node.directory = node.path.ends_with('/');
        lane.restart = node.tries.restart;
        let limits = self.config.limits;
        if !again && !shelved {
            walk.nodes += 1;
        }
        if !shelved && walk.nodes > limits.nodes {
            lane.node = None;
            self.finish(id, Err(Error::TooLarge(What::Nodes)));
            return None;
        }
        walk.hold(node.directory);
        self.ask(id, lane)
    }

    /// Has the lane's node asked for, or reported if it may not be: that is looked at each time,
    /// because a lane may be abandoned before it has made its report.
    fn ask<B: Buffer>(&self, id: OpId, lane: &mut Lane<B>) -> Option<Job> {
        let (node, walk) = (lane.node.as_ref()?, self.walk_at(id)?);
        let why = match Sensitive::of(&node.path) {
            Some(part) if !walk.include.contains(part.include()) => Why::LeftOut(part),
            _ if node.depth > self.config.limits.depth => Why::Failed(Error::TooLarge(What::Depth)),
            _ => return Some(Job::Node(id)),
        };
        lane.state = State::Report(why);
        None
    }

    pub(super) fn is_paused(&self, op: &Op) -> bool {
        matches!(op.kind, Kind::Walk(walk) if self.walks.get(walk).is_some_and(|w| w.paused))
    }
}
