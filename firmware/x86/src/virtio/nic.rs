//! The network card's driver: frames in, frames out, and never a wait.

use core::cell::RefCell;

use virtio_drivers::queue::VirtQueue;
use virtio_drivers::transport::{DeviceStatus, Transport};
use virtio_drivers::{Hal, PAGE_SIZE};

use super::buffers::{Buffers, RECEIVE_BUFFERS, TRANSMIT_BUFFERS};
use super::queues::{RECEIVE, Receive, TRANSMIT, Transmit, notify};
use super::{NicError, OneAtATime};

/// Bytes of the longest frame.
pub const MTU: usize = 1514;

const MAC: u64 = 1 << 5;
const VERSION_1: u64 = 1 << 32;
/// All that is asked for. Not checksums and segmentation, which would let the device pass on
/// unfinished frames; not `EVENT_IDX`, because `virtio-drivers` compares its indices in a way that
/// stops telling the device of frames after 65,535 of them.
const WANTED: u64 = MAC | VERSION_1;

/// A virtio network card, polled.
pub struct Nic<H: Hal, T: Transport> {
    mac: [u8; 6],
    // Both halves notify through it, in the middle of each other: an answer is sent while the
    // question is still being read.
    transport: RefCell<OneAtATime<T>>,
    receive: Receive<H>,
    transmit: Transmit<H>,
}

impl<H: Hal, T: Transport> Nic<H, T> {
    /// Sets the card up. `seed` makes the address of a card that has none.
    ///
    /// # Errors
    ///
    /// [`NicError::FeaturesRefused`] and [`NicError::Device`].
    pub fn new(transport: T, buffers: &'static mut Buffers, seed: u64) -> Result<Self, NicError> {
        let mut transport = OneAtATime::new(transport);
        match Self::set_up(&mut transport, seed) {
            Ok((mac, header, receive, transmit)) => {
                let mut nic = Self {
                    mac,
                    transport: RefCell::new(transport),
                    receive: Receive::new(receive, &mut buffers.receive, header),
                    transmit: Transmit::new(transmit, &mut buffers.transmit, header),
                };
                for buffer in 0..RECEIVE_BUFFERS {
                    nic.receive.post(buffer);
                }
                notify(nic.transport.get_mut(), &nic.receive.queue, RECEIVE);
                Ok(nic)
            }
            Err(error) => {
                // It is not to use the queues that are given back now.
                transport.set_status(DeviceStatus::empty());
                Err(error)
            }
        }
    }

    #[expect(clippy::type_complexity, reason = "used once, above")]
    fn set_up(
        transport: &mut OneAtATime<T>,
        seed: u64,
    ) -> Result<
        (
            [u8; 6],
            usize,
            VirtQueue<H, RECEIVE_BUFFERS>,
            VirtQueue<H, TRANSMIT_BUFFERS>,
        ),
        NicError,
    > {
        let mut status = DeviceStatus::ACKNOWLEDGE | DeviceStatus::DRIVER;
        transport.set_status(DeviceStatus::empty());
        transport.set_status(status);
        let offered = transport.read_device_features();
        let agreed = offered & WANTED;
        transport.write_driver_features(agreed);
        // Before virtio 1.0 there was nothing to agree on.
        if !transport.requires_legacy_layout() {
            status |= DeviceStatus::FEATURES_OK;
            transport.set_status(status);
            if !transport.get_status().contains(DeviceStatus::FEATURES_OK) {
                return Err(NicError::FeaturesRefused { offered });
            }
        }
        transport.set_guest_page_size(u32::try_from(PAGE_SIZE).expect("4096"));
        let mac = if agreed & MAC != 0 {
            transport.read_config_space(0)?
        } else {
            local_address(seed)
        };
        let receive = VirtQueue::new(transport, RECEIVE, false, false)?;
        let transmit = VirtQueue::new(transport, TRANSMIT, false, false)?;
        transport.set_status(status | DeviceStatus::DRIVER_OK);
        let header = if agreed & VERSION_1 != 0 { 12 } else { 10 };
        Ok((mac, header, receive, transmit))
    }

    /// The card's Ethernet address.
    pub fn mac(&self) -> [u8; 6] {
        self.mac
    }

    /// Whether the device broke the rules, and is no longer used: frames neither come nor go.
    pub fn has_failed(&self) -> bool {
        self.receive.failed || self.transmit.failed
    }

    /// Whether a frame has come in: a look that costs nothing, for those who have nothing else to
    /// wait for.
    pub fn has_frame(&self) -> bool {
        self.receive.has_buffer()
    }

    /// The next frame that came in, with room for an answer.
    pub fn poll_receive(&mut self) -> Option<(Incoming<'_, H, T>, Outgoing<'_, H, T>)> {
        self.transmit.reclaim();
        let slot = self.transmit.free()?;
        let (buffer, length) = self.receive.take(self.transport.get_mut())?;
        let incoming = Incoming {
            receive: &mut self.receive,
            transport: &self.transport,
            buffer,
            length,
        };
        let outgoing = Outgoing {
            transmit: &mut self.transmit,
            transport: &self.transport,
            buffer: slot,
        };
        Some((incoming, outgoing))
    }

    /// Room for a frame, unless all is taken by frames that wait to be sent.
    pub fn poll_transmit(&mut self) -> Option<Outgoing<'_, H, T>> {
        self.transmit.reclaim();
        let buffer = self.transmit.free()?;
        Some(Outgoing {
            transmit: &mut self.transmit,
            transport: &self.transport,
            buffer,
        })
    }
}

impl<H: Hal, T: Transport> Drop for Nic<H, T> {
    fn drop(&mut self) {
        // The queues are about to be given back.
        self.transport.get_mut().set_status(DeviceStatus::empty());
    }
}

/// An address for a card that was given none, as Firecracker's may be: unicast, locally
/// administered.
fn local_address(seed: u64) -> [u8; 6] {
    let [a, b, c, d, e, f, ..] = seed.to_le_bytes();
    [a & !1 | 2, b, c, d, e, f]
}

/// A frame that came in. Its buffer goes back to the device when this is dropped.
pub struct Incoming<'a, H: Hal, T: Transport> {
    receive: &'a mut Receive<H>,
    transport: &'a RefCell<OneAtATime<T>>,
    buffer: usize,
    length: usize,
}

impl<H: Hal, T: Transport> Incoming<'_, H, T> {
    /// The frame.
    pub fn frame(&self) -> &[u8] {
        let buffer = self.receive.buffer(self.buffer);
        // SAFETY: the device gave the buffer back, and gets it again when this is dropped.
        let bytes = unsafe { buffer.as_ref() };
        &bytes[self.receive.header..][..self.length]
    }

    /// The frame, for those who take it apart in place.
    #[cfg(feature = "embassy-net")]
    pub fn frame_mut(&mut self) -> &mut [u8] {
        let mut buffer = self.receive.buffer(self.buffer);
        // SAFETY: the device gave the buffer back, and gets it again when this is dropped.
        let bytes = unsafe { buffer.as_mut() };
        &mut bytes[self.receive.header..][..self.length]
    }
}

impl<H: Hal, T: Transport> Drop for Incoming<'_, H, T> {
    fn drop(&mut self) {
        self.receive
            .recycle(self.buffer, &mut self.transport.borrow_mut());
    }
}

/// Room for a frame to be sent.
pub struct Outgoing<'a, H: Hal, T: Transport> {
    transmit: &'a mut Transmit<H>,
    transport: &'a RefCell<OneAtATime<T>>,
    buffer: usize,
}

impl<H: Hal, T: Transport> Outgoing<'_, H, T> {
    /// Sends a frame of `length` bytes, at most [`MTU`], which `write` fills in.
    ///
    /// # Panics
    ///
    /// If it is longer.
    pub fn send<R>(self, length: usize, write: impl FnOnce(&mut [u8]) -> R) -> R {
        assert!(length <= MTU, "a frame of {length} bytes is too long");
        let total = self.transmit.header + length;
        let mut buffer = self.transmit.buffer(self.buffer, total);
        // SAFETY: the buffer is free, and `self` the only one to know.
        let bytes = unsafe { buffer.as_mut() };
        let (header, frame) = bytes.split_at_mut(self.transmit.header);
        // No offloads: a header of zeros.
        header.fill(0);
        let result = write(frame);
        self.transmit.send(self.buffer, total);
        notify(
            &mut self.transport.borrow_mut(),
            &self.transmit.queue,
            TRANSMIT,
        );
        result
    }
}
