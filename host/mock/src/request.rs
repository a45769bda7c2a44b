//! What a client sent: from bytes to a request, and from a target to path segments.

/// One request, as sent.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// The request target, untouched.
    pub(crate) target: String,
    /// 0 or 1, the minor version of HTTP/1.
    pub(crate) minor: u8,
    /// Names spelled as sent.
    pub(crate) headers: Vec<(String, String)>,
}

impl Request {
    /// Every value under this name, in any case.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers
            .iter()
            .filter(move |(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The first value under this name.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// `Connection` lists this option.
    pub(crate) fn asks_connection(&self, option: &str) -> bool {
        self.all("connection")
            .flat_map(|value| value.split(','))
            .any(|token| token.trim().eq_ignore_ascii_case(option))
    }

    /// The target without scheme, authority and query: absolute form must be understood by every HTTP/1.1 server, and
    /// no query has a meaning here. Empty if there is no path in it, which then does not start with a slash either.
    pub(crate) fn path(&self) -> &str {
        let target = self.target.as_str();
        let path = match (target.starts_with('/'), target.find("://")) {
            (true, _) => target,
            (false, Some(at)) => {
                let rest = &target[at + 3..];
                rest.find('/').map_or("", |slash| &rest[slash..])
            }
            (false, None) => "",
        };
        path.split(['?', '#']).next().unwrap_or(path)
    }
}

/// A path as its names: slashes collapsed, percent-encoding undone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Segments {
    pub(crate) names: Vec<String>,
    /// It ended in a slash.
    pub(crate) slash: bool,
}

impl Segments {
    /// Decoding comes after splitting, so that `%2F` is part of a name.
    pub(crate) fn decoded(path: &str) -> Self {
        Self {
            names: path
                .split('/')
                .filter(|s| !s.is_empty())
                .map(percent_decode)
                .collect(),
            slash: path.ends_with('/'),
        }
    }

    /// One slash between names, and at the end if there was one.
    pub(crate) fn display(&self) -> String {
        let mut text = String::new();
        for name in &self.names {
            text.push('/');
            text.push_str(name);
        }
        if self.slash {
            text.push('/');
        }
        text
    }
}

/// A `%` that two hex digits do not follow stands for itself.
fn percent_decode(segment: &str) -> String {
    let mut decoded = Vec::with_capacity(segment.len());
    let mut rest = segment.as_bytes();
    while let [first, tail @ ..] = rest {
        if let ([high, low, after @ ..], b'%') = (tail, first) {
            if let (Some(high), Some(low)) = (hex(*high), hex(*low)) {
                decoded.push(high << 4 | low);
                rest = after;
                continue;
            }
        }
        decoded.push(*first);
        rest = tail;
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|value| u8::try_from(value).ok())
}

/// The bytes are not a request, or one that no server here would read to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bad;

/// More headers than any client of this service sends.
const HEADERS: usize = 64;

/// The request that starts the input and the length of its head, or `None` while the head is incomplete.
pub(crate) fn parse_head(input: &[u8]) -> Result<Option<(Request, usize)>, Bad> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS];
    let mut head = httparse::Request::new(&mut headers);
    let length = match head.parse(input).map_err(|_| Bad)? {
        httparse::Status::Complete(length) => length,
        httparse::Status::Partial => return Ok(None),
    };
    let request = Request {
        method: head.method.unwrap_or_default().to_owned(),
        target: head.path.unwrap_or_default().to_owned(),
        minor: head.version.unwrap_or(1),
        headers: head
            .headers
            .iter()
            .map(|h| {
                (
                    h.name.to_owned(),
                    String::from_utf8_lossy(h.value).into_owned(),
                )
            })
            .collect(),
    };
    Ok(Some((request, length)))
}

/// How many of the bytes behind the head are this request's body, or `None` while it is incomplete. A chunked body
/// that never ends makes the server wait for ever, as EC2 does (facts §1.2).
pub(crate) fn body_length(request: &Request, rest: &[u8]) -> Result<Option<usize>, Bad> {
    if request.header("transfer-encoding").is_some() {
        return chunked_length(rest);
    }
    let Some(text) = request.header("content-length") else {
        return Ok(Some(0));
    };
    let length = crate::token::parse_seconds(text)
        .and_then(|length| usize::try_from(length).ok())
        .ok_or(Bad)?;
    Ok((rest.len() >= length).then_some(length))
}

/// The length of a whole chunked body, without trailers: nobody sends them here.
fn chunked_length(rest: &[u8]) -> Result<Option<usize>, Bad> {
    let mut at = 0;
    loop {
        let (start, size) = match httparse::parse_chunk_size(&rest[at..]).map_err(|_| Bad)? {
            httparse::Status::Complete(found) => found,
            httparse::Status::Partial => return Ok(None),
        };
        let size = usize::try_from(size).map_err(|_| Bad)?;
        let end = (at + start)
            .checked_add(size)
            .and_then(|end| end.checked_add(2))
            .ok_or(Bad)?;
        let Some(line_end) = rest.get(end - 2..end) else {
            return Ok(None);
        };
        if line_end != b"\r\n" {
            return Err(Bad);
        }
        if size == 0 {
            return Ok(Some(end));
        }
        at = end;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(text: &str) -> Request {
        parse_head(text.as_bytes()).unwrap().unwrap().0
    }

    #[test]
    fn a_head_is_incomplete_until_its_last_byte() {
        let text = b"PUT /latest/api/token HTTP/1.1\r\nHost: h\r\nX-Aws: 1\r\n\r\n";
        for cut in 0..text.len() {
            assert!(parse_head(&text[..cut]).unwrap().is_none(), "at {cut}");
        }
        let (request, length) = parse_head(text).unwrap().unwrap();
        assert_eq!(length, text.len());
        assert_eq!(
            (request.method.as_str(), request.target.as_str()),
            ("PUT", "/latest/api/token")
        );
        assert_eq!(request.header("HOST"), Some("h"));
    }

    #[test]
    fn bytes_behind_the_head_are_not_part_of_it() {
        let (_, length) = parse_head(b"GET / HTTP/1.1\r\n\r\nGET").unwrap().unwrap();
        assert_eq!(length, 18);
    }

    #[test]
    fn garbage_is_bad_at_once() {
        assert_eq!(parse_head(b"\x16\x03\x01").unwrap_err(), Bad);
        assert_eq!(parse_head(b"GET / HTTP/2.0\r\n\r\n").unwrap_err(), Bad);
    }

    #[test]
    fn paths_lose_authority_and_query() {
        for (target, path) in [
            ("/latest/", "/latest/"),
            ("/latest?x=/y", "/latest"),
            ("http://169.254.169.254/latest/", "/latest/"),
            ("http://169.254.169.254", ""),
            ("latest/meta-data/", ""),
            ("*", ""),
            ("/a://b/c", "/a://b/c"),
        ] {
            assert_eq!(head(&format!("GET {target} HTTP/1.1\r\n\r\n")).path(), path);
        }
    }

    #[test]
    fn segments_collapse_slashes_and_decode_once() {
        for (path, names, slash) in [
            ("/", vec![], true),
            ("//latest///meta-data", vec!["latest", "meta-data"], false),
            ("/a%3Db/%C3%A9/", vec!["a=b", "é"], true),
            ("/a%2Fb", vec!["a/b"], false),
            ("/100%/%zz/%2", vec!["100%", "%zz", "%2"], false),
            ("/%2541", vec!["%41"], false),
        ] {
            let segments = Segments::decoded(path);
            assert_eq!(segments.names, names, "{path}");
            assert_eq!(segments.slash, slash, "{path}");
        }
    }

    #[test]
    fn a_body_is_as_long_as_its_length_says() {
        let request = head("PUT / HTTP/1.1\r\nContent-Length: 3\r\n\r\n");
        assert_eq!(body_length(&request, b"ab"), Ok(None));
        assert_eq!(body_length(&request, b"abcGET"), Ok(Some(3)));
        let request = head("PUT / HTTP/1.1\r\nContent-Length: x\r\n\r\n");
        assert_eq!(body_length(&request, b""), Err(Bad));
    }

    #[test]
    fn a_chunked_body_ends_with_its_last_chunk_or_never() {
        let request = head("PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n");
        let body = b"3\r\nabc\r\n0\r\n\r\n";
        for cut in 0..body.len() {
            assert_eq!(body_length(&request, &body[..cut]), Ok(None), "at {cut}");
        }
        assert_eq!(body_length(&request, body), Ok(Some(body.len())));
        assert_eq!(body_length(&request, b"zz\r\n"), Err(Bad));
        assert_eq!(body_length(&request, b"ffffffffffffffff\r\n"), Err(Bad));
    }
}
