//! The rules between the core and whoever drives it.

use core::cell::Cell;
use core::time::Duration;

use imds_core::{Client, Error, Event, Fault as Broken, Instant, Leaf, Misuse, Phase, Reply, Want};
use imds_mock::{Action, Connection, Fault, Mock};
use imds_tests::{Machine, config};

use crate::common::{ALL, AMI, ID, META, attempts, ec2, ec2_with, leaves, millis, small};

type Core = Client<2, [u8; 2048], [u8; 2048]>;

/// Every event there is.
const EVENTS: [Event; 11] = [
    Event::Connected,
    Event::ConnectedSecond,
    Event::Sent(1),
    Event::Sent(100_000),
    Event::Received(1),
    Event::Received(100_000),
    Event::Eof,
    Event::Taken,
    Event::Closed,
    Event::Failed(Broken::Reset),
    Event::Failed(Broken::Refused),
];

/// Does this event answer what was wanted? `Blocked` always does.
fn answers(want: &Want<'_>, event: Event, window: usize, kept: bool) -> bool {
    match (want, event) {
        (Want::Connect, Event::Connected | Event::ConnectedSecond | Event::Failed(_)) => true,
        (Want::Send(bytes), Event::Sent(n)) => n <= bytes.len(),
        (Want::Send(_), Event::Failed(_) | Event::Eof) => true,
        (Want::Receive, Event::Received(n)) => n <= window,
        (Want::Receive, Event::Failed(_) | Event::Eof) => true,
        (Want::Leaf(_) | Want::Missing(_) | Want::Done(..), Event::Taken) => true,
        (Want::Close, Event::Closed) => true,
        // The lane beneath still wants what it wanted, and a driver may be answering that.
        (Want::Done(..), _) => true,
        // A look at a kept connection may tell that it is of no more use.
        (Want::Idle, Event::Eof | Event::Failed(_)) => kept,
        (Want::Idle, Event::Received(_)) => kept,
        _ => false,
    }
}

fn state(core: &mut Core, now: Instant) -> String {
    // Asking may have work done that was left over; only then is there something to compare.
    for lane in 0..2 {
        core.poll(now, lane);
    }
    (0..2)
        .map(|lane| {
            let deadline = core.deadline(lane);
            let window = core.rx_window(lane).len();
            format!("{:?} {deadline:?} {window}\n", core.poll(now, lane))
        })
        .collect()
}

/// A driver that, before it does the right thing, does every wrong one.
#[test]
fn an_event_out_of_order_is_misuse_and_changes_nothing() {
    let mock = ec2_with(small())
        .fault(Fault::on("GET", AMI).times(1).close_in_body(1))
        .fault(
            Fault::on("GET", "/latest/meta-data/mac")
                .times(1)
                .status(503),
        )
        .fault(Fault::on("GET", "/latest/meta-data/iam/info").status(404));
    let mut world = Bench::new(mock);
    world.core.walk(Instant::ZERO, META, ALL).unwrap();
    world.core.get(Instant::ZERO, ID).unwrap();
    world.core.list(Instant::ZERO, META).unwrap();
    let mut ended = 0;
    let mut refused = 0;
    while ended < 3 {
        let mut moved = false;
        for lane in 0..2 {
            let now = world.at();
            for event in EVENTS {
                let before = state(&mut world.core, now);
                let window = world.core.rx_window(lane).len();
                let kept = world.sockets[lane].is_some();
                let want = world.core.poll(now, lane);
                if answers(&want, event, window, kept) {
                    continue;
                }
                let wanted = format!("{want:?}");
                let result = world.core.handle(now, lane, event);
                assert!(
                    matches!(result, Err(Misuse::OutOfOrder | Misuse::TooManyBytes)),
                    "{event:?} to {wanted}: {result:?}"
                );
                refused += 1;
                let after = state(&mut world.core, now);
                assert_eq!(before, after, "{event:?} to {wanted}");
            }
            match world.turn(lane) {
                Turn::Ended => {
                    ended += 1;
                    moved = true;
                }
                Turn::Moved => moved = true,
                Turn::Rest => {}
            }
        }
        if !moved {
            world.step();
        }
    }
    assert!(refused > 500, "{refused}");
}

#[test]
fn asking_twice_gives_the_same_answer() {
    let mut world = Bench::new(ec2_with(small()));
    world.core.walk(Instant::ZERO, "/latest/", ALL).unwrap();
    loop {
        let mut moved = false;
        for lane in 0..2 {
            let now = world.at();
            let one = format!("{:?}", world.core.poll(now, lane));
            let two = format!("{:?}", world.core.poll(now, lane));
            assert_eq!(one, two);
            match world.turn(lane) {
                Turn::Ended => return,
                Turn::Moved => moved = true,
                Turn::Rest => {}
            }
        }
        if !moved {
            world.step();
        }
    }
}

#[test]
fn blocked_is_no_event() {
    let mut world = Bench::new(ec2_with(small()));
    world.core.walk(Instant::ZERO, "/latest/", ALL).unwrap();
    loop {
        let mut moved = false;
        for lane in 0..2 {
            let now = world.at();
            let before = state(&mut world.core, now);
            for _ in 0..3 {
                world.core.handle(now, lane, Event::Blocked).unwrap();
            }
            assert_eq!(before, state(&mut world.core, now));
            match world.turn(lane) {
                Turn::Ended => return,
                Turn::Moved => moved = true,
                Turn::Rest => {}
            }
        }
        if !moved {
            world.step();
        }
    }
}

#[test]
fn an_earlier_now_counts_as_the_latest_one() {
    // Every other call tells a time long past. Nothing may run out because of it.
    let mut world = Bench::new(ec2_with(small()));
    world.now = Duration::from_secs(1000);
    world.core.walk(world.at(), "/latest/", ALL).unwrap();
    world.lying = true;
    let mut leaves = 0;
    for _ in 0..10_000 {
        for lane in 0..2 {
            let now = world.at();
            if matches!(world.core.poll(now, lane), Want::Missing(_)) {
                panic!("{:?}", world.core.poll(now, lane));
            }
            if matches!(
                world.core.poll(now, lane),
                Want::Leaf(Leaf { last: true, .. })
            ) {
                leaves += 1;
            }
            if let Some((at, reason)) = world.core.deadline(lane) {
                assert!(
                    at >= Instant::from_millis(1_000_000),
                    "{reason:?} at {at:?}"
                );
            }
            // The true time again, with nothing to tell: a deadline in the past would strike.
            world
                .core
                .handle(Instant::from_millis(1_000_000), lane, Event::Blocked)
                .unwrap();
            if let Turn::Ended = world.turn(lane) {
                assert_eq!(leaves, 3);
                assert_eq!(world.core.session().counters().retries, 0);
                return;
            }
        }
    }
    panic!("a walk that does not end");
}

#[test]
fn an_earlier_now_gives_an_operation_no_more_time() {
    let mut world = Machine::<1>::new(ec2().fault(Fault::on("GET", AMI).stall()), attempts(1));
    world.pass(Duration::from_secs(100));
    world.get(ID).unwrap().unwrap();
    let early = Instant::from_millis(1);
    let op = world.client.get(early, AMI).unwrap();
    assert!(world.run(op).is_err());
    let took = world.network.now.get() - Duration::from_secs(100);
    assert_eq!(took, millis(1000));
}

#[test]
fn whoever_comes_late_still_reads_what_has_arrived() {
    // The answer is there; the driver was away for a minute. Time is judged when the socket has
    // nothing more.
    for event in 1..12 {
        let mut world = Machine::<1>::new(ec2(), attempts(1));
        let op = world.client.get(world.now(), AMI).unwrap();
        for _ in 0..event {
            world.turn(0);
        }
        world.pass(Duration::from_secs(4));
        assert_eq!(world.run(op), Ok(Reply::Found), "late after {event} events");
        world.gathered.take_value(op).unwrap();
    }
}

#[test]
fn an_end_of_stream_before_the_reply_is_an_error_of_the_network() {
    let fault = Fault::on("GET", AMI).close_before_reply();
    let mut world = Machine::<1>::new(ec2().always_close(true).fault(fault), attempts(1));
    assert_eq!(
        world.get(AMI),
        Err(Error::Transport(Phase::FirstByte, Broken::Closed))
    );
}

#[test]
fn an_answer_that_needs_no_end_of_stream_does_not_wait_for_it() {
    let mut world = Machine::<1>::new(ec2().never_close(true), config());
    world.get(AMI).unwrap().unwrap();
    assert_eq!(world.network.now.get(), Duration::ZERO);
    assert_eq!(world.mock().open_connections(), 1);
}

#[test]
fn a_fault_of_the_network_in_any_state_is_survived() {
    // The n-th thing a socket is asked for fails, for every n.
    for n in 0..60 {
        let mut world = Bench::new(ec2_with(small()));
        world.core.walk(Instant::ZERO, "/latest/", ALL).unwrap();
        world.fail_at = Some(n);
        let mut taken = 0;
        'walk: loop {
            let mut moved = false;
            for lane in 0..2 {
                let now = world.at();
                if matches!(
                    world.core.poll(now, lane),
                    Want::Leaf(Leaf { last: true, .. })
                ) {
                    taken += 1;
                }
                match world.turn(lane) {
                    Turn::Ended => break 'walk,
                    Turn::Moved => moved = true,
                    Turn::Rest => {}
                }
            }
            if !moved {
                world.step();
            }
        }
        assert_eq!(
            taken,
            leaves(&world.mock, "/latest/").len(),
            "failed at {n}"
        );
    }
}

/// A client and a mock with nothing between them, for tests that look at every call.
struct Bench {
    core: Box<Core>,
    mock: Mock,
    sockets: [Option<Connection>; 2],
    now: Duration,
    /// Every other call tells a time long past.
    lying: bool,
    calls: Cell<u32>,
    fail_at: Option<u32>,
    socket_calls: u32,
}

enum Turn {
    Moved,
    Ended,
    Rest,
}

impl Bench {
    fn new(mock: Mock) -> Self {
        Self {
            core: Box::new(Client::new(config())),
            mock,
            sockets: [None, None],
            now: Duration::ZERO,
            lying: false,
            calls: Cell::new(0),
            fail_at: None,
            socket_calls: 0,
        }
    }

    fn at(&self) -> Instant {
        let calls = self.calls.get() + 1;
        self.calls.set(calls);
        if self.lying && calls % 2 == 1 {
            return Instant::from_millis(u64::from(calls));
        }
        Instant::ZERO + self.now
    }

    fn step(&mut self) {
        let at = self.core.next_deadline().expect("something to wait for");
        self.now = Duration::from_micros(at.as_micros());
    }

    fn turn(&mut self, lane: usize) -> Turn {
        let (now, then) = (self.at(), self.at());
        let socket = &mut self.sockets[lane];
        let mut ended = false;
        let want = self.core.poll(now, lane);
        let on_socket = matches!(want, Want::Connect | Want::Send(_) | Want::Receive);
        self.socket_calls += u32::from(on_socket);
        let event = match want {
            Want::Idle => return Turn::Rest,
            _ if on_socket && self.fail_at == Some(self.socket_calls) => {
                Event::Failed(Broken::Reset)
            }
            Want::Connect => {
                *socket = Some(self.mock.connect(self.now));
                Event::Connected
            }
            Want::Send(bytes) => {
                let n = bytes.len().min(100);
                let connection = socket.as_mut().expect("connected");
                connection.receive(self.now, &mut self.mock, &bytes[..n]);
                Event::Sent(n)
            }
            Want::Receive => {
                let connection = socket.as_mut().expect("connected");
                match connection.transmit() {
                    Action::Send(bytes) => {
                        let window = self.core.rx_window(lane);
                        let n = bytes.len().min(window.len()).min(100);
                        window[..n].copy_from_slice(&bytes[..n]);
                        connection.sent(n);
                        Event::Received(n)
                    }
                    Action::Close => Event::Eof,
                    Action::Reset => Event::Failed(Broken::Reset),
                    Action::Idle => Event::Blocked,
                }
            }
            Want::Leaf(_) | Want::Missing(_) => Event::Taken,
            Want::Done(..) => {
                ended = true;
                Event::Taken
            }
            Want::Close => {
                *socket = None;
                Event::Closed
            }
        };
        self.core.handle(then, lane, event).expect("it was wanted");
        match (ended, event) {
            (true, _) => Turn::Ended,
            (_, Event::Blocked) => Turn::Rest,
            _ => Turn::Moved,
        }
    }
}

/// Who takes chunks may have room for one value.
#[test]
fn a_chunk_is_not_taken_in_the_middle_of_another_lane_s_value() {
    let long = |path| Fault::on("GET", path).body(vec![b'x'; 10_000]);
    let mock = ec2().fault(long(ID)).fault(long(AMI));
    let mut world = Machine::<2, 2048>::new(mock, config());
    world.gathered.stubborn = true;
    let ops = [ID, AMI].map(|path| world.client.get(world.now(), path).expect("room"));
    while (0..2).fold(false, |moved, lane| moved | world.turn(lane)) {}

    let now = world.now();
    for lane in 0..2 {
        let want = world.client.poll(now, lane);
        assert!(
            matches!(want, Want::Leaf(leaf) if leaf.offset == 0),
            "{want:?}"
        );
    }
    assert_eq!(world.client.handle(now, 0, Event::Taken), Ok(()));
    assert_eq!(
        world.client.handle(now, 1, Event::Taken),
        Err(Misuse::OutOfOrder)
    );
    assert_eq!(world.client.poll(now, 1), Want::Idle);
    // It is offered again when the other one is over.
    world.client.cancel(ops[0]);
    world.client.poll(now, 0);
    assert!(matches!(world.client.poll(now, 1), Want::Leaf(leaf) if leaf.op == ops[1]));
}
