//! A blocking TCP socket.

use core::net::SocketAddr;
use core::time::Duration;
use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};

use imds_core::config::HEAD_START;
use imds_core::drive;
use imds_core::endpoint::Host;
use imds_core::{Endpoint, Event, Fault, Instant, Route};
use imds_os::{Clock, Dial, event_of};

/// The shortest time-out a socket can have: zero means none.
const SHORTEST: Duration = Duration::from_millis(1);

#[derive(Debug)]
pub(crate) struct Socket {
    pub(crate) dial: Dial,
    clock: Clock,
    stream: Option<TcpStream>,
    /// Comes back by then whatever a phase allows.
    pub(crate) limit: Option<Instant>,
}

impl Socket {
    pub(crate) const fn new(clock: Clock, dial: Dial) -> Self {
        Self {
            dial,
            clock,
            stream: None,
            limit: None,
        }
    }

    /// Time left until `until` or the limit.
    fn left(&self, until: Option<Instant>) -> Option<Duration> {
        let until = [until, self.limit].into_iter().flatten().min()?;
        Some(until.saturating_since(self.clock.now()).max(SHORTEST))
    }

    fn dial(&self, endpoint: &Endpoint, until: Option<Instant>) -> Result<TcpStream, Event> {
        let addresses: Vec<SocketAddr> = match endpoint.host() {
            Host::Ip(ip) => vec![SocketAddr::new(*ip, endpoint.port())],
            Host::Name(name) => (name.as_str(), endpoint.port())
                .to_socket_addrs()
                .map_err(|_| Event::Failed(Fault::NameNotFound))?
                .collect(),
        };
        let mut event = Event::Failed(Fault::NameNotFound);
        for (at, address) in addresses.iter().enumerate() {
            // Each has its share of the time, or one that is silent would leave none for the
            // others.
            let others = u32::try_from(addresses.len() - at).unwrap_or(u32::MAX);
            let until = self
                .left(until)
                .map(|left| self.clock.now() + left / others);
            match self.connect_to(*address, until) {
                Ok(stream) => return Ok(stream),
                Err(error) => event = Event::Failed(Fault::from(error.kind())),
            }
        }
        Err(event)
    }

    fn connect_to(&self, address: SocketAddr, until: Option<Instant>) -> io::Result<TcpStream> {
        let socket = self.dial.socket(address)?;
        match self.left(until) {
            Some(left) => socket.connect_timeout(&address.into(), left)?,
            None => socket.connect(&address.into())?,
        }
        Ok(socket.into())
    }
}

impl drive::Socket for Socket {
    fn connect(&mut self, route: &Route, until: Option<Instant>) -> Event {
        // One after the other. The core allows the time for one connection and a head start; the
        // head start is what the second address gets.
        let first_until = match (&route.second, until) {
            (Some(_), Some(until)) => {
                let all = until.saturating_since(self.clock.now());
                Some(self.clock.now() + all.saturating_sub(HEAD_START))
            }
            _ => until,
        };
        let first = match self.dial(&route.first, first_until) {
            Ok(stream) => {
                self.stream = Some(stream);
                return Event::Connected;
            }
            Err(event) => event,
        };
        let Some(second) = &route.second else {
            return first;
        };
        match self.dial(second, until) {
            Ok(stream) => {
                self.stream = Some(stream);
                Event::ConnectedSecond
            }
            // No route to one family says less than what happened on the other.
            Err(event) if first == Event::Failed(Fault::Unreachable) => event,
            Err(_) => first,
        }
    }

    fn send(&mut self, bytes: &[u8], until: Option<Instant>) -> Event {
        let left = self.left(until);
        let Some(stream) = &mut self.stream else {
            return Event::Failed(Fault::Closed);
        };
        match stream
            .set_write_timeout(left)
            .and_then(|()| stream.write(bytes))
        {
            // It will never take more.
            Ok(0) => Event::Failed(Fault::Closed),
            Ok(n) => Event::Sent(n),
            Err(error) => event_of(&error),
        }
    }

    fn receive(&mut self, window: &mut [u8], until: Option<Instant>) -> Event {
        let left = self.left(until);
        let Some(stream) = &mut self.stream else {
            return Event::Failed(Fault::Closed);
        };
        match stream
            .set_read_timeout(left)
            .and_then(|()| stream.read(window))
        {
            Ok(0) => Event::Eof,
            Ok(n) => Event::Received(n),
            Err(error) => event_of(&error),
        }
    }

    fn close(&mut self) -> Event {
        self.stream = None;
        Event::Closed
    }

    fn check_idle(&mut self) -> Event {
        let Some(stream) = &self.stream else {
            return Event::Eof;
        };
        let peeked = stream
            .set_nonblocking(true)
            .and_then(|()| stream.peek(&mut [0]));
        match (peeked, stream.set_nonblocking(false)) {
            (Ok(0), Ok(())) => Event::Eof,
            (Ok(n), Ok(())) => Event::Received(n),
            (Err(error), Ok(())) | (_, Err(error)) => event_of(&error),
        }
    }
}
