//! Bounds on what a server can make the client take, do and wait.

use core::time::Duration;

use imds_core::config::{Limits, Pace, Timeouts};
use imds_core::{Cause, Config, Error, Event, Instant, Reason, What};
use imds_mock::{Fault, Mock};
use imds_tests::{Machine, config};

use crate::common::{
    ALL, AMI, ID, META, ec2, ec2_with, leaves, names, seconds, small, start_get, start_walk,
};

fn limits(change: impl FnOnce(&mut Limits)) -> Config {
    let mut settings = config();
    change(&mut settings.limits);
    settings
}

#[test]
fn a_listing_that_repeats_itself_and_outgrows_the_arena_is_no_endless_walk() {
    let once: String = (0..100).map(|n| format!("name-{n}\n")).collect();
    let mock = ec2()
        .fault(Fault::on("GET", META).body(once.repeat(3)))
        .fault(Fault::below("GET", META).body("v"));
    let mut world = Machine::<1, 2048, 300>::new(mock, limits(|l| l.nodes = 500));
    let op = world.start_walk(META, ALL).expect("room for a walk");
    let result = world.run(op);
    assert!(
        matches!(result, Ok(_) | Err(Error::TooLarge(What::Nodes))),
        "{result:?}"
    );
    assert!(world.gets() < 700, "{}", world.gets());
}

#[test]
fn lines_that_are_no_names_are_bounded_like_names() {
    for line in ["", "..", "a/b", "\t"] {
        let lines = format!("{line}\n").repeat(50_000);
        let mock = ec2().fault(Fault::on("GET", META).body(lines));
        let mut world = Machine::<1>::new(mock, limits(|l| l.nodes = 500));
        let op = start_walk(&mut world);
        // Turn by turn, because an endless walk takes no time that could run out.
        let ended = (0..100_000).any(|_| {
            world.turn(0);
            world.take_ended(op).is_some()
        });
        assert!(ended, "{line:?}: after {} requests", world.log().len());
        let (_, missing) = world.gathered.take_walk(op);
        assert!(missing.len() <= 502, "{line:?}: {} reports", missing.len());
    }
}

/// Instants of requests, token requests aside.
fn times<const LANES: usize>(world: &Machine<LANES>) -> Vec<Duration> {
    let log = world.log();
    log.iter()
        .filter(|e| e.method == "GET")
        .map(|e| e.at)
        .collect()
}

#[track_caller]
fn assert_paced(times: &[Duration], pace: Pace) {
    for (i, start) in times.iter().enumerate() {
        for (n, at) in times[i..].iter().enumerate() {
            let elapsed = (*at - *start).as_secs_f64();
            let most = f64::from(pace.burst) + elapsed * f64::from(pace.per_second) + 1e-6;
            assert!((n + 1) as f64 <= most, "{} requests in {elapsed} s", n + 1);
        }
    }
}

fn paced<const LANES: usize>(pace: Pace, mock: Mock, turns: bool) -> Machine<LANES> {
    let settings = Config {
        pace: Some(pace),
        ..config()
    };
    let mut world = Machine::<LANES>::new(mock, settings);
    let op = start_walk(&mut world);
    let result = if turns {
        world.run_in_turns(op)
    } else {
        world.run(op)
    };
    let walked = world.walked(op, result);
    assert_eq!(walked.missing, []);
    assert_eq!(
        names(&walked.sorted()),
        names(&leaves(&world.mock(), "/latest/"))
    );
    assert_paced(&times(&world), pace);
    world
}

#[test]
fn a_walk_keeps_its_pace() {
    for (burst, per_second) in [(1, 10), (4, 20), (16, 100), (96, 96)] {
        let pace = Pace { burst, per_second };
        for turns in [false, true] {
            for close in [false, true] {
                let mock = || ec2().always_close(close);
                let world = paced::<1>(pace, mock(), turns);
                // And it uses what it may.
                let reads = world.gets() as f64 - f64::from(burst);
                let least = (reads / f64::from(per_second)).max(0.0);
                let took = world.network.now.get().as_secs_f64();
                assert!(took <= least + 0.2, "{took} s for {least} s");
                paced::<8>(pace, mock(), turns);
            }
        }
    }
}

#[test]
fn attempts_are_paced_like_all_else() {
    let fault = Fault::on("GET", "/latest/meta-data/").times(2).status(503);
    let pace = Pace {
        burst: 1,
        per_second: 2,
    };
    paced::<2>(pace, ec2_with(small()).fault(fault), false);
}

#[test]
fn gets_are_not_paced() {
    let settings = Config {
        pace: Some(Pace {
            burst: 1,
            per_second: 1,
        }),
        ..config()
    };
    let mut world = Machine::<1>::new(ec2(), settings);
    let walk = world.start_walk("/latest/", ALL).unwrap();
    world.drive();
    for _ in 0..10 {
        world.get(ID).unwrap().unwrap();
    }
    assert_eq!(world.network.now.get(), Duration::ZERO);
    world.client.cancel(walk);
}

#[test]
fn a_get_beside_a_walk_ends_with_its_own_deadline() {
    let fault = Fault::token().status(429).header("Retry-After", "20");
    let mut world = Machine::<1>::new(ec2().fault(fault), config());
    let walk = start_walk(&mut world);
    let get = start_get(&mut world, AMI);
    assert_eq!(world.run(get).unwrap_err().cause(), Cause::Throttled);
    assert!(world.network.now.get() <= seconds(5));
    assert_eq!(world.run(walk).unwrap_err().cause(), Cause::Throttled);
}

#[test]
fn a_value_nobody_takes_ends_with_the_deadline() {
    let mut world = Machine::<1>::new(ec2(), config());
    let get = start_get(&mut world, AMI);
    world.gathered.stubborn = true;
    assert_eq!(world.run(get), Err(Error::Timeout(Reason::Operation)));
    assert_eq!(world.network.now.get(), seconds(5));
    world.gathered.stubborn = false;
    world.drive();
    assert!(!world.heard_of(get));
    assert!(world.get(ID).unwrap().is_some());
}

#[test]
fn every_deadline_says_what_it_waits_for() {
    let reason_after = |mock: Mock, connect, walk: bool| {
        let settings = Config {
            pace: Some(Pace {
                burst: 1,
                per_second: 1,
            }),
            timeouts: Timeouts {
                operation: None,
                ..config().timeouts
            },
            ..config()
        };
        let mut world = Machine::<1>::new(mock, settings);
        world.network.connect.set(connect);
        if walk {
            world.start_walk(META, ALL).unwrap();
        } else {
            start_get(&mut world, AMI);
        }
        world.drive();
        world.client.deadline(0)
    };
    let at = |ms, reason| Some((Instant::from_millis(ms), reason));
    assert_eq!(
        reason_after(ec2(), Some(Event::Blocked), false),
        at(250, Reason::Connect)
    );
    assert_eq!(
        reason_after(ec2().fault(Fault::token().stall()), None, false),
        at(1000, Reason::TokenReply)
    );
    assert_eq!(
        reason_after(ec2().fault(Fault::on("GET", AMI).stall()), None, false),
        at(1000, Reason::FirstByte)
    );
    assert_eq!(
        reason_after(
            ec2().fault(Fault::on("GET", AMI).stall_in_body(1)),
            None,
            false
        ),
        at(1000, Reason::BodyIdle)
    );
    let later = Fault::on("GET", AMI).status(503).header("Retry-After", "7");
    assert_eq!(
        reason_after(ec2().fault(later), None, false),
        at(7000, Reason::Backoff)
    );
    assert_eq!(reason_after(ec2(), None, true), at(1000, Reason::Pace));
    let mut world = Machine::<1>::new(
        ec2().fault(Fault::on("GET", AMI).status(503).header("Retry-After", "5")),
        config(),
    );
    start_get(&mut world, AMI);
    world.drive();
    let (at, _) = world.client.deadline(0).unwrap();
    assert_eq!(at, Instant::from_millis(5000));
}

#[test]
fn nothing_to_do_is_no_deadline() {
    let mut world = Machine::<2>::new(ec2(), config());
    world.drive();
    assert_eq!(world.client.next_deadline(), None);
    world.get(ID).unwrap().unwrap();
    world.drive();
    assert_eq!(
        world.client.next_deadline(),
        None,
        "a kept token needs no waking"
    );
}
