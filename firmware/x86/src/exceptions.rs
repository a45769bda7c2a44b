//! Processor exceptions: reported, then the machine ends.
//!
//! All of them run on a stack of their own. The one worth having a name for is the overflow of the
//! stack: there the processor could not even push the exception's frame.

use core::arch::{asm, global_asm};
use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicBool, Ordering};

use crate::exit::{self, Crash};
use crate::stack;

const VECTORS: usize = 32;
/// Of the code segment, as in the entry code's own table.
const CODE: u16 = 8;
const TASK: u16 = 24;

// Every stub is 16 bytes long, so that their addresses need no table.
global_asm!(
    r#"
    .section .text.imds_x86_exceptions, "ax"
    .balign 16
imds_x86_exception_stubs:
    .set vector, 0
    .rept {vectors}
    .balign 16
    push vector
    jmp 2f
    .set vector, vector + 1
    .endr
2:  cld
    mov rdi, rsp
    and rsp, -16
    call {handler}
    ud2
    .global imds_x86_exception_stubs
"#,
    vectors = const VECTORS,
    handler = sym handler,
);

unsafe extern "C" {
    static imds_x86_exception_stubs: [[u8; 16]; VECTORS];
}

/// Memory that the processor reads, set up once and never changed after.
struct Once<T>(UnsafeCell<T>);

// SAFETY: one processor runs, and `init` is called once.
unsafe impl<T> Sync for Once<T> {}

#[repr(C, align(16))]
struct Stack([u8; 8192]);

/// The task state segment: all that is left of it is a list of stacks.
#[repr(C, packed(4))]
struct TaskState {
    reserved: u32,
    privilege_stacks: [u64; 3],
    reserved_too: u64,
    interrupt_stacks: [u64; 7],
    reserved_as_well: [u16; 5],
    io_map: u16,
}

#[derive(Clone, Copy)]
#[repr(C)]
struct Gate {
    low: u16,
    selector: u16,
    stack: u8,
    kind: u8,
    middle: u16,
    high: u32,
    reserved: u32,
}

#[repr(C, packed)]
struct TableAddress {
    limit: u16,
    base: u64,
}

static STACK: Once<Stack> = Once(UnsafeCell::new(Stack([0; 8192])));
static SEGMENTS: Once<[u64; 5]> = Once(UnsafeCell::new([
    0,
    0x00af_9b00_0000_ffff,
    0x00cf_9300_0000_ffff,
    0,
    0,
]));
static TASK_STATE: Once<TaskState> = Once(UnsafeCell::new(TaskState {
    reserved: 0,
    privilege_stacks: [0; 3],
    reserved_too: 0,
    interrupt_stacks: [0; 7],
    reserved_as_well: [0; 5],
    // Beyond the segment: there is none.
    io_map: u16::MAX,
}));
static GATES: Once<[Gate; VECTORS]> = Once(UnsafeCell::new(
    [Gate {
        low: 0,
        selector: 0,
        stack: 0,
        kind: 0,
        middle: 0,
        high: 0,
        reserved: 0,
    }; VECTORS],
));

/// Called once, by the entry code.
#[expect(
    clippy::cast_possible_truncation,
    reason = "addresses are cut in pieces on purpose"
)]
pub(crate) fn init() {
    let stack_top = STACK.0.get() as u64 + size_of::<Stack>() as u64;
    let task = TASK_STATE.0.get() as u64;
    // SAFETY: this runs once, on one processor, before the processor is told of the tables.
    unsafe {
        (*TASK_STATE.0.get()).interrupt_stacks[0] = stack_top;
        let segments = &mut *SEGMENTS.0.get();
        segments[3] = (size_of::<TaskState>() as u64 - 1)
            | (task & 0x00ff_ffff) << 16
            | 0x89 << 40
            | (task >> 24 & 0xff) << 56;
        segments[4] = task >> 32;
        for (vector, gate) in (*GATES.0.get()).iter_mut().enumerate() {
            let stub = (&raw const imds_x86_exception_stubs[vector]) as u64;
            *gate = Gate {
                low: stub as u16,
                selector: CODE,
                stack: 1,
                // Present, an interrupt gate.
                kind: 0x8e,
                middle: (stub >> 16) as u16,
                high: (stub >> 32) as u32,
                reserved: 0,
            };
        }
    }
    let segments = TableAddress {
        limit: size_of::<[u64; 5]>() as u16 - 1,
        base: SEGMENTS.0.get() as u64,
    };
    let gates = TableAddress {
        limit: size_of::<[Gate; VECTORS]>() as u16 - 1,
        base: GATES.0.get() as u64,
    };
    // SAFETY: the tables are complete and live as long as the machine; code and data segments are
    // those in use.
    unsafe {
        asm!(
            "lgdt [{segments}]", "ltr {task:x}", "lidt [{gates}]",
            segments = in(reg) &raw const segments,
            gates = in(reg) &raw const gates,
            task = in(reg) TASK,
            options(nostack, preserves_flags),
        );
    }
}

/// Reports what the stub found. `frame` is the vector, an error code with some vectors, then what
/// the processor pushes: rip, cs, flags, rsp, ss.
extern "C" fn handler(frame: *const u64) -> ! {
    static HANDLING: AtomicBool = AtomicBool::new(false);
    // An exception while the first is reported: the report itself is broken.
    if HANDLING.swap(true, Ordering::Relaxed) {
        exit::crash(Crash::Exception);
    }
    // SAFETY: the stub left at least six words there, on the exceptions' own stack.
    let word = |index: usize| unsafe { frame.add(index).read() };
    let vector = word(0);
    let has_code = matches!(vector, 8 | 10..=14 | 17 | 21 | 29 | 30);
    let (code, rest) = if has_code { (word(1), 2) } else { (0, 1) };
    let (rip, rsp) = (word(rest), word(rest + 3));
    let cr2: u64;
    // SAFETY: reads a control register.
    unsafe { asm!("mov {}, cr2", out(reg) cr2, options(nomem, nostack, preserves_flags)) };

    let on_guard = matches!(vector, 8 | 14) && cr2.wrapping_sub(stack::guard()) < 4096;
    crate::println!(
        "exception {vector} ({}): error code {code:#x}, rip {rip:#x}, cr2 {cr2:#x}, rsp {rsp:#x}",
        if on_guard {
            "stack overflow"
        } else {
            name(vector)
        },
    );
    exit::crash(if on_guard {
        Crash::StackOverflow
    } else {
        Crash::Exception
    });
}

fn name(vector: u64) -> &'static str {
    match vector {
        0 => "division by zero",
        1 => "debug",
        2 => "non-maskable interrupt",
        3 => "breakpoint",
        4 => "overflow",
        5 => "bound range",
        6 => "invalid opcode",
        7 => "coprocessor not there",
        8 => "double fault",
        10 => "invalid task state",
        11 => "segment not present",
        12 => "stack segment",
        13 => "general protection",
        14 => "page fault",
        16 => "x87 floating point",
        17 => "alignment",
        18 => "machine check",
        19 => "SIMD floating point",
        20 => "virtualisation",
        21 => "control protection",
        _ => "reserved",
    }
}
