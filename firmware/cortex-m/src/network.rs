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
use imds_image::dhcp::{NoLease, PATIENCE, RETRY};
use imds_image::options::Options;
use static_cell::StaticCell;

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
    let only_one = Err("ip: this image can have one address, of IPv4");
    match options.addresses.as_slice() {
        [] => Ok(dhcp()),
        [address] if !options.dhcp => match address.on(mac) {
            (IpAddr::V4(ip), bits, gateway) => Ok(fixed(ip, bits, gateway)),
            (IpAddr::V6(_), ..) => only_one,
        },
        _ => only_one,
    }
}

fn dhcp() -> ConfigV4 {
    let mut config = DhcpConfig::default();
    config.retry_config.discover_timeout = RETRY.into();
    config.retry_config.initial_request_timeout = RETRY.into();
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
/// Nobody gave it one.
pub(crate) async fn bring_up(
    spawner: Spawner,
    card: Card,
    address: ConfigV4,
    seed: u64,
) -> Result<Stack<'static>, NoLease> {
    static RESOURCES: StaticCell<StackResources<2>> = StaticCell::new();
    let mut config = Config::default();
    config.ipv4 = address;
    let resources = RESOURCES.init(StackResources::new());
    let (stack, runner) = embassy_net::new(card, config, resources, seed);
    spawner.spawn(run(runner).expect("it is spawned once"));
    with_timeout(
        Duration::from_secs(PATIENCE.as_secs()),
        stack.wait_config_up(),
    )
    .await
    .map_err(|_| NoLease)?;
    if let Some(config) = stack.config_v4() {
        defmt::info!("address {}", defmt::Display2Format(&config.address));
    }
    Ok(stack)
}

#[embassy_executor::task]
async fn run(mut runner: Runner<'static, Card>) -> ! {
    runner.run().await
}
