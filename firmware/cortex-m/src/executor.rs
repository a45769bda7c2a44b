//! embassy's executor, asleep while there is nothing to do. embassy's own for this processor sleeps by
//! `WFE`, which QEMU takes for no sleep at all: a waiting image would keep a processor of the host busy.

use core::ptr;
use core::sync::atomic::{AtomicBool, Ordering};

use embassy_executor::{Spawner, raw};
use static_cell::StaticCell;

/// A task was woken since the executor looked last.
static WOKEN: AtomicBool = AtomicBool::new(false);

// SAFETY: embassy's name for this, and nobody else has it: embassy's own executors are not built.
#[unsafe(export_name = "__pender")]
fn pender(_context: *mut ()) {
    WOKEN.store(true, Ordering::Release);
}

/// Runs the tasks that `begin` spawns, and those that they spawn.
///
/// # Panics
///
/// If it runs already.
pub fn run(begin: impl FnOnce(Spawner)) -> ! {
    static EXECUTOR: StaticCell<raw::Executor> = StaticCell::new();
    let executor = EXECUTOR.init(raw::Executor::new(ptr::null_mut()));
    begin(executor.spawner());
    loop {
        // SAFETY: never within itself: it is called here only.
        unsafe { executor.poll() };
        // An interrupt ends the sleep, and is served behind the section. So none comes in between.
        critical_section::with(|_| {
            if !WOKEN.swap(false, Ordering::Acquire) {
                cortex_m::asm::wfi();
            }
        });
    }
}
