//! A network device as strict as Firecracker's, for the tests.
//!
//! What QEMU forgives is remembered here: a status that takes two steps at once or in the wrong
//! order makes the device deaf, features and queues count only in their own phase, and nothing is
//! delivered while the receive buffers could not hold the longest packet there is.

use core::alloc::Layout;
use core::cell::RefCell;
use core::ptr::NonNull;
use std::alloc::{alloc_zeroed, dealloc};
use std::boxed::Box;
use std::collections::VecDeque;
use std::rc::Rc;
use std::vec::Vec;

use virtio_drivers::transport::{DeviceStatus, DeviceType, InterruptStatus, Transport};
use virtio_drivers::{BufferDirection, Error, Hal, PAGE_SIZE, PhysAddr, Result};
use zerocopy::{FromBytes, Immutable, IntoBytes};

use super::{Buffers, Nic, NicError};

/// The longest packet that a device merges into receive buffers, with its header.
const LONGEST: usize = 65_562;
const SHORTEST_BUFFER: u32 = 1526;

pub(super) const MAC: [u8; 6] = [2, 0, 0, 0, 0, 7];
pub(super) const SEED: u64 = 0x0807_0605_0403_0201;

pub(super) type TestNic = Nic<Memory, Device>;

/// Pages of the heap.
pub(super) struct Memory;

fn layout(pages: usize) -> Layout {
    Layout::from_size_align(pages * PAGE_SIZE, PAGE_SIZE).unwrap()
}

// SAFETY: fresh, zeroed, aligned pages; addresses are the program's own.
unsafe impl Hal for Memory {
    fn dma_alloc(pages: usize, _direction: BufferDirection) -> (PhysAddr, NonNull<u8>) {
        // SAFETY: not of size 0.
        let start = NonNull::new(unsafe { alloc_zeroed(layout(pages)) }).unwrap();
        (start.as_ptr() as PhysAddr, start)
    }

    unsafe fn dma_dealloc(_address: PhysAddr, start: NonNull<u8>, pages: usize) -> i32 {
        // SAFETY: it was allocated so.
        unsafe { dealloc(start.as_ptr(), layout(pages)) };
        0
    }

    unsafe fn mmio_phys_to_virt(_address: PhysAddr, _size: usize) -> NonNull<u8> {
        unreachable!("the model has no registers")
    }

    unsafe fn share(buffer: NonNull<[u8]>, _direction: BufferDirection) -> PhysAddr {
        buffer.as_ptr().cast::<u8>() as PhysAddr
    }

    unsafe fn unshare(_address: PhysAddr, _buffer: NonNull<[u8]>, _direction: BufferDirection) {}
}

/// A handle on the device: the driver has one, the test another.
#[derive(Clone)]
pub(super) struct Device(Rc<RefCell<State>>);

pub(super) struct State {
    pub(super) offered: u64,
    pub(super) agreed: u64,
    pub(super) legacy: bool,
    pub(super) largest_queue: u32,
    /// Keeps what it is given to send.
    pub(super) holds: bool,
    /// Refuses `FEATURES_OK`.
    pub(super) refuses: bool,
    status: DeviceStatus,
    /// Took offence.
    pub(super) deaf: bool,
    pub(super) resets: usize,
    pub(super) queues: [Queue; 2],
    pub(super) notifications: [usize; 2],
    pub(super) waiting: VecDeque<Vec<u8>>,
    pub(super) sent: Vec<Vec<u8>>,
    /// Frames that came while the buffers were too few.
    pub(super) no_buffers: usize,
}

#[derive(Clone, Default)]
pub(super) struct Queue {
    pub(super) size: u32,
    descriptors: PhysAddr,
    available: PhysAddr,
    used: PhysAddr,
    next: u16,
    done: u16,
    /// Taken from the ring and not yet used: descriptor, address, length.
    pub(super) taken: VecDeque<(u16, PhysAddr, u32)>,
}

impl Device {
    /// A device that offers everything there is, and its driver.
    pub(super) fn started() -> (Self, TestNic) {
        let device = Self::new();
        let nic = device
            .drive()
            .expect("the driver does what the device demands");
        (device, nic)
    }

    pub(super) fn new() -> Self {
        Self(Rc::new(RefCell::new(State {
            offered: u64::MAX,
            agreed: 0,
            legacy: false,
            largest_queue: 256,
            holds: false,
            refuses: false,
            status: DeviceStatus::empty(),
            deaf: false,
            resets: 0,
            queues: Default::default(),
            notifications: [0; 2],
            waiting: VecDeque::new(),
            sent: Vec::new(),
            no_buffers: 0,
        })))
    }

    pub(super) fn drive(&self) -> core::result::Result<TestNic, NicError> {
        Nic::new(self.clone(), Box::leak(Box::new(Buffers::new())), SEED)
    }

    pub(super) fn state(&self) -> core::cell::RefMut<'_, State> {
        self.0.borrow_mut()
    }

    /// A frame from the network.
    pub(super) fn deliver(&self, frame: &[u8]) {
        let mut state = self.state();
        state.waiting.push_back(frame.to_vec());
        state.deliver();
    }

    /// Lets go of what it kept.
    pub(super) fn release(&self) {
        let mut state = self.state();
        state.holds = false;
        state.send();
    }
}

impl Queue {
    /// Takes new entries from the ring.
    fn take(&mut self, writable: bool) {
        const NEXT: u16 = 1;
        const WRITE: u16 = 2;
        // SAFETY: the driver's queue, as it said when it set it up; nothing else runs.
        unsafe {
            let available = self.available as *const u16;
            while self.next != available.add(1).read_volatile() {
                let slot = usize::from(self.next) % self.size as usize;
                let head = available.add(2 + slot).read_volatile();
                assert!(u32::from(head) < self.size);
                let descriptor = (self.descriptors as *const u8).add(usize::from(head) * 16);
                let address = descriptor.cast::<u64>().read_volatile();
                let length = descriptor.add(8).cast::<u32>().read_volatile();
                let flags = descriptor.add(12).cast::<u16>().read_volatile();
                assert_eq!(flags & NEXT, 0, "one buffer each is all this driver uses");
                assert_eq!(flags & WRITE != 0, writable);
                self.taken.push_back((head, address, length));
                self.next = self.next.wrapping_add(1);
            }
        }
    }

    /// Gives an entry back.
    pub(super) fn put(&mut self, head: u32, length: u32) {
        assert!(self.size > 0, "the driver set no queue up that counts");
        // SAFETY: as in `take`.
        unsafe {
            let used = self.used as *mut u16;
            let slot = usize::from(self.done) % self.size as usize;
            let entry = used.add(2).cast::<u32>().add(2 * slot);
            entry.write_volatile(head);
            entry.add(1).write_volatile(length);
            self.done = self.done.wrapping_add(1);
            used.add(1).write_volatile(self.done);
        }
    }
}

impl State {
    /// Started, by a driver that kept to the rules, with its queues.
    fn is_live(&self) -> bool {
        !self.deaf
            && self.status.contains(DeviceStatus::DRIVER_OK)
            && self.queues.iter().all(|queue| queue.size > 0)
    }

    fn header(&self) -> usize {
        if self.agreed >> 32 & 1 == 1 { 12 } else { 10 }
    }

    /// Bytes of the buffers that the device holds for frames to come.
    pub(super) fn capacity(&self) -> usize {
        self.queues[0]
            .taken
            .iter()
            .map(|&(_, _, length)| length as usize)
            .sum()
    }

    fn deliver(&mut self) {
        while self.is_live() && !self.waiting.is_empty() {
            if self.capacity() < LONGEST {
                self.queues[0].take(true);
            }
            if self.capacity() < LONGEST {
                self.no_buffers += 1;
                return;
            }
            let header = self.header();
            let Some((head, address, length)) = self.queues[0].taken.pop_front() else {
                return;
            };
            if length < SHORTEST_BUFFER {
                self.deaf = true;
                return;
            }
            let Some(frame) = self.waiting.pop_front() else {
                return;
            };
            let mut bytes = std::vec![0; header];
            bytes.extend(frame);
            assert!(bytes.len() <= length as usize);
            // SAFETY: the driver's buffer, which it said is ours.
            unsafe { (address as *mut u8).copy_from(bytes.as_ptr(), bytes.len()) };
            self.queues[0].put(head.into(), u32::try_from(bytes.len()).unwrap());
        }
    }

    fn send(&mut self) {
        if !self.is_live() {
            return;
        }
        self.queues[1].take(false);
        while !self.holds
            && let Some((head, address, length)) = self.queues[1].taken.pop_front()
        {
            // SAFETY: the driver's buffer, which it said is ours.
            let bytes =
                unsafe { core::slice::from_raw_parts(address as *const u8, length as usize) };
            let (header, frame) = bytes.split_at(self.header());
            assert!(
                header.iter().all(|&byte| byte == 0),
                "no offload was agreed on"
            );
            self.sent.push(frame.to_vec());
            self.queues[1].put(head.into(), 0);
        }
    }
}

impl Transport for Device {
    fn device_type(&self) -> DeviceType {
        DeviceType::Network
    }

    fn read_device_features(&mut self) -> u64 {
        self.state().offered
    }

    fn write_driver_features(&mut self, features: u64) {
        let mut state = self.state();
        if state.status == DeviceStatus::ACKNOWLEDGE | DeviceStatus::DRIVER && !state.deaf {
            state.agreed = features;
        }
    }

    fn max_queue_size(&mut self, _queue: u16) -> u32 {
        self.state().largest_queue
    }

    fn notify(&mut self, queue: u16) {
        let mut state = self.state();
        state.notifications[usize::from(queue)] += 1;
        if !state.is_live() {
            return;
        }
        match queue {
            0 => {
                state.queues[0].take(true);
                state.deliver();
            }
            _ => state.send(),
        }
    }

    fn get_status(&self) -> DeviceStatus {
        self.state().status
    }

    fn set_status(&mut self, status: DeviceStatus) {
        let mut state = self.state();
        if status.is_empty() {
            state.status = status;
            state.resets += 1;
            return;
        }
        let order = [
            DeviceStatus::ACKNOWLEDGE,
            DeviceStatus::DRIVER,
            DeviceStatus::FEATURES_OK,
            DeviceStatus::DRIVER_OK,
        ];
        let order = order
            .into_iter()
            .filter(|&it| !state.legacy || it != DeviceStatus::FEATURES_OK);
        let next = order.fold(None, |next, bit| match next {
            None if !state.status.contains(bit) => Some(state.status | bit),
            _ => next,
        });
        if next != Some(status) {
            state.deaf = true;
        } else if !(state.refuses && status.contains(DeviceStatus::FEATURES_OK)) {
            state.status = status;
        }
    }

    fn set_guest_page_size(&mut self, size: u32) {
        assert_eq!(size, 4096);
    }

    fn requires_legacy_layout(&self) -> bool {
        self.state().legacy
    }

    fn queue_set(
        &mut self,
        queue: u16,
        size: u32,
        descriptors: PhysAddr,
        available: PhysAddr,
        used: PhysAddr,
    ) {
        let mut state = self.state();
        let phase = state.legacy || state.status.contains(DeviceStatus::FEATURES_OK);
        if state.deaf || !phase || state.status.contains(DeviceStatus::DRIVER_OK) {
            return;
        }
        assert!(size.is_power_of_two() && size <= state.largest_queue);
        assert!(descriptors.is_multiple_of(16));
        assert!(available.is_multiple_of(2) && used.is_multiple_of(4));
        state.queues[usize::from(queue)] = Queue {
            size,
            descriptors,
            available,
            used,
            ..Queue::default()
        };
    }

    fn queue_unset(&mut self, queue: u16) {
        self.state().queues[usize::from(queue)] = Queue::default();
    }

    fn queue_used(&mut self, queue: u16) -> bool {
        self.state().queues[usize::from(queue)].size != 0
    }

    fn ack_interrupt(&mut self) -> InterruptStatus {
        InterruptStatus::empty()
    }

    fn read_config_generation(&self) -> u32 {
        0
    }

    fn read_config_space<T: FromBytes + IntoBytes>(&self, offset: usize) -> Result<T> {
        let bytes = MAC
            .get(offset..offset + size_of::<T>())
            .ok_or(Error::ConfigSpaceTooSmall)?;
        T::read_from_bytes(bytes).map_err(|_| Error::ConfigSpaceTooSmall)
    }

    fn write_config_space<T: IntoBytes + Immutable>(
        &mut self,
        _offset: usize,
        _value: T,
    ) -> Result<()> {
        Err(Error::Unsupported)
    }
}
