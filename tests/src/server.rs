//! The mock on a smoltcp stack: listening sockets, and a connection of the mock behind every one
//! that a client took up.

use core::time::Duration;

use imds_mock::{Action, Connection, Mock};
use smoltcp::iface::{SocketHandle, SocketSet};
use smoltcp::socket::tcp::{Socket, SocketBuffer, State};
use smoltcp::wire::IpEndpoint;

/// Longer answers wait until the client has read.
const BUFFER: usize = 4096;

#[derive(Default)]
pub(crate) struct Server {
    /// Where it listens.
    endpoints: Vec<IpEndpoint>,
    slots: Vec<Slot>,
}

struct Slot {
    handle: SocketHandle,
    stage: Stage,
}

enum Stage {
    /// Waits at this endpoint for a client, or for the end of the handshake.
    Listening(IpEndpoint),
    Serving {
        connection: Connection,
        /// The client's FIN was passed on.
        finished: bool,
    },
    /// The mock has done with it; TCP has not.
    Leaving,
}

impl Server {
    /// From now on it listens at these endpoints and no others.
    pub(crate) fn listen_at(&mut self, endpoints: Vec<IpEndpoint>, sockets: &mut SocketSet<'_>) {
        if self.endpoints != endpoints {
            self.endpoints = endpoints;
            // Whoever is in the middle of a handshake goes on.
            self.slots.retain(|slot| match slot.stage {
                Stage::Listening(at)
                    if !self.endpoints.contains(&at)
                        && sockets.get::<Socket<'_>>(slot.handle).state() == State::Listen =>
                {
                    sockets.remove(slot.handle);
                    false
                }
                Stage::Listening(_) | Stage::Serving { .. } | Stage::Leaving => true,
            });
        }
        self.listen(sockets);
    }

    /// Keeps one socket listening at every endpoint. One is enough: packets come in one at a
    /// time, and this is called after each.
    pub(crate) fn listen(&mut self, sockets: &mut SocketSet<'_>) {
        for &endpoint in &self.endpoints {
            let listening = self.slots.iter().any(|slot| {
                matches!(slot.stage, Stage::Listening(at) if at == endpoint)
                    && sockets.get::<Socket<'_>>(slot.handle).state() == State::Listen
            });
            if !listening {
                let mut socket = socket();
                socket
                    .listen(endpoint)
                    .expect("a new socket, and the port is not 0");
                self.slots.push(Slot {
                    handle: sockets.add(socket),
                    stage: Stage::Listening(endpoint),
                });
            }
        }
    }

    /// One step on every connection, when no packet is under way: so what the mock sends apart
    /// arrives apart. False: there was nothing to do.
    pub(crate) fn step(
        &mut self,
        now: Duration,
        sockets: &mut SocketSet<'_>,
        mock: &mut Mock,
    ) -> bool {
        let mut moved = false;
        self.slots.retain_mut(|slot| {
            let socket = sockets.get_mut::<Socket<'_>>(slot.handle);
            moved |= slot.step(now, socket, mock);
            let over = slot.is_over(socket);
            if over {
                sockets.remove(slot.handle);
            }
            !over
        });
        moved
    }

    /// Closes every connection that it serves.
    pub(crate) fn hang_up(&mut self, now: Duration, sockets: &mut SocketSet<'_>, mock: &mut Mock) {
        for slot in &mut self.slots {
            if let Stage::Serving { connection, .. } = &mut slot.stage {
                connection.closed(now, mock);
                sockets.get_mut::<Socket<'_>>(slot.handle).close();
                slot.stage = Stage::Leaving;
            }
        }
    }

    /// When the mock wants to be called again.
    pub(crate) fn next_timeout(&self) -> Option<Duration> {
        self.slots
            .iter()
            .filter_map(|slot| match &slot.stage {
                Stage::Serving { connection, .. } => connection.next_timeout(),
                Stage::Listening(_) | Stage::Leaving => None,
            })
            .min()
    }
}

fn socket() -> Socket<'static> {
    let buffer = || SocketBuffer::new(vec![0; BUFFER]);
    let mut socket = Socket::new(buffer(), buffer());
    // Every byte that the mock sends by itself is a segment by itself, and no timer but the
    // mock's own lets the clock stop on its way.
    socket.set_nagle_enabled(false);
    socket.set_ack_delay(None);
    socket
}

impl Slot {
    /// TIME-WAIT is there for segments that are still under way, and now there are none.
    fn is_over(&self, socket: &Socket<'_>) -> bool {
        matches!(self.stage, Stage::Leaving)
            && match socket.state() {
                State::TimeWait => true,
                // A reset may still have to be sent.
                State::Closed => socket.remote_endpoint().is_none(),
                State::Listen
                | State::SynSent
                | State::SynReceived
                | State::Established
                | State::FinWait1
                | State::FinWait2
                | State::CloseWait
                | State::Closing
                | State::LastAck => false,
            }
    }

    fn step(&mut self, now: Duration, socket: &mut Socket<'_>, mock: &mut Mock) -> bool {
        match &mut self.stage {
            Stage::Listening(_) if matches!(socket.state(), State::Listen | State::SynReceived) => {
                false
            }
            Stage::Listening(_) => {
                self.stage = Stage::Serving {
                    connection: mock.connect(now),
                    finished: false,
                };
                true
            }
            // The client may still talk. Unread, it would fill the window, and its FIN would
            // never come.
            Stage::Leaving => receive(socket, |_| {}),
            Stage::Serving {
                connection,
                finished,
            } => {
                let mut moved = receive(socket, |bytes| connection.receive(now, mock, bytes));
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

/// Hands on what has come. False: nothing has.
fn receive(socket: &mut Socket<'_>, mut take: impl FnMut(&[u8])) -> bool {
    let any = socket.can_recv();
    while socket.can_recv() {
        socket
            .recv(|bytes| {
                take(bytes);
                (bytes.len(), ())
            })
            .expect("there are bytes to read");
    }
    any
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
