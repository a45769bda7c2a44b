//! What the client of an interleaving meets: tasks, a server, time.

use core::cell::RefCell;
use core::future::{Future, poll_fn};
use core::pin::Pin;
use core::sync::atomic::AtomicUsize;
use core::sync::atomic::Ordering::Relaxed;
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::io;
use std::sync::{Arc, Mutex, Weak};
use std::task::Wake;

use imds_core::config::Target;
use imds_core::{Config, Endpoint};
use imds_mock::{Mock, server};
use shuttle::future::JoinHandle;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};
use tokio::runtime::Runtime;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::Client;

/// How long a client waits for an answer. It ends between two looks that a task takes anyway.
pub(super) const FIRST_BYTE: Duration = Duration::from_millis(970);

/// A step of time.
const TICK: Duration = Duration::from_millis(10);

std::thread_local! {
    static PRESENT: RefCell<Weak<World>> = const { RefCell::new(Weak::new()) };
}

/// Runs a task of the client's own.
pub(crate) fn spawn(task: impl Future<Output = ()> + Send + 'static) {
    let world = PRESENT.with_borrow(Weak::upgrade);
    drop(world.expect("the client is in a world").spawn(task));
}

/// A server in memory, and a clock that stands still unless all tasks sleep. The locks in here are
/// not shuttle's, so each is held for one step and never while another task runs.
pub(super) struct World {
    pub(super) mock: Mutex<Mock>,
    runtime: Arc<Runtime>,
    began: Instant,
    /// Tasks that do not sleep.
    awake: AtomicUsize,
    /// Of the task that has time pass.
    clock: Mutex<Option<Waker>>,
    /// Connections that the client holds or makes, and the most there ever were.
    open: AtomicUsize,
    peak: AtomicUsize,
    cut: Notify,
}

impl World {
    /// On a runtime whose clock is paused. So much time may pass when nothing else happens; with
    /// none, a wake-up that is lost is a deadlock.
    pub(super) fn new(runtime: &Arc<Runtime>, mock: Mock, time: Duration) -> Arc<Self> {
        let world = Arc::new(Self {
            mock: Mutex::new(mock),
            runtime: Arc::clone(runtime),
            began: Instant::now(),
            awake: AtomicUsize::new(0),
            clock: Mutex::new(None),
            open: AtomicUsize::new(0),
            peak: AtomicUsize::new(0),
            cut: Notify::new(),
        });
        drop(shuttle::future::spawn(Arc::clone(&world).pass(time)));
        PRESENT.set(Arc::downgrade(&world));
        world
    }

    /// A client of this world.
    pub(super) fn client(self: &Arc<Self>, lanes: u8) -> Client {
        let world = Arc::clone(self);
        let mut config = Config::new(Target::One(Endpoint::IPV4));
        config.pace = None;
        config.timeouts.first_byte = FIRST_BYTE;
        // Else one would be drawn that no replay has.
        config.seed = 1;
        Client::builder()
            .config(config)
            .lanes(lanes)
            .connector(move |_| Arc::clone(&world).connect())
            .build()
    }

    /// Runs a task beside all others.
    pub(super) fn spawn<F>(self: &Arc<Self>, task: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.awake.fetch_add(1, Relaxed);
        shuttle::future::spawn(Counted {
            task: Box::pin(task),
            bell: Arc::new(Bell {
                state: Mutex::new((Sleep::None, None)),
                world: Arc::clone(self),
            }),
        })
    }

    /// Looks at the server or changes it.
    pub(super) fn with<T>(&self, f: impl FnOnce(&mut Mock) -> T) -> T {
        f(&mut self.mock.lock().expect("nobody panicked"))
    }

    /// Tokens that were asked for.
    pub(super) fn puts(&self) -> usize {
        self.with(|mock| mock.log().iter().filter(|e| e.method == "PUT").count())
    }

    /// Has the server close all connections.
    pub(super) fn cut(&self) {
        self.cut.notify_waiters();
    }

    /// Connections that the client holds or makes.
    pub(super) fn open(&self) -> usize {
        self.open.load(Relaxed)
    }

    /// Most connections at a time.
    pub(super) fn peak(&self) -> usize {
        self.peak.load(Relaxed)
    }

    /// Has time pass, whoever is awake.
    pub(super) fn advance(&self, by: Duration) {
        self.runtime.block_on(tokio::time::advance(by));
    }

    /// Has time pass when all tasks sleep.
    async fn pass(self: Arc<Self>, time: Duration) {
        for _ in 0..time.as_millis() / TICK.as_millis() {
            poll_fn(|cx| {
                *self.clock.lock().expect("nobody panicked") = Some(cx.waker().clone());
                if self.awake.load(Relaxed) == 0 {
                    Poll::Ready(())
                } else {
                    Poll::Pending
                }
            })
            .await;
            self.advance(TICK);
        }
    }

    /// One task less is awake.
    fn asleep(&self) {
        if self.awake.fetch_sub(1, Relaxed) == 1
            && let Some(clock) = &*self.clock.lock().expect("nobody panicked")
        {
            clock.wake_by_ref();
        }
    }

    async fn connect(self: Arc<Self>) -> io::Result<Stream> {
        let held = Held::new(&self);
        let (accept, accepted) = tokio::sync::oneshot::channel();
        let world = Arc::clone(&self);
        drop(self.spawn(async move {
            let (ours, mut theirs) = tokio::io::duplex(4096);
            // The client may have given up meanwhile.
            if accept.send(ours).is_ok() {
                tokio::select! {
                    biased;
                    () = world.cut.notified() => {}
                    _ = server::attend(&mut theirs, &world.mock, world.began, |_| {}) => {}
                }
            }
        }));
        let stream = accepted.await.expect("the server accepts");
        Ok(Stream {
            stream,
            _held: held,
        })
    }
}

/// A connection, while the client holds or makes it.
struct Held(Arc<World>);

impl Held {
    fn new(world: &Arc<World>) -> Self {
        let open = world.open.fetch_add(1, Relaxed) + 1;
        world.peak.fetch_max(open, Relaxed);
        Self(Arc::clone(world))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Relaxed);
    }
}

/// The client's end of a connection.
struct Stream {
    stream: DuplexStream,
    _held: Held,
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// A task of which the clock knows whether it sleeps.
struct Counted<F> {
    task: Pin<Box<F>>,
    bell: Arc<Bell>,
}

impl<F: Future> Future for Counted<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let bell = Arc::clone(&self.bell);
        if !bell.begin(cx.waker()) {
            return Poll::Pending;
        }
        let waker = Waker::from(Arc::clone(&bell));
        let polled = self.task.as_mut().poll(&mut Context::from_waker(&waker));
        bell.end(polled.is_ready());
        polled
    }
}

/// Wakes a task, and counts it.
struct Bell {
    state: Mutex<(Sleep, Option<Waker>)>,
    world: Arc<World>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Sleep {
    /// It is polled, or will be without being woken.
    None,
    /// It was woken while it was polled.
    Disturbed,
    Sound,
}

impl Bell {
    /// May the task be polled? Shuttle also polls one that had to wait for a lock, which would hide
    /// that its wake-up was lost.
    fn begin(&self, waker: &Waker) -> bool {
        let mut state = self.state.lock().expect("nobody panicked");
        if state.0 == Sleep::Sound {
            return false;
        }
        *state = (Sleep::None, Some(waker.clone()));
        true
    }

    fn end(&self, ready: bool) {
        let mut state = self.state.lock().expect("nobody panicked");
        if ready || state.0 == Sleep::None {
            state.0 = if ready { Sleep::None } else { Sleep::Sound };
            self.world.asleep();
        }
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        let mut state = self.state.lock().expect("nobody panicked");
        if state.0 == Sleep::Sound {
            self.world.awake.fetch_add(1, Relaxed);
        }
        state.0 = Sleep::Disturbed;
        if let Some(waker) = &state.1 {
            waker.wake_by_ref();
        }
    }
}
