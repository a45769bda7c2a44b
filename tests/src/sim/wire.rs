//! A network that loses, delays, splits and breaks, by a script and by chance.

use core::cell::{Cell, RefCell};
use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

use imds_core::drive::{self, Sockets};
use imds_core::{Event, Fault, Instant, Route};
use imds_mock::{Action, Connection, Mock};

use super::script::{Terms, Trouble, What};
use super::tap::Tap;
use crate::Random;
use crate::common::millis;

/// What a lost segment costs: Linux's least time to send it again.
const AGAIN: Duration = millis(200);
/// Bytes on their way to the server, beyond which a client has to wait.
const ROOM: usize = 600;

/// The network, and the server at its end.
pub(crate) struct Wire {
    pub(crate) mock: RefCell<Mock>,
    pub(crate) now: Cell<Duration>,
    /// What connecting comes to, and until when.
    pub(crate) door: Cell<Option<(What, Duration)>>,
    /// What each client sent and saw.
    pub(crate) taps: Vec<RefCell<Tap>>,
    /// How often what befell connections.
    pub(crate) struck: RefCell<BTreeMap<&'static str, u64>>,
    /// Counts what moved.
    pub(crate) moves: Cell<u64>,
    terms: Cell<Terms>,
    troubles: Cell<Vec<Trouble>>,
    random: RefCell<Random>,
    opened: Cell<usize>,
    connections: RefCell<Vec<Rc<RefCell<Link>>>>,
}

/// What comes to the client.
enum Item {
    Bytes(Vec<u8>),
    End,
    Reset,
}

/// A connection.
struct Link {
    number: usize,
    /// When its making comes to this, if it ever does.
    opening: Option<(Option<Duration>, Event)>,
    up: VecDeque<(Duration, Vec<u8>)>,
    down: VecDeque<(Duration, Item)>,
    /// When the last of what is under way arrives.
    last_up: Duration,
    last_down: Duration,
    server: Connection,
    /// The server sends no more.
    finished: bool,
    /// The client has closed it.
    closed: bool,
    sent_down: usize,
    trouble: Option<What>,
}

impl Wire {
    pub(crate) fn new(
        mock: Mock,
        terms: Terms,
        troubles: Vec<Trouble>,
        seed: u64,
        clients: usize,
    ) -> Rc<Self> {
        Rc::new(Self {
            mock: RefCell::new(mock),
            now: Cell::new(Duration::ZERO),
            door: Cell::new(None),
            taps: (0..clients).map(|_| RefCell::default()).collect(),
            struck: RefCell::default(),
            moves: Cell::new(0),
            terms: Cell::new(terms),
            troubles: Cell::new(troubles),
            random: RefCell::new(Random::new(seed)),
            opened: Cell::new(0),
            connections: RefCell::default(),
        })
    }

    /// The client's ends of its connections.
    pub(crate) fn ends(self: &Rc<Self>, client: usize, lanes: usize) -> Ends {
        let end = |_| End {
            wire: Rc::clone(self),
            client,
            link: None,
        };
        Ends((0..lanes).map(end).collect())
    }

    /// From here on nothing befalls a connection.
    pub(crate) fn calm(&self) {
        self.troubles.take();
        self.door.set(None);
        self.terms.set(Terms {
            loss: None,
            ..self.terms.get()
        });
    }

    fn moved(&self) {
        self.moves.set(self.moves.get() + 1);
    }

    /// A number of times more that this happened.
    pub(crate) fn strike(&self, what: &'static str) {
        *self.struck.borrow_mut().entry(what).or_default() += 1;
    }

    /// The server gets what has arrived, and what it answers is sent.
    pub(crate) fn deliver(&self) {
        let mut connections = self.connections.borrow_mut();
        for link in connections.iter() {
            link.borrow_mut().deliver(self);
        }
        connections.retain(|link| !link.borrow().closed);
    }

    /// When something arrives or the server does something, from now on.
    pub(crate) fn next_event(&self) -> Option<Duration> {
        let connections = self.connections.borrow();
        let times = connections
            .iter()
            .filter(|link| !link.borrow().closed)
            .filter_map(|link| link.borrow().next_event(self.now.get()));
        let door = self.door.get().map(|(_, until)| until);
        times.chain(door.filter(|at| *at > self.now.get())).min()
    }

    /// Every connection ends behind what is on its way.
    pub(crate) fn hang_up(&self) {
        self.break_all("server hangs up", |link, now| link.push(now, Item::End));
    }

    /// Every connection is reset.
    pub(crate) fn cut(&self) {
        self.break_all("every connection reset", |link, now| {
            link.push(now, Item::Reset);
        });
    }

    fn break_all(&self, what: &'static str, how: impl Fn(&mut Link, Duration)) {
        for link in self.connections.borrow().iter() {
            let link = &mut link.borrow_mut();
            if !link.finished && !link.closed {
                link.finished = true;
                let at = self.arrival(link.last_down);
                how(link, at);
                self.strike(what);
            }
        }
    }

    /// When a segment that is sent now arrives, behind what is under way.
    fn arrival(&self, last: Duration) -> Duration {
        self.moved();
        let mut random = self.random.borrow_mut();
        let micros = u64::try_from(random.below(self.terms.get().latency + 1)).unwrap_or(u64::MAX);
        let mut at = self.now.get() + Duration::from_micros(micros);
        if self.terms.get().loss.is_some_and(|n| random.one_in(n)) {
            at += AGAIN;
            drop(random);
            self.strike("segment lost");
        }
        at.max(last)
    }

    fn open(&self, client: usize) -> Rc<RefCell<Link>> {
        let (number, now) = (self.opened.get(), self.now.get());
        self.opened.set(number + 1);
        let troubles = self.troubles.take();
        let trouble = troubles.iter().find(|t| t.connection == number);
        let trouble = trouble.map(|trouble| trouble.what);
        self.troubles.set(troubles);
        let door = self.door.get().filter(|(_, until)| *until > now);
        let there_and_back = self.arrival(self.arrival(now));
        let refusal = door.map(|(door, _)| door).or(trouble);
        let (at, event) = match refusal {
            Some(What::Refused) => (Some(there_and_back), Event::Failed(Fault::Refused)),
            Some(What::Unreachable) => (Some(now), Event::Failed(Fault::Unreachable)),
            Some(What::Blackhole) => (None, Event::Blocked),
            _ => (Some(there_and_back), Event::Connected),
        };
        if let Some(what @ (What::Refused | What::Unreachable | What::Blackhole)) = refusal {
            self.strike(what.name());
        }
        let link = Rc::new(RefCell::new(Link {
            number,
            opening: Some((at, event)),
            up: VecDeque::new(),
            down: VecDeque::new(),
            last_up: now,
            last_down: there_and_back,
            server: self.mock.borrow_mut().connect(now),
            finished: false,
            closed: false,
            sent_down: 0,
            trouble,
        }));
        self.connections.borrow_mut().push(Rc::clone(&link));
        self.taps[client].borrow_mut().connecting(number, now);
        link
    }
}

impl Link {
    fn push(&mut self, at: Duration, item: Item) {
        self.last_down = at;
        self.down.push_back((at, item));
    }

    fn next_event(&self, now: Duration) -> Option<Duration> {
        let opening = self.opening.and_then(|(at, _)| at);
        // What has arrived waits for the client, and not for time.
        let down = self
            .down
            .iter()
            .map(|(at, _)| *at)
            .find(|at| *at > now && *at < Duration::MAX);
        let times = [
            opening,
            down,
            self.up.front().map(|(at, _)| *at),
            self.server.next_timeout().filter(|_| !self.finished),
        ];
        times.into_iter().flatten().filter(|at| *at > now).min()
    }

    fn deliver(&mut self, wire: &Wire) {
        let now = wire.now.get();
        let mock = &mut wire.mock.borrow_mut();
        while self.up.front().is_some_and(|(at, _)| *at <= now) {
            let (_, bytes) = self.up.pop_front().expect("it was looked at");
            if self.finished {
                // Nobody reads it any more.
                let at = wire.arrival(self.last_down);
                self.push(at, Item::Reset);
            } else {
                self.server.receive(now, mock, &bytes);
                self.answer(wire);
            }
        }
        if self.server.next_timeout().is_some_and(|at| at <= now) {
            self.server.handle_timeout(now, mock);
            self.answer(wire);
        }
        if !self.finished && matches!(self.server.transmit(), Action::Reset) {
            self.answer(wire);
        }
        if self.finished {
            self.server.closed(now, mock);
        }
    }

    /// Sends what the server says.
    fn answer(&mut self, wire: &Wire) {
        while !self.finished {
            let (bytes, offered) = match self.server.transmit() {
                Action::Send(bytes) => (self.segment(wire, bytes), bytes.len()),
                end @ (Action::Close | Action::Reset) => {
                    self.finished = true;
                    let item = if end == Action::Close {
                        Item::End
                    } else {
                        Item::Reset
                    };
                    let at = wire.arrival(self.last_down);
                    return self.push(at, item);
                }
                Action::Idle => return self.unasked(wire),
            };
            debug_assert!(bytes.len() <= offered, "no more than there is");
            self.server.sent(bytes.len());
            self.travel(wire, bytes);
        }
    }

    /// Another answer arrives with the end of the last one.
    fn unasked(&mut self, wire: &Wire) {
        if self.trouble == Some(What::Unasked) && self.sent_down > 0 {
            self.trouble = None;
            wire.strike(What::Unasked.name());
            let bytes = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwrong".to_vec();
            self.push(self.last_down, Item::Bytes(bytes));
        }
    }

    fn segment(&self, wire: &Wire, bytes: &[u8]) -> Vec<u8> {
        let most = wire.terms.get().piece.min(bytes.len());
        let n = 1 + wire.random.borrow_mut().below(most);
        // Usually as much as there is.
        let n = if wire.random.borrow_mut().one_in(3) {
            n
        } else {
            most
        };
        bytes[..n].to_vec()
    }

    /// Bytes on their way to the client meet the connection's trouble.
    #[expect(clippy::wildcard_enum_match_arm, reason = "the others are one case")]
    fn travel(&mut self, wire: &Wire, mut bytes: Vec<u8>) {
        let mut at = wire.arrival(self.last_down);
        let before = self.sent_down;
        self.sent_down += bytes.len();
        let end = before + bytes.len();
        let beyond = |limit: usize| before <= limit && limit < end;
        let Some(what) = self.trouble else {
            return self.push(at, Item::Bytes(bytes));
        };
        match what {
            What::Continue => {
                wire.strike(what.name());
                self.trouble = None;
                self.push(at, Item::Bytes(b"HTTP/1.1 100 Continue\r\n\r\n".to_vec()));
                self.push(at, Item::Bytes(bytes));
            }
            What::Reset(limit) | What::HalfClose(limit) | What::Stall(limit) if beyond(limit) => {
                wire.strike(what.name());
                self.trouble = None;
                bytes.truncate(limit - before);
                if !bytes.is_empty() {
                    self.push(at, Item::Bytes(bytes));
                }
                self.finished = true;
                let last = match what {
                    What::Reset(_) => Item::Reset,
                    What::HalfClose(_) => Item::End,
                    _ => {
                        at = Duration::MAX;
                        Item::End
                    }
                };
                self.push(at, last);
            }
            What::Pause(limit, pause) if beyond(limit) => {
                wire.strike(what.name());
                self.trouble = None;
                let rest = bytes.split_off(limit - before);
                if !bytes.is_empty() {
                    self.push(at, Item::Bytes(bytes));
                }
                self.push(at + pause, Item::Bytes(rest));
            }
            What::Drip(limit, gap) if end > limit => {
                if beyond(limit) {
                    wire.strike(what.name());
                }
                for byte in bytes {
                    at += gap;
                    self.push(at, Item::Bytes(vec![byte]));
                }
            }
            _ => self.push(at, Item::Bytes(bytes)),
        }
    }
}

/// The sockets of a client.
pub(crate) struct Ends(pub(crate) Vec<End>);

impl Sockets for Ends {
    fn socket(&mut self, lane: usize) -> impl drive::Socket {
        &mut self.0[lane]
    }
}

/// The client's end of a connection.
pub(crate) struct End {
    wire: Rc<Wire>,
    client: usize,
    link: Option<Rc<RefCell<Link>>>,
}

impl drive::Socket for End {
    fn connect(&mut self, _route: &Route, _until: Option<Instant>) -> Event {
        let wire = &self.wire;
        let link = self.link.get_or_insert_with(|| wire.open(self.client));
        let now = wire.now.get();
        let Some((at, event)) = link.borrow().opening else {
            panic!("connecting twice");
        };
        if at.is_none_or(|at| at > now) {
            return Event::Blocked;
        }
        let number = link.borrow().number;
        wire.moved();
        link.borrow_mut().opening = None;
        wire.taps[self.client]
            .borrow_mut()
            .connected(number, now, event);
        if event != Event::Connected {
            self.leave();
        }
        event
    }

    fn send(&mut self, bytes: &[u8], _until: Option<Instant>) -> Event {
        let (wire, Some(link)) = (&self.wire, &self.link) else {
            panic!("sending without a connection");
        };
        let link = &mut link.borrow_mut();
        let waiting: usize = link.up.iter().map(|(_, bytes)| bytes.len()).sum();
        let n = bytes
            .len()
            .min(wire.terms.get().piece)
            .min(ROOM.saturating_sub(waiting));
        if n == 0 {
            return Event::Blocked;
        }
        let now = wire.now.get();
        let at = wire.arrival(link.last_up);
        link.last_up = at;
        link.up.push_back((at, bytes[..n].to_vec()));
        wire.taps[self.client]
            .borrow_mut()
            .sent(link.number, now, &bytes[..n]);
        Event::Sent(n)
    }

    fn receive(&mut self, window: &mut [u8], _until: Option<Instant>) -> Event {
        assert!(!window.is_empty(), "room to receive into");
        let (wire, Some(link)) = (&self.wire, &self.link) else {
            panic!("receiving without a connection");
        };
        let (now, number) = (wire.now.get(), link.borrow().number);
        let mut tap = wire.taps[self.client].borrow_mut();
        let mut filled = 0;
        let end = {
            let link = &mut link.borrow_mut();
            loop {
                let Some((at, item)) = link.down.front_mut() else {
                    break None;
                };
                if *at > now
                    || filled == window.len()
                    || (filled > 0 && !wire.terms.get().coalesces)
                {
                    break None;
                }
                let Item::Bytes(bytes) = item else {
                    break Some(matches!(item, Item::Reset)).filter(|_| filled == 0);
                };
                let n = bytes.len().min(window.len() - filled);
                window[filled..filled + n].copy_from_slice(&bytes[..n]);
                bytes.drain(..n);
                filled += n;
                if bytes.is_empty() {
                    link.down.pop_front();
                }
            }
        };
        match end {
            None if filled == 0 => Event::Blocked,
            None => {
                wire.moved();
                tap.received(number, now, &window[..filled]);
                Event::Received(filled)
            }
            Some(reset) => {
                tap.broken(number, now);
                drop(tap);
                if !reset {
                    return Event::Eof;
                }
                self.leave();
                Event::Failed(Fault::Reset)
            }
        }
    }

    fn close(&mut self) -> Event {
        self.leave();
        Event::Closed
    }

    fn check_idle(&mut self) -> Event {
        let Some(link) = self.link.as_ref().filter(|_| self.wire.terms.get().looks) else {
            return Event::Blocked;
        };
        match link.borrow().down.front() {
            Some((at, item)) if *at <= self.wire.now.get() => match item {
                Item::Bytes(_) => Event::Received(1),
                Item::End => Event::Eof,
                Item::Reset => Event::Failed(Fault::Reset),
            },
            _ => Event::Blocked,
        }
    }
}

impl End {
    fn leave(&mut self) {
        if let Some(link) = self.link.take() {
            let wire = &self.wire;
            let mut link = link.borrow_mut();
            // Before whatever the client connects next.
            link.closed = true;
            link.server
                .closed(wire.now.get(), &mut wire.mock.borrow_mut());
            wire.taps[self.client]
                .borrow_mut()
                .closed(link.number, wire.now.get());
        }
    }
}
