//! The core's sockets, whose other end is the mock.

use core::time::Duration;
use std::rc::Rc;

use imds_core::drive;
use imds_core::{Event, Instant, Route};
use imds_mock::Mock;

use crate::loopback::{self, Loopback};
use crate::memory::Memory;
use crate::network::Wire;
use crate::{Front, Network};

/// What carries the bytes of the core's own sockets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Carrier {
    /// Nothing: what one end writes, the other has.
    Memory,
    /// TCP: imds-smoltcp, on the loopback of a stack that the mock is on too.
    Smoltcp,
}

impl Carrier {
    /// That of the front that was chosen.
    ///
    /// # Panics
    /// If that front has sockets of its own.
    pub fn chosen() -> Self {
        match Front::chosen() {
            Front::Memory => Self::Memory,
            Front::Smoltcp => Self::Smoltcp,
            front @ (Front::Tokio | Front::Nal | Front::NalTcp | Front::EmbassyNet) => {
                panic!("{} has no sockets of the core's", front.name())
            }
        }
    }

    /// A network, and sockets on it. Local ports begin where the seed says, if there are any.
    pub(crate) fn network<const LANES: usize>(
        self,
        mock: Mock,
        seed: u64,
    ) -> (Rc<Network>, [Socket; LANES]) {
        let network = match self {
            Self::Memory => Network::new(Front::Memory, mock, Wire::Memory),
            Self::Smoltcp => {
                let stack = Box::new(Loopback::new::<LANES>(seed).into());
                Network::new(Front::Smoltcp, mock, Wire::Loopback(stack))
            }
        };
        let sockets = core::array::from_fn(|lane| Socket {
            network: Rc::clone(&network),
            memory: Memory::default(),
            lane: loopback::Lane::new(lane),
        });
        (network, sockets)
    }
}

/// When something happens without the client.
pub(crate) fn next_timeout(network: &Network, sockets: &[Socket]) -> Option<Duration> {
    let sockets = sockets.iter().filter_map(|socket| match network.wire {
        Wire::Memory => socket.memory.next_timeout(),
        Wire::Loopback(_) => Some(socket.lane.next_timeout()?.max(network.now.get())),
    });
    sockets.chain(network.next_timeout()).min()
}

/// The client's end of a connection.
pub struct Socket {
    network: Rc<Network>,
    /// One of the two is used, as the network says.
    memory: Memory,
    lane: loopback::Lane,
}

impl drive::Socket for Socket {
    fn connect(&mut self, route: &Route, until: Option<Instant>) -> Event {
        let network = &*self.network;
        network.connects.set(network.connects.get() + 1);
        *network.route.borrow_mut() = Some(route.clone());
        if let Some(event) = network.connect.get() {
            return event;
        }
        match &network.wire {
            Wire::Memory => self.memory.connect(network, route),
            Wire::Loopback(stack) => {
                self.lane
                    .connect(network, &mut stack.borrow_mut(), route, until)
            }
        }
    }

    fn send(&mut self, bytes: &[u8], until: Option<Instant>) -> Event {
        let network = &*self.network;
        let bytes = &bytes[..bytes.len().min(network.piece.get())];
        match &network.wire {
            Wire::Memory => self.memory.send(network, bytes),
            Wire::Loopback(stack) => {
                let stack = &mut stack.borrow_mut();
                self.lane
                    .ask(network, stack, |socket| socket.send(bytes, until))
            }
        }
    }

    fn receive(&mut self, window: &mut [u8], until: Option<Instant>) -> Event {
        assert!(!window.is_empty(), "room to receive into");
        let network = &*self.network;
        let n = window.len().min(network.piece.get());
        let window = &mut window[..n];
        match &network.wire {
            Wire::Memory => self.memory.receive(network, window),
            Wire::Loopback(stack) => {
                let stack = &mut stack.borrow_mut();
                self.lane
                    .ask(network, stack, |socket| socket.receive(window, until))
            }
        }
    }

    fn close(&mut self) -> Event {
        let network = &*self.network;
        match &network.wire {
            Wire::Memory => self.memory.close(network),
            Wire::Loopback(stack) => {
                let stack = &mut stack.borrow_mut();
                self.lane.ask(network, stack, |socket| socket.close())
            }
        }
    }

    fn check_idle(&mut self) -> Event {
        let network = &*self.network;
        match &network.wire {
            _ if !network.looks.get() => Event::Blocked,
            Wire::Memory => self.memory.check_idle(network),
            Wire::Loopback(stack) => self.lane.check_idle(network, &mut stack.borrow_mut()),
        }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.memory.close(&self.network);
    }
}
