//! A smoltcp stack whose loopback has the client's sockets at one end and the mock at the other.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use core::time::Duration;

use imds_core::drive::{self, Sockets as _};
use imds_core::endpoint::Host;
use imds_core::{Endpoint, Event, Route};
use imds_mock::Mock;
use imds_smoltcp::{Lanes, Stack};
use smoltcp::iface::{
    Config, Interface, PollIngressSingleResult, PollResult, SocketHandle, SocketSet,
};
use smoltcp::phy::{self, Medium};
use smoltcp::socket::tcp::{self, State};
use smoltcp::time::Instant;
use smoltcp::wire::{HardwareAddress, IpCidr, IpListenEndpoint};

use crate::Network;
use imds_peer::pool::Pool;

/// Whom packets reach: the metadata service at its two addresses and, at one that routes name
/// too, the client. EC2 does not answer 169.254.169.254 itself, so it must not be the only one.
const ADDRESSES: [(IpAddr, u8); 4] = [
    (IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)), 8),
    (IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)), 32),
    (
        IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 1)),
        64,
    ),
    (
        IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
        128,
    ),
];

/// Buffers as small as an image would have: no answer of some length fits.
const RECEIVE: usize = 1460;
const SEND: usize = 512;

/// The stack.
pub(crate) struct Loopback {
    device: phy::Loopback,
    interface: Interface,
    sockets: SocketSet<'static>,
    lanes: Box<dyn AnyLanes>,
    server: Pool,
    /// The last local port of [`open`](Self::open).
    port: u16,
    /// Sockets that nobody holds any more, until their connections are over.
    left: Vec<SocketHandle>,
}

/// [`Lanes`], however many.
trait AnyLanes {
    fn on<'a>(
        &'a mut self,
        now: Instant,
        interface: &'a mut Interface,
        sockets: &'a mut SocketSet<'static>,
    ) -> Stack<'a, 'static>;

    fn poll_at(&self) -> Option<Instant>;
}

impl<const LANES: usize> AnyLanes for Lanes<LANES> {
    fn on<'a>(
        &'a mut self,
        now: Instant,
        interface: &'a mut Interface,
        sockets: &'a mut SocketSet<'static>,
    ) -> Stack<'a, 'static> {
        self.on(now, interface, sockets)
    }

    fn poll_at(&self) -> Option<Instant> {
        self.poll_at()
    }
}

impl Loopback {
    pub(crate) fn new<const LANES: usize>(seed: u64) -> Self {
        let mut device = phy::Loopback::new(Medium::Ip);
        let mut config = Config::new(HardwareAddress::Ip);
        config.random_seed = seed;
        let mut interface = Interface::new(config, &mut device, Instant::ZERO);
        interface.update_ip_addrs(|held| {
            held.extend(ADDRESSES.map(|(address, prefix)| IpCidr::new(address.into(), prefix)));
        });
        let mut sockets = SocketSet::new(Vec::new());
        let handles =
            [(); LANES].map(|()| sockets.add(tcp::Socket::new(buffer(RECEIVE), buffer(SEND))));
        Self {
            device,
            interface,
            sockets,
            lanes: Box::new(Lanes::new(handles, seed)),
            server: Pool::default(),
            port: 49_152,
            left: Vec::new(),
        }
    }

    pub(crate) fn hang_up(&mut self, now: Duration, mock: &mut Mock) {
        self.server.hang_up(now, &mut self.sockets, mock);
        self.settle(now, mock);
    }

    /// A socket of its own that connects to where somebody answers, or nobody.
    pub(crate) fn open(&mut self, remote: SocketAddr, answers: bool) -> SocketHandle {
        let sockets = &mut self.sockets;
        self.left.retain(|&handle| {
            let socket = sockets.get::<tcp::Socket<'_>>(handle);
            let told = socket.state() == State::Closed && socket.local_endpoint().is_none();
            let over = told || socket.state() == State::TimeWait;
            if over {
                sockets.remove(handle);
            }
            !over
        });
        let served = answers.then_some(remote.into());
        self.server.listen_at(served, &mut self.sockets);
        let mut socket = tcp::Socket::new(buffer(RECEIVE), buffer(SEND));
        // As imds-smoltcp has them.
        socket.set_nagle_enabled(false);
        socket.set_ack_delay(None);
        self.port += 1;
        socket
            .connect(self.interface.context(), remote, self.port)
            .expect("a new socket");
        self.sockets.add(socket)
    }

    pub(crate) fn socket(&mut self, handle: SocketHandle) -> &mut tcp::Socket<'static> {
        self.sockets.get_mut(handle)
    }

    /// Closes a socket of [`open`](Self::open) and leaves it to itself.
    pub(crate) fn leave(&mut self, handle: SocketHandle) {
        let socket = self.socket(handle);
        // Bytes that nobody will read.
        if socket.can_recv() {
            socket.abort();
        } else {
            socket.close();
        }
        self.left.push(handle);
    }

    /// When something happens here of itself; the present, if something does now.
    pub(crate) fn next_timeout(&mut self, now: Duration, mock: &mut Mock) -> Option<Duration> {
        if self.settle(now, mock) {
            return Some(now);
        }
        let stack = self.interface.poll_at(instant(now), &self.sockets);
        let next = stack
            .map(duration)
            .into_iter()
            .chain(self.server.next_timeout());
        Some(next.min()?.max(now))
    }

    /// Moves packets and the server until all are at rest. False: they were.
    pub(crate) fn settle(&mut self, now: Duration, mock: &mut Mock) -> bool {
        for steps in 0..1_000_000 {
            if !self.step(now, mock) {
                return steps > 0;
            }
        }
        panic!("a stack that never rests");
    }

    /// The next thing that happens without time passing: a packet arrives, packets are sent, or,
    /// when there are none, the server does something. False: nothing.
    fn step(&mut self, now: Duration, mock: &mut Mock) -> bool {
        let (at, device, sockets) = (instant(now), &mut self.device, &mut self.sockets);
        let arrived = self.interface.poll_ingress_single(at, device, sockets);
        let moved = arrived != PollIngressSingleResult::None
            || self.interface.poll_egress(at, device, sockets) != PollResult::None
            || self.server.step(now, sockets, mock);
        self.server.listen(sockets);
        moved
    }
}

fn buffer(size: usize) -> tcp::SocketBuffer<'static> {
    tcp::SocketBuffer::new(vec![0; size])
}

/// A lane's socket on the stack.
pub(crate) struct Lane {
    number: usize,
    /// When it wants to be asked again.
    wake: Option<Duration>,
}

impl Lane {
    pub(crate) const fn new(number: usize) -> Self {
        Self { number, wake: None }
    }

    pub(crate) const fn next_timeout(&self) -> Option<Duration> {
        self.wake
    }

    pub(crate) fn connect(
        &mut self,
        network: &Network,
        stack: &mut Loopback,
        route: &Route,
        until: Option<imds_core::Instant>,
    ) -> Event {
        // The other address then refuses.
        let first = !network.second.get() || route.second.is_none();
        let served = first.then_some(&route.first).into_iter();
        let served: Vec<_> = served.chain(&route.second).filter_map(endpoint).collect();
        stack.server.listen_at(served, &mut stack.sockets);
        self.ask(network, stack, |socket| socket.connect(route, until))
    }

    pub(crate) fn check_idle(&mut self, network: &Network, stack: &mut Loopback) -> Event {
        stack.settle(network.now.get(), &mut network.mock.borrow_mut());
        self.ask(network, stack, |socket| socket.check_idle())
    }

    /// Asks until there is an answer or the stack is at rest, so that `Blocked` is true.
    pub(crate) fn ask(
        &mut self,
        network: &Network,
        stack: &mut Loopback,
        mut ask: impl FnMut(&mut dyn drive::Socket) -> Event,
    ) -> Event {
        let now = network.now.get();
        loop {
            let event = {
                let (interface, sockets) = (&mut stack.interface, &mut stack.sockets);
                let mut lanes = stack.lanes.on(instant(now), interface, sockets);
                ask(&mut lanes.socket(self.number))
            };
            // Of this lane alone: to be put on the stack makes the lanes forget it.
            self.wake = stack.lanes.poll_at().map(duration);
            if event != Event::Blocked || !stack.step(now, &mut network.mock.borrow_mut()) {
                return event;
            }
        }
    }
}

fn endpoint(endpoint: &Endpoint) -> Option<IpListenEndpoint> {
    match endpoint.host() {
        Host::Ip(ip) => Some((*ip, endpoint.port()).into()),
        Host::Name(_) => None,
    }
}

fn instant(at: Duration) -> Instant {
    Instant::from_micros(i64::try_from(at.as_micros()).unwrap_or(i64::MAX))
}

fn duration(at: Instant) -> Duration {
    Duration::from_micros(u64::try_from(at.total_micros()).unwrap_or(0))
}
