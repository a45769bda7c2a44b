//! A client of the simplest kind, for tests.

use core::time::Duration;

use imds_mock::{Action, Connection, Mock, Profile};

/// Where a connection stands when nothing more comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rest {
    Open,
    Closed,
    Reset,
}

/// An answer, taken apart at its first empty line.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) line: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) rest: Rest,
}

impl Response {
    pub(crate) fn parse(bytes: &[u8], rest: Rest) -> Self {
        let end = bytes
            .windows(4)
            .position(|w| w == b"\r\n\r\n")
            .unwrap_or_else(|| panic!("no head in {:?}", String::from_utf8_lossy(bytes)));
        let head = core::str::from_utf8(&bytes[..end]).unwrap();
        let mut lines = head.split("\r\n");
        Self {
            line: lines.next().unwrap().to_owned(),
            headers: lines
                .map(|line| line.split_once(": ").unwrap())
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
            body: bytes[end + 4..].to_vec(),
            rest,
        }
    }

    pub(crate) fn status(&self) -> u16 {
        self.line.split(' ').nth(1).unwrap().parse().unwrap()
    }

    pub(crate) fn text(&self) -> &str {
        core::str::from_utf8(&self.body).unwrap()
    }

    /// The value of a header spelled exactly so.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, value)| value.as_str())
    }

    /// The names of all headers, in order.
    pub(crate) fn names(&self) -> Vec<&str> {
        self.headers.iter().map(|(name, _)| name.as_str()).collect()
    }
}

/// Takes everything the server has to say now.
pub(crate) fn drain(connection: &mut Connection) -> (Vec<u8>, Rest) {
    let mut bytes = Vec::new();
    loop {
        match connection.transmit() {
            Action::Send(chunk) => {
                let n = chunk.len();
                bytes.extend_from_slice(chunk);
                connection.sent(n);
            }
            Action::Close => return (bytes, Rest::Closed),
            Action::Reset => return (bytes, Rest::Reset),
            Action::Idle => return (bytes, Rest::Open),
        }
    }
}

pub(crate) struct Talk {
    pub(crate) mock: Mock,
    pub(crate) now: Duration,
}

impl Talk {
    pub(crate) fn with(mock: Mock) -> Self {
        Self {
            mock,
            now: Duration::ZERO,
        }
    }

    pub(crate) fn to(profile: Profile) -> Self {
        Self::with(Mock::new(profile))
    }

    pub(crate) fn at(mut self, seconds: u64) -> Self {
        self.now = Duration::from_secs(seconds);
        self
    }

    /// Everything that comes back on a connection of its own.
    pub(crate) fn bytes(&mut self, request: &[u8]) -> (Vec<u8>, Rest) {
        let mut connection = self.mock.connect(self.now);
        connection.receive(self.now, &mut self.mock, request);
        let result = drain(&mut connection);
        connection.closed(self.now, &mut self.mock);
        result
    }

    pub(crate) fn send(&mut self, request: &str) -> Response {
        let (bytes, rest) = self.bytes(request.as_bytes());
        Response::parse(&bytes, rest)
    }

    /// A request with these header lines.
    pub(crate) fn ask(&mut self, method: &str, path: &str, headers: &[&str]) -> Response {
        self.send(&request(method, path, headers))
    }

    pub(crate) fn token(&mut self, seconds: u32) -> String {
        let ttl = format!("X-aws-ec2-metadata-token-ttl-seconds: {seconds}");
        let response = self.ask("PUT", "/latest/api/token", &[&ttl]);
        assert_eq!(response.status(), 200);
        response.text().to_owned()
    }

    /// A GET with a new token.
    pub(crate) fn get(&mut self, path: &str) -> Response {
        let token = self.token(60);
        self.get_with(path, &token)
    }

    pub(crate) fn get_with(&mut self, path: &str, token: &str) -> Response {
        let token = format!("X-aws-ec2-metadata-token: {token}");
        self.ask("GET", path, &[&token])
    }
}

pub(crate) fn request(method: &str, path: &str, headers: &[&str]) -> String {
    let mut text = format!("{method} {path} HTTP/1.1\r\nHost: 169.254.169.254\r\n");
    for header in headers {
        text.push_str(header);
        text.push_str("\r\n");
    }
    text + "\r\n"
}
