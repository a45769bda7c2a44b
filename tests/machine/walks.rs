//! Whole trees, from every kind of server.

use imds_core::{Event, Fault as Broken};
use imds_mock::{Mock, Profile, Tree};
use imds_tests::{Machine, config};

use crate::common::{ALL, assert_whole, ec2};

#[test]
fn one_event_at_a_time_the_tree_is_the_same() {
    let mut world = Machine::<4>::new(ec2(), config());
    let op = world.start_walk("/latest/", ALL).unwrap();
    let result = world.run_in_turns(op);
    let walked = world.walked(op, result);
    assert_whole(&world, &walked);
    assert_eq!(world.puts(), 1);
}

#[test]
fn a_wide_and_deep_tree_loses_no_directory_however_many_lanes_read_it() {
    fn deep<const LANES: usize>() {
        let mut tree = Tree::new();
        for n in 0..1000 {
            let (a, b, c) = (n / 100, n / 10 % 10, n % 10);
            tree.insert(&format!("meta-data/a{a}/b{b}/c{c}/leaf"), "x");
        }
        let mut world = Machine::<LANES>::new(Mock::new(Profile::Ec2).tree(tree), config());
        let op = world.start_walk("/latest/meta-data/", ALL).unwrap();
        let result = world.run_in_turns(op);
        let walked = world.walked(op, result);
        assert_eq!(walked.missing, [], "{LANES} lanes");
        assert_eq!(walked.leaves.len(), 1000, "{LANES} lanes");
    }
    deep::<1>();
    deep::<8>();
    deep::<32>();
    deep::<64>();
}

#[test]
fn a_local_rule_against_connecting_is_not_tried_twice() {
    let mut world = Machine::<1>::new(ec2(), config());
    world
        .network
        .connect
        .set(Some(Event::Failed(Broken::Denied)));
    let walked = world.walk("/latest/", ALL);
    assert_eq!(walked.exit_code(), 7);
    assert_eq!(world.network.connects.get(), 1);
}

#[test]
fn a_connection_that_is_refused_is_tried_three_times() {
    let mut world = Machine::<1>::new(ec2(), config());
    let refused = Event::Failed(Broken::Refused);
    world.network.connect.set(Some(refused));
    assert_eq!(world.walk("/latest/", ALL).exit_code(), 7);
    assert_eq!(world.network.connects.get(), 3);
}
