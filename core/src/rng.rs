//! Jitter from a seed the caller lends. Not for secrets.

/// PCG-XSH-RR 64/32 (O'Neill 2014): enough to spread retries, useless for anything secret.
#[derive(Clone, Debug)]
pub(crate) struct Rng(u64);

impl Rng {
    const MULTIPLIER: u64 = 6_364_136_223_846_793_005;
    const INCREMENT: u64 = 1_442_695_040_888_963_407;

    pub(crate) const fn new(seed: u64) -> Self {
        let mut rng = Self(seed.wrapping_add(Self::INCREMENT));
        rng.step();
        rng
    }

    const fn step(&mut self) -> u64 {
        let old = self.0;
        self.0 = old
            .wrapping_mul(Self::MULTIPLIER)
            .wrapping_add(Self::INCREMENT);
        old
    }

    pub(crate) const fn next_u32(&mut self) -> u32 {
        let old = self.step();
        let low = (((old >> 18) ^ old) >> 27) & 0xffff_ffff;
        (low as u32).rotate_right((old >> 59) as u32)
    }

    /// A number in `0..=max`, close enough to even for jitter.
    pub(crate) const fn up_to(&mut self, max: u64) -> u64 {
        let wide = (self.next_u32() as u128) * (max as u128 + 1);
        #[expect(clippy::cast_possible_truncation, reason = "wide >> 32 <= max, a u64")]
        let value = (wide >> 32) as u64;
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_seed_gives_one_sequence_and_another_seed_another() {
        let take = |seed| {
            let mut rng = Rng::new(seed);
            [rng.next_u32(), rng.next_u32(), rng.next_u32()]
        };
        assert_eq!(take(7), take(7));
        assert_ne!(take(7), take(8));
    }

    #[test]
    fn up_to_stays_in_range_and_reaches_both_ends() {
        let mut rng = Rng::new(1);
        let mut seen = [false; 4];
        for _ in 0..200 {
            seen[usize::try_from(rng.up_to(3)).unwrap()] = true;
        }
        assert_eq!(seen, [true; 4]);
        assert_eq!(rng.up_to(0), 0);
    }
}
