//! Ends badly, in the way its command line asks for: `panic`, `invalid`, `unmapped` or `stack`.
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
        // SAFETY: there is no memory, and no harm; this is a fault.
        Some("unmapped") => unsafe { (0x6000_0000 as *const u32).read_volatile() as usize },
        Some("stack") => deeper(0),
        _ => 0,
    };
    let _ = writeln!(Console, "{length}? panic, invalid, unmapped or stack");
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
