//! Time: the processor's own timer, a thousand times a second, and its count in between.

use core::cell::RefCell;
use core::task::Waker;

use cortex_m::peripheral::{SCB, SYST, syst::SystClkSource};
use cortex_m_rt::exception;
use critical_section::Mutex;
use embassy_time_queue_utils::Queue;

/// Ticks of the machine's clock in a microsecond.
const PER_MICRO: u32 = 50;
const PERIOD_MICROS: u32 = 1000;
const PERIOD: u32 = PERIOD_MICROS * PER_MICRO;

embassy_time_driver::time_driver_impl!(static CLOCK: Clock = Clock {
    state: Mutex::new(RefCell::new(State { micros: 0, queue: Queue::new() })),
});

struct Clock {
    state: Mutex<RefCell<State>>,
}

struct State {
    /// Up to the beginning of the period.
    micros: u64,
    queue: Queue,
}

pub(crate) fn init(mut timer: SYST) {
    timer.set_clock_source(SystClkSource::Core);
    timer.set_reload(PERIOD - 1);
    timer.clear_current();
    timer.enable_counter();
    timer.enable_interrupt();
}

impl State {
    /// With interrupts off.
    fn now(&self) -> u64 {
        let count = SYST::get_current();
        // A period may have ended since interrupts were off; the count may be of before or after.
        match SCB::is_pendst_pending() {
            false => self.micros + within(count),
            true => self.micros + u64::from(PERIOD_MICROS) + within(SYST::get_current()),
        }
    }
}

/// Microseconds since the beginning of the period. It counts down.
fn within(count: u32) -> u64 {
    u64::from((PERIOD - 1).saturating_sub(count) / PER_MICRO)
}

impl embassy_time_driver::Driver for Clock {
    fn now(&self) -> u64 {
        critical_section::with(|section| self.state.borrow_ref(section).now())
    }

    fn schedule_wake(&self, at: u64, waker: &Waker) {
        critical_section::with(|section| {
            // The next period looks for what is due.
            self.state
                .borrow_ref_mut(section)
                .queue
                .schedule_wake(at, waker);
        });
    }
}

#[exception]
fn SysTick() {
    critical_section::with(|section| {
        let mut state = CLOCK.state.borrow_ref_mut(section);
        state.micros += u64::from(PERIOD_MICROS);
        let now = state.now();
        state.queue.next_expiration(now);
    });
}
