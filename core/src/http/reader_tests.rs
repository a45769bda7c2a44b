//! The reader over recorded heads (facts §1.3, §1.5, §1.6, §1.13, §1.14, §9.2), each fed whole,
//! at every single split and byte by byte.

use std::format;
use std::string::String;
use std::vec::Vec;

use super::*;
use crate::http::Framing;

#[derive(PartialEq, Eq, Debug)]
struct Seen {
    status: u16,
    framing: Framing,
    keep_alive: bool,
    body: Vec<u8>,
}

/// Feeds `input` in pieces that end at `cuts`; `eof` behind the last one.
fn feed(
    input: &[u8],
    cuts: &[usize],
    eof: bool,
    head_method: bool,
) -> Result<Option<Seen>, HttpError> {
    let mut reader = Reader::new(head_method);
    let mut seen: Option<Seen> = None;
    let mut ended = false;
    let mut at = 0;
    let ends = cuts.iter().copied().chain([input.len()]);
    for end in ends {
        loop {
            let step = reader.next(&input[at..end], false)?;
            at += step.skip;
            match step.item {
                Item::More => break,
                Item::Head(head) => {
                    at += head.len;
                    seen = Some(Seen {
                        status: head.status,
                        framing: head.framing,
                        keep_alive: head.keep_alive,
                        body: Vec::new(),
                    });
                }
                Item::Data(n) => {
                    seen.as_mut()
                        .expect("a head first")
                        .body
                        .extend_from_slice(&input[at..at + n]);
                    at += n;
                }
                Item::End => {
                    ended = true;
                    assert_eq!(at, end, "an end leaves nothing");
                    break;
                }
            }
        }
    }
    if eof && !ended {
        let step = reader.next(&input[at..], true)?;
        assert_eq!(step.item, Item::End);
        ended = true;
    }
    Ok(if ended { seen } else { None })
}

/// The result of every way to cut `input`, which must be one.
fn every_way(input: &[u8], eof: bool, head_method: bool) -> Result<Option<Seen>, HttpError> {
    let whole = feed(input, &[], eof, head_method);
    for split in 0..=input.len() {
        assert_eq!(
            feed(input, &[split], eof, head_method),
            whole,
            "split at {split}"
        );
    }
    let bytes: Vec<usize> = (0..input.len()).collect();
    assert_eq!(feed(input, &bytes, eof, head_method), whole, "byte by byte");
    whole
}

/// Name, bytes, status, framing, whether the connection is kept, payload.
type Recorded = (&'static str, String, u16, Framing, bool, &'static [u8]);

fn recorded() -> Vec<Recorded> {
    let token = "AQAEAB0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKL==";
    let page = "<?xml version=\"1.0\" encoding=\"iso-8859-1\"?>\n";
    std::vec![
        ("token, modern", format!("HTTP/1.1 200 OK\r\nX-Aws-Ec2-Metadata-Token-Ttl-Seconds: 21600\r\nContent-Length: 56\r\nDate: Wed, 30 Jul 2025 06:20:00 GMT\r\nServer: EC2ws\r\nConnection: close\r\nContent-Type: text/plain\r\n\r\n{token}"),
            200, Framing::Length(56), false, token.as_bytes()),
        ("leaf, modern", "HTTP/1.1 200 OK\r\nX-Aws-Ec2-Metadata-Token-Ttl-Seconds: 21518\r\nContent-Type: text/plain\r\nAccept-Ranges: none\r\nLast-Modified: Thu, 27 Jun 2024 09:00:00 GMT\r\nContent-Length: 9\r\nDate: Thu, 27 Jun 2024 09:12:00 GMT\r\nServer: EC2ws\r\nConnection: close\r\n\r\nus-east-1".into(),
            200, Framing::Length(9), false, b"us-east-1"),
        ("leaf, kept", "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 9\r\nServer: EC2ws\r\n\r\nus-east-1".into(),
            200, Framing::Length(9), true, b"us-east-1"),
        ("leaf, old", "HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\nAccept-Ranges: bytes\r\nETag: \"1234567890\"\r\nLast-Modified: Thu, 27 Jun 2024 09:00:00 GMT\r\nContent-Length: 9\r\nConnection: close\r\nDate: Thu, 27 Jun 2024 09:12:00 GMT\r\nServer: EC2ws\r\n\r\nus-east-1".into(),
            200, Framing::Length(9), false, b"us-east-1"),
        ("401", "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\nDate: x\r\nServer: EC2ws\r\nConnection: close\r\nContent-Type: text/plain\r\n\r\n".into(),
            401, Framing::Length(0), false, b""),
        ("405", "HTTP/1.1 405 Not Allowed\r\nAllow: OPTIONS, PUT\r\nContent-Length: 0\r\nServer: EC2ws\r\nConnection: close\r\nContent-Type: text/plain\r\n\r\n".into(),
            405, Framing::Length(0), false, b""),
        ("301, old", "HTTP/1.0 301 Moved Permanently\r\nLocation: http://169.254.169.254/latest/meta-data/\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".into(),
            301, Framing::Length(0), false, b""),
        ("404", format!("HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{page}", page.len()),
            404, Framing::Length(44), false, page.as_bytes()),
        ("429", "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n".into(),
            429, Framing::Length(0), true, b""),
        ("mmds, empty reason", "HTTP/1.1 200 \r\nServer: Firecracker API\r\nConnection: keep-alive\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n\r\nabc".into(),
            200, Framing::Length(3), true, b"abc"),
        ("jetty", "HTTP/1.1 400 No Host\r\nContent-Type: text/html;charset=iso-8859-1\r\nContent-Length: 5\r\nConnection: close\r\n\r\n<h1>!".into(),
            400, Framing::Length(5), false, b"<h1>!"),
        ("empty leaf", "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".into(),
            200, Framing::Length(0), true, b""),
        ("chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nus-e\r\n5;x\r\nast-1\r\n0\r\nT: t\r\n\r\n".into(),
            200, Framing::Chunked, true, b"us-east-1"),
        ("chunked, empty", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".into(),
            200, Framing::Chunked, true, b""),
        ("204", "HTTP/1.1 204 No Content\r\nServer: x\r\n\r\n".into(), 204, Framing::Empty, true, b""),
        ("304 with a length", "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n".into(), 304, Framing::Empty, true, b""),
        ("100 first", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok".into(),
            200, Framing::Length(2), true, b"ok"),
        ("bare LF", "HTTP/1.1 200 OK\nContent-Length: 2\n\nok".into(), 200, Framing::Length(2), true, b"ok"),
    ]
}

#[test]
fn recorded_answers_read_the_same_at_every_split() {
    for (name, text, status, framing, keep_alive, body) in recorded() {
        let seen = every_way(text.as_bytes(), false, false)
            .unwrap()
            .expect(name);
        let expected = Seen {
            status,
            framing,
            keep_alive,
            body: body.to_vec(),
        };
        assert_eq!(seen, expected, "{name}");
    }
}

#[test]
fn an_until_close_body_ends_with_the_stream() {
    let text = b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nus-east-1";
    assert_eq!(every_way(text, false, false), Ok(None), "still open");
    let seen = every_way(text, true, false).unwrap().unwrap();
    assert_eq!(seen.body, b"us-east-1");
    assert!(!seen.keep_alive);
    let empty = every_way(b"HTTP/1.1 200 OK\r\n\r\n", true, false)
        .unwrap()
        .unwrap();
    assert_eq!(empty.body, b"");
}

#[test]
fn an_answer_to_head_has_no_body() {
    let text = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n";
    assert_eq!(every_way(text, false, true).unwrap().unwrap().body, b"");
}

#[test]
fn a_stream_that_ends_early_is_truncated_at_every_byte() {
    for (name, text, ..) in recorded() {
        for end in 0..text.len() {
            let cut = &text.as_bytes()[..end];
            let result = feed(cut, &[], true, false);
            assert!(
                matches!(
                    result,
                    Err(HttpError::HeadTruncated | HttpError::BodyTruncated)
                ),
                "{name} cut at {end}: {result:?}"
            );
        }
    }
}

#[test]
fn bytes_behind_the_end_are_refused() {
    for (name, text, ..) in recorded() {
        let mut long = text.into_bytes();
        long.push(b'!');
        assert_eq!(
            every_way(&long, false, false),
            Err(HttpError::TrailingBytes),
            "{name}"
        );
    }
    let head = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx";
    assert_eq!(
        every_way(head, false, true),
        Err(HttpError::TrailingBytes),
        "answer to HEAD"
    );
}

#[test]
fn a_foreign_protocol_fails_on_its_first_byte() {
    assert_eq!(
        Reader::new(false).next(b"S", false),
        Err(HttpError::NotHttp)
    );
    assert_eq!(
        every_way(b"SSH-2.0-OpenSSH", false, false),
        Err(HttpError::NotHttp)
    );
    assert_eq!(
        every_way(b"\r\nHTTP/1.1 200 OK\r\n\r\n", false, false),
        Err(HttpError::NotHttp)
    );
}

#[test]
fn a_head_is_bounded_whether_it_ends_or_not() {
    let head = |len: usize| {
        let mut text = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nA: ".to_vec();
        text.resize(len - 4, b'a');
        text.extend_from_slice(b"\r\n\r\n");
        text
    };
    assert!(feed(&head(MAX_HEAD), &[], false, false).unwrap().is_some());
    assert_eq!(
        feed(&head(MAX_HEAD + 1), &[], false, false),
        Err(HttpError::HeadTooLarge)
    );
    let endless = &head(MAX_HEAD + 9)[..MAX_HEAD];
    assert_eq!(
        feed(endless, &[], false, false),
        Err(HttpError::HeadTooLarge)
    );
}

#[test]
fn endless_1xx_and_a_protocol_switch_are_refused() {
    let many = "HTTP/1.1 102 x\r\n\r\n".repeat(9);
    assert_eq!(
        every_way(many.as_bytes(), false, false),
        Err(HttpError::BadInformational)
    );
    let eight = format!(
        "{}HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 102 x\r\n\r\n".repeat(8)
    );
    assert!(every_way(eight.as_bytes(), false, false).is_ok());
    let switch = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n";
    assert_eq!(
        every_way(switch, false, false),
        Err(HttpError::BadInformational)
    );
}

#[test]
fn bad_framing_is_refused_at_every_split() {
    for (text, error) in [
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
            HttpError::LengthAndTransferEncoding,
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
            HttpError::ConflictingLengths,
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            HttpError::BadChunk,
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab",
            HttpError::BadChunk,
        ),
    ] {
        assert_eq!(
            every_way(text.as_bytes(), false, false),
            Err(error),
            "{text:?}"
        );
    }
}
