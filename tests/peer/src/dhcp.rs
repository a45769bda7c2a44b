//! A DHCP server of one subnet. Every card has its one address, so there is nothing to remember.

use core::net::Ipv4Addr;

use smoltcp::phy::ChecksumCapabilities;
use smoltcp::wire::{
    DhcpMessageType, DhcpPacket, DhcpRepr, EthernetAddress, EthernetFrame, EthernetProtocol,
    EthernetRepr, IpProtocol, Ipv4Packet, Ipv4Repr, UdpPacket, UdpRepr,
};

use crate::{DNS, GUEST_MAC, MAC, Options, PREFIX, ROUTER};

/// The port of servers.
pub(crate) const SERVER: u16 = 67;
const CLIENT: u16 = 68;

/// The built-in instance's `local-ipv4`.
const GUEST: Ipv4Addr = Ipv4Addr::new(172, 31, 32, 17);

/// The addresses of a subnet that EC2 keeps for itself at its beginning, and the guest above.
const TAKEN: u32 = 18;

/// What an answer says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Offer,
    Ack,
    Nak,
}

/// The answer to a frame from the guest.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) kind: Kind,
    pub(crate) frame: Vec<u8>,
}

/// The address that this card is given.
pub(crate) fn address(card: [u8; 6]) -> Ipv4Addr {
    if card == GUEST_MAC {
        return GUEST;
    }
    let size = 1u32 << (32 - PREFIX);
    let [.., high, low] = card;
    let offset = TAKEN + u32::from(u16::from_be_bytes([high, low])) % (size - TAKEN - 1);
    let subnet = ROUTER.to_bits() & !(size - 1);
    Ipv4Addr::from_bits(subnet + offset)
}

/// Answers a frame, if it is a DHCP message that has an answer.
pub(crate) fn answer(options: &Options, frame: &[u8]) -> Option<Answer> {
    let frame = EthernetFrame::new_checked(frame).ok()?;
    let packet = Ipv4Packet::new_checked(frame.payload()).ok()?;
    let udp = UdpPacket::new_checked(packet.payload()).ok()?;
    let checks = ChecksumCapabilities::default();
    UdpRepr::parse(
        &udp,
        &packet.src_addr().into(),
        &packet.dst_addr().into(),
        &checks,
    )
    .ok()?;
    let message = DhcpPacket::new_checked(udp.payload()).ok()?;
    let request = DhcpRepr::parse(&message).ok()?;
    let yours = address(request.client_hardware_address.0);
    let kind = decide(&request, yours)?;
    Some(Answer {
        kind,
        frame: encode(&reply(options, &request, kind, yours), kind),
    })
}

/// What to say, `None` if nothing.
fn decide(request: &DhcpRepr<'_>, yours: Ipv4Addr) -> Option<Kind> {
    match request.message_type {
        DhcpMessageType::Discover => Some(Kind::Offer),
        // The offer of another server was taken.
        DhcpMessageType::Request if request.server_identifier.is_some_and(|id| id != ROUTER) => {
            None
        }
        DhcpMessageType::Request => {
            let wanted = request.requested_ip.unwrap_or(request.client_ip);
            Some(if wanted == yours {
                Kind::Ack
            } else {
                Kind::Nak
            })
        }
        DhcpMessageType::Offer
        | DhcpMessageType::Decline
        | DhcpMessageType::Ack
        | DhcpMessageType::Nak
        | DhcpMessageType::Release
        | DhcpMessageType::Inform
        | DhcpMessageType::Unknown(_) => None,
    }
}

fn reply(
    options: &Options,
    request: &DhcpRepr<'_>,
    kind: Kind,
    yours: Ipv4Addr,
) -> DhcpRepr<'static> {
    let grants = kind != Kind::Nak;
    DhcpRepr {
        message_type: match kind {
            Kind::Offer => DhcpMessageType::Offer,
            Kind::Ack => DhcpMessageType::Ack,
            Kind::Nak => DhcpMessageType::Nak,
        },
        transaction_id: request.transaction_id,
        secs: 0,
        client_hardware_address: request.client_hardware_address,
        client_ip: Ipv4Addr::UNSPECIFIED,
        your_ip: if grants { yours } else { Ipv4Addr::UNSPECIFIED },
        server_ip: Ipv4Addr::UNSPECIFIED,
        router: grants.then_some(ROUTER),
        subnet_mask: grants.then(|| Ipv4Addr::from_bits(u32::MAX << (32 - PREFIX))),
        relay_agent_ip: Ipv4Addr::UNSPECIFIED,
        broadcast: request.broadcast,
        requested_ip: None,
        client_identifier: None,
        server_identifier: Some(ROUTER),
        parameter_request_list: None,
        dns_servers: grants.then(|| core::iter::once(DNS).collect()),
        max_size: None,
        lease_duration: grants.then(|| u32::try_from(options.lease.as_secs()).unwrap_or(u32::MAX)),
        renew_duration: None,
        rebind_duration: None,
        additional_options: &[],
    }
}

/// The frame of a reply. It goes straight to the new address, unless the client asked for a broadcast because it cannot
/// take that yet; a NAK is always broadcast (RFC 2131, 4.1).
fn encode(reply: &DhcpRepr<'_>, kind: Kind) -> Vec<u8> {
    let broadcast = reply.broadcast || kind == Kind::Nak;
    let (card, to) = if broadcast {
        (EthernetAddress::BROADCAST, Ipv4Addr::BROADCAST)
    } else {
        (reply.client_hardware_address, reply.your_ip)
    };
    let checks = ChecksumCapabilities::default();
    let ethernet = EthernetRepr {
        src_addr: EthernetAddress(MAC),
        dst_addr: card,
        ethertype: EthernetProtocol::Ipv4,
    };
    let udp = UdpRepr {
        src_port: SERVER,
        dst_port: CLIENT,
    };
    let ip = Ipv4Repr {
        src_addr: ROUTER,
        dst_addr: to,
        next_header: IpProtocol::Udp,
        payload_len: udp.header_len() + reply.buffer_len(),
        hop_limit: 64,
    };
    let mut frame = vec![0; ethernet.buffer_len() + ip.buffer_len() + ip.payload_len];
    let mut ethernet_frame = EthernetFrame::new_unchecked(frame.as_mut_slice());
    ethernet.emit(&mut ethernet_frame);
    let mut packet = Ipv4Packet::new_unchecked(ethernet_frame.payload_mut());
    ip.emit(&mut packet, &checks);
    let mut datagram = UdpPacket::new_unchecked(packet.payload_mut());
    udp.emit(
        &mut datagram,
        &ip.src_addr.into(),
        &ip.dst_addr.into(),
        reply.buffer_len(),
        |payload| {
            reply
                .emit(&mut DhcpPacket::new_unchecked(payload))
                .expect("the buffer is as long as the message");
        },
        &checks,
    );
    frame
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_always_has_the_same_address_inside_the_subnet() {
        assert_eq!(address(GUEST_MAC), GUEST);
        for low in 0..=255 {
            for high in [0, 1, 0x34, 0xff] {
                let address = address([2, 0, 0, 0, high, low]).octets();
                assert_eq!(&address[..2], &[172, 31]);
                assert!((32..48).contains(&address[2]), "{address:?}");
                assert_ne!(address, [172, 31, 47, 255], "the broadcast address");
                assert!(address > GUEST.octets());
            }
        }
    }

    fn request(message_type: DhcpMessageType) -> DhcpRepr<'static> {
        DhcpRepr {
            message_type,
            transaction_id: 7,
            secs: 0,
            client_hardware_address: EthernetAddress(GUEST_MAC),
            client_ip: Ipv4Addr::UNSPECIFIED,
            your_ip: Ipv4Addr::UNSPECIFIED,
            server_ip: Ipv4Addr::UNSPECIFIED,
            router: None,
            subnet_mask: None,
            relay_agent_ip: Ipv4Addr::UNSPECIFIED,
            broadcast: false,
            requested_ip: None,
            client_identifier: None,
            server_identifier: None,
            parameter_request_list: None,
            dns_servers: None,
            max_size: None,
            lease_duration: None,
            renew_duration: None,
            rebind_duration: None,
            additional_options: &[],
        }
    }

    #[test]
    fn its_own_address_is_granted_and_any_other_is_refused() {
        let ask = |requested_ip, client_ip| DhcpRepr {
            requested_ip,
            client_ip,
            ..request(DhcpMessageType::Request)
        };
        let other = Ipv4Addr::new(172, 31, 32, 99);
        let none = Ipv4Addr::UNSPECIFIED;
        assert_eq!(decide(&ask(Some(GUEST), none), GUEST), Some(Kind::Ack));
        assert_eq!(decide(&ask(Some(other), none), GUEST), Some(Kind::Nak));
        // A renewal names the address that is in use.
        assert_eq!(decide(&ask(None, GUEST), GUEST), Some(Kind::Ack));
        assert_eq!(decide(&ask(None, other), GUEST), Some(Kind::Nak));
    }

    #[test]
    fn a_request_to_another_server_is_not_answered() {
        let elsewhere = DhcpRepr {
            requested_ip: Some(GUEST),
            server_identifier: Some(DNS),
            ..request(DhcpMessageType::Request)
        };
        assert_eq!(decide(&elsewhere, GUEST), None);
        assert_eq!(decide(&request(DhcpMessageType::Release), GUEST), None);
    }

    #[test]
    fn answers_go_to_the_new_address_unless_a_broadcast_was_asked_for() {
        let to = |broadcast, kind| {
            let request = DhcpRepr {
                broadcast,
                ..request(DhcpMessageType::Request)
            };
            let frame = encode(&reply(&Options::new(), &request, kind, GUEST), kind);
            let frame = EthernetFrame::new_unchecked(frame.as_slice());
            let ip = Ipv4Packet::new_unchecked(frame.payload());
            (frame.dst_addr().0, ip.dst_addr())
        };
        let everybody = ([0xff; 6], Ipv4Addr::BROADCAST);
        assert_eq!(to(false, Kind::Offer), (GUEST_MAC, GUEST));
        assert_eq!(to(true, Kind::Offer), everybody);
        assert_eq!(to(false, Kind::Nak), everybody);
    }
}
