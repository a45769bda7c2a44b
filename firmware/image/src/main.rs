//! The boot image: comes up, gets an address, reads what the command line asks for, prints it to
//! the first serial port, and ends the machine.
#![no_std]
#![no_main]

mod network;

use core::fmt;

use imds_core::walk::{self, Why};
use imds_core::{Cause, Gather, Node, Reply};
use imds_image::options::{Job, MAX_LANES, Options, absolute};
use imds_image::output::Printer;
use imds_smoltcp::{Buffers, Client};
use imds_x86::serial::Console;
use imds_x86::virtio::MachineNic;
use imds_x86::{Clock, Exit, Machine, println, stack, virtio};
use smoltcp::iface::{SocketSet, SocketStorage};
use static_cell::ConstStaticCell;

use crate::network::Network;

/// The longest value that can be read, in memory of its own: it is too large for the stack.
const LONGEST: u32 = 64 * 1024;
static VALUE: ConstStaticCell<[u8; LONGEST as usize]> = ConstStaticCell::new([0; LONGEST as usize]);

imds_x86::entry!(main);

fn main(machine: Machine) -> Exit {
    let (Ok(code) | Err(code)) = run(&machine);
    defmt::info!(
        "stack: {=u64} of {=u64} bytes",
        stack::high_water() as u64,
        stack::size() as u64
    );
    defmt::info!(
        "dma: {=u64} of {=u64} bytes",
        virtio::dma_high_water() as u64,
        virtio::dma_size() as u64
    );
    defmt::info!("exit {=u8}", code);
    Exit::new(code)
}

/// The exit code, either way.
fn run(machine: &Machine) -> Result<u8, u8> {
    let line = machine
        .command_line
        .map_err(|error| fail(Cause::Usage, error))?;
    let words = line
        .words()
        .map(|word| (word.key, word.value.unwrap_or("")));
    let options = Options::parse(words).map_err(|bad| fail(Cause::Usage, bad))?;
    let found = machine
        .nic()
        .map_err(|error| fail(Cause::Unreachable, error))?;
    defmt::info!(
        "network card at {}, the first of {=u64}",
        defmt::Display2Format(&found.place),
        found.count as u64
    );
    let (clock, seed) = (machine.clock, machine.seed());
    defmt::info!(
        "clock {=u64} Hz by the {}, seed from the {}",
        clock.frequency(),
        clock.source(),
        seed.source
    );
    match options.lanes {
        1 => read::<1>(&options, found.nic, clock, seed.value),
        2 => read::<2>(&options, found.nic, clock, seed.value),
        3 => read::<3>(&options, found.nic, clock, seed.value),
        _ => read::<MAX_LANES>(&options, found.nic, clock, seed.value),
    }
}

/// Reads and prints everything, over so many connections. Not inlined: the stack has to hold one
/// of them and not all.
#[inline(never)]
fn read<const LANES: usize>(
    options: &Options<'_>,
    nic: MachineNic,
    clock: Clock,
    seed: u64,
) -> Result<u8, u8> {
    let mut buffers = Buffers::<LANES, 4096, 1024>::new();
    let mut storage = [SocketStorage::EMPTY; MAX_LANES + 1];
    let mut sockets = SocketSet::new(&mut storage[..]);
    let handles = buffers.add_to(&mut sockets);

    let config = options.config(seed, LONGEST);
    let mut network = Network::new(nic, clock, config.seed);
    network
        .bring_up(options, &mut sockets)
        .map_err(|error| fail(Cause::Unreachable, error))?;
    let mut client = Client::<LANES, 2048, 1024>::new(config, handles)
        .map_err(|misuse| fail(Cause::Usage, misuse))?;
    client.allow_link_local_source(options.link_local);

    let mut gather = Gather::new(VALUE.take());
    let mut printer = Printer::new(Console, options.format);
    let mut values = Values::new(clock);
    for job in &options.jobs {
        let (Job::Get(typed) | Job::Walk(typed)) = job;
        let path = absolute(typed).expect("the command line was checked");
        let started = match job {
            Job::Get(_) => client.get(network.now(), &path),
            Job::Walk(_) => client.walk(network.now(), &path, walk::Options::default()),
        };
        if let Err(misuse) = started {
            printer.failure(Cause::Usage, &path, misuse);
            continue;
        }
        loop {
            network.poll(&mut sockets);
            let delay = client.poll(network.now(), &mut network.iface, &mut sockets, &mut gather);
            if let Some(node) = gather.node() {
                values.count(&node);
                print(&mut printer, &path, &node);
                gather.taken();
            } else if let Some((_, result)) = client.next_done() {
                match result {
                    Ok(Reply::Found | Reply::Walked(_)) => {}
                    Ok(Reply::Absent) => printer.failure(Cause::Absent, &path, Why::Absent),
                    Err(error) => printer.failure(error.cause(), &path, error),
                }
                break;
            } else {
                network.wait(delay);
            }
        }
    }
    values.log();
    Ok(printer.finish())
}

/// Prints one node of a walk, or the value of a get.
fn print(printer: &mut Printer<Console>, asked: &str, node: &Node<'_>) {
    match node {
        Node::Leaf {
            path: "", value, ..
        } => printer.value(asked, value),
        Node::Leaf { path, value, .. } => printer.value(path, value),
        // Nodes come and go, and some are left out on purpose; but what was asked for should be there.
        Node::Missing(missing) => match missing.why {
            Why::LeftOut(_) => {}
            Why::Absent if missing.path.trim_end_matches('/') == asked.trim_end_matches('/') => {
                printer.failure(Cause::Absent, missing.path, Why::Absent);
            }
            Why::Absent => {}
            why @ (Why::BadName(_) | Why::Failed(_) | _) => {
                let cause = why.cause().unwrap_or(Cause::Other);
                let line = missing.name.escape_ascii();
                match missing.name {
                    [] => printer.failure(cause, missing.path, why),
                    _ => printer.failure(cause, missing.path, format_args!("{why}: {line}")),
                }
            }
        },
        Node::TooLong { path, .. } => {
            printer.failure(Cause::NotImds, path, "longer than the core allows");
        }
    }
}

/// When values came.
struct Values {
    clock: Clock,
    first: Option<u64>,
    last: u64,
    count: u64,
}

impl Values {
    const fn new(clock: Clock) -> Self {
        Self {
            clock,
            first: None,
            last: 0,
            count: 0,
        }
    }

    fn count(&mut self, node: &Node<'_>) {
        if let Node::Leaf { .. } = node {
            self.last = self.clock.since_power_on();
            self.first.get_or_insert(self.last);
            self.count += 1;
        }
    }

    fn log(&self) {
        if let Some(first) = self.first {
            defmt::info!("first byte after {=u64} us", first);
            defmt::info!(
                "last byte after {=u64} us, {=u64} values",
                self.last,
                self.count
            );
        }
    }
}

/// Ends before there is anything to print but this.
fn fail(cause: Cause, why: impl fmt::Display) -> u8 {
    println!("error: {why}");
    println!("exit={} cause={}", cause.exit_code(), cause.name());
    cause.exit_code()
}
