//! Which client it is makes no difference. The other scenarios are run over one front at a time;
//! these here over all, always.

use core::cell::Cell;
use core::time::Duration;

use imds_core::Config;
use imds_core::config::Target;
use imds_mock::{Exchange, Fault};
use imds_tests::{Front, World, config};

use crate::common::{ALL, AMI, ID, assert_whole, ec2, ec2_with, seconds, small};

/// Every front gives the same.
#[track_caller]
fn same<T: PartialEq + core::fmt::Debug>(what: &str, run: impl Fn(Front) -> T) {
    let expected = run(Front::Memory);
    for front in Front::ALL {
        assert_eq!(run(front), expected, "{what}, over {}", front.name());
    }
}

#[test]
fn the_whole_list_is_run_over_every_front() {
    let run = include_str!("../run");
    for front in Front::ALL {
        // Without a name in the environment it is the first one.
        let named = run.contains(&format!(" {}", front.name()));
        assert!(named || front == Front::ALL[0], "{}", front.name());
    }
}

#[test]
fn a_walk_makes_the_same_requests_over_every_front() {
    same("a walk", |front| {
        let mut world = World::<1>::over(front, ec2(), config());
        let walked = world.walk("/latest/", ALL);
        assert_whole(&world, &walked);
        (walked.leaves, world.log())
    });
}

/// Also what it took: a network without latency costs no time.
#[test]
fn an_answer_that_fails_ends_in_the_same_way_over_every_front() {
    type Fails = fn(Fault) -> Fault;
    let fails: [(&str, Fails); 9] = [
        ("reset before the reply", Fault::reset_before_reply),
        ("close before the reply", Fault::close_before_reply),
        ("reset in the head", |fault| fault.reset_after(20)),
        ("close in the head", |fault| fault.close_after(20)),
        ("stall", Fault::stall),
        ("stall in the head", |fault| fault.stall_after(20)),
        ("dribble", Fault::dribble),
        ("not now", |fault| fault.status(503)),
        ("late", |fault| fault.delay(seconds(60))),
    ];
    // Every front has the same chance.
    let settings = Config {
        seed: 1,
        ..config()
    };
    for (name, fail) in fails {
        for times in [1, 9] {
            let took = Cell::new(None);
            same(&format!("{name}, {times} times"), |front| {
                let fault = fail(Fault::on("GET", ID)).times(times);
                let mut world = World::<1>::over(front, ec2().fault(fault), settings.clone());
                let ended = world.get(ID);
                let now = world.network.now.get();
                let least = took.get().unwrap_or(now);
                took.set(Some(least));
                // Three answers, and two pauses between them.
                assert!(least <= now && now <= least + 5 * front.slack(), "{now:?}");
                let mut log = world.log();
                log.iter_mut().for_each(|e| e.at = Duration::ZERO);
                (ended, log)
            });
        }
    }
}

#[test]
fn a_connection_that_the_server_closed_costs_at_most_a_request_over_every_front() {
    same("a hang-up", |front| {
        let mut world = World::<1>::over(front, ec2(), config());
        assert!(world.get(ID).unwrap().is_some());
        world.hang_up();
        assert!(world.get(AMI).unwrap().is_some());
        assert_eq!(world.counters().retries, 0);
        let connections = world.mock().connections();
        (connections, world.puts(), world.gets())
    });
}

#[test]
fn an_address_that_refuses_is_passed_over_by_every_front() {
    same("two addresses", |front| {
        let auto = Config {
            target: Target::Auto,
            ..config()
        };
        let mut world = World::<2>::over(front, ec2_with(small()), auto);
        world.network.second.set(true);
        assert!(world.get(ID).unwrap().is_none(), "the small tree has none");
        assert!(world.get(AMI).unwrap().is_some());
        let host = |e: &Exchange| e.header("host").map(str::to_owned);
        let hosts: Vec<_> = world.log().iter().map(host).collect();
        assert_eq!(hosts, vec![Some("[fd00:ec2::254]".to_owned()); 3]);
        // A stack on Ethernet looks for one neighbour in a second.
        if front != Front::EmbassyNet {
            assert_eq!(world.network.now.get(), Duration::ZERO);
        }
    });
}
