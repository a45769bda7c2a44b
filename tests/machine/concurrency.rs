//! Several things at once, and things that stop in the middle.

use imds_core::walk::{Options, Why};
use imds_core::{Error, Misuse, OpId, Peer, Reply, Want};
use imds_mock::{Fault, Tree};
use imds_tests::{Bare, Machine, config};

use crate::cancels::with_id;
use crate::common::{
    ALL, AMI, ID, assert_whole, attempts, ec2, ec2_with, found, leaves, millis, names, seconds,
    small, start_get, start_walk,
};

/// Walks until one leaf was taken, reads a value then, and goes on.
fn get_inside_a_walk<const LANES: usize>(turns: bool) {
    let mut world = Machine::<LANES>::new(ec2(), config());
    let walk = start_walk(&mut world);
    world.gathered.appetite = Some(1);
    world.drive();
    assert_eq!(world.gathered.count(walk), 1);
    assert_eq!(world.take_ended(walk), None, "the walk is not over");

    world.gathered.appetite = None;
    let get = start_get(&mut world, AMI);
    let before = world.gathered.count(walk);
    if turns {
        found(world.run_in_turns(get));
    } else {
        found(world.run(get));
    }
    assert!(world.gathered.take_value(get).is_some());
    assert!(world.gathered.count(walk) >= before);

    let result = world.run(walk);
    let walked = world.walked(walk, result);
    assert_whole(&world, &walked);
    assert_eq!(world.puts(), 1);
}

#[test]
fn a_get_inside_the_loop_over_a_walk_completes() {
    for turns in [false, true] {
        get_inside_a_walk::<1>(turns);
        get_inside_a_walk::<2>(turns);
        get_inside_a_walk::<8>(turns);
    }
}

#[test]
fn a_get_goes_before_the_rest_of_a_walk() {
    let mut world = Machine::<1>::new(ec2(), config());
    let walk = world.start_walk("/latest/", ALL).unwrap();
    world.gathered.appetite = Some(1);
    world.drive();
    let get = start_get(&mut world, ID);
    world.gathered.appetite = None;
    while world.take_ended(get).is_none() {
        assert!(world.turn(0), "it needs no time");
    }
    let count = world.gathered.count(walk);
    assert!(count <= 2, "only the leaf under way came before: {count}");
    world.gathered.take_value(get).unwrap();
    found_walk(world.run(walk));
}

fn found_walk(result: Result<Reply, Error>) {
    assert!(matches!(result, Ok(Reply::Walked(_))), "{result:?}");
}

#[test]
fn many_gets_are_served_by_few_lanes_in_their_order() {
    let mut world = Machine::<1>::new(ec2(), config());
    let ops: Vec<OpId> = [AMI, ID, "/latest/meta-data/mac", "/latest/user-data"]
        .into_iter()
        .map(|path| start_get(&mut world, path))
        .collect();
    let now = world.now();
    assert_eq!(
        world.client.get(now, ID),
        Err(Misuse::TooManyOperations),
        "four are what a client has room for"
    );
    for op in ops {
        found(world.run(op));
        assert!(world.gathered.take_value(op).is_some());
    }
    let targets: Vec<_> = world.log().into_iter().skip(1).map(|e| e.path).collect();
    assert_eq!(
        targets,
        [AMI, ID, "/latest/meta-data/mac", "/latest/user-data"]
    );
}

#[test]
fn a_second_walk_is_refused_by_name() {
    let mut world = Machine::<2>::new(ec2(), config());
    let walk = world.start_walk("/latest/", ALL).unwrap();
    assert_eq!(
        world.start_walk("/latest/dynamic/", ALL),
        Err(Misuse::TooManyWalks)
    );
    world.drive();
    found_walk(world.run(walk));
    world.gathered.forget(walk);
    let walked = world.walk("/latest/dynamic/", ALL);
    assert_eq!(
        walked.sorted(),
        leaves(&world.mock(), "/latest/dynamic/"),
        "after the first there is room again"
    );
}

#[test]
fn two_walks_at_once_bring_both_trees() {
    fn both<const LANES: usize>() {
        let mut bare = Bare::<LANES, 2>::new(ec2(), config());
        let now = bare.now();
        let dynamic = bare.session.walk(now, "/latest/dynamic/", ALL).unwrap();
        let data = bare.session.walk(now, "/latest/meta-data", ALL).unwrap();
        let third = bare.session.walk(now, "/latest/", ALL);
        assert_eq!(third, Err(Misuse::TooManyWalks));
        for (op, prefix) in [(data, "/latest/meta-data/"), (dynamic, "/latest/dynamic/")] {
            found_walk(bare.run(op));
            let (mut got, missing) = bare.gathered.take_walk(op);
            got.sort();
            assert_eq!(missing, []);
            let expected = leaves(&bare.network.mock.borrow(), prefix);
            assert_eq!(names(&got), names(&expected), "{LANES} lanes");
        }
    }
    both::<1>();
    both::<2>();
    both::<4>();
    both::<8>();
}

#[test]
fn a_paused_walk_holds_no_lane() {
    let mut bare = Bare::<1, 2>::new(ec2(), config());
    let now = bare.now();
    let paused = bare.session.walk(now, "/latest/", ALL).unwrap();
    bare.gathered.appetite = Some(3);
    bare.drive();
    bare.session.pause(paused);
    bare.gathered.appetite = None;
    bare.drive();
    let count = bare.gathered.count(paused);

    assert!(bare.get(ID).unwrap().is_some());
    let other = bare.session.walk(now, "/latest/dynamic/", ALL).unwrap();
    found_walk(bare.run(other));
    assert_eq!(bare.gathered.count(paused), count, "it rests meanwhile");

    bare.session.resume(paused);
    found_walk(bare.run(paused));
    let (got, _) = bare.gathered.take_walk(paused);
    assert_eq!(got.len(), leaves(&ec2(), "/latest/").len());
}

#[test]
fn a_walk_that_pauses_while_a_node_waits_for_another_attempt_holds_no_lane() {
    let fault = Fault::on("GET", "/latest/meta-data/mac").times(1);
    let mock = ec2_with(small()).fault(fault.status(503).header("Retry-After", "20"));
    let mut bare = Bare::<1, 2>::new(mock, config());
    let now = bare.now();
    let paused = bare.session.walk(now, "/latest/", ALL).unwrap();
    bare.drive();
    assert_eq!(bare.gathered.count(paused), 2, "all but the throttled one");
    bare.session.pause(paused);

    let other = bare
        .session
        .walk(now, "/latest/meta-data/iam", ALL)
        .unwrap();
    let done = (0..1000).any(|_| {
        bare.drive();
        bare.gathered.count(other) == 1 || !bare.step()
    });
    assert!(done && bare.gathered.count(other) == 1);
    found_walk(bare.run(other));
    bare.session.resume(paused);
    found_walk(bare.run(paused));
    assert_eq!(bare.gathered.take_walk(paused).0.len(), 3);
}

#[test]
fn while_one_node_waits_for_another_attempt_a_second_walk_goes_on() {
    let fault = Fault::on("GET", "/latest/meta-data/mac").times(1);
    let mock = ec2_with(small()).fault(fault.status(503).header("Retry-After", "20"));
    let mut bare = Bare::<1, 2>::new(mock, config());
    let now = bare.now();
    let first = bare.session.walk(now, "/latest/", ALL).unwrap();
    bare.drive();
    let second = bare
        .session
        .walk(now, "/latest/meta-data/iam", ALL)
        .unwrap();
    found_walk(bare.run(second));
    assert!(bare.network.now.get() < seconds(20), "it need not wait");
    found_walk(bare.run(first));
}

#[test]
fn a_stubborn_taker_stops_everything_and_loses_nothing() {
    fn stubborn<const LANES: usize>() {
        let mut world = Machine::<LANES>::new(ec2(), config());
        let walk = world.start_walk("/latest/", ALL).unwrap();
        world.gathered.stubborn = true;
        world.drive();
        let requests = world.log().len();
        assert!(!world.gathered.heard_of(walk));
        for _ in 0..20 {
            world.drive();
            world.pass(seconds(60));
        }
        assert_eq!(world.log().len(), requests, "what lanes hold is enough");
        world.gathered.stubborn = false;
        let result = world.run(walk);
        let walked = world.walked(walk, result);
        assert_eq!(walked.missing, []);
        assert_eq!(walked.leaves.len(), leaves(&world.mock(), "/latest/").len());
        assert_eq!(world.puts(), 1);
    }
    stubborn::<1>();
    stubborn::<2>();
    stubborn::<8>();
}

#[test]
fn a_taker_of_one_chunk_at_a_time_gets_the_same_tree() {
    let mut world = Machine::<3, 700>::new(ec2(), config());
    let walk = world.start_walk("/latest/", ALL).unwrap();
    let result = loop {
        world.gathered.appetite = Some(1);
        world.drive();
        if let Some(result) = world.take_ended(walk) {
            break result;
        }
    };
    let walked = world.walked(walk, result);
    assert_whole(&world, &walked);
}

#[test]
fn a_lane_abandoned_with_the_token_request_strands_nobody() {
    let mock = ec2().fault(Fault::token().times(1).stall());
    let mut bare = Bare::<2, 1>::new(mock, config());
    let now = bare.now();
    let op = bare.session.get(now, ID).unwrap();
    bare.drive_lane(0);
    assert!(bare.session.is_wanted(&bare.lanes[0]), "it has the PUT");
    bare.session.abandon(&mut bare.lanes[0]);
    assert!(bare.session.take_changed(), "the others are to look again");
    bare.drive_lane(1);
    bare.drive();
    found(bare.run(op));
    assert_eq!(bare.network.now.get(), millis(0), "nobody waited");
}

#[test]
fn a_lane_abandoned_at_any_event_strands_nobody() {
    for (pieces, step) in [(usize::MAX, 1), (100, 1), (1, 67)] {
        for k in (0..).step_by(step) {
            let mut bare = Bare::<2, 1>::new(ec2_with(with_id()), config());
            bare.network.piece.set(pieces);
            let now = bare.now();
            let walk = bare.session.walk(now, "/latest/meta-data", ALL).unwrap();
            let get = bare.session.get(now, AMI).unwrap();
            if !bare.turns(k) {
                break;
            }
            bare.session.abandon(&mut bare.lanes[0]);
            found(bare.run(get));
            found_walk(bare.run(walk));
            assert_eq!(bare.gathered.take_walk(walk).0.len(), 4);
            assert_eq!(bare.gathered.take_value(get).unwrap(), b"ami-1");
        }
    }
}

#[test]
fn a_leaf_whose_failure_was_not_told_begins_anew_and_says_so() {
    let big: Vec<u8> = (0..20_000u32).map(|n| n.to_le_bytes()[0]).collect();
    let mock = ec2_with(Tree::new().with("meta-data/big", big.clone()));
    let broken = Fault::on("GET", "/latest/meta-data/big").times(1);
    let mut bare = Bare::<1, 1>::new(mock.fault(broken.reset_in_body(10_000)), attempts(1));
    let now = bare.now();
    let walk = bare.session.walk(now, "/latest/", ALL).unwrap();
    while !matches!(bare.lanes[0].poll(), Some(Want::Missing(_))) {
        assert!(bare.turns(1), "a leaf that breaks");
        let now = bare.now();
        let lane = &mut bare.lanes[0];
        while bare.session.serve(now, lane) && lane.poll().is_none() {}
    }
    bare.session.abandon(&mut bare.lanes[0]);
    found_walk(bare.run(walk));
    assert_eq!(bare.gathered.restarts(walk), 1);
    assert_eq!(bare.gathered.take_walk(walk).0[0].1, big);
}

#[test]
fn what_is_left_out_is_not_read_because_its_lane_was_abandoned() {
    let mut bare = Bare::<1, 1>::new(ec2(), config());
    let now = bare.now();
    let options = Options::default();
    let walk = bare.session.walk(now, "/latest/", options).expect("room");
    let mut abandoned = 0;
    while bare.turns(1) {
        let now = bare.now();
        let lane = &mut bare.lanes[0];
        while bare.session.serve(now, lane) && lane.poll().is_none() {}
        if abandoned < 3 && matches!(bare.lanes[0].poll(), Some(Want::Missing(_))) {
            bare.session.abandon(&mut bare.lanes[0]);
            abandoned += 1;
        }
    }
    assert_eq!(abandoned, 3);
    found_walk(bare.run(walk));
    let (leaves, missing) = bare.gathered.take_walk(walk);
    let secret = |path: &str| path.contains("security-credentials");
    let read = leaves.iter().find(|leaf| secret(&leaf.0));
    assert_eq!(read.map(|leaf| &leaf.0), None);
    assert!(missing.iter().any(|missed| secret(&missed.path)));
}

#[test]
fn a_leaf_abandoned_in_its_middle_begins_anew_and_says_so() {
    let big: Vec<u8> = (0..20_000u32).map(|n| n.to_le_bytes()[0]).collect();
    let mock = || ec2_with(Tree::new().with("meta-data/big", big.clone()));

    let mut bare = Bare::<1, 1>::new(mock(), config());
    let now = bare.now();
    let walk = bare.session.walk(now, "/latest/", ALL).unwrap();
    bare.gathered.appetite = Some(2);
    bare.drive();
    bare.session.abandon(&mut bare.lanes[0]);
    bare.gathered.appetite = None;
    found_walk(bare.run(walk));
    assert_eq!(bare.gathered.restarts(walk), 1);
    assert_eq!(bare.gathered.take_walk(walk).0[0].1, big);

    let mut bare = Bare::<1, 1>::new(mock(), config());
    let get = bare.session.get(now, "/latest/meta-data/big").unwrap();
    bare.gathered.appetite = Some(2);
    bare.drive();
    bare.session.abandon(&mut bare.lanes[0]);
    bare.gathered.appetite = None;
    found(bare.run(get));
    assert_eq!(bare.gathered.restarts(get), 1);
    assert_eq!(bare.gathered.take_value(get).unwrap(), big);
}

#[test]
fn leaves_of_a_walk_never_mingle() {
    // The gatherer checks it: between the first and last chunk of a leaf no other may come.
    let mut tree = Tree::new();
    for n in 0..12u8 {
        tree.insert(
            &format!("meta-data/d{}/leaf{n}", n % 3),
            vec![n; 3000 + usize::from(n) * 777],
        );
    }
    for piece in [usize::MAX, 1000, 100] {
        let mut world = Machine::<6, 1024>::new(ec2_with(tree.clone()), config());
        world.network.piece.set(piece);
        let op = world.start_walk("/latest/", ALL).unwrap();
        let result = world.run_in_turns(op);
        let walked = world.walked(op, result);
        assert_whole(&world, &walked);
    }
}

#[test]
fn only_one_lane_offers_a_leaf_at_a_time() {
    let tree = Tree::new()
        .with("meta-data/a-short", "1")
        .with("meta-data/b-long", vec![2; 5000])
        .with("meta-data/c-short", "3");
    let mut world = Machine::<3, 1024>::new(ec2_with(tree), config());
    let op = world.start_walk("/latest/", ALL).unwrap();
    world.gathered.stubborn = true;
    // Each lane as far as it comes while nobody takes anything.
    for _ in 0..1000 {
        (0..3).for_each(|lane| {
            world.turn(lane);
        });
    }
    let now = world.now();
    let offers = (0..3)
        .filter(|lane| matches!(world.client.poll(now, *lane), Want::Leaf(_)))
        .count();
    assert_eq!(offers, 1);
    world.gathered.stubborn = false;
    let result = world.run_in_turns(op);
    let walked = world.walked(op, result);
    assert_whole(&world, &walked);
}

#[test]
fn a_leaf_that_breaks_in_the_middle_keeps_its_turn() {
    let tree = Tree::new()
        .with("meta-data/a", vec![1; 5000])
        .with("meta-data/b", vec![2; 5000])
        .with("meta-data/c", vec![3; 5000]);
    let mut mock = ec2_with(tree);
    for leaf in ["a", "b", "c"] {
        let path = format!("/latest/meta-data/{leaf}");
        mock.push_fault(Fault::on("GET", &path).times(2).reset_in_body(4000));
    }
    let mut world = Machine::<3, 1024>::new(mock, config());
    let op = world.start_walk("/latest/", ALL).unwrap();
    let result = world.run_in_turns(op);
    let restarts = world.gathered.restarts(op);
    let walked = world.walked(op, result);
    assert_whole(&world, &walked);
    assert_eq!(restarts, 6, "every break was told");
}

#[test]
fn a_leaf_that_breaks_for_good_is_reported_and_its_chunks_are_void() {
    let tree = Tree::new()
        .with("meta-data/a", vec![1; 5000])
        .with("meta-data/b", "2");
    let fault = Fault::on("GET", "/latest/meta-data/a").close_in_body(4000);
    let mut world = Machine::<2, 1024>::new(ec2_with(tree).fault(fault), config());
    let walked = world.walk("/latest/", ALL);
    assert_eq!(walked.paths(), ["/latest/meta-data/b"]);
    assert_eq!(walked.missing.len(), 1);
    let truncated = Why::Failed(Error::Peer(Peer::Truncated));
    assert_eq!(walked.missing[0].why, truncated);
    assert_eq!(world.gets_of("/latest/meta-data/a"), 3);
}

#[test]
fn an_idle_lane_that_keeps_the_only_connection_starves_nobody() {
    let mut bare = Bare::<2, 1>::new(ec2().never_close(true).max_connections(1), config());
    let now = bare.now();
    let first = bare.session.get(now, ID).expect("room");
    bare.drive_lane(1);
    found(bare.run(first));
    assert!(bare.lanes[1].is_connected() && !bare.lanes[0].is_connected());
    assert!(bare.get(AMI).unwrap().is_some(), "whichever lane takes it");
    let walk = bare.session.walk(now, "/latest/", ALL).expect("room");
    found_walk(bare.run(walk));
    let (got, missing) = bare.gathered.take_walk(walk);
    assert_eq!(missing, []);
    assert_eq!(got.len(), leaves(&ec2(), "/latest/").len());
}
