//! The lane's connection on a stack.

use core::net::SocketAddr;
use core::pin::pin;

use embedded_io_async::{Error as _, ErrorKind, Read as _, Write as _};
use embedded_nal_async::TcpConnect;
use imds_core::{Endpoint, Event, Fault, Instant, Route};

use crate::timer::{Timer, before};

/// A connection, or none. Every future of it may be dropped if [`give_up`](Self::give_up) follows.
pub(super) struct Link<'s, S: TcpConnect> {
    stack: &'s S,
    connection: Option<S::Connection<'s>>,
    /// Something was written that the stack may still hold.
    unflushed: bool,
}

impl<'s, S: TcpConnect> Link<'s, S> {
    pub(super) const fn new(stack: &'s S) -> Self {
        Self {
            stack,
            connection: None,
            unflushed: false,
        }
    }

    /// Connects to one of the addresses, one after the other: a stack may have room for one
    /// connection only. Each gets half of the time.
    pub(super) async fn connect(
        &mut self,
        addresses: Addresses,
        timer: &impl Timer,
        until: Option<Instant>,
    ) -> Event {
        self.give_up();
        let Some(second) = addresses.second else {
            return match self.connect_to(addresses.first).await {
                Ok(()) => Event::Connected,
                Err(fault) => Event::Failed(fault),
            };
        };
        let turn = until.map(|until| Route::turn(timer.now(), until));
        let first = {
            let io = pin!(self.connect_to(addresses.first));
            match before(timer, turn, io).await {
                Some(Ok(())) => return Event::Connected,
                Some(Err(fault)) => fault,
                None => Fault::TimedOut,
            }
        };
        match self.connect_to(Some(second)).await {
            Ok(()) => Event::ConnectedSecond,
            Err(fault) => Event::Failed(Route::fault(first, fault)),
        }
    }

    async fn connect_to(&mut self, remote: Option<SocketAddr>) -> Result<(), Fault> {
        let remote = remote.ok_or(Fault::NameNotFound)?;
        let connection = self.stack.connect(remote).await;
        self.connection = Some(connection.map_err(|error| {
            let fault = fault(error.kind());
            // A reset in answer to a SYN.
            if fault == Fault::Reset {
                Fault::Refused
            } else {
                fault
            }
        })?);
        Ok(())
    }

    pub(super) async fn send(&mut self, bytes: &[u8]) -> Event {
        let Some(connection) = &mut self.connection else {
            return Event::Failed(Fault::Closed);
        };
        match connection.write(bytes).await {
            // It will never take more.
            Ok(0) => Event::Failed(Fault::Closed),
            Ok(n) => {
                self.unflushed = true;
                Event::Sent(n)
            }
            Err(error) => Event::Failed(fault(error.kind())),
        }
    }

    pub(super) async fn receive(&mut self, window: &mut [u8]) -> Event {
        let Some(connection) = &mut self.connection else {
            return Event::Failed(Fault::Closed);
        };
        if self.unflushed {
            // A server may answer and reset at once: its answer is still there to be read.
            let _ = connection.flush().await;
            self.unflushed = false;
        }
        match connection.read(window).await {
            Ok(0) => Event::Eof,
            Ok(n) => Event::Received(n),
            Err(error) => Event::Failed(fault(error.kind())),
        }
    }

    /// Closes the connection by dropping it.
    pub(super) fn give_up(&mut self) {
        self.connection = None;
        self.unflushed = false;
    }
}

/// Where a route leads: all of it that a future has to keep. An endpoint is some hundred bytes.
#[derive(Clone, Copy)]
pub(super) struct Addresses {
    first: Option<SocketAddr>,
    second: Option<SocketAddr>,
}

impl Addresses {
    /// A host name has none.
    pub(super) fn of(route: &Route) -> Self {
        let address = |endpoint: &Endpoint| Some(SocketAddr::new(endpoint.ip()?, endpoint.port()));
        Self {
            first: address(&route.first),
            second: route.second.as_ref().and_then(address),
        }
    }
}

/// What a stack's error means. Many stacks know but one kind.
fn fault(kind: ErrorKind) -> Fault {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "there are more, and will be"
    )]
    match kind {
        ErrorKind::ConnectionRefused => Fault::Refused,
        // No address of this family: the same as no route to it.
        ErrorKind::AddrNotAvailable => Fault::Unreachable,
        ErrorKind::PermissionDenied => Fault::Denied,
        ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::BrokenPipe => {
            Fault::Reset
        }
        ErrorKind::NotConnected => Fault::Closed,
        ErrorKind::TimedOut => Fault::TimedOut,
        _ => Fault::Other,
    }
}
