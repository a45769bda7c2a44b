//! A lane's socket.

use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};
use std::io;

use imds_core::drive;
use imds_core::{Event, Fault, Instant, Route};
use imds_os::event_of;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::connect::{Connector, Stream, race};

type Racing = Pin<Box<dyn Future<Output = io::Result<(Box<dyn Stream>, bool)>> + Send>>;

/// Connection, or what will be one.
#[derive(Default)]
pub(crate) struct Socket {
    connecting: Option<Racing>,
    stream: Option<Box<dyn Stream>>,
    /// Something was written that a stream with a buffer of its own may still hold.
    unflushed: bool,
}

/// A socket while a task drives it.
pub(crate) struct Polled<'a, 'c> {
    pub(crate) socket: &'a mut Socket,
    pub(crate) connector: &'a Connector,
    pub(crate) cx: &'a mut Context<'c>,
}

impl drive::Socket for Polled<'_, '_> {
    fn connect(&mut self, route: &Route, _until: Option<Instant>) -> Event {
        let connecting = self
            .socket
            .connecting
            .get_or_insert_with(|| Box::pin(race(self.connector.clone(), route.clone())));
        let Poll::Ready(result) = connecting.as_mut().poll(self.cx) else {
            return Event::Blocked;
        };
        self.socket.connecting = None;
        match result {
            Ok((stream, second)) => {
                self.socket.stream = Some(stream);
                if second {
                    Event::ConnectedSecond
                } else {
                    Event::Connected
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Event::Failed(Fault::NameNotFound)
            }
            Err(error) => {
                let event = event_of(&error);
                if event == Event::Blocked {
                    Event::Failed(Fault::Other)
                } else {
                    event
                }
            }
        }
    }

    fn send(&mut self, bytes: &[u8], _until: Option<Instant>) -> Event {
        let Some(stream) = &mut self.socket.stream else {
            return Event::Failed(Fault::Closed);
        };
        match Pin::new(stream).poll_write(self.cx, bytes) {
            // It will never take more.
            Poll::Ready(Ok(0)) => Event::Failed(Fault::Closed),
            Poll::Ready(Ok(n)) => {
                self.socket.unflushed = true;
                Event::Sent(n)
            }
            Poll::Ready(Err(error)) => event_of(&error),
            Poll::Pending => Event::Blocked,
        }
    }

    fn receive(&mut self, window: &mut [u8], _until: Option<Instant>) -> Event {
        let Some(stream) = &mut self.socket.stream else {
            return Event::Failed(Fault::Closed);
        };
        if self.socket.unflushed {
            match Pin::new(&mut *stream).poll_flush(self.cx) {
                Poll::Ready(Ok(())) => self.socket.unflushed = false,
                Poll::Ready(Err(error)) => return event_of(&error),
                Poll::Pending => return Event::Blocked,
            }
        }
        let mut buf = ReadBuf::new(window);
        match Pin::new(stream).poll_read(self.cx, &mut buf) {
            Poll::Ready(Ok(())) => match buf.filled().len() {
                0 => Event::Eof,
                n => Event::Received(n),
            },
            Poll::Ready(Err(error)) => event_of(&error),
            Poll::Pending => Event::Blocked,
        }
    }

    fn close(&mut self) -> Event {
        *self.socket = Socket::default();
        Event::Closed
    }

    fn check_idle(&mut self) -> Event {
        self.receive(&mut [0; 1], None)
    }
}
