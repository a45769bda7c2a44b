//! Ends that nobody wishes for: each is printed, and has a status of its own.

use core::arch::global_asm;
use core::fmt::{Arguments, Write as _};
use core::panic::PanicInfo;
use core::sync::atomic::{AtomicBool, Ordering};

use crate::semihosting::exit;
use crate::uart::Console;

/// The statuses, which are those of the x86 images' bytes; exit codes are smaller.
enum Crash {
    Panic = 0x30,
    Exception = 0x31,
    StackOverflow = 0x32,
}

/// Why the processor gave up: one word for all kinds of faults (§2.5, Fault Status).
const FAULT_STATUS: *const u32 = 0xe000_ed28 as *const u32;

// The stack may be at its end, and then there was not even room for the registers. What runs here
// needs some of it.
global_asm!(
    ".section .HardFault.user, \"ax\"",
    ".global HardFault",
    ".type HardFault, %function",
    ".thumb_func",
    "HardFault:",
    "mrs r0, MSP",
    "ldr r1, =_stack_end + 1024",
    "cmp r0, r1",
    "bhs 1f",
    "ldr r2, =_stack_start",
    "mov sp, r2",
    "1: b {fault}",
    fault = sym fault,
);

/// `bottom` is the end of the stack, and of the room that this needs.
extern "C" fn fault(stack: u32, bottom: u32) -> ! {
    if stack < bottom {
        crash(Crash::StackOverflow, format_args!("stack overflow"));
    }
    // SAFETY: the processor has put eight registers there; the seventh is the program counter.
    let at = unsafe { *(stack as *const u32).add(6) };
    // SAFETY: a register that can be read.
    let status = unsafe { FAULT_STATUS.read_volatile() };
    crash(
        Crash::Exception,
        format_args!("fault {status:#010x} at {at:#010x}"),
    )
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    crash(Crash::Panic, format_args!("{info}"))
}

fn crash(crash: Crash, why: Arguments<'_>) -> ! {
    static CRASHING: AtomicBool = AtomicBool::new(false);
    // A crash while this is printed has nothing to add.
    if !CRASHING.swap(true, Ordering::Relaxed) {
        let cause = match crash {
            Crash::Panic => "panic",
            Crash::Exception => "exception",
            Crash::StackOverflow => "stack-overflow",
        };
        let _ = write!(Console, "{why}\nexit=1 cause={cause}\n");
    }
    exit(crash as u8)
}
