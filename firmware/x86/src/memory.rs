//! What compiled code takes for granted and a C library would bring: on a target without operating
//! system the compiler's own runtime has these.
//!
//! They are single string instructions or volatile accesses, because a plain loop is recognised as
//! what it is and compiled to a call of itself.

use core::arch::asm;

/// # Safety
///
/// C's.
#[cfg_attr(not(test), unsafe(no_mangle))]
unsafe extern "C" fn memcpy(to: *mut u8, from: *const u8, length: usize) -> *mut u8 {
    // SAFETY: the caller vouches for both ranges; the direction flag is clear by the calling
    // convention.
    unsafe {
        asm!(
            "rep movsb",
            inout("rcx") length => _,
            inout("rdi") to => _,
            inout("rsi") from => _,
            options(nostack, preserves_flags),
        );
    }
    to
}

/// # Safety
///
/// C's.
#[cfg_attr(not(test), unsafe(no_mangle))]
unsafe extern "C" fn memmove(to: *mut u8, from: *const u8, length: usize) -> *mut u8 {
    if (to as usize).wrapping_sub(from as usize) >= length {
        // SAFETY: copied upwards, no byte is written before it is read.
        return unsafe { memcpy(to, from, length) };
    }
    // SAFETY: the ranges overlap, so the length is not zero and the last bytes exist. Copied
    // downwards; the direction flag is cleared again.
    unsafe {
        asm!("std", "rep movsb", "cld", inout("rcx") length => _,
            inout("rdi") to.add(length).sub(1) => _,
            inout("rsi") from.add(length).sub(1) => _,
            options(nostack));
    }
    to
}

/// # Safety
///
/// C's.
#[cfg_attr(not(test), unsafe(no_mangle))]
unsafe extern "C" fn memset(to: *mut u8, value: i32, length: usize) -> *mut u8 {
    // SAFETY: the caller vouches for the range. C takes the lowest byte, and so does `al`.
    unsafe {
        asm!(
            "rep stosb",
            inout("rcx") length => _,
            inout("rdi") to => _,
            in("eax") value,
            options(nostack, preserves_flags),
        );
    }
    to
}

/// # Safety
///
/// C's.
#[cfg_attr(not(test), unsafe(no_mangle))]
unsafe extern "C" fn memcmp(left: *const u8, right: *const u8, length: usize) -> i32 {
    for offset in 0..length {
        // SAFETY: the caller vouches for both ranges.
        let (left, right) = unsafe {
            (
                left.add(offset).read_volatile(),
                right.add(offset).read_volatile(),
            )
        };
        if left != right {
            return i32::from(left) - i32::from(right);
        }
    }
    0
}

/// # Safety
///
/// C's.
#[cfg_attr(not(test), unsafe(no_mangle))]
unsafe extern "C" fn bcmp(left: *const u8, right: *const u8, length: usize) -> i32 {
    // SAFETY: the same contract.
    unsafe { memcmp(left, right, length) }
}

/// # Safety
///
/// C's.
#[cfg_attr(not(test), unsafe(no_mangle))]
unsafe extern "C" fn strlen(text: *const u8) -> usize {
    let mut length = 0;
    // SAFETY: the caller vouches for a zero byte, and everything before it.
    while unsafe { text.add(length).read_volatile() } != 0 {
        length += 1;
    }
    length
}

/// Named by the toolchain's `core`, which was built to be unwound. Nothing unwinds here.
#[cfg(not(test))]
#[unsafe(no_mangle)]
extern "C" fn rust_eh_personality() {}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::{bcmp, memcmp, memcpy, memmove, memset, strlen};

    fn numbers() -> Vec<u8> {
        (0..=255).collect()
    }

    #[test]
    fn ranges_that_overlap_move_either_way() {
        for (from, to, length) in [
            (10, 12, 100),
            (12, 10, 100),
            (10, 10, 5),
            (0, 200, 56),
            (7, 8, 0),
            (5, 6, 1),
        ] {
            let (mut ours, mut theirs) = (numbers(), numbers());
            // SAFETY: both ranges lie within the vector.
            unsafe { memmove(ours.as_mut_ptr().add(to), ours.as_ptr().add(from), length) };
            theirs.copy_within(from..from + length, to);
            assert_eq!(ours, theirs, "{length} from {from} to {to}");
        }
    }

    #[test]
    fn bytes_are_copied_and_set() {
        let mut bytes = [0; 256];
        // SAFETY: within the array; the vector is another one.
        unsafe {
            memcpy(bytes.as_mut_ptr(), numbers().as_ptr(), 256);
            memset(bytes.as_mut_ptr().add(3), 0x1ff, 2);
        }
        assert_eq!(bytes[..6], [0, 1, 2, 255, 255, 5]);
        assert_eq!(bytes[255], 255);
    }

    #[test]
    fn comparison_is_of_unsigned_bytes() {
        // SAFETY: within the literals.
        unsafe {
            assert!(memcmp(b"a\x80".as_ptr(), b"a\x7f".as_ptr(), 2) > 0);
            assert!(memcmp(b"ab".as_ptr(), b"ac".as_ptr(), 2) < 0);
            assert_eq!(memcmp(b"ab".as_ptr(), b"ac".as_ptr(), 1), 0);
            assert_ne!(bcmp(b"ab".as_ptr(), b"ac".as_ptr(), 2), 0);
            assert_eq!(strlen(c"four".as_ptr().cast()), 4);
        }
    }
}
