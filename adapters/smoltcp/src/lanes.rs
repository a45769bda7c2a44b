//! The sockets of all lanes, on a stack that somebody else owns.

use core::net::IpAddr;

use imds_core::drive::polled::{self, Polled, Stage, Tcp};
use imds_core::endpoint::Host;
use imds_core::{Endpoint, Event, Fault, drive};
use smoltcp::iface::{Interface, SocketHandle, SocketSet};
use smoltcp::socket::AnySocket as _;
use smoltcp::socket::tcp::{self, ConnectError, RecvError, Socket, State};
use smoltcp::time::Instant;
use smoltcp::wire::{IpAddress, IpCidr, IpEndpoint, IpListenEndpoint};

use crate::ports::Ports;
use crate::time;

/// One TCP socket for each lane, and what is remembered of them.
///
/// [`Client`](crate::Client) has one; it is for those who drive an
/// [`imds_core::Client`] in their own way.
#[derive(Debug)]
pub struct Lanes<const LANES: usize> {
    lanes: [Lane; LANES],
    common: Common,
}

/// What the lanes share.
#[derive(Debug)]
struct Common {
    ports: Ports,
    link_local: bool,
    wake: Option<imds_core::Instant>,
}

#[derive(Debug)]
struct Lane {
    handle: SocketHandle,
    stage: Stage,
}

impl<const LANES: usize> Lanes<LANES> {
    /// Uses these TCP sockets, which are nobody else's. `seed` decides where the local ports
    /// begin.
    pub fn new(handles: [SocketHandle; LANES], seed: u64) -> Self {
        Self {
            lanes: handles.map(|handle| Lane {
                handle,
                stage: Stage::Free,
            }),
            common: Common {
                ports: Ports::new(seed),
                link_local: false,
                wake: None,
            },
        }
    }

    /// See [`Client::allow_link_local_source`](crate::Client::allow_link_local_source).
    pub const fn allow_link_local_source(&mut self, allow: bool) {
        self.common.link_local = allow;
    }

    /// The sockets on their stack, at this moment, for [`imds_core::Client::drive`].
    pub const fn on<'a, 's>(
        &'a mut self,
        now: Instant,
        iface: &'a mut Interface,
        sockets: &'a mut SocketSet<'s>,
    ) -> Stack<'a, 's> {
        self.common.wake = None;
        Stack {
            lanes: &mut self.lanes,
            common: &mut self.common,
            now,
            iface,
            sockets,
        }
    }

    /// When the lanes want to be driven again for a reason that neither the stack nor the core
    /// knows: a close that takes too long, the turn of a second address, a local port that has to
    /// rest.
    pub fn poll_at(&self) -> Option<Instant> {
        self.common.wake.map(time::stack)
    }
}

/// [`Lanes::on`] a stack.
#[expect(missing_debug_implementations, reason = "smoltcp's interface has none")]
pub struct Stack<'a, 's> {
    lanes: &'a mut [Lane],
    common: &'a mut Common,
    now: Instant,
    iface: &'a mut Interface,
    sockets: &'a mut SocketSet<'s>,
}

impl drive::Sockets for Stack<'_, '_> {
    fn socket(&mut self, lane: usize) -> impl drive::Socket {
        let Common {
            ports,
            link_local,
            wake,
        } = &mut *self.common;
        let Lane { handle, stage } = &mut self.lanes[lane];
        let tcp = On {
            handle: *handle,
            ports,
            link_local: *link_local,
            now: self.now,
            iface: self.iface,
            sockets: self.sockets,
        };
        let now = time::core(self.now);
        Polled {
            tcp,
            stage,
            now,
            wake,
        }
    }
}

/// One lane's socket.
struct On<'a, 's> {
    handle: SocketHandle,
    ports: &'a mut Ports,
    link_local: bool,
    now: Instant,
    iface: &'a mut Interface,
    sockets: &'a mut SocketSet<'s>,
}

impl<'s> On<'_, 's> {
    fn tcp(&mut self) -> &mut Socket<'s> {
        self.sockets.get_mut(self.handle)
    }

    /// The address to send to, and the one to send from.
    fn way(&mut self, endpoint: &Endpoint) -> Result<(IpAddress, IpAddress), Fault> {
        let Host::Ip(ip) = *endpoint.host() else {
            return Err(Fault::NameNotFound);
        };
        let remote = address(ip)
            // smoltcp's choice of a source has an assertion against it.
            .filter(|remote| !remote.is_unspecified())
            .ok_or(Fault::Unreachable)?;
        let Self { iface, now, .. } = self;
        let near = |cidr: &IpCidr| cidr.contains_addr(&remote);
        let mut far = false;
        iface.routes_mut().update(|routes| {
            far = routes.iter().any(|route| {
                near(&route.cidr) && route.expires_at.is_none_or(|expires| *now < expires)
            });
        });
        if !far && !iface.ip_addrs().iter().any(near) {
            return Err(Fault::Unreachable);
        }
        let usable = |source: IpAddress| self.link_local || !endpoint.ignores(source.into());
        let best = iface
            .get_source_address(&remote)
            // Without an address of its own the stack names the loopback's.
            .filter(|source| iface.has_ip_addr(*source))
            .ok_or(Fault::Unreachable)?;
        let others = iface.ip_addrs().iter().map(|cidr| cidr.address());
        core::iter::once(best)
            .chain(others.filter(|source| source.version() == remote.version()))
            .find(|source| usable(*source))
            .map(|source| (remote, source))
            .ok_or(Fault::LinkLocalSource)
    }

    /// A local port that no socket of the stack uses, or when there will be one.
    fn port(&mut self) -> Result<u16, Instant> {
        let Self { now, sockets, .. } = self;
        self.ports.take(*now, |port| {
            sockets
                .iter()
                .filter_map(|(_, socket)| tcp::Socket::downcast(socket))
                .any(|tcp| {
                    let local = tcp.local_endpoint().map(|local| local.port);
                    local == Some(port) || tcp.listen_endpoint().port == port
                })
        })
    }

    /// The server remembers the connection from now on.
    fn release(&mut self) {
        let now = self.now;
        if let Some(local) = self.tcp().local_endpoint() {
            self.ports.release(local.port, now);
        }
    }
}

impl Tcp for On<'_, '_> {
    fn start(&mut self, endpoint: &Endpoint) -> Result<Option<imds_core::Instant>, Fault> {
        // It may have been given to us in any state.
        self.tcp().abort();
        let (remote, source) = self.way(endpoint)?;
        let port = match self.port() {
            Ok(port) => port,
            Err(again) => return Ok(Some(time::core(again))),
        };
        let tcp: &mut Socket<'_> = self.sockets.get_mut(self.handle);
        // A request is one write and an answer a few segments: nothing is gained by waiting for
        // more, neither before sending nor before acknowledging.
        tcp.set_nagle_enabled(false);
        tcp.set_ack_delay(None);
        // The core has its own deadlines.
        tcp.set_timeout(None);
        let remote = IpEndpoint::new(remote, endpoint.port());
        let local = IpListenEndpoint::from((source, port));
        match tcp.connect(self.iface.context(), remote, local) {
            Ok(()) => Ok(None),
            Err(ConnectError::Unaddressable) => Err(Fault::Unreachable),
            // It is closed.
            Err(ConnectError::InvalidState) => Err(Fault::Other),
        }
    }

    fn has_way(&mut self, endpoint: &Endpoint) -> bool {
        self.way(endpoint).is_ok()
    }

    fn state(&self) -> polled::State {
        let tcp: &Socket<'_> = self.sockets.get(self.handle);
        match tcp.state() {
            State::SynSent | State::SynReceived => polled::State::Connecting,
            State::Established => polled::State::Established,
            State::CloseWait => polled::State::CloseWait,
            State::FinWait1 | State::Closing | State::LastAck => polled::State::Closing,
            State::FinWait2 => polled::State::FinWait2,
            State::Closed if tcp.remote_endpoint().is_some() => polled::State::Resetting,
            State::Closed | State::Listen | State::TimeWait => polled::State::Closed,
        }
    }

    fn send(&mut self, bytes: &[u8]) -> Event {
        match self.tcp().send_slice(bytes) {
            Ok(0) => Event::Blocked,
            Ok(n) => Event::Sent(n),
            // We have not closed it, so the peer has, and not by a FIN.
            Err(_) => Event::Failed(Fault::Reset),
        }
    }

    fn receive(&mut self, window: &mut [u8]) -> Event {
        match self.tcp().recv_slice(window) {
            Ok(0) => Event::Blocked,
            Ok(n) => Event::Received(n),
            Err(RecvError::Finished) => Event::Eof,
            Err(RecvError::InvalidState) => Event::Failed(Fault::Reset),
        }
    }

    fn unread(&self) -> usize {
        self.sockets.get::<Socket<'_>>(self.handle).recv_queue()
    }

    fn close(&mut self) {
        self.release();
        self.tcp().close();
    }

    fn abort(&mut self) {
        self.release();
        self.tcp().abort();
    }

    /// A reset that was still to be sent would have the stack look for a neighbour that is not
    /// there, once a second, for ever.
    fn forget(&mut self) {
        let tcp = self.tcp();
        tcp.abort();
        // Listening is what forgets a connection. It is refused only for port 0 and open sockets.
        let _ = tcp.listen(1);
        tcp.close();
    }
}

/// The stack's word for an address; `None` if this build does not speak its family.
const fn address(ip: IpAddr) -> Option<IpAddress> {
    match ip {
        #[cfg(feature = "ipv4")]
        IpAddr::V4(ip) => Some(IpAddress::Ipv4(ip)),
        #[cfg(feature = "ipv6")]
        IpAddr::V6(ip) => Some(IpAddress::Ipv6(ip)),
        #[cfg(not(all(feature = "ipv4", feature = "ipv6")))]
        _ => None,
    }
}
