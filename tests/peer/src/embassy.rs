//! An embassy-net stack at the other end of the cable, and time for it: each thread has a clock of its own, which moves
//! only when nothing else can.
//!
//! Embassy's clock is one for the whole program. This one is a thread's, so that tests can run side by side; and a
//! future is polled only if somebody woke it, so that a waker that was forgotten shows.

use core::cell::{Cell, RefCell};
use core::future::Future;
use core::pin::{Pin, pin};
use core::sync::atomic::{AtomicBool, Ordering};
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Wake;

use embassy_net::driver::{self, Capabilities, Driver, HardwareAddress, LinkState};
use embassy_net::{Config, Stack, StackResources};
use embassy_time_driver::time_driver_impl;

use crate::{GUEST_MAC, Link};

/// The longest Ethernet frame, without its checksum.
const FRAME: usize = 1514;
/// Sockets that the stack has room for, its own for DHCP among them.
const SOCKETS: usize = 12;
/// A run that takes more turns has come to no end.
const TURNS: usize = 2_000_000;

thread_local! {
    static NOW: Cell<Duration> = const { Cell::new(Duration::ZERO) };
    static ALARMS: RefCell<Vec<(u64, Waker)>> = const { RefCell::new(Vec::new()) };
}

struct Clock;

time_driver_impl!(static CLOCK: Clock = Clock);

impl embassy_time_driver::Driver for Clock {
    fn now(&self) -> u64 {
        ticks(NOW.get())
    }

    fn schedule_wake(&self, at: u64, waker: &Waker) {
        ALARMS.with_borrow_mut(|alarms| alarms.push((at, waker.clone())));
    }
}

fn ticks(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// When the first alarm rings.
fn next_alarm() -> Option<Duration> {
    let first = ALARMS.with_borrow(|alarms| alarms.iter().map(|(at, _)| *at).min());
    first.map(Duration::from_micros)
}

/// Wakes those whose time has come.
fn ring() {
    let now = ticks(NOW.get());
    let due = ALARMS.with_borrow_mut(|alarms| {
        let (due, later) = core::mem::take(alarms)
            .into_iter()
            .partition(|(at, _)| *at <= now);
        *alarms = later;
        let due: Vec<(u64, Waker)> = due;
        due
    });
    for (_, waker) in due {
        waker.wake();
    }
}

/// The queues of a network card.
#[derive(Default)]
struct Queues {
    received: VecDeque<Vec<u8>>,
    sent: VecDeque<Vec<u8>>,
    waker: Option<Waker>,
}

struct Card(Rc<RefCell<Queues>>);

impl Driver for Card {
    type RxToken<'a> = Received;
    type TxToken<'a> = Room<'a>;

    fn receive(&mut self, cx: &mut Context<'_>) -> Option<(Received, Room<'_>)> {
        let mut queues = self.0.borrow_mut();
        queues.waker = Some(cx.waker().clone());
        let frame = queues.received.pop_front()?;
        Some((Received(frame), Room(&self.0)))
    }

    fn transmit(&mut self, _cx: &mut Context<'_>) -> Option<Room<'_>> {
        Some(Room(&self.0))
    }

    fn link_state(&mut self, _cx: &mut Context<'_>) -> LinkState {
        LinkState::Up
    }

    fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities::default();
        capabilities.max_transmission_unit = FRAME;
        capabilities
    }

    fn hardware_address(&self) -> HardwareAddress {
        HardwareAddress::Ethernet(GUEST_MAC)
    }
}

struct Received(Vec<u8>);

impl driver::RxToken for Received {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(mut self, f: F) -> R {
        f(&mut self.0)
    }
}

struct Room<'a>(&'a RefCell<Queues>);

impl driver::TxToken for Room<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, f: F) -> R {
        let mut frame = vec![0; len];
        let result = f(&mut frame);
        self.0.borrow_mut().sent.push_back(frame);
        result
    }
}

/// Says that a future was woken.
struct Flag(AtomicBool);

impl Flag {
    fn raised() -> Arc<Self> {
        Arc::new(Self(AtomicBool::new(true)))
    }

    fn lower(&self) -> bool {
        self.0.swap(false, Ordering::Relaxed)
    }
}

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A machine with an embassy-net stack, at the end of a link. Its time is this thread's.
pub struct Machine {
    /// The other end.
    pub link: Link,
    /// The stack.
    pub stack: Stack<'static>,
    /// The wire is cut: no frame leaves or arrives.
    pub cut: bool,
    runner: Pin<Box<dyn Future<Output = ()>>>,
    runs: Arc<Flag>,
    queues: Rc<RefCell<Queues>>,
}

impl Machine {
    /// A machine with these addresses, at time zero. Its stack's memory is never given back.
    #[must_use]
    pub fn new(link: Link, config: Config, seed: u64) -> Self {
        NOW.set(Duration::ZERO);
        ALARMS.with_borrow_mut(Vec::clear);
        let queues = Rc::new(RefCell::default());
        let resources: &'static mut StackResources<SOCKETS> =
            Box::leak(Box::new(StackResources::new()));
        let card = Card(Rc::clone(&queues));
        let (stack, mut runner) = embassy_net::new(card, config, resources, seed);
        Self {
            link,
            stack,
            cut: false,
            runner: Box::pin(async move { runner.run().await }),
            runs: Flag::raised(),
            queues,
        }
    }

    /// The present.
    #[must_use]
    pub fn now(&self) -> Duration {
        NOW.get()
    }

    /// Lets so much time pass. What happens meanwhile on the wire happens.
    pub fn pass(&mut self, time: Duration) {
        let until = self.now() + time;
        let alarm = embassy_time::Instant::from_micros(ticks(until));
        self.run(embassy_time::Timer::at(alarm));
    }

    /// Runs the future to its end, letting time pass while it waits.
    ///
    /// # Panics
    /// If it waits for what never happens, or comes to no end.
    pub fn run<F: Future>(&mut self, future: F) -> F::Output {
        let future = pin!(future);
        self.poll(future, TURNS).expect("a future that ends")
    }

    /// The same, but polls the future at most `polls` times; `None` if that was not enough.
    ///
    /// # Panics
    /// If it waits for what never happens, or comes to no end.
    pub fn poll<F: Future>(&mut self, mut future: Pin<&mut F>, polls: usize) -> Option<F::Output> {
        let wanted = Flag::raised();
        let waker = Waker::from(Arc::clone(&wanted));
        let mut left = polls;
        for _ in 0..TURNS {
            if wanted.lower() {
                left = left.checked_sub(1)?;
                if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker))
                {
                    self.settle();
                    return Some(output);
                }
            }
            if !self.settle() && !wanted.0.load(Ordering::Relaxed) {
                let next = self.link.next_timeout(self.now());
                let next = next.into_iter().chain(next_alarm()).min();
                let next = next.expect("something to wait for");
                NOW.set(next.max(self.now()));
                ring();
            }
        }
        panic!("a future that does not end");
    }

    /// Lets the stack and the wire do what they can do now. False: there was nothing.
    fn settle(&mut self) -> bool {
        let mut moved = false;
        for _ in 0..TURNS {
            let now = self.now();
            self.link.poll(now);
            while let Some(frame) = self.link.poll_frame() {
                if !self.cut {
                    let mut queues = self.queues.borrow_mut();
                    queues.received.push_back(frame);
                    if let Some(waker) = queues.waker.take() {
                        waker.wake();
                    }
                }
            }
            let runs = self.runs.lower();
            if runs {
                let waker = Waker::from(Arc::clone(&self.runs));
                let polled = self.runner.as_mut().poll(&mut Context::from_waker(&waker));
                assert!(polled.is_pending(), "the stack's runner never ends");
            }
            let sent = core::mem::take(&mut self.queues.borrow_mut().sent);
            if !runs && sent.is_empty() {
                return moved;
            }
            moved = true;
            for frame in sent.iter().filter(|_| !self.cut) {
                self.link.handle_frame(now, frame);
            }
        }
        panic!("a stack that never comes to rest");
    }
}
