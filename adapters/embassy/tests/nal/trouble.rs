//! Retries, resets, time-outs, tokens and addresses.

use crate::*;

#[test]
fn what_passes_is_tried_again() {
    for fault in [
        Fault::on("GET", ID).times(2).status(503),
        Fault::on("GET", ID).times(2).reset_before_reply(),
        Fault::on("GET", ID).times(2).close_before_reply(),
        Fault::on("GET", ID).times(2).stall(),
        Fault::on("GET", ID).times(2).stall_in_body(3),
        Fault::token().times(2).status(503),
        Fault::token().times(2).reset_before_reply(),
        Fault::token().times(2).reset_after(20),
        Fault::any().dribble(),
    ] {
        let net = Net::new(ec2().fault(fault.clone()));
        let mut client = net.client();
        read_id(&net, &mut client);
        read_id(&net, &mut client);
        assert!(net.now.get() < Duration::from_secs(5), "{fault:?}");
    }
}

#[test]
fn a_flush_that_fails_does_not_hide_the_answer() {
    let net = Net::new(ec2());
    net.flush.set(Err(ErrorKind::Other));
    read_id(&net, &mut net.client());
}

/// embassy-net's flush.
#[test]
fn a_flush_that_waits_for_the_server_takes_none_of_the_answers_time() {
    let net = Net::new(ec2());
    net.acks.set(true);
    let mut client = net.client();
    read_id(&net, &mut client);
    assert_eq!(net.now.get(), Duration::ZERO);

    let net = Net::new(ec2().fault(Fault::token().stall()));
    net.acks.set(true);
    let mut client = net.client();
    let error = net.run(client.get(ID, &mut [0; 64])).unwrap_err();
    assert_eq!(error, Error::Timeout(Reason::TokenReply));
    assert_eq!(net.now.get(), config().timeouts.first_byte);
}

#[test]
fn a_token_is_renewed_before_it_ends_and_replaced_when_it_is_revoked() {
    let net = Net::new(ec2().token_ttl_override(TtlOverride::Fixed(60)));
    let mut client = net.client();
    read_id(&net, &mut client);
    net.now.set(Duration::from_secs(40));
    read_id(&net, &mut client);
    assert_eq!(net.puts(), 1);
    net.now.set(Duration::from_secs(55));
    read_id(&net, &mut client);
    assert_eq!(net.puts(), 2, "early");
    net.mock.borrow_mut().revoke_tokens();
    read_id(&net, &mut client);
    assert_eq!(net.puts(), 3);
}

#[test]
fn a_kept_connection_that_the_server_has_closed_costs_nothing() {
    let net = Net::new(ec2().never_close(true));
    let mut client = net.client_with(Config {
        attempts: 1,
        ..config()
    });
    read_id(&net, &mut client);
    read_id(&net, &mut client);
    assert_eq!(net.connects.borrow().len(), 1, "it is kept");
    net.hung_up.set(true);
    read_id(&net, &mut client);
    assert_eq!(net.connects.borrow().len(), 2);
}

#[test]
fn silence_to_the_token_request_is_told_apart() {
    let net = Net::new(ec2().fault(Fault::token().stall()));
    let mut client = net.client();
    let error = net.run(client.get(ID, &mut [0; 64])).unwrap_err();
    assert_eq!(error, Error::Timeout(Reason::TokenReply));
    assert!(net.now.get() <= Duration::from_secs(5));
    // The route was repaired.
    net.mock.borrow_mut().clear_faults();
    read_id(&net, &mut client);
}

#[test]
fn what_connecting_comes_to() {
    let transport = |fault| Error::Transport(Phase::Connect, fault);
    for (door, expected) in [
        (
            Door::Fails(ErrorKind::ConnectionRefused),
            transport(NetFault::Refused),
        ),
        // embassy-net's word for all of them.
        (
            Door::Fails(ErrorKind::ConnectionReset),
            transport(NetFault::Refused),
        ),
        (
            Door::Fails(ErrorKind::AddrNotAvailable),
            transport(NetFault::Unreachable),
        ),
        (Door::Fails(ErrorKind::Other), transport(NetFault::Other)),
        (Door::Silent, transport(NetFault::TimedOut)),
    ] {
        let net = Net::new(ec2());
        net.doors.set([door; 2]);
        let mut client = net.client();
        let error = net.run(client.get(ID, &mut [0; 64])).unwrap_err();
        assert_eq!(error.cause(), expected.cause(), "{door:?}: {error}");
        assert!(net.now.get() <= Duration::from_secs(5), "{door:?}");
        net.doors.set([Door::Open; 2]);
        read_id(&net, &mut client);
    }
}

#[test]
fn of_two_addresses_the_second_has_its_turn() {
    for (door, most) in [
        (Door::Silent, Duration::from_millis(250)),
        (Door::Fails(ErrorKind::Other), Duration::ZERO),
    ] {
        let net = Net::new(ec2());
        net.doors.set([door, Door::Open]);
        let mut client = net.client_with(Config::default());
        read_id(&net, &mut client);
        assert!(net.now.get() <= most, "{door:?}: {:?}", net.now.get());
        read_id(&net, &mut client);
        let connects = net.connects.borrow();
        let first = connects.iter().filter(|remote| remote.is_ipv4()).count();
        assert_eq!(first, 1, "the second is remembered: {connects:?}");
    }
}

#[test]
fn an_operation_ends_in_its_time_whatever_the_server_does() {
    for timeouts in [Config::default().timeouts, Timeouts::WITHOUT_OS] {
        for fault in [
            Fault::any().stall(),
            Fault::on("GET", ID).stall(),
            Fault::on("GET", ID).stall_in_body(2),
            Fault::any().status(503),
        ] {
            let net = Net::new(ec2().fault(fault.clone()));
            let mut client = net.client_with(Config {
                timeouts,
                ..config()
            });
            let failed = net.run(client.get(ID, &mut [0; 64])).is_err();
            assert!(failed, "{fault:?}");
            let most = timeouts.operation.expect("there is one");
            assert!(net.now.get() <= most, "{fault:?}: {:?}", net.now.get());
            net.mock.borrow_mut().clear_faults();
            read_id(&net, &mut client);
        }
    }
}

#[test]
fn final_answers() {
    let fault = Fault::on("GET", ID).status(403);
    let net = Net::new(ec2().fault(fault));
    let mut client = net.client();
    let error = net.run(client.get(ID, &mut [0; 64])).unwrap_err();
    assert_eq!(error, Error::Peer(Peer::Forbidden));
    assert_eq!(net.asked(ID), 1);
}
