//! Every knob.

use core::fmt;
use core::future::Future;
use core::net::IpAddr;
use std::io;
use std::sync::Arc;

use imds_core::{Config, Endpoint, Lane, Session};
use imds_os::Dial;

use crate::Client;
use crate::clock::Clock;
use crate::connect::{Connector, Stream, tcp};
use crate::pool::{Pool, WALKS};

/// A window that holds most answers whole.
const WINDOW: usize = 16 * 1024;
const ARENA: usize = 64 * 1024;

/// Most lanes a client may have.
pub const MAX_LANES: u8 = 64;

/// Makes a [`Client`].
#[derive(Clone)]
pub struct Builder {
    config: Config,
    lanes: u8,
    dial: Dial,
    connector: Option<Connector>,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            config: Config::default(),
            lanes: 8,
            dial: Dial::default(),
            connector: None,
        }
    }
}

impl Builder {
    /// The settings of the protocol: target, time-outs, attempts, pace, limits, IMDSv1.
    #[must_use]
    pub fn config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// Most connections at a time, 1 to [`MAX_LANES`]; more or less is clamped. Default 8.
    #[must_use]
    pub fn lanes(mut self, lanes: u8) -> Self {
        self.lanes = lanes.clamp(1, MAX_LANES);
        self
    }

    /// Local address that connections come from.
    #[must_use]
    pub fn local_address(mut self, address: IpAddr) -> Self {
        self.dial.local_address = Some(address);
        self
    }

    /// Network interface that connections go out by (`SO_BINDTODEVICE`, Linux).
    #[must_use]
    pub fn interface(mut self, name: impl Into<String>) -> Self {
        self.dial.interface = Some(name.into());
        self
    }

    /// Connections of another kind in place of TCP: in memory, or over vsock to the parent of an
    /// enclave. Local address and interface do not concern them.
    #[must_use]
    pub fn connector<F, C, S>(mut self, connect: F) -> Self
    where
        F: Fn(Endpoint) -> C + Send + Sync + 'static,
        C: Future<Output = io::Result<S>> + Send + 'static,
        S: Stream + 'static,
    {
        self.connector = Some(Arc::new(move |endpoint| {
            let connecting = connect(endpoint);
            Box::pin(async move { Ok(Box::new(connecting.await?) as Box<dyn Stream>) })
        }));
        self
    }

    /// The client. Nothing is sent before its first call.
    pub fn build(mut self) -> Client {
        if self.config.seed == 0 {
            self.config.seed = imds_os::random_seed();
        }
        let buffer = |len: usize| vec![0; len].into_boxed_slice();
        let session = Session::new(
            self.config,
            core::array::from_fn::<_, WALKS, _>(|_| buffer(ARENA)),
        );
        let lanes = (0..self.lanes)
            .map(|id| Lane::new(id, buffer(WINDOW)))
            .collect();
        let connector = self.connector.unwrap_or_else(|| tcp(self.dial));
        Client {
            pool: Arc::new(Pool::new(session, lanes, Clock::start(), connector)),
            lanes: usize::from(self.lanes),
        }
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("config", &self.config)
            .field("lanes", &self.lanes)
            .field("dial", &self.dial)
            .finish_non_exhaustive()
    }
}
