//! The head of a response: its facts, and how the body is framed.
//!
//! httparse does the lexing; what it leaves open is decided here, each corner with a test:
//!
//! | corner | decision |
//! |---|---|
//! | empty lines before the status line | refused: they belong to no answer |
//! | bare LF as line end | accepted, in heads only (hand-written servers) |
//! | empty or missing reason phrase | accepted (Firecracker, facts §9.2) |
//! | status outside 100–599 | refused |
//! | HTTP version other than 1.0, 1.1 | refused |
//! | folded lines, blanks before the colon or in an empty name | refused |
//! | control characters in values, bare CR | refused; HT is a blank |
//! | bytes above 0x7F in values and reasons | accepted, never interpreted |
//! | repeated `Content-Length` | accepted if all are the same number; a list in one field is not a number |
//! | `Transfer-Encoding` | `chunked` alone, once, HTTP/1.1, without `Content-Length` |

use super::HttpError;
use crate::place::part;

/// Most bytes a head may have.
pub const MAX_HEAD: usize = 4096;
/// Most header lines a head may have.
pub const MAX_HEADERS: usize = 32;

/// How the end of a body is found (RFC 9112 §6.3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Framing {
    /// There is no body: 204, 304, or an answer to HEAD.
    Empty,
    /// This many bytes.
    Length(u64),
    /// Chunks.
    Chunked,
    /// All there is until the connection closes.
    UntilClose,
}

/// What framing and reuse need to know of a head.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Head {
    /// 100–599.
    pub status: u16,
    /// How the end of the body is found.
    pub framing: Framing,
    /// The server leaves the connection open after this response.
    pub keep_alive: bool,
    /// Bytes of the head, its empty line included.
    pub len: usize,
}

/// Where the head in `buf` ends, looking from `from` on; call with the last answer's length
/// so that every byte is looked at once.
pub(crate) fn end(buf: &[u8], from: usize) -> Option<usize> {
    // An end that straddles `from` needs the three bytes before it.
    let mut at = from.saturating_sub(3);
    while let Some(lf) = part(buf, at..).iter().position(|b| *b == b'\n') {
        at += lf + 1;
        match part(buf, at..) {
            [b'\n', ..] => return Some(at + 1),
            [b'\r', b'\n', ..] => return Some(at + 2),
            _ => {}
        }
    }
    None
}

/// Can `buf` still become a status line? Lets a foreign protocol fail on its first bytes.
pub(crate) fn may_be_http(buf: &[u8]) -> bool {
    const START: &[u8] = b"HTTP/1.";
    let n = buf.len().min(START.len());
    buf[..n] == START[..n]
}

/// The value of a header that must stand at most once.
pub(crate) fn find<'a>(head: &'a [u8], name: &str) -> Found<'a> {
    let mut storage = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut response = httparse::Response::new(&mut storage);
    let mut found = Found::Missing;
    if response.parse(head).is_ok() {
        for header in response.headers.iter() {
            if header.name.eq_ignore_ascii_case(name) {
                found = match found {
                    Found::Missing => Found::Once(header.value),
                    Found::Once(_) | Found::Repeated => Found::Repeated,
                };
            }
        }
    }
    found
}

/// Answer of [`find`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Found<'a> {
    Missing,
    Once(&'a [u8]),
    Repeated,
}

/// Reads the head that is `buf`, which ends where [`end`] said.
pub(crate) fn parse(buf: &[u8], answers_head: bool) -> Result<Head, HttpError> {
    // httparse would skip these.
    if matches!(buf.first(), Some(b'\r' | b'\n')) {
        return Err(HttpError::NotHttp);
    }
    let mut storage = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut response = httparse::Response::new(&mut storage);
    match response.parse(buf) {
        Ok(httparse::Status::Complete(len)) if len == buf.len() => {}
        Ok(_) => return Err(HttpError::BadHeader),
        Err(error) => return Err(named(error)),
    }
    let (Some(status), Some(minor)) = (response.code, response.version) else {
        return Err(HttpError::BadStatusLine);
    };
    if !(100..600).contains(&status) {
        return Err(HttpError::BadStatusLine);
    }

    let mut length: Option<u64> = None;
    let mut chunked = false;
    let mut close = false;
    let mut keep_alive = false;
    for header in response.headers.iter() {
        let is = |name| header.name.eq_ignore_ascii_case(name);
        if is("content-length") {
            let n = decimal(header.value).ok_or(HttpError::BadContentLength)?;
            if length.is_some_and(|earlier| earlier != n) {
                return Err(HttpError::ConflictingLengths);
            }
            length = Some(n);
        } else if is("transfer-encoding") {
            let once = !chunked;
            chunked = header.value.eq_ignore_ascii_case(b"chunked");
            if !(once && chunked && minor == 1) {
                return Err(HttpError::BadTransferEncoding);
            }
        } else if is("content-encoding") {
            if !header.value.eq_ignore_ascii_case(b"identity") {
                return Err(HttpError::ContentEncoding);
            }
        } else if is("connection") {
            for option in header.value.split(|b| *b == b',') {
                let option = option.trim_ascii();
                close |= option.eq_ignore_ascii_case(b"close");
                keep_alive |= option.eq_ignore_ascii_case(b"keep-alive");
            }
        }
    }
    let framing = match (status, chunked, length) {
        (_, true, Some(_)) => return Err(HttpError::LengthAndTransferEncoding),
        (100..=199 | 204 | 304, ..) => Framing::Empty,
        _ if answers_head => Framing::Empty,
        (_, true, None) => Framing::Chunked,
        (_, false, Some(n)) => Framing::Length(n),
        (_, false, None) => Framing::UntilClose,
    };
    Ok(Head {
        status,
        framing,
        keep_alive: !close && (keep_alive || minor == 1) && !matches!(framing, Framing::UntilClose),
        len: buf.len(),
    })
}

const fn named(error: httparse::Error) -> HttpError {
    match error {
        httparse::Error::Version => HttpError::NotHttp,
        httparse::Error::Status => HttpError::BadStatusLine,
        httparse::Error::TooManyHeaders => HttpError::TooManyHeaders,
        httparse::Error::HeaderName
        | httparse::Error::HeaderValue
        | httparse::Error::NewLine
        | httparse::Error::Token => HttpError::BadHeader,
    }
}

/// Digits only (no sign, no blank, no list), below 2^64.
pub(crate) fn decimal(text: &[u8]) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    text.iter().try_fold(0u64, |n, b| {
        let digit = b.is_ascii_digit().then(|| u64::from(b - b'0'))?;
        n.checked_mul(10)?.checked_add(digit)
    })
}

#[cfg(test)]
#[path = "head_tests.rs"]
mod tests;
