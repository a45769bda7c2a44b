//! The two halves of the card: which buffer is the device's and which is ours.

use core::ptr::NonNull;
use core::sync::atomic::{Ordering, fence};

use virtio_drivers::Hal;
use virtio_drivers::queue::VirtQueue;
use virtio_drivers::transport::Transport;

use super::OneAtATime;
use super::buffers::{BUFFER, Buffer, RECEIVE_BUFFERS, TRANSMIT_BUFFERS};

pub(super) const RECEIVE: u16 = 0;
pub(super) const TRANSMIT: u16 = 1;

/// Tells the device of new entries, unless it does not want to be told.
pub(super) fn notify<H: Hal, T: Transport, const N: usize>(
    transport: &mut OneAtATime<T>,
    queue: &VirtQueue<H, N>,
    number: u16,
) {
    // The device may be about to stop looking: it must see our entry, or we that it wants to be
    // told. Without the fence the reading could overtake the writing.
    fence(Ordering::SeqCst);
    if queue.should_notify() {
        transport.notify(number);
    }
}

/// In place of a buffer's number, for entries that the device does not have.
const NONE: u8 = u8::MAX;

/// The half that receives.
pub(super) struct Receive<H: Hal> {
    pub(super) queue: VirtQueue<H, RECEIVE_BUFFERS>,
    buffers: NonNull<Buffer>,
    /// The buffer that the device has under each token.
    posted: [u8; RECEIVE_BUFFERS],
    pub(super) header: usize,
    pub(super) failed: bool,
}

impl<H: Hal> Receive<H> {
    pub(super) fn new(
        mut queue: VirtQueue<H, RECEIVE_BUFFERS>,
        buffers: &'static mut [Buffer; RECEIVE_BUFFERS],
        header: usize,
    ) -> Self {
        // Nobody listens to interrupts.
        queue.set_dev_notify(false);
        let buffers = NonNull::from(buffers).cast();
        Self {
            queue,
            buffers,
            posted: [NONE; RECEIVE_BUFFERS],
            header,
            failed: false,
        }
    }

    pub(super) fn buffer(&self, number: usize) -> NonNull<[u8]> {
        assert!(number < RECEIVE_BUFFERS, "one of ours");
        // SAFETY: within the array that was lent.
        NonNull::slice_from_raw_parts(unsafe { self.buffers.add(number) }.cast(), BUFFER)
    }

    /// Gives a buffer to the device.
    pub(super) fn post(&mut self, number: usize) {
        let mut buffer = self.buffer(number);
        // SAFETY: the buffer is the device's until it comes back through `take`: nobody else knows
        // it, and `number` is in no other place.
        let token = unsafe { self.queue.add(&[], &mut [buffer.as_mut()]) };
        let token = token.expect("there are as many entries as buffers");
        self.posted[usize::from(token)] = u8::try_from(number).expect("less than 64");
    }

    /// Whether a buffer came back.
    pub(super) fn has_buffer(&self) -> bool {
        !self.failed && self.queue.can_pop()
    }

    /// The next buffer that came back, and the length of its frame.
    pub(super) fn take<T: Transport>(
        &mut self,
        transport: &mut OneAtATime<T>,
    ) -> Option<(usize, usize)> {
        // A round is more than a device can have filled.
        for _ in 0..=RECEIVE_BUFFERS {
            if self.failed {
                return None;
            }
            let token = self.queue.peek_used()?;
            let Some(number) = self
                .posted
                .get(usize::from(token))
                .copied()
                .filter(|&it| it != NONE)
            else {
                self.failed = true;
                return None;
            };
            let number = usize::from(number);
            let mut buffer = self.buffer(number);
            // SAFETY: it is the buffer that was posted under this token, and the device is done
            // with it.
            let length = unsafe { self.queue.pop_used(token, &[], &mut [buffer.as_mut()]) };
            self.posted[usize::from(token)] = NONE;
            let length = length.ok().and_then(|length| usize::try_from(length).ok());
            match length.and_then(|length| length.checked_sub(self.header)) {
                Some(length) if length > 0 && length + self.header <= BUFFER => {
                    return Some((number, length));
                }
                // Not a frame.
                _ => self.recycle(number, transport),
            }
        }
        None
    }

    pub(super) fn recycle<T: Transport>(&mut self, number: usize, transport: &mut OneAtATime<T>) {
        self.post(number);
        notify(transport, &self.queue, RECEIVE);
    }
}

/// The half that sends.
pub(super) struct Transmit<H: Hal> {
    pub(super) queue: VirtQueue<H, TRANSMIT_BUFFERS>,
    buffers: NonNull<Buffer>,
    /// The buffer that the device has under each token, and the bytes of it.
    posted: [(u8, usize); TRANSMIT_BUFFERS],
    /// Which buffers the device does not have.
    free: [bool; TRANSMIT_BUFFERS],
    pub(super) header: usize,
    pub(super) failed: bool,
}

impl<H: Hal> Transmit<H> {
    pub(super) fn new(
        mut queue: VirtQueue<H, TRANSMIT_BUFFERS>,
        buffers: &'static mut [Buffer; TRANSMIT_BUFFERS],
        header: usize,
    ) -> Self {
        queue.set_dev_notify(false);
        Self {
            queue,
            buffers: NonNull::from(buffers).cast(),
            posted: [(NONE, 0); TRANSMIT_BUFFERS],
            free: [true; TRANSMIT_BUFFERS],
            header,
            failed: false,
        }
    }

    pub(super) fn buffer(&self, number: usize, length: usize) -> NonNull<[u8]> {
        assert!(number < TRANSMIT_BUFFERS && length <= BUFFER, "one of ours");
        // SAFETY: within the array that was lent.
        NonNull::slice_from_raw_parts(unsafe { self.buffers.add(number) }.cast(), length)
    }

    pub(super) fn free(&self) -> Option<usize> {
        self.free.iter().position(|&free| free && !self.failed)
    }

    /// Takes back what was sent.
    pub(super) fn reclaim(&mut self) {
        for _ in 0..TRANSMIT_BUFFERS {
            let Some(token) = self.queue.peek_used() else {
                return;
            };
            let posted = self.posted.get(usize::from(token)).copied();
            let Some((number, length)) =
                posted.filter(|&(number, _)| number != NONE && !self.failed)
            else {
                self.failed = true;
                return;
            };
            let buffer = self.buffer(number.into(), length);
            // SAFETY: the buffer that was posted under this token; the device is done with it.
            let popped = unsafe { self.queue.pop_used(token, &[buffer.as_ref()], &mut []) };
            self.failed |= popped.is_err();
            self.posted[usize::from(token)] = (NONE, 0);
            self.free[usize::from(number)] = true;
        }
    }

    pub(super) fn send(&mut self, number: usize, length: usize) {
        let buffer = self.buffer(number, length);
        // SAFETY: the buffer is the device's until it comes back through `reclaim`: `free` does not
        // hand it out before.
        let token = unsafe { self.queue.add(&[buffer.as_ref()], &mut []) };
        let token = token.expect("there are as many entries as buffers");
        self.posted[usize::from(token)] = (u8::try_from(number).expect("less than 16"), length);
        self.free[number] = false;
    }
}
