//! The client of imds-tokio, on a runtime whose clock is paused, with its connections in memory.

use core::cell::RefCell;
use core::future::pending;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use std::io;
use std::rc::{Rc, Weak};

use imds_core::model::{IdentityDocument, ReadError};
use imds_core::walk::Options;
use imds_core::{Config, Counters, Error};
use imds_tokio::Client;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

use crate::memory::Memory;
use crate::network::{Door, outcome};
use crate::task::{self, Engine, Task};
use crate::{Got, Network, Walked};

/// The client with so many lanes.
pub(crate) fn task(network: &Rc<Network>, lanes: usize, config: Config) -> Task {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime");
    let guard = runtime.enter();
    let here = Here::new(network);
    let client = Client::builder()
        .config(config)
        .lanes(lanes.try_into().expect("not so many lanes"))
        .connector(move |endpoint| async move {
            let door = here.network().dial(endpoint.ip().expect("an address"));
            match door {
                Door::Open => Ok(Stream::open(here)),
                Door::Refuses => Err(io::ErrorKind::ConnectionRefused.into()),
                Door::Silent => pending().await,
            }
        })
        .build();
    drop(guard);
    let engine = Engine::Tokio(runtime, here.began);
    Task::new(network, engine, |desk| async move {
        desk.serve(client).await;
    })
}

thread_local! {
    static NETWORKS: RefCell<Vec<Weak<Network>>> = const { RefCell::new(Vec::new()) };
}

/// A network's number on its thread. It may be sent to other threads, as tokio's clients want, and
/// means nothing there.
#[derive(Clone, Copy)]
struct Here {
    number: usize,
    began: Instant,
}

impl Here {
    fn new(network: &Rc<Network>) -> Self {
        NETWORKS.with_borrow_mut(|networks| {
            networks.push(Rc::downgrade(network));
            Self {
                number: networks.len() - 1,
                began: Instant::now(),
            }
        })
    }

    /// The network, at the present time.
    fn network(self) -> Rc<Network> {
        let network = NETWORKS.with_borrow(|networks| networks[self.number].upgrade());
        let network = network.expect("it outlives its client");
        network.now.set(self.began.elapsed());
        network
    }
}

/// The client's end of a connection.
struct Stream {
    here: Here,
    memory: Memory,
    /// Until the server does something.
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Stream {
    fn open(here: Here) -> Self {
        Self {
            memory: Memory::open(&here.network()),
            here,
            sleep: None,
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Self {
            here,
            memory,
            sleep,
        } = &mut *self;
        loop {
            let network = here.network();
            let window = buf.initialize_unfilled();
            let n = window.len().min(network.piece.get());
            if let Poll::Ready(n) = outcome(memory.receive(&network, &mut window[..n])) {
                buf.advance(n.ok_or(io::ErrorKind::ConnectionReset)?);
                return Poll::Ready(Ok(()));
            }
            network.wake_at_hang_up(cx.waker());
            let Some(at) = memory.next_timeout() else {
                return Poll::Pending;
            };
            let sleep = sleep.insert(Box::pin(tokio::time::sleep_until(here.began + at)));
            ready!(sleep.as_mut().poll(cx));
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let network = self.here.network();
        let n = bytes.len().min(network.piece.get());
        let sent = outcome(self.memory.send(&network, &bytes[..n]));
        sent.map(|n| n.ok_or_else(|| io::ErrorKind::ConnectionReset.into()))
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.memory.close(&self.here.network());
    }
}

impl task::Client for Client {
    async fn get(&mut self, path: &str) -> Got {
        Self::get(self, path).await
    }

    async fn list(&mut self, path: &str) -> Result<Option<Vec<String>>, Error> {
        Self::list(self, path).await
    }

    async fn walk(
        &mut self,
        path: &str,
        options: Options,
        within: Option<&str>,
    ) -> (Walked, Vec<Got>) {
        let mut got = Vec::new();
        let walked = Walked::to_the_end(Self::walk(self, path, options), async || {
            if let Some(path) = within {
                got.push(Self::get(self, path).await);
            }
        });
        (walked.await, got)
    }

    async fn leave(&mut self, path: &str, options: Options, nodes: usize) -> bool {
        let mut walk = Self::walk(self, path, options);
        for _ in 0..nodes {
            if walk.next().await.is_none() {
                return true;
            }
        }
        false
    }

    async fn access_key(&mut self) -> Result<Option<String>, ReadError> {
        let credentials = self.credentials().await?;
        Ok(credentials.map(|credentials| credentials.access_key_id().to_owned()))
    }

    async fn identity(&mut self) -> Result<Option<IdentityDocument>, ReadError> {
        self.identity_document().await
    }

    fn counters(&self) -> Counters {
        Self::counters(self)
    }
}
