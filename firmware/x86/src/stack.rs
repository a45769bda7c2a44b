//! How much of the stack was used: the entry code paints all of it, and what lost its paint was
//! used.

/// The paint: unlikely as data.
pub(crate) const PAINT: u32 = 0xa5c3_5a3c;

unsafe extern "C" {
    // Of the linker script: places, not values.
    static imds_x86_stack_guard: [u8; 4096];
    static imds_x86_stack_bottom: [u32; 0];
    static imds_x86_stack_top: [u32; 0];
}

/// The address of the page below the stack, which is not mapped.
pub(crate) fn guard() -> u64 {
    (&raw const imds_x86_stack_guard) as u64
}

/// The bytes of the stack.
pub fn size() -> usize {
    (&raw const imds_x86_stack_top) as usize - (&raw const imds_x86_stack_bottom) as usize
}

/// The most bytes that were in use at any time since the start.
pub fn high_water() -> usize {
    let bottom: *const u32 = (&raw const imds_x86_stack_bottom).cast();
    let words = size() / size_of::<u32>();
    let untouched = (0..words)
        // SAFETY: within the stack, which is mapped, aligned and was painted. Volatile because the
        // compiler knows of nobody who writes there.
        .take_while(|&word| unsafe { bottom.add(word).read_volatile() } == PAINT)
        .count();
    (words - untouched) * size_of::<u32>()
}
