//! Runs simulated worlds, one for each seed, and says what was done in them.

use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::collections::BTreeMap;
use std::io::IsTerminal as _;
use std::process::ExitCode;
use std::sync::Mutex;
use std::time::Instant;

use imds_tests::sim::{Failure, Report, check};

const USAGE: &str = "\
usage: simulate [--from SEED] [--seeds COUNT] [--threads COUNT] [--all]
       simulate --seed SEED

Runs a world for each seed, 1000 from 0 unless told otherwise, on all cores. One that breaks a rule
ends the run with status 1: its seed is told, the rule, and the shortest script that breaks one.

--all  goes on after a failure, and tells one seed of each kind of failure.
";

struct Options {
    from: u64,
    seeds: u64,
    threads: usize,
    all: bool,
}

/// Seeds that fail alike.
struct Alike {
    count: u64,
    /// The least of them, so that two runs tell the same.
    seed: u64,
    failure: Box<Failure>,
}

fn options() -> Result<Options, String> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut options = Options {
        from: 0,
        seeds: 1000,
        threads: cores,
        all: false,
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        if matches!(&*name, "-h" | "--help") {
            return Err(String::new());
        }
        if name == "--all" {
            options.all = true;
            continue;
        }
        let value = arguments.next();
        let value = value.ok_or_else(|| format!("{name} wants a number"))?;
        let number = || {
            value
                .parse()
                .map_err(|_| format!("{name} wants a number, not {value}"))
        };
        match &*name {
            "--from" => options.from = number()?,
            "--seeds" => options.seeds = number()?,
            "--seed" => (options.from, options.seeds) = (number()?, 1),
            "--threads" => options.threads = usize::try_from(number()?.max(1)).unwrap_or(1),
            _ => return Err(format!("there is no {name}")),
        }
    }
    Ok(options)
}

fn main() -> ExitCode {
    let options = match options() {
        Ok(options) => options,
        Err(why) if why.is_empty() => {
            print!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        Err(why) => {
            eprintln!("simulate: {why}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    // What panics is told below, with its script.
    std::panic::set_hook(Box::new(|_| {}));
    let began = Instant::now();
    let next = AtomicU64::new(0);
    let stop = AtomicBool::new(false);
    let total = Mutex::new((Report::default(), 0_u64));
    // By the words of the rule before any detail.
    let failed: Mutex<BTreeMap<String, Alike>> = Mutex::default();
    let progress = std::io::stderr().is_terminal();
    std::thread::scope(|scope| {
        for _ in 0..options.threads {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let n = next.fetch_add(1, Ordering::Relaxed);
                    if n >= options.seeds {
                        break;
                    }
                    let seed = options.from.wrapping_add(n);
                    match check(seed) {
                        Ok(report) => {
                            let mut total = total.lock().expect("no panic while it is held");
                            total.0.add(&report);
                            total.1 += 1;
                            if progress && total.1.is_multiple_of(1000) {
                                eprint!("\r{} of {} seeds", total.1, options.seeds);
                            }
                        }
                        Err(failure) => {
                            stop.store(!options.all, Ordering::Relaxed);
                            let mut failed = failed.lock().expect("no panic while it is held");
                            let kind = failure
                                .why
                                .split([':', ',', '\n'])
                                .next()
                                .unwrap_or_default();
                            let alike = failed.entry(kind.to_owned()).or_insert(Alike {
                                count: 0,
                                seed,
                                failure: failure.clone(),
                            });
                            alike.count += 1;
                            if seed < alike.seed {
                                (alike.seed, alike.failure) = (seed, failure);
                            }
                        }
                    }
                }
            });
        }
    });
    if progress {
        eprint!("\r\x1b[K");
    }
    let failed = failed.into_inner().expect("no panic while it is held");
    for alike in failed.values() {
        tell(alike.seed, &alike.failure);
        if options.all {
            println!("seeds that fail so: {}\n", alike.count);
        }
    }
    if !failed.is_empty() {
        return ExitCode::FAILURE;
    }
    let (report, seeds) = total.into_inner().expect("no panic while it is held");
    summarise(&report, seeds, options.from, began);
    ExitCode::SUCCESS
}

fn tell(seed: u64, failure: &Failure) {
    println!("seed {seed}: {}", failure.why);
    println!(
        "the shortest script that still fails, after {} tries:",
        failure.tries
    );
    print!("{}", failure.script);
    if failure.still != failure.why {
        println!("which says: {}", failure.still);
    }
    println!("once more: cargo run --profile proof -p imds-tests --bin simulate -- --seed {seed}");
}

fn summarise(report: &Report, seeds: u64, from: u64, began: Instant) {
    println!(
        "worlds: {seeds} seeds from {from}, 0 violations, {:.1} s",
        began.elapsed().as_secs_f64()
    );
    println!(
        "operations: {} brought something, {} absent, {} failed for a cause that was seen",
        report.values, report.absent, report.errors
    );
    println!(
        "requests: {}, in {:.1} virtual days",
        report.requests,
        report.time.as_secs_f64() / 86_400.0
    );
    // In brackets: what was asked of clients.
    let (asked, faults): (Vec<_>, Vec<_>) = report
        .struck
        .iter()
        .partition(|(what, _)| what.starts_with('('));
    let sum: u64 = faults.iter().map(|(_, count)| **count).sum();
    println!("faults: {sum} of {} kinds", faults.len());
    for (what, count) in faults.into_iter().chain(asked) {
        println!("{count:>10}  {what}");
    }
}
