//! Places in bytes that the core itself keeps account of.
//!
//! That they are there is an invariant of ours. Where debug assertions are on, as in tests and under
//! fuzzing, breaking it panics. A boot image has nobody to tell of a panic and nothing to restart it, so
//! in a release the place is empty: what is missing then is answered like any other broken answer.

use core::ops::Range;
use core::slice::SliceIndex;

/// The bytes at a place.
pub(crate) fn part<I: SliceIndex<[u8], Output = [u8]>>(bytes: &[u8], place: I) -> &[u8] {
    let found = bytes.get(place);
    debug_assert!(found.is_some(), "a place outside of the bytes");
    found.unwrap_or_default()
}

/// The same, to be written to.
pub(crate) fn part_mut<I: SliceIndex<[u8], Output = [u8]>>(
    bytes: &mut [u8],
    place: I,
) -> &mut [u8] {
    let found = bytes.get_mut(place);
    debug_assert!(found.is_some(), "a place outside of the bytes");
    found.unwrap_or_default()
}

/// Writes `new` at `at`.
pub(crate) fn put(bytes: &mut [u8], at: usize, new: &[u8]) {
    let to = part_mut(bytes, at..);
    debug_assert!(to.len() >= new.len(), "a place outside of the bytes");
    for (to, new) in to.iter_mut().zip(new) {
        *to = *new;
    }
}

/// Moves the bytes at `from` to `to`; the two may overlap.
pub(crate) fn shift(bytes: &mut [u8], from: Range<usize>, to: usize) {
    let (at, count) = (from.start, from.len());
    // What `copy_within` asks too, so that the compiler knows the answer there.
    let last = bytes.len().checked_sub(count);
    let fits = last.is_some_and(|last| at <= last && to <= last);
    debug_assert!(fits && at <= from.end, "a place outside of the bytes");
    if fits {
        bytes.copy_within(at..at + count, to);
    }
}
