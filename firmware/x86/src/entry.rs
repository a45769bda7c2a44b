//! From the loader's jump to [`crate::Machine`].
//!
//! PVH enters in 32-bit protected mode: flat segments, paging off, interrupts off, `ebx` the
//! address of the start information. Everything else is this file's to set up.

use core::arch::global_asm;

use crate::command_line::CommandLine;
use crate::paging::TABLES;
use crate::{Clock, Exit, Machine, exceptions, exit, paging, serial, stack};

/// Whether code may use SSE. A target without operating system is built without it, and there the
/// coprocessor stays off: an SSE instruction that slipped in is an exception with an address, and
/// not an image that some hypervisors cannot run (those whose instruction emulation knows no SSE).
const SSE: bool = cfg!(not(target_os = "none"));
/// Physical address extension; SSE and its exceptions.
const CR4: u32 = if SSE { 0x620 } else { 0x20 };
/// Clears: emulate the coprocessor, trap on task switch.
const CR0_CLEAR: u32 = !0xc;
/// Sets: protection, paging; monitor the coprocessor, or emulate it.
const CR0_SET: u32 = if SSE { 0x8000_0003 } else { 0x8000_0005 };

global_asm!(
    r#"
    .section .note.pvh, "a", @note
    .balign 4
    .long 4                             // length of the name
    .long 4                             // length of the value
    .long 18                            // XEN_ELFNOTE_PHYS32_ENTRY
    .asciz "Xen"
    .long imds_x86_entry

    .section .rodata.imds_x86_segments, "a"
    .balign 8
2:  .quad 0
    .quad 0x00af9b000000ffff            // 64-bit code
    .quad 0x00cf93000000ffff            // data
imds_x86_segments:
    .word 23
    .long 2b

    .section .text.imds_x86_entry, "ax"
    .code32
    .global imds_x86_entry
imds_x86_entry:
    rdtsc                               // time is counted from here
    mov esi, eax
    mov ebp, edx
    cli
    cld

    // A loader of one's own may have forgotten it.
    mov edi, offset imds_x86_bss_start
    mov ecx, offset imds_x86_bss_end
    sub ecx, edi
    shr ecx, 2
    xor eax, eax
    rep stosd

    mov edi, offset imds_x86_stack_bottom
    mov ecx, offset imds_x86_stack_top
    sub ecx, edi
    shr ecx, 2
    mov eax, {paint}
    rep stosd
    mov esp, offset imds_x86_stack_top

    // One entry of the top level, four of the next, four directories of 2 MiB pages.
    mov edi, offset {tables}
    lea eax, [edi + 0x1003]             // present, writable
    mov [edi], eax
    lea eax, [edi + 0x2003]
    mov [edi + 0x1000], eax
    add eax, 0x1000
    mov [edi + 0x1008], eax
    add eax, 0x1000
    mov [edi + 0x1010], eax
    add eax, 0x1000
    mov [edi + 0x1018], eax
    add edi, 0x2000
    mov eax, 0x83                       // present, writable, 2 MiB
    mov ecx, 2048
2:  mov [edi], eax
    add eax, 0x200000
    add edi, 8
    loop 2b

    mov eax, {cr4}
    mov cr4, eax
    mov eax, offset {tables}
    mov cr3, eax
    mov ecx, 0xc0000080                 // EFER
    rdmsr
    or eax, 0x100                       // long mode
    wrmsr
    mov eax, cr0
    and eax, {cr0_clear}
    or eax, {cr0_set}
    mov cr0, eax
    lgdt [imds_x86_segments]
    push 8
    mov eax, offset imds_x86_long_mode
    push eax
    retf

    .code64
imds_x86_long_mode:
    mov eax, 16
    mov ds, eax
    mov es, eax
    mov ss, eax
    xor eax, eax
    mov fs, eax
    mov gs, eax
    mov edi, ebx
    mov esi, esi                        // clears the upper half
    mov eax, ebp
    shl rax, 32
    or rsi, rax
    xor ebp, ebp
    call {start}
    ud2
"#,
    tables = sym TABLES,
    start = sym start,
    paint = const stack::PAINT,
    cr4 = const CR4,
    cr0_clear = const CR0_CLEAR,
    cr0_set = const CR0_SET,
);

unsafe extern "Rust" {
    /// What [`crate::entry!`] defines.
    safe fn imds_x86_main(machine: Machine) -> Exit;
}

extern "C" fn start(start_info: u32, entry_tsc: u64) -> ! {
    serial::init();
    exceptions::init();
    paging::remove_pages([0, stack::guard()]);
    let machine = Machine {
        // SAFETY: the loader left its address in `ebx`, and nothing was written there since: the
        // image's own memory is all that was.
        command_line: unsafe { CommandLine::from_start_info(start_info) },
        clock: Clock::calibrate(entry_tsc),
    };
    exit::end(imds_x86_main(machine));
}
