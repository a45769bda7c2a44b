//! The differences between our reader of answers and hyper's that are meant.

use imds_core::http::{HttpError, MAX_HEAD, MAX_HEADERS, MAX_INFORMATIONAL};

/// Most bytes a chunk's size and extensions may have, and a body's trailers, without line ends and
/// the semicolon behind the size.
const MAX_IGNORED: usize = 1024;

/// One head of an answer.
pub(super) struct Head<'a> {
    /// With the empty lines in front of it.
    bytes: &'a [u8],
    status: u16,
    minor: u8,
    fields: Vec<(String, &'a [u8])>,
}

impl<'a> Head<'a> {
    /// The values under this name.
    fn all(&self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        self.fields
            .iter()
            .filter(move |(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, value)| *value)
    }

    fn lengths(&self) -> Vec<Option<u64>> {
        self.all("content-length").map(number).collect()
    }

    fn codings(&self) -> Vec<&'a [u8]> {
        self.all("transfer-encoding").collect()
    }

    /// Chunks are what we read if there is one such field and nothing else in it.
    fn is_chunked(&self) -> bool {
        let codings = self.codings();
        self.minor == 1 && codings.len() == 1 && codings[0].eq_ignore_ascii_case(b"chunked")
    }

    fn has_body(&self) -> bool {
        !matches!(self.status, 100..=199 | 204 | 304)
    }
}

fn number(text: &[u8]) -> Option<u64> {
    let text = core::str::from_utf8(text).ok()?;
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| digits)
}

/// The heads up to the final one, as many as there are, and what stands behind them.
pub(super) fn heads(input: &[u8]) -> (Vec<Head<'_>>, &[u8]) {
    let (mut heads, mut rest) = (Vec::new(), input);
    loop {
        // More than hyper takes.
        let mut storage = [httparse::EMPTY_HEADER; 128];
        let mut head = httparse::Response::new(&mut storage);
        let (Ok(httparse::Status::Complete(len)), Some(status), Some(minor)) =
            (head.parse(rest), head.code, head.version)
        else {
            return (heads, rest);
        };
        let fields = head.headers.iter();
        heads.push(Head {
            bytes: &rest[..len],
            status,
            minor,
            fields: fields.map(|f| (f.name.to_owned(), f.value)).collect(),
        });
        rest = &rest[len..];
        if status == 101 || status >= 200 {
            return (heads, rest);
        }
    }
}

/// Is this why we refuse an answer that hyper accepts?
pub(super) fn refusal(error: HttpError, heads: &[Head<'_>], body: &[u8]) -> bool {
    let any = |rule: &dyn Fn(&Head<'_>) -> bool| heads.iter().any(rule);
    match error {
        // hyper passes over empty lines in front.
        HttpError::NotHttp => any(&|head| matches!(head.bytes[0], b'\r' | b'\n')),
        // hyper knows statuses up to 999.
        HttpError::BadStatusLine => any(&|head| head.status >= 600),
        // Our limits are narrower.
        HttpError::TooManyHeaders => any(&|head| head.fields.len() > MAX_HEADERS),
        HttpError::HeadTooLarge => any(&|head| head.bytes.len() > MAX_HEAD),
        // hyper takes a list of equal lengths in one field.
        HttpError::BadContentLength => any(&|head| head.lengths().contains(&None)),
        // hyper looks at none where there is no body or are chunks.
        HttpError::ConflictingLengths => any(&|head| {
            let unread = !head.has_body() || !head.codings().is_empty();
            unread && head.lengths().windows(2).any(|two| two[0] != two[1])
        }),
        // hyper reads a body that is chunked last, or by the connection's end if it is not.
        HttpError::BadTransferEncoding => {
            any(&|head| !head.codings().is_empty() && !head.is_chunked())
        }
        // hyper drops the length.
        HttpError::LengthAndTransferEncoding => {
            any(&|head| !head.codings().is_empty() && !head.lengths().is_empty())
        }
        // hyper leaves it to its caller.
        HttpError::ContentEncoding => any(&|head| {
            let mut codings = head.all("content-encoding");
            codings.any(|coding| !coding.eq_ignore_ascii_case(b"identity"))
        }),
        // hyper has no limit, and takes a 101 that nobody asked for.
        HttpError::BadInformational => {
            let before = heads.iter().filter(|head| head.status < 200).count();
            before > usize::from(MAX_INFORMATIONAL) || any(&|head| head.status == 101)
        }
        // hyper takes blanks behind a size, sizes beyond 32 bits, bare LFs in trailers and more of
        // what is to be ignored.
        HttpError::BadChunk => chunks(body).is_none(),
        HttpError::BadHeader
        | HttpError::HeadTruncated
        | HttpError::BodyTruncated
        | HttpError::TrailingBytes => false,
        other => panic!("a reason without a rule: {other:?}"),
    }
}

/// Is this an answer that we accept and hyper does not? Trailers are what we do not look at.
pub(super) fn leniency(heads: &[Head<'_>], body: &[u8]) -> bool {
    let chunked = heads.last().is_some_and(Head::is_chunked);
    chunked && chunks(body).is_some_and(|trailers| !trailers.is_empty())
}

/// Reads a body in chunks by the letter of RFC 9112 §7.1, as far as sizes and lengths that have to
/// be taken; its trailers.
fn chunks(mut rest: &[u8]) -> Option<&[u8]> {
    loop {
        let (line, after) = line(rest)?;
        let size = line.split(|byte| *byte == b';').next()?;
        let text = core::str::from_utf8(size).ok()?;
        let digits = text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let size = u32::from_str_radix(text, 16).ok().filter(|_| digits)?;
        let size = usize::try_from(size).ok()?;
        if line.len() - usize::from(line.contains(&b';')) > MAX_IGNORED {
            return None;
        }
        if size == 0 {
            return trailers(after);
        }
        rest = after.get(size..)?.strip_prefix(b"\r\n")?;
    }
}

fn trailers(bytes: &[u8]) -> Option<&[u8]> {
    let (mut rest, mut lines) = (bytes, 0);
    loop {
        let (line, after) = line(rest)?;
        lines += line.len();
        if lines > MAX_IGNORED {
            return None;
        }
        if line.is_empty() {
            return Some(&bytes[..bytes.len() - rest.len()]);
        }
        rest = after;
    }
}

/// The text up to the first CR LF, and what stands behind that.
fn line(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes.windows(2).position(|two| two == b"\r\n")?;
    let line = &bytes[..end];
    let control = |byte: &u8| byte.is_ascii_control() && *byte != b'\t';
    (!line.iter().any(control)).then_some((line, &bytes[end + 2..]))
}
