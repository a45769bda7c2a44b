//! A connection without a network: what one end writes, the other has.

use imds_core::{Event, Fault, Route};
use imds_mock::{Action, Connection};

use crate::Network;

/// The client's end of a connection in memory.
#[derive(Default)]
pub(crate) struct Memory {
    connection: Option<Connection>,
    /// [`Network::hang_ups`] when it was made: after one more it can take nothing.
    hang_ups: u32,
}

impl Memory {
    pub(crate) fn next_timeout(&self) -> Option<core::time::Duration> {
        self.connection.as_ref()?.next_timeout()
    }

    /// The server has closed the connection of its own accord.
    fn hung_up(&self, network: &Network) -> bool {
        self.hang_ups != network.hang_ups.get()
    }

    pub(crate) fn connect(&mut self, network: &Network, route: &Route) -> Event {
        assert!(self.connection.is_none(), "connecting twice");
        *self = Self::open(network);
        if network.second.get() && route.second.is_some() {
            Event::ConnectedSecond
        } else {
            Event::Connected
        }
    }

    pub(crate) fn open(network: &Network) -> Self {
        let connection = network.mock.borrow_mut().connect(network.now.get());
        Self {
            connection: Some(connection),
            hang_ups: network.hang_ups.get(),
        }
    }

    pub(crate) fn send(&mut self, network: &Network, bytes: &[u8]) -> Event {
        let hung_up = self.hung_up(network);
        let Some(connection) = &mut self.connection else {
            return Event::Failed(Fault::Reset);
        };
        // Who has hung up reads nothing, but the system takes the bytes; that shows later.
        if !hung_up {
            let mut mock = network.mock.borrow_mut();
            connection.receive(network.now.get(), &mut mock, bytes);
        }
        Event::Sent(bytes.len())
    }

    pub(crate) fn receive(&mut self, network: &Network, window: &mut [u8]) -> Event {
        let now = network.now.get();
        let hung_up = self.hung_up(network);
        let Some(connection) = &mut self.connection else {
            return Event::Failed(Fault::Reset);
        };
        if hung_up {
            return Event::Eof;
        }
        if connection.next_timeout().is_some_and(|at| at <= now) {
            connection.handle_timeout(now, &mut network.mock.borrow_mut());
        }
        match connection.transmit() {
            Action::Send(bytes) => {
                let n = bytes.len().min(window.len());
                window[..n].copy_from_slice(&bytes[..n]);
                connection.sent(n);
                Event::Received(n)
            }
            Action::Close => Event::Eof,
            Action::Reset => {
                self.close(network);
                Event::Failed(Fault::Reset)
            }
            Action::Idle => Event::Blocked,
        }
    }

    pub(crate) fn close(&mut self, network: &Network) -> Event {
        if let Some(mut connection) = self.connection.take() {
            let mut mock = network.mock.borrow_mut();
            connection.closed(network.now.get(), &mut mock);
        }
        Event::Closed
    }

    pub(crate) fn check_idle(&self, network: &Network) -> Event {
        match self.connection.as_ref().map(Connection::transmit) {
            Some(_) if self.hung_up(network) => Event::Eof,
            Some(Action::Close) => Event::Eof,
            Some(Action::Send(_)) => Event::Received(1),
            Some(Action::Reset | Action::Idle) | None => Event::Blocked,
        }
    }
}
