//! A client as programs have it.

use core::ops::Deref;
use core::time::Duration;
use std::rc::Rc;

use imds_core::model::{IDENTITY, IdentityDocument, ROLES, ReadError};
use imds_core::walk::Options;
use imds_core::{Config, Counters, Error, Instant};
use imds_mock::Mock;
use imds_os::documents;

use crate::loopback::Loopback;
use crate::network::Wire;
use crate::task::{Ask, Task};
use crate::walked::names;
use crate::{
    Carrier, Front, Got, Machine, Network, Walked, law, over_embassy, over_nal, over_tokio,
};

/// A client behind a front, a mock and the time they share.
///
/// The client has at most `LANES` connections; a front that has fewer takes what it has. Windows of
/// `WINDOW` bytes and an arena of `ARENA` are for fronts without memory of their own. A scenario in
/// which one of these numbers shows is about a [`Machine`].
pub struct World<const LANES: usize = 1, const WINDOW: usize = 4096, const ARENA: usize = 8192> {
    client: Client<LANES, WINDOW, ARENA>,
    /// The server, and what stands between it and the client.
    pub network: Rc<Network>,
    front: Front,
    /// Reads without a token are allowed.
    v1: bool,
}

enum Client<const LANES: usize, const WINDOW: usize, const ARENA: usize> {
    Machine(Machine<LANES, WINDOW, ARENA>),
    Task(Task),
}

impl<const LANES: usize, const WINDOW: usize, const ARENA: usize> World<LANES, WINDOW, ARENA> {
    /// A world at time zero. The environment says what its client is.
    pub fn new(mock: Mock, config: Config) -> Self {
        Self::over(Front::chosen(), mock, config)
    }

    /// A world at time zero with this client, whatever the environment says.
    pub fn over(front: Front, mock: Mock, config: Config) -> Self {
        let v1 = config.allow_v1;
        let memory = |mock| Network::new(front, mock, Wire::Memory);
        let (client, network) = match front {
            Front::Memory | Front::Smoltcp => {
                let carrier = if front == Front::Memory {
                    Carrier::Memory
                } else {
                    Carrier::Smoltcp
                };
                let machine = Machine::over(carrier, mock, config);
                let network = Rc::clone(&machine.network);
                (Client::Machine(machine), network)
            }
            Front::Tokio => {
                let network = memory(mock);
                let task = over_tokio::task(&network, LANES, config);
                (Client::Task(task), network)
            }
            Front::Nal => {
                let network = memory(mock);
                let task = over_nal::task::<WINDOW, ARENA>(&network, config);
                (Client::Task(task), network)
            }
            Front::NalTcp => {
                let stack = Box::new(Loopback::new::<0>(config.seed).into());
                let network = Network::new(front, mock, Wire::Loopback(stack));
                let task = over_nal::task::<WINDOW, ARENA>(&network, config);
                (Client::Task(task), network)
            }
            Front::EmbassyNet => {
                let network = memory(mock);
                let task = over_embassy::task::<LANES, WINDOW, ARENA>(&network, config);
                (Client::Task(task), network)
            }
        };
        Self {
            client,
            network,
            front,
            v1,
        }
    }

    /// Which client it has.
    pub const fn front(&self) -> Front {
        self.front
    }

    /// The present.
    pub fn now(&self) -> Instant {
        self.network.instant()
    }

    /// Lets time pass with nothing happening.
    pub fn pass(&mut self, time: Duration) {
        match &mut self.client {
            Client::Machine(machine) => machine.pass(time),
            Client::Task(task) => task.pass(time),
        }
    }

    /// The server closes every connection that it keeps.
    pub fn hang_up(&mut self) {
        match &mut self.client {
            Client::Machine(machine) => machine.hang_up(),
            Client::Task(task) => task.hang_up(),
        }
    }

    /// Reads one value.
    pub fn get(&mut self, path: &str) -> Got {
        match &mut self.client {
            Client::Machine(machine) => machine.get(path),
            Client::Task(task) => task.ask(|slip| Ask::Get(path.to_owned(), slip)),
        }
    }

    /// Reads the names in a directory.
    pub fn list(&mut self, path: &str) -> Result<Option<Vec<String>>, Error> {
        match &mut self.client {
            Client::Machine(machine) => {
                let listing = machine.list(path)?;
                Ok(listing.map(|listing| names(path, &listing)))
            }
            Client::Task(task) => task.ask(|slip| Ask::List(path.to_owned(), slip)),
        }
    }

    /// Walks to the end.
    pub fn walk(&mut self, path: &str, options: Options) -> Walked {
        match &mut self.client {
            Client::Machine(machine) => machine.walk(path, options),
            Client::Task(task) => {
                let ask = |slip| Ask::Walk(path.to_owned(), options, None, slip);
                task.ask(ask).0
            }
        }
    }

    /// Walks to the end and, whenever something came, gets `within`: also what came of that.
    pub fn walk_with(&mut self, path: &str, options: Options, within: &str) -> (Walked, Vec<Got>) {
        match &mut self.client {
            Client::Machine(machine) => machine.walk_with(path, options, within),
            Client::Task(task) => {
                let within = Some(within.to_owned());
                task.ask(|slip| Ask::Walk(path.to_owned(), options, within, slip))
            }
        }
    }

    /// A walk that is given up after so many nodes. Answers whether it had ended before.
    pub fn leave_walk(&mut self, path: &str, options: Options, nodes: usize) -> bool {
        match &mut self.client {
            Client::Machine(machine) => machine.leave_walk(path, options, nodes),
            Client::Task(task) => {
                task.ask(|slip| Ask::Leave(path.to_owned(), options, nodes, slip))
            }
        }
    }

    /// A get that is given up in the middle: after so many events, or when its future was polled so
    /// often. Answers whether it had ended before.
    pub fn drop_get(&mut self, path: &str, after: usize) -> bool {
        match &mut self.client {
            Client::Machine(machine) => machine.drop_get(path, after),
            Client::Task(task) => task.ask(|slip| Ask::Drop(path.to_owned(), after, slip)),
        }
    }

    /// Reads the credentials of the instance's role; their access key.
    pub fn access_key(&mut self) -> Result<Option<String>, ReadError> {
        match &mut self.client {
            Client::Machine(machine) => {
                let roles = machine.get(ROLES)?;
                let Some(path) = roles.and_then(|listing| documents::role_path(&listing)) else {
                    return Ok(None);
                };
                let document = machine.get(&path)?.map(documents::credentials);
                Ok(document.transpose()?.map(|c| c.access_key_id().to_owned()))
            }
            Client::Task(task) => task.ask(Ask::AccessKey),
        }
    }

    /// Reads the instance identity document.
    pub fn identity_document(&mut self) -> Result<Option<IdentityDocument>, ReadError> {
        match &mut self.client {
            Client::Machine(machine) => {
                let document = machine.get(IDENTITY)?;
                Ok(document
                    .map(|body| documents::identity(&body))
                    .transpose()?)
            }
            Client::Task(task) => task.ask(Ask::Identity),
        }
    }

    /// What the client says that it has done.
    pub fn counters(&mut self) -> Counters {
        match &mut self.client {
            Client::Machine(machine) => machine.client.session().counters(),
            Client::Task(task) => task.ask(Ask::Counters),
        }
    }
}

/// The requests, and what they met.
impl<const LANES: usize, const WINDOW: usize, const ARENA: usize> Deref
    for World<LANES, WINDOW, ARENA>
{
    type Target = Network;

    fn deref(&self) -> &Network {
        &self.network
    }
}

/// Every scenario, whatever it is about, ends with the law on tokens.
impl<const LANES: usize, const WINDOW: usize, const ARENA: usize> Drop
    for World<LANES, WINDOW, ARENA>
{
    fn drop(&mut self) {
        if !std::thread::panicking() {
            law::tokens(self.network.mock.borrow().log(), self.v1);
        }
    }
}
