//! How much of the stack was used: the start-up code paints all of it, and what lost its paint was
//! used.

/// What `cortex-m-rt` paints with.
const PAINT: u32 = 0xcccc_cccc;

unsafe extern "C" {
    // Of the linker script: places, not values.
    static _stack_end: [u32; 0];
    static _stack_start: [u32; 0];
}

/// The bytes of the stack.
pub fn size() -> usize {
    (&raw const _stack_start).addr() - (&raw const _stack_end).addr()
}

/// The most bytes that were in use at any time since the start.
pub fn high_water() -> usize {
    let bottom: *const u32 = (&raw const _stack_end).cast();
    let words = size() / size_of::<u32>();
    let untouched = (0..words)
        // SAFETY: within the stack, aligned and painted. Volatile because the compiler knows of
        // nobody who writes there.
        .take_while(|&word| unsafe { bottom.add(word).read_volatile() } == PAINT)
        .count();
    (words - untouched) * size_of::<u32>()
}
