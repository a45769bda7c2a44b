//! What the kernel command line asks for.

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::time::Duration;

use heapless::{String, Vec};
use imds_core::config::{Target, Timeouts};
use imds_core::endpoint::EndpointError;
use imds_core::path::{MAX_PATH, PathError, root_of, validate};
use imds_core::{Config, Endpoint};

/// Paths of `imds.get` and `imds.walk` together.
pub const MAX_PATHS: usize = 16;
/// Lanes of `imds.lanes`.
pub const MAX_LANES: usize = 4;
/// Addresses of `ip`.
pub const MAX_ADDRESSES: usize = 2;

/// What to do.
#[derive(Debug)]
pub struct Options<'a> {
    /// Values to read and trees to walk, in the order of the command line.
    pub jobs: Vec<Job<'a>, MAX_PATHS>,
    /// Static addresses.
    pub addresses: Vec<Address, MAX_ADDRESSES>,
    /// An address by DHCPv4: if there is no other, or if it was asked for.
    pub dhcp: bool,
    /// Where to find the service.
    pub target: Target,
    /// Link-local addresses may be used to send to `169.254.169.254`.
    pub link_local: bool,
    /// Connections.
    pub lanes: usize,
    /// How to print.
    pub format: Format,
    attempts: Option<u8>,
    timeout: Option<Duration>,
    seed: Option<u64>,
}

/// One thing to read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Job<'a> {
    /// `imds.get=PATH`
    Get(&'a str),
    /// `imds.walk=PREFIX`
    Walk(&'a str),
}

/// A static address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Address {
    /// `ip=ll`: an IPv4 link-local address made from the network card's.
    LinkLocal,
    /// `ip=ADDRESS/BITS[,GATEWAY]`, or the kernel's own `ip=ADDRESS::GATEWAY:NETMASK`.
    Static {
        /// The address.
        ip: IpAddr,
        /// Length of the network's prefix.
        bits: u8,
        /// The router, of the same family.
        gateway: Option<IpAddr>,
    },
}

/// How to print values.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// `path<TAB>JSON`, one line a value.
    Flat,
    /// One JSON object, from path to value.
    Json,
}

/// A word that cannot be understood.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BadOption<'a> {
    /// What stands before the `=` of the word.
    pub name: &'a str,
    /// What stands behind it.
    pub value: &'a str,
    /// What is wrong, and what would be right.
    pub why: Why,
}

/// What is wrong with a word.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Why {
    /// No such option.
    Unknown,
    /// Something else is wanted.
    Wants(&'static str),
    /// The endpoint.
    Endpoint(EndpointError),
    /// The path.
    Path(PathError),
    /// More than there is room for.
    TooMany(usize),
}

impl fmt::Display for BadOption<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}={}` on the command line: ", self.name, self.value)?;
        match self.why {
            Why::Unknown => f.write_str(
                "no such option; there are imds.get, imds.walk, imds.lanes, imds.attempts, \
                 imds.timeout, imds.seed, imds.format, imds.endpoint, imds.link-local and ip",
            ),
            Why::Wants(what) => write!(f, "wants {what}"),
            Why::Endpoint(error) => error.fmt(f),
            Why::Path(error) => error.fmt(f),
            Why::TooMany(most) => write!(f, "at most {most} of these"),
        }
    }
}

impl<'a> Options<'a> {
    /// Reads the words of the command line: what stands before and behind the first `=`. Words
    /// that are not ours (`console=ttyS0`) are nothing to us; those that begin with `imds.` are.
    ///
    /// # Errors
    /// The first word that cannot be understood.
    pub fn parse(words: impl Iterator<Item = (&'a str, &'a str)>) -> Result<Self, BadOption<'a>> {
        let mut options = Self {
            jobs: Vec::new(),
            addresses: Vec::new(),
            dhcp: false,
            target: Target::Auto,
            link_local: false,
            lanes: 1,
            format: Format::Flat,
            attempts: None,
            timeout: None,
            seed: None,
        };
        let mut link_local = None;
        for (name, value) in words {
            options
                .set(name, value, &mut link_local)
                .map_err(|why| BadOption { name, value, why })?;
        }
        // Of no use otherwise; but who has another address is to send from that.
        let asked_for = options.addresses.contains(&Address::LinkLocal) && !options.dhcp;
        options.dhcp |= options.addresses.is_empty();
        options.link_local = link_local.unwrap_or(asked_for);
        if options.jobs.is_empty() {
            // As `imdsctl dump`.
            let _ = options.jobs.push(Job::Walk("/latest/"));
        }
        Ok(options)
    }

    fn set(
        &mut self,
        name: &str,
        value: &'a str,
        link_local: &mut Option<bool>,
    ) -> Result<(), Why> {
        let Some(option) = name.strip_prefix("imds.") else {
            return match name {
                "ip" => self.address(value),
                _ => Ok(()),
            };
        };
        match option {
            "get" => self.push(Job::Get(value))?,
            "walk" => self.push(Job::Walk(value))?,
            "lanes" => self.lanes = number(value, 1..=MAX_LANES, "a number from 1 to 4")?,
            "attempts" => self.attempts = Some(number(value, 1..=255, "a number from 1 to 255")?),
            "timeout" => self.timeout = Some(duration(value)?),
            "seed" => self.seed = Some(number(value, 0..=u64::MAX, "a number below 2^64")?),
            "format" => {
                self.format = match value {
                    "flat" => Format::Flat,
                    "json" => Format::Json,
                    _ => return Err(Why::Wants("flat or json")),
                }
            }
            "endpoint" => {
                let endpoint = Endpoint::parse(value).map_err(Why::Endpoint)?;
                endpoint
                    .ip()
                    .ok_or(Why::Wants("an address: there is no resolver here"))?;
                self.target = Target::One(endpoint);
            }
            "link-local" => {
                *link_local = match value {
                    "true" => Some(true),
                    "false" => Some(false),
                    _ => return Err(Why::Wants("true or false")),
                }
            }
            _ => return Err(Why::Unknown),
        }
        Ok(())
    }

    fn address(&mut self, value: &str) -> Result<(), Why> {
        // As Linux has them.
        if matches!(value, "dhcp" | "on" | "any") {
            self.dhcp = true;
            return Ok(());
        }
        let address = Address::parse(value).ok_or(Why::Wants(
            "dhcp, ll, ADDRESS/BITS[,GATEWAY], or ADDRESS::GATEWAY:NETMASK",
        ))?;
        self.addresses
            .push(address)
            .map_err(|_| Why::TooMany(MAX_ADDRESSES))
    }

    fn push(&mut self, job: Job<'a>) -> Result<(), Why> {
        let (Job::Get(typed) | Job::Walk(typed)) = job;
        let wants = Why::Wants("a path of at most 384 bytes, like instance-id");
        let path = absolute(typed).ok_or(wants)?;
        validate(&path).map_err(Why::Path)?;
        self.jobs.push(job).map_err(|_| Why::TooMany(MAX_PATHS))
    }

    /// The settings of the client: `chance` is its seed unless the command line has one.
    #[must_use]
    pub fn config(&self, chance: u64, longest_value: u32) -> Config {
        let mut config = Config::new(self.target.clone());
        config.seed = self.seed.unwrap_or(chance);
        config.attempts = self.attempts.unwrap_or(config.attempts);
        config.limits.value = longest_value;
        config.timeouts = Timeouts::WITHOUT_OS;
        if let Some(phase) = self.timeout {
            config.timeouts.connect = phase;
            config.timeouts.first_byte = phase;
            config.timeouts.body_idle = phase;
        }
        // Room for all attempts of two requests, the token's and the read's.
        let attempt = config.timeouts.connect
            + config.timeouts.first_byte
            + config.timeouts.body_idle
            + config.backoff_cap;
        config.timeouts.operation = Some(attempt * 2 * u32::from(config.attempts));
        config
    }
}

impl Address {
    /// The address, the length of its network's prefix and the router, on a card with this Ethernet
    /// address.
    #[must_use]
    pub fn on(self, mac: [u8; 6]) -> (IpAddr, u8, Option<IpAddr>) {
        match self {
            Self::LinkLocal => (IpAddr::V4(link_local_of(mac)), 16, None),
            Self::Static { ip, bits, gateway } => (ip, bits, gateway),
        }
    }

    fn parse(text: &str) -> Option<Self> {
        if text == "ll" {
            return Some(Self::LinkLocal);
        }
        if let Some((address, rest)) = text.split_once('/') {
            let (bits, gateway) = match rest.split_once(',') {
                Some((bits, gateway)) => (bits, Some(gateway.parse().ok()?)),
                None => (rest, None),
            };
            return Self::new(address.parse().ok()?, bits.parse().ok()?, gateway);
        }
        // ADDRESS:SERVER:GATEWAY:NETMASK:HOST:DEVICE:AUTOCONF, as Linux has it; the server and
        // what follows the netmask are nothing to us.
        let mut fields = text.split(':');
        let ip: Ipv4Addr = fields.next()?.parse().ok()?;
        let gateway = match fields.nth(1)? {
            "" => None,
            gateway => Some(IpAddr::V4(gateway.parse().ok()?)),
        };
        let netmask = u32::from(fields.next()?.parse::<Ipv4Addr>().ok()?);
        let bits = netmask.leading_ones();
        let contiguous = netmask.count_ones() == bits;
        Self::new(
            ip.into(),
            u8::try_from(bits).ok().filter(|_| contiguous)?,
            gateway,
        )
    }

    fn new(ip: IpAddr, bits: u8, gateway: Option<IpAddr>) -> Option<Self> {
        let longest = if ip.is_ipv4() { 32 } else { 128 };
        let unicast = match ip {
            IpAddr::V4(ip) => !ip.is_multicast() && !ip.is_broadcast() && !ip.is_unspecified(),
            IpAddr::V6(ip) => !ip.is_multicast() && !ip.is_unspecified(),
        };
        let same_family = gateway.is_none_or(|gateway| gateway.is_ipv4() == ip.is_ipv4());
        (bits <= longest && unicast && same_family).then_some(Self::Static { ip, bits, gateway })
    }
}

/// The IPv4 link-local address (RFC 3927 §2.1) of a network card: always the same, and never
/// one that EC2's services have.
#[must_use]
pub fn link_local_of(mac: [u8; 6]) -> Ipv4Addr {
    let [.., a, b] = mac;
    // 169.254.0/24 and 169.254.255/24 are reserved, and EC2 has services in 169.254.169/24.
    let a = match 1 + a % 254 {
        169 => 170,
        a => a,
    };
    Ipv4Addr::new(169, 254, a, b)
}

/// The IPv6 link-local address (RFC 4291 appendix A) of a network card: neighbours are found
/// from it.
#[must_use]
pub fn link_local_v6_of(mac: [u8; 6]) -> Ipv6Addr {
    let [a, b, c, d, e, f] = mac;
    let pair = |high: u8, low: u8| u16::from_be_bytes([high, low]);
    Ipv6Addr::new(
        0xfe80,
        0,
        0,
        0,
        pair(a ^ 2, b),
        pair(c, 0xff),
        pair(0xfe, d),
        pair(e, f),
    )
}

/// The absolute path that a person means, as `imdsctl` takes it: `instance-id` is
/// `/latest/meta-data/instance-id`. `None` for nothing, or more than a path may have.
#[must_use]
pub fn absolute(typed: &str) -> Option<String<MAX_PATH>> {
    let names = typed.trim_start_matches('/');
    let first = names.split('/').next().filter(|first| !first.is_empty());
    let mut path = String::new();
    match first {
        Some(first) => path.push_str(root_of(first)).ok()?,
        None if typed.is_empty() => return None,
        None => path.push('/').ok()?,
    }
    path.push_str(names).ok()?;
    Some(path)
}

fn number<T: core::str::FromStr + PartialOrd>(
    value: &str,
    range: core::ops::RangeInclusive<T>,
    wants: &'static str,
) -> Result<T, Why> {
    value
        .parse()
        .ok()
        .filter(|number| range.contains(number))
        .ok_or(Why::Wants(wants))
}

/// `250ms`, `2s`, or seconds.
fn duration(value: &str) -> Result<Duration, Why> {
    const WANTS: Why = Why::Wants("a time from 1ms to 60s, like 250ms or 2s");
    let time = match value.strip_suffix("ms") {
        Some(millis) => millis.parse().map(Duration::from_millis),
        None => value
            .strip_suffix('s')
            .unwrap_or(value)
            .parse()
            .map(Duration::from_secs),
    };
    time.ok()
        .filter(|time| (Duration::from_millis(1)..=Duration::from_secs(60)).contains(time))
        .ok_or(WANTS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString as _;

    fn parse(line: &str) -> Result<Options<'_>, BadOption<'_>> {
        let words = line.split_ascii_whitespace();
        Options::parse(words.map(|word| word.split_once('=').unwrap_or((word, ""))))
    }

    fn options(line: &str) -> Options<'_> {
        parse(line).unwrap_or_else(|bad| panic!("{bad}"))
    }

    fn address(ip: &str, bits: u8, gateway: Option<&str>) -> Address {
        let ip_of = |text: &str| text.parse().expect("an address");
        Address::Static {
            ip: ip_of(ip),
            bits,
            gateway: gateway.map(ip_of),
        }
    }

    #[test]
    fn nothing_said_is_a_dump_over_dhcp() {
        let options = options("console=ttyS0 pci=off virtio_mmio.device=4K@0xc0001000:5 quiet");
        assert_eq!(options.jobs, [Job::Walk("/latest/")]);
        assert!(options.addresses.is_empty() && !options.link_local);
        assert_eq!((options.lanes, options.format), (1, Format::Flat));
        let config = options.config(7, 100);
        assert_eq!((config.seed, config.target), (7, Target::Auto));
        assert_eq!((config.attempts, config.limits.value), (3, 100));
    }

    #[test]
    fn jobs_keep_their_order() {
        let options = options("imds.get=/b imds.walk=/c/ imds.get=/a");
        assert_eq!(
            options.jobs,
            [Job::Get("/b"), Job::Walk("/c/"), Job::Get("/a")]
        );
    }

    #[test]
    fn settings_reach_the_client() {
        let options = options(
            "imds.lanes=3 imds.attempts=5 imds.timeout=250ms imds.seed=18446744073709551615 \
             imds.format=json imds.endpoint=http://[fd00:ec2::254]:81 imds.link-local=true",
        );
        let config = options.config(7, 100);
        assert_eq!((options.lanes, options.format), (3, Format::Json));
        assert!(options.link_local);
        assert_eq!((config.attempts, config.seed), (5, u64::MAX));
        assert_eq!(config.timeouts.connect, Duration::from_millis(250));
        assert_eq!(config.timeouts.first_byte, Duration::from_millis(250));
        let endpoint = Endpoint::parse("http://[fd00:ec2::254]:81").expect("an endpoint");
        assert_eq!(config.target, Target::One(endpoint));
    }

    #[test]
    fn addresses_in_our_spelling_and_in_linux_s() {
        let cases = [
            ("172.31.0.9/20", address("172.31.0.9", 20, None)),
            (
                "172.31.0.9/20,172.31.0.1",
                address("172.31.0.9", 20, Some("172.31.0.1")),
            ),
            ("fd00:ec2::9/64", address("fd00:ec2::9", 64, None)),
            (
                "2001:db8::9/64,fe80::1",
                address("2001:db8::9", 64, Some("fe80::1")),
            ),
            (
                "172.16.0.2::172.16.0.1:255.255.255.252::eth0:off",
                address("172.16.0.2", 30, Some("172.16.0.1")),
            ),
            ("172.16.0.2:::255.255.0.0", address("172.16.0.2", 16, None)),
        ];
        for (text, expected) in cases {
            assert_eq!(Address::parse(text), Some(expected), "{text}");
        }
        assert_eq!(options("ip=ll").addresses, [Address::LinkLocal]);
        let dhcp = options("ip=dhcp");
        assert!(dhcp.dhcp && dhcp.addresses.is_empty());
    }

    #[test]
    fn dhcp_is_for_those_without_an_address_and_for_those_who_ask() {
        for (line, dhcp) in [("", true), ("ip=10.0.0.9/8", false), ("ip=ll", false)] {
            assert_eq!(options(line).dhcp, dhcp, "{line}");
        }
        for line in ["ip=dhcp ip=fd00:ec2::9/64", "ip=fd00:ec2::9/64 ip=dhcp"] {
            let both = options(line);
            assert!(both.dhcp && both.addresses.len() == 1, "{line}");
        }
    }

    #[test]
    fn what_is_said_of_link_local_sources_counts_in_any_order() {
        for (line, link_local) in [
            ("ip=ll", true),
            ("ip=ll ip=dhcp", false),
            ("ip=169.254.7.7/16", false),
            ("ip=169.254.7.7/16 imds.link-local=true", true),
            ("ip=ll imds.link-local=false", false),
            ("imds.link-local=false ip=ll", false),
        ] {
            assert_eq!(options(line).link_local, link_local, "{line}");
        }
    }

    #[test]
    fn what_cannot_be_understood_is_named() {
        for word in [
            "imds.gte=/x",
            "imds.get=",
            "imds.walk=",
            "imds.get=/latest/../x",
            "imds.walk=a//b",
            "imds.lanes=0",
            "imds.lanes=5",
            "imds.attempts=0",
            "imds.attempts=256",
            "imds.timeout=0",
            "imds.timeout=61s",
            "imds.timeout=soon",
            "imds.seed=-1",
            "imds.format=xml",
            "imds.endpoint=https://169.254.169.254",
            "imds.endpoint=http://metadata",
            "imds.link-local=maybe",
            "ip=",
            "ip=172.31.0.9",
            "ip=172.31.0.9/33",
            "ip=224.0.0.1/8",
            "ip=172.31.0.9/20,fe80::1",
            "ip=172.31.0.9::172.31.0.1:255.0.255.0",
        ] {
            let bad = parse(word).expect_err(word);
            assert!(bad.to_string().starts_with(&std::format!("`{word}` ")));
        }
        let many = "imds.get=/a ".repeat(MAX_PATHS + 1);
        assert_eq!(parse(&many).expect_err("many").why, Why::TooMany(16));
        let many = "ip=10.0.0.1/8 ".repeat(MAX_ADDRESSES + 1);
        assert_eq!(parse(&many).expect_err("many").why, Why::TooMany(2));
    }

    #[test]
    fn paths_may_be_short_as_with_imdsctl() {
        for (typed, path) in [
            ("instance-id", "/latest/meta-data/instance-id"),
            ("tags/instance/", "/latest/meta-data/tags/instance/"),
            (
                "dynamic/instance-identity/document",
                "/latest/dynamic/instance-identity/document",
            ),
            ("user-data", "/latest/user-data"),
            ("/latest/meta-data/mac", "/latest/meta-data/mac"),
            ("2021-03-23/meta-data/mac", "/2021-03-23/meta-data/mac"),
            ("/", "/"),
        ] {
            assert_eq!(absolute(typed).as_deref(), Some(path), "{typed}");
        }
        assert_eq!(absolute(""), None);
        assert_eq!(absolute(&"x".repeat(MAX_PATH)), None);
    }

    #[test]
    fn no_card_gets_an_address_of_the_services() {
        for a in 0..=255 {
            for b in 0..=255 {
                let ip = link_local_of([0x0e, 0, 0, 0, a, b]);
                assert!(ip.is_link_local());
                assert!(!matches!(ip.octets(), [_, _, 0 | 169 | 255, _]));
            }
        }
    }

    #[test]
    fn the_ipv6_link_local_address_is_the_card_s() {
        let ip = link_local_v6_of([0x52, 0x54, 0x00, 0x12, 0x34, 0x56]);
        assert_eq!(ip.to_string(), "fe80::5054:ff:fe12:3456");
    }
}
