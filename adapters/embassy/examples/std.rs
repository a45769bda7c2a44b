//! The client for any stack, over the sockets of `std`: all that a stack has to give, and nothing
//! of embassy.
//!
//! ```console
//! $ cargo run -p imds-embassy --example std                           # reads from the mock
//! $ cargo run -p imds-embassy --example std http://169.254.169.254
//! ```

use core::future::{Future, poll_fn};
use core::net::SocketAddr;
use core::pin::pin;
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::thread;

use embedded_io_async::{ErrorKind, ErrorType, Read, Write};
use embedded_nal_async::TcpConnect;
use imds_embassy::nal::{Client, Timer};
use imds_embassy::{Config, Endpoint, Instant, Memory, Node, Options, Target};
use imds_mock::{Mock, Profile, server};

/// The sockets of the operating system.
struct Std;

impl TcpConnect for Std {
    type Error = ErrorKind;
    type Connection<'a> = Connection;

    /// `std` connects by waiting, so another thread does. Whoever drops this leaves it alone.
    async fn connect(&self, remote: SocketAddr) -> Result<Connection, ErrorKind> {
        let mut connecting = Some(thread::spawn(move || {
            let stream = TcpStream::connect(remote)?;
            stream.set_nonblocking(true)?;
            stream.set_nodelay(true)?;
            Ok(stream)
        }));
        poll_fn(
            |_| match connecting.take_if(|thread| thread.is_finished()) {
                None => Poll::Pending,
                Some(thread) => Poll::Ready(thread.join().expect("it does not panic")),
            },
        )
        .await
        .map(Connection)
        .map_err(kind)
    }
}

/// A connection; dropping it closes it.
struct Connection(TcpStream);

impl ErrorType for Connection {
    type Error = ErrorKind;
}

impl Read for Connection {
    async fn read(&mut self, buf: &mut [u8]) -> Result<usize, ErrorKind> {
        poll_fn(|_| ready(self.0.read(buf))).await
    }
}

impl Write for Connection {
    async fn write(&mut self, buf: &[u8]) -> Result<usize, ErrorKind> {
        poll_fn(|_| ready(self.0.write(buf))).await
    }

    async fn flush(&mut self) -> Result<(), ErrorKind> {
        Ok(())
    }
}

fn ready<T>(result: io::Result<T>) -> Poll<Result<T, ErrorKind>> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Poll::Pending,
        result => Poll::Ready(result.map_err(kind)),
    }
}

/// What the client can make use of.
fn kind(error: io::Error) -> ErrorKind {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "there are more, and will be"
    )]
    match error.kind() {
        io::ErrorKind::ConnectionRefused => ErrorKind::ConnectionRefused,
        io::ErrorKind::ConnectionReset => ErrorKind::ConnectionReset,
        io::ErrorKind::ConnectionAborted => ErrorKind::ConnectionAborted,
        io::ErrorKind::BrokenPipe => ErrorKind::BrokenPipe,
        io::ErrorKind::NotConnected => ErrorKind::NotConnected,
        io::ErrorKind::PermissionDenied => ErrorKind::PermissionDenied,
        io::ErrorKind::NetworkUnreachable | io::ErrorKind::HostUnreachable => {
            ErrorKind::AddrNotAvailable
        }
        io::ErrorKind::TimedOut => ErrorKind::TimedOut,
        _ => ErrorKind::Other,
    }
}

/// The time since it was made.
struct Clock(std::time::Instant);

impl Timer for Clock {
    fn now(&self) -> Instant {
        Instant::ZERO + self.0.elapsed()
    }

    async fn wait_until(&self, at: Instant) {
        poll_fn(|_| match self.now() >= at {
            true => Poll::Ready(()),
            false => Poll::Pending,
        })
        .await;
    }
}

/// Nothing here wakes anybody: all is looked at again after a moment.
fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
        {
            return output;
        }
        thread::park_timeout(Duration::from_micros(100));
    }
}

/// The instance's id, and how many values there are below `placement/`.
async fn read(url: &str) -> Result<(String, usize), Box<dyn core::error::Error>> {
    let config = Config::new(Target::One(Endpoint::parse(url)?));
    let mut memory: Memory = Memory::new();
    let mut client = Client::new(&Std, Clock(std::time::Instant::now()), &mut memory, config)?;

    let mut value = [0; 64];
    let id = client
        .get("/latest/meta-data/instance-id", &mut value)
        .await?;
    let id = String::from_utf8(id.ok_or("no instance id")?.to_vec())?;

    let mut values = 0;
    let mut node = [0; 1024];
    let mut walk = client.walk(
        "/latest/meta-data/placement/",
        Options::default(),
        &mut node,
    )?;
    while let Some(node) = walk.next().await? {
        if let Node::Leaf { .. } = node {
            values += 1;
        }
    }
    Ok((id, values))
}

fn main() -> Result<(), Box<dyn core::error::Error>> {
    let (id, values) = match std::env::args().nth(1) {
        Some(url) => block_on(read(&url))?,
        None => {
            let mock = server::spawn(Mock::new(Profile::Ec2))?;
            block_on(read(&mock.url()))?
        }
    };
    println!("{id}, {values} values of its placement");
    Ok(())
}

#[cfg(test)]
mod tests {
    use imds_embassy::Error;
    use imds_mock::Fault;

    use super::*;

    #[test]
    fn values_come_over_real_sockets() {
        for close in [false, true] {
            let mock = Mock::new(Profile::Ec2).always_close(close);
            let server = server::spawn(mock).expect("a free port");
            let (id, values) = block_on(read(&server.url())).expect("it serves");
            assert!(id.starts_with("i-"), "{id}");
            assert!(values > 2, "{values}");
        }
    }

    #[test]
    fn what_breaks_is_asked_for_again() {
        let fault = Fault::method("GET").times(1).reset_before_reply();
        let server = server::spawn(Mock::new(Profile::Ec2).fault(fault)).expect("a free port");
        assert!(block_on(read(&server.url())).is_ok());
    }

    #[test]
    fn a_server_that_is_gone_refuses() {
        let url = server::spawn(Mock::new(Profile::Ec2))
            .expect("a free port")
            .url();
        let error = block_on(read(&url)).expect_err("nobody listens there");
        let error = error.downcast::<Error>().expect("an error of the client");
        assert_eq!(error.cause(), imds_core::Cause::Unreachable, "{error}");
    }
}
