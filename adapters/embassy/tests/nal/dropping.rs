//! Futures that are dropped, at any await.

use crate::*;

#[test]
fn memory_of_credentials_is_wiped_when_their_future_is_dropped() {
    for polls in 0.. {
        let net = Net::new(ec2());
        net.piece.set(100);
        let mut client = net.client();
        let mut memory = [0xaa; 4096];
        let mut reading = Box::pin(client.credentials::<2048>(&mut memory));
        let end = net.poll(reading.as_mut(), polls);
        drop(reading);
        if polls > 0 {
            assert_eq!(memory, [0; 4096], "after {polls}");
        }
        if end.is_some() {
            return;
        }
        read_id(&net, &mut client);
    }
}

/// Drops a get after any number of polls: the client stays usable, and a token that was had is
/// not asked for again.
#[test]
fn a_get_is_dropped_at_every_await() {
    for profile in [Profile::Ec2, Profile::Mmds] {
        let mut ends = 0;
        for polls in 0.. {
            let net = Net::new(Mock::new(profile));
            net.piece.set(50);
            let mut client = net.client();
            let mut memory = [0; 64];
            let mut get = Box::pin(client.get(AMI, &mut memory));
            let ended = net.poll(get.as_mut(), polls).is_some();
            drop(get);
            let had_token = net.asked(AMI) > 0;
            let puts = net.puts();
            read_id(&net, &mut client);
            read_id(&net, &mut client);
            assert!(net.puts() <= 2, "after {polls} polls");
            if had_token {
                assert_eq!(net.puts(), puts, "the token is kept, after {polls} polls");
            }
            assert_eq!(net.now.get(), Duration::ZERO, "no time was lost");
            ends += usize::from(ended);
            if ended {
                assert!(polls > 15, "many awaits: {polls}");
                break;
            }
        }
        assert_eq!(ends, 1);
    }
}

/// The same where the time-outs and the pauses are.
#[test]
fn a_get_in_trouble_is_dropped_at_every_await() {
    for fault in [
        Fault::token().times(2).stall(),
        Fault::token().times(2).status(503),
        Fault::any().times(3).reset_before_reply(),
        Fault::on("GET", AMI).times(2).stall_in_body(3),
        Fault::on("GET", AMI).times(1).status(401),
    ] {
        for polls in 0.. {
            let net = Net::new(ec2().fault(fault.clone()));
            let mut client = net.client();
            let mut memory = [0; 64];
            let mut get = Box::pin(client.get(AMI, &mut memory));
            let ended = net.poll(get.as_mut(), polls).is_some();
            drop(get);
            net.mock.borrow_mut().clear_faults();
            read_id(&net, &mut client);
            if ended {
                break;
            }
        }
    }
}

#[test]
fn a_get_whose_connect_is_dropped_connects_anew() {
    let net = Net::new(ec2());
    net.doors.set([Door::Silent; 2]);
    let mut client = net.client();
    let mut memory = [0; 64];
    let mut get = Box::pin(client.get(AMI, &mut memory));
    assert!(net.poll(get.as_mut(), 1).is_none());
    drop(get);
    net.doors.set([Door::Open; 2]);
    read_id(&net, &mut client);
    assert_eq!(
        net.connects.borrow().len(),
        2,
        "the one that was dropped, and one that is kept"
    );
}

#[test]
fn every_await_of_a_writer_may_be_dropped() {
    let large = vec![b'x'; 3000];
    for polls in 0.. {
        let tree = Tree::built_in().with("/latest/user-data", large.clone());
        let net = Net::new(ec2().tree(tree));
        net.piece.set(300);
        let mut client = net.client();
        let mut store = Store::on(&net);
        let mut get = Box::pin(client.get_into("/latest/user-data", &mut store));
        let ended = net.poll(get.as_mut(), polls).is_some();
        drop(get);
        assert!(large.starts_with(&store.0));
        read_id(&net, &mut client);
        if ended {
            break;
        }
    }
}

/// Each node is asked for, dropped after some polls, and asked for again.
#[test]
fn the_next_of_a_walk_is_dropped_at_every_await() {
    for start in 0..24 {
        let net = Net::new(ec2());
        net.piece.set(200);
        let mut client = net.client_with(unpaced());
        let mut memory = vec![0; 64 * 1024];
        let mut walk = client.walk("/latest/", options(), &mut memory).unwrap();
        let mut found = Vec::new();
        let mut polls = start;
        loop {
            polls = (polls + 1) % 24;
            let node = {
                let mut next = Box::pin(walk.next());
                match net.poll(next.as_mut(), polls) {
                    // It was quicker.
                    Some(node) => node.unwrap().map(owned),
                    None => {
                        drop(next);
                        net.run(walk.next()).unwrap().map(owned)
                    }
                }
            };
            match node {
                Some(node) => found.push(node),
                None => break,
            }
        }
        found.sort();
        assert_eq!(found, leaves(&net), "from {start}");
        assert!(net.puts() <= 2, "from {start}");
    }
}

/// A get in the middle of a walk is dropped, and the walk goes on.
#[test]
fn a_get_within_a_walk_is_dropped_at_every_await() {
    let net = Net::new(ec2());
    net.piece.set(100);
    let mut client = net.client_with(unpaced());
    let mut memory = vec![0; 64 * 1024];
    let mut walk = client.walk("/latest/", options(), &mut memory).unwrap();
    let mut found = Vec::new();
    while let Some(node) = net.run(walk.next()).unwrap() {
        found.push(owned(node));
        let mut memory = [0; 64];
        let mut get = Box::pin(walk.get(ID, &mut memory));
        let _ = net.poll(get.as_mut(), found.len() % 20);
    }
    found.sort();
    assert_eq!(found, leaves(&net));
    assert_eq!(net.puts(), 1);
}

/// What a future that is leaked has begun is ended by the next.
#[test]
fn a_future_may_be_leaked() {
    let net = Net::new(ec2());
    let mut client = net.client();
    for _ in 0..10 {
        // Not while it connects: what it owns of the stack would be lost.
        let mut get = Box::pin(client.get(AMI, Box::leak(Box::new([0; 64]))));
        assert!(net.poll(get.as_mut(), 3).is_none());
        core::mem::forget(get);
        let mut memory = vec![0; 64 * 1024];
        let mut walk = client.walk("/latest/", options(), &mut memory).unwrap();
        assert!(net.run(walk.next()).unwrap().is_some());
        core::mem::forget(walk);
    }
    read_id(&net, &mut client);
}
