//! The log's entry for one request.

use core::{fmt, time::Duration};

use crate::TokenUse;

/// One request and the status it got.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Exchange {
    /// Which connection, counted from 1.
    pub connection: u64,
    /// Empty if the bytes were no request.
    pub method: String,
    /// The request target as sent; empty if the bytes were no request.
    pub path: String,
    /// The headers as sent, in order.
    pub headers: Vec<(String, String)>,
    /// What it said about itself, judged before the request had any effect.
    pub token: TokenUse,
    /// 0 if no status was sent.
    pub status: u16,
    /// When the request was complete, in the mock's time.
    pub at: Duration,
}

impl Exchange {
    /// The first value of a request header, its name in any case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }
}

/// One line for a server's log, without headers: a token stays out of it.
impl fmt::Display for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let token = match self.token {
            TokenUse::None => "no token",
            TokenUse::Valid => "token",
            TokenUse::Invalid => "bad token",
        };
        let method = if self.method.is_empty() {
            "?"
        } else {
            &self.method
        };
        write!(
            f,
            "#{} {method} {:?} ({token}) ",
            self.connection, self.path
        )?;
        match self.status {
            0 => f.write_str("no answer"),
            status => write!(f, "{status}"),
        }
    }
}
