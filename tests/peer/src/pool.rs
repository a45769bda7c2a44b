//! TCP port 80: listening sockets, and a connection of the mock behind every one that was taken up.

use core::net::IpAddr;
use core::time::Duration;

use imds_mock::{Action, Connection, Mock};
use smoltcp::iface::{SocketHandle, SocketSet};
use smoltcp::socket::tcp::{Socket, SocketBuffer, State};
use smoltcp::wire::IpListenEndpoint;

/// More connections at once than any client opens; those beyond are refused.
const SOCKETS: usize = 256;

/// Holds the largest values of the metadata; longer answers wait for acknowledgements.
const BUFFER: usize = 16 * 1024;

/// A client that says nothing and acknowledges nothing for so long is gone.
const GIVEN_UP: smoltcp::time::Duration = smoltcp::time::Duration::from_secs(120);

pub(crate) struct Pool {
    /// Where it listens.
    endpoints: Vec<IpListenEndpoint>,
    slots: Vec<Slot>,
    /// The hop limit of token answers.
    limit: Option<u8>,
    /// Connections that were established.
    pub(crate) accepted: u64,
}

struct Slot {
    handle: SocketHandle,
    endpoint: IpListenEndpoint,
    stage: Stage,
}

enum Stage {
    /// Waits for a client, or for the end of the handshake.
    Listening,
    Serving {
        connection: Connection,
        /// The client's FIN was passed on.
        finished: bool,
    },
    /// The mock has done with it; TCP has not.
    Leaving,
    /// The socket can go.
    Gone,
}

impl Pool {
    pub(crate) fn new(addresses: &[IpAddr], limit: Option<u8>) -> Self {
        Self {
            endpoints: addresses
                .iter()
                .map(|&addr| IpListenEndpoint {
                    addr: Some(addr.into()),
                    port: 80,
                })
                .collect(),
            slots: Vec::new(),
            limit,
            accepted: 0,
        }
    }

    /// One step on every connection. The segments of a step have to go out before the next one, so that what the mock
    /// sends apart arrives apart. False: there was nothing to do.
    pub(crate) fn step(
        &mut self,
        now: Duration,
        sockets: &mut SocketSet<'_>,
        mock: &mut Mock,
    ) -> bool {
        let mut moved = false;
        for slot in &mut self.slots {
            let socket = sockets.get_mut::<Socket<'_>>(slot.handle);
            if matches!(slot.stage, Stage::Listening)
                && !matches!(socket.state(), State::Listen | State::SynReceived)
            {
                slot.stage = Stage::Serving {
                    connection: mock.connect(now),
                    finished: false,
                };
                self.accepted += 1;
                moved = true;
            }
            moved |= slot.step(now, socket, mock, self.limit);
        }
        self.slots.retain(|slot| {
            let gone = matches!(slot.stage, Stage::Gone);
            if gone {
                sockets.remove(slot.handle);
            }
            !gone
        });
        self.listen(sockets);
        moved
    }

    /// Keeps one socket listening on every endpoint. One is enough: frames come in one at a time.
    fn listen(&mut self, sockets: &mut SocketSet<'_>) {
        for i in 0..self.endpoints.len() {
            let endpoint = self.endpoints[i];
            let mut listening = false;
            for slot in self.slots.iter_mut().filter(|s| s.endpoint == endpoint) {
                let socket = sockets.get::<Socket<'_>>(slot.handle);
                if socket.state() == State::Listen {
                    // A handshake that was reset makes a second one.
                    if listening {
                        slot.stage = Stage::Gone;
                    }
                    listening = true;
                }
            }
            if !listening && self.slots.len() < SOCKETS {
                let mut socket = socket();
                socket
                    .listen(endpoint)
                    .expect("a new socket, and the port is not 0");
                self.slots.push(Slot {
                    handle: sockets.add(socket),
                    endpoint,
                    stage: Stage::Listening,
                });
            }
        }
    }

    /// When the mock wants to be called again.
    pub(crate) fn next_timeout(&self) -> Option<Duration> {
        self.slots
            .iter()
            .filter_map(|slot| match &slot.stage {
                Stage::Serving { connection, .. } => connection.next_timeout(),
                Stage::Listening | Stage::Leaving | Stage::Gone => None,
            })
            .min()
    }
}

fn socket() -> Socket<'static> {
    let buffer = || SocketBuffer::new(vec![0; BUFFER]);
    let mut socket = Socket::new(buffer(), buffer());
    // Every byte that the mock sends by itself is a segment by itself.
    socket.set_nagle_enabled(false);
    // As Linux does at the beginning of a connection. The acknowledgement of a PUT so goes out before its answer, and
    // arrives even where the answer may not.
    socket.set_ack_delay(None);
    socket.set_timeout(Some(GIVEN_UP));
    socket
}

impl Slot {
    fn step(
        &mut self,
        now: Duration,
        socket: &mut Socket<'_>,
        mock: &mut Mock,
        limit: Option<u8>,
    ) -> bool {
        match &mut self.stage {
            Stage::Listening | Stage::Gone => false,
            Stage::Leaving => {
                // The client may still talk. Unread, it would fill the window, and its FIN would never come.
                discard(socket);
                let gone = socket.state() == State::Closed && socket.remote_endpoint().is_none();
                if gone {
                    self.stage = Stage::Gone;
                }
                gone
            }
            Stage::Serving {
                connection,
                finished,
            } => {
                let mut moved = false;
                if socket.can_recv() {
                    receive(now, socket, connection, mock, limit);
                    moved = true;
                }
                if !*finished && has_finished(socket.state()) {
                    *finished = true;
                    connection.receive_eof(now, mock);
                    moved = true;
                }
                if socket.state() == State::Closed {
                    connection.closed(now, mock);
                    self.stage = Stage::Leaving;
                    return true;
                }
                if connection.next_timeout().is_some_and(|at| at <= now) {
                    connection.handle_timeout(now, mock);
                    moved = true;
                }
                match connection.transmit() {
                    Action::Send(bytes) => {
                        let n = socket
                            .send_slice(bytes)
                            .expect("our half is open until the mock closes it");
                        connection.sent(n);
                        moved | (n > 0)
                    }
                    Action::Close => {
                        connection.closed(now, mock);
                        socket.close();
                        self.stage = Stage::Leaving;
                        true
                    }
                    // An abort throws away what is not acknowledged, and the mock wants it seen.
                    Action::Reset if socket.send_queue() > 0 => moved,
                    Action::Reset => {
                        connection.closed(now, mock);
                        socket.abort();
                        self.stage = Stage::Leaving;
                        true
                    }
                    Action::Idle => moved,
                }
            }
        }
    }
}

/// Passes on what has come. The hop limit of a token answer is set before it is sent, is read at every
/// transmission, and is lifted by the next request once the client has all of the answer: so it was measured on Linux.
fn receive(
    now: Duration,
    socket: &mut Socket<'_>,
    connection: &mut Connection,
    mock: &mut Mock,
    limit: Option<u8>,
) {
    if limit.is_some() && socket.send_queue() == 0 {
        socket.set_hop_limit(None);
    }
    let tokens = mock.tokens_issued();
    while socket.can_recv() {
        socket
            .recv(|bytes| {
                connection.receive(now, mock, bytes);
                (bytes.len(), ())
            })
            .expect("there are bytes to read");
    }
    if limit.is_some() && mock.tokens_issued() > tokens {
        socket.set_hop_limit(limit);
    }
}

fn discard(socket: &mut Socket<'_>) {
    while socket.can_recv() {
        socket
            .recv(|bytes| (bytes.len(), ()))
            .expect("there are bytes to read");
    }
}

/// The client has sent its FIN.
fn has_finished(state: State) -> bool {
    match state {
        State::CloseWait | State::LastAck | State::Closing | State::TimeWait => true,
        State::Closed
        | State::Listen
        | State::SynSent
        | State::SynReceived
        | State::Established
        | State::FinWait1
        | State::FinWait2 => false,
    }
}
