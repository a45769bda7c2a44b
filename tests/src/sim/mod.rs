//! A world that is drawn from a seed: servers that fail in every way, a network that loses,
//! delays and breaks, clients of every shape; one clock; and a reference that is asked after every
//! step whether what was done may be done.
//!
//! [`run`] plays a [`Script`] to its end and panics where a rule is broken. [`check`] does so for a
//! seed and makes the script of a failure as short as it can.

mod actor;
mod draw;
mod exchange;
mod log;
mod model;
mod player;
mod script;
mod shrink;
mod tap;
mod verdict;
mod wire;
mod world;

pub use self::script::Script;
pub use self::shrink::{Failure, check};
pub use self::world::{Report, run};
