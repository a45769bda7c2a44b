//! What a connection does between requests (facts §1.7), and that no byte can upset it.

use core::time::Duration;

use imds_mock::{Action, Fault, Mock, Profile, Tokens};

use crate::talk::{Response, Rest, drain, request};

const NOW: Duration = Duration::ZERO;
const KEEP: &str = "Connection: keep-alive";

fn optional() -> Mock {
    Mock::new(Profile::Ec2).tokens(Tokens::Optional)
}

fn get(headers: &[&str]) -> String {
    request("GET", "/latest/meta-data/ami-id", headers)
}

#[test]
fn asked_to_keep_alive_it_does_and_does_not_say_close() {
    let mut mock = optional();
    let mut connection = mock.connect(NOW);
    for _ in 0..3 {
        connection.receive(
            NOW,
            &mut mock,
            get(&["connection: Keep-Alive, x"]).as_bytes(),
        );
        let (bytes, rest) = drain(&mut connection);
        let response = Response::parse(&bytes, rest);
        assert_eq!(
            (response.header("Connection"), response.rest),
            (None, Rest::Open)
        );
    }
    connection.receive(NOW, &mut mock, get(&[]).as_bytes());
    assert_eq!(drain(&mut connection).1, Rest::Closed);
    assert_eq!(mock.connections(), 1);
}

#[test]
fn never_and_always_overrule_the_client() {
    let mut never = optional().never_close(true);
    let mut connection = never.connect(NOW);
    connection.receive(NOW, &mut never, get(&["Connection: close"]).as_bytes());
    assert_eq!(drain(&mut connection).1, Rest::Open);
    let mut always = optional().always_close(true);
    let mut connection = always.connect(NOW);
    connection.receive(NOW, &mut always, get(&[KEEP]).as_bytes());
    assert_eq!(drain(&mut connection).1, Rest::Closed);
}

#[test]
fn fed_byte_by_byte_the_answer_is_the_same() {
    for profile in Profile::ALL {
        for text in [
            request(
                "PUT",
                "/latest/api/token",
                &["X-aws-ec2-metadata-token-ttl-seconds: 60", KEEP],
            ),
            get(&[KEEP]),
            "PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n".to_owned(),
        ] {
            if profile == Profile::Mmds && text.contains("chunked") {
                // It reads no bodies.
                continue;
            }
            let mut whole = Mock::new(profile);
            let mut connection = whole.connect(NOW);
            connection.receive(NOW, &mut whole, text.as_bytes());
            let expected = drain(&mut connection);
            let mut split = Mock::new(profile);
            let mut connection = split.connect(NOW);
            for (i, byte) in text.as_bytes().iter().enumerate() {
                connection.receive(NOW, &mut split, &[*byte]);
                if i + 1 < text.len() {
                    assert_eq!(
                        connection.transmit(),
                        Action::Idle,
                        "{profile}: {text:?} at {i}"
                    );
                }
            }
            assert_eq!(drain(&mut connection), expected, "{profile}: {text:?}");
            assert_eq!(whole.log(), split.log());
        }
    }
}

#[test]
fn requests_in_one_segment_are_answered_one_after_the_other() {
    let mut mock = optional();
    let mut connection = mock.connect(NOW);
    let put = "PUT /x HTTP/1.1\r\nContent-Length: 3\r\nConnection: keep-alive\r\n\r\nabc";
    connection.receive(NOW, &mut mock, (get(&[KEEP]) + put + &get(&[])).as_bytes());
    let (bytes, rest) = drain(&mut connection);
    assert_eq!(rest, Rest::Closed);
    assert_eq!(bytes.windows(9).filter(|w| w == b"HTTP/1.1 ").count(), 3);
    let statuses: Vec<u16> = mock.log().iter().map(|e| e.status).collect();
    assert_eq!(statuses, [200, 403, 200]);
}

#[test]
fn behind_a_last_answer_nothing_more_is_read() {
    let mut mock = optional();
    let mut connection = mock.connect(NOW);
    connection.receive(NOW, &mut mock, get(&[]).repeat(3).as_bytes());
    connection.receive(NOW, &mut mock, get(&[]).as_bytes());
    assert_eq!(mock.log().len(), 1);
}

#[test]
fn a_chunked_put_without_its_end_waits_for_ever() {
    let mut mock = optional();
    let mut connection = mock.connect(NOW);
    let head = "PUT /latest/api/token HTTP/1.1\r\nX-aws-ec2-metadata-token-ttl-seconds: 60\r\n\
                Transfer-Encoding: chunked\r\n\r\n";
    connection.receive(NOW, &mut mock, head.as_bytes());
    assert_eq!(drain(&mut connection).1, Rest::Open);
    assert_eq!(connection.next_timeout(), None);
    connection.receive(NOW, &mut mock, b"0\r\n\r\n");
    assert_eq!(mock.log()[0].status, 200);
}

#[test]
fn an_answer_can_be_taken_in_any_pieces() {
    let mut mock = optional();
    let mut connection = mock.connect(NOW);
    connection.receive(NOW, &mut mock, get(&[KEEP]).as_bytes());
    let Action::Send(whole) = connection.transmit() else {
        panic!("nothing to send");
    };
    let whole = whole.to_vec();
    for at in 0..whole.len() {
        assert_eq!(connection.transmit(), Action::Send(&whole[at..]));
        connection.sent(1);
    }
    assert_eq!(connection.transmit(), Action::Idle);
    connection.sent(1_000);
    assert_eq!(connection.transmit(), Action::Idle);
}

#[test]
fn a_client_that_has_finished_sending_gets_its_answer() {
    let mut mock = optional().fault(Fault::any().delay(Duration::from_secs(1)));
    let mut connection = mock.connect(NOW);
    connection.receive(NOW, &mut mock, get(&[KEEP]).as_bytes());
    connection.receive_eof(NOW, &mut mock);
    assert_eq!(drain(&mut connection).1, Rest::Open);
    connection.handle_timeout(Duration::from_secs(1), &mut mock);
    let (bytes, rest) = drain(&mut connection);
    assert!(bytes.ends_with(b"ami-0123456789abcdef0"));
    assert_eq!(rest, Rest::Closed);
}

#[test]
fn half_a_request_and_the_end_closes() {
    let mut mock = optional();
    let mut connection = mock.connect(NOW);
    connection.receive(NOW, &mut mock, b"GET / HT");
    connection.receive_eof(NOW, &mut mock);
    assert_eq!(drain(&mut connection), (vec![], Rest::Closed));
    assert!(mock.log().is_empty());
}

#[test]
fn connections_are_counted_once_each() {
    let mut mock = optional().max_connections(2);
    let mut one = mock.connect(NOW);
    let mut two = mock.connect(NOW);
    let mut three = mock.connect(NOW);
    assert_eq!(drain(&mut three).1, Rest::Reset);
    three.closed(NOW, &mut mock);
    one.closed(NOW, &mut mock);
    one.closed(NOW, &mut mock);
    assert_eq!(
        (
            mock.connections(),
            mock.peak_connections(),
            mock.open_connections()
        ),
        (3, 3, 1)
    );
    two.closed(NOW, &mut mock);
    assert_eq!(mock.open_connections(), 0);
    assert_eq!((one.number(), two.number()), (1, 2));
}

#[test]
fn the_log_forgets_its_older_half_before_it_grows_without_end() {
    let mut mock = optional();
    let mut connection = mock.connect(NOW);
    let text = request("HEAD", "/", &[KEEP]);
    for _ in 0..65_537 {
        connection.receive(NOW, &mut mock, text.as_bytes());
        connection.sent(usize::MAX);
    }
    assert_eq!(mock.log().len(), 32_769);
    mock.clear_log();
    assert!(mock.log().is_empty());
}

/// Reproducible nonsense: requests with bytes changed, cut, doubled. The seed is in the message.
#[test]
fn no_bytes_make_it_panic() {
    let corpus = [
        request(
            "PUT",
            "/latest/api/token",
            &["X-aws-ec2-metadata-token-ttl-seconds: 60"],
        ),
        request(
            "GET",
            "/latest/meta-data/public-keys/0/openssh-key",
            &[KEEP, "Accept: application/json"],
        ),
        "PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n0\r\n\r\n".to_owned(),
        "GET /%2%zz//~1~/%ff HTTP/1.0\r\nContent-Length: 18446744073709551616\r\n\r\n".to_owned(),
    ];
    for seed in 0..2_000_u64 {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut next = |bound: usize| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            usize::try_from(state % u64::try_from(bound).unwrap()).unwrap()
        };
        let mut bytes = corpus[next(corpus.len())].clone().into_bytes();
        for _ in 0..next(6) {
            let at = next(bytes.len());
            match next(3) {
                0 => bytes[at] = u8::try_from(next(256)).unwrap(),
                1 => drop(bytes.remove(at)),
                _ => bytes.insert(at, b"\r\n:%/ 0\x00\xff"[next(9)]),
            }
        }
        let profile = Profile::ALL[next(Profile::ALL.len())];
        let outcome = std::panic::catch_unwind(|| {
            let mut mock = Mock::new(profile).tokens(Tokens::Optional);
            let mut connection = mock.connect(NOW);
            let (head, tail) = bytes.split_at(bytes.len() / 2);
            connection.receive(NOW, &mut mock, head);
            drain(&mut connection);
            connection.receive(NOW, &mut mock, tail);
            connection.receive_eof(NOW, &mut mock);
            drain(&mut connection);
            connection.closed(NOW, &mut mock);
        });
        assert!(
            outcome.is_ok(),
            "seed {seed}, {profile}: {:?}",
            String::from_utf8_lossy(&bytes)
        );
    }
}
