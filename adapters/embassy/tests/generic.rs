//! The front for any stack, over one on `std` that is not embassy-net's: [`net`].

mod net;

use core::time::Duration;

use imds_core::walk::{Include, Why};
use imds_core::{Fault as NetFault, Peer, Phase, Reason, What};
use imds_embassy::{
    Client, Config, Endpoint, Error, GetIntoError, Misuse, Node, Options, Target, Timeouts,
};
use imds_mock::{Fault, Mock, Profile, Tree, TtlOverride};
use net::{Door, ErrorKind, ErrorType, Net, Write, config};

const ID: &str = "/latest/meta-data/instance-id";
const AMI: &str = "/latest/meta-data/ami-id";
const ABSENT: &str = "/latest/meta-data/spot/instance-action";

fn ec2() -> Mock {
    Mock::new(Profile::Ec2)
}

fn leaf(net: &Net, path: &str) -> Vec<u8> {
    net.mock.borrow().data().leaf(path).expect("a leaf")
}

type TestClient<'n> = Client<'n, Net, &'n Net, 2048, 1024>;

/// Gets the id and compares it.
fn read_id(net: &Net, client: &mut TestClient<'_>) {
    let mut memory = [0; 64];
    let id = net.run(client.get(ID, &mut memory));
    assert_eq!(id, Ok(Some(&leaf(net, ID)[..])));
}

#[test]
fn values_and_their_absence() {
    for profile in [Profile::Ec2, Profile::Mmds] {
        let net = Net::new(Mock::new(profile));
        let mut client = net.client();
        read_id(&net, &mut client);
        let mut memory = [0; 64];
        assert_eq!(net.run(client.get(ABSENT, &mut memory)), Ok(None));
        read_id(&net, &mut client);
        assert_eq!(net.puts(), 1, "one token for all");
    }
}

#[test]
fn a_value_in_pieces_of_any_size() {
    for piece in 1..=64 {
        let net = Net::new(ec2());
        net.piece.set(piece);
        read_id(&net, &mut net.client());
    }
}

#[test]
fn a_listing_and_what_is_none() {
    let net = Net::new(ec2());
    let mut client = net.client();
    let mut memory = [0; 2048];
    let listing = net.run(client.list("/latest/meta-data/", &mut memory));
    let listing = listing.unwrap().expect("a directory");
    assert!(listing.starts_with(b"ami-id\n"), "{listing:?}");
    let error = net.run(client.list(ID, &mut memory)).unwrap_err();
    assert_eq!(error, Error::NotADirectory);
}

#[test]
fn a_value_larger_than_the_memory_is_named() {
    let net = Net::new(ec2());
    let mut client = net.client();
    let error = net.run(client.get(ID, &mut [0; 8])).unwrap_err();
    assert_eq!(error, Error::TooLarge(What::Value));
    read_id(&net, &mut client);
    assert_eq!(net.puts(), 1);
}

#[test]
fn misuse_is_told_before_anything_is_sent() {
    let net = Net::new(ec2());
    let name = Target::One(Endpoint::parse("http://imds.example").unwrap());
    let refused = Client::<_, _, 2048, 1024>::new(&net, &net, Config::new(name));
    assert_eq!(refused.err(), Some(Misuse::HostNameNeedsResolver));
    let mut client = net.client();
    let error = net.run(client.get("no/slash", &mut [])).unwrap_err();
    assert!(matches!(error, Error::Misuse(Misuse::Path(_))), "{error}");
    assert!(net.connects.borrow().is_empty());
}

/// Collects, and breathes.
#[derive(Default)]
struct Store(Vec<u8>, Option<usize>);

impl ErrorType for Store {
    type Error = core::convert::Infallible;
}

impl Write for Store {
    async fn write(&mut self, buf: &[u8]) -> Result<usize, Self::Error> {
        let room = self.1.map_or(usize::MAX, |room| room - self.0.len());
        let n = buf.len().min(100).min(room);
        self.0.extend(&buf[..n]);
        Ok(n)
    }

    async fn flush(&mut self) -> Result<(), Self::Error> {
        Ok(())
    }
}

#[test]
fn a_value_larger_than_all_memory_goes_to_a_writer() {
    let large: Vec<u8> = (0..40_000_u32).map(|n| (n % 251) as u8).collect();
    let tree = Tree::built_in().with("/latest/user-data", large.clone());
    let net = Net::new(ec2().tree(tree));
    let mut client = net.client();
    let mut store = Store::default();
    let written = net.run(client.get_into("/latest/user-data", &mut store));
    assert_eq!(written, Ok(Some(large.len())));
    assert_eq!(store.0, large);
    let absent = net.run(client.get_into(ABSENT, &mut store));
    assert_eq!(absent, Ok(None));

    let mut full = Store(Vec::new(), Some(1000));
    let error = net.run(client.get_into("/latest/user-data", &mut full));
    assert_eq!(error, Err(GetIntoError::WriterFull));
    read_id(&net, &mut client);
}

#[test]
fn two_answers_are_never_stitched_together_in_a_writer() {
    let large = vec![b'x'; 10_000];
    let tree = Tree::built_in().with("/latest/user-data", large.clone());
    let fault = Fault::on("GET", "/latest/user-data").times(1);
    let net = Net::new(ec2().tree(tree).fault(fault.reset_in_body(5000)));
    let mut client = net.client();
    let mut store = Store::default();
    let broken = net.run(client.get_into("/latest/user-data", &mut store));
    let Err(GetIntoError::Broken { written }) = broken else {
        panic!("{broken:?}");
    };
    assert!(written <= 5000 && store.0.len() == written);
    let mut store = Store::default();
    let written = net.run(client.get_into("/latest/user-data", &mut store));
    assert_eq!(written, Ok(Some(10_000)));
    assert_eq!(store.0, large);
}

#[test]
fn memory_takes_the_second_answer_whole() {
    let fault = Fault::on("GET", ID).times(1).reset_in_body(5);
    let net = Net::new(ec2().fault(fault));
    read_id(&net, &mut net.client());
    assert_eq!(net.asked(ID), 2);
}

fn options() -> Options {
    Options::include(Include::ALL)
}

fn leaves(net: &Net) -> Vec<(String, Vec<u8>)> {
    let mut leaves: Vec<_> = net.mock.borrow().data().leaves().collect();
    leaves.sort();
    leaves
}

fn unpaced() -> Config {
    Config {
        pace: None,
        ..config()
    }
}

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
    assert_eq!(net.mock.borrow().log().len(), before + 3);
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
fn typed_documents() {
    let net = Net::new(ec2());
    let mut client = net.client();
    let mut memory = [0xaa; 4096];
    let identity = net.run(client.identity_document(&mut memory)).unwrap();
    let identity = identity.expect("there is one");
    assert_eq!(
        identity.instance_id.expect("an id").as_bytes(),
        leaf(&net, ID)
    );
    assert_eq!(memory, [0; 4096], "wiped");
    memory.fill(0xaa);
    let credentials = net.run(client.credentials::<2048>(&mut memory)).unwrap();
    let credentials = credentials.expect("there is a role");
    assert!(credentials.access_key_id().starts_with("ASIA"));
    assert_eq!(memory, [0; 4096], "wiped");

    let tree = Tree::built_in().without("/latest/meta-data/iam");
    let net = Net::new(ec2().tree(tree));
    let none = net.run(net.client().credentials::<2048>(&mut memory));
    assert!(matches!(none, Ok(None)), "{none:?}");
}

#[test]
fn memory_of_credentials_is_wiped_when_their_future_is_dropped() {
    for polls in 0.. {
        let net = Net::new(ec2());
        net.piece.set(100);
        let mut client = net.client();
        let mut memory = [0xaa; 4096];
        let mut reading = Box::pin(client.credentials::<2048>(&mut memory));
        let end = net.poll(reading.as_mut(), polls);
        drop(reading);
        if polls > 0 {
            assert_eq!(memory, [0; 4096], "after {polls}");
        }
        if end.is_some() {
            return;
        }
        read_id(&net, &mut client);
    }
}

#[test]
fn what_passes_is_tried_again() {
    for fault in [
        Fault::on("GET", ID).times(2).status(503),
        Fault::on("GET", ID).times(2).reset_before_reply(),
        Fault::on("GET", ID).times(2).close_before_reply(),
        Fault::on("GET", ID).times(2).stall(),
        Fault::on("GET", ID).times(2).stall_in_body(3),
        Fault::token().times(2).status(503),
        Fault::token().times(2).reset_before_reply(),
        Fault::token().times(2).reset_after(20),
        Fault::any().dribble(),
    ] {
        let net = Net::new(ec2().fault(fault.clone()));
        let mut client = net.client();
        read_id(&net, &mut client);
        read_id(&net, &mut client);
        assert!(net.now.get() < Duration::from_secs(5), "{fault:?}");
    }
}

#[test]
fn a_flush_that_fails_does_not_hide_the_answer() {
    let net = Net::new(ec2());
    net.flush.set(Err(ErrorKind::Other));
    read_id(&net, &mut net.client());
}

/// embassy-net's flush.
#[test]
fn a_flush_that_waits_for_the_server_takes_none_of_the_answers_time() {
    let net = Net::new(ec2());
    net.acks.set(true);
    let mut client = net.client();
    read_id(&net, &mut client);
    assert_eq!(net.now.get(), Duration::ZERO);

    let net = Net::new(ec2().fault(Fault::token().stall()));
    net.acks.set(true);
    let mut client = net.client();
    let error = net.run(client.get(ID, &mut [0; 64])).unwrap_err();
    assert_eq!(error, Error::Timeout(Reason::TokenReply));
    assert_eq!(net.now.get(), config().timeouts.first_byte);
}

#[test]
fn a_token_is_renewed_before_it_ends_and_replaced_when_it_is_revoked() {
    let net = Net::new(ec2().token_ttl_override(TtlOverride::Fixed(60)));
    let mut client = net.client();
    read_id(&net, &mut client);
    net.now.set(Duration::from_secs(40));
    read_id(&net, &mut client);
    assert_eq!(net.puts(), 1);
    net.now.set(Duration::from_secs(55));
    read_id(&net, &mut client);
    assert_eq!(net.puts(), 2, "early");
    net.mock.borrow_mut().revoke_tokens();
    read_id(&net, &mut client);
    assert_eq!(net.puts(), 3);
}

#[test]
fn a_kept_connection_that_the_server_has_closed_costs_nothing() {
    let net = Net::new(ec2().never_close(true));
    let mut client = net.client_with(Config {
        attempts: 1,
        ..config()
    });
    read_id(&net, &mut client);
    read_id(&net, &mut client);
    assert_eq!(net.connects.borrow().len(), 1, "it is kept");
    net.hung_up.set(true);
    read_id(&net, &mut client);
    assert_eq!(net.connects.borrow().len(), 2);
}

#[test]
fn silence_to_the_token_request_is_told_apart() {
    let net = Net::new(ec2().fault(Fault::token().stall()));
    let mut client = net.client();
    let error = net.run(client.get(ID, &mut [0; 64])).unwrap_err();
    assert_eq!(error, Error::Timeout(Reason::TokenReply));
    assert!(net.now.get() <= Duration::from_secs(5));
    // The route was repaired.
    net.mock.borrow_mut().clear_faults();
    read_id(&net, &mut client);
}

#[test]
fn what_connecting_comes_to() {
    let transport = |fault| Error::Transport(Phase::Connect, fault);
    for (door, expected) in [
        (
            Door::Fails(ErrorKind::ConnectionRefused),
            transport(NetFault::Refused),
        ),
        // embassy-net's word for all of them.
        (
            Door::Fails(ErrorKind::ConnectionReset),
            transport(NetFault::Refused),
        ),
        (
            Door::Fails(ErrorKind::AddrNotAvailable),
            transport(NetFault::Unreachable),
        ),
        (Door::Fails(ErrorKind::Other), transport(NetFault::Other)),
        (Door::Silent, transport(NetFault::TimedOut)),
    ] {
        let net = Net::new(ec2());
        net.doors.set([door; 2]);
        let mut client = net.client();
        let error = net.run(client.get(ID, &mut [0; 64])).unwrap_err();
        assert_eq!(error.cause(), expected.cause(), "{door:?}: {error}");
        assert!(net.now.get() <= Duration::from_secs(5), "{door:?}");
        net.doors.set([Door::Open; 2]);
        read_id(&net, &mut client);
    }
}

#[test]
fn of_two_addresses_the_second_has_its_turn() {
    for (door, most) in [
        (Door::Silent, Duration::from_millis(250)),
        (Door::Fails(ErrorKind::Other), Duration::ZERO),
    ] {
        let net = Net::new(ec2());
        net.doors.set([door, Door::Open]);
        let mut client = net.client_with(Config::default());
        read_id(&net, &mut client);
        assert!(net.now.get() <= most, "{door:?}: {:?}", net.now.get());
        read_id(&net, &mut client);
        let connects = net.connects.borrow();
        let first = connects.iter().filter(|remote| remote.is_ipv4()).count();
        assert_eq!(first, 1, "the second is remembered: {connects:?}");
    }
}

#[test]
fn an_operation_ends_in_its_time_whatever_the_server_does() {
    for timeouts in [Config::default().timeouts, Timeouts::WITHOUT_OS] {
        for fault in [
            Fault::any().stall(),
            Fault::on("GET", ID).stall(),
            Fault::on("GET", ID).stall_in_body(2),
            Fault::any().status(503),
        ] {
            let net = Net::new(ec2().fault(fault.clone()));
            let mut client = net.client_with(Config {
                timeouts,
                ..config()
            });
            let failed = net.run(client.get(ID, &mut [0; 64])).is_err();
            assert!(failed, "{fault:?}");
            let most = timeouts.operation.expect("there is one");
            assert!(net.now.get() <= most, "{fault:?}: {:?}", net.now.get());
            net.mock.borrow_mut().clear_faults();
            read_id(&net, &mut client);
        }
    }
}

/// All of it is inline: the window, the arena, and what the core says of itself in its docs.
#[test]
fn the_size_of_a_client_is_known() {
    let size = size_of::<TestClient<'static>>();
    assert!(size <= 8 * 1024, "{size}");
    let net = Net::new(ec2());
    let mut client = net.client();
    let mut memory = [0; 64];
    let get = size_of_val(&client.get(ID, &mut memory));
    assert!(get <= 1536, "{get}");
}

#[test]
fn final_answers() {
    let fault = Fault::on("GET", ID).status(403);
    let net = Net::new(ec2().fault(fault));
    let mut client = net.client();
    let error = net.run(client.get(ID, &mut [0; 64])).unwrap_err();
    assert_eq!(error, Error::Peer(Peer::Forbidden));
    assert_eq!(net.asked(ID), 1);
}

/// Drops a get after any number of polls: the client stays usable, and a token that was had is
/// not asked for again.
#[test]
fn a_get_is_dropped_at_every_await() {
    for profile in [Profile::Ec2, Profile::Mmds] {
        let mut ends = 0;
        for polls in 0.. {
            let net = Net::new(Mock::new(profile));
            net.piece.set(50);
            let mut client = net.client();
            let mut memory = [0; 64];
            let mut get = Box::pin(client.get(AMI, &mut memory));
            let ended = net.poll(get.as_mut(), polls).is_some();
            drop(get);
            let had_token = net.asked(AMI) > 0;
            let puts = net.puts();
            read_id(&net, &mut client);
            read_id(&net, &mut client);
            assert!(net.puts() <= 2, "after {polls} polls");
            if had_token {
                assert_eq!(net.puts(), puts, "the token is kept, after {polls} polls");
            }
            assert_eq!(net.now.get(), Duration::ZERO, "no time was lost");
            ends += usize::from(ended);
            if ended {
                assert!(polls > 15, "many awaits: {polls}");
                break;
            }
        }
        assert_eq!(ends, 1);
    }
}

/// The same where the time-outs and the pauses are.
#[test]
fn a_get_in_trouble_is_dropped_at_every_await() {
    for fault in [
        Fault::token().times(2).stall(),
        Fault::token().times(2).status(503),
        Fault::any().times(3).reset_before_reply(),
        Fault::on("GET", AMI).times(2).stall_in_body(3),
        Fault::on("GET", AMI).times(1).status(401),
    ] {
        for polls in 0.. {
            let net = Net::new(ec2().fault(fault.clone()));
            let mut client = net.client();
            let mut memory = [0; 64];
            let mut get = Box::pin(client.get(AMI, &mut memory));
            let ended = net.poll(get.as_mut(), polls).is_some();
            drop(get);
            net.mock.borrow_mut().clear_faults();
            read_id(&net, &mut client);
            if ended {
                break;
            }
        }
    }
}

#[test]
fn a_get_whose_connect_is_dropped_connects_anew() {
    let net = Net::new(ec2());
    net.doors.set([Door::Silent; 2]);
    let mut client = net.client();
    let mut memory = [0; 64];
    let mut get = Box::pin(client.get(AMI, &mut memory));
    assert!(net.poll(get.as_mut(), 1).is_none());
    drop(get);
    net.doors.set([Door::Open; 2]);
    read_id(&net, &mut client);
    assert_eq!(
        net.connects.borrow().len(),
        2,
        "the one that was dropped, and one that is kept"
    );
}

#[test]
fn every_await_of_a_writer_may_be_dropped() {
    let large = vec![b'x'; 3000];
    for polls in 0.. {
        let tree = Tree::built_in().with("/latest/user-data", large.clone());
        let net = Net::new(ec2().tree(tree));
        net.piece.set(300);
        let mut client = net.client();
        let mut store = Store::default();
        let mut get = Box::pin(client.get_into("/latest/user-data", &mut store));
        let ended = net.poll(get.as_mut(), polls).is_some();
        drop(get);
        assert!(large.starts_with(&store.0));
        read_id(&net, &mut client);
        if ended {
            break;
        }
    }
}

/// Each node is asked for, dropped after some polls, and asked for again.
#[test]
fn the_next_of_a_walk_is_dropped_at_every_await() {
    for start in 0..24 {
        let net = Net::new(ec2());
        net.piece.set(200);
        let mut client = net.client_with(unpaced());
        let mut memory = vec![0; 64 * 1024];
        let mut walk = client.walk("/latest/", options(), &mut memory).unwrap();
        let mut found = Vec::new();
        let mut polls = start;
        loop {
            polls = (polls + 1) % 24;
            let node = {
                let mut next = Box::pin(walk.next());
                match net.poll(next.as_mut(), polls) {
                    // It was quicker.
                    Some(node) => node.unwrap().map(owned),
                    None => {
                        drop(next);
                        net.run(walk.next()).unwrap().map(owned)
                    }
                }
            };
            match node {
                Some(node) => found.push(node),
                None => break,
            }
        }
        found.sort();
        assert_eq!(found, leaves(&net), "from {start}");
        assert!(net.puts() <= 2, "from {start}");
    }
}

fn owned(node: Node<'_>) -> (String, Vec<u8>) {
    match node {
        Node::Leaf { path, value, .. } => (path.to_owned(), value.to_vec()),
        Node::Missing(missing) => panic!("{missing:?}"),
        Node::TooLong { path, .. } => panic!("{path}"),
    }
}

/// A get in the middle of a walk is dropped, and the walk goes on.
#[test]
fn a_get_within_a_walk_is_dropped_at_every_await() {
    let net = Net::new(ec2());
    net.piece.set(100);
    let mut client = net.client_with(unpaced());
    let mut memory = vec![0; 64 * 1024];
    let mut walk = client.walk("/latest/", options(), &mut memory).unwrap();
    let mut found = Vec::new();
    while let Some(node) = net.run(walk.next()).unwrap() {
        found.push(owned(node));
        let mut memory = [0; 64];
        let mut get = Box::pin(walk.get(ID, &mut memory));
        let _ = net.poll(get.as_mut(), found.len() % 20);
    }
    found.sort();
    assert_eq!(found, leaves(&net));
    assert_eq!(net.puts(), 1);
}

/// What a future that is leaked has begun is ended by the next.
#[test]
fn a_future_may_be_leaked() {
    let net = Net::new(ec2());
    let mut client = net.client();
    for _ in 0..10 {
        // Not while it connects: what it owns of the stack would be lost.
        let mut get = Box::pin(client.get(AMI, Box::leak(Box::new([0; 64]))));
        assert!(net.poll(get.as_mut(), 3).is_none());
        core::mem::forget(get);
        let mut memory = vec![0; 64 * 1024];
        let mut walk = client.walk("/latest/", options(), &mut memory).unwrap();
        assert!(net.run(walk.next()).unwrap().is_some());
        core::mem::forget(walk);
    }
    read_id(&net, &mut client);
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
