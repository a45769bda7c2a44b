//! The page tables. The entry code maps the first 4 GiB to themselves with pages of 2 MiB; here a
//! page is taken out, so that an access there is an exception and not silent damage.

use core::arch::asm;
use core::cell::UnsafeCell;

const PAGE: u64 = 4096;
const LARGE_PAGE: u64 = 2 << 20;
const PRESENT_WRITABLE: u64 = 3;

/// The tables as the entry code lays them out.
#[repr(C, align(4096))]
pub(crate) struct Tables {
    /// Top level and the level below: written by the entry code.
    _upper: UnsafeCell<[[u64; 512]; 2]>,
    /// 2048 entries for 2 MiB each.
    directory: UnsafeCell<[u64; 2048]>,
    /// For the large pages that had to be cut.
    small: UnsafeCell<[[u64; 512]; 2]>,
}

// SAFETY: one processor runs, and only `remove_pages` touches them, which is called once.
unsafe impl Sync for Tables {}

pub(crate) static TABLES: Tables = Tables {
    _upper: UnsafeCell::new([[0; 512]; 2]),
    directory: UnsafeCell::new([0; 2048]),
    small: UnsafeCell::new([[0; 512]; 2]),
};

/// Takes two pages out of the mapping. They may lie in the same large page.
///
/// Called once, by the entry code.
pub(crate) fn remove_pages(addresses: [u64; 2]) {
    // SAFETY: nothing else holds a reference into the tables, and this runs once. The processor
    // reads them, but an entry it may be using is replaced by one that maps the same memory.
    let (directory, small) = unsafe { (&mut *TABLES.directory.get(), &mut *TABLES.small.get()) };
    let mut cut: [Option<usize>; 2] = [None; 2];
    for address in addresses {
        let large = index(address / LARGE_PAGE);
        let table = match cut.iter().position(|&it| it == Some(large)) {
            Some(table) => table,
            None => {
                let table = usize::from(cut[0].is_some());
                cut[table] = Some(large);
                let start = address / LARGE_PAGE * LARGE_PAGE;
                for (entry, page) in small[table].iter_mut().zip((start..).step_by(4096)) {
                    *entry = page | PRESENT_WRITABLE;
                }
                directory[large] = small[table].as_ptr() as u64 | PRESENT_WRITABLE;
                table
            }
        };
        small[table][index(address % LARGE_PAGE / PAGE)] = 0;
    }
    // SAFETY: makes the processor forget the old entries; the new ones map all that is in use.
    unsafe {
        asm!("mov {0}, cr3", "mov cr3, {0}", out(reg) _, options(nostack, preserves_flags));
    }
}

fn index(number: u64) -> usize {
    usize::try_from(number).expect("addresses are below 4 GiB, and this is a 64-bit machine")
}
