//! The stack, and the order in which its parts are asked.

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use core::time::Duration;
use std::collections::VecDeque;

use imds_mock::{Mock, TOKEN_PATH};
use smoltcp::iface::{Config, Interface, SocketSet};
use smoltcp::time::Instant;
use smoltcp::wire::{EthernetAddress, IpCidr};

use crate::device::Device;
use crate::gate::{self, Verdict};
use crate::pool::Pool;
use crate::{
    Counters, MAC, Network, Options, PREFIX, Presence, ROUTER, ROUTER6, SERVICE, SERVICE6, dhcp,
};

/// A client that says nothing and acknowledges nothing for so long is gone.
const GIVEN_UP: Duration = Duration::from_secs(120);

/// The other end of the guest's cable.
///
/// Every call says what time it is, as a duration since the beginning; going back is taken for standing still. After each call
/// [`poll_frame`](Self::poll_frame) is to be asked until it has nothing.
pub struct Peer {
    options: Options,
    mock: Mock,
    interface: Interface,
    device: Device,
    sockets: SocketSet<'static>,
    pool: Pool,
    output: VecDeque<Vec<u8>>,
    counters: Counters,
    now: Duration,
}

impl Peer {
    /// A network of this kind with this server in it.
    #[must_use]
    pub fn new(mock: Mock, options: Options) -> Self {
        let mut device = Device::default();
        let mut config = Config::new(EthernetAddress(MAC).into());
        config.random_seed = options.seed;
        let mut interface = Interface::new(config, &mut device, Instant::ZERO);
        let addresses = addresses(options.network);
        interface.update_ip_addrs(|held| {
            held.extend_from_slice(&addresses)
                .expect("the feature iface-max-addr-count-8 makes room");
        });
        let served: &[IpAddr] = match (options.presence, options.network) {
            (Presence::Serving, Network::Ec2) => &[IpAddr::V4(SERVICE), IpAddr::V6(SERVICE6)],
            (Presence::Serving, Network::Firecracker) => &[IpAddr::V4(SERVICE)],
            (Presence::Absent | Presence::Silent | Presence::Refused, _) => &[],
        };
        let mut sockets = SocketSet::new(Vec::new());
        let mut pool = Pool::default()
            .patience(GIVEN_UP)
            .hop_limit(options.hops.map(|hops| hops.limit));
        let endpoints = served.iter().map(|&address| (address, 80).into());
        pool.listen_at(endpoints, &mut sockets);
        let mut peer = Self {
            pool,
            options,
            mock,
            interface,
            device,
            sockets,
            output: VecDeque::new(),
            counters: Counters::default(),
            now: Duration::ZERO,
        };
        // Listens from the beginning.
        peer.run();
        peer
    }

    /// A frame came from the guest.
    pub fn handle_frame(&mut self, now: Duration, frame: &[u8]) {
        self.pass_time(now);
        self.counters.frames_in += 1;
        match gate::incoming(&self.options, frame) {
            Verdict::Pass => self.device.received.push_back(frame.to_vec()),
            Verdict::Dhcp => self.answer_dhcp(frame),
            Verdict::LinkLocal => self.counters.link_local += 1,
            Verdict::Ignore => self.counters.ignored += 1,
        }
        self.run();
    }

    /// Time has passed. Too early does nothing.
    pub fn poll(&mut self, now: Duration) {
        self.pass_time(now);
        self.run();
    }

    /// The next frame for the guest.
    pub fn poll_frame(&mut self) -> Option<Vec<u8>> {
        let frame = self.output.pop_front()?;
        self.counters.frames_out += 1;
        Some(frame)
    }

    /// When [`poll`](Self::poll) wants to be called if no frame comes before; never before `now`.
    pub fn next_timeout(&mut self, now: Duration) -> Option<Duration> {
        let stack = self
            .interface
            .poll_at(instant(self.now.max(now)), &self.sockets)
            .map(|at| Duration::from_micros(at.total_micros().unsigned_abs()));
        let mock = self.pool.next_timeout();
        Some(stack.into_iter().chain(mock).min()?.max(now))
    }

    /// The server.
    #[must_use]
    pub fn mock(&self) -> &Mock {
        &self.mock
    }

    /// The server, to change: a tag is set, a fault begins.
    pub fn mock_mut(&mut self) -> &mut Mock {
        &mut self.mock
    }

    /// From now on the service is at these addresses, and at all others nobody listens. Connections that stand stay.
    pub fn listen_at(&mut self, addresses: &[SocketAddr]) {
        let endpoints = addresses.iter().map(|&address| address.into());
        self.pool.listen_at(endpoints, &mut self.sockets);
    }

    /// The service closes every connection that it serves.
    pub fn hang_up(&mut self) {
        self.pool
            .hang_up(self.now, &mut self.sockets, &mut self.mock);
        self.run();
    }

    /// What happened so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        let log = self.mock.log();
        let count = |wanted: &dyn Fn(&str, &str) -> bool| {
            let n = log.iter().filter(|e| wanted(&e.method, &e.path)).count();
            u64::try_from(n).expect("a log in memory")
        };
        Counters {
            connections: self.pool.accepted(),
            token_puts: count(&|method, path| method == "PUT" && path == TOKEN_PATH),
            gets: count(&|method, _| method == "GET"),
            ..self.counters
        }
    }

    /// The address that DHCP gives to this card, always.
    #[must_use]
    pub fn address_of(card: [u8; 6]) -> Ipv4Addr {
        dhcp::address(card)
    }

    fn pass_time(&mut self, now: Duration) {
        self.now = self.now.max(now);
    }

    fn answer_dhcp(&mut self, frame: &[u8]) {
        let Some(answer) = dhcp::answer(&self.options, frame) else {
            return;
        };
        match answer.kind {
            dhcp::Kind::Offer => self.counters.dhcp_offers += 1,
            dhcp::Kind::Ack => self.counters.dhcp_acks += 1,
            dhcp::Kind::Nak => self.counters.dhcp_naks += 1,
        }
        self.output.push_back(answer.frame);
    }

    /// Runs the stack and the mock in turns until both are at rest.
    fn run(&mut self) {
        let now = instant(self.now);
        loop {
            self.interface
                .poll(now, &mut self.device, &mut self.sockets);
            for frame in self.device.sent.drain(..) {
                if gate::expires(self.options.hops, &frame) {
                    self.counters.expired += 1;
                } else {
                    self.output.push_back(frame);
                }
            }
            if !self.pool.step(self.now, &mut self.sockets, &mut self.mock) {
                return;
            }
        }
    }
}

/// What the stack answers for. The service is on-link to everybody, so that no guest needs a route back.
fn addresses(network: Network) -> Vec<IpCidr> {
    let service = IpCidr::new(SERVICE.into(), 0);
    match network {
        Network::Firecracker => vec![service],
        Network::Ec2 => vec![
            // First, so that the router asks for the guests of its subnet.
            IpCidr::new(ROUTER.into(), PREFIX),
            service,
            IpCidr::new(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1).into(), 64),
            IpCidr::new(ROUTER6.into(), 64),
            IpCidr::new(SERVICE6.into(), 0),
        ],
    }
}

fn instant(now: Duration) -> Instant {
    Instant::from_micros(i64::try_from(now.as_micros()).unwrap_or(i64::MAX))
}

impl fmt::Debug for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Peer")
            .field("options", &self.options)
            .field("mock", &self.mock)
            .field("counters", &self.counters())
            .finish_non_exhaustive()
    }
}
