//! An allocator that counts, for programs that make it theirs.
#![allow(unsafe_code, reason = "a global allocator cannot be written without")]

use core::alloc::{GlobalAlloc, Layout};
use core::cell::Cell;
use core::sync::atomic::{AtomicUsize, Ordering};
use std::alloc::System;

/// The system's allocator, and a count of what it is asked.
pub struct Counting;

thread_local! {
    /// Within [`inside`]?
    static INSIDE: Cell<bool> = const { Cell::new(false) };
    static CALLS: Cell<usize> = const { Cell::new(0) };
}

static HELD: AtomicUsize = AtomicUsize::new(0);

/// Bytes that the whole program holds.
pub fn held() -> usize {
    HELD.load(Ordering::Relaxed)
}

/// Calls of the allocator, on this thread and within [`inside`], since this was asked last.
pub fn take_calls() -> usize {
    CALLS.take()
}

/// Counts this call's calls of the allocator.
pub fn inside<R>(call: impl FnOnce() -> R) -> R {
    let before = INSIDE.replace(true);
    let result = call();
    INSIDE.set(before);
    result
}

/// What is called in the middle of [`inside`] and does not count.
pub fn outside<R>(call: impl FnOnce() -> R) -> R {
    let before = INSIDE.replace(false);
    let result = call();
    INSIDE.set(before);
    result
}

/// A call that took these bytes, unless it failed, and gave those back.
fn note(block: *mut u8, taken: usize, given: usize) -> *mut u8 {
    if INSIDE.get() {
        CALLS.set(CALLS.get() + 1);
    }
    if !block.is_null() {
        HELD.fetch_add(taken.wrapping_sub(given), Ordering::Relaxed);
    }
    block
}

// SAFETY: every call goes on to `System` as it came, so its promises are `System`'s. The counters
// are constants of types without a destructor: using them neither allocates nor unwinds.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller keeps to the contract of `alloc`.
        note(unsafe { System.alloc(layout) }, layout.size(), 0)
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // Counts as a call too: whoever may not allocate cannot own what it could free.
        note(block, 0, layout.size());
        // SAFETY: the caller keeps to the contract of `dealloc`.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller keeps to the contract of `alloc_zeroed`.
        note(unsafe { System.alloc_zeroed(layout) }, layout.size(), 0)
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller keeps to the contract of `realloc`.
        note(
            unsafe { System.realloc(block, layout, size) },
            size,
            layout.size(),
        )
    }
}
