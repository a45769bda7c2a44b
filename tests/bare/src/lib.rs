//! Every public function of `imds-core`, by address, so that none is optimised away.
//!
//! That this builds is the first half of the proof: without `#[global_allocator]` no crate that
//! uses `alloc` links, and with a `#[panic_handler]` none that uses `std`.
#![no_std]

use core::fmt::{self, Debug, Display};
use core::panic::PanicInfo;

use imds_core::drive::polled::{Polled, State, Tcp};
use imds_core::drive::{self, Sink, Socket};
use imds_core::http::{HttpError, Reader};
use imds_core::model::{self, RoleCredentials as Credentials};
use imds_core::path::PathError;
use imds_core::walk::{self, BadName, Include, Options, Sensitive, Why};
use imds_core::{
    Cause, Client, Config, Endpoint, Error, Event, Fault, Gather, Instant, Lane, Leaf, Missing,
    Misuse, Node, Peer, Phase, Reason, Route, Session, Want, What, endpoint, flat,
};

type C = Client<2, [u8; 4096], [u8; 8192]>;
type S = Session<&'static mut [u8], 8, 2, 512>;
type L = Lane<&'static mut [u8]>;
type Roles = Credentials<4096>;

/// A connection whose every answer comes from somewhere that the compiler cannot see.
pub struct Wire {
    connect: fn(&Route, Option<Instant>) -> Event,
    send: fn(&[u8], Option<Instant>) -> Event,
    receive: fn(&mut [u8], Option<Instant>) -> Event,
    close: fn() -> Event,
    start: fn(&Endpoint) -> Result<Option<Instant>, Fault>,
    state: fn() -> State,
    unread: fn() -> usize,
    end: fn(),
}

impl Socket for Wire {
    fn connect(&mut self, route: &Route, until: Option<Instant>) -> Event {
        (self.connect)(route, until)
    }

    fn send(&mut self, bytes: &[u8], until: Option<Instant>) -> Event {
        (self.send)(bytes, until)
    }

    fn receive(&mut self, window: &mut [u8], until: Option<Instant>) -> Event {
        (self.receive)(window, until)
    }

    fn close(&mut self) -> Event {
        (self.close)()
    }
}

impl Tcp for Wire {
    fn start(&mut self, endpoint: &Endpoint) -> Result<Option<Instant>, Fault> {
        (self.start)(endpoint)
    }

    fn has_way(&mut self, endpoint: &Endpoint) -> bool {
        (self.start)(endpoint).is_ok()
    }

    fn state(&self) -> State {
        (self.state)()
    }

    fn send(&mut self, bytes: &[u8]) -> Event {
        (self.send)(bytes, None)
    }

    fn receive(&mut self, window: &mut [u8]) -> Event {
        (self.receive)(window, None)
    }

    fn unread(&self) -> usize {
        (self.unread)()
    }

    fn close(&mut self) {
        (self.end)();
    }

    fn abort(&mut self) {
        (self.end)();
    }

    fn forget(&mut self) {
        (self.end)();
    }
}

/// Takes values the same way.
pub struct Taker {
    leaf: fn(&Leaf<'_>) -> bool,
    missing: fn(&Missing<'_>) -> bool,
}

impl Sink for Taker {
    fn leaf(&mut self, leaf: &Leaf<'_>) -> bool {
        (self.leaf)(leaf)
    }

    fn missing(&mut self, missing: &Missing<'_>) -> bool {
        (self.missing)(missing)
    }
}

fn drive(
    client: &mut C,
    now: Instant,
    wires: &mut [Wire; 2],
    taker: &mut Taker,
) -> Result<(), Misuse> {
    client.drive(now, wires, taker)
}

/// Puts chunks together and writes them as a line.
fn gather(memory: &mut [u8], leaf: &Leaf<'_>, out: &mut dyn fmt::Write) -> fmt::Result {
    let mut gather = Gather::new(memory);
    gather.leaf(leaf);
    if let Some(Node::Leaf { path, value, .. }) = gather.node() {
        write!(out, "{}{}", flat::Line { path, value }, flat::Text(path))?;
    }
    gather.taken();
    Ok(())
}

fn pump(
    clock: fn() -> Instant,
    session: &mut S,
    lane: &mut L,
    wire: &mut Wire,
    taker: &mut Taker,
) -> Result<bool, Misuse> {
    drive::pump(clock, session, lane, wire, taker)
}

fn entries(dir: &str, listing: &[u8], each: fn(Result<&str, BadName>)) {
    walk::entries(dir, listing).for_each(each);
}

fn events(body: &[u8], each: fn(Result<model::MaintenanceEvent, model::DocumentError>)) {
    if let Ok(events) = model::MaintenanceEvents::parse(body) {
        events.for_each(each);
    }
}

/// What is dropped wipes itself.
fn forget(
    client: &mut Option<C>,
    session: &mut Option<S>,
    lane: &mut Option<L>,
    roles: &mut Option<Roles>,
) {
    *client = None;
    *session = None;
    *lane = None;
    *roles = None;
}

/// Addresses of functions.
pub struct Api(pub &'static [*const ()]);

// SAFETY: nobody reads the addresses; they only keep the functions.
#[allow(unsafe_code, reason = "a table of bare addresses; nothing runs here")]
unsafe impl Sync for Api {}

/// All of the core.
#[allow(
    unsafe_code,
    reason = "one symbol that the linker keeps, and with it all it names"
)]
// SAFETY: nothing else has this name.
#[unsafe(no_mangle)]
pub static IMDS_BARE: Api = Api(&[
    // The client and its parts.
    C::new as *const (),
    C::with_memory as *const (),
    C::get as *const (),
    C::list as *const (),
    C::walk as *const (),
    C::cancel as *const (),
    C::pause as *const (),
    C::resume as *const (),
    C::abandon as *const (),
    C::poll as *const (),
    C::rx_window as *const (),
    C::handle as *const (),
    C::deadline as *const (),
    C::next_deadline as *const (),
    C::route as *const (),
    C::session as *const (),
    C::next_done as *const (),
    drive as *const (),
    gather as *const (),
    S::new as *const (),
    S::get as *const (),
    S::list as *const (),
    S::walk as *const (),
    S::cancel as *const (),
    S::pause as *const (),
    S::resume as *const (),
    S::next_done as *const (),
    S::serve::<&'static mut [u8]> as *const (),
    S::deadline::<&'static mut [u8]> as *const (),
    S::handle_deadline as *const (),
    S::op_deadline as *const (),
    S::take_changed as *const (),
    S::is_wanted::<&'static mut [u8]> as *const (),
    S::abandon::<&'static mut [u8]> as *const (),
    S::route as *const (),
    S::counters as *const (),
    S::is_v1 as *const (),
    L::new as *const (),
    L::poll as *const (),
    L::rx_window as *const (),
    L::handle as *const (),
    L::deadline as *const (),
    L::serves as *const (),
    pump as *const (),
    <Polled<'_, Wire> as Socket>::connect as *const (),
    <Polled<'_, Wire> as Socket>::send as *const (),
    <Polled<'_, Wire> as Socket>::receive as *const (),
    <Polled<'_, Wire> as Socket>::close as *const (),
    <Polled<'_, Wire> as Socket>::check_idle as *const (),
    Route::turn as *const (),
    Route::fault as *const (),
    forget as *const (),
    <Want<'_> as Debug>::fmt as *const (),
    // Settings.
    Config::new as *const (),
    <Config as Debug>::fmt as *const (),
    Endpoint::parse as *const (),
    <Endpoint as Display>::fmt as *const (),
    <endpoint::Authority<'_> as Display>::fmt as *const (),
    endpoint::EndpointError::explain as *const (),
    // What went wrong.
    Error::cause as *const (),
    <Error as Display>::fmt as *const (),
    <Error as Debug>::fmt as *const (),
    <Misuse as Display>::fmt as *const (),
    <Peer as Display>::fmt as *const (),
    <Why as Display>::fmt as *const (),
    <Why as Debug>::fmt as *const (),
    Cause::exit_code as *const (),
    Cause::name as *const (),
    Cause::explain as *const (),
    Cause::severity as *const (),
    Fault::explain as *const (),
    Phase::explain as *const (),
    Reason::explain as *const (),
    What::explain as *const (),
    HttpError::explain as *const (),
    PathError::explain as *const (),
    imds_core::path::validate as *const (),
    imds_core::path::root_of as *const (),
    BadName::explain as *const (),
    // Walks.
    Options::include as *const (),
    Include::contains as *const (),
    Sensitive::of as *const (),
    entries as *const (),
    // HTTP alone.
    Reader::new as *const (),
    Reader::next as *const (),
    // Typed documents.
    Roles::parse as *const (),
    <Roles as Debug>::fmt as *const (),
    model::role_name as *const (),
    model::IamInfo::parse as *const (),
    model::IamInfo::hint as *const (),
    <model::IamInfo as Debug>::fmt as *const (),
    model::IdentityDocument::parse as *const (),
    <model::IdentityDocument as Debug>::fmt as *const (),
    model::SpotAction::parse as *const (),
    model::Rebalance::parse as *const (),
    model::spot_termination_time as *const (),
    model::Timestamp::parse as *const (),
    events as *const (),
    model::DocumentError::hint as *const (),
    <model::DocumentError as Display>::fmt as *const (),
    <model::ReadError as Display>::fmt as *const (),
]);

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    loop {}
}
