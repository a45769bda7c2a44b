//! The client on any stack that can open TCP connections by [`TcpConnect`]: one lane.
//!
//! ```
//! use imds_embassy::nal::{Client, TcpConnect, Timer};
//! use imds_embassy::{Config, Endpoint, Error, Memory, Target, Timeouts};
//!
//! async fn instance_id(stack: &impl TcpConnect, timer: impl Timer) -> Result<(), Error> {
//!     // A stack that speaks both families may have `Config::default()`, which tries both.
//!     let mut config = Config::new(Target::One(Endpoint::IPV4));
//!     // Small stacks repeat what was lost after a second, and the default has lost patience by then.
//!     config.timeouts = Timeouts::WITHOUT_OS;
//!     config.seed = 0x5eed; // of chance, if the machine has any
//!     let mut memory: Memory = Memory::new();
//!     let mut client = Client::new(stack, timer, &mut memory, config)?;
//!
//!     let mut value = [0; 64];
//!     let id = client.get("/latest/meta-data/instance-id", &mut value).await?;
//!     assert!(id.is_some_and(|id| id.starts_with(b"i-")));
//!     Ok(())
//! }
//! ```
//!
//! # Why these traits
//!
//! What a client needs of a stack is to connect, to read, to write, and to give a connection up.
//!
//! - `embedded_io_async::{Read, Write}` alone would have the caller connect. But the service
//!   answers most requests with `Connection: close`, so the client must connect again and again,
//!   and it is the core that knows when.
//! - `embedded_nal_async::TcpConnect` is that and no more: a shared reference gives connections,
//!   which are `Read + Write` and closed by dropping them. Because the reference is shared, a
//!   connection can be kept from one call to the next. embassy-net's `TcpClient` has it, and modems
//!   have it; `examples/std.rs` is one over the sockets of an operating system.
//! - `embedded_nal` without `async` has non-blocking sockets but nothing to wait on;
//!   `edge-nal` is nearer to sockets, and few stacks have it.
//! - `ReadReady` and `WriteReady` are optional and mostly absent: nothing here asks for them. So a
//!   kept connection is not looked at before it is used again; one that the server has closed
//!   costs a request, which the core repeats at no charge.
//!
//! The traits say nothing of time: [`Timer`] is two functions, with an implementation for
//! embassy-time behind the feature `embassy-time`.
//!
//! # What the traits do not promise, and what is done about it
//!
//! - **Dropping a read or a write may lose bytes.** A connection whose exchange was broken off, by a
//!   time-out or because the caller dropped the future, is given up; it is never used again.
//! - **Dropping a connect** leaves nothing behind in the stack: the future owns what was begun. Who
//!   comes later connects anew.
//! - **`flush` may wait until the peer has acknowledged** (embassy-net's does), and without it other
//!   stacks may not send at all. So it is awaited where the answer is, in the time that the answer
//!   has, and what it says is not judged: what the server sent before a reset comes first.
//! - **One error kind may stand for all** (embassy-net calls everything that a connect can come to a
//!   reset). While connecting, a reset is a refusal, as in TCP.
//! - **Source addresses** are the stack's business: EC2 drops requests from a link-local one, and
//!   that shows as a time-out.
//! - embassy-net's `TcpClient` panics when it is told to connect to a family that it was not built
//!   for. Name one endpoint then, and do not leave the target to [`Target::Auto`].
//!
//! [`Target::Auto`]: crate::Target::Auto

mod link;

use core::pin::pin;

pub use embedded_nal_async::{self, TcpConnect};
use imds_core::drive::Sink;
use imds_core::{Config, Error, Event, Instant, Misuse, OpId, Want};

use self::link::{Addresses, Link};
use crate::memory::Memory;
use crate::output::Output;
#[cfg(feature = "embassy-time")]
pub use crate::timer::EmbassyTimer;
pub use crate::timer::Timer;
use crate::timer::{SHORTEST_NAP, before};
use crate::transport::{Core, Done, Transport};

/// A client with one connection of a stack `S`, and the time of a timer `T`.
pub type Client<'m, 's, S, T> = crate::Client<'m, Connection<'s, S, T>, 1>;

/// The one lane's connection on a stack.
#[expect(missing_debug_implementations, reason = "few stacks have one")]
pub struct Connection<'s, S: TcpConnect, T> {
    link: Link<'s, S>,
    timer: T,
}

impl<'m, 's, S: TcpConnect, T: Timer> Client<'m, 's, S, T> {
    /// A client with these settings. Nothing is sent before the first call.
    ///
    /// Give the settings time: [`Timeouts::WITHOUT_OS`](crate::Timeouts::WITHOUT_OS), where the
    /// stack is none of an operating system.
    ///
    /// # Errors
    /// [`Misuse::HostNameNeedsResolver`]: the endpoint must be an address.
    pub fn new<const WINDOW: usize, const ARENA: usize>(
        stack: &'s S,
        timer: T,
        memory: &'m mut Memory<1, WINDOW, ARENA>,
        config: Config,
    ) -> Result<Self, Misuse> {
        let link = Link::new(stack);
        Self::over(Connection { link, timer }, memory, config)
    }
}

impl<S: TcpConnect, T: Timer> Transport<1> for Connection<'_, S, T> {
    fn now(&self) -> Instant {
        self.timer.now()
    }

    async fn advance<O: Output>(
        &mut self,
        core: &mut Core<'_, 1>,
        get: Option<OpId>,
        output: &mut O,
        sink: &mut dyn Sink,
    ) -> Result<Option<Done>, O::Stop> {
        let Self { link, timer } = self;
        let timer = &*timer;
        loop {
            core.poll(timer.now(), 0);
            // It is polling that does the work.
            let until = core.deadline(0).map(|(at, _)| at);
            let mut done = None;
            let event = match core.poll(timer.now(), 0) {
                Want::Connect => {
                    let addresses = Addresses::of(&core.route());
                    let io = pin!(link.connect(addresses, timer, until));
                    before(timer, until, io).await.unwrap_or(Event::Blocked)
                }
                Want::Send(bytes) => {
                    let io = pin!(link.send(bytes));
                    before(timer, until, io).await.unwrap_or(Event::Blocked)
                }
                Want::Receive => {
                    let io = pin!(link.receive(core.rx_window(0)));
                    before(timer, until, io).await.unwrap_or(Event::Blocked)
                }
                Want::Close => {
                    link.give_up();
                    Event::Closed
                }
                Want::Done(op, result) => {
                    done = Some((op, result));
                    Event::Taken
                }
                Want::Leaf(leaf) if get == Some(leaf.op) => {
                    output.take(&leaf).await?;
                    Event::Taken
                }
                Want::Leaf(leaf) if sink.leaf(&leaf) => Event::Taken,
                Want::Missing(missing) if sink.missing(&missing) => Event::Taken,
                // The get needs the lane, and who has it waits for a reader who waits for the get.
                Want::Leaf(_) | Want::Missing(_) if get.is_some() => {
                    core.abandon(0);
                    continue;
                }
                Want::Leaf(_) | Want::Missing(_) => {
                    nap(timer, None).await;
                    continue;
                }
                Want::Idle => {
                    nap(timer, until).await;
                    continue;
                }
            };
            core.handle(timer.now(), 0, event).map_err(Error::Misuse)?;
            if event == Event::Taken {
                return Ok(done);
            }
        }
    }

    /// What was on its way may be lost, so the connection is of no more use.
    fn broken_off(&mut self, core: &mut Core<'_, 1>) {
        core.abandon(0);
    }

    fn settle(&mut self, core: &mut Core<'_, 1>) {
        let now = self.timer.now();
        if core.poll(now, 0) == Want::Close {
            self.link.give_up();
            // It wants just that.
            let _ = core.handle(now, 0, Event::Closed);
        }
    }
}

/// Sleeps until there may be something to do without the network: a pause before another attempt,
/// or for the pace.
async fn nap(timer: &impl Timer, until: Option<Instant>) {
    let now = timer.now();
    // One that has passed would be no sleep at all, and other tasks would not have their turn.
    let at = until.filter(|at| *at > now).unwrap_or(now + SHORTEST_NAP);
    timer.wait_until(at).await;
}
