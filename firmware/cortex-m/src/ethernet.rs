//! The Ethernet controller (chapter 16), as a driver of embassy-net.
//!
//! It has a queue of 2 KiB for what comes, up to 31 frames, and one of 2 KiB for what goes, one
//! frame. Both are read and written a word at a time, and the first two bytes are a length. An
//! interrupt says that it is worth looking again, no more.

use core::task::{Context, Waker};

use embassy_net_driver::{Capabilities, Driver, HardwareAddress, LinkState, RxToken, TxToken};
use embassy_sync::waitqueue::AtomicWaker;

use crate::register::Register as Word;

/// The longest frame, without its check sequence.
pub const MTU: usize = 1514;

/// Destination, source and type: a frame that has not even these is none.
const HEADER: usize = 14;
/// In the queue of what comes, the two bytes of the length and the check sequence are counted too.
const LENGTH: usize = 2;
const CHECK: usize = 4;
/// The queue's memory: no frame in it is longer.
const QUEUE: usize = 2048;
/// Length and frame, in words.
const BUFFER: usize = (LENGTH + MTU).next_multiple_of(4);

static WAKER: AtomicWaker = AtomicWaker::new();

/// The controller's registers: tests have others than the machine's.
pub trait Registers {
    /// Reads one.
    fn read(&mut self, register: Register) -> u32;
    /// Writes one.
    fn write(&mut self, register: Register, value: u32);
}

/// The registers that are used, by offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Register {
    /// MACRIS, and MACIACK for writes: what has happened.
    Events = 0x000,
    /// MACIM: which of it interrupts.
    Interrupts = 0x004,
    /// MACRCTL: how frames are received.
    Receive = 0x008,
    /// MACTCTL: how frames are sent.
    Transmit = 0x00c,
    /// MACDATA: the queues.
    Data = 0x010,
    /// MACIA0: the first four bytes of the address.
    Address0 = 0x014,
    /// MACIA1: the last two.
    Address1 = 0x018,
    /// MACNP: how many frames have come.
    Frames = 0x034,
    /// MACTR: whether a frame is on its way out.
    Request = 0x038,
}

/// A frame came.
const RECEIVED: u32 = 1 << 0;
/// A frame left, and the queue is empty.
const SENT: u32 = 1 << 2;
/// The queue of what comes had no room.
const OVERRUN: u32 = 1 << 3;

/// Received are: what is ours, what is everybody's; not what is damaged.
const RECEIVE: u32 = 1 << 3 | 1 << 0;
const EMPTY_QUEUE: u32 = 1 << 4;
/// Both ways at once, with a check sequence, short frames filled up.
const TRANSMIT: u32 = 1 << 4 | 1 << 2 | 1 << 1 | 1 << 0;

/// The machine's.
#[derive(Debug)]
pub struct Controller;

impl Registers for Controller {
    fn read(&mut self, register: Register) -> u32 {
        at(register).read()
    }

    fn write(&mut self, register: Register, value: u32) {
        at(register).write(value);
    }
}

fn at(register: Register) -> Word {
    // SAFETY: the controller has no access to memory.
    unsafe { Word::new(0x4004_8000 + register as u32) }
}

/// To be called by the controller's interrupt, which stays off until the driver has looked.
pub fn on_interrupt() {
    Controller.write(Register::Interrupts, 0);
    WAKER.wake();
}

/// The card.
#[derive(Debug)]
pub struct Ethernet<R> {
    registers: R,
    mac: [u8; 6],
    received: [u8; BUFFER],
    sent: [u8; BUFFER],
}

impl<R: Registers> Ethernet<R> {
    /// A card that is switched off.
    pub const fn new(registers: R) -> Self {
        Self {
            registers,
            mac: [0; 6],
            received: [0; BUFFER],
            sent: [0; BUFFER],
        }
    }

    /// Switches it on, with this address.
    pub fn init(&mut self, mac: [u8; 6]) {
        self.mac = mac;
        let [a, b, c, d, e, f] = mac;
        let registers = &mut self.registers;
        registers.write(Register::Interrupts, 0);
        registers.write(Register::Address0, u32::from_le_bytes([a, b, c, d]));
        registers.write(Register::Address1, u32::from_le_bytes([e, f, 0, 0]));
        registers.write(Register::Transmit, TRANSMIT);
        self.empty_queue();
    }

    /// Its address.
    pub const fn mac(&self) -> [u8; 6] {
        self.mac
    }

    /// Forgets what has come, and receives from then on.
    fn empty_queue(&mut self) {
        self.registers.write(Register::Receive, EMPTY_QUEUE);
        self.registers.write(Register::Receive, RECEIVE);
        self.registers.write(Register::Events, OVERRUN);
    }

    /// Takes the next frame that can be used out of the queue, and tells how long it is.
    fn next(&mut self) -> Option<usize> {
        // Behind an overrun nobody knows where a frame begins.
        if self.registers.read(Register::Events) & OVERRUN != 0 {
            self.empty_queue();
        }
        while self.registers.read(Register::Frames) != 0 {
            let first = self.registers.read(Register::Data).to_le_bytes();
            let length = usize::from(u16::from_le_bytes([first[0], first[1]]));
            if !(LENGTH + CHECK..=QUEUE).contains(&length) {
                self.empty_queue();
                return None;
            }
            self.received[..4].copy_from_slice(&first);
            for at in (4..length).step_by(4) {
                let word = self.registers.read(Register::Data).to_le_bytes();
                // The rest of one that is too long goes nowhere.
                if let Some(room) = self.received.get_mut(at..at + 4) {
                    room.copy_from_slice(&word);
                }
            }
            let frame = length - LENGTH - CHECK;
            if (HEADER..=MTU).contains(&frame) {
                return Some(frame);
            }
        }
        None
    }

    /// Whether a frame could be sent; if not, `waker` is woken when it can.
    fn can_send(&mut self, waker: &Waker) -> bool {
        // Told before the look: a frame that leaves then is told again.
        self.registers.write(Register::Events, SENT);
        let can = self.registers.read(Register::Request) & 1 == 0;
        if !can {
            self.wake(waker, SENT);
        }
        can
    }

    /// Has `waker` woken when one of these events comes, or has come already.
    fn wake(&mut self, waker: &Waker, events: u32) {
        WAKER.register(waker);
        self.registers.write(Register::Interrupts, events);
    }
}

impl<R: Registers> Driver for Ethernet<R> {
    type RxToken<'a>
        = Received<'a>
    where
        R: 'a;
    type TxToken<'a>
        = Sending<'a, R>
    where
        R: 'a;

    fn receive(&mut self, cx: &mut Context<'_>) -> Option<(Self::RxToken<'_>, Self::TxToken<'_>)> {
        // What the stack answers is to have room.
        if !self.can_send(cx.waker()) {
            return None;
        }
        // Told before the queue is looked at: what comes then is told again.
        self.registers.write(Register::Events, RECEIVED);
        let Some(length) = self.next() else {
            self.wake(cx.waker(), RECEIVED | OVERRUN);
            return None;
        };
        let Self {
            registers,
            received,
            sent,
            ..
        } = self;
        let received = Received(&mut received[LENGTH..LENGTH + length]);
        Some((received, Sending { registers, sent }))
    }

    fn transmit(&mut self, cx: &mut Context<'_>) -> Option<Self::TxToken<'_>> {
        if !self.can_send(cx.waker()) {
            return None;
        }
        let Self {
            registers, sent, ..
        } = self;
        Some(Sending { registers, sent })
    }

    /// Up: what is sent before the cable is in is lost, and sent again by those who wait for an answer.
    fn link_state(&mut self, _cx: &mut Context<'_>) -> LinkState {
        LinkState::Up
    }

    fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities::default();
        capabilities.max_transmission_unit = MTU;
        capabilities.max_burst_size = Some(1);
        capabilities
    }

    fn hardware_address(&self) -> HardwareAddress {
        HardwareAddress::Ethernet(self.mac)
    }
}

/// A frame that came.
#[derive(Debug)]
pub struct Received<'a>(&'a mut [u8]);

impl RxToken for Received<'_> {
    fn consume<T, F: FnOnce(&mut [u8]) -> T>(self, use_it: F) -> T {
        use_it(self.0)
    }
}

/// A frame that is to leave.
#[derive(Debug)]
pub struct Sending<'a, R> {
    registers: &'a mut R,
    sent: &'a mut [u8; BUFFER],
}

impl<R: Registers> TxToken for Sending<'_, R> {
    fn consume<T, F: FnOnce(&mut [u8]) -> T>(self, length: usize, write: F) -> T {
        let result = write(&mut self.sent[LENGTH..LENGTH + length]);
        // Here the header is not counted.
        #[expect(clippy::cast_possible_truncation, reason = "the buffer is shorter")]
        let counted = length.saturating_sub(HEADER) as u16;
        self.sent[..LENGTH].copy_from_slice(&counted.to_le_bytes());
        let (words, _) = self.sent.as_chunks();
        for word in &words[..(LENGTH + length).div_ceil(4)] {
            self.registers
                .write(Register::Data, u32::from_le_bytes(*word));
        }
        self.registers.write(Register::Request, 1);
        result
    }
}

#[cfg(test)]
mod tests;
