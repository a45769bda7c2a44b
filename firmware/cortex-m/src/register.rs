//! Registers in memory.

/// One register of 32 bits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Register(u32);

impl Register {
    /// The register at this address.
    ///
    /// # Safety
    ///
    /// The address is that of a register whose reads and writes touch no memory of the program.
    pub(crate) const unsafe fn new(address: u32) -> Self {
        Self(address)
    }

    /// Reads it.
    pub(crate) fn read(self) -> u32 {
        // SAFETY: it is a register, as `new` was promised.
        unsafe { self.pointer().read_volatile() }
    }

    /// Writes it.
    pub(crate) fn write(self, value: u32) {
        // SAFETY: it is a register, as `new` was promised.
        unsafe { self.pointer().write_volatile(value) }
    }

    /// Sets these bits and leaves the others.
    #[cfg(target_os = "none")]
    pub(crate) fn set(self, bits: u32) {
        self.write(self.read() | bits);
    }

    fn pointer(self) -> *mut u32 {
        core::ptr::with_exposed_provenance_mut(self.0 as usize)
    }
}
