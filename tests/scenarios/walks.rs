//! Whole trees, from every kind of server.

use imds_core::walk::Why;
use imds_core::{Error, Event, Fault as Broken, Peer, Phase, Reason};
use imds_mock::{Fault, Mock, Profile, Tokens, Tree};
use imds_tests::{Random, Walked, World, config};

use crate::common::{
    ALL, AMI, SMALL_READS, assert_whole, attempts, each_seed, ec2, ec2_with, generous, leaves,
    millis, names, seconds, small, troubled, walk_small, with_v1,
};

const SERVING: [Profile; 3] = [Profile::Ec2, Profile::Ec2Legacy, Profile::Mmds];

fn whole<const LANES: usize>(mock: Mock) {
    let mut world = World::<LANES>::new(mock, config());
    let walked = world.walk("/latest/", ALL);
    assert_whole(&world, &walked);
    assert_eq!(world.puts(), 1, "one token for the whole walk");
    assert!(world.mock().peak_connections() <= LANES);
}

#[test]
fn every_server_that_has_tokens_gives_its_whole_tree() {
    for profile in SERVING {
        for tokens in [Tokens::Required, Tokens::Optional] {
            whole::<1>(Mock::new(profile).tokens(tokens));
            whole::<4>(Mock::new(profile).tokens(tokens));
            whole::<8>(Mock::new(profile).tokens(tokens));
        }
    }
}

#[test]
fn every_server_gives_its_whole_tree_however_it_keeps_connections() {
    for profile in SERVING {
        whole::<1>(Mock::new(profile).always_close(true));
        whole::<4>(Mock::new(profile).always_close(true));
        whole::<1>(Mock::new(profile).never_close(true));
        whole::<4>(Mock::new(profile).never_close(true));
    }
}

#[test]
fn a_server_that_keeps_connections_sees_one_for_each_lane() {
    assert_eq!(walk_small::<1>(ec2(), config()).mock().connections(), 1);
    assert!(walk_small::<4>(ec2(), config()).mock().connections() <= 4);
}

#[test]
fn a_server_that_closes_sees_one_connection_for_each_request() {
    let world = walk_small::<1>(ec2().always_close(true), config());
    assert_eq!(world.mock().connections(), 1 + SMALL_READS as u64);
}

#[test]
fn each_request_is_made_once() {
    let world = walk_small::<1>(ec2(), config());
    let mut targets: Vec<_> = world.log().into_iter().map(|e| e.path).collect();
    targets.sort();
    assert_eq!(
        targets,
        [
            "/latest/",
            "/latest/api/token",
            "/latest/meta-data/",
            "/latest/meta-data/ami-id",
            "/latest/meta-data/iam/",
            "/latest/meta-data/iam/info",
            "/latest/meta-data/mac",
        ]
    );
}

/// One walk of `/latest/` that cannot succeed: its exit code, and the error or the one report.
fn fails<const LANES: usize>(mock: Mock, v1: bool) -> (World<LANES>, Walked) {
    let config = if v1 { with_v1() } else { config() };
    let mut world = World::<LANES>::new(mock, config);
    let walked = world.walk("/latest/", ALL);
    assert_eq!(walked.leaves, [], "nothing from a server like this");
    (world, walked)
}

fn fails_with<const LANES: usize>(profile: Profile, tokens: Tokens) {
    let mock = || Mock::new(profile).tokens(tokens);
    let (error, code) = match profile {
        Profile::Disabled => (Error::Peer(Peer::TurnedOff), 5),
        Profile::HopLimited => (Error::Timeout(Reason::TokenReply), 6),
        Profile::V1Only => (Error::Peer(Peer::NoTokens(404)), 9),
        Profile::V1Only405 | Profile::Html405 => (Error::Peer(Peer::NoTokens(405)), 9),
        Profile::Html => (Error::Peer(Peer::NoTtl), 9),
        Profile::Ec2 | Profile::Ec2Legacy | Profile::Mmds | _ => panic!("{profile} serves"),
    };
    let (world, walked) = fails::<LANES>(mock(), false);
    assert_eq!(walked.result, Err(error), "{profile}");
    assert_eq!(walked.exit_code(), code, "{profile}");
    assert_eq!(world.gets(), 0, "{profile}: no read without a token");
    assert_eq!(world.puts(), 1, "{profile}: said once, it is believed");
}

#[test]
fn a_server_without_tokens_fails_a_walk_with_its_cause() {
    for profile in Profile::ALL {
        if !SERVING.contains(&profile) {
            for tokens in [Tokens::Required, Tokens::Optional] {
                fails_with::<1>(profile, tokens);
                fails_with::<4>(profile, tokens);
            }
        }
    }
}

#[test]
fn a_hop_limit_that_is_too_small_shows_after_a_second() {
    for v1 in [false, true] {
        let (world, walked) = fails::<4>(Mock::new(Profile::HopLimited), v1);
        assert_eq!(walked.result, Err(Error::Timeout(Reason::TokenReply)));
        assert_eq!(world.network.now.get(), seconds(1));
        assert_eq!(world.puts(), 1);
    }
}

#[test]
fn a_hop_limit_that_ends_in_a_reset_is_no_other_cause() {
    let mock = Mock::new(Profile::HopLimited).reset_after(millis(300));
    let (_, walked) = fails::<1>(mock, false);
    assert_eq!(walked.exit_code(), 6);
}

#[test]
fn a_refused_connection_is_unreachable() {
    let mut world = World::<4>::new(ec2(), config());
    let refused = Event::Failed(Broken::Refused);
    world.network.connect.set(Some(refused));
    let walked = world.walk("/latest/", ALL);
    let error = Error::Transport(Phase::Connect, Broken::Refused);
    assert_eq!(walked.result, Err(error));
    assert_eq!(walked.exit_code(), 7);
}

#[test]
fn a_connection_that_never_stands_is_unreachable() {
    let mut world = World::<4>::new(ec2(), config());
    world.network.connect.set(Some(Event::Blocked));
    let walked = world.walk("/latest/", ALL);
    assert_eq!(walked.result, Err(Error::Timeout(Reason::Connect)));
    assert_eq!(walked.exit_code(), 7);
    let took = world.network.now.get();
    assert!(took >= millis(750) && took <= millis(900), "{took:?}");
}

#[test]
fn firecracker_has_no_public_keys_and_all_else() {
    let mut world = World::<1>::new(Mock::new(Profile::Mmds), config());
    let walked = world.walk("/latest/", ALL);
    assert_whole(&world, &walked);
    assert!(walked.paths().iter().all(|p| !p.contains("public-keys")));
    assert!(walked.value("/latest/user-data").is_some());
    assert_eq!(world.mock().connections(), 1, "it never closes");
}

#[test]
fn a_number_in_firecracker_is_reported_and_its_siblings_come() {
    let tree = Tree::from_json(r#"{"meta-data": {"a": "1", "count": 3, "z": "2"}}"#).unwrap();
    let mut world = World::<1>::new(Mock::new(Profile::Mmds).tree(tree), config());
    let walked = world.walk("/latest/", ALL);
    assert_eq!(
        names(&walked.sorted()),
        ["/latest/meta-data/a", "/latest/meta-data/z"]
    );
    assert_eq!(walked.missing.len(), 1);
    assert_eq!(walked.missing[0].path, "/latest/meta-data/count");
    assert_eq!(
        walked.missing[0].why,
        Why::Failed(Error::Peer(Peer::Status(501)))
    );
    assert_eq!(world.gets_of("/latest/meta-data/count"), 1, "501 is final");
}

#[test]
fn all_versions_have_the_same_tree() {
    let mut world = World::<1>::new(ec2_with(small()), config());
    let walked = world.walk("/", ALL);
    assert_eq!(walked.missing, []);
    let listed = world.list("/").unwrap().unwrap();
    assert_eq!(walked.leaves.len(), 3 * listed.len());
    assert_eq!(world.puts(), 1);
}

#[test]
fn a_walk_is_depth_first_in_the_order_of_the_listings() {
    let mut world = World::<1>::new(ec2(), config());
    let walked = world.walk("/latest/", ALL);
    let expected: Vec<_> = world.mock().data().leaves().map(|(p, _)| p).collect();
    assert_eq!(walked.paths(), expected);
}

#[test]
fn a_part_of_the_tree_can_be_walked() {
    for start in [
        "/latest/meta-data/network/",
        "/latest/meta-data/network",
        "/latest/meta-data/network/interfaces/macs/",
        "/latest/dynamic",
        "/latest/meta-data/tags/instance/",
    ] {
        let mut world = World::<2>::new(ec2(), config());
        let walked = world.walk(start, ALL);
        let below = format!("{}/", start.trim_end_matches('/'));
        assert_eq!(walked.sorted(), leaves(&world.mock(), &below), "{start}");
        assert_eq!(walked.missing, [], "{start}");
    }
}

#[test]
fn an_empty_leaf_is_delivered_empty() {
    let mut world = World::<1>::new(ec2(), config());
    let walked = world.walk("/latest/meta-data/tags/", ALL);
    assert_eq!(
        walked.value("/latest/meta-data/tags/instance/empty"),
        Some(&b""[..])
    );
}

#[test]
fn a_node_that_vanished_is_absent_and_ends_nothing() {
    let mock = ec2().fault(Fault::on("GET", "/latest/meta-data/mac").status(404));
    let mut world = World::<1>::new(mock.tree(small()), config());
    let walked = world.walk("/latest/", ALL);
    assert_eq!(
        walked.paths(),
        ["/latest/meta-data/ami-id", "/latest/meta-data/iam/info"]
    );
    assert_eq!(walked.missing.len(), 1);
    assert_eq!(walked.missing[0].why, Why::Absent);
    assert_eq!(walked.exit_code(), 0);
}

#[test]
fn a_node_that_is_forbidden_is_reported_and_ends_nothing() {
    let mock = ec2().fault(Fault::below("GET", "/latest/meta-data/iam/").status(403));
    let mut world = World::<1>::new(mock.tree(small()), config());
    let walked = world.walk("/latest/", ALL);
    assert_eq!(walked.leaves.len(), 2);
    assert_eq!(walked.missing.len(), 1);
    assert_eq!(walked.missing[0].path, "/latest/meta-data/iam/");
    assert_eq!(walked.exit_code(), 5);
}

#[test]
fn a_server_with_few_connections_gives_its_whole_tree() {
    for limit in 1..=3 {
        // Lanes that run side by side take the connections from each other for a while.
        let mut world = World::<8>::new(ec2().max_connections(limit), attempts(6));
        let walked = world.walk("/latest/", ALL);
        assert_whole(&world, &walked);
    }
}

#[test]
fn a_get_inside_the_loop_over_a_walk_completes() {
    fn inside<const LANES: usize>(mock: Mock) {
        let mut world = World::<LANES>::new(mock, config());
        let (walked, got) = world.walk_with("/latest/", ALL, AMI);
        assert_whole(&world, &walked);
        let least = walked.leaves.len() / (1 + LANES);
        assert!(got.len() >= least, "{} gets", got.len());
        let value = world.mock().data().leaf(AMI);
        assert!(got.into_iter().all(|got| got == Ok(value.clone())));
        assert_eq!(world.puts(), 1);
    }
    for close in [false, true] {
        inside::<1>(ec2().always_close(close));
        inside::<4>(ec2().always_close(close));
    }
}

#[test]
fn a_walk_given_up_at_any_node_harms_nothing_that_comes_after() {
    fn left<const LANES: usize>(mock: fn() -> Mock) {
        let ended = (0..20).find(|&nodes| {
            let mut world = World::<LANES>::new(mock(), config());
            let ended = world.leave_walk("/latest/", ALL, nodes);
            assert!(world.get(AMI).unwrap().is_some(), "after {nodes} nodes");
            let walked = world.walk("/latest/", ALL);
            assert_whole(&world, &walked);
            assert_eq!(world.puts(), 1, "after {nodes} nodes");
            ended
        });
        // There are three nodes, and who pushes them ends with the last one.
        assert!(matches!(ended, Some(3 | 4)), "{ended:?}");
    }
    left::<1>(|| ec2_with(small()));
    left::<4>(|| ec2_with(small()).always_close(true));
}

#[test]
fn random_worlds_with_troubles_that_pass_give_their_whole_trees() {
    fn whole<const L: usize, const W: usize, const A: usize>(seed: u64, mock: Mock) {
        let mut world = World::<L, W, A>::new(mock, generous(seed));
        let walked = world.walk("/latest/", ALL);
        assert_eq!(walked.missing, []);
        assert!(walked.result.is_ok(), "{:?}", walked.result);
        assert_eq!(walked.sorted(), leaves(&world.mock(), "/latest/"));
    }
    each_seed(0, 40, |seed| {
        let mut random = Random::new(seed);
        let mock = troubled(seed, &mut random);
        match random.below(4) {
            0 => whole::<1, 700, 600>(seed, mock),
            1 => whole::<2, 1024, 8192>(seed, mock),
            2 => whole::<4, 4096, 500>(seed, mock),
            _ => whole::<8, 2048, 2000>(seed, mock),
        }
    });
}
