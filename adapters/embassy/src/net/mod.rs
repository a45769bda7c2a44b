//! The client on an embassy-net stack: one or more lanes, driven together in one task, without
//! locks.
//!
//! ```no_run
//! use imds_embassy::net::{Client, Resources};
//! use imds_embassy::{Config, Error, Node, Options, Timeouts};
//!
//! // `stack.wait_config_up()` was awaited, and the stack's runner runs in a task of its own.
//! async fn read_all(stack: embassy_net::Stack<'_>, seed: u64) -> Result<(), Error> {
//!     let mut config = Config::default();
//!     // Small stacks repeat what was lost after a second, and the default has lost patience by then.
//!     config.timeouts = Timeouts::WITHOUT_OS;
//!     config.limits.value = 16 * 1024;
//!     config.seed = seed; // of chance, if the machine has any
//!     let mut resources: Resources<3> = Resources::new(); // better in a static
//!     let mut client = Client::new(stack, &mut resources, config)?;
//!
//!     let mut memory = [0; 16 * 1024];
//!     let mut walk = client.walk("/latest/meta-data", Options::default(), &mut memory)?;
//!     while let Some(node) = walk.next().await? {
//!         if let Node::Leaf { path, value, .. } = node {
//!             // ...
//! #           let _ = (path, value);
//!         }
//!     }
//!     Ok(())
//! }
//! ```
//!
//! # What embassy-net does in its own way, and what is done about it
//!
//! - Its readiness helpers come to no end when the server closes, and a connect that was dropped
//!   cannot be awaited again. So every future of a socket is polled once and dropped, which leaves
//!   the task's waker with the socket, and what has become of a connection is read from its state.
//!   No byte is lost by that: what was read is in the window, and what was not is in the socket.
//! - Its `flush` waits until the peer has acknowledged. It is not called.
//! - One error stands for all that can end a connection. Here too the state is looked at: a
//!   connection that never stood was refused, one that stood was reset.
//! - It has one address of each family. One from which EC2 would not be answered is not used, unless
//!   [`Client::allow_link_local_source`] says so.
//! - A stack without an address fails a connection at once, with
//!   [`Fault::Unreachable`](imds_core::Fault::Unreachable): await `Stack::wait_config_up` first.
//! - Local ports are the stack's. It begins with one that its `random_seed` says: give it another
//!   at each boot, or the server may still remember a connection from the same one.

mod sockets;

use core::future::poll_fn;
use core::task::{Context, Poll, Waker};

use embassy_net::Stack;
use embassy_net::tcp::TcpSocket;
use imds_core::drive::Sink;
use imds_core::{Config, Error, Event, Instant, Leaf, Missing, Misuse, OpId, Want};

pub use self::sockets::Sockets;
use crate::memory::Memory;
use crate::output::Output;
use crate::timer::{self, EmbassyTimer, SHORTEST_NAP, Timer};
use crate::transport::{Core, Done, Takes, Transport};

/// A client with `LANES` connections of an embassy-net stack.
pub type Client<'d, const LANES: usize = 1> = crate::Client<'d, Sockets<'d, LANES>, LANES>;

/// Memory for a client and its sockets: besides [`Memory`], `RX` and `TX` bytes for the socket of
/// each lane.
///
/// A request has some 400 bytes, so 512 to send are enough. What is received moves on into the
/// lane's window at every poll; one segment, 1460 bytes, is a good size. Both must be at least 1.
/// Each lane also takes a socket of `embassy_net::StackResources`.
///
/// It is of zeros, so that a static of it takes no room in an image.
#[derive(Debug)]
pub struct Resources<
    const LANES: usize = 1,
    const WINDOW: usize = 2048,
    const ARENA: usize = 1024,
    const RX: usize = 1460,
    const TX: usize = 512,
> {
    memory: Memory<LANES, WINDOW, ARENA>,
    buffers: [([u8; RX], [u8; TX]); LANES],
}

impl<const LANES: usize, const WINDOW: usize, const ARENA: usize, const RX: usize, const TX: usize>
    Resources<LANES, WINDOW, ARENA, RX, TX>
{
    /// Zeros.
    pub const fn new() -> Self {
        const {
            assert!(RX > 0 && TX > 0, "a socket without room moves no bytes");
        }
        Self {
            memory: Memory::new(),
            buffers: [([0; RX], [0; TX]); LANES],
        }
    }
}

impl<const LANES: usize, const WINDOW: usize, const ARENA: usize, const RX: usize, const TX: usize>
    Default for Resources<LANES, WINDOW, ARENA, RX, TX>
{
    fn default() -> Self {
        Self::new()
    }
}

impl<'d, const LANES: usize> Client<'d, LANES> {
    /// A client with these settings. Nothing is sent before the first call.
    ///
    /// Give the settings time: [`Timeouts::WITHOUT_OS`](crate::Timeouts::WITHOUT_OS).
    ///
    /// # Errors
    /// [`Misuse::HostNameNeedsResolver`]: the endpoint must be an address.
    ///
    /// # Panics
    /// If the stack has no room for so many sockets.
    pub fn new<const WINDOW: usize, const ARENA: usize, const RX: usize, const TX: usize>(
        stack: Stack<'d>,
        resources: &'d mut Resources<LANES, WINDOW, ARENA, RX, TX>,
        config: Config,
    ) -> Result<Self, Misuse> {
        let Resources { memory, buffers } = resources;
        let sockets = buffers
            .each_mut()
            .map(|(rx, tx)| TcpSocket::new(stack, rx, tx));
        Self::over(Sockets::new(stack, sockets), memory, config)
    }

    /// Lets requests to `169.254.169.254` be sent from a link-local address. EC2 drops those;
    /// Firecracker's MMDS answers them, and a guest there often has no other address. Without
    /// this, a stack that has no other address gives
    /// [`Fault::LinkLocalSource`](imds_core::Fault::LinkLocalSource), and nothing is sent.
    pub const fn allow_link_local_source(&mut self, allow: bool) {
        self.transport.allow_link_local_source(allow);
    }
}

/// What has come of driving.
enum Turn {
    /// Chunks or nodes were taken.
    Moved,
    /// This lane offers a chunk of the get.
    Offered(usize),
    Ended(Done),
}

impl<const LANES: usize> Sockets<'_, LANES> {
    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        core: &mut Core<'_, LANES>,
        get: Option<OpId>,
        sink: &mut dyn Sink,
    ) -> Poll<Result<Turn, Misuse>> {
        let now = self.now();
        let mut rest = Rest {
            get,
            sink,
            took: false,
            refused: false,
        };
        let mut lanes = self.on(cx, now);
        core.drive(now, &mut lanes, &mut rest)?;
        let mut wake = lanes.wake();
        if let Some(done) = core.next_done() {
            return Poll::Ready(Ok(Turn::Ended(done)));
        }
        if rest.took {
            return Poll::Ready(Ok(Turn::Moved));
        }
        if get.is_some() {
            let is_offered =
                |lane: &usize| matches!(core.poll(now, *lane), Want::Leaf(l) if get == Some(l.op));
            if let Some(lane) = (0..LANES).find(is_offered) {
                return Poll::Ready(Ok(Turn::Offered(lane)));
            }
            // The get needs a lane, and who has them waits for a reader who waits for the get.
            if (0..LANES)
                .all(|lane| matches!(core.poll(now, lane), Want::Leaf(_) | Want::Missing(_)))
            {
                core.abandon(0);
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
        }
        if rest.refused {
            let again = now + SHORTEST_NAP;
            wake = Some(wake.map_or(again, |at| at.min(again)));
        }
        if let Some(at) = wake.into_iter().chain(core.next_deadline()).min() {
            timer::alarm(at, cx);
        }
        Poll::Pending
    }
}

impl<const LANES: usize> Transport<LANES> for Sockets<'_, LANES> {
    fn now(&self) -> Instant {
        EmbassyTimer.now()
    }

    async fn advance<O: Output>(
        &mut self,
        core: &mut Core<'_, LANES>,
        get: Option<OpId>,
        output: &mut O,
        sink: &mut dyn Sink,
    ) -> Result<Option<Done>, O::Stop> {
        let turn = poll_fn(|cx| self.poll(cx, core, get, sink)).await;
        match turn.map_err(Error::Misuse)? {
            Turn::Moved => Ok(None),
            Turn::Ended(done) => Ok(Some(done)),
            Turn::Offered(lane) => {
                if let Want::Leaf(leaf) = core.poll(self.now(), lane) {
                    output.take(&leaf).await?;
                    let taken = core.handle(self.now(), lane, Event::Taken);
                    taken.map_err(Error::Misuse)?;
                }
                Ok(None)
            }
        }
    }

    /// The core knows all that the sockets have done.
    fn broken_off(&mut self, _core: &mut Core<'_, LANES>) {}

    fn settle(&mut self, core: &mut Core<'_, LANES>) {
        let now = self.now();
        let cx = &mut Context::from_waker(Waker::noop());
        // They keep to the order of calls.
        let _ = core.drive(now, &mut self.on(cx, now), &mut Takes(false));
    }
}

/// What is not of the get goes to the walk's sink.
struct Rest<'s> {
    get: Option<OpId>,
    sink: &'s mut dyn Sink,
    took: bool,
    refused: bool,
}

impl Rest<'_> {
    const fn note(&mut self, took: bool) -> bool {
        self.took |= took;
        self.refused |= !took;
        took
    }
}

impl Sink for Rest<'_> {
    fn leaf(&mut self, leaf: &Leaf<'_>) -> bool {
        if self.get == Some(leaf.op) {
            return false;
        }
        let took = self.sink.leaf(leaf);
        self.note(took)
    }

    fn missing(&mut self, missing: &Missing<'_>) -> bool {
        let took = self.sink.missing(missing);
        self.note(took)
    }
}
