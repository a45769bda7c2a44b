//! An answer before it is bytes.

use crate::fault::Framing;

/// The name is spelled as it goes out.
type Header = (String, String);

#[derive(Clone, Debug)]
pub(crate) struct Reply {
    /// The minor version of HTTP/1 in the status line.
    pub(crate) minor: u8,
    pub(crate) status: u16,
    pub(crate) reason: &'static str,
    /// In the order of the wire; `Content-Length` is among them, its value is filled in by [`Reply::encode`].
    pub(crate) headers: Vec<Header>,
    pub(crate) body: Vec<u8>,
    /// The answer to a HEAD: it tells the length of a body it does not have.
    pub(crate) bodiless: bool,
    /// The connection stays open behind it.
    pub(crate) keep: bool,
}

/// An answer on the wire.
#[derive(Debug)]
pub(crate) struct Encoded {
    pub(crate) bytes: Vec<u8>,
    pub(crate) head: usize,
}

impl Reply {
    pub(crate) fn push(&mut self, name: &str, value: impl Into<String>) {
        self.headers.push((name.into(), value.into()));
    }

    /// Marks the place of `Content-Length` in the order of headers.
    pub(crate) fn push_length(&mut self) {
        self.push("Content-Length", "");
    }

    /// Replaces every header of this name, or adds it.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.headers.retain(|(n, _)| !n.eq_ignore_ascii_case(name));
        self.push(name, value);
    }

    pub(crate) fn encode(mut self, framing: Framing) -> Encoded {
        let length = self.body.len().to_string();
        match framing {
            Framing::Length => {
                for (name, value) in &mut self.headers {
                    if name == "Content-Length" && value.is_empty() {
                        value.clone_from(&length);
                    }
                }
            }
            Framing::Chunked(_) => {
                self.headers
                    .retain(|(name, _)| !name.eq_ignore_ascii_case("content-length"));
                self.set("Transfer-Encoding", "chunked");
            }
            Framing::UntilClose => {
                self.headers
                    .retain(|(name, _)| !name.eq_ignore_ascii_case("content-length"));
                self.set("Connection", "close");
            }
        }
        let mut bytes =
            format!("HTTP/1.{} {} {}\r\n", self.minor, self.status, self.reason).into_bytes();
        for (name, value) in &self.headers {
            bytes.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
        }
        bytes.extend_from_slice(b"\r\n");
        let head = bytes.len();
        if !self.bodiless {
            match framing {
                Framing::Length | Framing::UntilClose => bytes.extend_from_slice(&self.body),
                Framing::Chunked(size) => {
                    for chunk in self.body.chunks(size) {
                        bytes.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
                        bytes.extend_from_slice(chunk);
                        bytes.extend_from_slice(b"\r\n");
                    }
                    bytes.extend_from_slice(b"0\r\n\r\n");
                }
            }
        }
        Encoded { bytes, head }
    }
}

/// The reason phrase of EC2 for a status. 405 has one of its own (facts §1.3).
pub(crate) fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        301 => "Moved Permanently",
        302 => "Found",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Not Allowed",
        408 => "Request Timeout",
        417 => "Expectation Failed",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "Other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(body: &[u8]) -> Reply {
        let mut reply = Reply {
            minor: 1,
            status: 200,
            reason: "OK",
            headers: Vec::new(),
            body: body.to_vec(),
            bodiless: false,
            keep: true,
        };
        reply.push_length();
        reply.push("Server", "s");
        reply
    }

    fn text(encoded: &Encoded) -> &str {
        core::str::from_utf8(&encoded.bytes).unwrap()
    }

    #[test]
    fn by_length_the_length_stands_where_it_was_marked() {
        let encoded = reply(b"abc").encode(Framing::Length);
        assert_eq!(
            text(&encoded),
            "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nServer: s\r\n\r\nabc"
        );
        assert_eq!(&encoded.bytes[encoded.head..], b"abc");
    }

    #[test]
    fn chunked_replaces_the_length() {
        let encoded = reply(b"abcde").encode(Framing::Chunked(2));
        assert_eq!(
            text(&encoded),
            "HTTP/1.1 200 OK\r\nServer: s\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n2\r\ncd\r\n1\r\ne\r\n0\r\n\r\n"
        );
    }

    #[test]
    fn until_close_has_no_length_and_says_so() {
        let encoded = reply(b"abc").encode(Framing::UntilClose);
        assert_eq!(
            text(&encoded),
            "HTTP/1.1 200 OK\r\nServer: s\r\nConnection: close\r\n\r\nabc"
        );
    }

    #[test]
    fn head_tells_the_length_of_what_it_leaves_out() {
        let mut head = reply(b"abc");
        head.bodiless = true;
        let encoded = head.encode(Framing::Length);
        assert_eq!(
            text(&encoded),
            "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nServer: s\r\n\r\n"
        );
    }
}
