//! Walks, and gets within them.

use crate::*;

#[test]
fn a_walk_gives_the_whole_tree() {
    for (profile, piece) in [
        (Profile::Ec2, 4096),
        (Profile::Ec2, 7),
        (Profile::Mmds, 100),
    ] {
        let net = Net::new(Mock::new(profile));
        net.piece.set(piece);
        let mut client = net.client();
        let mut memory = vec![0; 64 * 1024];
        let mut walk = client.walk("/latest/", options(), &mut memory).unwrap();
        let mut found = Vec::new();
        while let Some(node) = net.run(walk.next()).unwrap() {
            match node {
                Node::Leaf { path, value, .. } => found.push((path.to_owned(), value.to_vec())),
                Node::Missing(missing) => panic!("{missing:?}"),
                Node::TooLong { path, .. } => panic!("{path}"),
            }
        }
        let summary = walk.summary().expect("it is over");
        assert_eq!(summary.leaves as usize, found.len());
        assert_eq!(net.run(walk.next()).map(|node| node.is_none()), Ok(true));
        found.sort();
        assert_eq!(found, leaves(&net));
        assert_eq!(net.puts(), 1);
    }
}

#[test]
fn a_get_in_the_middle_of_a_walk() {
    let net = Net::new(ec2());
    let mut client = net.client_with(unpaced());
    let mut memory = vec![0; 64 * 1024];
    let mut walk = client.walk("/latest/", options(), &mut memory).unwrap();
    let mut found = Vec::new();
    while let Some(node) = net.run(walk.next()).unwrap() {
        let Node::Leaf { path, value, .. } = node else {
            panic!("all can be read");
        };
        found.push((path.to_owned(), value.to_vec()));
        let mut memory = [0; 64];
        let id = net.run(walk.get(ID, &mut memory));
        assert_eq!(id, Ok(Some(&leaf(&net, ID)[..])));
    }
    found.sort();
    assert_eq!(found, leaves(&net));
}

/// While the get pauses between two attempts the walk stands still: nobody takes its nodes.
#[test]
fn a_get_in_the_middle_of_a_walk_is_tried_again() {
    let net = Net::new(ec2().fault(Fault::on("GET", ID).times(2).status(503)));
    let mut client = net.client_with(unpaced());
    let mut memory = vec![0; 64 * 1024];
    let path = "/latest/dynamic/";
    let mut walk = client.walk(path, options(), &mut memory).unwrap();
    assert!(net.run(walk.next()).unwrap().is_some());
    let before = net.mock.borrow().log().len();
    let mut memory = [0; 64];
    let id = net.run(walk.get(ID, &mut memory));
    assert_eq!(id, Ok(Some(&leaf(&net, ID)[..])));
    // The one that the lane was at comes to its end first.
    assert_eq!(net.mock.borrow().log().len(), before + 1 + 3);
}

#[test]
fn nodes_without_a_value_are_reported_once_whatever_is_read_in_between() {
    let listing = "ami-id\n\n  \ninstance-id\n../x\ngone";
    let fault = || Fault::on("GET", "/latest/meta-data/").body(listing);
    let seen = |with_gets: bool| {
        let net = Net::new(ec2().fault(fault()));
        net.piece.set(40);
        let mut client = net.client();
        let mut memory = [0; 2048];
        let mut config = config();
        config.limits.value = 2048;
        let path = "/latest/meta-data/";
        let mut walk = client.walk(path, Options::default(), &mut memory).unwrap();
        let mut seen = Vec::new();
        while let Some(node) = net.run(walk.next()).unwrap() {
            seen.push(match node {
                Node::Leaf { path, .. } => path.to_owned(),
                Node::Missing(missing) => {
                    let name = String::from_utf8_lossy(missing.name);
                    format!("{} {name:?} {:?}", missing.path, missing.why)
                }
                Node::TooLong { path, .. } => panic!("{path}"),
            });
            if with_gets {
                let mut memory = [0; 64];
                let id = net.run(walk.get(ID, &mut memory));
                assert_eq!(id, Ok(Some(&leaf(&net, ID)[..])));
            }
        }
        seen.sort();
        seen
    };
    let expected = seen(false);
    assert!(expected.len() >= 5, "{expected:?}");
    assert_eq!(seen(true), expected);
}

#[test]
fn a_value_of_a_walk_that_is_too_long_for_its_memory_is_named() {
    let net = Net::new(ec2());
    let mut client = net.client();
    let mut memory = [0; 4];
    let mut walk = client.walk(ID, options(), &mut memory).unwrap();
    let node = net.run(walk.next()).unwrap();
    assert!(matches!(node, Some(Node::TooLong { path: ID, .. })));
    assert!(net.run(walk.next()).unwrap().is_none());
}

#[test]
fn a_walk_that_is_dropped_leaves_the_client_usable() {
    let net = Net::new(ec2());
    let mut client = net.client();
    for nodes in [0, 1, 7] {
        let mut memory = vec![0; 64 * 1024];
        let mut walk = client.walk("/latest/", options(), &mut memory).unwrap();
        for _ in 0..nodes {
            assert!(net.run(walk.next()).unwrap().is_some());
        }
        drop(walk);
        read_id(&net, &mut client);
    }
    assert_eq!(net.puts(), 1);
}

#[test]
fn a_node_that_fails_does_not_end_the_walk() {
    let net = Net::new(ec2().fault(Fault::on("GET", ID).status(403)));
    let mut client = net.client();
    let mut memory = vec![0; 64 * 1024];
    let mut walk = client.walk("/latest/", options(), &mut memory).unwrap();
    let (mut found, mut missing) = (0, Vec::new());
    while let Some(node) = net.run(walk.next()).unwrap() {
        match node {
            Node::Missing(m) => missing.push((m.path.to_owned(), m.why)),
            Node::Leaf { .. } | Node::TooLong { .. } => found += 1,
        }
    }
    let forbidden = Why::Failed(Error::Peer(Peer::Forbidden));
    assert_eq!(missing, [(ID.to_owned(), forbidden)]);
    assert_eq!(found + 1, leaves(&net).len());
}
