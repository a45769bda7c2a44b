//! The core allocates nothing, whatever it is asked and whatever it is told.
//!
//! The allocator counts on a thread only while that thread is inside a call of the core: the
//! mock, which is its peer here, allocates as it likes. [`World::run`] is also the driving loop
//! written out by hand, for readers who look for one without [`drive`](imds_core::drive).

use core::cell::RefCell;
use core::fmt::{self, Write as _};
use core::time::Duration;

use imds_core::config::{Limits, Pace, Target};
use imds_core::drive::{Sink, Socket};
use imds_core::model::{
    IamInfo, IdentityDocument, MaintenanceEvents, Rebalance, RoleCredentials, SpotAction, Timestamp,
};
use imds_core::walk::{Include, Options, Why};
use imds_core::{
    Client, Config, Endpoint, Error, Event, Fault as NetFault, Instant, Leaf, Missing, Misuse,
    OpId, Peer, Phase, Reason, Reply, Route, Want, What,
};
use imds_mock::{Action, Connection, Fault, Mock, Profile, Tree};
use imds_tests::heap::{Counting, inside, outside, take_calls};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[track_caller]
fn assert_none() {
    assert_eq!(take_calls(), 0, "calls of the allocator inside the core");
}

#[test]
fn the_counter_counts() {
    drop(Vec::<u8>::with_capacity(1));
    assert_none();
    let kept = inside(|| Vec::<u8>::with_capacity(1));
    assert_eq!(take_calls(), 1);
    inside(|| drop(kept));
    assert_eq!(take_calls(), 1);
    inside(|| outside(|| drop(Vec::<u8>::with_capacity(1))));
    assert_none();
}

/// What an operation came to.
struct Ended {
    result: Result<Reply, Error>,
    /// Path and value, in the order they came.
    values: Vec<(String, Vec<u8>)>,
    missing: Vec<Why>,
}

/// A client and its peer in memory.
struct World<const LANES: usize> {
    client: Box<Client<LANES, [u8; 4096], [u8; 8192]>>,
    peer: Net<LANES>,
}

/// The other end, and what the client has brought from there.
struct Net<const LANES: usize> {
    mock: Mock,
    now: Duration,
    connections: [Option<Connection>; LANES],
    /// What connecting comes to, if not to a connection.
    unconnected: Option<Event>,
    values: Vec<(String, Vec<u8>)>,
    missing: Vec<Why>,
}

impl<const LANES: usize> Net<LANES> {
    fn connect(&mut self, lane: usize) -> Event {
        self.unconnected.unwrap_or_else(|| {
            self.connections[lane] = Some(self.mock.connect(self.now));
            Event::Connected
        })
    }

    fn send(&mut self, lane: usize, bytes: &[u8]) -> Event {
        let Some(connection) = &mut self.connections[lane] else {
            return Event::Failed(NetFault::Reset);
        };
        connection.receive(self.now, &mut self.mock, bytes);
        Event::Sent(bytes.len())
    }

    fn receive(&mut self, lane: usize, window: &mut [u8]) -> Event {
        let Some(connection) = &mut self.connections[lane] else {
            return Event::Failed(NetFault::Reset);
        };
        connection.handle_timeout(self.now, &mut self.mock);
        match connection.transmit() {
            Action::Send(bytes) => {
                let n = bytes.len().min(window.len());
                window[..n].copy_from_slice(&bytes[..n]);
                connection.sent(n);
                Event::Received(n)
            }
            Action::Close => Event::Eof,
            Action::Reset => {
                self.close(lane);
                Event::Failed(NetFault::Reset)
            }
            Action::Idle => Event::Blocked,
        }
    }

    fn close(&mut self, lane: usize) -> Event {
        if let Some(mut connection) = self.connections[lane].take() {
            connection.closed(self.now, &mut self.mock);
        }
        Event::Closed
    }

    fn leaf(&mut self, leaf: &Leaf<'_>) {
        if leaf.offset == 0 {
            if leaf.restart {
                self.values.pop();
            }
            self.values.push((leaf.path.to_owned(), Vec::new()));
        }
        let (_, value) = self.values.last_mut().expect("a first chunk came before");
        value.extend_from_slice(leaf.chunk);
    }

    /// The next thing that can happen on this side.
    fn next_timeout(&self) -> Option<Duration> {
        let connections = self.connections.iter().flatten();
        connections.filter_map(Connection::next_timeout).min()
    }

    fn instant(&self) -> Instant {
        Instant::from_micros(self.now.as_micros().try_into().expect("early in the run"))
    }

    fn pass_until(&mut self, deadline: Option<Instant>) {
        let client = deadline.map(|at| Duration::from_micros(at.as_micros()));
        let next = [client, self.next_timeout()].into_iter().flatten().min();
        self.now = next.expect("something can happen").max(self.now);
    }
}

impl<const LANES: usize> World<LANES> {
    fn new(mock: Mock, config: Config) -> Self {
        take_calls();
        Self {
            // On the stack first, as a boot image has it; the box is the test's.
            client: Box::new(inside(|| Client::new(config))),
            peer: Net {
                mock,
                now: Duration::ZERO,
                connections: [const { None }; LANES],
                unconnected: None,
                values: Vec::new(),
                missing: Vec::new(),
            },
        }
    }

    /// The loop that every driver has in one form or another: ask each lane what it wants, do
    /// it, say what happened; when no lane can do more, wait for the sockets or the earliest
    /// deadline.
    fn run(&mut self, op: OpId) -> Ended {
        for _ in 0..100_000 {
            let mut moved = false;
            for lane in 0..LANES {
                while let Some(ended) = self.turn(lane) {
                    moved = true;
                    if let Some((_, result)) = ended.filter(|(ended, _)| *ended == op) {
                        return Ended {
                            result,
                            values: core::mem::take(&mut self.peer.values),
                            missing: core::mem::take(&mut self.peer.missing),
                        };
                    }
                }
            }
            if !moved {
                let deadline = inside(|| self.client.next_deadline());
                self.peer.pass_until(deadline);
            }
        }
        panic!("an operation that does not end");
    }

    /// One lane does one thing. `None`: there is nothing it can do now. `Some(Some(_))`: an
    /// operation has ended.
    fn turn(&mut self, lane: usize) -> Option<Option<(OpId, Result<Reply, Error>)>> {
        let (client, peer) = (&mut self.client, &mut self.peer);
        let now = peer.instant();
        let mut ended = None;
        let event = match inside(|| client.poll(now, lane)) {
            Want::Idle => return None,
            Want::Connect => {
                inside(|| client.route());
                peer.connect(lane)
            }
            Want::Send(bytes) => peer.send(lane, bytes),
            Want::Receive => peer.receive(lane, inside(|| client.rx_window(lane))),
            Want::Leaf(leaf) => {
                peer.leaf(&leaf);
                Event::Taken
            }
            Want::Missing(missing) => {
                peer.missing.push(missing.why);
                Event::Taken
            }
            Want::Done(op, result) => {
                ended = Some((op, result));
                Event::Taken
            }
            Want::Close => peer.close(lane),
        };
        // A socket that can do nothing is of interest only when that has lasted too long.
        let due = inside(|| client.deadline(lane)).is_some_and(|(at, _)| at <= now);
        inside(|| client.handle(now, lane, event)).expect("it answers what was wanted");
        (event != Event::Blocked || due).then_some(ended)
    }

    fn start(
        &mut self,
        start: impl FnOnce(&mut Client<LANES, [u8; 4096], [u8; 8192]>, Instant) -> Result<OpId, Misuse>,
    ) -> Ended {
        let now = self.peer.instant();
        let op = inside(|| start(&mut self.client, now)).expect("a legal request");
        self.run(op)
    }

    fn get(&mut self, path: &str) -> Ended {
        self.start(|client, now| client.get(now, path))
    }

    fn list(&mut self, path: &str) -> Ended {
        self.start(|client, now| client.list(now, path))
    }

    fn walk(&mut self, path: &str) -> Ended {
        self.start(|client, now| client.walk(now, path, Options::include(Include::ALL)))
    }
}

impl Ended {
    #[track_caller]
    fn body(&self) -> &[u8] {
        assert_eq!(self.result, Ok(Reply::Found));
        let [(_, body)] = &self.values[..] else {
            panic!("not one value: {:?}", self.values);
        };
        body
    }

    #[track_caller]
    fn assert_whole(mut self, tree: &Tree) {
        assert!(matches!(self.result, Ok(Reply::Walked(_))));
        assert_eq!(self.missing, []);
        let mut expected: Vec<_> = tree
            .leaves()
            .map(|(path, _)| path)
            .filter(|path| path.starts_with("/latest/"))
            .collect();
        expected.sort();
        self.values.sort();
        let walked: Vec<_> = self.values.into_iter().map(|(path, _)| path).collect();
        assert_eq!(walked, expected);
    }
}

fn config() -> Config {
    Config::new(Target::One(Endpoint::IPV4))
}

fn ec2() -> Mock {
    Mock::new(Profile::Ec2)
}

fn walk_everything<const LANES: usize>(config: Config) {
    let mut world = World::<LANES>::new(ec2(), config);
    world.walk("/latest/").assert_whole(&Tree::built_in());
    assert!(world.peer.mock.log().len() > 100, "a real walk");
    assert_none();
}

#[test]
fn a_whole_walk_on_one_lane() {
    walk_everything::<1>(config());
}

#[test]
fn a_whole_walk_on_four_lanes() {
    walk_everything::<4>(config());
}

#[test]
fn a_whole_walk_that_must_wait_for_its_budget() {
    walk_everything::<4>(Config {
        pace: Some(Pace {
            burst: 1,
            per_second: 20,
        }),
        ..config()
    });
}

#[test]
fn a_walk_of_a_listing_that_outgrows_the_arena() {
    let tree = (0..2000).fold(Tree::new(), |tree, n| {
        tree.with(&format!("meta-data/tags/instance/a-tag-called-{n}"), "x")
    });
    let mut world = World::<2>::new(ec2().tree(tree.clone()), config());
    world.walk("/latest/").assert_whole(&tree);
    assert_none();
}

#[test]
fn gets_and_listings() {
    let mut world = World::<2>::new(ec2(), config());
    assert_eq!(
        world.get("/latest/meta-data/mac").body(),
        Tree::built_in()
            .leaf("/latest/meta-data/mac")
            .expect("built in")
    );
    assert_eq!(world.get("/latest/user-data").body().len(), 12 * 1024);
    assert_eq!(
        world.get("/latest/meta-data/nowhere").result,
        Ok(Reply::Absent)
    );
    let listing = world.list("/latest/meta-data/");
    let entries = inside(|| imds_core::walk::entries("/latest/meta-data/", listing.body()).count());
    assert!(entries > 10);
    assert_eq!(
        world.list("/latest/meta-data/mac").result,
        Err(Error::NotADirectory)
    );
    assert_none();
}

/// [`Client::drive`] instead of the loop by hand.
#[test]
fn a_whole_walk_by_the_driver_of_the_core() {
    struct Wire<'a>(usize, &'a RefCell<Net<4>>);

    impl Socket for Wire<'_> {
        fn connect(&mut self, _: &Route, _: Option<Instant>) -> Event {
            outside(|| self.1.borrow_mut().connect(self.0))
        }

        fn send(&mut self, bytes: &[u8], _: Option<Instant>) -> Event {
            outside(|| self.1.borrow_mut().send(self.0, bytes))
        }

        fn receive(&mut self, window: &mut [u8], _: Option<Instant>) -> Event {
            outside(|| self.1.borrow_mut().receive(self.0, window))
        }

        fn close(&mut self) -> Event {
            outside(|| self.1.borrow_mut().close(self.0))
        }
    }

    struct Count(usize);

    impl Sink for Count {
        fn leaf(&mut self, leaf: &Leaf<'_>) -> bool {
            self.0 += usize::from(leaf.last);
            true
        }

        fn missing(&mut self, _: &Missing<'_>) -> bool {
            true
        }
    }

    let World { mut client, peer } = World::<4>::new(ec2(), config());
    let net = RefCell::new(peer);
    let mut sockets: [_; 4] = core::array::from_fn(|lane| Wire(lane, &net));
    let mut leaves = Count(0);
    let mut ended = None;
    let all = Options::include(Include::ALL);
    inside(|| client.walk(Instant::ZERO, "/latest/", all)).expect("room for a walk");
    while ended.is_none() {
        let now = net.borrow().instant();
        inside(|| client.drive(now, &mut sockets, &mut leaves)).expect("in order");
        if let Some((_, result)) = inside(|| client.next_done()) {
            ended = Some(result);
        }
        let deadline = inside(|| client.next_deadline());
        if ended.is_none() {
            net.borrow_mut().pass_until(deadline);
        }
    }
    let Some(Ok(Reply::Walked(summary))) = ended else {
        panic!("{ended:?}");
    };
    assert_eq!(usize::try_from(summary.leaves), Ok(leaves.0));
    assert!(leaves.0 > 50);
    assert_none();
}

#[test]
fn typed_documents() {
    let mut world = World::<1>::new(ec2(), config());

    let role = world.list("/latest/meta-data/iam/security-credentials/");
    let role = inside(|| imds_core::model::role_name(role.body())).expect("a role");
    let body = world.get(&format!(
        "/latest/meta-data/iam/security-credentials/{role}"
    ));
    let credentials = inside(|| RoleCredentials::<4096>::parse(body.body()));
    let credentials = credentials.expect("credentials");
    assert_eq!(credentials.access_key_id(), "ASIAIOSFODNN7EXAMPLE");
    inside(|| write!(Nowhere, "{credentials:?}")).expect("nowhere has room");
    inside(|| drop(credentials));

    let body = world.get("/latest/meta-data/iam/info");
    let info = inside(|| IamInfo::parse(body.body()));
    assert!(info.expect("what is said of the profile").is_success());

    let body = world.get("/latest/dynamic/instance-identity/document");
    let document = inside(|| IdentityDocument::parse(body.body()));
    inside(|| write!(Nowhere, "{:?}", document.as_ref())).expect("nowhere has room");
    assert!(document.is_ok());

    // With escapes.
    let body = br#"{"action": "st\u006fp", "time": "2017-09-18T08:22:00Z"}"#;
    assert!(inside(|| SpotAction::parse(body)).is_ok());
    let body = br#"{"noticeTime": "2020-11-05T08:22:00Z"}"#;
    assert!(inside(|| Rebalance::parse(body)).is_ok());
    let body = br#"[{"Code": "system-reboot", "Description": "a \"reboot\""}, {}]"#;
    let events = inside(|| {
        let events = MaintenanceEvents::parse(body).expect("an array");
        events.filter(Result::is_ok).count()
    });
    assert_eq!(events, 2);
    assert!(inside(|| Timestamp::parse("2024-01-01T00:00:00Z")).is_some());

    for broken in [&b""[..], b"{", b"[[[[", b"{\"Code\": \"Failed\"}", b"\xff"] {
        inside(|| {
            let error = RoleCredentials::<64>::parse(broken).expect_err("broken");
            write!(Nowhere, "{error} {error:?} {:?}", error.hint())
        })
        .expect("nowhere has room");
    }
    assert_none();
}

/// Takes text and forgets it.
struct Nowhere;

impl fmt::Write for Nowhere {
    fn write_str(&mut self, _: &str) -> fmt::Result {
        Ok(())
    }
}

/// Reads a value from a server with these faults, and prints what that came to.
#[track_caller]
fn get_with(faults: impl IntoIterator<Item = Fault>, expected: Result<Reply, Error>) {
    let mock = faults.into_iter().fold(ec2(), Mock::fault);
    let mut world = World::<1>::new(mock, config());
    let ended = world.get("/latest/meta-data/mac");
    assert_eq!(ended.result, expected);
    if let Err(error) = ended.result {
        inside(|| {
            let cause = error.cause();
            write!(Nowhere, "{error} {error:?} {cause:?} {}", cause.explain())
        })
        .expect("nowhere has room");
    }
    assert_none();
}

#[test]
fn what_is_retried() {
    let read = || Fault::method("GET").times(1);
    for fault in [
        Fault::token().times(1).status(503),
        read().status(503).header("Retry-After", "1"),
        read().status(401),
        read().reset_before_reply(),
        read().close_before_reply(),
        read().reset_in_body(3),
        read().close_after(20),
        read().stall(),
        read().stall_in_body(3),
        read().delay(Duration::from_millis(300)),
        read().chunks_of(2),
        read().until_close(),
        read().dribble(),
    ] {
        get_with([fault], Ok(Reply::Found));
    }
}

#[test]
fn what_is_final() {
    let read = || Fault::method("GET");
    for (fault, error) in [
        (Fault::token().status(403), Error::Peer(Peer::TurnedOff)),
        (Fault::token().stall(), Error::Timeout(Reason::TokenReply)),
        (read().status(403), Error::Peer(Peer::Forbidden)),
        (read().status(401), Error::Peer(Peer::TokenRejected)),
        (read().status(429), Error::Peer(Peer::Throttled(429))),
        (read().status(418), Error::Peer(Peer::Status(418))),
        (read().status(206), Error::Peer(Peer::PartialContent)),
        (read().close_in_body(2), Error::Peer(Peer::Truncated)),
        (read().stall(), Error::Timeout(Reason::FirstByte)),
        (
            read().body(vec![b'x'; 70_000]),
            Error::TooLarge(What::Value),
        ),
        (
            read().header("X-Padding", &"x".repeat(5000)),
            Error::TooLarge(What::Head),
        ),
    ] {
        get_with([fault], Err(error));
    }
}

#[test]
fn what_is_no_http() {
    for raw in [
        &b"SSH-2.0-OpenSSH_9.2\r\n"[..],
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551616\r\n\r\n",
    ] {
        let mut world = World::<1>::new(ec2().fault(Fault::method("GET").raw(raw)), config());
        let result = world.get("/latest/meta-data/mac").result;
        assert!(
            matches!(result, Err(Error::Peer(Peer::Http(_)))),
            "{result:?}"
        );
        assert_none();
    }
}

#[test]
fn no_connection() {
    for (event, error) in [
        (
            Event::Failed(NetFault::Refused),
            Error::Transport(Phase::Connect, NetFault::Refused),
        ),
        (
            Event::Failed(NetFault::Denied),
            Error::Transport(Phase::Connect, NetFault::Denied),
        ),
        (Event::Blocked, Error::Timeout(Reason::Connect)),
    ] {
        let mut world = World::<2>::new(ec2(), config());
        world.peer.unconnected = Some(event);
        assert_eq!(world.get("/latest/meta-data/mac").result, Err(error));
        assert!(world.walk("/latest/").result.is_err());
        assert_none();
    }
}

#[test]
fn a_walk_among_failures() {
    let below = |path| Fault::below("GET", path);
    let mock = ec2()
        .fault(below("/latest/meta-data/placement/").status(500))
        .fault(below("/latest/meta-data/services/").status(404))
        .fault(below("/latest/meta-data/metrics/").body("..\n.\na//b\n\u{7f}\n"))
        .fault(below("/latest/meta-data/block-device-mapping/").reset_in_body(1))
        .fault(below("/latest/dynamic/").body("<html>no</html>"));
    let mut world = World::<4>::new(mock, config());
    let ended = world.walk("/latest/");
    assert!(matches!(ended.result, Ok(Reply::Walked(_))));
    assert!(ended.missing.len() >= 5, "{:?}", ended.missing);
    inside(|| {
        for why in &ended.missing {
            write!(Nowhere, "{why} {why:?} {:?}", why.cause()).expect("nowhere has room");
        }
    });
    assert_none();
}

#[test]
fn a_walk_beyond_its_limits() {
    let mut world = World::<2>::new(
        ec2(),
        Config {
            limits: Limits {
                depth: 2,
                nodes: 40,
                walk: 2000,
                ..config().limits
            },
            ..config()
        },
    );
    world.walk("/latest/");
    assert_none();
}

#[test]
fn misuse_and_cancelling() {
    let mut world = World::<2>::new(ec2(), config());
    let now = world.peer.instant();
    let client = &mut world.client;
    inside(|| {
        assert!(client.get(now, "no/slash").is_err());
        assert!(client.get(now, LONG).is_err());
        assert_eq!(
            client.handle(now, 0, Event::Sent(1)),
            Err(Misuse::OutOfOrder)
        );
        let walk = client
            .walk(now, "/latest/", Options::default())
            .expect("room");
        assert_eq!(
            client.walk(now, "/latest/", Options::default()),
            Err(Misuse::TooManyWalks)
        );
        client.cancel(walk);
        client.cancel(walk);
    });
    assert_eq!(world.list("/").result, Ok(Reply::Found));
    assert_none();
}

/// Longer than any path.
const LONG: &str = match core::str::from_utf8(&[b'/'; 1000]) {
    Ok(path) => path,
    Err(_) => "",
};

#[test]
fn endpoints() {
    take_calls();
    inside(|| {
        for text in [
            "http://169.254.169.254",
            "http://[fd00:ec2::254]:8080/prefix/",
            "http://metadata.internal:81",
            "https://x",
            "http://[::1%lo]/",
            "",
        ] {
            match Endpoint::parse(text) {
                Ok(endpoint) => write!(Nowhere, "{endpoint} {}", endpoint.authority()),
                Err(error) => write!(Nowhere, "{error:?} {}", error.explain()),
            }
            .expect("nowhere has room");
        }
    });
    assert_none();
}
