//! The one place that knows the order of calls. An adapter is a [`Socket`] and a way to sleep
//! until it is readable, writable or the deadline has come; [`polled`] makes the socket for stacks
//! that are asked and not waited for.

pub mod polled;

use crate::Client;
use crate::client::{Event, Leaf, Missing, Route, Want};
use crate::error::Misuse;
use crate::lane::{Buffer, Lane};
use crate::session::Session;
use crate::time::Instant;

/// A connection, or one that may become one.
///
/// Each call answers with what happened; [`Event::Blocked`] if nothing can happen now, and then
/// the adapter sees to it that it is woken when that changes. `until` is when the phase's time is
/// up: sockets that block come back by then, others need not look at it.
pub trait Socket {
    /// Goes on connecting, from nothing at the first call: `Connected`, `ConnectedSecond`,
    /// `Failed` or `Blocked`.
    fn connect(&mut self, route: &Route, until: Option<Instant>) -> Event;

    /// Writes some of `bytes`: `Sent`, `Failed`, `Eof` or `Blocked`.
    fn send(&mut self, bytes: &[u8], until: Option<Instant>) -> Event;

    /// Reads into `window`: `Received`, `Eof`, `Failed` or `Blocked`.
    fn receive(&mut self, window: &mut [u8], until: Option<Instant>) -> Event;

    /// Closes the connection, or gives up making it: `Closed`, or `Blocked` if the stack must
    /// have its time before the socket can be used again.
    fn close(&mut self) -> Event;

    /// A look at a connection that is kept but not in use: `Eof`, `Failed` or `Received` if it
    /// is of no more use, else `Blocked`. An adapter that cannot look cheaply need not.
    fn check_idle(&mut self) -> Event {
        Event::Blocked
    }
}

impl<S: Socket + ?Sized> Socket for &mut S {
    fn connect(&mut self, route: &Route, until: Option<Instant>) -> Event {
        S::connect(self, route, until)
    }

    fn send(&mut self, bytes: &[u8], until: Option<Instant>) -> Event {
        S::send(self, bytes, until)
    }

    fn receive(&mut self, window: &mut [u8], until: Option<Instant>) -> Event {
        S::receive(self, window, until)
    }

    fn close(&mut self) -> Event {
        S::close(self)
    }

    fn check_idle(&mut self) -> Event {
        S::check_idle(self)
    }
}

/// The sockets of all lanes. An array of them is one; a stack that owns its sockets lends one at
/// a time.
pub trait Sockets {
    /// The socket of lane number `lane`.
    fn socket(&mut self, lane: usize) -> impl Socket;
}

impl<S: Socket, const LANES: usize> Sockets for [S; LANES] {
    fn socket(&mut self, lane: usize) -> impl Socket {
        &mut self[lane]
    }
}

/// Takes what operations bring. `false`: not now, offer it again.
///
/// A [`Client`] offers nothing else between the first and the last chunk of a value, whatever
/// its lanes and operations; if an answer breaks the value begins anew later, at offset 0. Of
/// drivers that share a session each keeps this up for its lane alone.
pub trait Sink {
    /// A chunk of a value.
    fn leaf(&mut self, leaf: &Leaf<'_>) -> bool;

    /// A node without a value.
    fn missing(&mut self, missing: &Missing<'_>) -> bool;
}

/// Access to a session that may be shared.
pub trait Shared {
    /// [`Session::serve`].
    fn serve<B: Buffer>(&mut self, now: Instant, lane: &mut Lane<B>) -> bool;

    /// [`Session::route`].
    fn route(&mut self) -> Route;
}

impl<A: Buffer, const OPS: usize, const WALKS: usize, const TOKEN: usize> Shared
    for Session<A, OPS, WALKS, TOKEN>
{
    fn serve<B: Buffer>(&mut self, now: Instant, lane: &mut Lane<B>) -> bool {
        Self::serve(self, now, lane)
    }

    fn route(&mut self) -> Route {
        Self::route(self)
    }
}

/// What a [`step`] came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// Something happened.
    Moved,
    /// The socket or the sink can do nothing now.
    Blocked,
    /// The lane has nothing to do.
    Idle,
}

/// Does the one thing that a lane wants.
///
/// `clock` tells the present; it is asked before and after the call of the socket.
///
/// # Errors
/// [`Misuse`], if the socket answered with an event that was not asked for.
pub fn step<B: Buffer>(
    clock: impl Fn() -> Instant,
    shared: &mut impl Shared,
    lane: &mut Lane<B>,
    socket: &mut impl Socket,
    sink: &mut impl Sink,
) -> Result<Step, Misuse> {
    let mut served = false;
    if lane.poll().is_none() {
        check_idle(&clock, lane, socket)?;
        served = shared.serve(clock(), lane);
    }
    let until = lane.deadline().map(|(at, _)| at);
    let event = match lane.poll() {
        None if served => return Ok(Step::Moved),
        None | Some(Want::Idle | Want::Done(..)) => return Ok(Step::Idle),
        Some(Want::Connect) => socket.connect(&shared.route(), until),
        Some(Want::Send(bytes)) => socket.send(bytes, until),
        Some(Want::Receive) => socket.receive(lane.rx_window(), until),
        Some(Want::Leaf(leaf)) => match sink.leaf(&leaf) {
            true => Event::Taken,
            false => return Ok(Step::Blocked),
        },
        Some(Want::Missing(missing)) => match sink.missing(&missing) {
            true => Event::Taken,
            false => return Ok(Step::Blocked),
        },
        Some(Want::Close) => socket.close(),
    };
    lane.handle(clock(), event)?;
    // A deadline that has passed, of the lane's phase or of its operation, turns `Blocked` into
    // work for the session.
    if matches!(event, Event::Blocked) && !shared.serve(clock(), lane) {
        return Ok(Step::Blocked);
    }
    Ok(Step::Moved)
}

/// Looks at a kept connection before it is used again, as [`step`] does too. One that the server
/// has closed is given up now and not after a request was written to it; one on which bytes have
/// come that nobody asked for is given up before they are taken for the next answer.
///
/// # Errors
/// [`Misuse`], if the socket answered with an event that was not asked for.
pub fn check_idle<B: Buffer>(
    clock: impl Fn() -> Instant,
    lane: &mut Lane<B>,
    socket: &mut impl Socket,
) -> Result<(), Misuse> {
    if lane.is_idle() && lane.is_connected() {
        let event = socket.check_idle();
        if !matches!(event, Event::Blocked) {
            lane.handle(clock(), event)?;
        }
    }
    Ok(())
}

/// Drives a lane until it can do no more. Answers whether it moved at all.
///
/// When lanes share a session, drive the others too if [`Session::take_changed`] says so.
///
/// # Errors
/// [`Misuse`], if the socket answered with an event that was not asked for.
pub fn pump<B: Buffer>(
    clock: impl Fn() -> Instant,
    shared: &mut impl Shared,
    lane: &mut Lane<B>,
    socket: &mut impl Socket,
    sink: &mut impl Sink,
) -> Result<bool, Misuse> {
    // What belongs to an operation that was cancelled meanwhile is dropped first.
    let mut moved = false;
    if !lane.is_idle() {
        moved = shared.serve(clock(), lane);
    }
    while step(&clock, shared, lane, socket, sink)? == Step::Moved {
        moved = true;
    }
    Ok(moved)
}

/// A sink that takes nothing while another lane has the floor.
struct Floor<'s, S> {
    is_free: bool,
    sink: &'s mut S,
}

impl<S: Sink> Sink for Floor<'_, S> {
    fn leaf(&mut self, leaf: &Leaf<'_>) -> bool {
        self.is_free && self.sink.leaf(leaf)
    }

    fn missing(&mut self, missing: &Missing<'_>) -> bool {
        self.is_free && self.sink.missing(missing)
    }
}

impl<const LANES: usize, W: Buffer, A: Buffer, const OPS: usize> Client<LANES, W, A, OPS> {
    /// Drives all lanes until none can do more. What ended meanwhile is told by
    /// [`next_done`](Self::next_done).
    ///
    /// # Errors
    /// [`Misuse`], if a socket answered with an event that was not asked for.
    pub fn drive(
        &mut self,
        now: Instant,
        sockets: &mut impl Sockets,
        sink: &mut impl Sink,
    ) -> Result<(), Misuse> {
        loop {
            let mut moved = false;
            for number in 0..LANES {
                let mut sink = Floor {
                    is_free: self.has_floor(number),
                    sink,
                };
                let lane = &mut self.lanes[number];
                let mut socket = sockets.socket(number);
                moved |= pump(|| now, &mut self.session, lane, &mut socket, &mut sink)?;
            }
            if !moved && !self.session.take_changed() {
                return Ok(());
            }
        }
    }

    /// The earliest of all lanes' deadlines.
    pub fn next_deadline(&self) -> Option<Instant> {
        (0..LANES)
            .filter_map(|lane| self.deadline(lane))
            .map(|(at, _)| at)
            .min()
    }
}
