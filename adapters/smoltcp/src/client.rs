//! The client on a stack.

use imds_core::config::Target;
use imds_core::drive::Sink;
use imds_core::endpoint::Host;
use imds_core::walk::Options;
use imds_core::{Config, Counters, Error, Misuse, OpId, Reply};
use smoltcp::iface::{Interface, SocketHandle, SocketSet};
use smoltcp::time::{Duration, Instant};

use crate::lanes::Lanes;
use crate::time;

/// A client whose connections are TCP sockets of a smoltcp stack.
///
/// `WINDOW` bytes for each of `LANES` connections, `ARENA` bytes for a walk; see
/// [`imds_core::Client`] for what they mean.
#[derive(Debug)]
pub struct Client<const LANES: usize, const WINDOW: usize, const ARENA: usize> {
    core: imds_core::Client<LANES, [u8; WINDOW], [u8; ARENA]>,
    lanes: Lanes<LANES>,
}

impl<const LANES: usize, const WINDOW: usize, const ARENA: usize> Client<LANES, WINDOW, ARENA> {
    /// A client with these settings, over TCP sockets that are nobody else's
    /// ([`Buffers::add_to`](crate::Buffers::add_to) makes them).
    ///
    /// Give [`Config::seed`] a number of chance: it decides where the local ports begin, and a
    /// machine that boots again too soon with the same ones meets connections that the server
    /// still remembers.
    ///
    /// Give it time too: [`Timeouts::WITHOUT_OS`](crate::Timeouts::WITHOUT_OS). With less than two
    /// seconds to connect, an address whose router is gone takes all of them, and the second is
    /// never tried.
    ///
    /// # Errors
    /// [`Misuse::HostNameNeedsResolver`]: the endpoint must be an address.
    #[inline]
    pub fn new(config: Config, handles: [SocketHandle; LANES]) -> Result<Self, Misuse> {
        if let Target::One(endpoint) = &config.target
            && let Host::Name(_) = endpoint.host()
        {
            return Err(Misuse::HostNameNeedsResolver);
        }
        Ok(Self {
            lanes: Lanes::new(handles, config.seed),
            core: imds_core::Client::new(config),
        })
    }

    /// Lets requests to `169.254.169.254` be sent from a link-local address. EC2 drops those;
    /// Firecracker's MMDS answers them, and a guest there often has no other address. Without
    /// this, a stack that has no other address gives
    /// [`Fault::LinkLocalSource`](imds_core::Fault::LinkLocalSource), and nothing is sent.
    pub const fn allow_link_local_source(&mut self, allow: bool) {
        self.lanes.allow_link_local_source(allow);
    }

    /// Begins to read one value.
    ///
    /// # Errors
    /// [`Misuse`], for a path that cannot be asked for, or too many operations.
    pub fn get(&mut self, now: Instant, path: &str) -> Result<OpId, Misuse> {
        self.core.get(time::core(now), path)
    }

    /// Begins to read a listing. The value is the listing's text.
    ///
    /// # Errors
    /// [`Misuse`], for a path that cannot be asked for, or too many operations.
    pub fn list(&mut self, now: Instant, path: &str) -> Result<OpId, Misuse> {
        self.core.list(time::core(now), path)
    }

    /// Begins a walk.
    ///
    /// # Errors
    /// [`Misuse`], for a path that cannot be asked for, too many operations, or a second walk.
    pub fn walk(&mut self, now: Instant, path: &str, options: Options) -> Result<OpId, Misuse> {
        self.core.walk(time::core(now), path, options)
    }

    /// Ends an operation, at any time. It is not heard of again.
    pub fn cancel(&mut self, op: OpId) {
        self.core.cancel(op);
    }

    /// Does all that can be done now, and answers when to call again, at the latest: `None`, if
    /// only a frame that arrives can change anything. Zero also means that the stack has
    /// something to send.
    ///
    /// Call it after each [`Interface::poll`], which moves the frames. What operations bring goes
    /// to `sink`; call again at once when a sink that took no more can take more. What ended is
    /// told by [`next_done`](Self::next_done).
    ///
    /// # Panics
    /// If a socket was removed from `sockets`.
    pub fn poll(
        &mut self,
        now: Instant,
        iface: &mut Interface,
        sockets: &mut SocketSet<'_>,
        sink: &mut impl Sink,
    ) -> Option<Duration> {
        let present = time::core(now);
        self.core
            .drive(present, &mut self.lanes.on(now, iface, sockets), sink)
            .expect("each call of a socket answers with an event of that call");
        let client = self.core.next_deadline().map(time::stack);
        let at = [client, self.lanes.poll_at()].into_iter().flatten().min();
        // An instant that has passed already would be negative time.
        let delay = at.map(|at| at.max(now) - now);
        let stack = iface.poll_delay(now, sockets);
        [delay, stack].into_iter().flatten().min()
    }

    /// The next operation that has ended; its id is void then. Of a walk this comes after its
    /// last node was taken.
    pub fn next_done(&mut self) -> Option<(OpId, Result<Reply, Error>)> {
        self.core.next_done()
    }

    /// What the client has done so far.
    pub fn counters(&self) -> Counters {
        self.core.session().counters()
    }
}
