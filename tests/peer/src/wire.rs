//! A bad cable: what it does to frames, and when they arrive.

use core::time::Duration;
use std::collections::VecDeque;

use crate::random::Random;

/// Where a frame goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the guest.
    ToPeer,
    /// To the guest.
    ToGuest,
}

/// How often what goes wrong, in frames of a thousand. Each is decided by itself for every frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Faults {
    /// The frame is lost.
    pub drop: u16,
    /// The frame takes a time between [`shortest`](Self::shortest) and [`longest`](Self::longest); those behind it wait, so
    /// the order stays.
    pub delay: u16,
    /// The least delay.
    pub shortest: Duration,
    /// The greatest delay.
    pub longest: Duration,
    /// The frame comes twice, one behind the other.
    pub duplicate: u16,
    /// The frame is held until the next one in its direction has gone ahead, at most for [`hold`](Self::hold).
    pub reorder: u16,
    /// How long a frame waits for another one to overtake it.
    pub hold: Duration,
}

impl Faults {
    /// Nothing goes wrong; fields to be set.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// 5 % lost, 10 % delayed by 1 to 40 ms, 3 % overtaken, 1 % doubled.
    #[must_use]
    pub fn lossy() -> Self {
        Self {
            drop: 50,
            delay: 100,
            shortest: Duration::from_millis(1),
            longest: Duration::from_millis(40),
            duplicate: 10,
            reorder: 30,
            hold: Duration::from_millis(20),
        }
    }
}

/// What a [`Wire`] did so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Tally {
    /// Frames lost.
    pub dropped: u64,
    /// Frames delayed.
    pub delayed: u64,
    /// Frames doubled.
    pub duplicated: u64,
    /// Frames held for another one to overtake.
    pub reordered: u64,
}

/// A cable with faults, the same for the same seed: the fate of a frame depends on the seed, its direction and how many
/// went before it in that direction, and on nothing else. So whoever runs it has to print the seed.
#[derive(Clone, Debug)]
pub struct Wire {
    faults: Faults,
    seed: u64,
    lanes: [Lane; 2],
    tally: Tally,
}

#[derive(Clone, Debug)]
struct Lane {
    random: Random,
    /// In the order of arrival; nothing arrives before what stands in front of it.
    queue: VecDeque<(Duration, Vec<u8>)>,
    /// Waits for the next frame to go ahead, at most until then.
    held: Option<(Duration, Vec<u8>)>,
}

impl Lane {
    fn new(seed: u64) -> Self {
        Self {
            random: Random::new(seed),
            queue: VecDeque::new(),
            held: None,
        }
    }

    fn push(&mut self, due: Duration, frame: Vec<u8>) {
        let due = self.queue.back().map_or(due, |(last, _)| due.max(*last));
        self.queue.push_back((due, frame));
    }

    fn next_timeout(&self) -> Option<Duration> {
        let queued = self.queue.front().map(|(due, _)| *due);
        let held = self.held.as_ref().map(|(until, _)| *until);
        queued.into_iter().chain(held).min()
    }
}

impl Wire {
    /// A cable that does nothing to frames.
    #[must_use]
    pub fn perfect() -> Self {
        Self::new(0, Faults::none())
    }

    /// A cable with the faults of [`Faults::lossy`].
    #[must_use]
    pub fn lossy(seed: u64) -> Self {
        Self::new(seed, Faults::lossy())
    }

    /// A cable with these faults.
    #[must_use]
    pub fn new(seed: u64, faults: Faults) -> Self {
        Self {
            faults,
            seed,
            // Two sequences that have nothing to do with each other.
            lanes: [Lane::new(seed), Lane::new(!seed.rotate_left(32))],
            tally: Tally::default(),
        }
    }

    /// What decides the faults.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// What it did so far.
    #[must_use]
    pub fn tally(&self) -> Tally {
        self.tally
    }

    /// A frame is put in at one end.
    pub fn send(&mut self, now: Duration, direction: Direction, frame: Vec<u8>) {
        let Faults {
            drop,
            delay,
            shortest,
            longest,
            duplicate,
            reorder,
            hold,
        } = self.faults;
        let lane = &mut self.lanes[lane(direction)];
        // Every frame draws the same numbers whatever comes out of them: the fates of later frames stay where they are
        // when a probability is changed.
        let dropped = lane.random.per_mille(drop);
        let delayed = lane.random.per_mille(delay);
        let extra = between(shortest, longest, lane.random.next());
        let doubled = lane.random.per_mille(duplicate);
        let reordered = lane.random.per_mille(reorder);
        if dropped {
            self.tally.dropped += 1;
            return;
        }
        let due = if delayed {
            self.tally.delayed += 1;
            now.saturating_add(extra)
        } else {
            now
        };
        if reordered && lane.held.is_none() {
            self.tally.reordered += 1;
            lane.held = Some((due.saturating_add(hold), frame));
            return;
        }
        if doubled {
            self.tally.duplicated += 1;
            lane.push(due, frame.clone());
        }
        lane.push(due, frame);
        if let Some((_, overtaken)) = lane.held.take() {
            lane.push(due, overtaken);
        }
    }

    /// The next frame that arrives at the other end by now.
    pub fn poll(&mut self, now: Duration, direction: Direction) -> Option<Vec<u8>> {
        let lane = &mut self.lanes[lane(direction)];
        if let Some((until, frame)) = lane.held.take_if(|(until, _)| *until <= now) {
            lane.push(until, frame);
        }
        let (due, _) = lane.queue.front()?;
        if *due > now {
            return None;
        }
        let (_, frame) = lane.queue.pop_front()?;
        Some(frame)
    }

    /// When the next frame arrives, in either direction.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Duration> {
        self.lanes.iter().filter_map(Lane::next_timeout).min()
    }
}

fn lane(direction: Direction) -> usize {
    match direction {
        Direction::ToPeer => 0,
        Direction::ToGuest => 1,
    }
}

fn between(shortest: Duration, longest: Duration, random: u64) -> Duration {
    let span = u64::try_from(longest.saturating_sub(shortest).as_micros()).unwrap_or(u64::MAX);
    shortest.saturating_add(Duration::from_micros(random % span.saturating_add(1)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use Direction::{ToGuest, ToPeer};

    const SEED: u64 = 0x5eed;

    fn frame(n: u16) -> Vec<u8> {
        n.to_be_bytes().to_vec()
    }

    /// Sends so many frames, one a millisecond, and gives each with its time of arrival.
    fn run(mut wire: Wire, direction: Direction, frames: u16) -> (Vec<(Duration, u16)>, Tally) {
        println!("seed {:#x}", wire.seed());
        let mut arrived = Vec::new();
        let mut n = 0;
        for millis in 0..u64::from(frames) + 1000 {
            let now = Duration::from_millis(millis);
            if n < frames {
                wire.send(now, direction, frame(n));
                n += 1;
            }
            while let Some(frame) = wire.poll(now, direction) {
                let number = u16::from_be_bytes([frame[0], frame[1]]);
                arrived.push((now, number));
            }
        }
        assert_eq!(wire.next_timeout(), None, "nothing is left on the wire");
        (arrived, wire.tally())
    }

    #[test]
    fn a_perfect_wire_keeps_time_and_order() {
        let (arrived, tally) = run(Wire::perfect(), ToPeer, 100);
        let sent: Vec<_> = (0..100u16)
            .map(|n| (Duration::from_millis(n.into()), n))
            .collect();
        assert_eq!(arrived, sent);
        assert_eq!(tally, Tally::default());
    }

    #[test]
    fn the_same_seed_does_the_same_and_another_one_does_not() {
        let of = |seed| run(Wire::lossy(seed), ToGuest, 1000).0;
        assert_eq!(of(SEED), of(SEED));
        assert_ne!(of(SEED), of(SEED + 1));
    }

    #[test]
    fn one_direction_does_not_change_the_fates_of_the_other() {
        let alone = run(Wire::lossy(SEED), ToPeer, 300).0;
        let mut wire = Wire::lossy(SEED);
        for _ in 0..77 {
            wire.send(Duration::ZERO, ToGuest, frame(0));
        }
        while wire.poll(Duration::MAX, ToGuest).is_some() {}
        assert_eq!(run(wire, ToPeer, 300).0, alone);
    }

    #[test]
    fn faults_come_as_often_as_asked() {
        let (_, tally) = run(Wire::lossy(SEED), ToPeer, 10_000);
        assert!((400..600).contains(&tally.dropped), "{tally:?}");
        assert!((850..1050).contains(&tally.delayed), "{tally:?}");
        assert!((60..140).contains(&tally.duplicated), "{tally:?}");
        assert!((200..350).contains(&tally.reordered), "{tally:?}");
    }

    #[test]
    fn a_delay_alone_changes_no_order_and_loses_nothing() {
        let faults = Faults {
            delay: 500,
            reorder: 0,
            drop: 0,
            duplicate: 0,
            ..Faults::lossy()
        };
        let (arrived, tally) = run(Wire::new(SEED, faults), ToPeer, 500);
        let numbers: Vec<_> = arrived.iter().map(|(_, n)| *n).collect();
        assert_eq!(numbers, (0..500).collect::<Vec<_>>());
        assert!(tally.delayed > 200);
    }

    #[test]
    fn a_held_frame_is_overtaken_by_one_or_let_go_in_the_end() {
        let faults = Faults {
            reorder: 1000,
            hold: Duration::from_millis(20),
            ..Faults::none()
        };
        let mut wire = Wire::new(SEED, faults);
        wire.send(Duration::ZERO, ToPeer, frame(0));
        assert_eq!(wire.poll(Duration::ZERO, ToPeer), None);
        wire.send(Duration::ZERO, ToPeer, frame(1));
        assert_eq!(wire.poll(Duration::ZERO, ToPeer), Some(frame(1)));
        assert_eq!(wire.poll(Duration::ZERO, ToPeer), Some(frame(0)));
        wire.send(Duration::ZERO, ToPeer, frame(2));
        let released = Duration::from_millis(20);
        assert_eq!(wire.next_timeout(), Some(released));
        assert_eq!(wire.poll(released, ToPeer), Some(frame(2)));
    }

    #[test]
    fn a_doubled_frame_comes_twice() {
        let faults = Faults {
            duplicate: 1000,
            ..Faults::none()
        };
        let (arrived, _) = run(Wire::new(SEED, faults), ToGuest, 2);
        let numbers: Vec<_> = arrived.iter().map(|(_, n)| *n).collect();
        assert_eq!(numbers, [0, 0, 1, 1]);
    }
}
