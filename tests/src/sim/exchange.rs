//! A request, and the head of its answer, as bytes show them.

use core::time::Duration;

/// Where redirects to elsewhere lead.
pub(super) const ELSEWHERE: &str = "http://192.0.2.1/";

/// A request and what came of it.
pub(crate) struct Exchange {
    pub(crate) put: bool,
    /// The path, decoded.
    pub(crate) path: String,
    pub(super) token: Option<String>,
    /// When its first byte was sent, and its last.
    pub(crate) first: Duration,
    pub(super) written: Option<Duration>,
    pub(super) order: u64,
    pub(super) bytes: Vec<u8>,
    pub(super) answer: Vec<u8>,
    pub(crate) head: Option<Head>,
    /// When the last byte came, and when no more could come.
    pub(super) latest: Option<Duration>,
    pub(super) over: Option<Duration>,
    /// It was the first on its connection.
    pub(super) fresh: bool,
    /// The connection broke.
    pub(super) broken: bool,
}

impl Exchange {
    /// Was it answered 401? (In chunks no client of HTTP/1.0 can read that.)
    pub(super) fn is_refused(&self) -> bool {
        self.head
            .is_some_and(|head| head.status == 401 && !head.chunked)
    }

    /// Did the body come that the head has told of?
    pub(super) fn is_whole(&self) -> bool {
        let end = self.answer.windows(4).position(|w| w == b"\r\n\r\n");
        let body = end.map_or(0, |end| self.answer.len() - end - 4);
        let length = self.head.and_then(|head| head.length);
        length.is_some_and(|length| u64::try_from(body).is_ok_and(|body| body >= length))
    }
}

/// The head of an answer, when its last byte was there.
#[derive(Clone, Copy)]
pub(crate) struct Head {
    pub(crate) status: u16,
    pub(crate) at: Duration,
    pub(crate) retry_after: Option<u64>,
    pub(super) life: Option<u64>,
    pub(super) length: Option<u64>,
    pub(super) chunked: bool,
    /// It leads to the same path with a slash behind it, if anywhere.
    pub(super) slash: bool,
    /// The connection is not to be used again.
    pub(super) closes: bool,
}

/// Equal but for a final slash.
pub(crate) fn same(a: &str, b: &str) -> bool {
    a.trim_end_matches('/') == b.trim_end_matches('/')
}

pub(super) fn head(bytes: &[u8], at: Duration) -> Option<Head> {
    let text = String::from_utf8_lossy(bytes);
    let mut lines = text.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let value = |wanted: &str| {
        let mut values = text.split("\r\n").skip(1).filter_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case(wanted)
                .then(|| value.trim().parse().ok())
        });
        values.next().flatten()
    };
    let lower = text.to_ascii_lowercase();
    let closes = lower.contains("connection: close")
        || (text.starts_with("HTTP/1.0") && !lower.contains("connection: keep-alive"));
    Some(Head {
        closes,
        chunked: lower.contains("chunked"),
        slash: lower
            .lines()
            .any(|l| l.starts_with("location:") && l.ends_with('/'))
            && !lower.contains(ELSEWHERE),
        status,
        at,
        retry_after: value("retry-after"),
        length: value("content-length"),
        life: value("x-aws-ec2-metadata-token-ttl-seconds"),
    })
}

/// A token may be spread over chunks.
pub(super) fn is_chunked(answer: &[u8]) -> bool {
    contains(&answer.to_ascii_lowercase(), b"chunked")
}

fn contains(hay: &[u8], needle: &[u8]) -> bool {
    hay.windows(needle.len()).any(|w| w == needle)
}

pub(super) fn decoded(target: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = target.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digits = [rest.next(), rest.next()].map(|d| d.expect("two digits after %"));
        let digits = str::from_utf8(&digits).expect("digits");
        bytes.push(u8::from_str_radix(digits, 16).expect("hexadecimal digits"));
    }
    String::from_utf8(bytes).expect("a path is text")
}
