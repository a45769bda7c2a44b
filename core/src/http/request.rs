//! Writing a request head.

use core::fmt::{self, Display, Write};

use crate::place::put;

/// What varies in a request. Every part must display as graphic ASCII.
pub(crate) struct Request<'a> {
    pub(crate) method: &'static str,
    /// Stands before `target`.
    pub(crate) prefix: &'a str,
    pub(crate) target: &'a dyn Display,
    pub(crate) host: &'a dyn Display,
    /// The one header that is the protocol's own, if any.
    pub(crate) header: Option<(&'static str, &'a dyn Display)>,
    /// Announce that there is no body: a PUT without it hangs some servers (facts §1.2).
    pub(crate) empty_body: bool,
}

/// Writes the head; returns its length, or `None` if `out` is too small.
///
/// The header set is as small as the facts allow: `Host` (Jetty refuses a request without it,
/// §1.14), the token, and `Connection: keep-alive`, on which EC2 may keep the connection (§1.7).
/// Never `Expect`, `Accept-Encoding`, `Transfer-Encoding` or `X-Forwarded-For` (§1.2, §9.3).
pub(crate) fn write(out: &mut [u8], request: &Request<'_>) -> Option<usize> {
    let mut cursor = Cursor { out, at: 0 };
    cursor.head(request).ok()?;
    Some(cursor.at)
}

struct Cursor<'a> {
    out: &'a mut [u8],
    at: usize,
}

impl Cursor<'_> {
    fn head(&mut self, r: &Request<'_>) -> fmt::Result {
        write!(self, "{} {}{} HTTP/1.1\r\n", r.method, r.prefix, r.target)?;
        write!(self, "Host: {}\r\n", r.host)?;
        if let Some((name, value)) = r.header {
            write!(self, "{name}: {value}\r\n")?;
        }
        if r.empty_body {
            self.write_str("Content-Length: 0\r\n")?;
        }
        self.write_str("Connection: keep-alive\r\n\r\n")
    }
}

impl Write for Cursor<'_> {
    fn write_str(&mut self, s: &str) -> fmt::Result {
        let end = self.at.checked_add(s.len()).ok_or(fmt::Error)?;
        let room = self.out.get_mut(self.at..end).ok_or(fmt::Error)?;
        put(room, 0, s.as_bytes());
        self.at = end;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text<'a>(out: &'a mut [u8], request: &Request<'_>) -> Option<&'a str> {
        let len = write(out, request)?;
        core::str::from_utf8(&out[..len]).ok()
    }

    const PUT: Request<'static> = Request {
        method: "PUT",
        prefix: "",
        target: &"/latest/api/token",
        host: &"[fd00:ec2::254]",
        header: Some(("X-aws-ec2-metadata-token-ttl-seconds", &21600)),
        empty_body: true,
    };

    #[test]
    fn the_token_request_announces_an_empty_body() {
        assert_eq!(
            text(&mut [0; 512], &PUT),
            Some(
                "PUT /latest/api/token HTTP/1.1\r\n\
                 Host: [fd00:ec2::254]\r\n\
                 X-aws-ec2-metadata-token-ttl-seconds: 21600\r\n\
                 Content-Length: 0\r\n\
                 Connection: keep-alive\r\n\r\n"
            )
        );
    }

    #[test]
    fn a_read_carries_the_prefix_and_no_body_length() {
        let get = Request {
            method: "GET",
            prefix: "/base",
            target: &"/latest/",
            host: &"h:1",
            header: None,
            empty_body: false,
        };
        assert_eq!(
            text(&mut [0; 512], &get),
            Some("GET /base/latest/ HTTP/1.1\r\nHost: h:1\r\nConnection: keep-alive\r\n\r\n")
        );
    }

    #[test]
    fn a_request_that_does_not_fit_is_not_cut() {
        let need = write(&mut [0; 512], &PUT).unwrap();
        assert_eq!(write(&mut [0; 512][..need], &PUT), Some(need));
        for short in 0..need {
            assert_eq!(write(&mut [0; 512][..short], &PUT), None);
        }
    }
}
