//! One directory of a frontier: where its bytes lie in the arena, and how far they were taken.

use crate::place::part;

/// A directory's path and names, as places in an arena.
#[derive(Debug)]
pub(super) struct Frame {
    /// Where its bytes begin.
    pub(super) start: usize,
    pub(super) dir_len: usize,
    /// Bytes of names, each with its LF.
    pub(super) names_len: usize,
    /// Offset into the names: the last name taken, if one was.
    pub(super) anchor: usize,
    /// Offset into the names: what comes next.
    pub(super) cursor: usize,
    /// A name was taken.
    pub(super) taken: bool,
    /// Its names stand in order, as the service's do: a greater one is no repetition.
    pub(super) sorted: bool,
    pub(super) depth: u8,
    pub(super) state: State,
    /// Names were left out for lack of room: the listing must be read again.
    pub(super) cut: bool,
    /// Marks behind the last name taken that were cut with the names around them: those lines were
    /// reported, as those of the marks that are there.
    pub(super) lost: u16,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum State {
    /// A listing is being read; `skipping` until the anchor has passed. `stored`: this reading
    /// brought at least one name. `told`: bad lines to come that were reported before. `news`:
    /// this reading brought a name or a bad line that no other did.
    Reading {
        skipping: bool,
        stored: bool,
        told: u16,
        news: bool,
    },
    /// No listing is being read.
    Settled,
}

impl Frame {
    pub(super) const fn len(&self) -> usize {
        self.dir_len + self.names_len
    }

    pub(super) const fn end(&self) -> usize {
        self.start + self.len()
    }

    pub(super) fn dir<'a>(&self, arena: &'a [u8]) -> &'a [u8] {
        part(arena, self.start..self.start + self.dir_len)
    }

    pub(super) fn names<'a>(&self, arena: &'a [u8]) -> &'a [u8] {
        let start = self.start + self.dir_len;
        part(arena, start..start + self.names_len)
    }

    /// The last name taken; empty if none was.
    pub(super) fn anchor_name<'a>(&self, arena: &'a [u8]) -> &'a [u8] {
        let taken = part(self.names(arena), self.anchor..self.cursor);
        taken.split(|b| *b == b'\n').next().unwrap_or_default()
    }

    /// The last name there is; empty if there is none.
    pub(super) fn last_name<'a>(&self, arena: &'a [u8]) -> &'a [u8] {
        let mut names = self.names(arena).rsplit(|b| *b == b'\n');
        names.find(|name| !name.is_empty()).unwrap_or_default()
    }

    /// Moves the cursor over marks, to the next name or the end.
    pub(super) fn pass_marks(&mut self, arena: &[u8]) {
        let marks = part(self.names(arena), self.cursor..)
            .iter()
            .take_while(|b| **b == b'\n')
            .count();
        self.cursor += marks;
    }

    /// Marks behind the last name taken.
    pub(super) fn marks(&self, arena: &[u8]) -> u16 {
        let names = part(self.names(arena), self.anchor..);
        let empty = |entry: &&[u8]| entry.is_empty();
        // What follows the last LF is no entry.
        let count = names.split(|b| *b == b'\n').filter(empty).count();
        u16::try_from(count.saturating_sub(1)).unwrap_or(u16::MAX)
    }

    pub(super) const fn has_names(&self) -> bool {
        self.cursor < self.names_len
    }

    pub(super) fn wants_again(&self) -> bool {
        self.cut && !self.has_names() && self.state == State::Settled
    }

    pub(super) fn is_spent(&self) -> bool {
        !self.has_names() && !self.cut && self.state == State::Settled
    }
}
