//! The mock on a smoltcp stack: listening sockets, and a connection of the mock behind every one that a client took up.

use core::time::Duration;

use imds_mock::{Action, Connection, Mock};
use smoltcp::iface::{SocketHandle, SocketSet};
use smoltcp::socket::tcp::{Socket, SocketBuffer, State};
use smoltcp::wire::IpListenEndpoint;

/// More connections at once than any client opens; those beyond are refused.
const SOCKETS: usize = 256;

/// Holds the largest values of the metadata; longer answers wait for acknowledgements.
const BUFFER: usize = 16 * 1024;

/// The server's side of a stack that somebody else polls. Made for a stack on which nothing is ever under way, such as a
/// loopback: no timer but the mock's own lets its clock stop.
#[derive(Debug, Default)]
pub struct Pool {
    /// Where it listens.
    endpoints: Vec<IpListenEndpoint>,
    slots: Vec<Slot>,
    /// The hop limit of token answers.
    limit: Option<u8>,
    /// A client that says nothing and acknowledges nothing for so long is gone.
    patience: Option<Duration>,
    accepted: u64,
}

#[derive(Debug)]
struct Slot {
    handle: SocketHandle,
    endpoint: IpListenEndpoint,
    stage: Stage,
}

#[derive(Debug)]
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
    /// For a network on which frames take time and get lost: a client that says nothing and acknowledges nothing for so
    /// long is gone, and TIME-WAIT is waited for.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = Some(patience);
        self
    }

    /// The hop limit of answers to token requests, instead of the stack's.
    #[must_use]
    pub fn hop_limit(mut self, limit: Option<u8>) -> Self {
        self.limit = limit;
        self
    }

    /// From now on it listens at these endpoints and no others. Whoever is connected, or about to be, stays so.
    pub fn listen_at(
        &mut self,
        endpoints: impl IntoIterator<Item = IpListenEndpoint>,
        sockets: &mut SocketSet<'_>,
    ) {
        self.endpoints = endpoints.into_iter().collect();
        for slot in &mut self.slots {
            let state = sockets.get::<Socket<'_>>(slot.handle).state();
            if state == State::Listen && !self.endpoints.contains(&slot.endpoint) {
                slot.stage = Stage::Gone;
            }
        }
        self.clear(sockets);
        self.listen(sockets);
    }

    /// Connections that were established so far.
    #[must_use]
    pub fn accepted(&self) -> u64 {
        self.accepted
    }

    /// Closes every connection that it serves.
    pub fn hang_up(&mut self, now: Duration, sockets: &mut SocketSet<'_>, mock: &mut Mock) {
        for slot in &mut self.slots {
            if let Stage::Serving { connection, .. } = &mut slot.stage {
                connection.closed(now, mock);
                sockets.get_mut::<Socket<'_>>(slot.handle).close();
                slot.stage = Stage::Leaving;
            }
        }
    }

    /// One step on every connection. The segments of a step have to go out before the next one, so that what the mock
    /// sends apart arrives apart. False: there was nothing to do.
    pub fn step(&mut self, now: Duration, sockets: &mut SocketSet<'_>, mock: &mut Mock) -> bool {
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
            // TIME-WAIT is there for segments that are still under way.
            if matches!(slot.stage, Stage::Leaving)
                && socket.state() == State::TimeWait
                && self.patience.is_none()
            {
                slot.stage = Stage::Gone;
            }
        }
        self.clear(sockets);
        self.listen(sockets);
        moved
    }

    fn clear(&mut self, sockets: &mut SocketSet<'_>) {
        self.slots.retain(|slot| {
            let gone = matches!(slot.stage, Stage::Gone);
            if gone {
                sockets.remove(slot.handle);
            }
            !gone
        });
    }

    /// Keeps one socket listening on every endpoint. One is enough where packets come in one at a time, and this is called
    /// after each; [`step`](Self::step) does too.
    pub fn listen(&mut self, sockets: &mut SocketSet<'_>) {
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
                let mut socket = socket(self.patience);
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
    #[must_use]
    pub fn next_timeout(&self) -> Option<Duration> {
        self.slots
            .iter()
            .filter_map(|slot| match &slot.stage {
                Stage::Serving { connection, .. } => connection.next_timeout(),
                Stage::Listening | Stage::Leaving | Stage::Gone => None,
            })
            .min()
    }
}

fn socket(patience: Option<Duration>) -> Socket<'static> {
    let buffer = || SocketBuffer::new(vec![0; BUFFER]);
    let mut socket = Socket::new(buffer(), buffer());
    // Every byte that the mock sends by itself is a segment by itself.
    socket.set_nagle_enabled(false);
    // As Linux does at the beginning of a connection. The acknowledgement of a PUT so goes out before its answer, and
    // arrives even where the answer may not.
    socket.set_ack_delay(None);
    socket.set_timeout(patience.map(Into::into));
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
