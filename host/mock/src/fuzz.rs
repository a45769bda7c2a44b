//! The body of the fuzz target of the server's side. It panics if a law does not hold.

use core::time::Duration;

use crate::{Action, Exchange, Mock, Profile, Tokens};

/// What a client got.
#[derive(Debug, PartialEq)]
struct Talk {
    answers: Vec<u8>,
    log: Vec<Exchange>,
    end: End,
}

#[derive(Debug, PartialEq)]
enum End {
    Open,
    Closed,
    Reset,
}

/// Whatever a client sends, and in whatever pieces, every answer is HTTP, and there is one for each request. The first
/// byte chooses the profile and whether tokens are required.
///
/// # Panics
/// If not.
pub fn mock_request(input: &[u8]) {
    let Some((choice, input)) = input.split_first() else {
        return;
    };
    let choice = usize::from(*choice);
    let profile = Profile::ALL[choice % Profile::ALL.len()];
    let tokens = match choice / Profile::ALL.len() % 2 {
        0 => Tokens::Required,
        _ => Tokens::Optional,
    };
    let whole = talk(profile, tokens, input, input.len().max(1));
    check(&whole);
    let dribble = talk(profile, tokens, input, 1);
    if profile == Profile::Mmds {
        // It takes one request from a segment, so pieces make a difference.
        check(&dribble);
    } else {
        assert_eq!(whole, dribble);
    }
}

fn talk(profile: Profile, tokens: Tokens, input: &[u8], piece: usize) -> Talk {
    let now = Duration::ZERO;
    let mut mock = Mock::new(profile).tokens(tokens);
    let mut connection = mock.connect(now);
    for piece in input.chunks(piece) {
        connection.receive(now, &mut mock, piece);
    }
    connection.receive_eof(now, &mut mock);
    let mut answers = Vec::new();
    let end = loop {
        match connection.transmit() {
            Action::Send(bytes) => {
                assert!(!bytes.is_empty(), "nothing to send");
                answers.extend_from_slice(bytes);
                let sent = bytes.len();
                connection.sent(sent);
            }
            Action::Idle => break End::Open,
            Action::Close => break End::Closed,
            Action::Reset => break End::Reset,
        }
    };
    connection.closed(now, &mut mock);
    assert_eq!(mock.open_connections(), 0);
    Talk {
        answers,
        log: mock.log().to_vec(),
        end,
    }
}

/// The answers are those of the log, one behind the other, and nothing else.
fn check(talk: &Talk) {
    let mut rest = talk.answers.as_slice();
    for exchange in talk.log.iter().filter(|exchange| exchange.status != 0) {
        let mut headers = [httparse::EMPTY_HEADER; 32];
        let mut head = httparse::Response::new(&mut headers);
        let Ok(httparse::Status::Complete(len)) = head.parse(rest) else {
            panic!(
                "no head of an answer: {exchange} {:?}",
                rest.escape_ascii().to_string()
            );
        };
        assert_eq!(head.code, Some(exchange.status));
        let lengths: Vec<_> = head
            .headers
            .iter()
            .filter(|header| header.name.eq_ignore_ascii_case("content-length"))
            .collect();
        let [length] = lengths[..] else {
            panic!("not one length: {exchange}");
        };
        let length: usize = core::str::from_utf8(length.value)
            .ok()
            .and_then(|text| text.parse().ok())
            .expect("a length is a number");
        let bodiless = exchange.method == "HEAD" || matches!(exchange.status, 204 | 304);
        let body = if bodiless { 0 } else { length };
        assert!(
            len + body <= rest.len(),
            "a body that is cut off: {exchange}"
        );
        rest = &rest[len + body..];
    }
    assert!(rest.is_empty(), "bytes of no answer");
}
