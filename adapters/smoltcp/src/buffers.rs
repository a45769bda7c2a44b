//! Memory for the TCP sockets.

use smoltcp::iface::{SocketHandle, SocketSet};
use smoltcp::socket::tcp;

/// Buffers for the sockets of all lanes: `RX` and `TX` bytes each.
///
/// A request has some 400 bytes, so 512 to send are enough. What is received moves on into the
/// lane's window at every poll; one segment, 1460 bytes, is a good size. Both must be at least 1.
#[derive(Debug)]
pub struct Buffers<const LANES: usize, const RX: usize, const TX: usize> {
    lanes: [([u8; RX], [u8; TX]); LANES],
}

impl<const LANES: usize, const RX: usize, const TX: usize> Buffers<LANES, RX, TX> {
    /// Zeroed memory.
    pub const fn new() -> Self {
        const {
            assert!(RX > 0 && TX > 0, "a socket without room moves no bytes");
        }
        Self {
            lanes: [([0; RX], [0; TX]); LANES],
        }
    }

    /// Adds one TCP socket for each lane.
    ///
    /// # Panics
    /// If `sockets` has no room for them ([`SocketSet::add`]).
    pub fn add_to<'b>(&'b mut self, sockets: &mut SocketSet<'b>) -> [SocketHandle; LANES] {
        self.lanes.each_mut().map(|(rx, tx)| {
            sockets.add(tcp::Socket::new(
                tcp::SocketBuffer::new(&mut rx[..]),
                tcp::SocketBuffer::new(&mut tx[..]),
            ))
        })
    }
}

impl<const LANES: usize, const RX: usize, const TX: usize> Default for Buffers<LANES, RX, TX> {
    fn default() -> Self {
        Self::new()
    }
}
