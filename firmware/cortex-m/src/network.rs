//! The stack, and how it comes to an address.

use core::net::{IpAddr, Ipv4Addr};

use embassy_executor::Spawner;
use embassy_net::{
    Config, ConfigV4, DhcpConfig, Ipv4Cidr, Runner, Stack, StackResources, StaticConfigV4,
};
use embassy_time::{Duration, with_timeout};
use imds_core::Endpoint;
use imds_core::config::Target;
use imds_cortex_m::ethernet::{Controller, Ethernet};
use imds_image::options::{Address, Options, link_local_of};
use static_cell::StaticCell;

/// How long a DHCP server may take. EC2's answers within milliseconds.
const PATIENCE: Duration = Duration::from_secs(15);

type Card = &'static mut Ethernet<Controller>;

/// The settings of the client.
///
/// # Errors
///
/// What the command line asks for, and this image cannot do.
pub(crate) fn config(
    options: &Options<'_>,
    seed: u64,
    longest_value: u32,
) -> Result<imds_core::Config, &'static str> {
    if options.lanes != 1 {
        return Err("imds.lanes: this image has room for one connection");
    }
    let mut config = options.config(seed, longest_value);
    match &config.target {
        Target::Auto => config.target = Target::One(Endpoint::IPV4),
        Target::One(endpoint) if endpoint.ip().is_some_and(|ip| ip.is_ipv4()) => {}
        Target::One(_) => return Err("imds.endpoint: this image has IPv4 only"),
    }
    Ok(config)
}

/// How the stack comes to an address.
///
/// # Errors
///
/// What the command line asks for, and this image cannot do.
pub(crate) fn address(options: &Options<'_>, mac: [u8; 6]) -> Result<ConfigV4, &'static str> {
    match options.addresses.as_slice() {
        [] => Ok(dhcp()),
        [Address::LinkLocal] if !options.dhcp => Ok(fixed(link_local_of(mac), 16, None)),
        [
            Address::Static {
                ip: IpAddr::V4(ip),
                bits,
                gateway,
            },
        ] if !options.dhcp => Ok(fixed(*ip, *bits, *gateway)),
        _ => Err("ip: this image can have one address, of IPv4"),
    }
}

fn dhcp() -> ConfigV4 {
    let mut config = DhcpConfig::default();
    // A lost packet should not cost ten seconds.
    let second = smoltcp::time::Duration::from_secs(1);
    config.retry_config.discover_timeout = second;
    config.retry_config.initial_request_timeout = second;
    ConfigV4::Dhcp(config)
}

fn fixed(ip: Ipv4Addr, bits: u8, gateway: Option<IpAddr>) -> ConfigV4 {
    ConfigV4::Static(StaticConfigV4 {
        address: Ipv4Cidr::new(ip, bits),
        gateway: match gateway {
            Some(IpAddr::V4(router)) => Some(router),
            // The command line has none of another family.
            Some(IpAddr::V6(_)) | None => None,
        },
        dns_servers: Default::default(),
    })
}

/// A stack that has an address.
///
/// # Errors
///
/// Why it has none.
pub(crate) async fn bring_up(
    spawner: Spawner,
    card: Card,
    address: ConfigV4,
    seed: u64,
) -> Result<Stack<'static>, &'static str> {
    static RESOURCES: StaticCell<StackResources<2>> = StaticCell::new();
    let mut config = Config::default();
    config.ipv4 = address;
    let resources = RESOURCES.init(StackResources::new());
    let (stack, runner) = embassy_net::new(card, config, resources, seed);
    spawner.spawn(run(runner).expect("it is spawned once"));
    with_timeout(PATIENCE, stack.wait_config_up())
        .await
        .map_err(|_| {
            "no answer from a DHCP server in 15 seconds; give a static address with ip=, \
             or ip=ll on Firecracker"
        })?;
    if let Some(config) = stack.config_v4() {
        defmt::info!("address {}", defmt::Display2Format(&config.address));
    }
    Ok(stack)
}

#[embassy_executor::task]
async fn run(mut runner: Runner<'static, Card>) -> ! {
    runner.run().await
}
