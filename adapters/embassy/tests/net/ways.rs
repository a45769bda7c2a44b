//! Addresses, and ways to the service.

use core::net::Ipv4Addr;

use imds_core::Misuse;
use imds_embassy::net::Client;
use imds_embassy::{Config, Endpoint};
use imds_peer::{Network, Options, PREFIX, Presence, ROUTER, ROUTER6};

use crate::guest::{ADDRESS, ADDRESS6, LINK_LOCAL};
use crate::*;

const UNREACHABLE: Error = Error::Transport(Phase::Connect, Fault::Unreachable);

fn stranger(options: Options) -> Guest {
    Guest::over(ec2(), options, Wire::perfect())
}

fn once(config: Config) -> Config {
    Config {
        attempts: 1,
        ..config
    }
}

fn result(guest: &mut Guest, config: Config) -> Result<bool, Error> {
    let mut resources = guest.resources::<1>();
    let mut client = guest.client(&mut resources, config);
    let mut memory = [0; 64];
    guest
        .run(client.get(ID, &mut memory))
        .map(|id| id.is_some())
}

#[test]
fn over_ipv6() {
    let mut guest = stranger(Options::new());
    guest.take_address6(ADDRESS6, None);
    let config = Config {
        target: Target::One(Endpoint::IPV6),
        ..config()
    };
    assert_eq!(result(&mut guest, config), Ok(true));
}

#[test]
fn a_machine_that_has_only_ipv6_loses_no_time_on_ipv4() {
    let mut guest = stranger(Options::new());
    guest.take_address6(ADDRESS6, None);
    assert_eq!(result(&mut guest, auto()), Ok(true));
    assert_eq!(guest.now(), Duration::ZERO);
}

#[test]
fn a_second_address_gets_its_time_when_the_first_is_silent() {
    let mut guest = stranger(Options::new());
    guest.take_address6(ADDRESS6, None);
    // Its router has gone.
    let router = Ipv4Addr::new(172, 31, 32, 200);
    guest.take_address(ADDRESS, PREFIX, Some(router));
    assert_eq!(result(&mut guest, auto()), Ok(true));
    assert!(guest.now() < Duration::from_secs(5), "{:?}", guest.now());
}

#[test]
fn without_an_address_or_a_route_the_error_comes_at_once() {
    let mut guest = stranger(Options::new());
    assert_eq!(result(&mut guest, once(config())), Err(UNREACHABLE));
    guest.take_address(ADDRESS, PREFIX, None);
    assert_eq!(
        result(&mut guest, once(config())),
        Err(UNREACHABLE),
        "and no route"
    );
    assert_eq!(guest.now(), Duration::ZERO);
    guest.take_addresses();
    assert_eq!(result(&mut guest, once(config())), Ok(true));
}

/// The stack's choice of a source address has an assertion against it.
#[test]
fn an_unspecified_address_is_unreachable() {
    for url in ["http://[::]", "http://0.0.0.0"] {
        let mut guest = stranger(Options::new());
        guest.take_address6(ADDRESS6, Some(ROUTER6));
        guest.take_addresses();
        let config = Config {
            target: Target::One(Endpoint::parse(url).expect("an endpoint")),
            ..once(config())
        };
        assert_eq!(result(&mut guest, config), Err(UNREACHABLE), "{url}");
    }
}

#[test]
fn nothing_is_sent_from_a_link_local_address() {
    let mut guest = stranger(Options::new());
    guest.take_address(LINK_LOCAL, 16, None);
    let error = result(&mut guest, config()).expect_err("EC2 would drop it");
    assert_eq!(
        error,
        Error::Transport(Phase::Connect, Fault::LinkLocalSource)
    );
    assert_eq!(error.cause(), Cause::Unreachable);
    assert_eq!(guest.link.peer().counters().frames_in, 0);
}

#[test]
fn firecracker_s_service_is_read_from_a_link_local_address_when_told_to() {
    let options = Options::new().network(Network::Firecracker);
    let mut guest = Guest::over(Mock::new(Profile::Mmds), options, Wire::perfect());
    guest.take_address(LINK_LOCAL, 16, None);
    let mut resources = guest.resources::<1>();
    let mut client = guest.client(&mut resources, config());
    client.allow_link_local_source(true);
    guest.read_id(&mut client);
}

#[test]
fn who_does_not_answer_is_told_apart() {
    let refused = Error::Transport(Phase::Connect, Fault::Refused);
    let silent = Error::Timeout(Reason::Connect);
    for (presence, expected) in [
        (Presence::Refused, refused),
        (Presence::Silent, silent),
        (Presence::Absent, silent),
    ] {
        let mut guest = stranger(Options::new().presence(presence));
        guest.take_addresses();
        let error = result(&mut guest, config()).expect_err("nobody answers");
        assert_eq!(error, expected, "{presence:?}");
        assert_eq!(error.cause(), Cause::Unreachable);
    }
}

#[test]
fn dhcp_brings_an_address_and_a_router() {
    let mut guest = stranger(Options::new());
    let dhcp = embassy_net::ConfigV4::Dhcp(embassy_net::DhcpConfig::default());
    guest.stack.set_config_v4(dhcp);
    let stack = guest.stack;
    guest.run(stack.wait_config_up());
    let config4 = stack.config_v4().expect("a lease");
    assert_eq!(config4.address.address(), ADDRESS);
    assert_eq!(config4.gateway, Some(ROUTER));
    assert_eq!(result(&mut guest, config()), Ok(true));
}

#[test]
fn a_host_name_is_refused_by_name() {
    let guest = Guest::new(ec2());
    let mut resources = guest.resources::<1>();
    let endpoint = Endpoint::parse("http://metadata.internal").expect("an endpoint");
    let config = Config::new(Target::One(endpoint));
    let client = Client::new(guest.stack, &mut resources, config);
    assert_eq!(client.err(), Some(Misuse::HostNameNeedsResolver));
}
