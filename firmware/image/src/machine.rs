//! What the images of [`imds_x86`] share: how they begin, what they say of a node, how they end.

use core::fmt;

use imds_core::{Cause, Error, Node, Reply};
use imds_x86::serial::Console;
use imds_x86::virtio::{self, MachineNic};
use imds_x86::{Clock, Exit, Machine, println, stack};
use static_cell::ConstStaticCell;

use crate::options::{Job, Options, absolute};
use crate::output::Printer;

/// Bytes of the longest value that can be read.
pub const LONGEST: u32 = 64 * 1024;

/// Memory for it, of its own: it is too large for the stack.
pub static VALUE: ConstStaticCell<[u8; LONGEST as usize]> =
    ConstStaticCell::new([0; LONGEST as usize]);

/// What an image begins with.
pub struct Start {
    /// What to do.
    pub options: Options<'static>,
    /// The network card.
    pub nic: MachineNic,
    /// The time.
    pub clock: Clock,
    /// A number of chance.
    pub seed: u64,
}

impl Start {
    /// Reads the command line, finds the network card, and logs what it found.
    ///
    /// # Errors
    /// The exit code; why is printed.
    pub fn new(machine: &Machine) -> Result<Self, u8> {
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
        Ok(Self {
            options,
            nic: found.nic,
            clock,
            seed: seed.value,
        })
    }
}

/// Prints what was read, and remembers when it came.
pub struct Results {
    printer: Printer<Console>,
    clock: Clock,
    first: Option<u64>,
    last: u64,
    count: u64,
}

impl Results {
    /// Prints as the options say.
    #[must_use]
    pub fn new(options: &Options<'_>, clock: Clock) -> Self {
        Self {
            printer: Printer::new(Console, options.format),
            clock,
            first: None,
            last: 0,
            count: 0,
        }
    }

    /// A node of the walk of this path, or the value of it.
    pub fn node(&mut self, asked: &str, node: &Node<'_>) {
        if let Node::Leaf { .. } = node {
            self.count();
        }
        self.printer.node(asked, node);
    }

    /// The value of this path.
    pub fn value(&mut self, path: &str, value: &[u8]) {
        self.count();
        self.printer.value(path, value);
    }

    /// How the read or the walk of this path ended.
    pub fn ended(&mut self, path: &str, result: Result<Reply, Error>) {
        self.printer.ended(path, result);
    }

    fn count(&mut self) {
        self.last = self.clock.since_power_on();
        self.first.get_or_insert(self.last);
        self.count += 1;
    }

    /// Logs when values came, and prints the last line. Answers the exit code.
    pub fn finish(self) -> u8 {
        if let Some(first) = self.first {
            defmt::info!("first byte after {=u64} us", first);
            defmt::info!(
                "last byte after {=u64} us, {=u64} values",
                self.last,
                self.count
            );
        }
        self.printer.finish()
    }
}

/// The path that a job of the command line means.
#[must_use]
pub fn path(job: &Job<'_>) -> heapless::String<{ imds_core::path::MAX_PATH }> {
    let (Job::Get(typed) | Job::Walk(typed)) = job;
    absolute(typed).expect("the command line was checked")
}

/// Prints why there is nothing to print but this. Answers the exit code.
pub fn fail(cause: Cause, why: impl fmt::Display) -> u8 {
    println!("error: {why}");
    println!("exit={} cause={}", cause.exit_code(), cause.name());
    cause.exit_code()
}

/// Logs how much memory was in use. This is how the machine is to end.
#[must_use]
pub fn finish(code: u8) -> Exit {
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
