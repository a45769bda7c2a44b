//! The client over smoltcp, at the end of a wire.

mod guest;

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use imds_core::config::Target;
use imds_core::{Cause, Config, Endpoint, Error, Fault, Gather, Misuse, Node, Phase, Reason};
use imds_mock::{Fault as Trouble, Mock, Profile};
use imds_peer::{Network, Options, PREFIX, Presence, ROUTER, Wire};
use imds_smoltcp::{Buffers, Client};
use smoltcp::iface::SocketSet;

use guest::{ADDRESS, Guest, config};

const ID: &str = "/latest/meta-data/instance-id";
const LINK_LOCAL: IpAddr = IpAddr::V4(Ipv4Addr::new(169, 254, 7, 7));
const ADDRESS6: IpAddr = IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 7));

fn ec2() -> Mock {
    Mock::new(Profile::Ec2)
}

fn guest<const LANES: usize>(mock: Mock) -> Guest<LANES> {
    Guest::new(mock, Wire::perfect(), config())
}

/// One that can reach nobody yet.
fn stranger(options: Options, config: Config) -> Guest<1> {
    Guest::bare(ec2(), options, Wire::perfect(), config)
}

fn auto() -> Config {
    Config {
        target: Target::Auto,
        ..config()
    }
}

#[track_caller]
fn assert_reads<const LANES: usize>(guest: &mut Guest<LANES>) {
    let value = guest.get(ID).expect("a value");
    assert_eq!(value.as_deref(), Some(&b"i-0123456789abcdef0"[..]));
}

#[test]
fn a_value_a_missing_one_and_one_token_for_both() {
    let mut guest = guest::<1>(ec2());
    assert_reads(&mut guest);
    assert_eq!(
        guest.get("/latest/meta-data/no-such").expect("an answer"),
        None
    );
    assert_eq!(guest.link.peer().counters().token_puts, 1);
}

#[test]
fn the_whole_tree_with_any_number_of_lanes() {
    fn walk<const LANES: usize>(mock: Mock) -> BTreeMap<String, Vec<u8>> {
        guest::<LANES>(mock).walk("/latest/").expect("a tree").0
    }
    for mock in [
        ec2,
        || ec2().always_close(true),
        || ec2().never_close(true),
        || Mock::new(Profile::Ec2Legacy),
    ] {
        let one = walk::<1>(mock());
        assert!(one.len() > 30, "{}", one.len());
        assert_eq!(one, walk::<3>(mock()));
        assert_eq!(one, walk::<8>(mock()));
    }
}

/// Runs that end at the ring's edge, window after window.
#[test]
fn a_value_many_times_as_long_as_the_buffers() {
    for length in [1459, 1460, 1461, 2047, 2048, 2049, 60_000] {
        let value: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
        let trouble = Trouble::on("GET", ID).body(value.clone());
        let mut guest = guest::<1>(ec2().fault(trouble));
        assert_eq!(guest.get(ID).expect("a value"), Some(value));
    }
}

/// One piece of memory is enough for any number of operations.
#[test]
fn values_of_two_operations_are_not_mixed() {
    let other = "/latest/meta-data/ami-id";
    let long = |path, byte| Trouble::on("GET", path).body(vec![byte; 60_000]);
    let mock = ec2().fault(long(ID, b'a')).fault(long(other, b'b'));
    let mut guest = guest::<2>(mock);
    let ops = [ID, other].map(|path| guest.client.get(guest.instant(), path).expect("room"));
    let mut memory = vec![0; 60_000];
    let mut gather = Gather::new(&mut memory);
    let mut values = BTreeMap::new();
    for _ in 0..10_000 {
        guest.settle(&mut gather);
        if let Some(Node::Leaf { op, value, .. }) = gather.node() {
            assert!(value.iter().all(|byte| *byte == value[0]));
            values.insert(value[0], (op, value.len()));
            gather.taken();
        }
        if guest.client.next_done().is_some() && values.len() == 2 {
            break;
        }
    }
    let expected = BTreeMap::from([(b'a', (ops[0], 60_000)), (b'b', (ops[1], 60_000))]);
    assert!(values == expected);
}

#[test]
fn over_ipv6() {
    let mut config = config();
    config.target = Target::One(Endpoint::IPV6);
    let mut guest = stranger(Options::new(), config);
    guest.take_address(ADDRESS6, 64);
    assert_reads(&mut guest);
}

#[test]
fn a_machine_that_has_only_ipv6_loses_no_time_on_ipv4() {
    let mut guest = stranger(Options::new(), auto());
    guest.take_address(ADDRESS6, 64);
    assert_reads(&mut guest);
    assert_eq!(guest.now, Duration::ZERO);
}

#[test]
fn a_second_address_gets_its_time_when_the_first_is_silent() {
    // Its router has gone; or what it routes is lost.
    for router in [Ipv4Addr::new(172, 31, 32, 200), ROUTER] {
        let mut guest = stranger(Options::new(), auto());
        guest.take_address(ADDRESS6, 64);
        guest.take_address(ADDRESS.into(), PREFIX);
        guest.take_route(router);
        guest.ipv4_is_lost = true;
        assert_reads(&mut guest);
        assert!(guest.now < Duration::from_secs(5), "{:?}", guest.now);
    }
}

/// The first frame is lost, and smoltcp repeats it after a second: more than half of the time.
#[test]
fn a_second_address_without_a_way_takes_no_time_from_the_first() {
    let mut config = auto();
    config.attempts = 1;
    config.timeouts.connect = Duration::from_millis(1500);
    let mut guest = stranger(Options::new(), config);
    guest.settle_in();
    guest.lost_until = Duration::from_millis(900);
    assert_reads(&mut guest);
}

#[test]
fn without_an_address_or_a_route_the_error_comes_at_once() {
    let unreachable = Error::Transport(Phase::Connect, Fault::Unreachable);
    let mut config = config();
    config.attempts = 1;
    let mut guest = stranger(Options::new(), config);
    assert_eq!(guest.get(ID), Err(unreachable));
    guest.take_address(ADDRESS.into(), PREFIX);
    assert_eq!(guest.get(ID), Err(unreachable), "and no route");
    assert_eq!(guest.now, Duration::ZERO);
    guest.take_route(ROUTER);
    assert_reads(&mut guest);
}

/// smoltcp's choice of a source address has an assertion against it.
#[test]
fn an_unspecified_address_is_unreachable() {
    for url in ["http://[::]", "http://0.0.0.0"] {
        let mut config = config();
        config.target = Target::One(Endpoint::parse(url).expect("an endpoint"));
        config.attempts = 1;
        let mut guest = stranger(Options::new(), config);
        guest.take_address(ADDRESS6, 64);
        guest.settle_in();
        let routes = guest.iface.routes_mut();
        let router = imds_peer::ROUTER6;
        routes.add_default_ipv6_route(router).expect("room");
        assert_eq!(
            guest.get(ID),
            Err(Error::Transport(Phase::Connect, Fault::Unreachable)),
            "{url}"
        );
    }
}

#[test]
fn nothing_is_sent_from_a_link_local_address() {
    let mut guest = stranger(Options::new(), config());
    guest.take_address(LINK_LOCAL, 16);
    let error = guest.get(ID).expect_err("EC2 would drop it");
    assert_eq!(
        error,
        Error::Transport(Phase::Connect, Fault::LinkLocalSource)
    );
    assert_eq!(error.cause(), Cause::Unreachable);
    assert_eq!(guest.link.peer().counters().frames_in, 0);
}

#[test]
fn another_address_is_better_than_a_link_local_one() {
    let mut guest = stranger(Options::new(), config());
    guest.take_address(LINK_LOCAL, 16);
    guest.take_address(ADDRESS.into(), PREFIX);
    assert_reads(&mut guest);
    assert_eq!(guest.link.peer().counters().link_local, 0);
}

#[test]
fn firecracker_s_service_is_read_from_a_link_local_address_when_told_to() {
    let options = Options::new().network(Network::Firecracker);
    let mock = Mock::new(Profile::Mmds);
    let mut guest = Guest::<1>::bare(mock, options, Wire::perfect(), config());
    guest.take_address(LINK_LOCAL, 16);
    guest.client.allow_link_local_source(true);
    assert_reads(&mut guest);
}

#[test]
fn who_does_not_answer_is_told_apart() {
    let refused = Error::Transport(Phase::Connect, Fault::Refused);
    let silent = Error::Timeout(Reason::Connect);
    for (presence, expected) in [
        (Presence::Refused, refused),
        (Presence::Silent, silent),
        (Presence::Absent, silent),
    ] {
        let options = Options::new().presence(presence);
        let mut guest = stranger(options, config());
        guest.settle_in();
        let error = guest.get(ID).expect_err("nobody answers");
        assert_eq!(error, expected, "{presence:?}");
        assert_eq!(error.cause(), Cause::Unreachable);
    }
}

#[test]
fn a_token_that_cannot_pass_the_hop_limit_is_named() {
    let options = Options::new().hop_limit(1, 1);
    let mut guest = stranger(options, config());
    guest.settle_in();
    let error = guest.get(ID).expect_err("no token");
    assert_eq!(error.cause(), Cause::TokenNoReply);
}

#[test]
fn a_reset_and_an_end_in_mid_value_are_begun_anew() {
    for trouble in [
        Trouble::on("GET", ID).reset_in_body(5).times(2),
        Trouble::on("GET", ID).close_in_body(5).times(2),
        Trouble::on("GET", ID).reset_before_reply().times(2),
        Trouble::on("GET", ID).close_before_reply().times(2),
        Trouble::token().reset_before_reply().times(2),
    ] {
        let mut guest = guest::<1>(ec2().fault(trouble));
        assert_reads(&mut guest);
        assert!(guest.dialled.len() >= 3, "{:?}", guest.dialled);
    }
}

#[test]
fn a_reset_for_ever_and_an_end_for_ever_are_told_apart() {
    let reset = Trouble::on("GET", ID).reset_before_reply();
    let closed = Trouble::on("GET", ID).close_before_reply();
    for (trouble, fault) in [(reset, Fault::Reset), (closed, Fault::Closed)] {
        let mut guest = guest::<1>(ec2().fault(trouble));
        let error = Error::Transport(Phase::FirstByte, fault);
        assert_eq!(guest.get(ID), Err(error));
    }
}

#[test]
fn every_connection_has_a_local_port_of_its_own() {
    let mut guest = guest::<3>(ec2().always_close(true));
    guest.walk("/latest/").expect("a tree");
    let connections = guest.link.peer().counters().connections;
    assert_eq!(guest.dialled.len() as u64, connections);
    let distinct: BTreeSet<u16> = guest.dialled.iter().copied().collect();
    assert_eq!(distinct.len(), guest.dialled.len());
    assert!(distinct.len() > 30);
}

#[test]
fn another_seed_begins_with_other_ports() {
    let first = |seed| {
        let mut config = config();
        config.seed = seed;
        let mut guest = Guest::<1>::new(ec2(), Wire::perfect(), config);
        assert_reads(&mut guest);
        guest.dialled[0]
    };
    assert_eq!(first(1), first(1));
    assert_ne!(first(1), first(2));
}

/// The peer closes first and our FIN is acknowledged: no lane waits for TIME-WAIT, which smoltcp
/// holds for ten seconds.
#[test]
fn a_walk_over_closing_connections_does_not_wait() {
    for mock in [ec2().always_close(true), ec2()] {
        let mut guest = guest::<1>(mock);
        guest.walk("/latest/").expect("a tree");
        assert!(guest.now < Duration::from_millis(100), "{:?}", guest.now);
    }
}

#[test]
fn a_wire_that_is_cut_ends_in_a_named_error_and_heals() {
    let mut guest = guest::<1>(ec2());
    assert_reads(&mut guest);
    guest.cut = true;
    let error = guest.get(ID).expect_err("the wire is cut");
    assert!(
        matches!(error.cause(), Cause::Unreachable | Cause::Deadline),
        "{error}"
    );
    let (_, summary) = guest.walk("/latest/").expect("a walk has no deadline");
    assert_eq!(summary.leaves, 0);
    guest.cut = false;
    assert_reads(&mut guest);
}

#[test]
fn a_lossy_wire_gives_the_right_tree_or_a_named_error() {
    let whole = guest::<1>(ec2())
        .walk("/latest/meta-data/placement/")
        .expect("a tree")
        .0;
    let mut right = 0;
    for seed in 0..100 {
        let mut guest = Guest::<3>::new(ec2(), Wire::lossy(seed), config());
        match guest.walk("/latest/meta-data/placement/") {
            Ok((leaves, summary)) if summary.missing == 0 => {
                assert_eq!(leaves, whole, "seed {seed}");
                right += 1;
            }
            Ok((leaves, _)) => assert!(leaves.iter().all(|leaf| whole.get(leaf.0) == Some(leaf.1))),
            Err(error) => assert_ne!(error.cause(), Cause::Usage, "seed {seed}: {error}"),
        }
        assert!(guest.now < Duration::from_secs(60), "seed {seed}");
    }
    assert!(right >= 90, "only {right} of 100");
}

#[test]
fn a_host_name_is_refused_by_name() {
    let mut sockets = SocketSet::new(vec![]);
    let handles = Box::leak(Box::new(Buffers::<1, 64, 64>::new())).add_to(&mut sockets);
    let endpoint = Endpoint::parse("http://metadata.internal").expect("an endpoint");
    let client = Client::<1, 2048, 1024>::new(Config::new(Target::One(endpoint)), handles);
    assert_eq!(client.err(), Some(Misuse::HostNameNeedsResolver));
}
