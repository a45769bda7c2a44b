//! The sockets of all lanes, on a stack that somebody else owns.

use core::net::IpAddr;

use imds_core::endpoint::Host;
use imds_core::{Endpoint, Event, Fault, Route, drive};
use smoltcp::iface::{Interface, SocketHandle, SocketSet};
use smoltcp::socket::AnySocket as _;
use smoltcp::socket::tcp::{self, ConnectError, RecvError, Socket, State};
use smoltcp::time::{Duration, Instant};
use smoltcp::wire::{IpAddress, IpCidr, IpEndpoint, IpListenEndpoint};

use crate::ports::Ports;
use crate::time;

/// How long an orderly close may take before the connection is reset, and then how long the reset
/// may take to be sent.
const CLOSING: Duration = Duration::from_millis(250);

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
    wake: Option<Instant>,
}

#[derive(Clone, Copy, Debug)]
struct Lane {
    handle: SocketHandle,
    phase: Phase,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    /// The socket is free, or was given to us in whatever state it was.
    Free,
    /// To the route's first or second endpoint.
    Connecting {
        second: bool,
        since: Instant,
    },
    Open,
    Closing {
        since: Instant,
    },
}

impl<const LANES: usize> Lanes<LANES> {
    /// Uses these TCP sockets, which are nobody else's. `seed` decides where the local ports
    /// begin.
    pub fn new(handles: [SocketHandle; LANES], seed: u64) -> Self {
        Self {
            lanes: handles.map(|handle| Lane {
                handle,
                phase: Phase::Free,
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
    pub const fn poll_at(&self) -> Option<Instant> {
        self.common.wake
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
        On { stack: self, lane }
    }
}

/// Why a connection was not even begun.
enum Refusal {
    Fault(Fault),
    /// Every local port has to rest.
    NoPort,
}

/// One lane's socket.
struct On<'l, 'a, 's> {
    stack: &'l mut Stack<'a, 's>,
    lane: usize,
}

impl<'s> On<'_, '_, 's> {
    const fn lane(&mut self) -> &mut Lane {
        &mut self.stack.lanes[self.lane]
    }

    fn tcp(&mut self) -> &mut Socket<'s> {
        let handle = self.lane().handle;
        self.stack.sockets.get_mut(handle)
    }

    /// `Blocked`, and to be asked again at `at` even if nothing happens on the wire.
    fn wait_until(&mut self, at: Instant) -> Event {
        let wake = &mut self.stack.common.wake;
        *wake = Some(wake.map_or(at, |wake| wake.min(at)));
        Event::Blocked
    }

    /// Begins to connect, unless it is known at once that it cannot be.
    fn start(&mut self, endpoint: &Endpoint) -> Result<(), Refusal> {
        let (remote, source) = self.way(endpoint).map_err(Refusal::Fault)?;
        let port = self.port().map_err(|again| {
            self.wait_until(again);
            Refusal::NoPort
        })?;
        let handle = self.lane().handle;
        let Stack { iface, sockets, .. } = &mut *self.stack;
        let tcp: &mut Socket<'s> = sockets.get_mut(handle);
        // A request is one write and an answer a few segments: nothing is gained by waiting for
        // more, neither before sending nor before acknowledging.
        tcp.set_nagle_enabled(false);
        tcp.set_ack_delay(None);
        // The core has its own deadlines.
        tcp.set_timeout(None);
        tcp.connect(
            iface.context(),
            IpEndpoint::new(remote, endpoint.port()),
            IpListenEndpoint::from((source, port)),
        )
        .map_err(|error| {
            Refusal::Fault(match error {
                ConnectError::Unaddressable => Fault::Unreachable,
                // It is not open: that was looked at.
                ConnectError::InvalidState => Fault::Other,
            })
        })
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
        let iface = &mut *self.stack.iface;
        let now = self.stack.now;
        let near = |cidr: &IpCidr| cidr.contains_addr(&remote);
        let mut far = false;
        iface.routes_mut().update(|routes| {
            far = routes.iter().any(|route| {
                near(&route.cidr) && route.expires_at.is_none_or(|expires| now < expires)
            });
        });
        if !far && !iface.ip_addrs().iter().any(near) {
            return Err(Fault::Unreachable);
        }
        let usable =
            |source: IpAddress| self.stack.common.link_local || !endpoint.ignores(source.into());
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
        let Stack {
            common,
            now,
            sockets,
            ..
        } = &mut *self.stack;
        common.ports.take(*now, |port| {
            sockets
                .iter()
                .filter_map(|(_, socket)| tcp::Socket::downcast(socket))
                .any(|tcp| {
                    let local = tcp.local_endpoint().map(|local| local.port);
                    local == Some(port) || tcp.listen_endpoint().port == port
                })
        })
    }

    /// Frees the socket without a word to the peer. A reset that was still to be sent would have the
    /// stack look for a neighbour that is not there, once a second, for ever.
    fn forget(&mut self) -> Event {
        let tcp = self.tcp();
        tcp.abort();
        // Listening is what forgets a connection. It is refused only for port 0 and open sockets.
        let _ = tcp.listen(1);
        tcp.close();
        self.lane().phase = Phase::Free;
        Event::Closed
    }

    /// The connection is gone, or never was.
    const fn failed(&mut self, fault: Fault) -> Event {
        self.lane().phase = Phase::Free;
        Event::Failed(fault)
    }

    const fn connecting(&mut self, second: bool) -> Event {
        let since = self.stack.now;
        self.lane().phase = Phase::Connecting { second, since };
        Event::Blocked
    }

    fn connect_first(&mut self, route: &Route) -> Event {
        // A socket may have been given to us in any state.
        if self.tcp().is_open() {
            self.tcp().abort();
        }
        match self.start(&route.first) {
            Ok(()) => self.connecting(false),
            Err(Refusal::NoPort) => Event::Blocked,
            Err(Refusal::Fault(fault)) => self.connect_second(route, fault),
        }
    }

    /// Goes on to the second endpoint, or ends with what became of the first.
    fn connect_second(&mut self, route: &Route, first: Fault) -> Event {
        let Some(second) = &route.second else {
            return self.failed(first);
        };
        match self.start(second) {
            Ok(()) => self.connecting(true),
            Err(Refusal::NoPort) => {
                self.lane().phase = Phase::Free;
                Event::Blocked
            }
            // No way to one family says less than what happened on the other.
            Err(Refusal::Fault(fault)) if first == Fault::Unreachable => self.failed(fault),
            Err(Refusal::Fault(_)) => self.failed(first),
        }
    }
}

impl drive::Socket for On<'_, '_, '_> {
    fn connect(&mut self, route: &Route, until: Option<imds_core::Instant>) -> Event {
        let Phase::Connecting { second, since } = self.lane().phase else {
            return self.connect_first(route);
        };
        match self.tcp().state() {
            State::Established | State::CloseWait => {
                self.lane().phase = Phase::Open;
                if second {
                    Event::ConnectedSecond
                } else {
                    Event::Connected
                }
            }
            State::SynSent | State::SynReceived if second => Event::Blocked,
            // One socket cannot connect twice at once: each endpoint gets half of the time. (Less
            // than a second would not do for the second one: for so long this stack lets a socket
            // rest whose first endpoint's neighbour could not be found.)
            State::SynSent | State::SynReceived => {
                let (Some(other), Some(until)) = (&route.second, until) else {
                    return Event::Blocked;
                };
                // One to which there is no way takes no time from the first.
                if self.way(other).is_err() {
                    return Event::Blocked;
                }
                let all = time::stack(until).max(since) - since;
                let turn = since + Duration::from_micros(all.total_micros() / 2);
                if self.stack.now < turn {
                    return self.wait_until(turn);
                }
                self.tcp().abort();
                self.connect_second(route, Fault::TimedOut)
            }
            // Reset, or the stack gave up.
            State::Closed
            | State::Listen
            | State::FinWait1
            | State::FinWait2
            | State::Closing
            | State::LastAck
            | State::TimeWait => match second {
                true => self.failed(Fault::Refused),
                false => self.connect_second(route, Fault::Refused),
            },
        }
    }

    fn send(&mut self, bytes: &[u8], _until: Option<imds_core::Instant>) -> Event {
        match self.tcp().send_slice(bytes) {
            Ok(0) => Event::Blocked,
            Ok(n) => Event::Sent(n),
            // We have not closed it, so the peer has, and not by a FIN.
            Err(_) => self.failed(Fault::Reset),
        }
    }

    fn receive(&mut self, window: &mut [u8], _until: Option<imds_core::Instant>) -> Event {
        // What came before a reset or a FIN is still there and comes first.
        match self.tcp().recv_slice(window) {
            Ok(0) => Event::Blocked,
            Ok(n) => Event::Received(n),
            Err(RecvError::Finished) => Event::Eof,
            Err(RecvError::InvalidState) => self.failed(Fault::Reset),
        }
    }

    /// The socket is free again when both sides know that it is over: both have closed, or our
    /// reset is sent. A peer that knows of our FIN and does not close is reset at once: nobody will
    /// read what it may still have to say. TIME-WAIT need not be waited for, because the next
    /// connection has another local port.
    fn close(&mut self) -> Event {
        let now = self.stack.now;
        let state = self.tcp().state();
        let since = match self.lane().phase {
            Phase::Closing { since } => since,
            Phase::Free => return Event::Closed,
            // There is nobody to tell yet.
            Phase::Connecting { .. } if matches!(state, State::SynSent | State::Closed) => {
                return self.forget();
            }
            // One that stands may not have been looked at since.
            Phase::Connecting { .. } | Phase::Open => {
                let tcp = self.tcp();
                // Bytes that nobody will read, and the peer may have more of them.
                if tcp.can_recv() {
                    tcp.abort();
                } else {
                    tcp.close();
                }
                self.lane().phase = Phase::Closing { since: now };
                now
            }
        };
        let local = self.tcp().local_endpoint();
        if let Some(local) = local {
            self.stack.common.ports.release(local.port, now);
        }
        let state = self.tcp().state();
        let is_over = state == State::TimeWait || (state == State::Closed && local.is_none());
        let is_told = state == State::FinWait2;
        if !is_over && !is_told && now < since + CLOSING {
            return self.wait_until(since + CLOSING);
        }
        if !is_over && state != State::Closed {
            self.tcp().abort();
            self.lane().phase = Phase::Closing { since: now };
            return self.wait_until(now + CLOSING);
        }
        // If not even a reset could be sent, the peer is not to be reached: it will find out.
        self.forget()
    }

    fn check_idle(&mut self) -> Event {
        let tcp = self.tcp();
        if tcp.can_recv() {
            Event::Received(tcp.recv_queue())
        } else if tcp.state() == State::Established {
            Event::Blocked
        } else {
            Event::Eof
        }
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
