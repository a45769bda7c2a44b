//! Days of an agent's life, one after the other for as long as one likes: a client of imds-tokio, a
//! mock in memory, a clock that only moves when nothing else can, and troubles of every kind. After
//! each day nothing may be left of it: no task, no connection, no byte.

mod agents;
mod day;
mod world;

use core::fmt;
use core::sync::atomic::{AtomicU32, Ordering};
use core::time::Duration;
use std::sync::Arc;
use std::time::Instant;

use imds_tests::heap::{self, Counting};

use self::day::Count;
use self::world::World;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const USAGE: &str = "usage: soak (--days N | --minutes N) [--seed N]";

/// What a day may end with beyond what the first one ended with. The server's table of live tokens
/// doubles when there are more of them than ever before; a byte lost with every operation is ten
/// times as much within a week.
const MARGIN: usize = 16 * 1024;

/// The present day, to be told if it fails.
static DAY: AtomicU32 = AtomicU32::new(0);

/// When to stop.
enum Until {
    Days(u32),
    Passed(Duration),
}

fn main() {
    let (until, seed) = arguments().unwrap_or_else(|wrong| {
        eprintln!("soak: {wrong}\n{USAGE}");
        std::process::exit(2);
    });
    println!("soak: --seed {seed}");
    let tell = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let day = DAY.load(Ordering::Relaxed);
        eprintln!("soak: day {day} of --seed {seed} failed");
        tell(panic);
    }));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime");
    runtime.block_on(soak(&until, seed));
}

fn arguments() -> Result<(Until, u64), String> {
    let (mut until, mut seed) = (None, 1);
    let mut arguments = std::env::args().skip(1);
    while let Some(flag) = arguments.next() {
        let value = arguments.next().and_then(|value| value.parse::<u32>().ok());
        let value = value.ok_or_else(|| format!("{flag} takes a number"))?;
        match flag.as_str() {
            "--days" => until = Some(Until::Days(value)),
            "--minutes" => until = Some(Until::Passed(Duration::from_secs(60) * value)),
            "--seed" => seed = value.into(),
            _ => return Err(format!("there is no flag {flag}")),
        }
    }
    Ok((until.ok_or("for how long?")?, seed))
}

async fn soak(until: &Until, seed: u64) {
    let world = World::new(seed);
    let client = world::client(&world, seed);
    let count = Arc::new(Count::default());
    let (began, mut told) = (Instant::now(), Instant::now());
    let mut heap = Heap::default();
    for day in 1.. {
        DAY.store(day, Ordering::Relaxed);
        day::pass(&world, &client, &count, seed.wrapping_add(day.into())).await;
        heap.look(day);
        let over = match until {
            Until::Days(days) => day >= *days,
            Until::Passed(time) => began.elapsed() >= *time,
        };
        if over || told.elapsed() >= Duration::from_secs(60) {
            told = Instant::now();
            let seconds = began.elapsed().as_secs();
            let troubles = world.troubles();
            println!("{seconds} s: {day} days, {count}, {heap}, troubles: {troubles}");
        }
        if over {
            return;
        }
    }
}

/// What the program held at the end of each day.
#[derive(Default)]
struct Heap {
    /// At the end of the first day.
    first: usize,
    /// The most at the end of a day.
    most: usize,
    now: usize,
}

impl Heap {
    fn look(&mut self, day: u32) {
        self.now = heap::held();
        self.most = self.most.max(self.now);
        if day == 1 {
            self.first = self.now;
        }
        assert!(
            self.now <= self.first + MARGIN,
            "memory grows: {} bytes after this day, {} after the first one",
            self.now,
            self.first
        );
    }
}

impl fmt::Display for Heap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "heap {} bytes (after the first day {}, most {})",
            self.now, self.first, self.most
        )
    }
}
