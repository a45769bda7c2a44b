//! The sockets of all lanes.

use core::net::IpAddr;
use core::pin::pin;
use core::task::{Context, Poll};

use embassy_net::tcp::{ConnectError, Error, State, TcpSocket};
use embassy_net::{IpAddress, IpEndpoint, Stack};
use imds_core::drive::polled::{self, Polled, Stage, Tcp};
use imds_core::endpoint::Host;
use imds_core::{Endpoint, Event, Fault, Instant, drive};

/// One TCP socket for each lane.
#[expect(
    missing_debug_implementations,
    reason = "the stack's sockets have none"
)]
pub struct Sockets<'d, const LANES: usize> {
    lanes: [Lane<'d>; LANES],
    stack: Stack<'d>,
    link_local: bool,
}

struct Lane<'d> {
    tcp: TcpSocket<'d>,
    stage: Stage,
}

impl<'d, const LANES: usize> Sockets<'d, LANES> {
    pub(super) fn new(stack: Stack<'d>, sockets: [TcpSocket<'d>; LANES]) -> Self {
        Self {
            lanes: sockets.map(|mut tcp| {
                // A request is one write: nothing is gained by waiting for more.
                tcp.set_nagle_enabled(false);
                Lane {
                    tcp,
                    stage: Stage::Free,
                }
            }),
            stack,
            link_local: false,
        }
    }

    pub(super) const fn allow_link_local_source(&mut self, allow: bool) {
        self.link_local = allow;
    }

    /// The sockets at this moment. What they wait for wakes `cx`.
    pub(super) const fn on<'a, 'c>(
        &'a mut self,
        cx: &'a mut Context<'c>,
        now: Instant,
    ) -> Present<'a, 'c, 'd> {
        Present {
            lanes: &mut self.lanes,
            stack: self.stack,
            link_local: self.link_local,
            cx,
            now,
            wake: None,
        }
    }
}

/// [`Sockets::on`] a moment.
pub(super) struct Present<'a, 'c, 'd> {
    lanes: &'a mut [Lane<'d>],
    stack: Stack<'d>,
    link_local: bool,
    cx: &'a mut Context<'c>,
    now: Instant,
    wake: Option<Instant>,
}

impl Present<'_, '_, '_> {
    /// When the lanes want to be driven again for a reason that neither the stack nor the core
    /// knows: a close that takes too long, the turn of a second address.
    pub(super) const fn wake(&self) -> Option<Instant> {
        self.wake
    }
}

impl drive::Sockets for Present<'_, '_, '_> {
    fn socket(&mut self, lane: usize) -> impl drive::Socket {
        let Lane { tcp, stage } = &mut self.lanes[lane];
        let tcp = On {
            tcp,
            stack: self.stack,
            link_local: self.link_local,
            cx: self.cx,
        };
        Polled {
            tcp,
            stage,
            now: self.now,
            wake: &mut self.wake,
        }
    }
}

/// One lane's socket, and what it is to wake.
struct On<'a, 'c, 'd> {
    tcp: &'a mut TcpSocket<'d>,
    stack: Stack<'d>,
    link_local: bool,
    cx: &'a mut Context<'c>,
}

impl On<'_, '_, '_> {
    /// Where to connect to, if there is a way and an address to be answered at.
    fn way(&self, endpoint: &Endpoint) -> Result<IpEndpoint, Fault> {
        let Host::Ip(ip) = *endpoint.host() else {
            return Err(Fault::NameNotFound);
        };
        let (address, source, is_near, router) = match ip {
            // The stack's choice of a source has an assertion against it.
            _ if ip.is_unspecified() => None,
            #[cfg(feature = "ipv4")]
            IpAddr::V4(ip) => self.stack.config_v4().map(|config| {
                (
                    IpAddress::Ipv4(ip),
                    IpAddr::V4(config.address.address()),
                    config.address.contains_addr(&ip),
                    config.gateway.is_some(),
                )
            }),
            #[cfg(feature = "ipv6")]
            IpAddr::V6(ip) => self.stack.config_v6().map(|config| {
                (
                    IpAddress::Ipv6(ip),
                    IpAddr::V6(config.address.address()),
                    config.address.contains_addr(&ip),
                    config.gateway.is_some(),
                )
            }),
            #[cfg(not(all(feature = "ipv4", feature = "ipv6")))]
            _ => None,
        }
        .ok_or(Fault::Unreachable)?;
        if !is_near && !router {
            return Err(Fault::Unreachable);
        }
        if endpoint.ignores(source) && !self.link_local {
            return Err(Fault::LinkLocalSource);
        }
        Ok(IpEndpoint::new(address, endpoint.port()))
    }
}

impl Tcp for On<'_, '_, '_> {
    fn start(&mut self, endpoint: &Endpoint) -> Result<Option<Instant>, Fault> {
        let remote = self.way(endpoint)?;
        match pin!(self.tcp.connect(remote)).poll(self.cx) {
            Poll::Pending | Poll::Ready(Ok(())) => Ok(None),
            Poll::Ready(Err(ConnectError::NoRoute)) => Err(Fault::Unreachable),
            Poll::Ready(Err(ConnectError::ConnectionReset)) => Err(Fault::Refused),
            Poll::Ready(Err(ConnectError::TimedOut)) => Err(Fault::TimedOut),
            // It is closed.
            Poll::Ready(Err(ConnectError::InvalidState)) => Err(Fault::Other),
        }
    }

    fn has_way(&mut self, endpoint: &Endpoint) -> bool {
        self.way(endpoint).is_ok()
    }

    fn state(&self) -> polled::State {
        match self.tcp.state() {
            State::SynSent | State::SynReceived => polled::State::Connecting,
            State::Established => polled::State::Established,
            State::CloseWait => polled::State::CloseWait,
            State::FinWait1 | State::Closing | State::LastAck => polled::State::Closing,
            State::FinWait2 => polled::State::FinWait2,
            State::Closed if self.tcp.remote_endpoint().is_some() => polled::State::Resetting,
            State::Closed | State::Listen | State::TimeWait => polled::State::Closed,
        }
    }

    fn send(&mut self, bytes: &[u8]) -> Event {
        match pin!(self.tcp.write(bytes)).poll(self.cx) {
            Poll::Pending => Event::Blocked,
            Poll::Ready(Ok(n)) => Event::Sent(n),
            Poll::Ready(Err(Error::ConnectionReset)) => Event::Failed(Fault::Reset),
        }
    }

    fn receive(&mut self, window: &mut [u8]) -> Event {
        match pin!(self.tcp.read(window)).poll(self.cx) {
            Poll::Pending => Event::Blocked,
            Poll::Ready(Ok(0)) => Event::Eof,
            Poll::Ready(Ok(n)) => Event::Received(n),
            Poll::Ready(Err(Error::ConnectionReset)) => Event::Failed(Fault::Reset),
        }
    }

    fn unread(&self) -> usize {
        self.tcp.recv_queue()
    }

    fn close(&mut self) {
        self.tcp.close();
    }

    fn abort(&mut self) {
        self.tcp.abort();
    }

    /// A reset that was still to be sent would have the stack look for a neighbour that is not
    /// there, once a second, for ever.
    fn forget(&mut self) {
        self.tcp.abort();
        // Listening is what forgets a connection. It is refused only for port 0 and open sockets.
        let _ = pin!(self.tcp.accept(1)).poll(self.cx);
        self.tcp.close();
    }

    fn wait(&mut self) {
        // A socket that is not open is never ready to write: this is for its waker.
        let _ = pin!(self.tcp.wait_write_ready()).poll(self.cx);
    }
}
