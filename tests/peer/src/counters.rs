//! What happened, in numbers.

/// What a [`Peer`](crate::Peer) has seen and done so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Counters {
    /// Frames that came from the guest.
    pub frames_in: u64,
    /// Frames for the guest, before a [`Wire`](crate::Wire) had its way with them.
    pub frames_out: u64,
    /// DHCP: offers made.
    pub dhcp_offers: u64,
    /// DHCP: addresses given, renewals too.
    pub dhcp_acks: u64,
    /// DHCP: requests for an address that is not the guest's.
    pub dhcp_naks: u64,
    /// TCP connections that were established.
    pub connections: u64,
    /// Packets to the service that were ignored because they came from a link-local address.
    pub link_local: u64,
    /// Frames that were ignored because of [`Presence`](crate::Presence) or because the network has no such thing.
    pub ignored: u64,
    /// Segments to the guest that died on the way for want of hops.
    pub expired: u64,
    /// Token requests that reached the mock, as its log has them.
    pub token_puts: u64,
    /// Reads that reached the mock, as its log has them.
    pub gets: u64,
}
