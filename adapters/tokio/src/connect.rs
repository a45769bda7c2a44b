//! Making connections.

use core::future::{Future, poll_fn};
use core::net::SocketAddr;
use core::pin::{Pin, pin};
use core::task::Poll;
use std::io;
use std::sync::Arc;

use imds_core::config::HEAD_START;
use imds_core::endpoint::Host;
use imds_core::{Endpoint, Route};
use imds_os::Dial;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpSocket;

/// A connection of any kind: TCP, or what a test or an enclave has in its place.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// A connection that is being made.
pub(crate) type Connecting = Pin<Box<dyn Future<Output = io::Result<Box<dyn Stream>>> + Send>>;

/// Makes connections to endpoints.
pub(crate) type Connector = Arc<dyn Fn(Endpoint) -> Connecting + Send + Sync>;

/// Connections over TCP.
pub(crate) fn tcp(dial: Dial) -> Connector {
    let dial = Arc::new(dial);
    Arc::new(move |endpoint| {
        let dial = Arc::clone(&dial);
        Box::pin(async move { connect(&dial, &endpoint).await })
    })
}

async fn connect(dial: &Dial, endpoint: &Endpoint) -> io::Result<Box<dyn Stream>> {
    let addresses: Vec<SocketAddr> = match endpoint.host() {
        Host::Ip(ip) => vec![SocketAddr::new(*ip, endpoint.port())],
        Host::Name(name) => tokio::net::lookup_host((name.as_str(), endpoint.port()))
            .await
            // A resolver's error has no kind of its own.
            .map_err(|_| io::Error::from(io::ErrorKind::NotFound))?
            .collect(),
    };
    let mut last = io::Error::from(io::ErrorKind::NotFound);
    // Each has its share of the time, or one that is silent would leave none for the others.
    let share = HEAD_START / u32::try_from(addresses.len().max(1)).unwrap_or(u32::MAX);
    let several = addresses.len() > 1;
    for address in addresses {
        let connecting = connect_to(dial, address);
        let connected = if several {
            let timeout = tokio::time::timeout(share, connecting).await;
            timeout.unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::TimedOut)))
        } else {
            connecting.await
        };
        match connected {
            Ok(stream) => return Ok(Box::new(stream)),
            Err(error) => last = error,
        }
    }
    Err(last)
}

async fn connect_to(dial: &Dial, address: SocketAddr) -> io::Result<tokio::net::TcpStream> {
    let socket = dial.socket(address)?;
    socket.set_nonblocking(true)?;
    let socket = TcpSocket::from_std_stream(socket.into());
    socket.connect(address).await
}

/// Connects by a route: to its first endpoint, and after a head start, or when that failed,
/// beside it to its second. Answers also whether it was the second.
pub(crate) async fn race(
    connector: Connector,
    route: Route,
) -> io::Result<(Box<dyn Stream>, bool)> {
    let first = connector(route.first);
    let Some(second) = route.second else {
        return Ok((first.await?, false));
    };
    let mut first = Some(first);
    let mut failed: Option<io::Error> = None;
    let mut second_endpoint = Some(second);
    let mut second: Option<Connecting> = None;
    let mut head_start = pin!(tokio::time::sleep(HEAD_START));
    poll_fn(|cx| {
        if let Some(connecting) = &mut first {
            match connecting.as_mut().poll(cx) {
                Poll::Ready(Ok(stream)) => return Poll::Ready(Ok((stream, false))),
                Poll::Ready(Err(error)) => {
                    first = None;
                    failed = Some(error);
                }
                Poll::Pending => {}
            }
        }
        if let Some(endpoint) = second_endpoint.clone()
            && (first.is_none() || head_start.as_mut().poll(cx).is_ready())
        {
            second_endpoint = None;
            second = Some(connector(endpoint));
        }
        if let Some(connecting) = &mut second {
            match connecting.as_mut().poll(cx) {
                Poll::Ready(Ok(stream)) => return Poll::Ready(Ok((stream, true))),
                Poll::Ready(Err(error)) => {
                    second = None;
                    // No route to one family says less than what happened on the other.
                    let no_route = failed.as_ref().is_none_or(is_no_route);
                    if no_route {
                        failed = Some(error);
                    }
                }
                Poll::Pending => {}
            }
        }
        match failed.take() {
            Some(error) if first.is_none() && second.is_none() => Poll::Ready(Err(error)),
            error => {
                failed = error;
                Poll::Pending
            }
        }
    })
    .await
}

fn is_no_route(error: &io::Error) -> bool {
    imds_core::Fault::from(error.kind()) == imds_core::Fault::Unreachable
}
