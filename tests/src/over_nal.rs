//! The generic front of imds-embassy on `std`: over connections in memory, and over TCP.

use core::future::{Future, pending, poll_fn};
use core::net::SocketAddr;
use core::task::Poll;
use core::time::Duration;
use std::rc::Rc;

use embedded_io_async::{ErrorKind, ErrorType, Read, Write};
use embedded_nal_async::TcpConnect;
use imds_core::model::{IdentityDocument, ReadError};
use imds_core::walk::Options;
use imds_core::{Config, Counters, Error, Event, Fault, Instant};
use imds_embassy::{Client, Node, Timer};
use smoltcp::iface::SocketHandle;
use smoltcp::socket::tcp::{RecvError, Socket, State};

use crate::memory::Memory;
use crate::network::Wire;
use crate::task::{self, Engine, Got, Task};
use crate::walked::names;
use crate::{Missed, Network, Walked};

/// Room for the largest value.
const ROOM: usize = 128 * 1024;

/// The client over a stack of the network.
pub(crate) fn task<const WINDOW: usize, const ARENA: usize>(
    network: &Rc<Network>,
    config: Config,
) -> Task {
    let stack = Stack(Rc::clone(network));
    Task::new(network, Engine::Turns, |desk| async move {
        let clock = Clock(Rc::clone(&stack.0));
        let client = Client::<_, _, WINDOW, ARENA>::new(&stack, clock, config);
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

    async fn connect<'a>(&'a self, remote: SocketAddr) -> Result<Connection, ErrorKind> {
        let network = Rc::clone(&self.0);
        let answers = match network.dial(remote.ip()) {
            Event::Connected => true,
            Event::Failed(Fault::Refused) => false,
            Event::Blocked => pending().await,
            event => panic!("a connect does not come to {event:?}"),
        };
        match &network.wire {
            Wire::Memory if !answers => Err(ErrorKind::ConnectionRefused),
            Wire::Memory => {
                let end = End::Memory(Memory::open(&network));
                Ok(Connection { network, end })
            }
            Wire::Loopback(stack) => {
                let end = End::Tcp(stack.borrow_mut().open(remote, answers));
                let connection = Connection { network, end };
                poll_fn(|_| connection.established()).await?;
                Ok(connection)
            }
        }
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
fn outcome(event: Event) -> Poll<Result<usize, ErrorKind>> {
    match event {
        Event::Blocked => Poll::Pending,
        Event::Received(n) | Event::Sent(n) => Poll::Ready(Ok(n)),
        Event::Eof => Poll::Ready(Ok(0)),
        _ => Poll::Ready(Err(ErrorKind::ConnectionReset)),
    }
}

impl ErrorType for Connection {
    type Error = ErrorKind;
}

impl Read for Connection {
    async fn read(&mut self, buf: &mut [u8]) -> Result<usize, ErrorKind> {
        let n = buf.len().min(self.network.piece.get());
        poll_fn(|_| outcome(self.receive(&mut buf[..n]))).await
    }
}

impl Write for Connection {
    async fn write(&mut self, buf: &[u8]) -> Result<usize, ErrorKind> {
        let n = buf.len().min(self.network.piece.get());
        poll_fn(|_| outcome(self.send(&buf[..n]))).await
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

impl<S: TcpConnect, T: Timer, const WINDOW: usize, const ARENA: usize> task::Client
    for Client<'_, S, T, WINDOW, ARENA>
{
    async fn get(&mut self, path: &str) -> Got {
        let mut memory = vec![0; ROOM];
        let value = Self::get(self, path, &mut memory).await?;
        Ok(value.map(<[u8]>::to_vec))
    }

    async fn list(&mut self, path: &str) -> Result<Option<Vec<String>>, Error> {
        let mut memory = vec![0; ROOM];
        let listing = Self::list(self, path, &mut memory).await?;
        Ok(listing.map(|listing| names(path, listing)))
    }

    async fn walk(
        &mut self,
        path: &str,
        options: Options,
        within: Option<&str>,
    ) -> (Walked, Vec<Got>) {
        let (mut leaves, mut missing, mut got) = (Vec::new(), Vec::new(), Vec::new());
        let mut memory = vec![0; ROOM];
        let mut walk = match Self::walk(self, path, options, &mut memory) {
            Ok(walk) => walk,
            Err(error) => return (Walked::new(leaves, missing, Err(error)), got),
        };
        let result = loop {
            match walk.next().await {
                Ok(None) => break Ok(walk.summary()),
                Err(error) => break Err(error),
                Ok(Some(Node::Leaf { path, value, .. })) => {
                    leaves.push((path.to_owned(), value.to_vec()));
                }
                Ok(Some(Node::Missing(node))) => missing.push(Missed::from(&node)),
                Ok(Some(Node::TooLong { path, .. })) => panic!("there is room for {path}"),
            }
            if let Some(path) = within {
                let mut memory = vec![0; ROOM];
                let value = walk.get(path, &mut memory).await;
                got.push(value.map(|value| value.map(<[u8]>::to_vec)));
            }
        };
        (Walked::new(leaves, missing, result), got)
    }

    async fn access_key(&mut self) -> Result<Option<String>, ReadError> {
        let credentials = self.credentials::<4096>(&mut vec![0; ROOM]).await?;
        Ok(credentials.map(|credentials| credentials.access_key_id().to_owned()))
    }

    async fn identity(&mut self) -> Result<Option<IdentityDocument>, ReadError> {
        self.identity_document(&mut vec![0; ROOM]).await
    }

    fn counters(&self) -> Counters {
        Self::counters(self)
    }
}
