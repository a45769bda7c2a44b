//! The stack, and how it comes to an address.

use core::fmt;
use core::net::IpAddr;

use imds_image::dhcp::{self, NoLease};
use imds_image::options::{Address, Options, link_local_v6_of};
use imds_x86::Clock;
use imds_x86::virtio::MachineNic;
use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::socket::dhcpv4;
use smoltcp::time::{Duration, Instant};
use smoltcp::wire::{EthernetAddress, IpAddress, IpCidr, Ipv4Cidr};

/// The network card, and the stack above it.
pub(crate) struct Network {
    nic: MachineNic,
    pub(crate) iface: Interface,
    clock: Clock,
    dhcp: Option<SocketHandle>,
    lease: Option<Ipv4Cidr>,
}

/// Why there is no address.
#[derive(Debug)]
pub(crate) enum NoAddress {
    /// Nobody answered.
    NoLease,
    /// They do not fit the stack.
    TooMany,
}

impl fmt::Display for NoAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoLease => NoLease.fmt(f),
            Self::TooMany => f.write_str("more addresses than the stack has room for"),
        }
    }
}

impl Network {
    /// A stack on this card. `seed` is for port numbers and the like.
    pub(crate) fn new(mut nic: MachineNic, clock: Clock, seed: u64) -> Self {
        let mut config = Config::new(EthernetAddress(nic.mac()).into());
        config.random_seed = seed;
        let iface = Interface::new(config, &mut nic, instant(clock));
        Self {
            nic,
            iface,
            clock,
            dhcp: None,
            lease: None,
        }
    }

    /// The present, for the stack.
    pub(crate) fn now(&self) -> Instant {
        instant(self.clock)
    }

    /// Moves frames.
    pub(crate) fn poll(&mut self, sockets: &mut SocketSet<'_>) {
        let now = self.now();
        self.iface.poll(now, &mut self.nic, sockets);
        if let Some(handle) = self.dhcp {
            self.lease(sockets.get_mut(handle));
        }
    }

    /// Until then there is nothing to do, unless a frame arrives.
    pub(crate) fn wait(&self, delay: Option<Duration>) {
        let until = delay.map(|delay| self.now() + delay);
        while !self.nic.has_frame() && until.is_none_or(|until| self.now() < until) {
            core::hint::spin_loop();
        }
    }

    /// Sets the static addresses, and waits for one by DHCP if there is to be one.
    pub(crate) fn bring_up(
        &mut self,
        options: &Options<'_>,
        sockets: &mut SocketSet<'_>,
    ) -> Result<(), NoAddress> {
        for address in &options.addresses {
            self.set(*address)?;
        }
        if !options.dhcp {
            return Ok(());
        }
        let mut socket = dhcpv4::Socket::new();
        let mut retry = dhcpv4::RetryConfig::default();
        retry.discover_timeout = dhcp::RETRY.into();
        retry.initial_request_timeout = dhcp::RETRY.into();
        socket.set_retry_config(retry);
        self.dhcp = Some(sockets.add(socket));
        let until = self.now() + Duration::from(dhcp::PATIENCE);
        while self.lease.is_none() {
            if self.now() > until {
                return Err(NoAddress::NoLease);
            }
            self.poll(sockets);
        }
        Ok(())
    }

    fn set(&mut self, address: Address) -> Result<(), NoAddress> {
        let mac = self.nic.mac();
        let (ip, bits, gateway) = address.on(mac);
        self.add(IpCidr::new(ip.into(), bits))?;
        if ip.is_ipv6() {
            // Neighbours and routers are spoken to from here.
            let own = IpAddress::from(link_local_v6_of(mac));
            self.add(IpCidr::new(own, 64))?;
        }
        let routes = self.iface.routes_mut();
        match gateway {
            Some(IpAddr::V4(router)) => routes.add_default_ipv4_route(router).map(drop),
            Some(IpAddr::V6(router)) => routes.add_default_ipv6_route(router).map(drop),
            None => Ok(()),
        }
        .map_err(|_| NoAddress::TooMany)
    }

    fn add(&mut self, cidr: IpCidr) -> Result<(), NoAddress> {
        defmt::info!("address {}", cidr);
        let mut result = Ok(());
        self.iface.update_ip_addrs(|all| {
            if !all.contains(&cidr) {
                result = all.push(cidr).map_err(|_| NoAddress::TooMany);
            }
        });
        result
    }

    /// What the DHCP server says, then and later.
    fn lease(&mut self, dhcp: &mut dhcpv4::Socket<'_>) {
        let (address, router) = match dhcp.poll() {
            None => return,
            Some(dhcpv4::Event::Configured(config)) => (Some(config.address), config.router),
            Some(dhcpv4::Event::Deconfigured) => (None, None),
        };
        match address {
            Some(address) => defmt::info!("lease {}, router {}", address, router),
            None => defmt::debug!("no lease"),
        }
        let before = core::mem::replace(&mut self.lease, address);
        self.iface.update_ip_addrs(|all| {
            all.retain(|cidr| Some(*cidr) != before.map(IpCidr::Ipv4));
            // Beside two static ones and a link-local one there is room for it.
            all.extend(address.map(IpCidr::Ipv4));
        });
        let routes = self.iface.routes_mut();
        match router {
            Some(router) => routes.add_default_ipv4_route(router).map(drop),
            None => {
                routes.remove_default_ipv4_route();
                Ok(())
            }
        }
        .expect("room for one default route");
    }
}

/// The stack counts from the same start as the clock.
fn instant(clock: Clock) -> Instant {
    Instant::from_micros(i64::try_from(clock.now()).unwrap_or(i64::MAX))
}
