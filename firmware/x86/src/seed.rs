//! Chance.

use crate::cpu;

/// A number that differs from boot to boot.
///
/// Good for spreading retries and for choosing port numbers; not for keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seed {
    /// The number.
    pub value: u64,
    /// Where it is from.
    pub source: Source,
}

/// Where a [`Seed`] is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Source {
    /// The processor's random number generator.
    Rdrand,
    /// The low bits of the time stamp counter: machines started together may be close.
    Tsc,
}

/// As often as Intel says an answer may be missing.
const ATTEMPTS: usize = 10;

impl Seed {
    /// Draws one.
    pub fn draw() -> Self {
        // The same number twice is a generator that is broken, as some processors' was after sleep.
        match (hardware(), hardware()) {
            (Some(first), Some(second)) if first != second => Self {
                value: first,
                source: Source::Rdrand,
            },
            _ => Self {
                value: mixed(cpu::tsc),
                source: Source::Tsc,
            },
        }
    }
}

fn hardware() -> Option<u64> {
    const RDRAND: u32 = 1 << 30;
    if cpu::cpuid(1)?.ecx & RDRAND == 0 {
        return None;
    }
    (0..ATTEMPTS).find_map(|_| cpu::rdrand())
}

/// Each reading is mixed over all bits by splitmix64's last steps.
fn mixed(mut tsc: impl FnMut() -> u64) -> u64 {
    (0..8).fold(0x9e37_79b9_7f4a_7c15, |state: u64, _| {
        let mut mix = state.rotate_left(23) ^ tsc();
        mix = (mix ^ mix >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mix = (mix ^ mix >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mix ^ mix >> 31
    })
}

#[cfg(test)]
mod tests {
    use super::mixed;

    #[test]
    fn starts_one_tick_apart_share_nothing() {
        let from = |start: u64| {
            let mut now = start;
            mixed(move || {
                now += 40;
                now
            })
        };
        let differing = (from(1_000_000) ^ from(1_000_001)).count_ones();
        assert!((16..=48).contains(&differing), "{differing}");
    }
}
