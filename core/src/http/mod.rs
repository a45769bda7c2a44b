//! HTTP/1.1 framing, as far as a metadata client needs it: bytes in, values out.
//!
//! No clock, no token, no lane, no log; of the rest of the crate only `place` is used here.

mod body;
mod chunk;
mod head;
mod reader;
mod request;

#[cfg(feature = "fuzz")]
pub(crate) use self::chunk::Chunks;
pub(crate) use self::head::{Found, decimal, find};
pub use self::head::{Framing, Head, MAX_HEAD, MAX_HEADERS};
#[cfg(feature = "fuzz")]
pub(crate) use self::head::{end, parse};
pub use self::reader::{Item, MAX_INFORMATIONAL, Reader, Step};
pub(crate) use self::request::{Request, write};

use core::fmt;

/// Why bytes are not the HTTP response that was asked for. Always the server's fault.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum HttpError {
    /// The first bytes are not `HTTP/1.0` or `HTTP/1.1`.
    NotHttp,
    /// The status line is malformed, or its status is outside 100–599.
    BadStatusLine,
    /// A header line is malformed.
    BadHeader,
    /// More than [`MAX_HEADERS`] header lines.
    TooManyHeaders,
    /// More than [`MAX_HEAD`] bytes (or the lane's window) before the end of the head.
    HeadTooLarge,
    /// A `Content-Length` that is not a plain decimal number below 2^64.
    BadContentLength,
    /// Several `Content-Length` values that differ.
    ConflictingLengths,
    /// `Content-Length` and `Transfer-Encoding` together.
    LengthAndTransferEncoding,
    /// A `Transfer-Encoding` other than `chunked`, or one in an HTTP/1.0 response.
    BadTransferEncoding,
    /// A `Content-Encoding` other than `identity`.
    ContentEncoding,
    /// More than [`MAX_INFORMATIONAL`] 1xx responses, or a 101.
    BadInformational,
    /// Malformed chunk framing.
    BadChunk,
    /// The connection ended before the head did.
    HeadTruncated,
    /// The connection ended before the body did.
    BodyTruncated,
    /// Bytes after the end of the response.
    TrailingBytes,
}

impl HttpError {
    /// The cause as a phrase.
    pub const fn explain(self) -> &'static str {
        match self {
            Self::NotHttp => "the answer is not HTTP/1.0 or HTTP/1.1",
            Self::BadStatusLine => "the status line is malformed",
            Self::BadHeader => "a header line is malformed",
            Self::TooManyHeaders => "the answer has more than 32 header lines",
            Self::HeadTooLarge => "the head of the answer is too large",
            Self::BadContentLength => "Content-Length is not a decimal number",
            Self::ConflictingLengths => "several Content-Length values differ",
            Self::LengthAndTransferEncoding => {
                "Content-Length and Transfer-Encoding stand in one answer"
            }
            Self::BadTransferEncoding => "Transfer-Encoding is not chunked",
            Self::ContentEncoding => "Content-Encoding is not identity",
            Self::BadInformational => "too many 1xx answers, or a protocol switch",
            Self::BadChunk => "the chunk framing is malformed",
            Self::HeadTruncated => "the connection ended in the head of the answer",
            Self::BodyTruncated => "the connection ended in the body of the answer",
            Self::TrailingBytes => "bytes follow the end of the answer",
        }
    }
}

impl fmt::Display for HttpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.explain())
    }
}

impl core::error::Error for HttpError {}
