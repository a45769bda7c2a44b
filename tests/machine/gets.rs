//! One value, one listing.

use imds_tests::Machine;

use crate::common::{ID, attempts, ec2, seconds};

#[test]
fn where_nobody_can_look_a_closed_connection_costs_no_attempt() {
    let mut world = Machine::<1>::new(ec2(), attempts(1));
    world.network.looks.set(false);
    for _ in 1..5 {
        assert!(world.get(ID).unwrap().is_some());
        world.hang_up();
        world.pass(seconds(60));
    }
    assert_eq!(world.client.session().counters().retries, 0);
    assert_eq!(world.mock().connections(), 4);
}
