//! What kind of network the guest finds itself in.

use core::time::Duration;

use imds_mock::Profile;

/// Whose network it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    /// EC2's: a router, DHCP, IPv4 and IPv6; the service ignores link-local sources.
    Ec2,
    /// Firecracker's: ARP for 169.254.169.254 and its TCP port 80, nothing else; any source will do.
    Firecracker,
}

/// Whether there is a metadata service, seen from the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Presence {
    /// It is there.
    #[default]
    Serving,
    /// Nobody has its addresses: neither ARP nor neighbour solicitations for them are answered.
    Absent,
    /// Its addresses resolve, and every segment to them is lost.
    Silent,
    /// Its addresses resolve, and its port is closed: RST.
    Refused,
}

/// The limit on the hops of token answers, and the way they have to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hops {
    pub(crate) limit: u8,
    pub(crate) routers: u8,
}

/// Settings of a [`Peer`](crate::Peer), made by value: `Options::new().allow_link_local(true)`.
#[derive(Clone, Debug)]
pub struct Options {
    pub(crate) network: Network,
    pub(crate) presence: Presence,
    pub(crate) allow_link_local: bool,
    pub(crate) dhcp: bool,
    pub(crate) lease: Duration,
    pub(crate) hops: Option<Hops>,
    pub(crate) seed: u64,
}

impl Options {
    /// EC2's network with everything in order.
    #[must_use]
    pub fn new() -> Self {
        Self {
            network: Network::Ec2,
            presence: Presence::Serving,
            allow_link_local: false,
            dhcp: true,
            // What EC2 gives.
            lease: Duration::from_secs(3600),
            hops: None,
            seed: 0,
        }
    }

    /// The network in which this kind of server lives.
    #[must_use]
    pub fn for_profile(profile: Profile) -> Self {
        Self::new().network(if profile == Profile::Mmds {
            Network::Firecracker
        } else {
            Network::Ec2
        })
    }

    /// Another network.
    #[must_use]
    pub fn network(mut self, network: Network) -> Self {
        self.network = network;
        self
    }

    /// Whether there is a service. DHCP and the router are there in any case.
    #[must_use]
    pub fn presence(mut self, presence: Presence) -> Self {
        self.presence = presence;
        self
    }

    /// Serves link-local sources too. EC2 drops their packets, so a client that sends from one has to fail here as
    /// it does there. Firecracker's network always serves them.
    #[must_use]
    pub fn allow_link_local(mut self, yes: bool) -> Self {
        self.allow_link_local = yes;
        self
    }

    /// Whether DHCP is answered, on EC2's network.
    #[must_use]
    pub fn dhcp(mut self, yes: bool) -> Self {
        self.dhcp = yes;
        self
    }

    /// For how long an address is given: whole seconds.
    #[must_use]
    pub fn lease(mut self, lease: Duration) -> Self {
        self.lease = lease;
        self
    }

    /// Sends the answer to a token request with this hop limit (`HttpPutResponseHopLimit`, at least 1) over a way of
    /// so many routers. If the limit is not above the routers, the segments with the token die, their
    /// retransmissions and the bare acknowledgements behind them too, while everything else arrives: what a container
    /// behind a bridge sees on EC2. Unlike the mock's profile `hop-limited` it happens to segments, so it shows what
    /// a TCP stack makes of it.
    #[must_use]
    pub fn hop_limit(mut self, limit: u8, routers: u8) -> Self {
        self.hops = Some(Hops {
            limit: limit.max(1),
            routers,
        });
        self
    }

    /// Decides the initial sequence numbers of TCP.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }
}

impl Default for Options {
    fn default() -> Self {
        Self::new()
    }
}
