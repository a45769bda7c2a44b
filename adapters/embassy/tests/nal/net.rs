//! A stack in memory that is as unkind as the traits allow, with the mock at its other end; its
//! clock, and an executor to which waiting is free.

use core::cell::{Cell, RefCell};
use core::future::{Future, poll_fn};
use core::net::{IpAddr, SocketAddr};
use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::collections::VecDeque;

use imds_embassy::nal::{Client, TcpConnect, Timer};
use imds_embassy::{Config, Endpoint, Instant, Memory, Target};
use imds_mock::{Action, Connection, Mock};

/// embedded-io comes with the stack's traits.
pub(crate) use embedded_io_async::{Error, ErrorKind, ErrorType, Read, Write};

pub(crate) type TestClient<'n> = Client<'static, 'n, Net, &'n Net>;

/// What connecting comes to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Door {
    Open,
    Fails(ErrorKind),
    Silent,
}

pub(crate) struct Net {
    pub(crate) mock: RefCell<Mock>,
    pub(crate) now: Cell<Duration>,
    /// Most bytes that one read or write moves.
    pub(crate) piece: Cell<usize>,
    /// For IPv4 and for IPv6.
    pub(crate) doors: Cell<[Door; 2]>,
    /// What flushing comes to after it has sent everything.
    pub(crate) flush: Cell<Result<(), ErrorKind>>,
    /// Flushing waits for an acknowledgement, and the server acknowledges when it answers.
    pub(crate) acks: Cell<bool>,
    pub(crate) connects: RefCell<Vec<SocketAddr>>,
    /// The server gives up the connection that it keeps.
    pub(crate) hung_up: Cell<bool>,
    /// Connections that exist: there is room for one.
    open: Cell<usize>,
    /// When something may happen, as far as who was polled last knows.
    next: Cell<Option<Duration>>,
    /// Something happens at once.
    soon: Cell<bool>,
}

impl Net {
    pub(crate) fn new(mock: Mock) -> Self {
        Self {
            mock: RefCell::new(mock),
            now: Cell::new(Duration::ZERO),
            piece: Cell::new(usize::MAX),
            doors: Cell::new([Door::Open; 2]),
            flush: Cell::new(Ok(())),
            acks: Cell::new(false),
            connects: RefCell::default(),
            hung_up: Cell::new(false),
            open: Cell::new(0),
            next: Cell::new(None),
            soon: Cell::new(false),
        }
    }

    pub(crate) fn client(&self) -> TestClient<'_> {
        self.client_with(config())
    }

    pub(crate) fn client_with(&self, config: Config) -> TestClient<'_> {
        let memory: &mut Memory = Box::leak(Box::default());
        Client::new(self, self, memory, config).expect("an address")
    }

    /// Polls `future` at most `polls` times, letting time pass in between.
    pub(crate) fn poll<F: Future>(
        &self,
        mut future: Pin<&mut F>,
        polls: usize,
    ) -> Option<F::Output> {
        let cx = &mut Context::from_waker(Waker::noop());
        for _ in 0..polls {
            self.next.set(None);
            self.soon.set(false);
            if let Poll::Ready(output) = future.as_mut().poll(cx) {
                return Some(output);
            }
            if !self.soon.get() {
                let next = self.next.get().expect("something to wait for");
                self.now.set(next.max(self.now.get()));
            }
        }
        None
    }

    pub(crate) fn run<F: Future>(&self, future: F) -> F::Output {
        let future = core::pin::pin!(future);
        self.poll(future, 10_000_000).expect("an end")
    }

    pub(crate) fn puts(&self) -> usize {
        let mock = self.mock.borrow();
        mock.log().iter().filter(|e| e.method == "PUT").count()
    }

    /// Requests for this path.
    pub(crate) fn asked(&self, path: &str) -> usize {
        let mock = self.mock.borrow();
        mock.log().iter().filter(|e| e.path == path).count()
    }

    fn wake_at(&self, at: Duration) {
        let next = self.next.get();
        self.next.set(Some(next.map_or(at, |next| next.min(at))));
    }

    /// Every call of a stack takes its time, though none by the clock.
    pub(crate) async fn breathe(&self) {
        let mut waited = false;
        poll_fn(|_| {
            if core::mem::replace(&mut waited, true) {
                Poll::Ready(())
            } else {
                self.soon.set(true);
                Poll::Pending
            }
        })
        .await;
    }
}

pub(crate) fn config() -> Config {
    Config::new(Target::One(Endpoint::IPV4))
}

impl Timer for Net {
    fn now(&self) -> Instant {
        Instant::from_micros(u64::try_from(self.now.get().as_micros()).expect("soon"))
    }

    fn wait_until(&self, at: Instant) -> impl Future<Output = ()> {
        let at = Duration::from_micros(at.as_micros());
        poll_fn(move |_| {
            if self.now.get() >= at {
                return Poll::Ready(());
            }
            self.wake_at(at);
            Poll::Pending
        })
    }
}

#[derive(Debug)]
pub(crate) struct NetError(ErrorKind);

impl core::fmt::Display for NetError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        core::fmt::Debug::fmt(self, f)
    }
}

impl core::error::Error for NetError {}

impl Error for NetError {
    fn kind(&self) -> ErrorKind {
        self.0
    }
}

impl TcpConnect for Net {
    type Error = NetError;
    type Connection<'a> = Socket<'a>;

    async fn connect<'a>(&'a self, remote: SocketAddr) -> Result<Socket<'a>, NetError> {
        self.connects.borrow_mut().push(remote);
        assert_eq!(self.open.get(), 0, "there is room for one connection");
        self.open.set(1);
        // Made first: the future owns what was begun, and gives it back if it is dropped.
        let mut socket = Socket {
            net: self,
            connection: None,
            unsent: VecDeque::new(),
            is_void: false,
        };
        self.breathe().await;
        let family = usize::from(matches!(remote.ip(), IpAddr::V6(_)));
        match self.doors.get()[family] {
            Door::Open => {}
            Door::Fails(kind) => return Err(NetError(kind)),
            Door::Silent => core::future::pending().await,
        }
        let connection = self.mock.borrow_mut().connect(self.now.get());
        socket.connection = Some(connection);
        self.hung_up.set(false);
        Ok(socket)
    }
}

/// A connection that holds back what is not flushed, and is void if a future of it was dropped.
pub(crate) struct Socket<'a> {
    net: &'a Net,
    connection: Option<Connection>,
    unsent: VecDeque<u8>,
    is_void: bool,
}

impl Socket<'_> {
    fn begin(&mut self) {
        assert!(!self.is_void, "used after one of its futures was dropped");
        self.is_void = true;
    }

    /// The connection, after what was to happen by now has.
    fn connection(&mut self) -> &mut Connection {
        let now = self.net.now.get();
        let connection = self.connection.as_mut().expect("connected");
        connection.handle_timeout(now, &mut self.net.mock.borrow_mut());
        connection
    }
}

impl ErrorType for Socket<'_> {
    type Error = NetError;
}

impl Read for Socket<'_> {
    async fn read(&mut self, buf: &mut [u8]) -> Result<usize, NetError> {
        assert!(!buf.is_empty(), "room to receive into");
        self.begin();
        let net = self.net;
        net.breathe().await;
        let result = poll_fn(|_| {
            if net.hung_up.get() {
                return Poll::Ready(Ok(0));
            }
            let connection = self.connection();
            match connection.transmit() {
                Action::Send(bytes) => {
                    let n = bytes.len().min(buf.len()).min(net.piece.get());
                    buf[..n].copy_from_slice(&bytes[..n]);
                    connection.sent(n);
                    Poll::Ready(Ok(n))
                }
                Action::Close => Poll::Ready(Ok(0)),
                Action::Reset => Poll::Ready(Err(NetError(ErrorKind::ConnectionReset))),
                Action::Idle => {
                    if let Some(at) = connection.next_timeout() {
                        net.wake_at(at);
                    }
                    Poll::Pending
                }
            }
        })
        .await;
        self.is_void = false;
        result
    }
}

impl Write for Socket<'_> {
    async fn write(&mut self, buf: &[u8]) -> Result<usize, NetError> {
        self.begin();
        self.net.breathe().await;
        let n = buf.len().min(self.net.piece.get());
        self.unsent.extend(&buf[..n]);
        self.is_void = false;
        Ok(n)
    }

    async fn flush(&mut self) -> Result<(), NetError> {
        self.begin();
        self.net.breathe().await;
        let bytes: Vec<u8> = self.unsent.drain(..).collect();
        let net = self.net;
        if !net.hung_up.get() {
            let now = self.net.now.get();
            let mock = &mut self.net.mock.borrow_mut();
            let connection = self.connection.as_mut().expect("connected");
            connection.receive(now, mock, &bytes);
        }
        if net.acks.get() {
            poll_fn(|_| match self.connection().transmit() {
                Action::Idle => Poll::Pending,
                Action::Send(_) | Action::Close | Action::Reset => Poll::Ready(()),
            })
            .await;
        }
        self.is_void = false;
        self.net.flush.get().map_err(NetError)
    }
}

impl Drop for Socket<'_> {
    fn drop(&mut self) {
        self.net.open.set(0);
        if let Some(connection) = &mut self.connection {
            connection.closed(self.net.now.get(), &mut self.net.mock.borrow_mut());
        }
    }
}
