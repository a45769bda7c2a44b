//! Failures on demand.

use core::time::Duration;

use imds_mock::{Action, Fault, Mock, Profile, Tokens};

use crate::talk::{Response, Rest, Talk, drain, request};

const LEAF: &str = "/latest/meta-data/ami-id";
const NOW: Duration = Duration::ZERO;

fn with(fault: Fault) -> Talk {
    Talk::with(
        Mock::new(Profile::Ec2)
            .tokens(Tokens::Optional)
            .fault(fault),
    )
}

/// What comes back for the leaf, as bytes.
fn bytes(fault: Fault) -> (Vec<u8>, Rest) {
    with(fault).bytes(request("GET", LEAF, &["Connection: keep-alive"]).as_bytes())
}

#[test]
fn a_status_comes_in_the_dress_of_the_server() {
    let throttled = Fault::on("GET", LEAF)
        .times(1)
        .status(429)
        .header("Retry-After", "1");
    let mut talk = with(throttled);
    let response = talk.ask("GET", LEAF, &[]);
    assert_eq!(response.line, "HTTP/1.1 429 Too Many Requests");
    assert_eq!(response.header("Retry-After"), Some("1"));
    assert_eq!(response.header("Server"), Some("EC2ws"));
    assert_eq!(response.header("Content-Length"), Some("0"));
    assert_eq!(talk.ask("GET", LEAF, &[]).status(), 200);
    let mut mmds =
        Talk::with(Mock::new(Profile::Mmds).fault(Fault::any().status(503).body("busy")));
    let response = mmds.ask("GET", LEAF, &[]);
    assert_eq!(
        (response.line.as_str(), response.text()),
        ("HTTP/1.1 503 ", "busy")
    );
}

#[test]
fn a_web_servers_failure_is_not_in_ec2s_dress() {
    let mut talk = Talk::with(Mock::new(Profile::Html).fault(Fault::any().status(503)));
    assert_eq!(talk.ask("GET", LEAF, &[]).header("Server"), Some("httpd"));
    assert_eq!(talk.send("\x00\r\n\r\n").header("Server"), Some("httpd"));
}

#[test]
fn headers_replace_the_servers_own_and_may_repeat() {
    let fault = Fault::any()
        .status(302)
        .header("location", "http://a/")
        .header("location", "http://b/")
        .header("Server", "x");
    let response = with(fault).ask("GET", LEAF, &[]);
    assert_eq!(response.header("Server"), Some("x"));
    assert_eq!(
        response
            .names()
            .iter()
            .filter(|name| **name == "location")
            .count(),
        2
    );
}

#[test]
fn a_length_may_lie() {
    let (sent, rest) = bytes(
        Fault::any()
            .status(200)
            .header("Content-Length", "99")
            .body("short"),
    );
    let response = Response::parse(&sent, rest);
    assert_eq!(response.header("Content-Length"), Some("99"));
    assert_eq!((response.text(), response.rest), ("short", Rest::Open));
}

#[test]
fn the_first_fault_that_matches_acts_then_the_next() {
    let mut talk = with(Fault::on("GET", LEAF).times(1).status(500));
    talk.mock.push_fault(
        Fault::below("GET", "/latest/meta-data/")
            .times(1)
            .status(503),
    );
    let statuses: Vec<u16> = (0..3)
        .map(|_| talk.ask("GET", LEAF, &[]).status())
        .collect();
    assert_eq!(statuses, [500, 503, 200]);
    talk.mock.push_fault(Fault::any().stall());
    talk.mock.clear_faults();
    assert_eq!(talk.ask("GET", LEAF, &[]).status(), 200);
}

#[test]
fn paths_are_compared_after_decoding() {
    let mut talk = with(Fault::on("GET", "/latest/meta-data/tags/instance/a=b").status(500));
    assert_eq!(
        talk.ask("GET", "/latest//meta-data/tags/instance/a%3Db", &[])
            .status(),
        500
    );
    assert_eq!(
        talk.ask("GET", "/latest/meta-data/tags/instance/a=b/", &[])
            .status(),
        200
    );
}

#[test]
fn another_body_keeps_the_servers_headers() {
    let response = with(Fault::token().body("not\na token")).ask(
        "PUT",
        "/latest/api/token",
        &["X-aws-ec2-metadata-token-ttl-seconds: 60"],
    );
    assert_eq!(
        response.header("X-Aws-Ec2-Metadata-Token-Ttl-Seconds"),
        Some("60")
    );
    assert_eq!(response.header("Content-Length"), Some("11"));
    assert_eq!(response.text(), "not\na token");
    let response = with(Fault::any().body("here after all")).ask("GET", "/latest/nothing", &[]);
    assert_eq!(
        (response.line.as_str(), response.text()),
        ("HTTP/1.1 200 OK", "here after all")
    );
}

#[test]
fn nothing_is_sent_before_the_reply() {
    assert_eq!(
        bytes(Fault::any().reset_before_reply()),
        (vec![], Rest::Reset)
    );
    assert_eq!(
        bytes(Fault::any().close_before_reply()),
        (vec![], Rest::Closed)
    );
    assert_eq!(bytes(Fault::any().stall()), (vec![], Rest::Open));
    let mut talk = with(Fault::any().stall());
    talk.bytes(request("GET", LEAF, &[]).as_bytes());
    assert_eq!(talk.mock.log()[0].status, 0);
}

#[test]
fn an_answer_breaks_off_where_it_was_told_to() {
    for (fault, rest) in [
        (Fault::any().reset_after(20), Rest::Reset),
        (Fault::any().close_after(20), Rest::Closed),
        (Fault::any().stall_after(20), Rest::Open),
    ] {
        let (sent, found) = bytes(fault);
        assert_eq!((sent.len(), found), (20, rest));
    }
    for (fault, rest) in [
        (Fault::any().reset_in_body(4), Rest::Reset),
        (Fault::any().close_in_body(4), Rest::Closed),
        (Fault::any().stall_in_body(4), Rest::Open),
    ] {
        let (sent, found) = bytes(fault);
        let response = Response::parse(&sent, found);
        assert_eq!(response.header("Content-Length"), Some("21"));
        assert_eq!((response.text(), response.rest), ("ami-", rest));
    }
}

#[test]
fn a_kept_connection_may_die_with_the_second_request() {
    let mut mock = Mock::new(Profile::Ec2)
        .tokens(Tokens::Optional)
        .fault(Fault::any().skip(1).times(1).close_before_reply());
    let text = request("GET", LEAF, &["Connection: keep-alive"]);
    let mut connection = mock.connect(NOW);
    connection.receive(NOW, &mut mock, text.as_bytes());
    assert_eq!(drain(&mut connection).1, Rest::Open);
    connection.receive(NOW, &mut mock, text.as_bytes());
    assert_eq!(drain(&mut connection), (vec![], Rest::Closed));
}

#[test]
fn a_stall_may_end_in_a_reset() {
    let mut mock = Mock::new(Profile::Ec2)
        .fault(Fault::any().stall_after(5))
        .reset_after(Duration::from_secs(9));
    let mut connection = mock.connect(NOW);
    connection.receive(NOW, &mut mock, request("GET", LEAF, &[]).as_bytes());
    assert_eq!(drain(&mut connection), (b"HTTP/".to_vec(), Rest::Open));
    connection.handle_timeout(Duration::from_secs(9), &mut mock);
    assert_eq!(drain(&mut connection).1, Rest::Reset);
}

#[test]
fn a_delayed_answer_comes_when_it_is_time_and_others_wait_behind_it() {
    let mut mock = Mock::new(Profile::Ec2)
        .tokens(Tokens::Optional)
        .fault(Fault::any().times(1).delay(Duration::from_secs(3)));
    let mut connection = mock.connect(NOW);
    let text = request("GET", LEAF, &["Connection: keep-alive"]);
    connection.receive(NOW, &mut mock, text.repeat(2).as_bytes());
    assert_eq!(drain(&mut connection), (vec![], Rest::Open));
    assert_eq!(connection.next_timeout(), Some(Duration::from_secs(3)));
    connection.handle_timeout(Duration::from_secs(2), &mut mock);
    assert_eq!(drain(&mut connection), (vec![], Rest::Open));
    connection.handle_timeout(Duration::from_secs(3), &mut mock);
    let (sent, rest) = drain(&mut connection);
    assert_eq!(sent.windows(9).filter(|w| w == b"HTTP/1.1 ").count(), 2);
    assert_eq!((rest, connection.next_timeout()), (Rest::Open, None));
}

#[test]
fn whoever_floods_a_delayed_connection_is_reset() {
    let mut mock = Mock::new(Profile::Ec2).fault(Fault::any().delay(Duration::from_secs(3)));
    let mut connection = mock.connect(NOW);
    connection.receive(NOW, &mut mock, request("GET", LEAF, &[]).as_bytes());
    connection.receive(NOW, &mut mock, &[b'x'; 70_000]);
    assert_eq!(drain(&mut connection).1, Rest::Reset);
}

#[test]
fn raw_bytes_go_out_as_they_are() {
    let (sent, rest) = bytes(Fault::any().raw("HTTP/1.1 200 OK\nfolded:\n header\n\n"));
    assert_eq!(sent, b"HTTP/1.1 200 OK\nfolded:\n header\n\n");
    assert_eq!(rest, Rest::Closed);
    let mut talk = with(Fault::any().raw(b"\xff\xfe".as_slice()));
    talk.bytes(request("GET", LEAF, &[]).as_bytes());
    assert_eq!(talk.mock.log()[0].status, 0);
}

#[test]
fn dribbled_bytes_come_one_at_a_time() {
    let mut mock = Mock::new(Profile::Ec2).fault(Fault::any().dribble());
    let mut connection = mock.connect(NOW);
    connection.receive(NOW, &mut mock, request("GET", LEAF, &[]).as_bytes());
    let mut sent = Vec::new();
    while let Action::Send(chunk) = connection.transmit() {
        assert_eq!(chunk.len(), 1);
        sent.push(chunk[0]);
        connection.sent(1);
    }
    assert_eq!(Response::parse(&sent, Rest::Closed).status(), 401);
    assert_eq!(connection.transmit(), Action::Close);
}

#[test]
fn chunked_and_until_close_carry_the_same_body() {
    let (sent, rest) = bytes(Fault::any().chunks_of(20));
    let response = Response::parse(&sent, rest);
    assert_eq!(response.header("Transfer-Encoding"), Some("chunked"));
    assert_eq!(response.header("Content-Length"), None);
    assert_eq!(
        response.text(),
        "14\r\nami-0123456789abcdef\r\n1\r\n0\r\n0\r\n\r\n"
    );
    assert_eq!(response.rest, Rest::Open);
    let (sent, rest) = bytes(Fault::any().until_close());
    let response = Response::parse(&sent, rest);
    assert_eq!(response.header("Content-Length"), None);
    assert_eq!(response.header("Connection"), Some("close"));
    assert_eq!(
        (response.text(), response.rest),
        ("ami-0123456789abcdef0", Rest::Closed)
    );
}

#[test]
fn faults_of_different_concern_combine() {
    let fault = Fault::any()
        .status(503)
        .body("busy now")
        .chunks_of(4)
        .close_in_body(9);
    let (sent, rest) = bytes(fault);
    let response = Response::parse(&sent, rest);
    assert_eq!(response.status(), 503);
    assert_eq!(
        (response.text(), response.rest),
        ("4\r\nbusy\r\n", Rest::Closed)
    );
}
