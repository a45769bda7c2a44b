//! Names still to visit, in an arena of fixed size.
//!
//! A *frame* is a directory whose listing was read: its path, then its names in the order of
//! the listing, with a cursor. Frames lie bottom to top in one run of bytes; the walk goes
//! depth first, so it takes names from the top.
//!
//! ```text
//!  | /latest/meta-data/ | ami-id\n  iam/\n  mac\n | /latest/meta-data/iam/ | info\n … | free
//!                         ^ taken   ^ anchor ^ cursor
//! ```
//!
//! A line that is no name leaves an empty entry: it marks that the line was reported.
//!
//! What does not fit is not lost: the frame is marked cut, and when its names are used up its
//! listing is read again. Names up to the *anchor*, the last one taken, are skipped then.
//! Opening a directory may cut frames below it for room, so an arena that holds the paths along
//! the deepest chain and one name each suffices for a tree of any width.

use heapless::Vec;

use crate::path::{self, Path};
use crate::walk::frame::{Frame, State};

/// Most directories open at once: those of one chain, and as many beside it for parallel lanes.
const MAX_FRAMES: usize = 2 * MAX_CHAIN;
/// Directories of one chain that there is always room for.
const MAX_CHAIN: usize = 12;

pub(crate) struct Frontier<A> {
    arena: A,
    frames: Vec<Frame, MAX_FRAMES>,
}

/// What is next, and how deep its directory is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Next {
    /// A name, joined to its directory.
    Child { depth: u8 },
    /// This directory's listing, again.
    Again { depth: u8 },
}

/// What became of a line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Pushed {
    Stored,
    /// It stands in the listing twice.
    Repeated,
    /// An earlier reading of the listing had it, or a later one will.
    Passed,
    /// Not even this one name fits.
    NoRoom,
}

/// The directory does not fit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct NoRoom;

/// How a reading of a listing ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Finished {
    Ok,
    /// The anchor was not in it: what is new cannot be told from what was visited.
    AnchorLost,
    /// It brought nothing that fits.
    NoRoom,
}

impl<A: AsRef<[u8]> + AsMut<[u8]>> Frontier<A> {
    pub(crate) const fn new(arena: A) -> Self {
        Self {
            arena,
            frames: Vec::new(),
        }
    }

    pub(crate) fn clear(&mut self) {
        self.frames.clear();
    }

    /// Is there nothing to take and no listing being read?
    pub(crate) fn is_empty(&self) -> bool {
        self.frames.iter().all(Frame::is_spent)
    }

    /// Could [`next`](Self::next) give something?
    pub(crate) fn has_next(&self) -> bool {
        self.frames.iter().any(|f| f.has_names() || f.wants_again())
    }

    /// Could lanes that read `directories` now leave too few frames for one chain to its end? Then
    /// they go first.
    pub(crate) fn is_crowded(&self, directories: u8) -> bool {
        directories > 0 && self.frames.len() + usize::from(directories) >= MAX_FRAMES - MAX_CHAIN
    }

    /// Takes the next name, from the top: its path is put into `path`.
    pub(crate) fn next(&mut self, path: &mut Path) -> Option<Next> {
        while let Some(index) = self.frames.iter().position(Frame::is_spent) {
            self.resize(index, 0);
            self.frames.remove(index);
        }
        let index = self
            .frames
            .iter()
            .rposition(|f| f.has_names() || f.wants_again())?;
        let arena = self.arena.as_ref();
        let frame = &mut self.frames[index];
        let dir = text(frame.dir(arena));
        let depth = frame.depth;
        // `push` checked that directory and name together are a legal path.
        path::set(path, dir);
        if frame.has_names() {
            let names = frame.names(arena);
            let rest = &names[frame.cursor..];
            let len = rest.iter().position(|b| *b == b'\n').unwrap_or(rest.len());
            path.push_str(text(&rest[..len])).ok()?;
            frame.anchor = frame.cursor;
            frame.taken = true;
            frame.cursor += len + 1;
            frame.pass_marks(arena);
            Some(Next::Child { depth })
        } else {
            self.begin(index);
            Some(Next::Again { depth })
        }
    }

    /// The listing of `dir` is about to be read, for the first time or again.
    pub(crate) fn open(&mut self, dir: &str, depth: u8) -> Result<(), NoRoom> {
        if let Some(index) = self.find(dir) {
            self.begin(index);
            return Ok(());
        }
        if self.frames.is_full() || !self.make_room(dir.len(), None) {
            return Err(NoRoom);
        }
        let start = self.used();
        self.arena.as_mut()[start..start + dir.len()].copy_from_slice(dir.as_bytes());
        let frame = Frame {
            start,
            dir_len: dir.len(),
            names_len: 0,
            anchor: 0,
            cursor: 0,
            taken: false,
            sorted: true,
            depth,
            state: State::Settled,
            cut: false,
            lost: 0,
        };
        self.frames.push(frame).map_err(|_| NoRoom)?;
        self.begin(self.frames.len() - 1);
        Ok(())
    }

    /// A line of the listing of `dir`, judged to be no name. Answers whether to report it now:
    /// not if another reading of the listing has, or will.
    pub(crate) fn push_bad(&mut self, dir: &str) -> bool {
        let Some(index) = self.find(dir) else {
            return false;
        };
        let frame = &mut self.frames[index];
        let State::Reading {
            skipping: false,
            stored,
            told,
            news,
        } = frame.state
        else {
            return false;
        };
        let report = !frame.cut && self.store(index, "", stored) && told == 0;
        self.frames[index].state = State::Reading {
            skipping: false,
            stored,
            told: told.saturating_sub(1),
            news: news || report,
        };
        report
    }

    /// The bad line that was to be reported last was not: after [`abort`](Self::abort), so that it
    /// is when it comes again.
    pub(crate) fn take_back_bad(&mut self, dir: &str) {
        if let Some(index) = self.find(dir)
            && let State::Reading { told, .. } = &mut self.frames[index].state
        {
            *told = told.saturating_sub(1);
        }
    }

    /// A line of the listing of `dir`, judged to be a name.
    pub(crate) fn push(&mut self, dir: &str, name: &str) -> Pushed {
        let Some(index) = self.find(dir) else {
            return Pushed::NoRoom;
        };
        let arena = self.arena.as_ref();
        let frame = &mut self.frames[index];
        let State::Reading {
            skipping,
            stored,
            told,
            news,
        } = frame.state
        else {
            return Pushed::Passed;
        };
        if skipping {
            if frame.anchor_name(arena) == name.as_bytes() {
                frame.state = State::Reading {
                    skipping: false,
                    stored,
                    told,
                    news,
                };
            }
            return Pushed::Passed;
        }
        let greater = name.as_bytes() > frame.last_name(arena);
        if !(frame.sorted && greater) {
            let mut lines = frame.names(arena).split(|b| *b == b'\n');
            if lines.any(|line| line == name.as_bytes()) {
                return Pushed::Repeated;
            }
        }
        if frame.cut {
            return Pushed::Passed;
        }
        if !self.store(index, name, stored) {
            return if stored {
                Pushed::Passed
            } else {
                Pushed::NoRoom
            };
        }
        let frame = &mut self.frames[index];
        frame.sorted &= greater;
        frame.state = State::Reading {
            skipping: false,
            stored: true,
            told,
            news: true,
        };
        Pushed::Stored
    }

    /// Appends an entry to a frame; the first of a reading may cut other frames for room. False:
    /// it does not fit, and the frame is cut.
    fn store(&mut self, index: usize, name: &str, stored: bool) -> bool {
        let need = name.len() + 1;
        let fits = if stored {
            self.free() >= need
        } else {
            self.make_room(need, Some(index))
        };
        if !fits {
            self.frames[index].cut = true;
            return false;
        }
        let frame = &self.frames[index];
        let (at, len) = (frame.start + frame.len(), frame.names_len);
        self.resize(index, frame.len() + need);
        let arena = self.arena.as_mut();
        arena[at..at + name.len()].copy_from_slice(name.as_bytes());
        arena[at + name.len()] = b'\n';
        let frame = &mut self.frames[index];
        frame.names_len = len + need;
        frame.pass_marks(self.arena.as_ref());
        true
    }

    /// The listing of `dir` was read to its end.
    pub(crate) fn finish(&mut self, dir: &str) -> Finished {
        let Some(index) = self.find(dir) else {
            return Finished::Ok;
        };
        let frame = &mut self.frames[index];
        let state = core::mem::replace(&mut frame.state, State::Settled);
        let finished = match state {
            State::Reading { skipping: true, .. } => Finished::AnchorLost,
            // Read again, it would bring no more.
            State::Reading { news: false, .. } if frame.cut => Finished::NoRoom,
            State::Reading { .. } | State::Settled => return Finished::Ok,
        };
        frame.cut = false;
        finished
    }

    /// The reading of the listing of `dir` broke off and will be tried again: names that were
    /// not taken are forgotten, those that were are skipped then.
    pub(crate) fn abort(&mut self, dir: &str) {
        if let Some(index) = self.find(dir) {
            self.begin(index);
        }
    }

    /// The listing of `dir` will not be read to its end.
    pub(crate) fn give_up(&mut self, dir: &str) {
        if let Some(index) = self.find(dir) {
            let frame = &mut self.frames[index];
            frame.state = State::Settled;
            frame.cut = false;
        }
    }

    fn find(&self, dir: &str) -> Option<usize> {
        let arena = self.arena.as_ref();
        self.frames
            .iter()
            .rposition(|f| f.dir(arena) == dir.as_bytes())
    }

    fn used(&self) -> usize {
        self.frames.last().map_or(0, |f| f.start + f.len())
    }

    fn free(&self) -> usize {
        self.arena.as_ref().len() - self.used()
    }

    /// Makes `need` bytes free: first by forgetting names that were taken, then by cutting the
    /// names of frames from the bottom up, all but those of frame `keep`.
    fn make_room(&mut self, need: usize, keep: Option<usize>) -> bool {
        for index in 0..self.frames.len() {
            if self.free() >= need {
                return true;
            }
            self.forget_taken(index);
        }
        for index in 0..self.frames.len() {
            if self.free() >= need {
                return true;
            }
            if Some(index) != keep && self.frames[index].has_names() {
                self.drop_names(index);
                self.frames[index].cut = true;
            }
        }
        self.free() >= need
    }

    /// Forgets the names before the anchor.
    fn forget_taken(&mut self, index: usize) {
        let frame = &mut self.frames[index];
        let gone = frame.anchor;
        let names = frame.start + frame.dir_len;
        let end = names + frame.names_len;
        let len = frame.len() - gone;
        self.arena.as_mut().copy_within(names + gone..end, names);
        let start = frame.start;
        frame.anchor = 0;
        frame.cursor -= gone;
        frame.names_len -= gone;
        self.close_gap(index, start + len, gone);
    }

    /// A reading of a frame's listing begins: what follows the last name taken comes anew.
    fn begin(&mut self, index: usize) {
        let arena = self.arena.as_ref();
        let frame = &self.frames[index];
        // Those that a reading which broke off had yet to come to are still to come.
        let told = match frame.state {
            State::Reading { told, .. } => told,
            State::Settled => 0,
        }
        .saturating_add(frame.marks(arena))
        .saturating_add(frame.lost);
        let kept = match frame.taken {
            true => frame.anchor + frame.anchor_name(arena).len() + 1,
            false => 0,
        };
        self.resize(index, frame.dir_len + kept);
        let frame = &mut self.frames[index];
        frame.names_len = kept;
        frame.cursor = kept;
        frame.cut = false;
        frame.lost = 0;
        frame.state = State::Reading {
            skipping: frame.taken,
            stored: false,
            told,
            news: false,
        };
    }

    /// Drops the names that were not taken.
    fn drop_names(&mut self, index: usize) {
        let frame = &self.frames[index];
        let marks = frame.marks(self.arena.as_ref());
        self.resize(index, frame.dir_len + frame.cursor);
        let frame = &mut self.frames[index];
        frame.names_len = frame.cursor;
        let left = frame.marks(self.arena.as_ref());
        frame.lost = frame.lost.saturating_add(marks - left);
    }

    /// Gives frame `index` `len` bytes and moves the frames above it.
    fn resize(&mut self, index: usize, len: usize) {
        let used = self.used();
        let frame = &self.frames[index];
        let (old_end, new_end) = (frame.start + frame.len(), frame.start + len);
        self.arena.as_mut().copy_within(old_end..used, new_end);
        for above in &mut self.frames[index + 1..] {
            above.start = above.start + new_end - old_end;
        }
    }

    /// Closes a gap of `gap` bytes at `at`, just behind frame `index`.
    fn close_gap(&mut self, index: usize, at: usize, gap: usize) {
        let above = &mut self.frames[index + 1..];
        let Some(last) = above.last() else { return };
        let used = last.start + last.len();
        self.arena.as_mut().copy_within(at + gap..used, at);
        for frame in above {
            frame.start -= gap;
        }
    }
}

/// Only text was stored.
fn text(bytes: &[u8]) -> &str {
    core::str::from_utf8(bytes).unwrap_or_default()
}

#[cfg(test)]
#[path = "frontier_tests.rs"]
mod tests;
