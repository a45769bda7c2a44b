//! Single instructions.

use core::arch::asm;
use core::arch::x86_64::{__cpuid, __cpuid_count, CpuidResult};

/// The time stamp counter.
pub(crate) fn tsc() -> u64 {
    let (low, high): (u32, u32);
    // SAFETY: reads a counter; every x86-64 processor has it. The fence keeps the reading where it
    // stands, between the port accesses that it times.
    unsafe {
        asm!(
            "lfence",
            "rdtsc",
            out("eax") low,
            out("edx") high,
            options(nomem, nostack, preserves_flags),
        );
    }
    u64::from(high) << 32 | u64::from(low)
}

/// The answer to `leaf`, if the processor has one.
pub(crate) fn cpuid(leaf: u32) -> Option<CpuidResult> {
    // Leaves come in ranges, and the first leaf of a range names the last: 0 the processor's,
    // 0x4000_0000 the hypervisor's.
    let range = leaf & 0xf000_0000;
    let last = __cpuid(range).eax;
    (last >= leaf && last & 0xf000_0000 == range).then(|| __cpuid_count(leaf, 0))
}

/// A number of the processor's random number generator, if it gives one just now.
///
/// Only for processors that have the instruction.
pub(crate) fn rdrand() -> Option<u64> {
    let (value, valid): (u64, u8);
    // SAFETY: the caller looked for the instruction. It writes a register and flags.
    unsafe {
        asm!("rdrand {}", "setc {}", out(reg) value, out(reg_byte) valid, options(nomem, nostack));
    }
    (valid != 0).then_some(value)
}

/// Stops for good.
pub(crate) fn halt() -> ! {
    loop {
        // SAFETY: with interrupts off nothing follows. Not executed where there is a standard
        // library.
        unsafe { asm!("cli", "hlt", options(nomem, nostack)) };
    }
}

#[cfg(all(feature = "critical-section", not(test)))]
mod critical {
    use core::arch::asm;

    struct OneProcessor;
    critical_section::set_impl!(OneProcessor);

    const INTERRUPTS: u64 = 1 << 9;

    // SAFETY: with one processor, interrupts are all there is to keep out.
    unsafe impl critical_section::Impl for OneProcessor {
        unsafe fn acquire() -> bool {
            let flags: u64;
            // SAFETY: what was in force is restored by `release`. Accesses of memory do not move
            // across it.
            unsafe { asm!("pushfq", "pop {}", "cli", out(reg) flags) };
            flags & INTERRUPTS != 0
        }

        unsafe fn release(were_on: bool) {
            if were_on {
                // SAFETY: they were on when the section was entered.
                unsafe { asm!("sti", options(nostack)) };
            }
        }
    }
}

/// Where there are threads. (`critical-section`'s own for that would bring the standard library into
/// the images that are built together with the tests.)
#[cfg(all(feature = "critical-section", test))]
mod critical {
    use core::sync::atomic::{AtomicBool, Ordering};

    struct Threads;
    critical_section::set_impl!(Threads);

    static ENTERED: AtomicBool = AtomicBool::new(false);

    // SAFETY: one thread at a time. No test enters twice.
    unsafe impl critical_section::Impl for Threads {
        unsafe fn acquire() -> bool {
            while ENTERED.swap(true, Ordering::Acquire) {
                std::thread::yield_now();
            }
            false
        }

        unsafe fn release(_: bool) {
            ENTERED.store(false, Ordering::Release);
        }
    }
}
