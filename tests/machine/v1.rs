//! Reads without a token: never unasked, never after silence, never for long.

use imds_mock::{Mock, Profile};
use imds_tests::Machine;

use crate::common::{ID, seconds, start_get, with_v1};

#[test]
fn the_five_minutes_count_from_the_request_not_from_when_its_answer_was_read() {
    let mut world = Machine::<1>::new(Mock::new(Profile::V1Only), with_v1());
    let op = start_get(&mut world, ID);
    // Connected, and the token request is out; then the driver is away for long.
    while world.puts() == 0 {
        world.turn(0);
    }
    world.pass(seconds(299));
    world.turn(0);
    world.client.cancel(op);
    assert!(world.get(ID).unwrap().is_some());
    assert!(world.client.session().is_v1());
    assert_eq!(world.puts(), 1);
    world.pass(seconds(2));
    assert!(world.get(ID).unwrap().is_some());
    assert_eq!(world.puts(), 2);
}
