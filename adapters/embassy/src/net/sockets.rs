//! The sockets of all lanes.

use core::net::IpAddr;
use core::pin::pin;
use core::task::{Context, Poll};
use core::time::Duration;

use embassy_net::tcp::{ConnectError, Error, State, TcpSocket};
use embassy_net::{IpAddress, IpEndpoint, Stack};
use imds_core::endpoint::Host;
use imds_core::{Endpoint, Event, Fault, Instant, Route, drive};

/// How long an orderly close may take before the connection is reset, and then how long the reset
/// may take to be sent.
const CLOSING: Duration = Duration::from_millis(250);

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
    phase: Phase,
}

#[derive(Clone, Copy)]
enum Phase {
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

impl<'d, const LANES: usize> Sockets<'d, LANES> {
    pub(super) fn new(stack: Stack<'d>, sockets: [TcpSocket<'d>; LANES]) -> Self {
        Self {
            lanes: sockets.map(|mut tcp| {
                // A request is one write: nothing is gained by waiting for more.
                tcp.set_nagle_enabled(false);
                Lane {
                    tcp,
                    phase: Phase::Free,
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
        On {
            present: self,
            lane,
        }
    }
}

/// One lane's socket.
struct On<'l, 'a, 'c, 'd> {
    present: &'l mut Present<'a, 'c, 'd>,
    lane: usize,
}

impl<'c, 'd> On<'_, '_, 'c, 'd> {
    const fn lane(&mut self) -> &mut Lane<'d> {
        &mut self.present.lanes[self.lane]
    }

    /// The socket, and what it is to wake.
    const fn tcp(&mut self) -> (&mut TcpSocket<'d>, &mut Context<'c>) {
        let Present { lanes, cx, .. } = &mut *self.present;
        (&mut lanes[self.lane].tcp, cx)
    }

    fn state(&self) -> State {
        self.present.lanes[self.lane].tcp.state()
    }

    /// `Blocked`, and to be asked again at `at` even if nothing happens on the wire.
    fn wait_until(&mut self, at: Instant) -> Event {
        let wake = &mut self.present.wake;
        *wake = Some(wake.map_or(at, |wake| wake.min(at)));
        Event::Blocked
    }

    /// `Blocked`; the socket wakes when its state changes.
    fn wait(&mut self) -> Event {
        let (tcp, cx) = self.tcp();
        // A socket that is not open is never ready to write: this is for its waker.
        let _ = pin!(tcp.wait_write_ready()).poll(cx);
        Event::Blocked
    }

    /// Begins to connect, unless it is known at once that it cannot be.
    fn start(&mut self, endpoint: &Endpoint) -> Result<(), Fault> {
        let remote = self.way(endpoint)?;
        let (tcp, cx) = self.tcp();
        match pin!(tcp.connect(remote)).poll(cx) {
            Poll::Pending | Poll::Ready(Ok(())) => Ok(()),
            Poll::Ready(Err(ConnectError::NoRoute)) => Err(Fault::Unreachable),
            Poll::Ready(Err(ConnectError::ConnectionReset)) => Err(Fault::Refused),
            Poll::Ready(Err(ConnectError::TimedOut)) => Err(Fault::TimedOut),
            // It is not open: that was looked at.
            Poll::Ready(Err(ConnectError::InvalidState)) => Err(Fault::Other),
        }
    }

    /// Where to connect to, if there is a way and an address to be answered at.
    fn way(&self, endpoint: &Endpoint) -> Result<IpEndpoint, Fault> {
        let Host::Ip(ip) = *endpoint.host() else {
            return Err(Fault::NameNotFound);
        };
        let (address, source, is_near, router) = match ip {
            // The stack's choice of a source has an assertion against it.
            _ if ip.is_unspecified() => None,
            #[cfg(feature = "ipv4")]
            IpAddr::V4(ip) => self.present.stack.config_v4().map(|config| {
                (
                    IpAddress::Ipv4(ip),
                    IpAddr::V4(config.address.address()),
                    config.address.contains_addr(&ip),
                    config.gateway.is_some(),
                )
            }),
            #[cfg(feature = "ipv6")]
            IpAddr::V6(ip) => self.present.stack.config_v6().map(|config| {
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
        if endpoint.ignores(source) && !self.present.link_local {
            return Err(Fault::LinkLocalSource);
        }
        Ok(IpEndpoint::new(address, endpoint.port()))
    }

    /// Frees the socket without a word to the peer. A reset that was still to be sent would have the
    /// stack look for a neighbour that is not there, once a second, for ever.
    fn forget(&mut self) -> Event {
        let (tcp, cx) = self.tcp();
        tcp.abort();
        // Listening is what forgets a connection. It is refused only for port 0 and open sockets.
        let _ = pin!(tcp.accept(1)).poll(cx);
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
        let since = self.present.now;
        self.lane().phase = Phase::Connecting { second, since };
        Event::Blocked
    }

    fn connect_first(&mut self, route: &Route) -> Event {
        match self.start(&route.first) {
            Ok(()) => self.connecting(false),
            Err(fault) => self.connect_second(route, fault),
        }
    }

    /// Goes on to the second endpoint, or ends with what became of the first.
    fn connect_second(&mut self, route: &Route, first: Fault) -> Event {
        let Some(second) = &route.second else {
            return self.failed(first);
        };
        match self.start(second) {
            Ok(()) => self.connecting(true),
            // No way to one family says less than what happened on the other.
            Err(fault) if first == Fault::Unreachable => self.failed(fault),
            Err(_) => self.failed(first),
        }
    }
}

impl drive::Socket for On<'_, '_, '_, '_> {
    fn connect(&mut self, route: &Route, until: Option<Instant>) -> Event {
        let Phase::Connecting { second, since } = self.lane().phase else {
            return self.connect_first(route);
        };
        match self.state() {
            State::Established | State::CloseWait => {
                self.lane().phase = Phase::Open;
                if second {
                    Event::ConnectedSecond
                } else {
                    Event::Connected
                }
            }
            State::SynSent | State::SynReceived if second => self.wait(),
            // One socket cannot connect twice at once: each endpoint gets half of the time. (Less
            // than a second would not do for the second one: for so long this stack lets a socket
            // rest whose first endpoint's neighbour could not be found.)
            State::SynSent | State::SynReceived => {
                self.wait();
                let (Some(other), Some(until)) = (&route.second, until) else {
                    return Event::Blocked;
                };
                // One to which there is no way takes no time from the first.
                if self.way(other).is_err() {
                    return Event::Blocked;
                }
                let turn = since + until.saturating_since(since) / 2;
                if self.present.now < turn {
                    return self.wait_until(turn);
                }
                self.forget();
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

    fn send(&mut self, bytes: &[u8], _until: Option<Instant>) -> Event {
        let (tcp, cx) = self.tcp();
        let result = pin!(tcp.write(bytes)).poll(cx);
        match result {
            Poll::Pending => Event::Blocked,
            Poll::Ready(Ok(n)) => Event::Sent(n),
            Poll::Ready(Err(Error::ConnectionReset)) => self.failed(Fault::Reset),
        }
    }

    fn receive(&mut self, window: &mut [u8], _until: Option<Instant>) -> Event {
        // What came before a reset or a FIN is still there and comes first.
        let (tcp, cx) = self.tcp();
        let result = pin!(tcp.read(window)).poll(cx);
        match result {
            Poll::Pending => Event::Blocked,
            Poll::Ready(Ok(0)) => Event::Eof,
            Poll::Ready(Ok(n)) => Event::Received(n),
            Poll::Ready(Err(Error::ConnectionReset)) => self.failed(Fault::Reset),
        }
    }

    /// The socket is free again when both sides know that it is over: both have closed, or our
    /// reset is sent. A peer that knows of our FIN and does not close is reset at once: nobody will
    /// read what it may still have to say. TIME-WAIT need not be waited for, because the next
    /// connection has another local port.
    fn close(&mut self) -> Event {
        let now = self.present.now;
        let phase = self.lane().phase;
        let since = match phase {
            Phase::Closing { since } => since,
            Phase::Free => return Event::Closed,
            // There is nobody to tell yet.
            Phase::Connecting { .. } if matches!(self.state(), State::SynSent | State::Closed) => {
                return self.forget();
            }
            // One that stands may not have been looked at since.
            Phase::Connecting { .. } | Phase::Open => {
                let (tcp, _) = self.tcp();
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
        let state = self.state();
        let (tcp, cx) = self.tcp();
        let is_over = state == State::TimeWait
            // A reset that was sent.
            || (state == State::Closed && pin!(tcp.flush()).poll(cx).is_ready());
        let is_told = state == State::FinWait2;
        if !is_over && !is_told && now < since + CLOSING {
            self.wait();
            return self.wait_until(since + CLOSING);
        }
        if !is_over && state != State::Closed {
            let (tcp, _) = self.tcp();
            tcp.abort();
            self.lane().phase = Phase::Closing { since: now };
            self.wait();
            return self.wait_until(now + CLOSING);
        }
        // If not even a reset could be sent, the peer is not to be reached: it will find out.
        self.forget()
    }

    fn check_idle(&mut self) -> Event {
        let (tcp, _) = self.tcp();
        if tcp.can_recv() {
            Event::Received(tcp.recv_queue())
        } else if tcp.state() == State::Established {
            Event::Blocked
        } else {
            Event::Eof
        }
    }
}
