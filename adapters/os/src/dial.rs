//! Sockets: how to bind them, and what their errors mean.

use core::net::{IpAddr, SocketAddr};
use std::io;

use imds_core::{Event, Fault};
use socket2::{Domain, Protocol, Socket, Type};

/// Where connections come from.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Dial {
    /// Local address to bind to.
    pub local_address: Option<IpAddr>,
    /// Network interface to bind to (`SO_BINDTODEVICE`, Linux).
    pub interface: Option<String>,
}

impl Dial {
    /// A TCP socket for `address`, bound as asked and with Nagle's algorithm off: a request is
    /// one small write.
    ///
    /// # Errors
    /// Those of the operating system. `EPERM` for an interface without the right to bind to it.
    pub fn socket(&self, address: SocketAddr) -> io::Result<Socket> {
        let socket = Socket::new(
            Domain::for_address(address),
            Type::STREAM,
            Some(Protocol::TCP),
        )?;
        socket.set_tcp_nodelay(true)?;
        if let Some(interface) = &self.interface {
            bind_to_interface(&socket, interface)?;
        }
        if let Some(local) = self.local_address {
            socket.bind(&SocketAddr::new(local, 0).into())?;
        }
        Ok(socket)
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn bind_to_interface(socket: &Socket, interface: &str) -> io::Result<()> {
    socket.bind_device(Some(interface.as_bytes()))
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn bind_to_interface(_socket: &Socket, _interface: &str) -> io::Result<()> {
    Err(io::Error::from(io::ErrorKind::Unsupported))
}

/// What an error of a socket means to the core.
pub fn event_of(error: &io::Error) -> Event {
    let kind = error.kind();
    if matches!(kind, io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) {
        Event::Blocked
    } else {
        Event::Failed(Fault::from(kind))
    }
}
