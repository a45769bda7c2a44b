//! Which operations may fail, and which values they may bring.

use core::ops::RangeInclusive;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard};

/// The server's fate, and who lived through what of it.
#[derive(Default)]
pub(crate) struct Ledger(Mutex<Book>);

#[derive(Default)]
struct Book {
    generation: u32,
    /// The server does not answer, or soon will not.
    down: bool,
    upheavals: u32,
    /// Operations so far, and those under way.
    begun: u64,
    under_way: BTreeSet<u64>,
    /// Operations before this one were there in the last upheaval. What they left half done, a
    /// token request say, others may share.
    new: u64,
}

/// An operation that has begun.
pub(crate) struct Begun {
    ledger: Arc<Ledger>,
    number: u64,
    generation: u32,
    /// Upheavals until then, if nothing was left of the last one.
    calm: Option<u32>,
}

/// What an operation lived through.
pub(crate) struct Lived {
    /// Servers that it may have met.
    pub(crate) generations: RangeInclusive<u32>,
    /// It had no reason to fail.
    pub(crate) calm: bool,
}

impl Ledger {
    /// Something happens to the server.
    pub(crate) fn upheaval(&self) {
        let mut book = self.book();
        book.down = true;
        book.upheavals += 1;
    }

    /// Another server is about to begin; the one before is dead.
    pub(crate) fn next(&self) -> u32 {
        let mut book = self.book();
        book.generation += 1;
        book.generation
    }

    /// The server is there.
    pub(crate) fn up(&self) {
        let mut book = self.book();
        book.down = false;
        book.new = book.begun;
    }

    pub(crate) fn begin(self: &Arc<Self>) -> Begun {
        let mut book = self.book();
        let number = book.begun;
        let settled = book
            .under_way
            .first()
            .is_none_or(|oldest| *oldest >= book.new);
        book.begun += 1;
        book.under_way.insert(number);
        Begun {
            ledger: Arc::clone(self),
            number,
            generation: book.generation,
            calm: (settled && !book.down).then_some(book.upheavals),
        }
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.0.lock().expect("nobody panicked")
    }
}

impl Begun {
    pub(crate) fn end(self) -> Lived {
        let mut book = self.ledger.book();
        book.under_way.remove(&self.number);
        Lived {
            generations: self.generation..=book.generation,
            calm: self.calm == Some(book.upheavals),
        }
    }
}
