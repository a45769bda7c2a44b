//! What becomes part of a request.

use core::fmt::{Display, Write as _};
use core::time::Duration;

use heapless::String;

use super::{check_text, first_line};
use crate::Instant;
use crate::endpoint::Endpoint;
use crate::http::{Found, Request, write};
use crate::path::{self, Encoded, MAX_PATH};
use crate::token::{Token, read_ttl};
use crate::walk::{self, listing};

/// The longest request: its path, each byte of it encoded, and 1 KiB for all the rest.
const REQUEST: usize = 3 * MAX_PATH + 1024;

/// What is let through as a path is one path of one request line, and means the same there.
///
/// # Panics
/// If not.
pub fn path(input: &[u8]) {
    let Ok(text) = core::str::from_utf8(input) else {
        return;
    };
    let (first, _) = text.split_once('/').unwrap_or((text, ""));
    let root = path::root_of(first);
    assert!(root.starts_with('/') && root.ends_with('/'));
    match path::validate(text) {
        Ok(()) => check_target(text),
        Err(error) => check_text(&error),
    }
}

/// A path of a request: a server finds one request, with this path and no other header than ours.
fn check_target(text: &str) {
    let target = Encoded(text);
    let bytes = &mut [0; REQUEST];
    let len = request(bytes, "/base", &target, &"h", None);
    let mut headers = [httparse::EMPTY_HEADER; 4];
    let mut parsed = httparse::Request::new(&mut headers);
    assert_eq!(
        parsed.parse(&bytes[..len]),
        Ok(httparse::Status::Complete(len)),
        "one request"
    );
    assert_eq!((parsed.method, parsed.version), (Some("GET"), Some(1)));
    assert_eq!(parsed.headers.len(), 2, "Host and Connection");
    let target = parsed.path.and_then(|path| path.strip_prefix("/base"));
    let target = target.expect("the prefix stands first");
    assert!(target.bytes().all(legal), "{target:?}");
    let mut before = "";
    let mut segments = text.split('/');
    for segment in target.split('/') {
        let meant = segments.next().expect("a segment for each");
        let cut = before == "public-keys";
        let same = decodes_to(segment, meant);
        assert!(same || (cut && meant.starts_with(segment)), "{segment:?}");
        before = meant;
    }
    assert_eq!(segments.next(), None, "a segment for each");
}

/// RFC 3986 §3.3, with the slash between segments.
fn legal(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@%/".contains(&byte)
}

/// Undoes percent-encoding as a server does.
fn decodes_to(segment: &str, meant: &str) -> bool {
    let mut rest = segment.as_bytes();
    for wanted in meant.bytes() {
        let (byte, after) = match rest {
            [b'%', high, low, after @ ..] => {
                let digit = |hex: &u8| char::from(*hex).to_digit(16);
                match (digit(high), digit(low)) {
                    (Some(high), Some(low)) => (high << 4 | low, after),
                    _ => return false,
                }
            }
            [byte, after @ ..] => (u32::from(*byte), after),
            [] => return false,
        };
        if byte != u32::from(wanted) {
            return false;
        }
        rest = after;
    }
    rest.is_empty()
}

fn request(
    into: &mut [u8],
    prefix: &str,
    target: &dyn Display,
    host: &dyn Display,
    header: Option<(&'static str, &dyn Display)>,
) -> usize {
    let request = Request {
        method: "GET",
        prefix,
        target,
        host,
        header,
        empty_body: false,
    };
    write(into, &request).expect("the longest parts fit")
}

/// A listing falls into lines without loss, and a line that is taken for a name makes a path that
/// can be asked for.
///
/// # Panics
/// If not.
pub fn listing(input: &[u8]) {
    for dir in ["/", "/latest/meta-data/", "/latest/meta-data/public-keys/"] {
        let (mut lines, mut rest) = (0, input);
        while let Some((line, used)) = listing::cut(rest, true) {
            assert!(used > 0 && !line.contains(&b'\n'));
            if used > line.len() {
                assert_eq!(
                    listing::cut(rest, false),
                    Some((line, used)),
                    "a whole line"
                );
            } else {
                assert_eq!(listing::cut(rest, false), None, "no whole line");
            }
            assert_eq!(&rest[..line.len()], line);
            rest = &rest[used..];
            lines += 1;
            let name = match listing::judge(dir, line) {
                Ok(name) => name,
                Err(bad) => {
                    check_text(&bad);
                    continue;
                }
            };
            assert_eq!(name.as_bytes(), line);
            let mut path = String::<MAX_PATH>::new();
            path.push_str(dir).expect("short");
            path.push_str(name).expect("names that fit are let through");
            assert_eq!(path::validate(&path), Ok(()), "{path:?}");
            check_target(&path);
        }
        assert!(rest.is_empty());
        assert_eq!(walk::entries(dir, input).count(), lines);
    }
}

/// An endpoint written down and read again is the same, and its parts can stand in a request.
///
/// # Panics
/// If not.
pub fn endpoint(input: &[u8]) {
    let Ok(text) = core::str::from_utf8(input) else {
        return;
    };
    let endpoint = match Endpoint::parse(text) {
        Ok(endpoint) => endpoint,
        Err(error) => return check_text(&error),
    };
    let mut written = String::<256>::new();
    write!(written, "{endpoint}").expect("the longest endpoint fits");
    assert_eq!(
        Endpoint::parse(&written).as_ref(),
        Ok(&endpoint),
        "{written}"
    );
    assert_ne!(endpoint.port(), 0);
    let bytes = &mut [0; REQUEST];
    let len = request(bytes, endpoint.prefix(), &"/", &endpoint.authority(), None);
    let mut headers = [httparse::EMPTY_HEADER; 4];
    let mut parsed = httparse::Request::new(&mut headers);
    assert_eq!(
        parsed.parse(&bytes[..len]),
        Ok(httparse::Status::Complete(len)),
        "one request"
    );
    let mut authority = String::<256>::new();
    write!(authority, "{}", endpoint.authority()).expect("the longest endpoint fits");
    assert_eq!(parsed.headers[0].value, authority.as_bytes());
    assert_eq!(parsed.headers.len(), 2, "Host and Connection");
}

/// What is taken for a token is one header's value, and is not used for longer than it was granted.
/// The first line is what the header says of its life, the rest is the body.
///
/// # Panics
/// If not.
pub fn token(input: &[u8]) {
    const NAME: &str = "X-aws-ec2-metadata-token";
    let (life, value) = first_line(input);
    let asked = Instant::from_millis(1000);
    let ttl = match read_ttl(Found::Once(life)) {
        Ok(ttl) => ttl,
        Err(peer) => return check_text(&peer),
    };
    let digits = core::str::from_utf8(life).ok().and_then(|s| s.parse().ok());
    assert_eq!(digits, Some(ttl));
    let mut token = Token::<128>::none();
    if token.accept(asked, ttl, value).is_err() {
        assert!(!token.usable(asked), "a token that was refused");
        return;
    }
    let bytes = &mut [0; REQUEST];
    let len = request(bytes, "", &"/", &"h", Some((NAME, &token)));
    let mut headers = [httparse::EMPTY_HEADER; 4];
    let mut parsed = httparse::Request::new(&mut headers);
    assert_eq!(
        parsed.parse(&bytes[..len]),
        Ok(httparse::Status::Complete(len)),
        "one request"
    );
    assert_eq!(parsed.headers.len(), 3, "Host, the token and Connection");
    assert_eq!(
        (parsed.headers[1].name, parsed.headers[1].value),
        (NAME, value)
    );

    assert!(token.usable(asked) && !token.wants_refresh(asked));
    let generation = token.mark_used();
    let end = asked + Duration::from_secs(u64::from(ttl));
    assert!(!token.usable(end) && token.wants_refresh(end));
    for other in [generation.wrapping_sub(1), generation.wrapping_add(1)] {
        token.reject(other);
        assert_eq!(token.usable(asked), ttl > 0, "another token was refused");
    }
    token.reject(generation);
    assert!(!token.usable(asked));
}
