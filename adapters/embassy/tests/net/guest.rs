//! A machine with a stack, and what tests do with it.

use core::net::{Ipv4Addr, Ipv6Addr};
use core::ops::{Deref, DerefMut};
use std::collections::BTreeMap;

use embassy_net::{ConfigV4, ConfigV6, Ipv4Cidr, Ipv6Cidr, StaticConfigV4, StaticConfigV6};
use imds_core::drive::Sink;
use imds_core::walk::{Include, Summary};
use imds_core::{Leaf, Missing};
use imds_embassy::net::{Client, Resources};
use imds_embassy::{Config, Endpoint, Error, Node, Options, Target, Timeouts};
use imds_mock::{Mock, Profile};
use imds_peer::embassy::Machine;
use imds_peer::{Link, PREFIX, Peer, ROUTER, Wire};

pub(crate) const ID: &str = "/latest/meta-data/instance-id";
pub(crate) const LINK_LOCAL: Ipv4Addr = Ipv4Addr::new(169, 254, 7, 7);
/// An address in the peer's subnet, as DHCP would give it.
pub(crate) const ADDRESS: Ipv4Addr = Ipv4Addr::new(172, 31, 32, 17);
pub(crate) const ADDRESS6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 7);

pub(crate) fn ec2() -> Mock {
    Mock::new(Profile::Ec2)
}

/// Settings for tests: not paced, and with time for a repeated segment.
pub(crate) fn config() -> Config {
    let mut config = Config::new(Target::One(Endpoint::IPV4));
    config.pace = None;
    config.seed = 7;
    config.timeouts = Timeouts::WITHOUT_OS;
    config
}

pub(crate) fn auto() -> Config {
    Config {
        target: Target::Auto,
        ..config()
    }
}

/// The whole tree.
pub(crate) fn options() -> Options {
    Options::include(Include::ALL)
}

/// That these are the same; if not, names what is not.
#[track_caller]
pub(crate) fn assert_same(found: &Leaves, expected: &Leaves) {
    assert!(found.keys().eq(expected.keys()), "{:?}", found.keys());
    let other = found
        .iter()
        .find(|(path, value)| expected.get(*path) != Some(value));
    assert_eq!(other.map(|(path, _)| path), None, "another value");
}

/// What the mock has to give.
pub(crate) fn leaves(mock: &Mock) -> BTreeMap<String, Vec<u8>> {
    mock.data().leaves().collect()
}

pub(crate) type Leaves = BTreeMap<String, Vec<u8>>;

/// The machine.
pub(crate) struct Guest(Machine);

impl Deref for Guest {
    type Target = Machine;

    fn deref(&self) -> &Machine {
        &self.0
    }
}

impl DerefMut for Guest {
    fn deref_mut(&mut self) -> &mut Machine {
        &mut self.0
    }
}

impl Guest {
    /// One without an address.
    pub(crate) fn over(mock: Mock, options: imds_peer::Options, wire: Wire) -> Self {
        println!("seed of the wire {:#x}", wire.seed());
        let link = Link::new(Peer::new(mock, options), wire);
        Self(Machine::new(link, embassy_net::Config::default(), 7))
    }

    /// One with an address and a router, on a perfect wire.
    pub(crate) fn new(mock: Mock) -> Self {
        let mut guest = Self::over(mock, imds_peer::Options::new(), Wire::perfect());
        guest.take_addresses();
        guest
    }

    /// What DHCP would bring.
    pub(crate) fn take_addresses(&mut self) {
        self.take_address(ADDRESS, PREFIX, Some(ROUTER));
    }

    pub(crate) fn take_address(&mut self, ip: Ipv4Addr, bits: u8, gateway: Option<Ipv4Addr>) {
        self.stack.set_config_v4(ConfigV4::Static(StaticConfigV4 {
            address: Ipv4Cidr::new(ip, bits),
            gateway,
            dns_servers: Default::default(),
        }));
        let stack = self.stack;
        self.run(stack.wait_config_up());
    }

    pub(crate) fn take_address6(&mut self, ip: Ipv6Addr, gateway: Option<Ipv6Addr>) {
        self.stack.set_config_v6(ConfigV6::Static(StaticConfigV6 {
            address: Ipv6Cidr::new(ip, 64),
            gateway,
            dns_servers: Default::default(),
        }));
        let stack = self.stack;
        self.run(stack.wait_config_up());
    }

    pub(crate) fn resources<const LANES: usize>(&self) -> Resources<LANES> {
        Resources::new()
    }

    pub(crate) fn client<'d, const LANES: usize>(
        &self,
        resources: &'d mut Resources<LANES>,
        config: Config,
    ) -> Client<'d, LANES> {
        Client::new(self.stack, resources, config).expect("an address")
    }

    #[track_caller]
    pub(crate) fn read_id<const LANES: usize>(&mut self, client: &mut Client<'_, LANES>) {
        let mut memory = [0; 64];
        let id = self.run(client.get(ID, &mut memory));
        assert_eq!(id, Ok(Some(&b"i-0123456789abcdef0"[..])));
    }

    pub(crate) fn walk<const LANES: usize>(
        &mut self,
        client: &mut Client<'_, LANES>,
        path: &str,
    ) -> Result<(Leaves, Summary), Error> {
        let mut memory = vec![0; 64 * 1024];
        let mut leaves = BTreeMap::new();
        let mut walk = client.walk(path, options(), &mut memory)?;
        while let Some(node) = self.run(walk.next())? {
            match node {
                Node::Leaf { path, value, .. } => {
                    let before = leaves.insert(path.to_owned(), value.to_vec());
                    assert_eq!(before, None, "{path} twice");
                }
                Node::Missing(_) => {}
                Node::TooLong { path, .. } => panic!("{path} is too long"),
            }
        }
        Ok((leaves, walk.summary().expect("it has ended")))
    }

    pub(crate) fn walk_into<const LANES: usize>(
        &mut self,
        client: &mut Client<'_, LANES>,
        path: &str,
    ) -> Result<(Leaves, Summary), Error> {
        let mut store = Store::default();
        let summary = self.run(client.walk_into(path, options(), &mut store))?;
        Ok((store.leaves, summary))
    }
}

/// Takes chunks, but not each at the first offer.
#[derive(Default)]
pub(crate) struct Store {
    pub(crate) leaves: Leaves,
    offers: usize,
}

impl Sink for Store {
    fn leaf(&mut self, leaf: &Leaf<'_>) -> bool {
        self.offers += 1;
        if self.offers.is_multiple_of(5) {
            return false;
        }
        let value = self.leaves.entry(leaf.path.to_owned()).or_default();
        assert_eq!(value.len(), leaf.offset);
        value.extend(leaf.chunk);
        true
    }

    fn missing(&mut self, _missing: &Missing<'_>) -> bool {
        true
    }
}
