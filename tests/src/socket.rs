//! Sockets whose other end is the mock.

use core::cell::{Cell, RefCell};
use core::time::Duration;
use std::rc::Rc;
use std::sync::OnceLock;

use imds_core::drive;
use imds_core::{Event, Instant, Route};
use imds_mock::Mock;

use crate::loopback::{self, Loopback};
use crate::memory::Memory;

/// Names what carries the bytes in every world of a run.
const VARIABLE: &str = "IMDS_NETWORK";

/// What carries the bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Carrier {
    /// Nothing: what one end writes, the other has.
    Memory,
    /// TCP: imds-smoltcp, on the loopback of a stack that the mock is on too.
    Smoltcp,
}

impl Carrier {
    /// What `IMDS_NETWORK` asks for: `memory`, as without it, or `smoltcp`.
    ///
    /// # Panics
    /// If it asks for anything else.
    pub fn chosen() -> Self {
        static CHOSEN: OnceLock<Carrier> = OnceLock::new();
        *CHOSEN.get_or_init(|| match std::env::var_os(VARIABLE) {
            None => Self::Memory,
            Some(name) => Self::named(&name.to_string_lossy())
                .unwrap_or_else(|| panic!("{VARIABLE} is memory or smoltcp, not {name:?}")),
        })
    }

    fn named(name: &str) -> Option<Self> {
        [Self::Memory, Self::Smoltcp]
            .into_iter()
            .find(|carrier| carrier.name() == name)
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Smoltcp => "smoltcp",
        }
    }
}

/// What the sockets of a world share.
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
    carrier: Carrier,
    /// None: in memory.
    stack: Option<RefCell<Loopback>>,
}

impl Network {
    /// One that moves bytes at once and in pieces of any size, and the sockets on it. Local ports
    /// begin where the seed says, if there are any.
    pub(crate) fn new<const LANES: usize>(
        carrier: Carrier,
        mock: Mock,
        seed: u64,
    ) -> (Rc<Self>, [Socket; LANES]) {
        let network = Rc::new(Self {
            mock: RefCell::new(mock),
            now: Cell::new(Duration::ZERO),
            piece: Cell::new(usize::MAX),
            connect: Cell::new(None),
            second: Cell::new(false),
            connects: Cell::new(0),
            route: RefCell::new(None),
            looks: Cell::new(true),
            carrier,
            stack: match carrier {
                Carrier::Memory => None,
                Carrier::Smoltcp => Some(RefCell::new(Loopback::new::<LANES>(seed))),
            },
        });
        let sockets = core::array::from_fn(|lane| Socket {
            network: Rc::clone(&network),
            memory: Memory::default(),
            lane: loopback::Lane::new(lane),
        });
        (network, sockets)
    }

    pub(crate) fn instant(&self) -> Instant {
        let micros = self.now.get().as_micros();
        Instant::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
    }

    /// Lets time pass. What is under way arrives before that, because it needs none.
    pub(crate) fn pass(&self, time: Duration) {
        let now = self.now.get();
        if let Some(stack) = &self.stack {
            stack.borrow_mut().settle(now, &mut self.mock.borrow_mut());
        }
        self.now.set(now + time);
    }

    /// When something happens without the client.
    pub(crate) fn next_timeout(&self, sockets: &[Socket]) -> Option<Duration> {
        let now = self.now.get();
        match &self.stack {
            None => sockets.iter().filter_map(|s| s.memory.next_timeout()).min(),
            Some(stack) => {
                let stack = stack
                    .borrow_mut()
                    .next_timeout(now, &mut self.mock.borrow_mut());
                let lanes = sockets.iter().filter_map(|s| s.lane.next_timeout());
                Some(lanes.chain(stack).min()?.max(now))
            }
        }
    }

    /// The server gives up all connections that it has kept long enough.
    pub(crate) fn hang_up(&self, sockets: &mut [Socket]) {
        match &self.stack {
            None => sockets.iter_mut().for_each(|s| s.memory.hang_up()),
            Some(stack) => stack
                .borrow_mut()
                .hang_up(self.now.get(), &mut self.mock.borrow_mut()),
        }
    }
}

/// A test that failed says what it takes to fail again.
impl Drop for Network {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("this was over {VARIABLE}={}", self.carrier.name());
        }
    }
}

/// The client's end of a connection.
pub struct Socket {
    network: Rc<Network>,
    /// One of the two is used, as the network says.
    memory: Memory,
    lane: loopback::Lane,
}

impl drive::Socket for Socket {
    fn connect(&mut self, route: &Route, until: Option<Instant>) -> Event {
        let network = &*self.network;
        network.connects.set(network.connects.get() + 1);
        *network.route.borrow_mut() = Some(route.clone());
        if let Some(event) = network.connect.get() {
            return event;
        }
        match &network.stack {
            None => self.memory.connect(network, route),
            Some(stack) => self
                .lane
                .connect(network, &mut stack.borrow_mut(), route, until),
        }
    }

    fn send(&mut self, bytes: &[u8], until: Option<Instant>) -> Event {
        let network = &*self.network;
        let bytes = &bytes[..bytes.len().min(network.piece.get())];
        match &network.stack {
            None => self.memory.send(network, bytes),
            Some(stack) => {
                let stack = &mut stack.borrow_mut();
                self.lane
                    .ask(network, stack, |socket| socket.send(bytes, until))
            }
        }
    }

    fn receive(&mut self, window: &mut [u8], until: Option<Instant>) -> Event {
        assert!(!window.is_empty(), "room to receive into");
        let network = &*self.network;
        let n = window.len().min(network.piece.get());
        let window = &mut window[..n];
        match &network.stack {
            None => self.memory.receive(network, window),
            Some(stack) => {
                let stack = &mut stack.borrow_mut();
                self.lane
                    .ask(network, stack, |socket| socket.receive(window, until))
            }
        }
    }

    fn close(&mut self) -> Event {
        let network = &*self.network;
        match &network.stack {
            None => self.memory.close(network),
            Some(stack) => {
                let stack = &mut stack.borrow_mut();
                self.lane.ask(network, stack, |socket| socket.close())
            }
        }
    }

    fn check_idle(&mut self) -> Event {
        let network = &*self.network;
        match &network.stack {
            _ if !network.looks.get() => Event::Blocked,
            None => self.memory.check_idle(),
            Some(stack) => self.lane.check_idle(network, &mut stack.borrow_mut()),
        }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if self.network.stack.is_none() {
            self.memory.close(&self.network);
        }
    }
}
