//! Futures that are dropped, at any await.

use core::pin::pin;

use crate::*;

#[test]
fn a_get_is_dropped_at_every_await() {
    for profile in [Profile::Ec2, Profile::Mmds] {
        for polls in 0.. {
            let mut guest = Guest::new(Mock::new(profile));
            let mut resources = guest.resources::<2>();
            let mut client = guest.client(&mut resources, config());
            let ended = {
                let mut memory = [0; 64];
                let get = pin!(client.get("/latest/meta-data/ami-id", &mut memory));
                guest.poll(get, polls).is_some()
            };
            guest.read_id(&mut client);
            guest.read_id(&mut client);
            assert!(
                guest.link.peer().counters().token_puts <= 2,
                "after {polls}"
            );
            assert!(guest.now() < Duration::from_millis(1), "no time was lost");
            if ended {
                assert!(polls >= 4, "some awaits: {polls}");
                break;
            }
        }
    }
}

/// The same where the time-outs and the pauses are.
#[test]
fn a_get_in_trouble_is_dropped_at_every_await() {
    for trouble in [
        Trouble::token().times(2).stall(),
        Trouble::token().times(2).status(503),
        Trouble::any().times(3).reset_before_reply(),
        Trouble::on("GET", ID).times(2).stall_in_body(3),
        Trouble::on("GET", ID).times(1).status(401),
    ] {
        for polls in 0.. {
            let mut guest = Guest::new(ec2().fault(trouble.clone()));
            let mut resources = guest.resources::<1>();
            let mut client = guest.client(&mut resources, config());
            let ended = {
                let mut memory = [0; 64];
                let get = pin!(client.get(ID, &mut memory));
                guest.poll(get, polls).is_some()
            };
            guest.link.peer_mut().mock_mut().clear_faults();
            guest.read_id(&mut client);
            if ended {
                break;
            }
        }
    }
}

#[test]
fn no_node_is_lost_when_a_next_is_dropped_at_every_await() {
    let expected = leaves(&ec2());
    for lanes in [1, 3] {
        for polls in [1, 2, 3, 5] {
            let found = match lanes {
                1 => dropping_nexts::<1>(polls),
                _ => dropping_nexts::<3>(polls),
            };
            println!("{lanes} lanes, {polls} polls");
            assert_same(&found, &expected);
        }
    }
}

/// Walks with futures that are polled so often and then dropped.
fn dropping_nexts<const LANES: usize>(polls: usize) -> BTreeMap<String, Vec<u8>> {
    let mut guest = Guest::new(ec2());
    let mut resources = guest.resources::<LANES>();
    let mut client = guest.client(&mut resources, config());
    let mut memory = vec![0; 64 * 1024];
    let mut walk = client
        .walk("/latest/", options(), &mut memory)
        .expect("a path");
    let mut found = BTreeMap::new();
    for _ in 0..100_000 {
        let next = pin!(walk.next());
        match guest.poll(next, polls) {
            None => {}
            Some(Ok(Some(imds_embassy::Node::Leaf { path, value, .. }))) => {
                assert_eq!(found.insert(path.to_owned(), value.to_vec()), None);
            }
            Some(Ok(None)) => return found,
            Some(Ok(Some(_))) => panic!("a node without a value"),
            Some(Err(error)) => panic!("{error}"),
        }
    }
    panic!("a walk that does not end");
}

#[test]
fn a_walk_that_is_dropped_leaves_the_client_usable() {
    for nodes in [0, 1, 7] {
        let mut guest = Guest::new(ec2());
        let mut resources = guest.resources::<3>();
        let mut client = guest.client(&mut resources, config());
        let mut memory = vec![0; 64 * 1024];
        let mut walk = client
            .walk("/latest/", options(), &mut memory)
            .expect("a path");
        for _ in 0..nodes {
            assert!(guest.run(walk.next()).expect("a node").is_some());
        }
        drop(walk);
        guest.read_id(&mut client);
        let (found, _) = guest.walk(&mut client, "/latest/").expect("a tree");
        assert_same(&found, &leaves(&ec2()));
    }
}

#[test]
fn a_walk_whose_nodes_are_pushed_may_be_dropped() {
    for polls in 0..40 {
        let mut guest = Guest::new(ec2());
        let mut resources = guest.resources::<3>();
        let mut client = guest.client(&mut resources, config());
        {
            let mut store = guest::Store::default();
            let walk = pin!(client.walk_into("/latest/", options(), &mut store));
            assert!(guest.poll(walk, polls).is_none());
        }
        guest.read_id(&mut client);
    }
}

/// What is left on the wire of a get that was dropped is not taken for the next answer.
#[test]
fn a_get_whose_answer_was_under_way_is_not_mixed_with_the_next() {
    let slow = Trouble::on("GET", "/latest/meta-data/ami-id").stall_in_body(4);
    let mut guest = Guest::new(ec2().fault(slow));
    let mut resources = guest.resources::<1>();
    let mut client = guest.client(&mut resources, config());
    {
        let mut memory = [0; 64];
        let get = pin!(client.get("/latest/meta-data/ami-id", &mut memory));
        assert!(guest.poll(get, 12).is_none());
    }
    guest.read_id(&mut client);
}

/// Nobody can keep a future from being leaked; then nothing of it ends by itself.
#[test]
fn a_walk_goes_on_when_a_get_in_the_middle_of_it_was_leaked() {
    let mut guest = Guest::new(ec2());
    let mut resources = guest.resources::<1>();
    let mut client = guest.client(&mut resources, config());
    let mut memory = vec![0; 64 * 1024];
    let mut walk = client
        .walk("/latest/", options(), &mut memory)
        .expect("a path");
    let mut found = BTreeMap::new();
    while let Some(node) = guest.run(walk.next()).expect("a node") {
        let imds_embassy::Node::Leaf { path, value, .. } = node else {
            panic!("a node without a value");
        };
        assert_eq!(found.insert(path.to_owned(), value.to_vec()), None);
        let mut memory = [0; 64];
        let mut get = Box::pin(walk.get(ID, &mut memory));
        assert!(guest.poll(get.as_mut(), 1).is_none());
        core::mem::forget(get);
    }
    assert_same(&found, &leaves(&ec2()));
}
