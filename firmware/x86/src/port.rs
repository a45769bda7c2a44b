//! Input and output ports.

use core::arch::asm;

/// A port at which nothing that is read or written can touch the image's own memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Port(u16);

impl Port {
    /// The port of this number.
    ///
    /// # Safety
    ///
    /// Whatever is written there, by any of the methods, must leave the memory alone that Rust
    /// knows about.
    pub(crate) const unsafe fn new(number: u16) -> Self {
        Self(number)
    }

    pub(crate) fn read(self) -> u8 {
        let value: u8;
        // SAFETY: whoever made the port vouched for it; flags and stack are left alone.
        unsafe {
            asm!(
                "in al, dx",
                in("dx") self.0,
                out("al") value,
                options(nomem, nostack, preserves_flags),
            );
        }
        value
    }

    pub(crate) fn write(self, value: u8) {
        // SAFETY: as in `read`. Not `nomem`: what was stored before must not come later.
        unsafe {
            asm!("out dx, al", in("dx") self.0, in("al") value, options(nostack, preserves_flags));
        }
    }

    pub(crate) fn read_u32(self) -> u32 {
        let value: u32;
        // SAFETY: as in `read`.
        unsafe {
            asm!(
                "in eax, dx",
                in("dx") self.0,
                out("eax") value,
                options(nomem, nostack, preserves_flags),
            );
        }
        value
    }

    pub(crate) fn write_u32(self, value: u32) {
        // SAFETY: as in `write`.
        unsafe {
            asm!(
                "out dx, eax",
                in("dx") self.0,
                in("eax") value,
                options(nostack, preserves_flags),
            );
        }
    }
}
