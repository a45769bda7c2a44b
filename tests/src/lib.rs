//! Scenarios in worlds of their own: a client, the mock, and a clock that only moves when nothing
//! else can.
//!
//! A [`World`] has a client as programs have it, whichever [`Front`] that is: `IMDS_FRONT` says. A
//! [`Machine`] is the core's client with all its insides, and [`Bare`] a session without one.

mod bare;
pub mod chaos;
pub mod common;
mod front;
#[cfg(feature = "fuzz")]
pub mod fuzz;
pub mod generation;
pub mod heap;
mod law;
mod loopback;
mod machine;
mod memory;
mod network;
mod over_embassy;
mod over_nal;
mod over_tokio;
mod random;
pub mod sim;
mod sink;
mod socket;
mod task;
mod walked;
mod world;

use imds_core::config::Target;
use imds_core::{Config, Endpoint};

pub use self::bare::Bare;
pub use self::front::Front;
pub use self::machine::Machine;
pub use self::network::Network;
pub use self::random::Random;
pub use self::sink::{Gathered, Missed};
pub use self::socket::{Carrier, Socket};
pub use self::walked::{Got, Walked};
pub use self::world::World;

/// Settings for a world: the mock is at the default address, and walks are not paced.
pub fn config() -> Config {
    Config {
        pace: None,
        ..Config::new(Target::One(Endpoint::IPV4))
    }
}

/// The code of the README, so that it stays true.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
