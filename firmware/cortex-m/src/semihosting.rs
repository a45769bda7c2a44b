//! What a debugger, or QEMU in its place, does for the machine: the command line, the time of day
//! and the way out ("Semihosting for AArch32 and AArch64", Arm).

use core::arch::asm;
use core::ffi::CStr;

const SYS_TIME: usize = 0x11;
const SYS_GET_CMDLINE: usize = 0x15;
const SYS_EXIT_EXTENDED: usize = 0x20;
const APPLICATION_EXIT: usize = 0x2_0026;

/// Ends the machine with this status, which is that of QEMU's process.
pub fn exit(status: u8) -> ! {
    let arguments = [APPLICATION_EXIT, status.into()];
    // SAFETY: the two words of this call.
    unsafe { call(SYS_EXIT_EXTENDED, arguments.as_ptr()) };
    // A debugger may leave the machine as it is.
    loop {
        cortex_m::asm::wfi();
    }
}

/// What whoever starts the machine has to say to it, behind the name of the program; `None`, if
/// there is no such thing, if it does not fit, or if it is not UTF-8.
pub(crate) fn command_line(memory: &mut [u8]) -> Option<&str> {
    let mut arguments = [memory.as_mut_ptr().expose_provenance(), memory.len()];
    // SAFETY: the two words of this call, which writes to the memory they name, ends it with a zero,
    // and puts the length of the text into the second.
    let failed = unsafe { call(SYS_GET_CMDLINE, arguments.as_mut_ptr()) } != 0;
    let text = CStr::from_bytes_until_nul(memory).ok()?.to_str().ok()?;
    let (_program, words) = text.split_once(' ').unwrap_or((text, ""));
    (!failed).then_some(words)
}

/// Seconds since 1970.
pub(crate) fn seconds() -> usize {
    // SAFETY: this call has no arguments.
    unsafe { call(SYS_TIME, core::ptr::null()) }
}

/// # Safety
///
/// The arguments are those of the operation.
unsafe fn call(operation: usize, arguments: *const usize) -> usize {
    let mut result = operation;
    // SAFETY: the debugger does what the operation says, and changes this register. Without a
    // debugger it is a fault, which ends the machine.
    unsafe { asm!("bkpt 0xab", inout("r0") result, in("r1") arguments, options(nostack)) };
    result
}
