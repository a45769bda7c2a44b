//! Sockets whose other end is the mock.

use core::cell::{Cell, RefCell};
use core::time::Duration;
use std::rc::Rc;

use imds_core::drive;
use imds_core::{Event, Fault, Instant, Route};
use imds_mock::{Action, Connection, Mock};

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
    /// Where a route has two endpoints, the second one answers.
    pub second: Cell<bool>,
    /// Connects asked for, and the route of the last one.
    pub connects: Cell<usize>,
    /// See [`connects`](Self::connects).
    pub route: RefCell<Option<Route>>,
    /// A kept connection is looked at before it is used again.
    pub looks: Cell<bool>,
}

impl Network {
    /// One that moves bytes at once and in pieces of any size.
    pub fn new(mock: Mock) -> Self {
        Self {
            mock: RefCell::new(mock),
            now: Cell::new(Duration::ZERO),
            piece: Cell::new(usize::MAX),
            connect: Cell::new(None),
            second: Cell::new(false),
            connects: Cell::new(0),
            route: RefCell::new(None),
            looks: Cell::new(true),
        }
    }

    pub(crate) fn instant(&self) -> Instant {
        let micros = self.now.get().as_micros();
        Instant::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
    }
}

/// The client's end of a connection in memory.
pub struct Socket {
    network: Rc<Network>,
    connection: Option<Connection>,
    /// The server has closed the connection of its own accord, and it can take nothing more.
    hung_up: bool,
}

impl Socket {
    pub(crate) fn new(network: Rc<Network>) -> Self {
        Self {
            network,
            connection: None,
            hung_up: false,
        }
    }

    /// The server gives up a connection that it has kept long enough.
    pub(crate) fn hang_up(&mut self) {
        self.hung_up = self.connection.is_some();
    }

    pub(crate) fn next_timeout(&self) -> Option<Duration> {
        self.connection.as_ref()?.next_timeout()
    }

    fn drop_connection(&mut self) {
        self.hung_up = false;
        if let Some(mut connection) = self.connection.take() {
            let mut mock = self.network.mock.borrow_mut();
            connection.closed(self.network.now.get(), &mut mock);
        }
    }
}

impl drive::Socket for Socket {
    fn connect(&mut self, route: &Route, _until: Option<Instant>) -> Event {
        assert!(self.connection.is_none(), "connecting twice");
        self.network.connects.set(self.network.connects.get() + 1);
        *self.network.route.borrow_mut() = Some(route.clone());
        if let Some(event) = self.network.connect.get() {
            return event;
        }
        let now = self.network.now.get();
        self.connection = Some(self.network.mock.borrow_mut().connect(now));
        if self.network.second.get() && route.second.is_some() {
            Event::ConnectedSecond
        } else {
            Event::Connected
        }
    }

    fn send(&mut self, bytes: &[u8], _until: Option<Instant>) -> Event {
        let now = self.network.now.get();
        let Some(connection) = &mut self.connection else {
            return Event::Failed(Fault::Reset);
        };
        let n = bytes.len().min(self.network.piece.get());
        if self.hung_up {
            // The system takes them; that nobody reads them shows later.
            return Event::Sent(n);
        }
        let mut mock = self.network.mock.borrow_mut();
        connection.receive(now, &mut mock, &bytes[..n]);
        Event::Sent(n)
    }

    fn receive(&mut self, window: &mut [u8], _until: Option<Instant>) -> Event {
        assert!(!window.is_empty(), "room to receive into");
        let now = self.network.now.get();
        let Some(connection) = &mut self.connection else {
            return Event::Failed(Fault::Reset);
        };
        if self.hung_up {
            return Event::Eof;
        }
        if connection.next_timeout().is_some_and(|at| at <= now) {
            connection.handle_timeout(now, &mut self.network.mock.borrow_mut());
        }
        match connection.transmit() {
            Action::Send(bytes) => {
                let n = bytes.len().min(window.len()).min(self.network.piece.get());
                window[..n].copy_from_slice(&bytes[..n]);
                connection.sent(n);
                Event::Received(n)
            }
            Action::Close => Event::Eof,
            Action::Reset => {
                self.drop_connection();
                Event::Failed(Fault::Reset)
            }
            Action::Idle => Event::Blocked,
        }
    }

    fn close(&mut self) -> Event {
        self.drop_connection();
        Event::Closed
    }

    fn check_idle(&mut self) -> Event {
        match self.connection.as_ref().map(Connection::transmit) {
            Some(_) if self.hung_up && self.network.looks.get() => Event::Eof,
            Some(Action::Close) if self.network.looks.get() => Event::Eof,
            Some(Action::Send(_)) if self.network.looks.get() => Event::Received(1),
            _ => Event::Blocked,
        }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.drop_connection();
    }
}
