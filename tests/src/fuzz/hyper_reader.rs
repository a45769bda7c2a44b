//! Our reader of answers against hyper's client, on the same bytes.

use core::future::Future;
use core::pin::{Pin, pin};
use core::task::{Context, Poll, Waker};
use std::io;

use http_body_util::{BodyExt as _, Empty};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper::{Request, Version};
use imds_core::http::{HttpError, Item, MAX_HEADERS, Reader};

/// What a reader made of an answer.
#[derive(PartialEq, Debug)]
struct Answer {
    status: u16,
    body: Vec<u8>,
}

/// Where hyper accepts an answer we read the same one, or refuse it for a reason that is known.
pub(super) fn compare(input: &[u8]) {
    let Some(theirs) = hyper(input) else {
        return;
    };
    match ours(input) {
        Ok(ours) => assert_eq!(ours, theirs.answer),
        Err(error) => assert!(
            intended(error, input, &theirs),
            "refused with {error:?}, but for hyper it is {theirs:?}"
        ),
    }
}

/// Is this a difference that is meant?
fn intended(error: HttpError, input: &[u8], theirs: &Theirs) -> bool {
    let status = theirs.answer.status;
    match error {
        // hyper passes over empty lines in front.
        HttpError::NotHttp => input.starts_with(b"\r") || input.starts_with(b"\n") || theirs.late,
        // hyper knows statuses up to 999.
        HttpError::BadStatusLine => status >= 600 || theirs.late,
        // Our limits are narrower.
        HttpError::TooManyHeaders => theirs.headers > MAX_HEADERS || theirs.late,
        HttpError::HeadTooLarge => input.len() > imds_core::http::MAX_HEAD,
        // hyper takes a list of equal lengths in one field, and looks at none where there is no
        // body or are chunks.
        HttpError::BadContentLength | HttpError::ConflictingLengths => theirs.has("content-length"),
        // hyper reads a body that is chunked last, or by the connection's end if it is not.
        HttpError::BadTransferEncoding => theirs.has("transfer-encoding"),
        // hyper drops the length.
        HttpError::LengthAndTransferEncoding => theirs.has("transfer-encoding"),
        // hyper leaves it to its caller.
        HttpError::ContentEncoding => theirs.has("content-encoding"),
        // hyper has no limit, and takes a 101 that nobody asked for.
        HttpError::BadInformational => status == 101 || theirs.late,
        // hyper takes blanks behind a size, sizes beyond 32 bits, bare LFs in trailers and more of
        // what is to be ignored.
        HttpError::BadChunk => theirs.has("transfer-encoding"),
        // hyper leaves them for the next answer.
        HttpError::TrailingBytes => true,
        HttpError::BadHeader | HttpError::HeadTruncated | HttpError::BodyTruncated => false,
        other => panic!("a reason without a rule: {other:?}"),
    }
}

fn ours(input: &[u8]) -> Result<Answer, HttpError> {
    let mut reader = Reader::new(false);
    let mut answer = Answer {
        status: 0,
        body: Vec::new(),
    };
    let mut rest = input;
    loop {
        let step = reader.next(rest, true)?;
        rest = &rest[step.skip..];
        let used = match step.item {
            Item::Head(head) => {
                answer.status = head.status;
                head.len
            }
            Item::Data(n) => {
                answer.body.extend_from_slice(&rest[..n]);
                n
            }
            Item::End => return Ok(answer),
            Item::More => panic!("more than there will be"),
        };
        rest = &rest[used..];
    }
}

/// What hyper found.
#[derive(Debug)]
struct Theirs {
    answer: Answer,
    /// How many header lines, and their names.
    headers: usize,
    names: Vec<String>,
    /// Something stood before the answer.
    late: bool,
}

impl Theirs {
    fn has(&self, name: &str) -> bool {
        self.late || self.names.iter().any(|n| n == name)
    }
}

/// hyper's reading, or `None` if it has none.
fn hyper(input: &[u8]) -> Option<Theirs> {
    let io = Memory {
        input: input.to_vec(),
        at: 0,
        asked: false,
    };
    let task = async move {
        let (mut sender, connection) = http1::handshake(io).await.ok()?;
        let request = Request::get("/")
            .version(Version::HTTP_11)
            .body(Empty::<Bytes>::new())
            .expect("a legal request");
        let answer = async {
            let response = sender.send_request(request).await.ok()?;
            let (head, body) = response.into_parts();
            let status = head.status.as_u16();
            let body = body.collect().await.ok()?.to_bytes().to_vec();
            Some(Theirs {
                answer: Answer { status, body },
                headers: head.headers.len(),
                names: head.headers.keys().map(ToString::to_string).collect(),
                late: informational(input),
            })
        };
        let (mut answer, mut connection) = (pin!(answer), pin!(connection));
        let mut open = true;
        core::future::poll_fn(move |cx| {
            if open {
                open = connection.as_mut().poll(cx).is_pending();
            }
            answer.as_mut().poll(cx)
        })
        .await
    };
    let mut task = pin!(task);
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..10_000 + input.len() {
        if let Poll::Ready(theirs) = task.as_mut().poll(&mut context) {
            return theirs;
        }
    }
    panic!("hyper waits for bytes that are there");
}

/// Does a 1xx answer come first? hyper says nothing of it.
fn informational(input: &[u8]) -> bool {
    let start = input.trim_ascii_start();
    start.len() > 9 && start.starts_with(b"HTTP/1.") && start[9] == b'1'
}

/// A connection that takes everything, and on which everything has come once it was asked: hyper
/// refuses what comes before.
struct Memory {
    input: Vec<u8>,
    at: usize,
    asked: bool,
}

impl Read for Memory {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        mut into: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.asked {
            return Poll::Pending;
        }
        let rest = &self.input[self.at..];
        let n = rest.len().min(into.remaining());
        into.put_slice(&rest[..n]);
        self.at += n;
        Poll::Ready(Ok(()))
    }
}

impl Write for Memory {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.asked = true;
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two readers that refuse everything would agree on everything.
    #[test]
    fn both_readers_take_what_ec2_sends() {
        let input = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nServer: EC2ws\r\n\r\nab";
        let answer = Answer {
            status: 200,
            body: b"ab".to_vec(),
        };
        assert_eq!(ours(input).as_ref(), Ok(&answer));
        assert_eq!(hyper(input).map(|theirs| theirs.answer), Some(answer));
    }
}
