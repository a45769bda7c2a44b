//! imds-embassy's client for any stack, on `std`: over connections in memory, and over TCP.

use core::future::{Future, pending, poll_fn};
use core::net::SocketAddr;
use core::task::Poll;
use core::time::Duration;
use std::rc::Rc;

use embedded_io_async::{ErrorKind, ErrorType, Read, Write};
use embedded_nal_async::TcpConnect;
use imds_core::{Config, Event, Fault, Instant};
use imds_embassy::nal::{Client, Timer};
use smoltcp::iface::SocketHandle;
use smoltcp::socket::tcp::{RecvError, Socket, State};

use crate::Network;
use crate::memory::Memory;
use crate::network::{Door, Wire, outcome};
use crate::task::{Engine, Task};

/// The client over a stack of the network.
pub(crate) fn task<const WINDOW: usize, const ARENA: usize>(
    network: &Rc<Network>,
    config: Config,
) -> Task {
    let stack = Stack(Rc::clone(network));
    Task::new(network, Engine::Turns, |desk| async move {
        let clock = Clock(Rc::clone(&stack.0));
        let mut memory = imds_embassy::Memory::<1, WINDOW, ARENA>::new();
        let client = Client::new(&stack, clock, &mut memory, config);
        desk.serve(client.expect("an address")).await;
    })
}

/// The world's time.
struct Clock(Rc<Network>);

impl Timer for Clock {
    fn now(&self) -> Instant {
        self.0.instant()
    }

    fn wait_until(&self, at: Instant) -> impl Future<Output = ()> {
        poll_fn(move |_| {
            if self.now() >= at {
                return Poll::Ready(());
            }
            self.0.wake_at(Duration::from_micros(at.as_micros()));
            Poll::Pending
        })
    }
}

/// What `std` has in the place of a stack.
struct Stack(Rc<Network>);

impl TcpConnect for Stack {
    type Error = ErrorKind;
    type Connection<'a> = Connection;

    async fn connect(&self, remote: SocketAddr) -> Result<Connection, ErrorKind> {
        let network = Rc::clone(&self.0);
        let door = network.dial(remote.ip());
        if door == Door::Silent {
            pending::<()>().await;
        }
        let end = match &network.wire {
            Wire::Memory if door == Door::Refuses => return Err(ErrorKind::ConnectionRefused),
            Wire::Memory => End::Memory(Memory::open(&network)),
            Wire::Loopback(stack) => End::Tcp(stack.borrow_mut().open(remote, door == Door::Open)),
        };
        let connection = Connection { network, end };
        poll_fn(|_| connection.established()).await?;
        Ok(connection)
    }
}

/// A connection. What it waits for happens when the clock moves.
struct Connection {
    network: Rc<Network>,
    end: End,
}

enum End {
    Memory(Memory),
    Tcp(SocketHandle),
}

impl Connection {
    /// What the socket says, if it is one of TCP.
    fn tcp<R>(&self, ask: impl FnOnce(&mut Socket<'static>) -> R) -> Option<R> {
        match (&self.end, &self.network.wire) {
            (End::Tcp(handle), Wire::Loopback(stack)) => {
                Some(ask(stack.borrow_mut().socket(*handle)))
            }
            (End::Tcp(_) | End::Memory(_), _) => None,
        }
    }

    fn established(&self) -> Poll<Result<(), ErrorKind>> {
        match self.tcp(|socket| socket.state()) {
            Some(State::SynSent | State::SynReceived) => Poll::Pending,
            // As embassy-net calls it.
            Some(State::Closed) => Poll::Ready(Err(ErrorKind::ConnectionReset)),
            Some(_) | None => Poll::Ready(Ok(())),
        }
    }

    fn receive(&mut self, window: &mut [u8]) -> Event {
        let tcp = self.tcp(|socket| match socket.recv_slice(window) {
            Ok(0) => Event::Blocked,
            Ok(n) => Event::Received(n),
            Err(RecvError::Finished) => Event::Eof,
            Err(RecvError::InvalidState) => Event::Failed(Fault::Reset),
        });
        let End::Memory(memory) = &mut self.end else {
            return tcp.expect("a socket of TCP");
        };
        let event = memory.receive(&self.network, window);
        if event == Event::Blocked
            && let Some(at) = memory.next_timeout()
        {
            self.network.wake_at(at);
        }
        event
    }

    fn send(&mut self, bytes: &[u8]) -> Event {
        let tcp = self.tcp(|socket| match socket.send_slice(bytes) {
            Ok(0) => Event::Blocked,
            Ok(n) => Event::Sent(n),
            Err(_) => Event::Failed(Fault::Reset),
        });
        match &mut self.end {
            End::Memory(memory) => memory.send(&self.network, bytes),
            End::Tcp(_) => tcp.expect("a socket of TCP"),
        }
    }
}

/// What a call comes to.
fn result(event: Event) -> Poll<Result<usize, ErrorKind>> {
    outcome(event).map(|n| n.ok_or(ErrorKind::ConnectionReset))
}

impl ErrorType for Connection {
    type Error = ErrorKind;
}

impl Read for Connection {
    async fn read(&mut self, buf: &mut [u8]) -> Result<usize, ErrorKind> {
        let n = buf.len().min(self.network.piece.get());
        poll_fn(|_| result(self.receive(&mut buf[..n]))).await
    }
}

impl Write for Connection {
    async fn write(&mut self, buf: &[u8]) -> Result<usize, ErrorKind> {
        let n = buf.len().min(self.network.piece.get());
        poll_fn(|_| result(self.send(&buf[..n]))).await
    }

    /// As embassy-net's: everything was acknowledged, or there is nobody to do so.
    async fn flush(&mut self) -> Result<(), ErrorKind> {
        poll_fn(|_| match self.tcp(|socket| socket.send_queue()) {
            Some(1..) if self.tcp(|socket| socket.is_open()) == Some(true) => Poll::Pending,
            Some(_) | None => Poll::Ready(Ok(())),
        })
        .await
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        match (&mut self.end, &self.network.wire) {
            (End::Memory(memory), _) => {
                memory.close(&self.network);
            }
            (End::Tcp(handle), Wire::Loopback(stack)) => stack.borrow_mut().leave(*handle),
            (End::Tcp(_), Wire::Memory) => {}
        }
    }
}
