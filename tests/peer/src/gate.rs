//! Which frames pass: what the network of the options lets through, in both directions.

use core::net::Ipv6Addr;

use smoltcp::wire::{
    ArpPacket, ArpRepr, EthernetFrame, EthernetProtocol, Icmpv6Message, Icmpv6Packet, IpProtocol,
    Ipv4Packet, Ipv6Packet, TcpPacket, UdpPacket,
};

use crate::options::Hops;
use crate::{Network, Options, Presence, SERVICE, SERVICE6, dhcp};

const HTTP: u16 = 80;

/// What becomes of a frame from the guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Pass,
    /// For the DHCP server.
    Dhcp,
    /// To the service, from a link-local address.
    LinkLocal,
    Ignore,
}

/// What becomes of this frame from the guest. Frames that are not to be understood pass: the stack drops them.
pub(crate) fn incoming(options: &Options, frame: &[u8]) -> Verdict {
    judge(options, frame).unwrap_or(Verdict::Pass)
}

fn judge(options: &Options, frame: &[u8]) -> Option<Verdict> {
    let frame = EthernetFrame::new_checked(frame).ok()?;
    let passes = match frame.ethertype() {
        EthernetProtocol::Arp => {
            let ArpRepr::EthernetIpv4 {
                target_protocol_addr,
                ..
            } = ArpRepr::parse(&ArpPacket::new_checked(frame.payload()).ok()?).ok()?
            else {
                return None;
            };
            if target_protocol_addr == SERVICE {
                options.presence != Presence::Absent
            } else {
                options.network == Network::Ec2
            }
        }
        EthernetProtocol::Ipv4 => {
            let packet = Ipv4Packet::new_checked(frame.payload()).ok()?;
            return Some(ipv4(options, &packet));
        }
        EthernetProtocol::Ipv6 => {
            let packet = Ipv6Packet::new_checked(frame.payload()).ok()?;
            options.network == Network::Ec2 && ipv6(options, &packet)
        }
        EthernetProtocol::Unknown(_) => false,
    };
    Some(if passes {
        Verdict::Pass
    } else {
        Verdict::Ignore
    })
}

fn ipv4(options: &Options, packet: &Ipv4Packet<&[u8]>) -> Verdict {
    let ec2 = options.network == Network::Ec2;
    if packet.next_header() == IpProtocol::Udp
        && UdpPacket::new_checked(packet.payload()).is_ok_and(|udp| udp.dst_port() == dhcp::SERVER)
    {
        return if ec2 && options.dhcp {
            Verdict::Dhcp
        } else {
            Verdict::Ignore
        };
    }
    let passes = if packet.dst_addr() == SERVICE {
        if ec2 && packet.src_addr().is_link_local() && !options.allow_link_local {
            return Verdict::LinkLocal;
        }
        reaches_service(options.presence, packet.next_header())
            && (ec2 || is_http(packet.next_header(), packet.payload()))
    } else {
        ec2
    };
    if passes {
        Verdict::Pass
    } else {
        Verdict::Ignore
    }
}

fn ipv6(options: &Options, packet: &Ipv6Packet<&[u8]>) -> bool {
    if packet.dst_addr() == SERVICE6 {
        reaches_service(options.presence, packet.next_header())
    } else {
        options.presence != Presence::Absent || solicited(packet) != Some(SERVICE6)
    }
}

fn reaches_service(presence: Presence, protocol: IpProtocol) -> bool {
    match presence {
        Presence::Serving | Presence::Refused => true,
        Presence::Silent => protocol != IpProtocol::Tcp,
        Presence::Absent => false,
    }
}

fn is_http(protocol: IpProtocol, payload: &[u8]) -> bool {
    protocol == IpProtocol::Tcp
        && TcpPacket::new_checked(payload).is_ok_and(|tcp| tcp.dst_port() == HTTP)
}

/// The address that a neighbour solicitation asks for.
fn solicited(packet: &Ipv6Packet<&[u8]>) -> Option<Ipv6Addr> {
    if packet.next_header() != IpProtocol::Icmpv6 {
        return None;
    }
    let icmp = Icmpv6Packet::new_checked(packet.payload()).ok()?;
    (icmp.msg_type() == Icmpv6Message::NeighborSolicit).then(|| icmp.target_addr())
}

/// Whether this frame of ours dies on its way to the guest: it has to be routed, and has too few hops.
pub(crate) fn expires(hops: Option<Hops>, frame: &[u8]) -> bool {
    hops.zip(hop_limit(frame))
        .is_some_and(|(hops, limit)| limit <= hops.routers)
}

/// The hop limit of a TCP segment, in either family. What is not TCP comes from the router itself.
fn hop_limit(frame: &[u8]) -> Option<u8> {
    let frame = EthernetFrame::new_checked(frame).ok()?;
    match frame.ethertype() {
        EthernetProtocol::Ipv4 => {
            let packet = Ipv4Packet::new_checked(frame.payload()).ok()?;
            (packet.next_header() == IpProtocol::Tcp).then(|| packet.hop_limit())
        }
        EthernetProtocol::Ipv6 => {
            let packet = Ipv6Packet::new_checked(frame.payload()).ok()?;
            (packet.next_header() == IpProtocol::Tcp).then(|| packet.hop_limit())
        }
        EthernetProtocol::Arp | EthernetProtocol::Unknown(_) => None,
    }
}
