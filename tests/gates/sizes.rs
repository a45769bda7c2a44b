//! What the public types of the core weigh, in bytes, on 64-bit machines.
//!
//! All of it is memory that somebody lends: a boot image has it in `.bss` or on a stack of a few
//! KiB. A change here is never an accident: raise a number in the commit that makes the type
//! grow, and say there what the bytes buy. Lower it as soon as a type shrinks.
#![cfg(target_pointer_width = "64")]

use core::mem::size_of;

use imds_core::config::{Limits, Pace, Target, Timeouts};
use imds_core::endpoint::{EndpointError, Host};
use imds_core::http::{Head, HttpError, Reader};
use imds_core::model::{
    DocumentError, IamInfo, IdentityDocument, MaintenanceEvent, MaintenanceEvents, Rebalance,
    RoleCredentials, Secret, SpotAction, Timestamp,
};
use imds_core::path::PathError;
use imds_core::walk::{BadName, Include, Options, Sensitive, Summary, Why};
use imds_core::{
    Cause, Client, Config, Counters, Endpoint, Error, Event, Fault, Gather, Instant, Lane, Leaf,
    Missing, Misuse, Node, OpId, Peer, Phase, Reason, Reply, Route, Session, Want, What,
};

macro_rules! pin {
    ($($type:ty = $size:literal),+ $(,)?) => {
        let sizes = [$((stringify!($type), size_of::<$type>(), $size)),+];
        let off = sizes.iter().filter(|(_, size, pinned)| size != pinned);
        let off: Vec<_> = off.map(|(name, size, _)| format!("{name} = {size}")).collect();
        assert!(off.is_empty(), "these are now:\n{}", off.join(",\n"));
    };
}

#[test]
fn what_is_passed_around() {
    pin! {
        Error = 4,
        Misuse = 1,
        Peer = 4,
        Phase = 1,
        Fault = 1,
        Reason = 1,
        What = 1,
        Cause = 1,
        HttpError = 1,
        PathError = 1,
        EndpointError = 1,
        BadName = 1,
        Why = 4,
        Event = 16,
        Want<'_> = 56,
        Leaf<'_> = 56,
        Missing<'_> = 48,
        Node<'_> = 48,
        OpId = 8,
        Reply = 16,
        Result<Reply, Error> = 16,
        Summary = 12,
        Instant = 8,
        Include = 1,
        Options = 1,
        Sensitive = 1,
    }
}

#[test]
fn settings() {
    pin! {
        Host = 144,
        Endpoint = 224,
        Route = 448,
        Target = 224,
        Timeouts = 64,
        Pace = 4,
        Limits = 32,
        Config = 376,
    }
}

#[test]
fn what_a_client_is_made_of() {
    pin! {
        Head = 32,
        Reader = 24,
        Counters = 24,
        Lane<&mut [u8]> = 688,
        Lane<[u8; 2048]> = 2720,
        Lane<[u8; 4096]> = 4768,
        Session<&mut [u8], 4, 1, 128> = 3952,
        Session<[u8; 1024], 4, 1, 128> = 4960,
        Session<Vec<u8>, 16, 4, 512> = 14256,
        Client<1, [u8; 2048], [u8; 1024]> = 7720,
        Client<4, [u8; 4096], [u8; 8192]> = 31272,
        Gather<'_> = 432,
        imds_smoltcp::Client<1, 2048, 1024> = 8032,
        imds_smoltcp::Lanes<4> = 384,
    }
}

#[test]
fn typed_documents() {
    pin! {
        Timestamp = 40,
        Secret<128> = 136,
        RoleCredentials = 4560,
        IamInfo = 1120,
        IdentityDocument = 2544,
        SpotAction = 88,
        Rebalance = 40,
        MaintenanceEvent = 624,
        MaintenanceEvents<'_> = 32,
        DocumentError = 120,
    }
}

/// One lane, and room for a walk: everything the core can do, beside a network stack, on a
/// microcontroller of 32 KiB.
#[test]
fn the_smallest_client_stays_below_eight_kib() {
    const { assert!(size_of::<Client<1>>() < 8 * 1024) }
}

/// More lanes cost their windows and little else.
#[test]
fn a_lane_costs_its_window_and_little_else() {
    const { assert!(size_of::<Lane<[u8; 0]>>() < 1024) }
}
