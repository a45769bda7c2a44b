//! A guest over smoltcp, and the world that it shares with the link: a clock that moves only when nothing else can.

use core::net::{IpAddr, Ipv4Addr};
use core::time::Duration;

use imds_mock::Mock;
use imds_peer::device::Device;
use imds_peer::{GUEST_MAC, Link, Options, Peer, ROUTER, Wire};
use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::socket::{dhcpv4, tcp};
use smoltcp::time::Instant;
use smoltcp::wire::{EthernetAddress, IpCidr};

/// An address of the subnet that is not the one of DHCP.
pub(crate) const STATIC: Ipv4Addr = Ipv4Addr::new(172, 31, 40, 2);

/// How a connection ended for the guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The peer's FIN came.
    Fin,
    /// The connection was reset, or never came about.
    Reset,
    /// Nothing came any more until the guest's patience was at its end.
    Silence,
}

/// What came over a connection.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) text: String,
    pub(crate) end: End,
}

/// A guest at a link.
pub(crate) struct World {
    pub(crate) link: Link,
    pub(crate) now: Duration,
    interface: Interface,
    card: Device,
    sockets: SocketSet<'static>,
    port: u16,
    /// For how long a connection waits.
    pub(crate) patience: Duration,
}

impl World {
    /// A guest without an address.
    pub(crate) fn new(mock: Mock, options: Options, wire: Wire) -> Self {
        println!("seed of the wire {:#x}", wire.seed());
        let mut card = Device::default();
        let mut config = Config::new(EthernetAddress(GUEST_MAC).into());
        config.random_seed = 1;
        let interface = Interface::new(config, &mut card, Instant::ZERO);
        Self {
            link: Link::new(Peer::new(mock, options), wire),
            now: Duration::ZERO,
            interface,
            card,
            sockets: SocketSet::new(Vec::new()),
            port: 49_152,
            patience: Duration::from_secs(5),
        }
    }

    /// Sets an address of its own.
    pub(crate) fn take_address(&mut self, address: IpAddr, prefix: u8) {
        self.interface.update_ip_addrs(|held| {
            held.push(IpCidr::new(address.into(), prefix))
                .expect("room for an address");
        });
    }

    /// Sets a default route.
    pub(crate) fn take_route(&mut self, router: IpAddr) {
        let routes = self.interface.routes_mut();
        match router {
            IpAddr::V4(router) => routes.add_default_ipv4_route(router),
            IpAddr::V6(router) => routes.add_default_ipv6_route(router),
        }
        .expect("room for a route");
    }

    fn instant(&self) -> Instant {
        Instant::from_micros(i64::try_from(self.now.as_micros()).expect("a short test"))
    }

    /// Lets everything happen that can happen now.
    pub(crate) fn settle(&mut self) {
        loop {
            let now = self.instant();
            self.interface.poll(now, &mut self.card, &mut self.sockets);
            while let Some(frame) = self.card.sent.pop_front() {
                self.link.handle_frame(self.now, &frame);
            }
            self.link.poll(self.now);
            while let Some(frame) = self.link.poll_frame() {
                self.card.received.push_back(frame);
            }
            if self.card.received.is_empty() {
                return;
            }
        }
    }

    /// Moves the clock to the next thing that can happen, not beyond `until`. False: that is where it is.
    pub(crate) fn advance(&mut self, until: Duration) -> bool {
        if self.now >= until {
            return false;
        }
        let now = self.instant();
        let guest = self
            .interface
            .poll_at(now, &self.sockets)
            .map(|at| Duration::from_micros(at.total_micros().unsigned_abs()));
        let link = self.link.next_timeout(self.now);
        let next = guest.into_iter().chain(link).min().unwrap_or(until);
        // Something may be wanted "now" that leads to nothing.
        let least = self.now + Duration::from_micros(1);
        self.now = next.clamp(least, until);
        true
    }

    /// Gets an address by DHCP, and takes it and the route. What it got.
    pub(crate) fn dhcp(&mut self) -> Option<(IpCidr, Option<Ipv4Addr>, Vec<Ipv4Addr>)> {
        let handle = self.sockets.add(dhcpv4::Socket::new());
        let until = self.now + Duration::from_secs(60);
        loop {
            self.settle();
            let event = self.sockets.get_mut::<dhcpv4::Socket<'_>>(handle).poll();
            if let Some(dhcpv4::Event::Configured(config)) = event {
                let got = (
                    IpCidr::Ipv4(config.address),
                    config.router,
                    config.dns_servers.to_vec(),
                );
                let (IpAddr::V4(_), length) = (got.0.address().into(), got.0.prefix_len()) else {
                    panic!("DHCPv4 gave another address");
                };
                self.sockets.remove(handle);
                self.take_address(got.0.address().into(), length);
                self.take_route(ROUTER.into());
                return Some(got);
            }
            if !self.advance(until) {
                self.sockets.remove(handle);
                return None;
            }
        }
    }

    /// Opens a connection to port 80.
    pub(crate) fn connect(&mut self, to: IpAddr) -> SocketHandle {
        self.connect_from(None, to)
    }

    /// The same from a certain address of ours.
    pub(crate) fn connect_from(&mut self, from: Option<IpAddr>, to: IpAddr) -> SocketHandle {
        let buffer = || tcp::SocketBuffer::new(vec![0; 4096]);
        let mut socket = tcp::Socket::new(buffer(), buffer());
        self.port += 1;
        let local = smoltcp::wire::IpListenEndpoint {
            addr: from.map(Into::into),
            port: self.port,
        };
        socket
            .connect(self.interface.context(), (to, 80), local)
            .expect("a new socket");
        self.sockets.add(socket)
    }

    /// One of its sockets.
    pub(crate) fn socket(&mut self, handle: SocketHandle) -> &mut tcp::Socket<'static> {
        self.sockets.get_mut(handle)
    }

    /// Sends a request once connected and reads until the connection ends or patience does.
    pub(crate) fn exchange(&mut self, to: IpAddr, request: &str) -> Answer {
        let handle = self.connect(to);
        self.finish(&[(handle, request)])
            .pop()
            .expect("one answer a connection")
    }

    /// The same for connections that were opened before, all at once.
    pub(crate) fn finish(&mut self, requests: &[(SocketHandle, &str)]) -> Vec<Answer> {
        let until = self.now + self.patience;
        let mut sent = vec![false; requests.len()];
        let mut bytes = vec![Vec::new(); requests.len()];
        let mut ends = vec![None; requests.len()];
        loop {
            self.settle();
            for (i, (handle, request)) in requests.iter().enumerate() {
                let socket = self.sockets.get_mut::<tcp::Socket<'_>>(*handle);
                if socket.can_send() && !sent[i] {
                    sent[i] = true;
                    let n = socket.send_slice(request.as_bytes()).expect("connected");
                    assert_eq!(n, request.len(), "the request fits the buffer");
                }
                while socket.can_recv() {
                    socket
                        .recv(|read| {
                            bytes[i].extend_from_slice(read);
                            (read.len(), ())
                        })
                        .expect("bytes to read");
                }
                if ends[i].is_none() {
                    ends[i] = end(socket.state());
                    if ends[i] == Some(End::Fin) {
                        socket.close();
                    }
                }
            }
            self.settle();
            if ends.iter().all(Option::is_some) || !self.advance(until) {
                break;
            }
        }
        for (handle, _) in requests {
            self.sockets.get_mut::<tcp::Socket<'_>>(*handle).abort();
        }
        self.settle();
        for (handle, _) in requests {
            self.sockets.remove(*handle);
        }
        core::iter::zip(bytes, ends)
            .map(|(bytes, end)| Answer {
                text: String::from_utf8(bytes).expect("text"),
                end: end.unwrap_or(End::Silence),
            })
            .collect()
    }

    /// A token.
    pub(crate) fn token(&mut self, to: IpAddr) -> String {
        let answer = self.exchange(to, PUT);
        assert!(answer.text.starts_with("HTTP/1.1 200 "), "{answer:?}");
        body(&answer.text).to_owned()
    }
}

/// How the peer ended the connection, if it has.
fn end(state: tcp::State) -> Option<End> {
    if state == tcp::State::CloseWait {
        Some(End::Fin)
    } else {
        (state == tcp::State::Closed).then_some(End::Reset)
    }
}

/// Asks for a token.
pub(crate) const PUT: &str = "PUT /latest/api/token HTTP/1.1\r\nHost: x\r\n\
    X-aws-ec2-metadata-token-ttl-seconds: 60\r\nContent-Length: 0\r\n\r\n";

/// Asks for a value.
pub(crate) fn get(path: &str, token: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: x\r\nX-aws-ec2-metadata-token: {token}\r\n\r\n")
}

/// What stands behind the head.
pub(crate) fn body(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").expect("a head").1
}
