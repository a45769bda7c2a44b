//! The memory of the frames.

use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicBool, Ordering};

/// Bytes of a buffer. Strict devices want 1526: a frame, the longest header, no VLAN tag.
pub(super) const BUFFER: usize = 1536;
/// Receive buffers, of 98,304 bytes in all. Firecracker delivers nothing while it has fewer than
/// 65,562, the longest packet a device could merge; so up to 21 frames may wait to be read.
pub(super) const RECEIVE_BUFFERS: usize = 64;
/// A token for the next frame is refused while so many wait to be sent.
pub(super) const TRANSMIT_BUFFERS: usize = 16;

const _: () = assert!(BUFFER >= 1526 && BUFFER * RECEIVE_BUFFERS >= 65_562);

pub(super) type Buffer = [u8; BUFFER];

/// The memory of the frames, which the card writes to: lent for as long as the image runs.
#[repr(C, align(64))]
pub struct Buffers {
    pub(super) receive: [Buffer; RECEIVE_BUFFERS],
    pub(super) transmit: [Buffer; TRANSMIT_BUFFERS],
}

impl Buffers {
    /// Empty buffers.
    pub const fn new() -> Self {
        Self {
            receive: [[0; BUFFER]; RECEIVE_BUFFERS],
            transmit: [[0; BUFFER]; TRANSMIT_BUFFERS],
        }
    }
}

impl Default for Buffers {
    fn default() -> Self {
        Self::new()
    }
}

/// The image's own buffers, once.
pub(super) fn take() -> Option<&'static mut Buffers> {
    struct Shared(UnsafeCell<Buffers>);
    // SAFETY: `TAKEN` lets one caller have them.
    unsafe impl Sync for Shared {}

    static BUFFERS: Shared = Shared(UnsafeCell::new(Buffers::new()));
    static TAKEN: AtomicBool = AtomicBool::new(false);

    // SAFETY: this is the first time and the last.
    (!TAKEN.swap(true, Ordering::Relaxed)).then(|| unsafe { &mut *BUFFERS.0.get() })
}
