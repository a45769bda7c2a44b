//! Ends badly, in the way its command line asks for: `crash=panic`, `invalid`, `null`, `stack` or
//! `sse`.

#![no_std]
#![no_main]

use core::arch::asm;
use core::hint::black_box;

use imds_x86::{Exit, Machine, println};

imds_x86::entry!(main);

fn main(machine: Machine) -> Exit {
    let line = machine.command_line.expect("a command line");
    match line.values("crash").next() {
        Some("panic") => panic!("as it was asked to"),
        Some("invalid") => invalid(),
        Some("null") => null(),
        Some("stack") => println!("{} bytes", deeper(0)),
        Some("sse") => sse(),
        _ => println!("crash= what? panic, invalid, null, stack or sse"),
    }
    Exit::new(2)
}

fn invalid() {
    // SAFETY: it does nothing but raise an exception, which does not come back.
    unsafe { asm!("ud2", options(noreturn)) }
}

fn null() {
    // SAFETY: the page is not mapped: this raises an exception, which does not come back.
    unsafe { asm!("mov {0}, [{0}]", inout(reg) 0_u64 => _) }
}

/// Each call takes a page and more, and there is no end to them that the stack would live to see.
fn deeper(depth: usize) -> usize {
    let bytes = black_box([0xa5_u8; 5000]);
    if black_box(depth) == usize::MAX {
        return 0;
    }
    deeper(depth + 1) + usize::from(bytes[depth % bytes.len()])
}

/// An SSE instruction, and back. It stands among the constants, so that the check of the build
/// without SSE does not take it for the compiler's; nothing forbids to execute those.
fn sse() {
    /// `xorps xmm0, xmm0; ret`
    static CODE: [u8; 4] = [0x0f, 0x57, 0xc0, 0xc3];
    // SAFETY: these bytes are a function without arguments that changes a scratch register of
    // its calling convention. Where there is no such register it raises an exception.
    unsafe { asm!("call {}", in(reg) &CODE, clobber_abi("sysv64")) };
    println!("SSE works");
}
