//! However bytes are cut, and however little memory there is, a tree is the same tree.

use imds_core::walk::Why;
use imds_core::{Error, What};
use imds_mock::{Fault, Mock, Profile, Tree};
use imds_tests::{Machine, Random, Walked, config};

use crate::common::{
    ALL, SMALL_READS, assert_whole, each_seed, ec2, ec2_with, generous, leaves, names, small,
    start_walk, troubled,
};

#[test]
fn bytes_in_pieces_of_every_size_make_the_same_tree() {
    for piece in [1, 2, 3, 7, 13, 64, 100, 999, 1460, 4096] {
        for mock in [ec2(), Mock::new(Profile::Ec2Legacy)] {
            let mut world = Machine::<2>::new(mock, config());
            world.network.piece.set(piece);
            let walked = world.walk("/latest/", ALL);
            assert_whole(&world, &walked);
            assert_eq!(world.puts(), 1);
        }
    }
}

#[test]
fn chunks_in_pieces_of_every_size_make_the_same_tree() {
    for piece in [1, 2, 5, 333, 1024] {
        for size in [1, 16, 1000] {
            let mock = ec2_with(small().with("user-data", vec![9; 3000]));
            let mock = mock.fault(Fault::any().chunks_of(size));
            let mut world = Machine::<2, 1024>::new(mock, config());
            world.network.piece.set(piece);
            let walked = world.walk("/latest/", ALL);
            assert_whole(&world, &walked);
            assert_eq!(world.gets(), SMALL_READS + 1);
        }
    }
}

/// The mock's own tree in a window of this size.
fn window<const WINDOW: usize>() -> Walked {
    let mut world = Machine::<2, WINDOW>::new(ec2(), config());
    let walked = world.walk("/latest/", ALL);
    assert!(world.log().len() < 400, "a bounded number of requests");
    walked
}

#[test]
fn every_window_that_holds_a_head_gives_the_same_tree() {
    fn whole<const WINDOW: usize>() {
        let walked = window::<WINDOW>();
        assert_eq!(walked.missing, [], "window of {WINDOW}");
        assert_eq!(walked.sorted(), leaves(&ec2(), "/latest/"));
    }
    whole::<512>();
    whole::<600>();
    whole::<601>();
    whole::<607>();
    whole::<640>();
    whole::<700>();
    whole::<1000>();
    whole::<1460>();
    whole::<2048>();
    whole::<4096>();
    whole::<5000>();
    whole::<20_000>();
}

#[test]
fn a_window_too_small_is_said_by_name() {
    fn too_small<const WINDOW: usize>(what: What) {
        let walked = window::<WINDOW>();
        let expected = Error::TooLarge(what);
        let named = walked.result == Err(expected)
            || walked
                .missing
                .iter()
                .all(|m| m.why == Why::Failed(expected));
        assert!(named, "window of {WINDOW}: {walked:?}");
        // A request that does not fit is our own fault.
        if what != What::Request {
            assert_eq!(walked.exit_code(), 9);
        }
    }
    too_small::<1>(What::Request);
    too_small::<64>(What::Request);
    too_small::<150>(What::Request);
    too_small::<200>(What::Head);
}

#[test]
fn every_window_gives_leaves_of_the_tree_or_names_what_is_too_large() {
    fn any<const WINDOW: usize>() {
        let walked = window::<WINDOW>();
        let tree = leaves(&ec2(), "/latest/");
        for leaf in &walked.leaves {
            assert!(tree.contains(leaf), "window of {WINDOW}: {}", leaf.0);
        }
        for missed in &walked.missing {
            assert!(
                matches!(missed.why, Why::Failed(Error::TooLarge(_))),
                "window of {WINDOW}: {missed:?}"
            );
        }
        if let Err(error) = walked.result {
            assert!(matches!(error, Error::TooLarge(_)), "window of {WINDOW}");
        }
    }
    any::<160>();
    any::<180>();
    any::<220>();
    any::<240>();
    any::<256>();
    any::<280>();
    any::<300>();
    any::<320>();
    any::<340>();
    any::<360>();
    any::<400>();
    any::<450>();
}

/// The mock's own tree in an arena of this size.
fn arena<const ARENA: usize, const LANES: usize>() {
    let mut world = Machine::<LANES, 2048, ARENA>::new(ec2(), config());
    let walked = world.walk("/latest/", ALL);
    assert!(world.log().len() < 4000, "a bounded number of requests");
    let tree = leaves(&world.mock(), "/latest/");
    for leaf in &walked.leaves {
        assert!(tree.contains(leaf), "arena of {ARENA}: {}", leaf.0);
    }
    assert!(
        walked.result.is_ok(),
        "arena of {ARENA}: {:?}",
        walked.result
    );
    for missed in &walked.missing {
        let named = Why::Failed(Error::TooLarge(What::Frontier));
        assert_eq!(missed.why, named, "arena of {ARENA}: {}", missed.path);
    }
    if walked.missing.is_empty() {
        assert_eq!(names(&walked.sorted()), names(&tree), "arena of {ARENA}");
    } else {
        assert!(ARENA < 512, "an arena of {ARENA} is large enough");
    }
}

#[test]
fn every_arena_gives_the_same_tree_or_names_what_does_not_fit() {
    fn sizes<const LANES: usize>() {
        arena::<0, LANES>();
        arena::<1, LANES>();
        arena::<20, LANES>();
        arena::<40, LANES>();
        arena::<60, LANES>();
        arena::<80, LANES>();
        arena::<100, LANES>();
        arena::<120, LANES>();
        arena::<150, LANES>();
        arena::<180, LANES>();
        arena::<200, LANES>();
        arena::<230, LANES>();
        arena::<256, LANES>();
        arena::<300, LANES>();
        arena::<350, LANES>();
        arena::<400, LANES>();
        arena::<500, LANES>();
        arena::<512, LANES>();
        arena::<700, LANES>();
        arena::<1024, LANES>();
        arena::<2048, LANES>();
        arena::<65_536, LANES>();
    }
    sizes::<1>();
    sizes::<2>();
    sizes::<5>();
}

#[test]
fn a_directory_much_wider_than_the_arena_is_walked_whole() {
    let mut tree = Tree::new();
    for n in 0..300 {
        tree.insert(&format!("meta-data/tags/instance/tag-number-{n}"), "v");
        if n % 50 == 0 {
            tree.insert(&format!("meta-data/d{n}/deep/er/leaf"), "w");
        }
    }
    fn whole<const LANES: usize>(tree: &Tree) {
        let mut world = Machine::<LANES, 1024, 600>::new(ec2_with(tree.clone()), config());
        let walked = world.walk("/latest/", ALL);
        assert_whole(&world, &walked);
        let rereads = world.gets_of("/latest/meta-data/tags/instance/");
        assert!(rereads > 1 && rereads < 60, "{rereads}");
    }
    whole::<1>(&tree);
    whole::<3>(&tree);
    whole::<8>(&tree);
}

#[test]
fn a_listing_that_changes_while_it_is_read_again_gives_what_it_can() {
    let names: Vec<String> = (0..80).map(|n| format!("name-{n:02}")).collect();
    let mut tree = Tree::new();
    for name in &names {
        tree.insert(&format!("meta-data/{name}"), "v");
    }
    let mut world = Machine::<1, 1024, 300>::new(ec2_with(tree), config());
    let walk = world.start_walk("/latest/meta-data/", ALL).unwrap();
    for n in 0.. {
        if let Some(result) = world.take_ended(walk) {
            let walked = world.walked(walk, result);
            // A name that went between its listing and its turn is absent; no node comes twice.
            assert!(walked.leaves.len() + walked.missing.len() <= 80);
            assert!(walked.leaves.len() > 20);
            return;
        }
        if n % 30 == 29 {
            world
                .mock()
                .data_mut()
                .remove(&format!("meta-data/{}", names[(n / 30) % 80]));
        }
        assert!(world.turn(0) || world.take_ended(walk).is_none());
        assert!(n < 100_000);
    }
}

/// One random world.
fn random_run(seed: u64) {
    let mut random = Random::new(seed);
    let mock = troubled(seed, &mut random);
    let piece = random.pick(&[1, 2, 3, 7, 50, 536, 1460, usize::MAX]);
    let looks = random.one_in(2);
    let turns = random.one_in(2);
    match random.below(4) {
        0 => run_it(
            Machine::<1, 700, 600>::new(mock, generous(seed)),
            piece,
            looks,
            turns,
        ),
        1 => run_it(
            Machine::<2, 1024, 8192>::new(mock, generous(seed)),
            piece,
            looks,
            turns,
        ),
        2 => run_it(
            Machine::<4, 4096, 500>::new(mock, generous(seed)),
            piece,
            looks,
            turns,
        ),
        _ => run_it(
            Machine::<8, 2048, 2000>::new(mock, generous(seed)),
            piece,
            looks,
            turns,
        ),
    }
}

fn run_it<const L: usize, const W: usize, const A: usize>(
    mut world: Machine<L, W, A>,
    piece: usize,
    looks: bool,
    turns: bool,
) {
    world.network.piece.set(piece);
    world.network.looks.set(looks);
    let op = start_walk(&mut world);
    let result = if turns {
        world.run_in_turns(op)
    } else {
        world.run(op)
    };
    let walked = world.walked(op, result);
    assert_eq!(walked.missing, []);
    assert!(walked.result.is_ok(), "{:?}", walked.result);
    assert_eq!(walked.sorted(), leaves(&world.mock(), "/latest/"));
}

#[test]
fn random_worlds_give_their_whole_trees() {
    each_seed(0, 60, random_run);
}
