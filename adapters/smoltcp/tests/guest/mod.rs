//! A machine with a network card, a stack and the client, at the end of a wire that leads to a
//! metadata service. Its clock moves only when nothing else can.

use core::net::{IpAddr, Ipv4Addr};
use core::time::Duration;
use std::collections::BTreeMap;

use imds_core::config::Target;
use imds_core::walk::{Options as WalkOptions, Summary};
use imds_core::{Config, Endpoint, Error, Gather, Node, OpId, Reply};
use imds_mock::Mock;
use imds_peer::device::Device;
use imds_peer::{GUEST_MAC, Link, Options, Peer, Wire};
use imds_smoltcp::{Buffers, Client, Timeouts};
use smoltcp::iface::{Interface, SocketSet};
use smoltcp::time::Instant;
use smoltcp::wire::{
    EthernetAddress, EthernetFrame, EthernetProtocol, IpCidr, Ipv4Packet, Ipv6Packet, TcpPacket,
};

/// An address in the peer's subnet, as DHCP would give it.
pub(crate) const ADDRESS: Ipv4Addr = Ipv4Addr::new(172, 31, 32, 17);

/// Settings for tests: not paced, and with time for a repeated segment.
pub(crate) fn config() -> Config {
    let mut config = Config::new(Target::One(Endpoint::IPV4));
    config.pace = None;
    config.seed = 7;
    config.timeouts = Timeouts::WITHOUT_OS;
    config
}

/// The machine and what it is connected to.
pub(crate) struct Guest<const LANES: usize> {
    pub(crate) link: Link,
    pub(crate) now: Duration,
    pub(crate) iface: Interface,
    pub(crate) client: Client<LANES, 2048, 2048>,
    sockets: SocketSet<'static>,
    card: Device,
    /// The wire is cut: no frame leaves or arrives.
    pub(crate) cut: bool,
    /// Frames sent before this are lost.
    pub(crate) lost_until: Duration,
    /// IPv4 packets do not arrive. Address resolution works.
    pub(crate) ipv4_is_lost: bool,
    /// Local ports of the connections that were begun, in their order.
    pub(crate) dialled: Vec<u16>,
}

impl<const LANES: usize> Guest<LANES> {
    /// A machine without an address.
    pub(crate) fn bare(mock: Mock, options: Options, wire: Wire, config: Config) -> Self {
        println!("seed of the wire {:#x}", wire.seed());
        let mut card = Device::default();
        let mut settings = smoltcp::iface::Config::new(EthernetAddress(GUEST_MAC).into());
        settings.random_seed = config.seed;
        let iface = Interface::new(settings, &mut card, Instant::ZERO);
        let mut sockets = SocketSet::new(vec![]);
        let buffers: &'static mut Buffers<LANES, 1460, 512> = Box::leak(Box::default());
        let handles = buffers.add_to(&mut sockets);
        Self {
            link: Link::new(Peer::new(mock, options), wire),
            now: Duration::ZERO,
            iface,
            client: Client::new(config, handles).expect("an address, not a name"),
            sockets,
            card,
            cut: false,
            lost_until: Duration::ZERO,
            ipv4_is_lost: false,
            dialled: Vec::new(),
        }
    }

    /// A machine with its address and a router.
    pub(crate) fn new(mock: Mock, wire: Wire, config: Config) -> Self {
        let mut guest = Self::bare(mock, Options::new(), wire, config);
        guest.settle_in();
        guest
    }

    /// What DHCP would bring.
    pub(crate) fn settle_in(&mut self) {
        self.take_address(ADDRESS.into(), imds_peer::PREFIX);
        self.take_route(imds_peer::ROUTER);
    }

    pub(crate) fn take_route(&mut self, router: Ipv4Addr) {
        let routes = self.iface.routes_mut();
        routes.add_default_ipv4_route(router).expect("room");
    }

    pub(crate) fn take_address(&mut self, ip: IpAddr, bits: u8) {
        self.iface.update_ip_addrs(|all| {
            all.push(IpCidr::new(ip.into(), bits)).expect("room");
        });
    }

    pub(crate) fn instant(&self) -> Instant {
        Instant::from_micros(i64::try_from(self.now.as_micros()).expect("a short test"))
    }

    /// Everything that can happen now, and the time until the next thing.
    pub(crate) fn settle(&mut self, gather: &mut Gather<'_>) -> Option<Duration> {
        for _ in 0..10_000 {
            let now = self.instant();
            self.iface.poll(now, &mut self.card, &mut self.sockets);
            let delay = self
                .client
                .poll(now, &mut self.iface, &mut self.sockets, gather)
                .map(Duration::from);
            for frame in self.card.sent.drain(..) {
                self.dialled.extend(port_of_syn(&frame));
                let is_ipv4 =
                    EthernetFrame::new_unchecked(&frame).ethertype() == EthernetProtocol::Ipv4;
                let is_lost =
                    self.cut || self.now < self.lost_until || (self.ipv4_is_lost && is_ipv4);
                if !is_lost {
                    self.link.handle_frame(self.now, &frame);
                }
            }
            self.link.poll(self.now);
            self.card
                .received
                .extend(core::iter::from_fn(|| self.link.poll_frame()));
            if self.cut {
                self.card.received.clear();
            }
            let idle = self.card.received.is_empty() && delay != Some(Duration::ZERO);
            if idle || gather.node().is_some() {
                return delay;
            }
        }
        panic!("a machine that never comes to rest");
    }

    /// Runs until the operation has ended. `take` is given every node.
    pub(crate) fn run(
        &mut self,
        op: OpId,
        mut take: impl FnMut(&Node<'_>),
    ) -> Result<Reply, Error> {
        let mut memory = vec![0; 64 * 1024];
        let mut gather = Gather::new(&mut memory);
        for _ in 0..200_000 {
            let delay = self.settle(&mut gather);
            if let Some(node) = gather.node() {
                take(&node);
                gather.taken();
                continue;
            }
            if let Some((ended, result)) = self.client.next_done() {
                assert_eq!(ended, op);
                return result;
            }
            let link = self.link.next_timeout(self.now);
            let machine = delay.map(|delay| self.now + delay);
            let next = [link, machine].into_iter().flatten().min();
            self.now = next.expect("an operation that nothing can end");
        }
        panic!("an operation that does not end");
    }

    /// Reads one value.
    pub(crate) fn get(&mut self, path: &str) -> Result<Option<Vec<u8>>, Error> {
        let op = self.client.get(self.instant(), path)?;
        let mut bytes = None;
        let reply = self.run(op, |node| match node {
            Node::Leaf { value, .. } => bytes = Some(value.to_vec()),
            Node::Missing(_) | Node::TooLong { .. } => panic!("a get has a value or none"),
        })?;
        Ok(match reply {
            Reply::Found => Some(bytes.expect("found, so it was delivered")),
            Reply::Absent => None,
            Reply::Walked(_) => panic!("a get ended as a walk"),
        })
    }

    /// Walks to the end: leaves by path, and the summary.
    pub(crate) fn walk(
        &mut self,
        path: &str,
    ) -> Result<(BTreeMap<String, Vec<u8>>, Summary), Error> {
        let op = self
            .client
            .walk(self.instant(), path, WalkOptions::default())?;
        let mut leaves = BTreeMap::new();
        let reply = self.run(op, |node| match node {
            Node::Leaf { path, value, .. } => {
                let before = leaves.insert((*path).to_owned(), value.to_vec());
                assert_eq!(before, None, "{path} twice");
            }
            Node::Missing(_) => {}
            Node::TooLong { path, .. } => panic!("{path} is too long"),
        })?;
        match reply {
            Reply::Walked(summary) => Ok((leaves, summary)),
            Reply::Found | Reply::Absent => panic!("a walk ended as a get"),
        }
    }
}

/// The source port of a frame that begins a connection; each frame of it only once.
fn port_of_syn(frame: &[u8]) -> Option<u16> {
    let frame = EthernetFrame::new_checked(frame).ok()?;
    let segment = match frame.ethertype() {
        EthernetProtocol::Ipv4 => Ipv4Packet::new_checked(frame.payload()).ok()?.payload(),
        EthernetProtocol::Ipv6 => Ipv6Packet::new_checked(frame.payload()).ok()?.payload(),
        EthernetProtocol::Arp | EthernetProtocol::Unknown(_) => return None,
    };
    let tcp = TcpPacket::new_checked(segment).ok()?;
    (tcp.syn() && !tcp.ack()).then(|| tcp.src_port())
}
