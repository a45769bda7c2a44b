//! Choices for random runs.

use std::collections::VecDeque;

/// SplitMix64: every seed, zero too, gives a good sequence.
pub struct Random {
    /// A fuzzer's choices, which come first.
    chosen: VecDeque<u8>,
    state: u64,
}

impl Random {
    /// The sequence of this seed.
    pub fn new(seed: u64) -> Self {
        Self {
            chosen: VecDeque::new(),
            state: seed,
        }
    }

    /// One choice for each of these bytes, and then the sequence of the seed zero.
    pub fn chosen(bytes: &[u8]) -> Self {
        Self {
            chosen: bytes.iter().copied().collect(),
            state: 0,
        }
    }

    /// The next number.
    pub fn number(&mut self) -> u64 {
        if let Some(byte) = self.chosen.pop_front() {
            // Numbers of any size, for choices among more than 256.
            return u64::from_le_bytes([byte; 8]);
        }
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `n`, which is not zero.
    pub fn below(&mut self, n: usize) -> usize {
        let n = u64::try_from(n).expect("usize has at most 64 bits");
        usize::try_from(self.number() % n).expect("less than a usize")
    }

    /// The same as a smaller type.
    pub fn below_u32(&mut self, n: u32) -> u32 {
        let [a, b, c, d, ..] = self.number().to_le_bytes();
        u32::from_le_bytes([a, b, c, d]) % n
    }

    /// One of these.
    pub fn pick<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())].clone()
    }

    /// True once in `n` times.
    pub fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }
}
