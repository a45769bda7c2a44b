//! The driver on a controller of the tests, which does what the data sheet says.

use core::task::Context;
use std::collections::VecDeque;
use std::vec::Vec;

use super::*;

const MAC: [u8; 6] = [2, 0, 0, 0, 0, 1];

/// The two queues.
#[derive(Default)]
struct Fake {
    /// Frames that have come, in words.
    frames: VecDeque<VecDeque<u32>>,
    events: u32,
    interrupts: u32,
    receives: u32,
    /// What was written, and what left.
    written: Vec<u8>,
    left: Vec<Vec<u8>>,
    /// The frame before has not left yet.
    busy: bool,
}

impl Fake {
    /// A frame comes, and a check sequence behind it.
    fn come(&mut self, frame: &[u8]) {
        let length = u16::try_from(frame.len() + 6).expect("it fits the queue");
        let mut bytes = length.to_le_bytes().to_vec();
        bytes.extend(frame);
        bytes.extend([0xfc; 4]);
        self.bytes(&bytes);
    }

    fn bytes(&mut self, bytes: &[u8]) {
        let words = bytes.chunks(4).map(|chunk| {
            let mut word = [0; 4];
            word[..chunk.len()].copy_from_slice(chunk);
            u32::from_le_bytes(word)
        });
        self.frames.push_back(words.collect());
        self.events |= RECEIVED;
    }
}

impl Registers for Fake {
    fn read(&mut self, register: Register) -> u32 {
        match register {
            Register::Events => self.events,
            Register::Frames => u32::try_from(self.frames.len()).expect("at most 31"),
            Register::Data => {
                let frame = self.frames.front_mut().expect("a frame has come");
                let word = frame.pop_front().expect("the frame has so many words");
                if frame.is_empty() {
                    self.frames.pop_front();
                }
                word
            }
            Register::Request => u32::from(self.busy),
            Register::Interrupts
            | Register::Receive
            | Register::Transmit
            | Register::Address0
            | Register::Address1 => panic!("{register:?} is not read"),
        }
    }

    fn write(&mut self, register: Register, value: u32) {
        match register {
            Register::Events => self.events &= !value,
            Register::Interrupts => self.interrupts = value,
            Register::Receive => {
                self.receives = value;
                if value & EMPTY_QUEUE != 0 {
                    self.frames.clear();
                }
            }
            Register::Data => self.written.extend(value.to_le_bytes()),
            Register::Request => {
                let length = usize::from(u16::from_le_bytes([self.written[0], self.written[1]]));
                let words = (LENGTH + HEADER + length).div_ceil(4);
                assert_eq!(self.written.len(), 4 * words, "no word too many");
                self.left
                    .push(self.written[LENGTH..LENGTH + HEADER + length].to_vec());
                self.written.clear();
            }
            Register::Transmit | Register::Address0 | Register::Address1 | Register::Frames => {}
        }
    }
}

fn card() -> Ethernet<Fake> {
    let mut card = Ethernet::new(Fake::default());
    card.init(MAC);
    card
}

fn receive(card: &mut Ethernet<Fake>) -> Option<Vec<u8>> {
    let mut cx = Context::from_waker(Waker::noop());
    let (frame, _) = card.receive(&mut cx)?;
    Some(frame.consume(|bytes| bytes.to_vec()))
}

/// Bytes that differ from their neighbours.
fn frame(length: usize) -> Vec<u8> {
    (0..=250).cycle().take(length).collect()
}

#[test]
fn frames_of_every_length_come_whole_and_in_order() {
    let mut card = card();
    for length in [HEADER, 59, 60, 61, 62, 63, 1513, MTU] {
        card.registers.come(&frame(length));
    }
    for length in [HEADER, 59, 60, 61, 62, 63, 1513, MTU] {
        assert_eq!(receive(&mut card), Some(frame(length)), "{length}");
    }
    assert_eq!(receive(&mut card), None);
}

#[test]
fn frames_too_short_or_too_long_are_passed_over() {
    let mut card = card();
    for length in [0, HEADER - 1, MTU + 1, QUEUE - LENGTH - CHECK] {
        card.registers.come(&frame(length));
    }
    card.registers.come(&frame(60));
    assert_eq!(receive(&mut card), Some(frame(60)));
    assert_eq!(receive(&mut card), None);
}

#[test]
fn an_impossible_length_empties_the_queue() {
    for length in [0, 5, 2049, u16::MAX] {
        let mut card = card();
        card.registers.bytes(&length.to_le_bytes());
        card.registers.come(&frame(60));
        assert_eq!(receive(&mut card), None, "{length}");
        card.registers.come(&frame(61));
        assert_eq!(receive(&mut card), Some(frame(61)), "{length}");
    }
}

#[test]
fn behind_an_overrun_it_begins_anew() {
    let mut card = card();
    card.registers.come(&frame(60));
    card.registers.events |= OVERRUN;
    assert_eq!(receive(&mut card), None, "it may be damaged");
    assert_eq!(card.registers.events & OVERRUN, 0);
    assert_eq!(card.registers.receives, RECEIVE);
    card.registers.come(&frame(61));
    assert_eq!(receive(&mut card), Some(frame(61)));
}

#[test]
fn frames_leave_as_they_were_written() {
    let mut card = card();
    let lengths = [HEADER, 42, 59, 60, 61, 62, MTU];
    for length in lengths {
        let mut cx = Context::from_waker(Waker::noop());
        let token = card.transmit(&mut cx).expect("it is free");
        token.consume(length, |room| room.copy_from_slice(&frame(length)));
    }
    assert_eq!(card.registers.left, lengths.map(frame));
}

#[test]
fn an_answer_can_be_written_while_the_question_is_read() {
    let mut card = card();
    card.registers.come(&frame(60));
    let mut cx = Context::from_waker(Waker::noop());
    let (question, answer) = card.receive(&mut cx).expect("it has come");
    question.consume(|question| answer.consume(60, |room| room.copy_from_slice(question)));
    assert_eq!(card.registers.left, [frame(60)]);
}

#[test]
fn while_a_frame_is_on_its_way_out_there_is_no_room_for_another() {
    let mut card = card();
    card.registers.busy = true;
    card.registers.come(&frame(60));
    let mut cx = Context::from_waker(Waker::noop());
    assert!(card.transmit(&mut cx).is_none());
    assert!(card.registers.interrupts & SENT != 0);
    assert_eq!(receive(&mut card), None, "the answer would have no room");
    assert!(card.registers.interrupts & SENT != 0);
    card.registers.busy = false;
    assert_eq!(receive(&mut card), Some(frame(60)));
}

#[test]
fn what_comes_behind_the_last_look_interrupts() {
    let mut card = card();
    card.registers.come(&frame(60));
    assert!(receive(&mut card).is_some());
    assert_eq!(receive(&mut card), None);
    let heeded = |card: &Ethernet<Fake>| card.registers.events & card.registers.interrupts;
    assert_eq!(heeded(&card), 0, "what was seen is not told again");
    card.registers.come(&frame(60));
    assert_eq!(heeded(&card), RECEIVED);
}
