//! The clients that a scenario can be about, and what is different about them.

use core::time::Duration;
use std::sync::OnceLock;

/// Names the front of a run.
pub(crate) const VARIABLE: &str = "IMDS_FRONT";

/// A client as programs have it, and the network below it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Front {
    /// The core's `Client` by its own driver. What one end writes, the other has.
    Memory,
    /// The same by imds-smoltcp: TCP, on the loopback of a stack that the mock is on too.
    Smoltcp,
    /// imds-tokio on a runtime whose clock is paused, its connections in memory.
    Tokio,
    /// The generic front of imds-embassy over `embedded-nal-async` in memory, on `std`.
    Nal,
    /// The same over TCP, on a loopback: a stack that is neither embassy-net nor imds-smoltcp.
    NalTcp,
    /// The front of imds-embassy for an embassy-net stack, in a machine at the end of an Ethernet
    /// wire, with embassy's clock.
    EmbassyNet,
}

impl Front {
    /// Every front.
    pub const ALL: [Self; 6] = [
        Self::Memory,
        Self::Smoltcp,
        Self::Tokio,
        Self::Nal,
        Self::NalTcp,
        Self::EmbassyNet,
    ];

    /// The front that `IMDS_FRONT` names; `memory` without it.
    ///
    /// # Panics
    /// If there is none of this name.
    pub fn chosen() -> Self {
        static CHOSEN: OnceLock<Front> = OnceLock::new();
        *CHOSEN.get_or_init(|| {
            let Some(name) = std::env::var_os(VARIABLE) else {
                return Self::Memory;
            };
            let front = Self::ALL.into_iter().find(|front| name == front.name());
            front.unwrap_or_else(|| {
                let names = Self::ALL.map(Self::name).join(", ");
                panic!("{VARIABLE} is one of {names}, not {name:?}")
            })
        })
    }

    /// What it is called in `IMDS_FRONT`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Smoltcp => "smoltcp",
            Self::Tokio => "tokio",
            Self::Nal => "nal",
            Self::NalTcp => "nal-tcp",
            Self::EmbassyNet => "embassy-net",
        }
    }

    /// Does it see that the server has closed a kept connection before it uses it again?
    /// `embedded-nal-async` has nothing to look with, so there a request is lost with such a
    /// connection, and made again at no charge.
    pub const fn looks(self) -> bool {
        match self {
            Self::Memory | Self::Smoltcp | Self::Tokio | Self::EmbassyNet => true,
            Self::Nal | Self::NalTcp => false,
        }
    }

    /// The longest token that it takes.
    pub const fn longest_token(self) -> usize {
        match self {
            Self::Tokio => imds_tokio::MAX_TOKEN,
            Self::Memory | Self::Smoltcp | Self::Nal | Self::NalTcp | Self::EmbassyNet => {
                imds_core::CLIENT_TOKEN
            }
        }
    }

    /// How much longer than it should something may take, each time that the client waits.
    pub const fn slack(self) -> Duration {
        match self {
            Self::Memory | Self::Smoltcp | Self::Nal | Self::NalTcp => Duration::ZERO,
            // Its timers count in milliseconds.
            Self::Tokio => Duration::from_millis(1),
            // Its sockets acknowledge after so long, and a server that resets waits for that.
            Self::EmbassyNet => Duration::from_millis(10),
        }
    }
}
