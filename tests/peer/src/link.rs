//! A peer at the end of a wire.

use core::time::Duration;

use crate::{Counters, Direction, Peer, Wire};

/// A [`Peer`] and the [`Wire`] that leads to it, driven like a peer.
#[derive(Debug)]
pub struct Link {
    peer: Peer,
    wire: Wire,
    now: Duration,
}

impl Link {
    /// Puts the peer at the end of the wire.
    #[must_use]
    pub fn new(peer: Peer, wire: Wire) -> Self {
        Self {
            peer,
            wire,
            now: Duration::ZERO,
        }
    }

    /// The guest sends a frame.
    pub fn handle_frame(&mut self, now: Duration, frame: &[u8]) {
        self.wire.send(now, Direction::ToPeer, frame.to_vec());
        self.poll(now);
    }

    /// Time has passed. Too early does nothing.
    pub fn poll(&mut self, now: Duration) {
        while let Some(frame) = self.wire.poll(now, Direction::ToPeer) {
            self.peer.handle_frame(now, &frame);
        }
        self.peer.poll(now);
        while let Some(frame) = self.peer.poll_frame() {
            self.wire.send(now, Direction::ToGuest, frame);
        }
        self.now = self.now.max(now);
    }

    /// The next frame that arrives at the guest by now.
    pub fn poll_frame(&mut self) -> Option<Vec<u8>> {
        self.wire.poll(self.now, Direction::ToGuest)
    }

    /// When [`poll`](Self::poll) wants to be called if no frame comes before; never before `now`.
    pub fn next_timeout(&mut self, now: Duration) -> Option<Duration> {
        let peer = self.peer.next_timeout(now);
        let wire = self.wire.next_timeout();
        Some(peer.into_iter().chain(wire).min()?.max(now))
    }

    /// The peer.
    #[must_use]
    pub fn peer(&self) -> &Peer {
        &self.peer
    }

    /// The peer, to change its server.
    pub fn peer_mut(&mut self) -> &mut Peer {
        &mut self.peer
    }

    /// The wire.
    #[must_use]
    pub fn wire(&self) -> &Wire {
        &self.wire
    }

    /// What the peer has seen and done.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.peer.counters()
    }
}
