//! The mock behind real sockets, served by tokio.
//!
//! Time is tokio's: seconds since the server began, so a test that pauses tokio's clock moves the mock's with it. Dates
//! take the wall clock as their beginning unless [`Mock::epoch`] was called.

use core::{future::Future, net::SocketAddr, pin::pin, time::Duration};
use std::{
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::SystemTime,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::oneshot,
    task::{JoinHandle, JoinSet},
    time::Instant,
};

use crate::{Action, Exchange, Mock};

/// A server on the current runtime. Dropping it ends it with all its connections.
#[derive(Debug)]
pub struct Server {
    addr: SocketAddr,
    mock: Arc<Mutex<Mock>>,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl Server {
    /// Serves on a free port of 127.0.0.1.
    ///
    /// # Errors
    ///
    /// The port could not be opened.
    pub async fn start(mock: Mock) -> io::Result<Self> {
        Self::bind(LOOPBACK, mock).await
    }

    /// Serves on this address.
    ///
    /// # Errors
    ///
    /// The address could not be opened.
    pub async fn bind(addr: SocketAddr, mock: Mock) -> io::Result<Self> {
        let listener = TcpListener::bind(addr).await?;
        let addr = listener.local_addr()?;
        let mock = Arc::new(Mutex::new(mock));
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(run(listener, Arc::clone(&mock), ignore, wait(stopped)));
        Ok(Self {
            addr,
            mock,
            stop: Some(stop),
            task,
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// `http://127.0.0.1:PORT`, without a final slash.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// Looks at the running mock or changes it.
    pub fn with<T>(&self, f: impl FnOnce(&mut Mock) -> T) -> T {
        f(&mut lock(&self.mock))
    }

    /// Ends it and waits until the port is free.
    pub async fn shutdown(mut self) {
        if let Some(stop) = self.stop.take() {
            // It may have ended already with the runtime.
            let _ = stop.send(());
        }
        let _ = (&mut self.task).await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A server on a thread of its own, for callers without a runtime. Dropping it ends it and joins the thread.
#[derive(Debug)]
pub struct Running {
    addr: SocketAddr,
    mock: Arc<Mutex<Mock>>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

/// Serves on a free port of 127.0.0.1, on a thread of its own.
///
/// # Errors
///
/// No port, no thread or no runtime could be had.
pub fn spawn(mock: Mock) -> io::Result<Running> {
    spawn_at(LOOPBACK, mock)
}

/// Serves on this address, on a thread of its own.
///
/// # Errors
///
/// No thread or no runtime could be had, or the address could not be opened.
pub fn spawn_at(addr: SocketAddr, mock: Mock) -> io::Result<Running> {
    // Bound without the runtime's help: the caller may stand in another runtime, which forbids to block on this one.
    let listener = std::net::TcpListener::bind(addr)?;
    listener.set_nonblocking(true)?;
    let addr = listener.local_addr()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let listener = {
        let _inside = runtime.enter();
        TcpListener::from_std(listener)?
    };
    let mock = Arc::new(Mutex::new(mock));
    let (stop, stopped) = oneshot::channel();
    let shared = Arc::clone(&mock);
    let thread = thread::Builder::new()
        .name("imds-mock".into())
        .spawn(move || runtime.block_on(run(listener, shared, ignore, wait(stopped))))?;
    Ok(Running {
        addr,
        mock,
        stop: Some(stop),
        thread: Some(thread),
    })
}

impl Running {
    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// `http://127.0.0.1:PORT`, without a final slash.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// Looks at the running mock or changes it.
    pub fn with<T>(&self, f: impl FnOnce(&mut Mock) -> T) -> T {
        f(&mut lock(&self.mock))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic over there was reported by its own thread.
            let _ = thread.join();
        }
    }
}

const LOOPBACK: SocketAddr =
    SocketAddr::new(core::net::IpAddr::V4(core::net::Ipv4Addr::LOCALHOST), 0);

/// How long a closed connection is still read, so that bytes the client is sending do not turn our FIN into a RST that
/// would cost it the answer.
const LINGER: Duration = Duration::from_secs(1);

/// After a failed accept (no descriptors left, mostly).
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves until the future `shutdown` is ready, then drops all connections. `observe` is called for every request once
/// its status is decided.
pub async fn run(
    listener: TcpListener,
    mock: Arc<Mutex<Mock>>,
    observe: impl Fn(&Exchange) + Clone + Send + 'static,
    shutdown: impl Future<Output = ()>,
) {
    let began = Instant::now();
    suggest_epoch(&mock);
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => return,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    let (mock, observe) = (Arc::clone(&mock), observe.clone());
                    connections.spawn(async move { tcp(stream, &mock, began, observe).await });
                }
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            },
            // Frees what has ended; without connections the branch is off.
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn tcp(
    mut stream: TcpStream,
    mock: &Arc<Mutex<Mock>>,
    began: Instant,
    observe: impl Fn(&Exchange),
) {
    // An answer goes out at once, dribbled bytes each in a segment of its own.
    let _ = stream.set_nodelay(true);
    match attend(&mut stream, mock, began, observe).await {
        Ended::Reset => {
            let _ = stream.set_zero_linger();
        }
        Ended::Closed => {
            let mut scratch = [0; 1024];
            let drain = async { while matches!(stream.read(&mut scratch).await, Ok(1..)) {} };
            let _ = tokio::time::timeout(LINGER, drain).await;
        }
        Ended::Lost => {}
    }
}

/// How [`attend`] left the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Its writing half was shut down.
    Closed,
    /// It is to be reset: set `SO_LINGER` to zero, then drop it. On a stream in memory dropping must do.
    Reset,
    /// The client was gone.
    Lost,
}

/// Serves one connection over any stream, a `tokio::io::duplex` too. The mock's time is what has passed since `began`.
pub async fn attend<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    mock: &Mutex<Mock>,
    began: Instant,
    observe: impl Fn(&Exchange),
) -> Ended {
    let mut connection = lock(mock).connect(began.elapsed());
    // Also when the task is dropped in the middle, the mock must not count the connection for ever.
    let mut guard = Guard {
        connection: &mut connection,
        mock,
        began,
    };
    let ended = guard.attend(stream, observe).await;
    drop(guard);
    ended
}

struct Guard<'a> {
    connection: &'a mut crate::Connection,
    mock: &'a Mutex<Mock>,
    began: Instant,
}

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        self.connection
            .closed(self.began.elapsed(), &mut lock(self.mock));
    }
}

impl Guard<'_> {
    async fn attend<S: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        stream: &mut S,
        observe: impl Fn(&Exchange),
    ) -> Ended {
        let mut buffer = [0; 4096];
        let mut finished = false;
        loop {
            match self.connection.transmit() {
                Action::Send(bytes) => {
                    match stream.write(bytes).await {
                        Ok(n @ 1..) => self.connection.sent(n),
                        Ok(0) | Err(_) => return Ended::Lost,
                    }
                    continue;
                }
                Action::Close => {
                    // Before the FIN: a client that has seen it finds the connection uncounted.
                    self.connection
                        .closed(self.began.elapsed(), &mut lock(self.mock));
                    return match stream.shutdown().await {
                        Ok(()) => Ended::Closed,
                        Err(_) => Ended::Lost,
                    };
                }
                Action::Reset => return Ended::Reset,
                Action::Idle => {}
            }
            let timeout = self.connection.next_timeout().map(|at| self.began + at);
            tokio::select! {
                read = stream.read(&mut buffer), if !finished => match read {
                    Ok(0) => {
                        finished = true;
                        self.connection.receive_eof(self.began.elapsed(), &mut lock(self.mock));
                    }
                    Ok(n) => self.receive(&buffer[..n], &observe),
                    Err(_) => return Ended::Lost,
                },
                () = sleep_until(timeout) => self.handle_timeout(&observe),
            }
        }
    }

    fn receive(&mut self, bytes: &[u8], observe: &impl Fn(&Exchange)) {
        self.step(observe, |connection, now, mock| {
            connection.receive(now, mock, bytes)
        });
    }

    fn handle_timeout(&mut self, observe: &impl Fn(&Exchange)) {
        self.step(observe, crate::Connection::handle_timeout);
    }

    /// Takes one step under the lock and reports the requests it answered after the lock is released.
    fn step(
        &mut self,
        observe: &impl Fn(&Exchange),
        step: impl FnOnce(&mut crate::Connection, Duration, &mut Mock),
    ) {
        let now = self.began.elapsed();
        let mut mock = lock(self.mock);
        let before = mock.seen();
        step(self.connection, now, &mut mock);
        let new = usize::try_from(mock.seen() - before).unwrap_or(usize::MAX);
        let log = mock.log();
        let new = log[log.len().saturating_sub(new)..].to_vec();
        drop(mock);
        new.iter().for_each(observe);
    }
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => core::future::pending().await,
    }
}

async fn wait(stopped: oneshot::Receiver<()>) {
    // A dropped sender means stop as well.
    let _ = stopped.await;
}

fn ignore(_: &Exchange) {}

fn suggest_epoch(mock: &Mutex<Mock>) {
    if let Ok(since) = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH) {
        lock(mock).suggest_epoch(since.as_secs());
    }
}

/// A test that panicked inside [`Server::with`] must not make the server panic too: nothing of the mock is left half
/// done by a panic of somebody else's closure.
fn lock(mock: &Mutex<Mock>) -> MutexGuard<'_, Mock> {
    mock.lock().unwrap_or_else(PoisonError::into_inner)
}
