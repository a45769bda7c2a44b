//! Ends badly, in the way its command line asks for: `panic`, `invalid`, `guard` or `stack`.
#![no_std]
#![no_main]

use core::fmt::Write as _;
use core::hint::black_box;

use imds_cortex_m::{Console, Machine, exit};

#[cortex_m_rt::entry]
fn main() -> ! {
    let machine = Machine::take();
    let length = match machine.command_line {
        Some("panic") => panic!("as it was asked to"),
        Some("invalid") => cortex_m::asm::udf(),
        // SAFETY: nothing is there, and this is a fault.
        Some("guard") => unsafe { (0x1fff_f000 as *const usize).read_volatile() },
        Some("stack") => deeper(0),
        _ => 0,
    };
    let _ = writeln!(Console, "{length}? panic, invalid, guard or stack");
    exit(2)
}

/// Each call takes a kilobyte, and there is no end to them that the stack would live to see.
fn deeper(depth: usize) -> usize {
    let bytes = black_box([0xa5_u8; 1000]);
    if black_box(depth) == usize::MAX {
        return 0;
    }
    deeper(depth + 1) + usize::from(bytes[depth % bytes.len()])
}
