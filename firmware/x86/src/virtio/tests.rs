//! The driver against a device that forgives nothing.

use std::vec;
use std::vec::Vec;

use virtio_drivers::Error;

use super::model::{Device, MAC, SEED, TestNic};
use super::{MTU, MmioDevice, NicError, is_usable};

fn received(nic: &mut TestNic) -> Option<Vec<u8>> {
    nic.poll_receive()
        .map(|(incoming, _)| incoming.frame().to_vec())
}

fn send(nic: &mut TestNic, frame: &[u8]) -> bool {
    match nic.poll_transmit() {
        Some(outgoing) => {
            outgoing.send(frame.len(), |room| room.copy_from_slice(frame));
            true
        }
        None => false,
    }
}

#[test]
fn status_rises_one_bit_at_a_time() {
    let (device, _nic) = Device::started();
    assert!(
        !device.state().deaf,
        "the device saw two bits at once, or one out of order"
    );
}

#[test]
fn a_legacy_device_has_no_features_ok() {
    let device = Device::new();
    device.state().legacy = true;
    device.state().offered = 1 << 5;
    let mut nic = device.drive().unwrap();
    assert!(!device.state().deaf);
    device.deliver(&[5; 60]);
    assert_eq!(received(&mut nic).unwrap(), [5; 60]);
    assert!(send(&mut nic, &[6; 42]));
    assert_eq!(device.state().sent, [[6; 42]]);
}

#[test]
fn queues_are_set_up_between_features_and_start() {
    let (device, _nic) = Device::started();
    assert_eq!(
        device.state().queues.each_ref().map(|queue| queue.size),
        [64, 16]
    );
}

#[test]
fn the_first_frame_comes_through() {
    let (device, mut nic) = Device::started();
    assert!(
        device.state().capacity() >= 65_562,
        "{}",
        device.state().capacity()
    );
    device.deliver(&[7; MTU]);
    assert_eq!(device.state().no_buffers, 0);
    assert_eq!(received(&mut nic).unwrap(), [7; MTU]);
    assert_eq!(received(&mut nic), None);
}

#[test]
fn every_receive_buffer_has_room_for_any_frame() {
    let (device, _nic) = Device::started();
    let state = device.state();
    assert!(
        state.queues[0]
            .taken
            .iter()
            .all(|&(_, _, length)| length >= 1526)
    );
}

#[test]
fn receive_buffers_are_given_back_on_the_spot() {
    let (device, mut nic) = Device::started();
    let posted = device.state().capacity();
    for round in 0..200_u8 {
        device.deliver(&[round; 60]);
        assert_eq!(received(&mut nic).unwrap(), [round; 60]);
        assert_eq!(device.state().capacity(), posted);
    }
    assert_eq!(device.state().no_buffers, 0);
}

#[test]
fn a_frame_nobody_reads_is_given_back_too() {
    let (device, mut nic) = Device::started();
    for _ in 0..200 {
        device.deliver(&[1; 60]);
        assert!(nic.poll_receive().is_some());
    }
    assert_eq!(device.state().no_buffers, 0);
}

#[test]
fn frames_that_had_to_wait_come_when_there_are_buffers_again() {
    let (device, mut nic) = Device::started();
    for number in 0..60_u8 {
        device.deliver(&[number; 60]);
    }
    assert!(
        device.state().no_buffers > 0,
        "98,304 bytes are not enough for 60 frames and the longest"
    );
    for number in 0..60_u8 {
        assert_eq!(received(&mut nic).unwrap(), [number; 60]);
    }
}

#[test]
fn the_device_is_told_once_of_all_buffers_and_of_each_that_comes_back() {
    let (device, mut nic) = Device::started();
    assert_eq!(device.state().notifications, [1, 0]);
    device.deliver(&[1; 60]);
    assert_eq!(device.state().notifications, [1, 0]);
    received(&mut nic).unwrap();
    assert_eq!(device.state().notifications, [2, 0]);
    assert!(send(&mut nic, &[1; 60]));
    assert!(send(&mut nic, &[2; 60]));
    assert_eq!(device.state().notifications, [2, 2]);
}

#[test]
fn nothing_is_negotiated_that_changes_frames() {
    let (device, _nic) = Device::started();
    assert_eq!(
        device.state().agreed,
        1 << 32 | 1 << 5,
        "VERSION_1 and MAC are all we can do"
    );
}

#[test]
fn a_refusal_has_a_name_and_leaves_the_device_reset() {
    let device = Device::new();
    device.state().refuses = true;
    let error = device.drive().err();
    assert_eq!(error, Some(NicError::FeaturesRefused { offered: u64::MAX }));
    assert_eq!(device.state().resets, 2);
}

#[test]
fn queues_that_are_too_small_have_a_name() {
    let device = Device::new();
    device.state().largest_queue = 32;
    assert_eq!(
        device.drive().err(),
        Some(NicError::Device(Error::InvalidParam))
    );
}

#[test]
fn a_full_device_gets_no_more_frames_until_it_sends() {
    let (device, mut nic) = Device::started();
    device.state().holds = true;
    let taken = (0..100_u8)
        .take_while(|&number| send(&mut nic, &[number; 60]))
        .count();
    assert_eq!(taken, 16);
    // No answer could be sent, so no question is read.
    device.deliver(&[9; 60]);
    assert_eq!(received(&mut nic), None);
    device.release();
    assert_eq!(received(&mut nic).unwrap(), [9; 60]);
    assert!(send(&mut nic, &[16; 60]));
    let sent: Vec<u8> = device.state().sent.iter().map(|frame| frame[0]).collect();
    assert_eq!(sent, (0..=16).collect::<Vec<u8>>());
}

#[test]
fn the_answer_is_sent_while_the_question_is_read() {
    let (device, mut nic) = Device::started();
    device.deliver(b"question");
    let (incoming, outgoing) = nic.poll_receive().unwrap();
    let question = incoming.frame();
    outgoing.send(question.len(), |room| room.copy_from_slice(question));
    assert_eq!(device.state().sent, [b"question"]);
}

/// Indices have 16 bits; whoever compares them by size stops here.
#[test]
fn a_hundred_thousand_frames_go_and_come() {
    let (device, mut nic) = Device::started();
    for number in 0..100_000_u32 {
        assert!(send(&mut nic, &number.to_le_bytes()));
        let frame = device.state().sent.pop().expect("the device was told");
        device.deliver(&frame);
        assert_eq!(received(&mut nic).unwrap(), number.to_le_bytes());
    }
}

#[test]
fn a_card_without_address_gets_one_of_the_seed() {
    let (_device, nic) = Device::started();
    assert_eq!(nic.mac(), MAC);

    let device = Device::new();
    device.state().offered &= !(1 << 5);
    let mac = device.drive().unwrap().mac();
    assert_eq!(
        mac,
        [2, 2, 3, 4, 5, 6],
        "of {SEED:#x}: locally administered, unicast"
    );
}

#[test]
fn entries_the_device_never_had_end_its_use() {
    for token in [64, 65_535, u32::MAX] {
        let (device, mut nic) = Device::started();
        device.state().queues[0].put(token, 100);
        assert_eq!(received(&mut nic), None, "{token}");
        assert!(nic.has_failed());
    }
    for token in [0, 15, 16, 65_535, u32::MAX] {
        let (device, mut nic) = Device::started();
        device.state().queues[1].put(token, 0);
        assert!(!send(&mut nic, &[1; 60]), "{token}");
        assert!(nic.has_failed());
    }
}

#[test]
fn lengths_that_are_no_frames_are_passed_over() {
    let (device, mut nic) = Device::started();
    for length in [0, 11, 12, 1537, u32::MAX] {
        let mut state = device.state();
        let (head, ..) = state.queues[0].taken.pop_front().unwrap();
        state.queues[0].put(head.into(), length);
    }
    device.deliver(&[3; 60]);
    assert_eq!(received(&mut nic).unwrap(), [3; 60]);
    assert!(!nic.has_failed());
}

#[test]
fn a_dropped_card_stops_using_our_memory() {
    let (device, nic) = Device::started();
    assert_eq!(device.state().resets, 1);
    drop(nic);
    assert_eq!(device.state().resets, 2);
}

#[test]
#[should_panic(expected = "too long")]
fn a_frame_that_is_too_long_is_our_own_mistake() {
    let (_device, mut nic) = Device::started();
    send(&mut nic, &vec![0; MTU + 1]);
}

#[test]
fn registers_have_to_lie_in_the_mapping() {
    let usable = |address, size| is_usable(&MmioDevice { address, size });
    assert!(usable(0xfeb0_0e00, 512) && usable(0xc000_1000, 4096));
    assert!(!usable(0xfeb0_0e00, 256) && !usable(0, 512) && !usable(0xfeb0_0e01, 512));
    assert!(!usable(0xffff_ff00, 512) && !usable(u64::MAX - 255, 512));
    assert!(usable(0xffff_fe00, 512));
}

#[cfg(feature = "smoltcp")]
mod smoltcp {
    use smoltcp::iface::{Config, Interface, SocketSet};
    use smoltcp::time::Instant;
    use smoltcp::wire::{EthernetAddress, IpAddress, IpCidr};

    use super::{Device, MAC};

    #[test]
    fn smoltcp_answers_over_it() {
        let (device, mut nic) = Device::started();
        let now = Instant::ZERO;
        let mut interface = Interface::new(Config::new(EthernetAddress(MAC).into()), &mut nic, now);
        interface.update_ip_addrs(|addresses| {
            addresses
                .push(IpCidr::new(IpAddress::v4(192, 0, 2, 1), 24))
                .unwrap();
        });
        // Who has 192.0.2.1? Tell 192.0.2.2.
        let mut question = [0; 42];
        question[..6].fill(0xff);
        question[6..22].copy_from_slice(&[4, 0, 0, 0, 0, 1, 8, 6, 0, 1, 8, 0, 6, 4, 0, 1]);
        question[22..32].copy_from_slice(&[4, 0, 0, 0, 0, 1, 192, 0, 2, 2]);
        question[38..].copy_from_slice(&[192, 0, 2, 1]);
        device.deliver(&question);
        interface.poll(now, &mut nic, &mut SocketSet::new(&mut [][..]));
        let sent = &device.state().sent;
        assert_eq!(sent.len(), 1);
        assert_eq!(
            sent[0][20..28],
            [0, 2, 2, 0, 0, 0, 0, 7],
            "a reply, from us"
        );
    }
}

#[cfg(feature = "embassy-net")]
mod embassy {
    use core::task::Context;

    use embassy_net_driver::{Driver as _, RxToken as _, TxToken as _};

    use super::Device;
    use crate::wakes::Wakes;

    #[test]
    fn embassy_net_talks_over_it() {
        let (device, mut nic) = Device::started();
        device.deliver(&[7; 60]);
        let (wakes, waker) = Wakes::new();
        let mut context = Context::from_waker(&waker);
        let (question, answer) = nic.receive(&mut context).unwrap();
        question.consume(|frame| assert_eq!(frame, [7; 60]));
        answer.consume(42, |frame| frame.fill(8));
        let more = nic.transmit(&mut context).unwrap();
        more.consume(43, |frame| frame.fill(9));
        assert_eq!(device.state().sent, [vec![8; 42], vec![9; 43]]);
        assert_eq!(wakes.count(), 0, "it found what it looked for");
    }

    #[test]
    fn who_finds_no_frame_or_no_room_looks_again() {
        let (device, mut nic) = Device::started();
        device.state().holds = true;
        let (wakes, waker) = Wakes::new();
        let mut context = Context::from_waker(&waker);
        assert!(nic.receive(&mut context).is_none());
        assert_eq!(wakes.count(), 1);
        for _ in 0..16 {
            let room = nic.transmit(&mut context).unwrap();
            room.consume(42, |frame| frame.fill(8));
        }
        assert!(nic.transmit(&mut context).is_none());
        assert_eq!(wakes.count(), 2);
    }
}
