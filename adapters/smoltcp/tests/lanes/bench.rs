//! The lanes' sockets on a cable, asked one call at a time.

use core::net::IpAddr;
use core::time::Duration;

use imds_core::drive::{Socket, Sockets};
use imds_core::{Endpoint, Event, Route};
use imds_smoltcp::{Buffers, Lanes};
use smoltcp::iface::SocketHandle;

use crate::cable::{Cable, PORT, SERVER};

pub(crate) const SEED: u64 = 7;

pub(crate) struct Bench<const LANES: usize> {
    pub(crate) cable: Cable,
    pub(crate) lanes: Lanes<LANES>,
    pub(crate) handles: [SocketHandle; LANES],
}

/// To one address.
pub(crate) fn to(address: IpAddr) -> Route {
    Route {
        first: Endpoint::from_ip(address, PORT),
        second: None,
    }
}

/// To one address, or else to another one.
pub(crate) fn either(first: IpAddr, second: IpAddr) -> Route {
    Route {
        second: Some(Endpoint::from_ip(second, PORT)),
        ..to(first)
    }
}

/// A bench with a connection, and the server's end of it.
pub(crate) fn connected() -> (Bench<1>, SocketHandle) {
    let mut bench = Bench::new();
    let peer = bench.cable.server.listen();
    bench.open(0);
    (bench, peer)
}

impl<const LANES: usize> Bench<LANES> {
    pub(crate) fn new() -> Self {
        let mut cable = Cable::new();
        let buffers: &'static mut Buffers<LANES, 1460, 512> = Box::leak(Box::default());
        let handles = buffers.add_to(&mut cable.guest.sockets);
        Self {
            cable,
            lanes: Lanes::new(handles, SEED),
            handles,
        }
    }

    /// One call of a lane's socket.
    pub(crate) fn ask(
        &mut self,
        lane: usize,
        call: impl FnOnce(&mut dyn Socket) -> Event,
    ) -> Event {
        let now = self.cable.instant();
        let guest = &mut self.cable.guest;
        let mut stack = self.lanes.on(now, &mut guest.iface, &mut guest.sockets);
        let mut socket = stack.socket(lane);
        call(&mut socket)
    }

    pub(crate) fn connect(&mut self, lane: usize, route: &Route) -> Event {
        self.ask(lane, |socket| socket.connect(route, None))
    }

    /// Connects with a time limit, in milliseconds from the start.
    pub(crate) fn connect_until(&mut self, route: &Route, millis: u64) -> Event {
        let until = imds_core::Instant::from_millis(millis);
        self.ask(0, |socket| socket.connect(route, Some(until)))
    }

    /// Connects to a server that listens.
    #[track_caller]
    pub(crate) fn open(&mut self, lane: usize) {
        assert_eq!(self.connect(lane, &to(SERVER)), Event::Blocked);
        self.cable.settle();
        assert_eq!(self.connect(lane, &to(SERVER)), Event::Connected);
        // The handshake's end, and what the neighbours had to say.
        self.cable.settle();
    }

    pub(crate) fn close(&mut self, lane: usize) -> Event {
        self.ask(lane, |socket| socket.close())
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) -> Event {
        self.ask(0, |socket| socket.send(bytes, None))
    }

    /// Reads all there is, and how that ended.
    pub(crate) fn receive(&mut self) -> (Vec<u8>, Event) {
        let mut all = Vec::new();
        loop {
            let mut window = [0; 64];
            let event = self.ask(0, |socket| socket.receive(&mut window, None));
            let Event::Received(n) = event else {
                return (all, event);
            };
            all.extend_from_slice(&window[..n]);
        }
    }

    /// When the lanes want to be driven again, in milliseconds.
    pub(crate) fn wake(&self) -> Option<u128> {
        let at = self.lanes.poll_at()?;
        Some(Duration::from_micros(at.total_micros().unsigned_abs()).as_millis())
    }
}
