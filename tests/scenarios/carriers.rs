//! What carries the bytes makes no difference. The other scenarios are run over one carrier at a
//! time, as `IMDS_NETWORK` says; these here over all, always.

use imds_core::Config;
use imds_core::config::Target;
use imds_mock::Fault;
use imds_tests::{Carrier, World, config};

use crate::common::{ALL, AMI, ID, assert_whole, ec2, ec2_with, seconds, small};

const CARRIERS: [Carrier; 2] = [Carrier::Memory, Carrier::Smoltcp];

#[test]
fn a_walk_makes_the_same_requests_over_every_carrier() {
    let [memory, smoltcp] = CARRIERS.map(|carrier| {
        let mut world = World::<1>::over(carrier, ec2(), config());
        let walked = world.walk("/latest/", ALL);
        assert_whole(&world, &walked);
        (walked.leaves, world.log())
    });
    assert_eq!(memory, smoltcp);
}

/// Also what it took: a network without latency costs no time.
#[test]
fn an_answer_that_fails_ends_in_the_same_way_over_every_carrier() {
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
    for (name, fail) in fails {
        for times in [1, 9] {
            let [memory, smoltcp] = CARRIERS.map(|carrier| {
                let fault = fail(Fault::on("GET", ID)).times(times);
                let mut world = World::<1>::over(carrier, ec2().fault(fault), config());
                let ended = world.get(ID);
                (ended, world.log(), world.now())
            });
            assert_eq!(memory, smoltcp, "{name}, {times} times");
        }
    }
}

#[test]
fn a_connection_that_the_server_closed_costs_no_request_over_any_carrier() {
    for carrier in CARRIERS {
        let mut world = World::<1>::over(carrier, ec2(), config());
        assert!(world.get(ID).unwrap().is_some());
        world.hang_up();
        assert!(world.get(AMI).unwrap().is_some());
        assert_eq!(world.mock().connections(), 2, "{carrier:?}");
        assert_eq!((world.puts(), world.gets()), (1, 2), "{carrier:?}");
    }
}

#[test]
fn an_address_that_refuses_is_passed_over_by_every_carrier() {
    for carrier in CARRIERS {
        let auto = Config {
            target: Target::Auto,
            ..config()
        };
        let mut world = World::<2>::over(carrier, ec2_with(small()), auto);
        world.network.second.set(true);
        assert!(world.get(ID).unwrap().is_none(), "the small tree has none");
        assert!(world.get(AMI).unwrap().is_some());
        let log = world.log();
        assert!(
            log.iter()
                .all(|e| e.header("host") == Some("[fd00:ec2::254]"))
        );
    }
}
