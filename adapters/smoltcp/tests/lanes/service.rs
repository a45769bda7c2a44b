//! A client on the cable, and a server made by hand that answers it.

use core::time::Duration;

use imds_core::config::Target;
use imds_core::drive::Sink;
use imds_core::{Config, Endpoint, Error, Leaf, Missing, Reply};
use imds_smoltcp::{Buffers, Client};
use smoltcp::iface::SocketHandle;
use smoltcp::socket::tcp::State;

use crate::bench::SEED;
use crate::cable::{Cable, PORT, SERVER};

/// More than there are connections at a time.
const SOCKETS: usize = 4;

pub(crate) struct Service<const LANES: usize> {
    pub(crate) cable: Cable,
    pub(crate) client: Client<LANES, 2048, 2048>,
    pub(crate) sockets: [SocketHandle; SOCKETS],
    /// Requests that came to the server.
    pub(crate) requests: usize,
    /// A header line for each answer.
    pub(crate) header: &'static str,
}

/// Takes everything.
pub(crate) struct All;

impl Sink for All {
    fn leaf(&mut self, _: &Leaf<'_>) -> bool {
        true
    }

    fn missing(&mut self, _: &Missing<'_>) -> bool {
        true
    }
}

impl<const LANES: usize> Service<LANES> {
    pub(crate) fn new() -> Self {
        let mut config = Config::new(Target::One(Endpoint::from_ip(SERVER, PORT)));
        config.seed = SEED;
        config.timeouts.connect = Duration::from_secs(100);
        config.timeouts.operation = None;
        Self::with(config)
    }

    fn with(config: Config) -> Self {
        let mut cable = Cable::new();
        let sockets = core::array::from_fn(|_| cable.server.listen());
        let buffers: &'static mut Buffers<LANES, 1460, 512> = Box::leak(Box::default());
        let handles = buffers.add_to(&mut cable.guest.sockets);
        Self {
            cable,
            client: Client::new(config, handles).expect("an address, not a name"),
            sockets,
            requests: 0,
            header: "",
        }
    }

    /// Everything that can happen now, and what the client says of the next time.
    pub(crate) fn poll(&mut self) -> Option<Duration> {
        for _ in 0..1000 {
            self.cable.settle();
            let served = self.serve();
            let now = self.cable.instant();
            let guest = &mut self.cable.guest;
            let delay = self
                .client
                .poll(now, &mut guest.iface, &mut guest.sockets, &mut All)
                .map(Duration::from);
            if !served && delay != Some(Duration::ZERO) {
                return delay;
            }
        }
        panic!("a client that never comes to rest");
    }

    /// Reads one value.
    pub(crate) fn get(&mut self) -> Result<Reply, Error> {
        self.client.get(self.cable.instant(), "/latest/user-data")?;
        for _ in 0..1000 {
            let client = self.poll();
            if let Some((_, result)) = self.client.next_done() {
                return result;
            }
            let now = self.cable.instant();
            let server = &mut self.cable.server;
            let server = server.iface.poll_delay(now, &server.sockets);
            let next = server.map(Duration::from).into_iter().chain(client).min();
            self.cable.now += next.expect("an operation that nothing can end");
        }
        panic!("an operation that does not end");
    }

    /// Does what the client says, and when, until it wants nothing more.
    pub(crate) fn rest(&mut self) {
        for _ in 0..20 {
            let Some(delay) = self.poll() else {
                return;
            };
            self.cable.now += delay;
        }
        panic!("a client that is never done");
    }

    /// The server's ends of connections that stand.
    pub(crate) fn open(&mut self) -> Vec<SocketHandle> {
        let mut open = self.sockets.to_vec();
        open.retain(|handle| self.cable.server.tcp(*handle).state() == State::Established);
        open
    }

    fn serve(&mut self) -> bool {
        let mut moved = false;
        for handle in self.sockets {
            let tcp = self.cable.server.tcp(handle);
            if tcp.state() == State::Closed && tcp.remote_endpoint().is_none() {
                tcp.listen(PORT).expect("it is closed");
            }
            if !tcp.can_recv() {
                continue;
            }
            let is_put = tcp
                .recv(|request| {
                    assert!(request.ends_with(b"\r\n\r\n"), "a request is one segment");
                    (request.len(), request.starts_with(b"PUT "))
                })
                .expect("there are bytes");
            self.requests += 1;
            moved = true;
            if tcp.may_send() {
                let answer = answer(is_put, self.header);
                let sent = tcp.send_slice(answer.as_bytes());
                assert_eq!(sent, Ok(answer.len()));
            }
        }
        moved
    }
}

fn answer(is_put: bool, header: &str) -> String {
    let ttl = if is_put {
        "X-aws-ec2-metadata-token-ttl-seconds: 21600\r\n"
    } else {
        ""
    };
    format!("HTTP/1.1 200 OK\r\n{ttl}{header}Content-Length: 5\r\n\r\nvalue")
}
