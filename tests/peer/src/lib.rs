//! The other end of an Ethernet cable, for boot images and for clients over smoltcp: a DHCP server, a router that
//! answers ARP and neighbour solicitations, and [`imds_mock`] behind TCP port 80 of the two metadata addresses.
//!
//! Nothing here opens a socket or reads a clock, except in [`unix`]. [`Peer`] takes frames and the time and gives frames
//! back; [`Wire`] loses, delays, doubles and swaps frames as a seed tells it; [`Link`] is the one behind the other, and
//! is driven like this, by a test with a clock of its own as by [`unix`] with the real one:
//!
//! ```
//! use core::time::Duration;
//! use imds_mock::{Mock, Profile};
//! use imds_peer::{Link, Options, Peer, Wire};
//!
//! let mut link = Link::new(Peer::new(Mock::new(Profile::Ec2), Options::new()), Wire::perfect());
//! let now = Duration::ZERO;
//! link.handle_frame(now, b"what the guest sent");
//! while let Some(frame) = link.poll_frame() {
//!     // ... to the guest.
//! #   drop(frame);
//! }
//! // Whatever the guest does, call again at this time.
//! let later = link.next_timeout(now);
//! # let _ = later;
//! link.poll(now);
//! ```
//!
//! The network is EC2's: addresses by DHCP, metadata over IPv4 and IPv6, and no answer to a link-local source; or
//! Firecracker's, which has only ARP and TCP port 80 of 169.254.169.254. [`Options`] says which, and what else is odd.

mod counters;
pub mod device;
mod dhcp;
#[cfg(feature = "embassy")]
pub mod embassy;
mod gate;
mod link;
mod options;
mod peer;
pub mod pool;
mod random;
pub mod unix;
mod wire;

use core::net::{Ipv4Addr, Ipv6Addr};

pub use counters::Counters;
pub use link::Link;
pub use options::{Network, Options, Presence};
pub use peer::Peer;
pub use wire::{Direction, Faults, Tally, Wire};

/// The metadata service.
pub const SERVICE: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 254);

/// The metadata service in IPv6.
pub const SERVICE6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);

/// The router of the subnet, which is its DHCP server too, as on EC2.
pub const ROUTER: Ipv4Addr = Ipv4Addr::new(172, 31, 32, 1);

/// The length of the subnet's prefix.
pub const PREFIX: u8 = 20;

/// The router in IPv6; it answers as `fe80::1` too.
pub const ROUTER6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 1);

/// The name server that DHCP tells of. Nothing answers there.
pub const DNS: Ipv4Addr = Ipv4Addr::new(172, 31, 0, 2);

/// Our end of the cable.
pub const MAC: [u8; 6] = [0x02, 0xec, 0x02, 0x00, 0x00, 0x01];

/// The card of the built-in instance: its `meta-data/mac`. A guest with this card is given that instance's
/// `local-ipv4`, 172.31.32.17.
pub const GUEST_MAC: [u8; 6] = [0x02, 0x29, 0x96, 0x8f, 0x6a, 0x2d];
