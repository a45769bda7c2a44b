use std::format;
use std::string::{String, ToString};

use super::*;

fn ok(text: &str) -> String {
    Endpoint::parse(text).unwrap().to_string()
}

#[test]
fn endpoints_of_every_kind_are_read_and_written_back() {
    assert_eq!(ok("http://169.254.169.254"), "http://169.254.169.254");
    assert_eq!(ok("HTTP://169.254.169.254:80/"), "http://169.254.169.254");
    assert_eq!(ok("http://[fd00:ec2::254]"), "http://[fd00:ec2::254]");
    assert_eq!(
        ok("http://[FD00:0EC2::254]:8080"),
        "http://[fd00:ec2::254]:8080"
    );
    assert_eq!(ok("http://override:456"), "http://override:456");
    assert_eq!(ok("http://imds.local./base/"), "http://imds.local./base");
    assert_eq!(ok("http://h/a/b%20c"), "http://h/a/b%20c");
    assert_eq!(
        Endpoint::parse("http://169.254.169.254"),
        Ok(Endpoint::IPV4)
    );
    assert_eq!(
        Endpoint::parse("http://[fd00:ec2::254]"),
        Ok(Endpoint::IPV6)
    );
}

#[test]
fn the_host_header_has_brackets_and_only_an_unusual_port() {
    let host = |text| Endpoint::parse(text).unwrap().authority().to_string();
    assert_eq!(host("http://169.254.169.254/x"), "169.254.169.254");
    assert_eq!(host("http://127.0.0.1:1338"), "127.0.0.1:1338");
    assert_eq!(host("http://[fd00:ec2::254]:80"), "[fd00:ec2::254]");
    assert_eq!(host("http://[::1]:81"), "[::1]:81");
}

#[test]
fn what_is_no_endpoint_is_refused_by_name() {
    use EndpointError as E;
    for (text, error) in [
        ("", E::Empty),
        ("not a uri", E::InvalidCharacter),
        ("http://h\r\nX: y", E::InvalidCharacter),
        ("http://bücher", E::InvalidCharacter),
        ("169.254.169.254", E::NoScheme),
        ("https://custom", E::Https),
        ("HTTPS://custom", E::Https),
        ("ftp://custom", E::OtherScheme),
        ("http://user@host", E::UserInfo),
        ("http://user:secret@host:1", E::UserInfo),
        ("http://host?x=1", E::Query),
        ("http://host/#f", E::Fragment),
        ("http://[fe80::1%eth0]", E::ZoneId),
        ("http://[fe80::1%25eth0]:80", E::ZoneId),
        ("http://", E::NoHost),
        ("http:///path", E::NoHost),
        ("http://:80", E::NoHost),
        ("http://1.2.3", E::BadIpv4),
        ("http://1.2.3.256", E::BadIpv4),
        ("http://[fd00::zz]", E::BadIpv6),
        ("http://[fd00::1", E::BadIpv6),
        ("http://[::1]x", E::BadIpv6),
        ("http://fd00:ec2::254", E::BadIpv6),
        ("http://a..b", E::BadName),
        ("http://-a", E::BadName),
        ("http://a,b", E::BadName),
        ("http://host:0", E::PortZero),
        ("http://host:", E::BadPort),
        ("http://host:+80", E::BadPort),
        ("http://host:65536", E::BadPort),
        ("http://h/a//b", E::BadPrefix),
        ("http://h/../b", E::BadPrefix),
        ("http://h/a\"b", E::BadPrefix),
    ] {
        assert_eq!(Endpoint::parse(text), Err(error), "{text:?}");
    }
    let long = "a".repeat(64);
    let name = format!("http://{}.{}", long.split_at(63).0, long.split_at(63).0);
    assert!(Endpoint::parse(&name).is_ok(), "127 bytes of name fit");
    assert_eq!(Endpoint::parse(&format!("{name}a")), Err(E::NameTooLong));
    assert_eq!(
        Endpoint::parse(&format!("http://h/{long}")),
        Err(E::PrefixTooLong)
    );
}

#[test]
fn names_may_hold_hyphens_and_underscores_inside() {
    assert_eq!(ok("http://imds-1.my_net"), "http://imds-1.my_net");
}

#[test]
fn an_endpoint_tells_its_parts() {
    let endpoint = Endpoint::parse("http://127.0.0.1:1338/base").unwrap();
    assert_eq!(endpoint.ip(), Some(IpAddr::V4(Ipv4Addr::LOCALHOST)));
    assert_eq!((endpoint.port(), endpoint.prefix()), (1338, "/base"));
    assert_eq!(Endpoint::parse("http://imds").unwrap().ip(), None);
}

#[test]
fn only_the_two_addresses_on_their_port_are_the_default() {
    for (text, default) in [
        ("http://169.254.169.254", true),
        ("http://[fd00:ec2::254]", true),
        ("http://169.254.169.254:81", false),
        ("http://127.0.0.1", false),
    ] {
        let endpoint = Endpoint::parse(text).unwrap();
        assert_eq!(endpoint.is_default(), default, "{text}");
    }
}

#[test]
fn a_link_local_source_is_ignored_where_the_service_is_link_local_too() {
    for (service, source, ignores) in [
        ("http://169.254.169.254", "169.254.7.7", true),
        ("http://169.254.169.254", "10.0.0.7", false),
        ("http://10.0.0.1", "169.254.7.7", false),
        ("http://10.0.0.1", "10.0.0.7", false),
        ("http://[fd00:ec2::254]", "fe80::7", false),
        ("http://imds", "169.254.7.7", false),
    ] {
        let endpoint = Endpoint::parse(service).unwrap();
        let source = source.parse().unwrap();
        assert_eq!(endpoint.ignores(source), ignores, "{service} {source}");
    }
}

#[test]
fn what_is_wrong_is_told_in_words() {
    let text = EndpointError::PortZero.to_string();
    assert_eq!(text, "port 0 is not allowed");
}
