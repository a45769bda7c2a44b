//! imds-embassy's client on an embassy-net stack, at the end of a wire; and what both of its clients
//! have in common.

use core::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::rc::Rc;

use embassy_net::{ConfigV6, Ipv4Cidr, Ipv6Cidr, StaticConfigV4, StaticConfigV6};
use imds_core::config::Target;
use imds_core::model::{IdentityDocument, ReadError};
use imds_core::walk::Options;
use imds_core::{Config, Counters, Endpoint, Error};
use imds_embassy::Node;
use imds_embassy::nal::{Connection, TcpConnect, Timer};
use imds_embassy::net::{Client, Resources, Sockets};
use imds_mock::{Mock, Profile};
use imds_peer::embassy::Machine;
use imds_peer::{Link, PREFIX, Peer, ROUTER, Wire};

use crate::network::Door;
use crate::task::{self, Engine, Task};
use crate::walked::names;
use crate::{Got, Missed, Network, Walked};

/// Room for the largest value.
const ROOM: usize = 128 * 1024;

/// Buffers as small as an image would have: no answer of some length fits.
const RECEIVE: usize = 1460;
const SEND: usize = 512;

/// The machine's addresses, in the peer's subnet.
const ADDRESS: Ipv4Addr = Ipv4Addr::new(172, 31, 32, 17);
const ADDRESS6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 7);

/// The client in a machine of its own.
pub(crate) fn task<const LANES: usize, const WINDOW: usize, const ARENA: usize>(
    network: &Rc<Network>,
    config: Config,
) -> Task {
    let cable = Cable::new(&config);
    let stack = cable.machine.stack;
    Task::new(network, Engine::Cable(Box::new(cable)), |desk| async move {
        let mut resources = Box::new(Resources::<LANES, WINDOW, ARENA, RECEIVE, SEND>::new());
        let client = Client::new(stack, &mut resources, config);
        desk.serve(client.expect("an address")).await;
    })
}

/// The machine, and the peer at the other end of its cable.
pub(crate) struct Cable {
    machine: Machine,
    /// Where the client looks for the service.
    service: Vec<SocketAddr>,
}

impl Cable {
    fn new(config: &Config) -> Self {
        let mut addresses = embassy_net::Config::ipv4_static(StaticConfigV4 {
            address: Ipv4Cidr::new(ADDRESS, PREFIX),
            gateway: Some(ROUTER),
            dns_servers: Default::default(),
        });
        addresses.ipv6 = ConfigV6::Static(StaticConfigV6 {
            address: Ipv6Cidr::new(ADDRESS6, 64),
            gateway: None,
            dns_servers: Default::default(),
        });
        // The world's mock is there while the machine runs.
        let nobody = Peer::new(Mock::new(Profile::Ec2), imds_peer::Options::new());
        let link = Link::new(nobody, Wire::perfect());
        let mut machine = Machine::new(link, addresses, config.seed);
        let stack = machine.stack;
        machine.run(stack.wait_config_up());
        let endpoints = match &config.target {
            Target::One(endpoint) => vec![endpoint.clone()],
            Target::Auto => vec![Endpoint::IPV4, Endpoint::IPV6],
        };
        let address = |e: Endpoint| Some(SocketAddr::new(e.ip()?, e.port()));
        Self {
            machine,
            service: endpoints.into_iter().filter_map(address).collect(),
        }
    }

    /// Has the machine do something, in the world as it is.
    pub(crate) fn run<T>(&mut self, network: &Network, run: impl FnOnce(&mut Machine) -> T) -> T {
        let Self { machine, service } = self;
        assert_eq!(machine.now(), network.now.get(), "one such world at a time");
        // Where nobody listens, the stack refuses.
        let door = |address: &SocketAddr| network.door(address.ip());
        let open = service.iter().filter(|address| door(address) == Door::Open);
        let open: Vec<_> = open.copied().collect();
        machine.cut = service.iter().any(|address| door(address) == Door::Silent);
        let peer = machine.link.peer_mut();
        peer.listen_at(&open);
        core::mem::swap(peer.mock_mut(), &mut network.mock.borrow_mut());
        let output = run(machine);
        let mock = machine.link.peer_mut().mock_mut();
        core::mem::swap(mock, &mut network.mock.borrow_mut());
        network.now.set(machine.now());
        output
    }
}

/// Both clients have the same methods, but nothing that says so.
macro_rules! client {
    ([$($generics:tt)*] $client:ty) => {
        impl<$($generics)*> task::Client for $client {
            async fn get(&mut self, path: &str) -> Got {
                let mut memory = vec![0; ROOM];
                let value = Self::get(self, path, &mut memory).await?;
                Ok(value.map(<[u8]>::to_vec))
            }

            async fn list(&mut self, path: &str) -> Result<Option<Vec<String>>, Error> {
                let mut memory = vec![0; ROOM];
                let listing = Self::list(self, path, &mut memory).await?;
                Ok(listing.map(|listing| names(path, listing)))
            }

            async fn walk(
                &mut self,
                path: &str,
                options: Options,
                within: Option<&str>,
            ) -> (Walked, Vec<Got>) {
                let (mut leaves, mut missing, mut got) = (Vec::new(), Vec::new(), Vec::new());
                let mut memory = vec![0; ROOM];
                let mut walk = match Self::walk(self, path, options, &mut memory) {
                    Ok(walk) => walk,
                    Err(error) => return (Walked::new(leaves, missing, Err(error)), got),
                };
                let result = loop {
                    match walk.next().await {
                        Ok(None) => break Ok(walk.summary()),
                        Err(error) => break Err(error),
                        Ok(Some(Node::Leaf { path, value, .. })) => {
                            leaves.push((path.to_owned(), value.to_vec()));
                        }
                        Ok(Some(Node::Missing(node))) => missing.push(Missed::from(&node)),
                        Ok(Some(Node::TooLong { path, .. })) => {
                            panic!("there is room for {path}")
                        }
                    }
                    if let Some(path) = within {
                        let mut memory = vec![0; ROOM];
                        let value = walk.get(path, &mut memory).await;
                        got.push(value.map(|value| value.map(<[u8]>::to_vec)));
                    }
                };
                (Walked::new(leaves, missing, result), got)
            }

            async fn leave(&mut self, path: &str, options: Options, nodes: usize) -> bool {
                let mut memory = vec![0; ROOM];
                let walk = Self::walk(self, path, options, &mut memory);
                let mut walk = walk.expect("a path that can be walked");
                for _ in 0..nodes {
                    if !matches!(walk.next().await, Ok(Some(_))) {
                        return true;
                    }
                }
                false
            }

            async fn access_key(&mut self) -> Result<Option<String>, ReadError> {
                let credentials = self.credentials::<4096>(&mut vec![0; ROOM]).await?;
                Ok(credentials.map(|credentials| credentials.access_key_id().to_owned()))
            }

            async fn identity(&mut self) -> Result<Option<IdentityDocument>, ReadError> {
                self.identity_document(&mut vec![0; ROOM]).await
            }

            fn counters(&self) -> Counters {
                Self::counters(self)
            }
        }
    };
}

client!(['s, S: TcpConnect, T: Timer] imds_embassy::Client<'_, Connection<'s, S, T>, 1>);
client!(['d, const LANES: usize] imds_embassy::Client<'_, Sockets<'d, LANES>, LANES>);
