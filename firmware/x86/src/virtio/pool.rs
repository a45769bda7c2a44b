//! Memory that devices read and write: a few pages, at the same address for them and for us.

use core::cell::UnsafeCell;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use virtio_drivers::{BufferDirection, Hal, PAGE_SIZE, PhysAddr};

/// Pages of the pool. A network card's two queues take 4, whatever kind of device it is: that is
/// what [`dma_high_water`](super::dma_high_water) showed on all of them. Frames have
/// [`Buffers`](super::Buffers) of their own.
const PAGES: usize = 4;

#[repr(C, align(4096))]
struct Pages<const N: usize> {
    pages: UnsafeCell<[[u8; PAGE_SIZE]; N]>,
    /// A bit for each page that is in use.
    used: AtomicU32,
    high_water: AtomicUsize,
}

// SAFETY: a page belongs to whoever set its bit.
unsafe impl<const N: usize> Sync for Pages<N> {}

impl<const N: usize> Pages<N> {
    const fn new() -> Self {
        assert!(N > 0 && N <= 32, "one bit each");
        Self {
            pages: UnsafeCell::new([[0; PAGE_SIZE]; N]),
            used: AtomicU32::new(0),
            high_water: AtomicUsize::new(0),
        }
    }

    fn bits(first: usize, count: usize) -> u32 {
        (first..first + count).fold(0, |bits, page| bits | 1 << page)
    }

    /// Contiguous pages, filled with zeros.
    fn allocate(&self, count: usize) -> Option<NonNull<u8>> {
        let used = self.used.load(Ordering::Relaxed);
        let first = (0..N).find(|&first| {
            first + count <= N && count > 0 && used & Self::bits(first, count) == 0
        })?;
        let now = used | Self::bits(first, count);
        self.used.store(now, Ordering::Relaxed);
        self.high_water
            .fetch_max(now.count_ones() as usize * PAGE_SIZE, Ordering::Relaxed);
        let start = self
            .pages
            .get()
            .cast::<[u8; PAGE_SIZE]>()
            .wrapping_add(first)
            .cast::<u8>();
        // SAFETY: these pages were nobody's.
        unsafe { start.write_bytes(0, count * PAGE_SIZE) };
        NonNull::new(start)
    }

    fn free(&self, start: NonNull<u8>, count: usize) {
        let first = (start.as_ptr() as usize - self.pages.get() as usize) / PAGE_SIZE;
        self.used
            .fetch_and(!Self::bits(first, count), Ordering::Relaxed);
    }
}

static POOL: Pages<PAGES> = Pages::new();

/// The most bytes of the pool that were in use at any time.
pub fn high_water() -> usize {
    POOL.high_water.load(Ordering::Relaxed)
}

/// The bytes of the pool.
pub fn size() -> usize {
    PAGES * PAGE_SIZE
}

/// The image's pool, as `virtio-drivers` wants it.
pub struct Pool;

// SAFETY: the pages are aligned, zeroed and handed out once. The mapping is the identity for the
// image's own memory and for all registers below 4 GiB, and devices see memory uncached by nobody.
unsafe impl Hal for Pool {
    fn dma_alloc(pages: usize, _direction: BufferDirection) -> (PhysAddr, NonNull<u8>) {
        match POOL.allocate(pages) {
            Some(start) => (start.as_ptr() as PhysAddr, start),
            // An address of 0 is how it is told that there is no more.
            None => (0, NonNull::dangling()),
        }
    }

    unsafe fn dma_dealloc(_paddr: PhysAddr, start: NonNull<u8>, pages: usize) -> i32 {
        POOL.free(start, pages);
        0
    }

    unsafe fn mmio_phys_to_virt(address: PhysAddr, _size: usize) -> NonNull<u8> {
        NonNull::new(address as *mut u8).expect("BARs at 0 count as not assigned")
    }

    unsafe fn share(buffer: NonNull<[u8]>, _direction: BufferDirection) -> PhysAddr {
        buffer.as_ptr().cast::<u8>() as PhysAddr
    }

    unsafe fn unshare(_address: PhysAddr, _buffer: NonNull<[u8]>, _direction: BufferDirection) {}
}

#[cfg(test)]
mod tests {
    use core::sync::atomic::Ordering;

    use super::Pages;

    #[test]
    fn pages_are_contiguous_zeroed_and_come_back() {
        let pool: &Pages<4> = &Pages::new();
        let two = pool.allocate(2).unwrap();
        let one = pool.allocate(1).unwrap();
        assert_eq!(one.as_ptr() as usize - two.as_ptr() as usize, 2 * 4096);
        assert!((two.as_ptr() as usize).is_multiple_of(4096));
        assert_eq!(pool.allocate(2), None);
        // SAFETY: these two pages are ours.
        unsafe { two.write_bytes(0xff, 2 * 4096) };
        pool.free(two, 2);
        let again = pool.allocate(2).unwrap();
        assert_eq!(again, two);
        // SAFETY: and now again.
        assert_eq!(unsafe { again.read() }, 0);
        assert_eq!(pool.high_water.load(Ordering::Relaxed), 3 * 4096);
        assert_eq!(pool.allocate(0), None);
    }
}
