//! Listings: lines from a lane to the frontier, or to the question what a start path is.

use crate::client::OpId;
use crate::error::{Error, Peer, What};
use crate::lane::{Buffer, Job, Lane, State};
use crate::path::key_index;
use crate::session::Session;
use crate::session::ops::parent;
use crate::time::Instant;
use crate::walk::frontier::Pushed;
use crate::walk::listing::{cut, is_directory, is_entry, judge, looks_like_html};
use crate::walk::{BadName, Why};

/// Bytes of a bad line that are reported.
const EXCERPT: usize = 64;

/// What to do with a line.
enum Line {
    Next,
    Report(BadName),
    Fail(Error),
}

impl<A: Buffer, const OPS: usize, const WALKS: usize, const TOKEN: usize>
    Session<A, OPS, WALKS, TOKEN>
{
    /// Takes the lines that the lane has. `last`: no more will come.
    pub(super) fn lines<B: Buffer>(
        &mut self,
        now: Instant,
        lane: &mut Lane<B>,
        last: bool,
    ) -> bool {
        if core::mem::take(&mut lane.first_lines) && looks_like_html(lane.payload()) {
            lane.fail(Error::Peer(Peer::Html));
            return true;
        }
        loop {
            let payload = lane.payload();
            let Some((line, used)) = cut(payload, last) else {
                if last {
                    lane.end(Ok(()));
                    return true;
                }
                let len = payload.len();
                if lane.skipping_line {
                    lane.consume(len);
                } else if lane.is_full() {
                    lane.skipping_line = true;
                    if !self.is_news(lane) {
                        continue;
                    }
                    lane.state = State::BadLine {
                        why: Why::BadName(BadName::TooLong),
                        line: len.min(EXCERPT),
                        used: len,
                        last,
                    };
                    return true;
                }
                lane.read_on(now);
                return true;
            };
            if lane.skipping_line {
                lane.skipping_line = false;
                lane.consume(used);
                continue;
            }
            let todo = match lane.job {
                Job::Node(op) => match &lane.node {
                    Some(node) => self.collect(op, &node.path, line),
                    None => Line::Next,
                },
                Job::Classify(op) => self.compare(op, line),
                Job::None | Job::Token(_) | Job::Read(_) => Line::Next,
            };
            match todo {
                Line::Next => lane.consume(used),
                Line::Report(bad) => {
                    lane.state = State::BadLine {
                        why: Why::BadName(bad),
                        line: line.len().min(EXCERPT),
                        used,
                        last,
                    };
                    return true;
                }
                Line::Fail(error) => {
                    lane.fail(error);
                    return true;
                }
            }
        }
    }

    /// Is this bad line to be reported? Not if another reading of the listing has told of it, or
    /// will, and not if the listing is read only to look up one name.
    fn is_news<B: Buffer>(&mut self, lane: &Lane<B>) -> bool {
        match (lane.job, &lane.node) {
            (Job::Node(op), Some(node)) => self
                .walk_of(op)
                .is_some_and(|walk| walk.frontier.push_bad(&node.path)),
            _ => false,
        }
    }

    /// A line of a directory that is walked.
    fn collect(&mut self, op: OpId, dir: &str, line: &[u8]) -> Line {
        let limit = self.config.limits.nodes;
        let Some(walk) = self.walk_of(op) else {
            return Line::Next;
        };
        let name = match judge(dir, line) {
            Ok(name) => name,
            Err(bad) if walk.frontier.push_bad(dir) => {
                // A server can make these without end, like nodes.
                walk.nodes += 1;
                return if walk.nodes > limit {
                    Line::Fail(Error::TooLarge(What::Nodes))
                } else {
                    Line::Report(bad)
                };
            }
            Err(_) => return Line::Next,
        };
        match walk.frontier.push(dir, name) {
            Pushed::Stored => {
                self.changed = true;
                Line::Next
            }
            Pushed::Passed => Line::Next,
            // Told once, like a line that is no name.
            Pushed::Repeated if walk.frontier.push_bad(dir) => Line::Report(BadName::Repeated),
            Pushed::Repeated => Line::Next,
            Pushed::NoRoom => Line::Fail(Error::TooLarge(What::Frontier)),
        }
    }

    /// A line of the listing in which an operation's path should stand.
    fn compare(&mut self, id: OpId, line: &[u8]) -> Line {
        let Some(op) = self.op_mut(id) else {
            return Line::Next;
        };
        let (dir, wanted) = parent(&op.path);
        if op.found.is_none()
            && let Ok(name) = judge(dir, line)
            && is_entry(dir, name, wanted)
        {
            op.found = Some(is_directory(dir, name));
            let bare = name.strip_suffix('/').unwrap_or(name);
            // An entry of `public-keys/` that was called by its number only gets its full name.
            if key_index(bare) == Some(wanted)
                && let Some(rest) = bare.strip_prefix(wanted)
            {
                // `judge` made sure that it fits.
                let _ = op.path.push_str(rest);
            }
        }
        Line::Next
    }

    /// The listing that tells what an operation's path is.
    pub(super) fn classify_dir(path: &str) -> &str {
        parent(path).0
    }

    /// Lets go of a listing that broke off and will be read again.
    pub(super) fn release_listing<B: Buffer>(&mut self, op: OpId, lane: &Lane<B>) {
        if let Some(node) = &lane.node
            && node.directory
            && let Some(walk) = self.walk_of(op)
        {
            walk.frontier.abort(&node.path);
        }
    }
}
