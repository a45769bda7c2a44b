//! A connection without a network: what one end writes, the other has.

use imds_core::{Event, Fault, Route};
use imds_mock::{Action, Connection};

use crate::Network;

/// The client's end of a connection in memory.
#[derive(Default)]
pub(crate) struct Memory {
    connection: Option<Connection>,
    /// The server has closed the connection of its own accord, and it can take nothing more.
    hung_up: bool,
}

impl Memory {
    pub(crate) fn hang_up(&mut self) {
        self.hung_up = self.connection.is_some();
    }

    pub(crate) fn next_timeout(&self) -> Option<core::time::Duration> {
        self.connection.as_ref()?.next_timeout()
    }

    pub(crate) fn connect(&mut self, network: &Network, route: &Route) -> Event {
        assert!(self.connection.is_none(), "connecting twice");
        let now = network.now.get();
        self.connection = Some(network.mock.borrow_mut().connect(now));
        if network.second.get() && route.second.is_some() {
            Event::ConnectedSecond
        } else {
            Event::Connected
        }
    }

    pub(crate) fn send(&mut self, network: &Network, bytes: &[u8]) -> Event {
        let Some(connection) = &mut self.connection else {
            return Event::Failed(Fault::Reset);
        };
        // Who has hung up reads nothing, but the system takes the bytes; that shows later.
        if !self.hung_up {
            let mut mock = network.mock.borrow_mut();
            connection.receive(network.now.get(), &mut mock, bytes);
        }
        Event::Sent(bytes.len())
    }

    pub(crate) fn receive(&mut self, network: &Network, window: &mut [u8]) -> Event {
        let now = network.now.get();
        let Some(connection) = &mut self.connection else {
            return Event::Failed(Fault::Reset);
        };
        if self.hung_up {
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
        self.hung_up = false;
        if let Some(mut connection) = self.connection.take() {
            let mut mock = network.mock.borrow_mut();
            connection.closed(network.now.get(), &mut mock);
        }
        Event::Closed
    }

    pub(crate) fn check_idle(&self) -> Event {
        match self.connection.as_ref().map(Connection::transmit) {
            Some(_) if self.hung_up => Event::Eof,
            Some(Action::Close) => Event::Eof,
            Some(Action::Send(_)) => Event::Received(1),
            Some(Action::Reset | Action::Idle) | None => Event::Blocked,
        }
    }
}
