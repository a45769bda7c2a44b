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
use imds_core::http::{HttpError, Item, Reader};

use super::meant;

/// What a reader made of an answer.
#[derive(PartialEq, Debug)]
struct Answer {
    status: u16,
    body: Vec<u8>,
}

/// Where hyper accepts an answer we read the same one, or refuse it for a reason that is known; and
/// what we accept hyper accepts, but for what we do not look at.
pub(super) fn compare(input: &[u8]) {
    let (read, refused) = ours(input);
    let (heads, body) = meant::heads(input);
    match (hyper(input), refused) {
        (Some(theirs), None) => assert_eq!(read, theirs),
        // hyper leaves them for the next answer.
        (Some(theirs), Some(HttpError::TrailingBytes)) => assert_eq!(read, theirs),
        (Some(theirs), Some(error)) => assert!(
            meant::refusal(error, &heads, body),
            "refused with {error:?}, but for hyper it is {theirs:?}"
        ),
        (None, None) => assert!(
            meant::leniency(&heads, body),
            "refused by hyper, but for us it is {read:?}"
        ),
        (None, Some(_)) => {}
    }
}

/// Our reading, and why it went no further.
fn ours(input: &[u8]) -> (Answer, Option<HttpError>) {
    let mut reader = Reader::new(false);
    let mut answer = Answer {
        status: 0,
        body: Vec::new(),
    };
    let mut rest = input;
    loop {
        let step = match reader.next(rest, true) {
            Ok(step) => step,
            Err(error) => return (answer, Some(error)),
        };
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
            Item::End => return (answer, None),
            Item::More => panic!("more than there will be"),
        };
        rest = &rest[used..];
    }
}

/// hyper's reading, or `None` if it has none.
fn hyper(input: &[u8]) -> Option<Answer> {
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
            Some(Answer { status, body })
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
        assert_eq!(hyper(input).as_ref(), Some(&answer));
        assert_eq!(ours(input), (answer, None));
    }
}
