//! What stands between a client and the mock, and the time that both have.

use core::cell::{Cell, RefCell, RefMut};
use core::net::IpAddr;
use core::task::{Poll, Waker};
use core::time::Duration;
use std::rc::Rc;

use imds_core::{Event, Fault, Instant, Route};
use imds_mock::{Exchange, Mock};

use crate::front::{self, Front};
use crate::loopback::Loopback;

/// What the connections of a world share.
pub struct Network {
    /// The server.
    pub mock: RefCell<Mock>,
    /// Time since the world began.
    pub now: Cell<Duration>,
    /// Most bytes that one read or write moves.
    pub piece: Cell<usize>,
    /// What connecting comes to, if not to a connection: `Blocked` never answers.
    pub connect: Cell<Option<Event>>,
    /// Where a route has two endpoints, only the second one answers.
    pub second: Cell<bool>,
    /// Connects asked for, and the route of the last one.
    pub connects: Cell<usize>,
    /// See [`connects`](Self::connects).
    pub route: RefCell<Option<Route>>,
    /// A kept connection is looked at before it is used again.
    pub looks: Cell<bool>,
    /// How often the server has given up all connections in memory.
    pub(crate) hang_ups: Cell<u32>,
    /// The earliest time for which futures have asked since they were polled.
    asked: Cell<Option<Duration>>,
    /// Whom a hang-up wakes.
    wakers: RefCell<Vec<Waker>>,
    front: Front,
    /// What the client was asked last.
    doing: RefCell<String>,
    pub(crate) wire: Wire,
}

/// What carries the bytes.
pub(crate) enum Wire {
    /// Nothing: they are there.
    Memory,
    /// TCP.
    Loopback(Box<RefCell<Loopback>>),
}

/// What a connect meets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Door {
    Open,
    Refuses,
    /// It never answers.
    Silent,
}

/// How many bytes a call has moved; `None`: the connection is broken.
pub(crate) const fn outcome(event: Event) -> Poll<Option<usize>> {
    match event {
        Event::Blocked => Poll::Pending,
        Event::Received(n) | Event::Sent(n) => Poll::Ready(Some(n)),
        Event::Eof => Poll::Ready(Some(0)),
        Event::Connected
        | Event::ConnectedSecond
        | Event::Taken
        | Event::Closed
        | Event::Failed(_) => Poll::Ready(None),
    }
}

impl Network {
    /// One that moves bytes at once and in pieces of any size.
    pub(crate) fn new(front: Front, mock: Mock, wire: Wire) -> Rc<Self> {
        Rc::new(Self {
            mock: RefCell::new(mock),
            now: Cell::new(Duration::ZERO),
            piece: Cell::new(usize::MAX),
            connect: Cell::new(None),
            second: Cell::new(false),
            connects: Cell::new(0),
            route: RefCell::new(None),
            looks: Cell::new(true),
            hang_ups: Cell::new(0),
            asked: Cell::new(None),
            wakers: RefCell::default(),
            front,
            doing: RefCell::default(),
            wire,
        })
    }

    /// The mock.
    pub fn mock(&self) -> RefMut<'_, Mock> {
        self.mock.borrow_mut()
    }

    /// Every request that reached the mock, oldest first.
    pub fn log(&self) -> Vec<Exchange> {
        self.mock().log().to_vec()
    }

    /// Token requests that reached the mock.
    pub fn puts(&self) -> usize {
        self.count(|e| e.method == "PUT")
    }

    /// Reads that reached the mock.
    pub fn gets(&self) -> usize {
        self.count(|e| e.method == "GET")
    }

    /// Reads of this request target that reached the mock.
    pub fn gets_of(&self, target: &str) -> usize {
        self.count(|e| e.method == "GET" && e.path == target)
    }

    fn count(&self, counts: impl Fn(&Exchange) -> bool) -> usize {
        self.mock().log().iter().filter(|e| counts(e)).count()
    }

    pub(crate) fn instant(&self) -> Instant {
        let micros = self.now.get().as_micros();
        Instant::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
    }

    /// What connecting to this address comes to.
    pub(crate) fn dial(&self, address: IpAddr) -> Door {
        self.connects.set(self.connects.get() + 1);
        self.door(address)
    }

    /// See [`connect`](Self::connect) and [`second`](Self::second).
    pub(crate) fn door(&self, address: IpAddr) -> Door {
        let Some(event) = self.connect.get() else {
            let refuses = self.second.get() && address.is_ipv4();
            return if refuses { Door::Refuses } else { Door::Open };
        };
        if event == Event::Blocked {
            return Door::Silent;
        }
        let refused = Event::Failed(Fault::Refused);
        assert_eq!(event, refused, "only the core's sockets can do this");
        Door::Refuses
    }

    /// Lets time pass. What is under way arrives before that, because it needs none.
    pub(crate) fn pass(&self, time: Duration) {
        self.settle();
        self.now.set(self.now.get() + time);
    }

    /// Moves what needs no time. False: everything was at rest.
    pub(crate) fn settle(&self) -> bool {
        match &self.wire {
            Wire::Memory => false,
            Wire::Loopback(stack) => stack
                .borrow_mut()
                .settle(self.now.get(), &mut self.mock.borrow_mut()),
        }
    }

    /// When something happens on the wire; in memory only connections know.
    pub(crate) fn next_timeout(&self) -> Option<Duration> {
        match &self.wire {
            Wire::Memory => None,
            Wire::Loopback(stack) => stack
                .borrow_mut()
                .next_timeout(self.now.get(), &mut self.mock.borrow_mut()),
        }
    }

    /// Notes what the client is asked, to be told if that fails.
    pub(crate) fn doing(&self, what: String) {
        self.doing.replace(what);
    }

    /// A future asks for being polled at this time.
    pub(crate) fn wake_at(&self, at: Duration) {
        let asked = self.asked.get();
        self.asked
            .set(Some(asked.map_or(at, |asked| asked.min(at))));
    }

    /// What futures have asked for since this was asked last.
    pub(crate) fn take_asked(&self) -> Option<Duration> {
        self.asked.take()
    }

    /// A future asks for being woken when the server gives up its connections.
    pub(crate) fn wake_at_hang_up(&self, waker: &Waker) {
        let mut wakers = self.wakers.borrow_mut();
        if !wakers.iter().any(|held| held.will_wake(waker)) {
            wakers.push(waker.clone());
        }
    }

    /// The server gives up all connections that it has kept long enough.
    pub(crate) fn hang_up(&self) {
        match &self.wire {
            Wire::Memory => self.hang_ups.set(self.hang_ups.get() + 1),
            Wire::Loopback(stack) => stack
                .borrow_mut()
                .hang_up(self.now.get(), &mut self.mock.borrow_mut()),
        }
        self.wakers.take().into_iter().for_each(Waker::wake);
    }
}

/// A test that failed says what it takes to fail again.
impl Drop for Network {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let doing = self.doing.borrow();
            eprintln!(
                "this was over {}={} {doing}",
                front::VARIABLE,
                self.front.name()
            );
        }
    }
}
