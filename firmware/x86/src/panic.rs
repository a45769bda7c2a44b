//! A panic is reported and ends the machine.

use core::panic::PanicInfo;
use core::sync::atomic::{AtomicBool, Ordering};

use crate::exit;

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    static PANICKING: AtomicBool = AtomicBool::new(false);
    // A panic while this one is printed has nothing to add.
    if !PANICKING.swap(true, Ordering::Relaxed) {
        crate::println!("{info}");
    }
    exit::panicked()
}
