//! How long to wait before asking again for something that is not there yet.

use core::time::Duration;

/// Pauses between asking again for something that is not there yet: from a quarter of a second,
/// doubling, to five.
#[derive(Debug)]
pub(crate) struct Pauses {
    next: Duration,
    left: Duration,
}

impl Pauses {
    const FIRST: Duration = Duration::from_millis(250);
    const LONGEST: Duration = Duration::from_secs(5);

    /// Pauses for a wait of that length.
    pub(crate) fn within(wait: Duration) -> Self {
        Self {
            next: Self::FIRST,
            left: wait,
        }
    }

    /// The next pause after `spent` on asking; `None` when the time is up. The last one ends with
    /// the wait, so that there is one more try at its very end.
    pub(crate) fn after(&mut self, spent: Duration) -> Option<Duration> {
        self.left = self.left.saturating_sub(spent);
        if self.left.is_zero() {
            return None;
        }
        let pause = self.next.min(self.left);
        self.left -= pause;
        self.next = (self.next * 2).min(Self::LONGEST);
        Some(pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_five_seconds_and_end_with_the_wait() {
        let mut pauses = Pauses::within(Duration::from_secs(16));
        let mut seen = Vec::new();
        while let Some(pause) = pauses.after(Duration::ZERO) {
            seen.push(pause.as_millis());
        }
        assert_eq!(seen, [250, 500, 1000, 2000, 4000, 5000, 3250]);
    }

    #[test]
    fn time_spent_on_asking_counts() {
        let mut pauses = Pauses::within(Duration::from_secs(1));
        assert_eq!(
            pauses.after(Duration::from_millis(900)),
            Some(Duration::from_millis(100))
        );
        assert_eq!(pauses.after(Duration::ZERO), None);
    }
}
