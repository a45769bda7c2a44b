//! Where the service is: parsed once, legal ever after.

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use heapless::String;

/// Longest host name an endpoint may hold, in bytes.
pub const MAX_HOST_NAME: usize = 127;
/// Longest path prefix an endpoint may hold, in bytes.
pub const MAX_PREFIX: usize = 63;

/// The host part of an [`Endpoint`].
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Host {
    /// An address: no name resolution is needed.
    Ip(#[cfg_attr(feature = "defmt", defmt(Debug2Format))] IpAddr),
    /// A name. Only an adapter that has a resolver can use it.
    Name(String<MAX_HOST_NAME>),
}

/// Base URL of a metadata service: `http://host[:port][/prefix]`.
///
/// Plain HTTP only; the service speaks nothing else (facts §1.1).
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Endpoint {
    host: Host,
    port: u16,
    prefix: String<MAX_PREFIX>,
}

/// Why a text is not an endpoint.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum EndpointError {
    /// Nothing there.
    Empty,
    /// A blank, a control character or a character outside ASCII.
    InvalidCharacter,
    /// No `http://` in front.
    NoScheme,
    /// `https://`: the service has no TLS.
    Https,
    /// Another scheme.
    OtherScheme,
    /// `user@` or `user:password@`.
    UserInfo,
    /// `?query`.
    Query,
    /// `#fragment`.
    Fragment,
    /// An IPv6 zone id (`%eth0`).
    ZoneId,
    /// No host.
    NoHost,
    /// Not an IPv4 address, though all digits and dots.
    BadIpv4,
    /// Not an IPv6 address, or its brackets do not pair.
    BadIpv6,
    /// Not a host name.
    BadName,
    /// Not a port.
    BadPort,
    /// Port 0.
    PortZero,
    /// The name has more than [`MAX_HOST_NAME`] bytes.
    NameTooLong,
    /// The path prefix has more than [`MAX_PREFIX`] bytes.
    PrefixTooLong,
    /// The path prefix has an empty, `.` or `..` segment, or a character that must be encoded.
    BadPrefix,
}

impl EndpointError {
    /// The cause as a phrase.
    pub const fn explain(self) -> &'static str {
        match self {
            Self::Empty => "it is empty",
            Self::InvalidCharacter => {
                "invalid uri character: a blank, a control or a non-ASCII character"
            }
            Self::NoScheme => "it must begin with http://",
            Self::Https => "https is not possible: the metadata service speaks plain http only",
            Self::OtherScheme => "only the scheme http is possible",
            Self::UserInfo => "a user name or password (user@) is not allowed",
            Self::Query => "a query (?) is not allowed",
            Self::Fragment => "a fragment (#) is not allowed",
            Self::ZoneId => "an IPv6 zone id (%) is not allowed",
            Self::NoHost => "the host is missing",
            Self::BadIpv4 => "the host is not a valid IPv4 address",
            Self::BadIpv6 => "the host is not a valid IPv6 address in brackets",
            Self::BadName => "the host is not a valid name",
            Self::BadPort => "the port is not a number from 1 to 65535",
            Self::PortZero => "port 0 is not allowed",
            Self::NameTooLong => "the host name is longer than 127 bytes",
            Self::PrefixTooLong => "the path prefix is longer than 63 bytes",
            Self::BadPrefix => "the path prefix is not a plain path",
        }
    }
}

impl fmt::Display for EndpointError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.explain())
    }
}

impl core::error::Error for EndpointError {}

impl Endpoint {
    /// `http://169.254.169.254` (facts §1.1).
    pub const IPV4: Self = Self::from_ip(IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)), 80);
    /// `http://[fd00:ec2::254]` (facts §1.1).
    pub const IPV6: Self = Self::from_ip(
        IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
        80,
    );

    /// An endpoint at an address, without a path prefix.
    ///
    /// # Panics
    /// On port 0, which no service can listen on.
    pub const fn from_ip(ip: IpAddr, port: u16) -> Self {
        assert!(port != 0, "port 0 is not an endpoint");
        Self {
            host: Host::Ip(ip),
            port,
            prefix: String::new(),
        }
    }

    /// Reads `http://host[:port][/prefix]`; the scheme in any case, IPv6 in brackets.
    ///
    /// # Errors
    /// [`EndpointError`] names what is wrong or not supported.
    pub fn parse(text: &str) -> Result<Self, EndpointError> {
        if text.is_empty() {
            return Err(EndpointError::Empty);
        }
        if !text.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(EndpointError::InvalidCharacter);
        }
        let (scheme, rest) = text
            .split_once(':')
            .and_then(|(scheme, rest)| Some((scheme, rest.strip_prefix("//")?)))
            .ok_or(EndpointError::NoScheme)?;
        if scheme.eq_ignore_ascii_case("https") {
            return Err(EndpointError::Https);
        }
        if !scheme.eq_ignore_ascii_case("http") {
            return Err(EndpointError::OtherScheme);
        }
        if rest.contains('#') {
            return Err(EndpointError::Fragment);
        }
        if rest.contains('?') {
            return Err(EndpointError::Query);
        }
        let path = rest.find('/').and_then(|at| rest.split_at_checked(at));
        let (authority, path) = path.unwrap_or((rest, ""));
        if authority.contains('@') {
            return Err(EndpointError::UserInfo);
        }
        let (host, port) = parse_authority(authority)?;
        Ok(Self {
            host,
            port,
            prefix: parse_prefix(path)?,
        })
    }

    /// The host.
    pub const fn host(&self) -> &Host {
        &self.host
    }

    /// The address, unless the host is a name.
    pub const fn ip(&self) -> Option<IpAddr> {
        match &self.host {
            Host::Ip(ip) => Some(*ip),
            Host::Name(_) => None,
        }
    }

    /// The TCP port.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// What stands before every request path: empty, or `/…` without a final slash.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The text of the `Host` header: brackets around IPv6, the port only if it is not 80
    /// (RFC 9110 §7.2, facts §11).
    pub const fn authority(&self) -> Authority<'_> {
        Authority(self)
    }

    /// Does the service ignore packets from this address? EC2 does, if it is link-local, at its
    /// IPv4 address; Firecracker's MMDS at the same address does not (facts §1.1).
    pub const fn ignores(&self, source: IpAddr) -> bool {
        match (&self.host, source) {
            (Host::Ip(IpAddr::V4(ip)), IpAddr::V4(source)) => {
                ip.is_link_local() && source.is_link_local()
            }
            _ => false,
        }
    }

    /// Is this one of the two addresses of the real service, on its port?
    pub fn is_default(&self) -> bool {
        *self == Self::IPV4 || *self == Self::IPV6
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}{}", self.authority(), self.prefix)
    }
}

/// [`Endpoint::authority`]: displays as a `Host` header's value.
#[derive(Clone, Copy, Debug)]
pub struct Authority<'a>(&'a Endpoint);

impl fmt::Display for Authority<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.host {
            Host::Ip(IpAddr::V4(ip)) => write!(f, "{ip}")?,
            Host::Ip(IpAddr::V6(ip)) => write!(f, "[{ip}]")?,
            Host::Name(name) => f.write_str(name)?,
        }
        match self.0.port {
            80 => Ok(()),
            port => write!(f, ":{port}"),
        }
    }
}

fn parse_authority(authority: &str) -> Result<(Host, u16), EndpointError> {
    if let Some(rest) = authority.strip_prefix('[') {
        let (ip, after) = rest.split_once(']').ok_or(EndpointError::BadIpv6)?;
        if ip.contains('%') {
            return Err(EndpointError::ZoneId);
        }
        let ip: Ipv6Addr = ip.parse().map_err(|_| EndpointError::BadIpv6)?;
        let port = match after.strip_prefix(':') {
            Some(port) => parse_port(port)?,
            None if after.is_empty() => 80,
            None => return Err(EndpointError::BadIpv6),
        };
        return Ok((Host::Ip(IpAddr::V6(ip)), port));
    }
    let (host, port) = match authority.split_once(':') {
        Some((_, rest)) if rest.contains(':') => return Err(EndpointError::BadIpv6),
        Some((host, port)) => (host, parse_port(port)?),
        None => (authority, 80),
    };
    Ok((parse_host(host)?, port))
}

fn parse_port(text: &str) -> Result<u16, EndpointError> {
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(EndpointError::BadPort);
    }
    match text.parse() {
        Ok(0) => Err(EndpointError::PortZero),
        Ok(port) => Ok(port),
        Err(_) => Err(EndpointError::BadPort),
    }
}

fn parse_host(text: &str) -> Result<Host, EndpointError> {
    if text.is_empty() {
        return Err(EndpointError::NoHost);
    }
    if text.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
        let ip: Ipv4Addr = text.parse().map_err(|_| EndpointError::BadIpv4)?;
        return Ok(Host::Ip(IpAddr::V4(ip)));
    }
    let label_ok = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    if !text
        .strip_suffix('.')
        .unwrap_or(text)
        .split('.')
        .all(label_ok)
    {
        return Err(EndpointError::BadName);
    }
    String::try_from(text)
        .map(Host::Name)
        .map_err(|_| EndpointError::NameTooLong)
}

fn parse_prefix(path: &str) -> Result<String<MAX_PREFIX>, EndpointError> {
    let path = path.strip_suffix('/').unwrap_or(path);
    let Some(segments) = path.strip_prefix('/') else {
        return Ok(String::new());
    };
    let ok = |segment: &str| {
        !matches!(segment, "" | "." | "..")
            && segment
                .bytes()
                .all(|b| crate::path::is_pchar(b) || b == b'%')
    };
    if !segments.split('/').all(ok) {
        return Err(EndpointError::BadPrefix);
    }
    String::try_from(path).map_err(|_| EndpointError::PrefixTooLong)
}

#[cfg(test)]
#[path = "endpoint_tests.rs"]
mod tests;
