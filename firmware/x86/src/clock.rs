//! Time, from the processor's time stamp counter.

use core::sync::atomic::{AtomicU64, Ordering};

use crate::cpu;
use crate::port::Port;

/// Microseconds since the image's first instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clock {
    start: u64,
    frequency: u64,
    source: Source,
}

/// Who says how fast the counter runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Source {
    /// The hypervisor, in CPUID leaf 0x4000_0010.
    Hypervisor,
    /// The processor, in CPUID leaf 0x15.
    Processor,
    /// The interval timer, against which it was measured.
    Timer,
    /// Nobody: [`ASSUMED`] is a guess.
    Assumed,
}

/// The counter's frequency where nothing tells it. Counters run at 1 to 5 GHz, so that durations
/// are wrong by a factor of three at most.
pub const ASSUMED: u64 = 3_000_000_000;

/// What is believed; anything else is no answer.
const PLAUSIBLE: core::ops::RangeInclusive<u64> = 100_000_000..=20_000_000_000;

static START: AtomicU64 = AtomicU64::new(0);
static SCALE: AtomicU64 = AtomicU64::new(0);

impl Clock {
    /// Finds out how fast the counter runs. Measuring it takes 10 ms; nothing takes longer than a
    /// few hundred.
    #[cfg_attr(test, allow(dead_code, reason = "called by the entry code"))]
    pub(crate) fn calibrate(start: u64) -> Self {
        let (frequency, source) = frequency();
        let clock = Self {
            start,
            frequency,
            source,
        };
        START.store(start, Ordering::Relaxed);
        SCALE.store(scale(frequency), Ordering::Relaxed);
        clock
    }

    /// Microseconds since the image's first instruction.
    pub fn now(&self) -> u64 {
        micros(cpu::tsc().wrapping_sub(self.start), scale(self.frequency))
    }

    /// Microseconds that the counter has run. In QEMU and Firecracker it begins with the machine, so
    /// that the time of the firmware is in it.
    pub fn since_power_on(&self) -> u64 {
        micros(cpu::tsc(), scale(self.frequency))
    }

    /// The counter's ticks in a second.
    pub fn frequency(&self) -> u64 {
        self.frequency
    }

    /// Who says so.
    pub fn source(&self) -> Source {
        self.source
    }
}

/// [`Clock::now`] for those who have no clock at hand; 0 before there is one.
#[cfg(any(feature = "embassy-time", all(feature = "defmt", not(test))))]
pub(crate) fn now() -> u64 {
    micros(
        cpu::tsc().wrapping_sub(START.load(Ordering::Relaxed)),
        SCALE.load(Ordering::Relaxed),
    )
}

/// Microseconds in a tick, in units of 2^-32.
const fn scale(frequency: u64) -> u64 {
    (1_000_000 << 32) / frequency
}

#[expect(clippy::cast_possible_truncation, reason = "half a million years fit")]
const fn micros(ticks: u64, scale: u64) -> u64 {
    ((ticks as u128 * scale as u128) >> 32) as u64
}

fn frequency() -> (u64, Source) {
    [Source::Hypervisor, Source::Processor, Source::Timer]
        .into_iter()
        .find_map(|source| {
            let frequency = match source {
                Source::Hypervisor => from_hypervisor(),
                Source::Processor => from_processor(),
                Source::Timer => from_timer(),
                Source::Assumed => Some(ASSUMED),
            };
            let frequency = frequency.filter(|frequency| PLAUSIBLE.contains(frequency))?;
            Some((frequency, source))
        })
        .unwrap_or((ASSUMED, Source::Assumed))
}

fn from_hypervisor() -> Option<u64> {
    // Without this bit the range of leaves belongs to nobody.
    const HYPERVISOR: u32 = 1 << 31;
    if cpu::cpuid(1)?.ecx & HYPERVISOR == 0 {
        return None;
    }
    Some(u64::from(cpu::cpuid(0x4000_0010)?.eax) * 1000)
}

fn from_processor() -> Option<u64> {
    let leaf = cpu::cpuid(0x15)?;
    (u64::from(leaf.ecx) * u64::from(leaf.ebx)).checked_div(u64::from(leaf.eax))
}

fn from_timer() -> Option<u64> {
    let mut timer = Timer::start();
    (0..10).find_map(|_| measure(|| timer.read()))
}

/// Channel 0 of the interval timer, counting down from 65536 again and again.
struct Timer {
    counter: Port,
    command: Port,
}

/// Its ticks in a second.
const TIMER_FREQUENCY: u64 = 1_193_182;
/// Ticks until it begins anew.
const ROUND: u64 = 65_536;
/// Ticks to measure over: 10 ms.
const SPAN: u64 = TIMER_FREQUENCY / 100;

impl Timer {
    fn start() -> Self {
        // SAFETY: both belong to the interval timer. Its interrupt goes nowhere.
        let (counter, command) = unsafe { (Port::new(0x40), Port::new(0x43)) };
        // Channel 0, both bytes, rate generator.
        command.write(0x34);
        counter.write(0);
        counter.write(0);
        Self { counter, command }
    }

    fn read(&mut self) -> Reading {
        let before = cpu::tsc();
        self.command.write(0);
        let after = cpu::tsc();
        let count = u16::from_le_bytes([self.counter.read(), self.counter.read()]);
        Reading {
            before,
            after,
            count,
        }
    }
}

/// A count, latched between two readings of the time stamp counter.
#[derive(Clone, Copy)]
struct Reading {
    before: u64,
    after: u64,
    count: u16,
}

impl Reading {
    fn doubt(self) -> u64 {
        self.after.wrapping_sub(self.before)
    }
}

/// The frequency of the time stamp counter, from readings of the timer; nothing, if the timer
/// stands still or the measurement was disturbed.
fn measure(mut read: impl FnMut() -> Reading) -> Option<u64> {
    // A timer that is not there reads the same for ever. The slowest one moves on within a few
    // readings.
    const STANDSTILL: u32 = 1000;

    let mut start = read();
    for _ in 0..8 {
        let next = read();
        if next.doubt() < start.doubt() {
            start = next;
        }
    }
    let mut sharpest = start.doubt();
    let (mut last, mut ticks, mut longest, mut still) = (start, 0, 0, 0);
    loop {
        let reading = read();
        let step = last.count.wrapping_sub(reading.count);
        still = if step == 0 { still + 1 } else { 0 };
        if still == STANDSTILL {
            return None;
        }
        ticks += u64::from(step);
        longest = longest.max(reading.after.wrapping_sub(last.after));
        sharpest = sharpest.min(reading.doubt());
        last = reading;
        // A reading that took long does not say when it was made; a sharp one comes soon.
        if ticks >= 4 * SPAN || ticks >= SPAN && reading.doubt() <= 4 * sharpest {
            break;
        }
    }
    let elapsed = last.after.wrapping_sub(start.after);
    // In a pause of the host between two readings the timer may have gone round unseen. If it had,
    // the pause would be one round of all the ticks there were at least.
    let all = ticks + ROUND;
    if u128::from(longest) * u128::from(all) >= u128::from(elapsed) * u128::from(ROUND) {
        return None;
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "what does not fit is not plausible"
    )]
    let frequency = (u128::from(elapsed) * u128::from(TIMER_FREQUENCY) / u128::from(ticks)) as u64;
    Some(frequency)
}

#[cfg(test)]
mod tests {
    use super::{PLAUSIBLE, Reading, TIMER_FREQUENCY, measure, micros, scale};

    const FREQUENCY: u64 = 2_500_000_000;

    /// A processor at [`FREQUENCY`]: a reading takes 2 us, and the host takes `pause` us more
    /// before the reading of that number.
    fn machine(pause: impl Fn(u64) -> u64) -> impl FnMut() -> Reading {
        let (mut now, mut number) = (0, 0);
        move || {
            now += 2 + pause(number);
            number += 1;
            let tsc = now * FREQUENCY / 1_000_000;
            let ticks = now * TIMER_FREQUENCY / 1_000_000;
            Reading {
                before: tsc,
                after: tsc + 1000,
                count: u16::MAX - u16::try_from(ticks % 65536).unwrap(),
            }
        }
    }

    #[test]
    fn a_quiet_machine_is_measured_to_a_thousandth() {
        let measured = measure(machine(|_| 0)).unwrap();
        assert!(
            measured.abs_diff(FREQUENCY) < FREQUENCY / 1000,
            "{measured}"
        );
    }

    #[test]
    fn short_pauses_do_not_matter() {
        let measured = measure(machine(|number| number % 7 * 20)).unwrap();
        assert!(
            measured.abs_diff(FREQUENCY) < FREQUENCY / 1000,
            "{measured}"
        );
    }

    #[test]
    fn a_pause_in_which_the_timer_went_round_is_noticed() {
        for pause in [40_000, 55_000, 60_000, 200_000] {
            assert_eq!(
                measure(machine(|number| if number == 500 { pause } else { 0 })),
                None
            );
        }
    }

    #[test]
    fn no_timer_ends() {
        let (mut tsc, mut readings) = (0, 0);
        let read = || {
            readings += 1;
            assert!(readings < 2000);
            tsc += 1000;
            Reading {
                before: tsc,
                after: tsc + 10,
                count: 0xffff,
            }
        };
        assert_eq!(measure(read), None);
    }

    #[test]
    fn microseconds_of_ticks() {
        assert_eq!(micros(0, scale(FREQUENCY)), 0);
        let hour = micros(3600 * FREQUENCY, scale(FREQUENCY));
        assert!(hour.abs_diff(3_600_000_000) < 10_000, "{hour}");
        assert!(PLAUSIBLE.contains(&super::ASSUMED));
    }
}
