//! The boot image: comes up, gets an address, reads what the command line asks for, prints it to
//! the first serial port, and ends the machine.
#![no_std]
#![no_main]

mod network;

use imds_core::{Cause, Gather, walk};
use imds_image::machine::{LONGEST, Results, Start, VALUE, fail, finish, path};
use imds_image::options::{Job, MAX_LANES};
use imds_smoltcp::{Buffers, Client};
use imds_x86::{Exit, Machine};
use smoltcp::iface::{SocketSet, SocketStorage};

use crate::network::Network;

imds_x86::entry!(main);

fn main(machine: Machine) -> Exit {
    let (Ok(code) | Err(code)) = run(&machine);
    finish(code)
}

/// The exit code, either way.
fn run(machine: &Machine) -> Result<u8, u8> {
    let start = Start::new(machine)?;
    match start.options.lanes {
        1 => read::<1>(start),
        2 => read::<2>(start),
        3 => read::<3>(start),
        _ => read::<MAX_LANES>(start),
    }
}

/// Reads and prints everything, over so many connections. Not inlined: the stack has to hold one
/// of them and not all.
#[inline(never)]
fn read<const LANES: usize>(start: Start) -> Result<u8, u8> {
    let Start {
        options,
        nic,
        clock,
        seed,
    } = start;
    let mut buffers = Buffers::<LANES, 4096, 1024>::new();
    let mut storage = [SocketStorage::EMPTY; MAX_LANES + 1];
    let mut sockets = SocketSet::new(&mut storage[..]);
    let handles = buffers.add_to(&mut sockets);

    let config = options.config(seed, LONGEST);
    let mut network = Network::new(nic, clock, config.seed);
    network
        .bring_up(&options, &mut sockets)
        .map_err(|error| fail(Cause::Unreachable, error))?;
    let mut client = Client::<LANES, 2048, 1024>::new(config, handles)
        .map_err(|misuse| fail(Cause::Usage, misuse))?;
    client.allow_link_local_source(options.link_local);

    let mut gather = Gather::new(VALUE.take());
    let mut results = Results::new(&options, clock);
    for job in &options.jobs {
        let path = path(job);
        let started = match job {
            Job::Get(_) => client.get(network.now(), &path),
            Job::Walk(_) => client.walk(network.now(), &path, walk::Options::default()),
        };
        if let Err(misuse) = started {
            results.ended(&path, Err(misuse.into()));
            continue;
        }
        loop {
            network.poll(&mut sockets);
            let delay = client.poll(network.now(), &mut network.iface, &mut sockets, &mut gather);
            if let Some(node) = gather.node() {
                results.node(&path, &node);
                gather.taken();
            } else if let Some((_, result)) = client.next_done() {
                results.ended(&path, result);
                break;
            } else {
                network.wait(delay);
            }
        }
    }
    Ok(results.finish())
}
