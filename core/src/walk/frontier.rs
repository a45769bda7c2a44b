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
use crate::place::{part, put, shift};
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
        self.drop_spent();
        let arena = self.arena.as_ref();
        let (index, frame) = self
            .frames
            .iter_mut()
            .enumerate()
            .rfind(|(_, f)| f.has_names() || f.wants_again())?;
        let dir = text(frame.dir(arena));
        let depth = frame.depth;
        // `push` checked that directory and name together are a legal path.
        path::set(path, dir);
        if frame.has_names() {
            let mut names = part(frame.names(arena), frame.cursor..).split(|b| *b == b'\n');
            let name = names.next().unwrap_or_default();
            path.push_str(text(name)).ok()?;
            frame.anchor = frame.cursor;
            frame.taken = true;
            frame.cursor += name.len() + 1;
            frame.pass_marks(arena);
            Some(Next::Child { depth })
        } else {
            self.begin(index);
            Some(Next::Again { depth })
        }
    }

    /// The listing of `dir` is about to be read, for the first time or again.
    pub(crate) fn open(&mut self, dir: &str, depth: u8) -> Result<(), NoRoom> {
        if let Some((index, _)) = self.find(dir) {
            self.begin(index);
            return Ok(());
        }
        if self.frames.is_full() || !self.make_room(dir.len(), None) {
            return Err(NoRoom);
        }
        let start = used(&self.frames);
        put(self.arena.as_mut(), start, dir.as_bytes());
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
        let Some((index, frame)) = self.find(dir) else {
            return false;
        };
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
        if let Some(frame) = self.frames.get_mut(index) {
            frame.state = State::Reading {
                skipping: false,
                stored,
                told: told.saturating_sub(1),
                news: news || report,
            };
        }
        report
    }

    /// The bad line that was to be reported last was not: after [`abort`](Self::abort), so that it
    /// is when it comes again.
    pub(crate) fn take_back_bad(&mut self, dir: &str) {
        if let Some((_, frame)) = self.find(dir)
            && let State::Reading { told, .. } = &mut frame.state
        {
            *told = told.saturating_sub(1);
        }
    }

    /// A line of the listing of `dir`, judged to be a name.
    pub(crate) fn push(&mut self, dir: &str, name: &str) -> Pushed {
        let arena = self.arena.as_ref();
        let Some((index, frame)) = find(&mut self.frames, arena, dir) else {
            return Pushed::NoRoom;
        };
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
        if let Some(frame) = self.frames.get_mut(index) {
            frame.sorted &= greater;
            frame.state = State::Reading {
                skipping: false,
                stored: true,
                told,
                news: true,
            };
        }
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
        let Some(frame) = self.frames.get_mut(index) else {
            return false;
        };
        if !fits {
            frame.cut = true;
            return false;
        }
        let (at, len) = (frame.end(), frame.len() + need);
        let arena = self.arena.as_mut();
        if let Some(frame) = resize(&mut self.frames, arena, index, len) {
            put(arena, at, name.as_bytes());
            put(arena, at + name.len(), b"\n");
            frame.pass_marks(arena);
        }
        true
    }

    /// The listing of `dir` was read to its end.
    pub(crate) fn finish(&mut self, dir: &str) -> Finished {
        let Some((_, frame)) = self.find(dir) else {
            return Finished::Ok;
        };
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
        if let Some((index, _)) = self.find(dir) {
            self.begin(index);
        }
    }

    /// The listing of `dir` will not be read to its end.
    pub(crate) fn give_up(&mut self, dir: &str) {
        if let Some((_, frame)) = self.find(dir) {
            frame.state = State::Settled;
            frame.cut = false;
        }
    }

    fn find(&mut self, dir: &str) -> Option<(usize, &mut Frame)> {
        find(&mut self.frames, self.arena.as_ref(), dir)
    }

    fn free(&self) -> usize {
        self.arena.as_ref().len() - used(&self.frames)
    }

    fn drop_spent(&mut self) {
        for index in 0..self.frames.len() {
            if self.frames.get(index).is_some_and(Frame::is_spent) {
                resize(&mut self.frames, self.arena.as_mut(), index, 0);
            }
        }
        self.frames.retain(|frame| !frame.is_spent());
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
            if Some(index) != keep {
                self.cut(index);
            }
        }
        self.free() >= need
    }

    /// Forgets the names before the anchor.
    fn forget_taken(&mut self, index: usize) {
        let Some(frame) = self.frames.get_mut(index) else {
            return;
        };
        let gone = core::mem::take(&mut frame.anchor);
        frame.cursor -= gone;
        let (names, end, len) = (frame.start + frame.dir_len, frame.end(), frame.len() - gone);
        let arena = self.arena.as_mut();
        shift(arena, names + gone..end, names);
        resize(&mut self.frames, arena, index, len);
    }

    /// A reading of a frame's listing begins: what follows the last name taken comes anew.
    fn begin(&mut self, index: usize) {
        let arena = self.arena.as_mut();
        let Some(frame) = self.frames.get(index) else {
            return;
        };
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
        let len = frame.dir_len + kept;
        if let Some(frame) = resize(&mut self.frames, arena, index, len) {
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
    }

    /// Drops the names that were not taken, if there are any.
    fn cut(&mut self, index: usize) {
        let arena = self.arena.as_mut();
        let Some(frame) = self.frames.get(index).filter(|f| f.has_names()) else {
            return;
        };
        let (marks, len) = (frame.marks(arena), frame.dir_len + frame.cursor);
        if let Some(frame) = resize(&mut self.frames, arena, index, len) {
            frame.cut = true;
            frame.lost = frame.lost.saturating_add(marks - frame.marks(arena));
        }
    }
}

fn find<'a>(frames: &'a mut [Frame], arena: &[u8], dir: &str) -> Option<(usize, &'a mut Frame)> {
    let mut frames = frames.iter_mut().enumerate();
    frames.rfind(|(_, f)| f.dir(arena) == dir.as_bytes())
}

fn used(frames: &[Frame]) -> usize {
    frames.last().map_or(0, Frame::end)
}

/// Gives frame `index` `len` bytes, its directory's first, and moves the frames above it.
fn resize<'a>(
    frames: &'a mut [Frame],
    arena: &mut [u8],
    index: usize,
    len: usize,
) -> Option<&'a mut Frame> {
    let used = used(frames);
    let (frame, above) = frames.get_mut(index..)?.split_first_mut()?;
    let (old_end, new_end) = (frame.end(), frame.start + len);
    shift(arena, old_end..used, new_end);
    for above in above {
        above.start = above.start + new_end - old_end;
    }
    frame.dir_len = frame.dir_len.min(len);
    frame.names_len = len - frame.dir_len;
    Some(frame)
}

/// Only text was stored.
fn text(bytes: &[u8]) -> &str {
    core::str::from_utf8(bytes).unwrap_or_default()
}

#[cfg(test)]
#[path = "frontier_tests.rs"]
mod tests;
