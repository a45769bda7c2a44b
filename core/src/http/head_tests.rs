use std::format;
use std::string::String;

use super::*;

fn read(text: &str) -> Result<Head, HttpError> {
    let end = end(text.as_bytes(), 0).expect("a whole head");
    parse(&text.as_bytes()[..end], false)
}

fn with(lines: &str) -> Result<Head, HttpError> {
    read(&format!("HTTP/1.1 200 OK\r\n{lines}\r\n"))
}

fn framing(lines: &str) -> Framing {
    with(lines).unwrap().framing
}

#[test]
fn empty_lines_before_the_status_line_are_refused() {
    assert_eq!(
        parse(b"\r\nHTTP/1.1 200 OK\r\n\r\n", false),
        Err(HttpError::NotHttp)
    );
    assert_eq!(
        parse(b"\nHTTP/1.1 200 OK\r\n\r\n", false),
        Err(HttpError::NotHttp)
    );
}

#[test]
fn bare_lf_ends_a_line_of_a_head() {
    let head = read("HTTP/1.1 200 OK\nContent-Length: 3\n\n").unwrap();
    assert_eq!(head.framing, Framing::Length(3));
    let mixed = read("HTTP/1.1 200 OK\r\nContent-Length: 3\n\r\n").unwrap();
    assert_eq!(mixed.framing, Framing::Length(3));
}

#[test]
fn the_reason_phrase_may_be_empty_missing_or_foreign() {
    for line in [
        "HTTP/1.1 200 ",
        "HTTP/1.1 200",
        "HTTP/1.1 200 Ça va",
        "HTTP/1.0 200 OK",
    ] {
        assert_eq!(
            read(&format!("{line}\r\n\r\n")).unwrap().status,
            200,
            "{line:?}"
        );
    }
}

#[test]
fn a_status_outside_100_to_599_is_refused() {
    assert!(read("HTTP/1.1 100 x\r\n\r\n").is_ok());
    assert!(read("HTTP/1.1 599 x\r\n\r\n").is_ok());
    for status in ["099", "600", "999", "000"] {
        let text = format!("HTTP/1.1 {status} x\r\n\r\n");
        assert_eq!(read(&text), Err(HttpError::BadStatusLine), "{status}");
    }
    for line in [
        "HTTP/1.1 20 OK",
        "HTTP/1.1 2000 OK",
        "HTTP/1.1  200 OK",
        "HTTP/1.1 +20 OK",
    ] {
        assert!(read(&format!("{line}\r\n\r\n")).is_err(), "{line:?}");
    }
}

#[test]
fn only_http_1_0_and_1_1_are_spoken() {
    for line in [
        "HTTP/2.0 200 OK",
        "HTTP/1.2 200 OK",
        "http/1.1 200 OK",
        "ICY 200 OK",
    ] {
        assert_eq!(
            read(&format!("{line}\r\n\r\n")),
            Err(HttpError::NotHttp),
            "{line:?}"
        );
    }
    assert!(may_be_http(b"HTT") && may_be_http(b"HTTP/1.1 2"));
    assert!(!may_be_http(b"SSH-2.0") && !may_be_http(b"\r\n"));
}

#[test]
fn malformed_header_lines_are_refused() {
    for lines in [
        "A: b\r\n c\r\n",
        "A : b\r\n",
        ": b\r\n",
        " A: b\r\n",
        "A\r\n",
        "A: b\rc\r\n",
        "A: b\0c\r\n",
        "A: b\x01\r\n",
        "A b: c\r\n",
        "Ä: b\r\n",
    ] {
        assert_eq!(with(lines), Err(HttpError::BadHeader), "{lines:?}");
    }
}

#[test]
fn tabs_empty_values_and_high_bytes_are_accepted_and_blanks_trimmed() {
    assert!(with("A:\r\nB: \t x\ty \t\r\nC: \u{e9}\r\n").is_ok());
    let head = b"HTTP/1.1 200 OK\r\nB: \t x\ty \t\r\n\r\n";
    assert_eq!(find(head, "b"), Found::Once(b"x\ty"));
}

#[test]
fn a_head_of_33_lines_is_refused_and_one_of_32_is_not() {
    let lines = |n| (0..n).map(|i| format!("H{i}: x\r\n")).collect::<String>();
    assert!(with(&lines(32)).is_ok());
    assert_eq!(with(&lines(33)), Err(HttpError::TooManyHeaders));
}

#[test]
fn a_content_length_is_digits_and_nothing_else() {
    assert_eq!(framing("Content-Length: 0\r\n"), Framing::Length(0));
    assert_eq!(framing("CONTENT-length:   007 \r\n"), Framing::Length(7));
    assert_eq!(
        framing("Content-Length: 18446744073709551615\r\n"),
        Framing::Length(u64::MAX)
    );
    for value in [
        "+5",
        "-5",
        "5,6",
        "5, 5",
        "",
        "0x5",
        "5.0",
        "18446744073709551616",
        "5 5",
    ] {
        assert_eq!(
            with(&format!("Content-Length: {value}\r\n")),
            Err(HttpError::BadContentLength),
            "{value:?}"
        );
    }
}

#[test]
fn repeated_lengths_must_agree() {
    assert_eq!(
        framing("Content-Length: 5\r\nContent-Length: 5\r\n"),
        Framing::Length(5)
    );
    assert_eq!(
        with("Content-Length: 5\r\nContent-Length: 6\r\n"),
        Err(HttpError::ConflictingLengths)
    );
}

#[test]
fn transfer_encoding_is_chunked_alone_or_refused() {
    assert_eq!(framing("Transfer-Encoding: Chunked\r\n"), Framing::Chunked);
    for value in ["gzip", "gzip, chunked", "chunked, chunked", "identity", ""] {
        assert_eq!(
            with(&format!("Transfer-Encoding: {value}\r\n")),
            Err(HttpError::BadTransferEncoding),
            "{value:?}"
        );
    }
    assert_eq!(
        with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"),
        Err(HttpError::BadTransferEncoding)
    );
    assert_eq!(
        read("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
        Err(HttpError::BadTransferEncoding)
    );
}

#[test]
fn transfer_encoding_with_a_length_is_refused_in_either_order() {
    for lines in [
        "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
    ] {
        assert_eq!(with(lines), Err(HttpError::LengthAndTransferEncoding));
    }
}

#[test]
fn a_content_encoding_other_than_identity_is_refused() {
    assert!(with("Content-Encoding: Identity\r\nContent-Length: 0\r\n").is_ok());
    for value in ["gzip", "identity, gzip", "br", ""] {
        assert_eq!(
            with(&format!("Content-Encoding: {value}\r\n")),
            Err(HttpError::ContentEncoding),
            "{value:?}"
        );
    }
}

#[test]
fn some_answers_have_no_body_whatever_they_announce() {
    for status in ["204", "304", "100"] {
        let head = read(&format!("HTTP/1.1 {status} x\r\nContent-Length: 9\r\n\r\n")).unwrap();
        assert_eq!(head.framing, Framing::Empty, "{status}");
    }
    let head = parse(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", true).unwrap();
    assert_eq!(head.framing, Framing::Empty, "an answer to HEAD");
}

#[test]
fn reuse_follows_version_and_connection_options() {
    let keep = |text: &str| read(text).unwrap().keep_alive;
    assert!(keep("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"));
    assert!(!keep(
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    ));
    assert!(!keep(
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: x, Close\r\n\r\n"
    ));
    assert!(!keep(
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive\r\nConnection: close\r\n\r\n"
    ));
    assert!(!keep("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n"));
    assert!(keep(
        "HTTP/1.0 200 OK\r\nContent-Length: 0\r\nConnection: Keep-Alive\r\n\r\n"
    ));
    assert!(!keep("HTTP/1.1 200 OK\r\n\r\n"), "a body until close");
}

#[test]
fn the_end_is_found_wherever_the_search_was_left_off() {
    for text in [
        "HTTP/1.1 200 OK\r\nA: b\r\n\r\nbody\r\n\r\n",
        "HTTP/1.1 200 OK\nA: b\n\nbody\n\n",
    ] {
        let whole = end(text.as_bytes(), 0).unwrap();
        assert!(text[..whole].ends_with("\n") && text[whole..].starts_with("body"));
        for split in 0..whole {
            let first = end(&text.as_bytes()[..split], 0);
            assert_eq!(first, None);
            assert_eq!(end(text.as_bytes(), split), Some(whole), "split at {split}");
        }
    }
}

#[test]
fn a_header_asked_for_by_name_is_missing_once_or_repeated() {
    let head = b"HTTP/1.1 200 OK\r\nTtl: 1\r\nX: 2\r\nx: 3\r\n\r\n";
    assert_eq!(find(head, "TTL"), Found::Once(b"1"));
    assert_eq!(find(head, "x"), Found::Repeated);
    assert_eq!(find(head, "y"), Found::Missing);
}
