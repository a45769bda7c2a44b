//! What the stack is told, and how it comes to an address.

use core::fmt;
use core::net::IpAddr;

use embassy_net::{
    Config, ConfigV4, ConfigV6, DhcpConfig, IpCidr, Ipv4Cidr, Ipv6Cidr, Stack, StaticConfigV4,
    StaticConfigV6,
};
use embassy_time::{Duration, Instant};
use imds_image::dhcp::{self, NoLease};
use imds_image::options::Options;

/// More than one address of a family.
#[derive(Debug)]
pub(crate) struct TwoOfAFamily(&'static str);

impl fmt::Display for TwoOfAFamily {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "`ip=` on the command line: embassy-net has one {} address, static or by DHCP; \
             imds-image can have two",
            self.0
        )
    }
}

/// The addresses that the options ask for, of a card with this Ethernet address.
pub(crate) fn config(options: &Options<'_>, mac: [u8; 6]) -> Result<Config, TwoOfAFamily> {
    let mut config = Config::default();
    for address in &options.addresses {
        let (ip, bits, gateway) = address.on(mac);
        defmt::info!("address {}", IpCidr::new(ip.into(), bits));
        match ip {
            IpAddr::V4(ip) if config.ipv4 == ConfigV4::None => {
                config.ipv4 = ConfigV4::Static(StaticConfigV4 {
                    address: Ipv4Cidr::new(ip, bits),
                    gateway: gateway.and_then(|gateway| match gateway {
                        IpAddr::V4(gateway) => Some(gateway),
                        IpAddr::V6(_) => None,
                    }),
                    dns_servers: Default::default(),
                });
            }
            IpAddr::V6(ip) if config.ipv6 == ConfigV6::None => {
                config.ipv6 = ConfigV6::Static(StaticConfigV6 {
                    address: Ipv6Cidr::new(ip, bits),
                    gateway: gateway.and_then(|gateway| match gateway {
                        IpAddr::V6(gateway) => Some(gateway),
                        IpAddr::V4(_) => None,
                    }),
                    dns_servers: Default::default(),
                });
            }
            IpAddr::V4(_) => return Err(TwoOfAFamily("IPv4")),
            IpAddr::V6(_) => return Err(TwoOfAFamily("IPv6")),
        }
    }
    if options.dhcp {
        if config.ipv4 != ConfigV4::None {
            return Err(TwoOfAFamily("IPv4"));
        }
        let mut dhcp = DhcpConfig::default();
        dhcp.retry_config.discover_timeout = dhcp::RETRY.into();
        dhcp.retry_config.initial_request_timeout = dhcp::RETRY.into();
        config.ipv4 = ConfigV4::Dhcp(dhcp);
    }
    Ok(config)
}

/// Waits for an address by DHCP.
pub(crate) async fn lease(stack: Stack<'_>) -> Result<(), NoLease> {
    let until = Instant::now() + Duration::from_secs(dhcp::PATIENCE.as_secs());
    // The stack tells of its first address, and that may be a static one of IPv6.
    let lease = loop {
        if let Some(lease) = stack.config_v4() {
            break lease;
        }
        if Instant::now() > until {
            return Err(NoLease);
        }
        embassy_futures::yield_now().await;
    };
    defmt::info!("lease {}, router {}", lease.address, lease.gateway);
    Ok(())
}
