//! Two machines and the cable between them, with a tap on it. The clock moves only when told to.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::time::Duration;

use imds_peer::device::Device;
use smoltcp::iface::{Interface, SocketHandle, SocketSet};
use smoltcp::socket::tcp::{Socket, SocketBuffer};
use smoltcp::time::Instant;
use smoltcp::wire::{
    EthernetAddress, EthernetFrame, EthernetProtocol, IpCidr, Ipv4Packet, Ipv6Packet, TcpControl,
    TcpPacket,
};

pub(crate) const GUEST: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
pub(crate) const GUEST6: IpAddr = IpAddr::V6(Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 1));
pub(crate) const SERVER: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 2));
pub(crate) const SERVER6: IpAddr = IpAddr::V6(Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 2));
pub(crate) const PORT: u16 = 80;

/// A stack, its sockets and its card.
pub(crate) struct Machine {
    pub(crate) iface: Interface,
    pub(crate) sockets: SocketSet<'static>,
    card: Device,
}

impl Machine {
    fn new(last: u8, addresses: [IpAddr; 2]) -> Self {
        let mut card = Device::default();
        let address = EthernetAddress([2, 0, 0, 0, 0, last]);
        let mut settings = smoltcp::iface::Config::new(address.into());
        settings.random_seed = last.into();
        let mut iface = Interface::new(settings, &mut card, Instant::ZERO);
        iface.update_ip_addrs(|all| {
            for address in addresses {
                let bits = if address.is_ipv4() { 24 } else { 64 };
                let cidr = IpCidr::new(address.into(), bits);
                all.push(cidr).expect("room for one of each family");
            }
        });
        Self {
            iface,
            sockets: SocketSet::new(vec![]),
            card,
        }
    }

    /// Has only these addresses from now on.
    pub(crate) fn hold(&mut self, addresses: &[(IpAddr, u8)]) {
        self.iface.update_ip_addrs(|all| {
            all.clear();
            for &(address, bits) in addresses {
                all.push(IpCidr::new(address.into(), bits))
                    .expect("room for two");
            }
        });
    }

    /// A socket that waits for a connection.
    pub(crate) fn listen(&mut self) -> SocketHandle {
        let buffer = || SocketBuffer::new(vec![0; 4096]);
        let mut socket = Socket::new(buffer(), buffer());
        socket.listen(PORT).expect("a new socket");
        self.sockets.add(socket)
    }

    pub(crate) fn tcp(&mut self, handle: SocketHandle) -> &mut Socket<'static> {
        self.sockets.get_mut(handle)
    }
}

/// What a TCP segment on the wire says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Segment {
    /// In milliseconds.
    pub(crate) at: u128,
    pub(crate) by_guest: bool,
    pub(crate) is_ipv6: bool,
    pub(crate) control: TcpControl,
    /// The guest's.
    pub(crate) port: u16,
    pub(crate) len: usize,
}

impl Segment {
    fn read(at: Duration, by_guest: bool, frame: &[u8]) -> Option<Self> {
        let frame = EthernetFrame::new_checked(frame).ok()?;
        let is_ipv6 = frame.ethertype() == EthernetProtocol::Ipv6;
        let bytes = match frame.ethertype() {
            EthernetProtocol::Ipv4 => Ipv4Packet::new_checked(frame.payload()).ok()?.payload(),
            EthernetProtocol::Ipv6 => {
                let packet = Ipv6Packet::new_checked(frame.payload()).ok()?;
                if packet.next_header() != smoltcp::wire::IpProtocol::Tcp {
                    return None;
                }
                packet.payload()
            }
            EthernetProtocol::Arp | EthernetProtocol::Unknown(_) => return None,
        };
        let tcp = TcpPacket::new_checked(bytes).ok()?;
        Some(Self {
            at: at.as_millis(),
            by_guest,
            is_ipv6,
            control: match (tcp.rst(), tcp.syn(), tcp.fin()) {
                (true, ..) => TcpControl::Rst,
                (_, true, _) => TcpControl::Syn,
                (.., true) => TcpControl::Fin,
                _ => TcpControl::None,
            },
            port: if by_guest {
                tcp.src_port()
            } else {
                tcp.dst_port()
            },
            len: tcp.payload().len(),
        })
    }
}

pub(crate) struct Cable {
    pub(crate) now: Duration,
    pub(crate) guest: Machine,
    pub(crate) server: Machine,
    /// All segments in their order, those that were lost too.
    pub(crate) seen: Vec<Segment>,
    /// Is this lost? `None` is a frame that is no segment.
    pub(crate) loses: fn(Option<&Segment>) -> bool,
}

impl Cable {
    pub(crate) fn new() -> Self {
        Self {
            now: Duration::ZERO,
            guest: Machine::new(1, [GUEST, GUEST6]),
            server: Machine::new(2, [SERVER, SERVER6]),
            seen: Vec::new(),
            loses: |_| false,
        }
    }

    pub(crate) fn instant(&self) -> Instant {
        Instant::from_micros(i64::try_from(self.now.as_micros()).expect("a short test"))
    }

    /// Moves frames until both machines have no more of them now.
    pub(crate) fn settle(&mut self) {
        for _ in 0..1000 {
            let now = self.instant();
            for machine in [&mut self.guest, &mut self.server] {
                let Machine {
                    iface,
                    sockets,
                    card,
                } = machine;
                iface.poll(now, card, sockets);
            }
            let moved = self.carry(true) | self.carry(false);
            if !moved {
                return;
            }
        }
        panic!("frames without end");
    }

    fn carry(&mut self, by_guest: bool) -> bool {
        let (from, to) = if by_guest {
            (&mut self.guest, &mut self.server)
        } else {
            (&mut self.server, &mut self.guest)
        };
        let moved = !from.card.sent.is_empty();
        for frame in from.card.sent.drain(..) {
            let segment = Segment::read(self.now, by_guest, &frame);
            self.seen.extend(segment);
            if !(self.loses)(segment.as_ref()) {
                to.card.received.push_back(frame);
            }
        }
        moved
    }

    /// Lets time pass, a millisecond at a time.
    pub(crate) fn pass(&mut self, millis: u64) {
        self.settle();
        for _ in 0..millis {
            self.now += Duration::from_millis(1);
            self.settle();
        }
    }

    /// When the guest's stack wants to be polled.
    pub(crate) fn guest_delay(&mut self) -> Option<Duration> {
        let now = self.instant();
        let Machine { iface, sockets, .. } = &mut self.guest;
        iface.poll_delay(now, sockets).map(Duration::from)
    }

    /// When the guest sent segments of this kind, in milliseconds.
    pub(crate) fn sent(&self, control: TcpControl) -> Vec<u128> {
        let by_guest = self.seen.iter().filter(|seen| seen.by_guest);
        by_guest
            .filter(|seen| seen.control == control)
            .map(|seen| seen.at)
            .collect()
    }

    /// From which port the guest dialled first.
    pub(crate) fn first_port(&self) -> u16 {
        self.syns().next().expect("it dialled").port
    }

    /// From which port the guest dialled last.
    pub(crate) fn dialled(&self) -> u16 {
        self.syns().next_back().expect("it dialled").port
    }

    fn syns(&self) -> impl DoubleEndedIterator<Item = &Segment> {
        let by_guest = self.seen.iter().filter(|seen| seen.by_guest);
        by_guest.filter(|seen| seen.control == TcpControl::Syn)
    }
}
