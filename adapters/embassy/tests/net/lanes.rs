//! Several connections, and operations at the same time.

use crate::*;

const AMI: &str = "/latest/meta-data/ami-id";

/// Gets one value after each node of a walk.
fn get_after_each_node<const LANES: usize>(mock: Mock, root: &str) -> BTreeMap<String, Vec<u8>> {
    let mut guest = Guest::new(mock);
    let mut resources = guest.resources::<LANES>();
    let mut client = guest.client(&mut resources, config());
    let mut memory = vec![0; 64 * 1024];
    let mut walk = client.walk(root, options(), &mut memory).expect("a path");
    let mut found = BTreeMap::new();
    while let Some(node) = guest.run(walk.next()).expect("a node") {
        let (name, value) = match node {
            imds_embassy::Node::Leaf { path, value, .. } => (path.to_owned(), value.to_vec()),
            imds_embassy::Node::Missing(missing) => {
                let name = String::from_utf8_lossy(missing.name);
                (
                    format!("{} {name:?} {:?}", missing.path, missing.why),
                    vec![],
                )
            }
            imds_embassy::Node::TooLong { path, .. } => panic!("{path}"),
        };
        assert_eq!(found.insert(name.clone(), value), None, "{name} twice");
        let mut memory = [0; 64];
        let id = guest.run(walk.get(ID, &mut memory));
        assert_eq!(id, Ok(Some(&b"i-0123456789abcdef0"[..])), "after {name}");
    }
    // All lanes may hold a node when the get comes; none of them waits for a time-out.
    assert!(guest.now() < Duration::from_secs(1), "{:?}", guest.now());
    found
}

#[test]
fn a_get_in_the_middle_of_a_walk_finds_a_lane() {
    for mock in [ec2, || ec2().always_close(true), || ec2().never_close(true)] {
        let expected = leaves(&mock());
        assert_same(&get_after_each_node::<1>(mock(), "/latest/"), &expected);
        assert_same(&get_after_each_node::<2>(mock(), "/latest/"), &expected);
        assert_same(&get_after_each_node::<5>(mock(), "/latest/"), &expected);
    }
}

/// Their reports hold the lanes too.
#[test]
fn nodes_without_a_value_are_reported_once_whatever_is_read_in_between() {
    let listing = "ami-id\n\n  \ninstance-id\n../x\ngone\ngone/too\n//\n.\nhere-no-more";
    let mock = || ec2().fault(Trouble::on("GET", "/latest/meta-data/").body(listing));
    let one = get_after_each_node::<1>(mock(), "/latest/meta-data/");
    assert!(one.len() >= 8, "{one:?}");
    assert_eq!(get_after_each_node::<3>(mock(), "/latest/meta-data/"), one);
}

#[test]
fn connections_are_used_at_the_same_time() {
    let connections = |lanes| {
        let mut guest = Guest::new(ec2().never_close(true));
        match lanes {
            1 => {
                let mut resources = guest.resources::<1>();
                let mut client = guest.client(&mut resources, config());
                guest
                    .walk(&mut client, "/latest/meta-data/")
                    .expect("a tree");
            }
            _ => {
                let mut resources = guest.resources::<4>();
                let mut client = guest.client(&mut resources, config());
                guest
                    .walk(&mut client, "/latest/meta-data/")
                    .expect("a tree");
            }
        }
        guest.link.peer().counters().connections
    };
    assert_eq!(connections(1), 1);
    assert_eq!(connections(4), 4);
}

#[test]
fn a_kept_connection_that_the_server_closed_costs_no_request() {
    let mut guest = Guest::new(ec2().never_close(true));
    let mut resources = guest.resources::<1>();
    let mut client = guest.client(&mut resources, config());
    guest.read_id(&mut client);
    let before = guest.link.peer().counters();
    // Longer than the server keeps a connection.
    guest.pass(Duration::from_secs(300));
    guest.read_id(&mut client);
    let after = guest.link.peer().counters();
    assert_eq!(after.gets, before.gets + 1);
    assert_eq!(client.counters().requests, 3, "one of them for the token");
}

#[test]
fn a_sink_that_refuses_is_asked_again() {
    let mut guest = Guest::new(ec2());
    let mut resources = guest.resources::<2>();
    let mut client = guest.client(&mut resources, config());
    // Every fifth offer is refused.
    let (found, summary) = guest.walk_into(&mut client, "/latest/").expect("a tree");
    assert_same(&found, &leaves(&ec2()));
    assert_eq!(found.len(), usize::try_from(summary.leaves).expect("few"));
    assert!(guest.now() < Duration::from_secs(1), "{:?}", guest.now());
}

#[test]
fn a_leaf_and_its_listing_can_be_asked_for_in_turn() {
    let mut guest = Guest::new(ec2());
    let mut resources = guest.resources::<2>();
    let mut client = guest.client(&mut resources, config());
    let mut memory = [0; 64];
    assert_eq!(
        guest.run(client.list(AMI, &mut memory)),
        Err(Error::NotADirectory)
    );
    assert!(
        guest
            .run(client.get(AMI, &mut memory))
            .is_ok_and(|ami| ami.is_some())
    );
    let short = guest.run(client.get(AMI, &mut memory[..3]));
    assert_eq!(short, Err(Error::TooLarge(imds_core::What::Value)));
    guest.read_id(&mut client);
}
