//! Local ports.

use smoltcp::time::{Duration, Instant};

/// The lowest port that is used, Linux's too; the highest is 65535.
const FIRST: u16 = 32768;
const COUNT: u16 = 32768;

/// How long a server remembers a connection that it closed: Linux's TIME_WAIT. (RFC 9293 §3.4.2
/// says four minutes. A server that keeps to that is safe too: 1024 packets a second are all that
/// EC2 takes, and at the eight of a short connection a lap through the ports takes 256 seconds.)
const TIME_WAIT: Duration = Duration::from_secs(60);

/// Ports share a note of when one of them was last used.
const BLOCK: u16 = 2048;

/// Hands out local ports in a row, so that one comes again only after all others, and not while
/// the server may remember it.
#[derive(Debug)]
pub(crate) struct Ports {
    /// Where the row begins, counted from the lowest.
    start: u16,
    /// The next one, counted from there.
    next: u16,
    /// When a port of each block was last used.
    used: [Option<Instant>; (COUNT / BLOCK) as usize],
}

impl Ports {
    /// The row begins where the seed says, so that a machine that boots anew does not begin with
    /// ports that the server remembers.
    pub(crate) const fn new(seed: u64) -> Self {
        // Fibonacci hashing: neighbouring seeds are far apart.
        let [.., low, high] = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes();
        Self {
            start: u16::from_le_bytes([low, high]) % COUNT,
            next: 0,
            used: [None; (COUNT / BLOCK) as usize],
        }
    }

    /// The next port that is none of `busy`.
    ///
    /// # Errors
    /// When to ask again: the server may still remember the next one.
    pub(crate) fn take(
        &mut self,
        now: Instant,
        busy: impl Fn(u16) -> bool,
    ) -> Result<u16, Instant> {
        // At most as many are busy as there are lanes.
        loop {
            if self.next.is_multiple_of(BLOCK)
                && let Some(used) = self.used[usize::from(self.next / BLOCK)]
                && now < used + TIME_WAIT
            {
                return Err(used + TIME_WAIT);
            }
            let port = FIRST + (self.start + self.next) % COUNT;
            self.next = (self.next + 1) % COUNT;
            if !busy(port) {
                self.release(port, now);
                return Ok(port);
            }
        }
    }

    /// The connection from this port has ended: from now on the server remembers it.
    pub(crate) const fn release(&mut self, port: u16, now: Instant) {
        let Some(at) = port.checked_sub(FIRST) else {
            return;
        };
        let at = (at + COUNT - self.start) % COUNT;
        let block = at / BLOCK;
        self.used[block as usize] = Some(now);
        // Ahead in the block in use, which is not looked at again: the rest of it is left out.
        if block == self.next / BLOCK && at >= self.next && !self.next.is_multiple_of(BLOCK) {
            self.next = (block + 1) * BLOCK % COUNT;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    fn lap(ports: &mut Ports, now: Instant) -> Vec<u16> {
        (0..COUNT)
            .map(|_| ports.take(now, |_| false).expect("a lap"))
            .collect()
    }

    #[test]
    fn a_port_comes_again_only_after_all_others() {
        let mut ports = Ports::new(7);
        let first = lap(&mut ports, Instant::ZERO);
        let mut sorted = first.clone();
        sorted.sort_unstable();
        assert!(sorted.into_iter().eq(FIRST..=u16::MAX));
        assert_eq!(lap(&mut ports, Instant::from_secs(61)), first);
    }

    #[test]
    fn a_port_is_not_repeated_while_time_wait_holds() {
        let mut ports = Ports::new(7);
        // Slow at first, then fast, then as fast as it goes: each port rests all the same.
        let mut last = std::collections::HashMap::new();
        let mut now = Instant::ZERO;
        for taken in 0..4 * u32::from(COUNT) {
            now += Duration::from_micros(if taken < 30_000 { 2000 } else { 1 });
            let port = ports.take(now, |_| false).unwrap_or_else(|again| {
                assert!(again > now, "later");
                now = again;
                ports.take(now, |_| false).expect("it is later")
            });
            if let Some(before) = last.insert(port, now) {
                assert!(now - before >= TIME_WAIT, "{port} after {}", now - before);
            }
        }
    }

    #[test]
    fn a_port_rests_from_the_end_of_its_connection() {
        let mut ports = Ports::new(7);
        let first = lap(&mut ports, Instant::ZERO)[0];
        let end = Instant::from_secs(100);
        ports.release(first, end);
        let again = end + TIME_WAIT;
        assert_eq!(ports.take(Instant::from_secs(101), |_| false), Err(again));
        assert_eq!(ports.take(again, |_| false), Ok(first));
    }

    /// A connection that was kept for a whole lap, and ends when its port is about to come.
    #[test]
    fn a_port_that_is_about_to_come_rests_too() {
        let mut ports = Ports::new(7);
        let kept = lap(&mut ports, Instant::ZERO)[1];
        let mut now = Instant::from_secs(100);
        ports.take(now, |_| false).expect("the port before it");
        ports.release(kept, now);
        let end = now;
        for _ in 0..2 * u32::from(COUNT) {
            now += Duration::from_micros(1);
            match ports.take(now, |_| false) {
                Ok(port) => assert!(port != kept || now >= end + TIME_WAIT, "{now}"),
                Err(again) => now = again,
            }
        }
    }

    #[test]
    fn a_port_in_use_is_passed_over() {
        let mut ports = Ports::new(7);
        let next = Ports::new(7).take(Instant::ZERO, |_| false).expect("first");
        let port = ports.take(Instant::ZERO, |port| port == next);
        assert_eq!(port, Ok(if next == u16::MAX { FIRST } else { next + 1 }));
    }

    #[test]
    fn neighbouring_seeds_begin_far_apart() {
        let start = |seed| Ports::new(seed).start;
        for seed in 0..100 {
            assert!(start(seed).abs_diff(start(seed + 1)) > 1000, "{seed}");
        }
    }
}
