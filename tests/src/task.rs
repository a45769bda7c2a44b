//! Clients that live in a future, because they borrow what they stand on. They are asked from
//! outside, one thing after the other, and time passes only while they wait.

use core::cell::Cell;
use core::fmt;
use core::future::{Future, poll_fn};
use core::pin::{Pin, pin};
use core::sync::atomic::{AtomicBool, Ordering};
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Wake;

use imds_core::model::{IdentityDocument, ReadError};
use imds_core::walk::Options;
use imds_core::{Counters, Error};
use tokio::runtime::Runtime;
use tokio::time::Instant;

use crate::over_embassy::Cable;
use crate::{Got, Network, Walked};

/// The calls that every client has.
pub(crate) trait Client {
    async fn get(&mut self, path: &str) -> Got;
    /// The names.
    async fn list(&mut self, path: &str) -> Result<Option<Vec<String>>, Error>;
    /// Also what came of a get of `within` after each node.
    async fn walk(
        &mut self,
        path: &str,
        options: Options,
        within: Option<&str>,
    ) -> (Walked, Vec<Got>);
    /// Walks until so many nodes have come. Had it ended before?
    async fn leave(&mut self, path: &str, options: Options, nodes: usize) -> bool;
    /// The credentials' access key.
    async fn access_key(&mut self) -> Result<Option<String>, ReadError>;
    async fn identity(&mut self) -> Result<Option<IdentityDocument>, ReadError>;
    fn counters(&self) -> Counters;
}

/// What a client is asked, and where it puts the answer.
#[derive(Debug)]
pub(crate) enum Ask {
    Get(String, Slip<Got>),
    List(String, Slip<Result<Option<Vec<String>>, Error>>),
    Walk(String, Options, Option<String>, Slip<(Walked, Vec<Got>)>),
    /// A walk that is given up after so many nodes. Had it ended before?
    Leave(String, Options, usize, Slip<bool>),
    AccessKey(Slip<Result<Option<String>, ReadError>>),
    Identity(Slip<Result<Option<IdentityDocument>, ReadError>>),
    Counters(Slip<Counters>),
    /// A get whose future is dropped when it has been polled so often. Had it ended before?
    Drop(String, usize, Slip<bool>),
}

/// Room for an answer.
pub(crate) struct Slip<T>(Rc<Cell<Option<T>>>);

impl<T> fmt::Debug for Slip<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("..")
    }
}

impl<T> Slip<T> {
    fn fill(&self, answer: T) {
        self.0.set(Some(answer));
    }
}

/// Where a client is asked.
#[derive(Default)]
pub(crate) struct Desk(Cell<Option<Ask>>);

impl Desk {
    /// Has this client answer, for ever.
    pub(crate) async fn serve(&self, mut client: impl Client) {
        loop {
            let next = || self.0.take().map_or(Poll::Pending, Poll::Ready);
            match poll_fn(|_| next()).await {
                Ask::Get(path, slip) => slip.fill(client.get(&path).await),
                Ask::List(path, slip) => slip.fill(client.list(&path).await),
                Ask::Walk(path, options, within, slip) => {
                    slip.fill(client.walk(&path, options, within.as_deref()).await);
                }
                Ask::Leave(path, options, nodes, slip) => {
                    slip.fill(client.leave(&path, options, nodes).await);
                }
                Ask::AccessKey(slip) => slip.fill(client.access_key().await),
                Ask::Identity(slip) => slip.fill(client.identity().await),
                Ask::Counters(slip) => slip.fill(client.counters()),
                Ask::Drop(path, polls, slip) => {
                    let get = pin!(client.get(&path));
                    slip.fill(at_most(polls, get).await.is_some());
                }
            }
        }
    }
}

/// What the future gives, if it does when it has been polled so often.
async fn at_most<F: Future>(polls: usize, mut future: Pin<&mut F>) -> Option<F::Output> {
    let mut left = polls;
    poll_fn(|cx| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        future.as_mut().poll(cx).map(Some)
    })
    .await
}

/// What lets time pass.
pub(crate) enum Engine {
    /// This world's own.
    Turns,
    /// A runtime whose clock is paused, and when it began.
    Tokio(Runtime, Instant),
    /// A machine at the end of a cable.
    Cable(Box<Cable>),
}

/// More turns than any scenario takes.
const TURNS: usize = 1_000_000;
/// Longer than anything waits that will happen.
const PATIENCE: Duration = Duration::from_secs(86_400);

/// A client in its future.
pub(crate) struct Task {
    desk: Rc<Desk>,
    future: Pin<Box<dyn Future<Output = ()>>>,
    network: Rc<Network>,
    engine: Engine,
}

impl Task {
    /// The future that `live` gives has its client serve at the desk.
    pub(crate) fn new<F: Future<Output = ()> + 'static>(
        network: &Rc<Network>,
        engine: Engine,
        live: impl FnOnce(Rc<Desk>) -> F,
    ) -> Self {
        let desk = Rc::new(Desk::default());
        Self {
            future: Box::pin(live(Rc::clone(&desk))),
            desk,
            network: Rc::clone(network),
            engine,
        }
    }

    /// Asks, and lets time pass until there is an answer.
    pub(crate) fn ask<T>(&mut self, ask: impl FnOnce(Slip<T>) -> Ask) -> T {
        let Self {
            desk,
            future,
            network,
            engine,
        } = self;
        let slip = Rc::new(Cell::new(None));
        let ask = ask(Slip(Rc::clone(&slip)));
        network.doing(format!("{ask:?}"));
        desk.0.set(Some(ask));
        let mut turns = 0;
        let answer = poll_fn(|cx| {
            turns += 1;
            assert!(turns < TURNS, "this does not end");
            // It never ends.
            let _ = future.as_mut().poll(cx);
            slip.take().map_or(Poll::Pending, Poll::Ready)
        });
        match engine {
            Engine::Turns => take_turns(network, pin!(answer)),
            Engine::Cable(cable) => cable.run(network, |machine| machine.run(answer)),
            Engine::Tokio(runtime, began) => runtime.block_on(async {
                let answer = tokio::time::timeout(PATIENCE, answer).await;
                network.now.set(began.elapsed());
                answer.expect("something that ends this")
            }),
        }
    }

    /// The server gives up its connections.
    pub(crate) fn hang_up(&mut self) {
        match &mut self.engine {
            Engine::Turns => self.network.hang_up(),
            Engine::Cable(cable) => cable.run(&self.network, |machine| {
                machine.link.peer_mut().hang_up();
                machine.pass(Duration::ZERO);
            }),
            Engine::Tokio(runtime, _) => {
                self.network.hang_up();
                runtime.block_on(rest());
            }
        }
    }

    /// Lets time pass with nothing happening.
    pub(crate) fn pass(&mut self, time: Duration) {
        match &mut self.engine {
            Engine::Turns => self.network.pass(time),
            Engine::Cable(cable) => cable.run(&self.network, |machine| machine.pass(time)),
            Engine::Tokio(runtime, began) => runtime.block_on(async {
                rest().await;
                tokio::time::advance(time).await;
                self.network.now.set(began.elapsed());
            }),
        }
    }
}

/// Lets the runtime's other tasks do what they can do: they look at kept connections.
async fn rest() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

/// Polls again and again, and moves the clock when nobody was woken and nothing moves.
fn take_turns<F: Future>(network: &Network, mut future: Pin<&mut F>) -> F::Output {
    let flag = Arc::new(Flag::default());
    let waker = Waker::from(Arc::clone(&flag));
    loop {
        network.take_asked();
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        let woken = flag.0.swap(false, Ordering::Relaxed);
        if !woken && !network.settle() {
            let next = [network.take_asked(), network.next_timeout()];
            let next = next.into_iter().flatten().min();
            let at = next.expect("something that ends this");
            network.now.set(at.max(network.now.get()));
        }
    }
}

/// Somebody was woken.
#[derive(Default)]
struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}
