//! What to boot, on what, against whom.

use core::sync::atomic::AtomicBool;
use core::time::Duration;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use imds_mock::{Mock, Profile, Tree};
use imds_peer::{GUEST_MAC, Link, Options, Peer, Wire, unix};

use crate::process::{self, Limits};
use crate::scratch::Scratch;
use crate::{Error, Machine, Outcome, Transport, command};

/// One boot, made by value: `Boot::new(image).machine(Machine::Q35).append("imds.lanes=3").run()`.
///
/// Without further word: microvm, 8 MiB, the mock of EC2 with its built-in instance over a perfect wire, a second
/// serial port for the log, and 60 seconds.
#[derive(Debug)]
pub struct Boot {
    pub(crate) image: PathBuf,
    pub(crate) machine: Machine,
    pub(crate) memory: u32,
    pub(crate) append: Vec<String>,
    pub(crate) transport: Option<Transport>,
    pub(crate) cpu: Option<String>,
    pub(crate) debug_exit: bool,
    pub(crate) log_port: bool,
    pub(crate) mac: [u8; 6],
    pub(crate) extra: Vec<String>,
    qemu: Option<PathBuf>,
    mock: Mock,
    options: Option<Options>,
    wire: Wire,
    timeout: Duration,
    interrupt: Arc<AtomicBool>,
}

impl Boot {
    /// Boots this image.
    #[must_use]
    pub fn new(image: impl Into<PathBuf>) -> Self {
        Self {
            image: image.into(),
            machine: Machine::Microvm,
            memory: 8,
            append: Vec::new(),
            transport: None,
            cpu: None,
            debug_exit: true,
            log_port: true,
            mac: GUEST_MAC,
            extra: Vec::new(),
            qemu: None,
            mock: Mock::new(Profile::Ec2),
            options: None,
            wire: Wire::perfect(),
            timeout: Duration::from_secs(60),
            interrupt: Arc::default(),
        }
    }

    /// On this machine.
    #[must_use]
    pub fn machine(mut self, machine: Machine) -> Self {
        self.machine = machine;
        self
    }

    /// With so much memory, in MiB.
    #[must_use]
    pub fn memory(mut self, mib: u32) -> Self {
        self.memory = mib;
        self
    }

    /// With these words on the kernel command line, behind those of earlier calls.
    #[must_use]
    pub fn append(mut self, words: &str) -> Self {
        if !words.is_empty() {
            self.append.push(words.to_owned());
        }
        self
    }

    /// Against a server of this kind, with its built-in data and, unless [`options`](Self::options) says otherwise, in
    /// its own network.
    #[must_use]
    pub fn profile(self, profile: Profile) -> Self {
        self.mock(Mock::new(profile))
    }

    /// Against this server, unless [`options`](Self::options) says otherwise in the network of its profile.
    #[must_use]
    pub fn mock(mut self, mock: Mock) -> Self {
        self.mock = mock;
        self
    }

    /// With these data in the server: to be said after the server.
    #[must_use]
    pub fn tree(mut self, tree: Tree) -> Self {
        self.mock = self.mock.tree(tree);
        self
    }

    /// In this network.
    #[must_use]
    pub fn options(mut self, options: Options) -> Self {
        self.options = Some(options);
        self
    }

    /// Over this wire.
    #[must_use]
    pub fn wire(mut self, wire: Wire) -> Self {
        self.wire = wire;
        self
    }

    /// With the network card attached like this.
    #[must_use]
    pub fn transport(mut self, transport: Transport) -> Self {
        self.transport = Some(transport);
        self
    }

    /// With a network card of this address, and not the one of the built-in instance.
    #[must_use]
    pub fn mac(mut self, mac: [u8; 6]) -> Self {
        self.mac = mac;
        self
    }

    /// With this processor, in the words of QEMU's `-cpu`: `max`, `qemu64,-rdrand`.
    #[must_use]
    pub fn cpu(mut self, model: &str) -> Self {
        self.cpu = Some(model.to_owned());
        self
    }

    /// Whether the machine has `isa-debug-exit`. Without it there is no exit status, as in Firecracker.
    #[must_use]
    pub fn debug_exit(mut self, yes: bool) -> Self {
        self.debug_exit = yes;
        self
    }

    /// Whether the machine has a second serial port. Without it there is no log, as in Firecracker.
    #[must_use]
    pub fn log_port(mut self, yes: bool) -> Self {
        self.log_port = yes;
        self
    }

    /// With these arguments to QEMU behind all others.
    #[must_use]
    pub fn qemu_args<'a>(mut self, args: impl IntoIterator<Item = &'a str>) -> Self {
        self.extra.extend(args.into_iter().map(str::to_owned));
        self
    }

    /// With this QEMU, and not the one on the search path.
    #[must_use]
    pub fn qemu(mut self, program: impl Into<PathBuf>) -> Self {
        self.qemu = Some(program.into());
        self
    }

    /// For so long and no longer.
    #[must_use]
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = limit;
        self
    }

    /// Until somebody raises this flag: a handler of signals, for one.
    #[must_use]
    pub fn interrupt(mut self, flag: Arc<AtomicBool>) -> Self {
        self.interrupt = flag;
        self
    }

    /// Boots and waits for the end.
    ///
    /// # Errors
    ///
    /// QEMU is not there or did not start, or something else outside the image failed. Whatever the image does, it is
    /// an [`Outcome`].
    pub fn run(self) -> Result<Outcome, Error> {
        self.run_with(|_| {})
    }

    /// Boots, gives what the first serial port says to `on_serial` as it comes, and waits for the end.
    ///
    /// # Errors
    ///
    /// As for [`run`](Self::run).
    pub fn run_with(self, on_serial: impl FnMut(&[u8])) -> Result<Outcome, Error> {
        fs::metadata(&self.image).map_err(|error| Error::File(self.image.clone(), error))?;
        let scratch = Scratch::new()?;
        let socket = scratch.path("net");
        let log = scratch.path("log");
        let arguments = command::arguments(&self, &socket, &log);
        let options = self
            .options
            .unwrap_or_else(|| Options::for_profile(self.mock.profile()));
        let link = Link::new(Peer::new(self.mock, options), self.wire);
        let peer =
            unix::spawn(&socket, link).map_err(|error| Error::File(socket.clone(), error))?;
        let began = Instant::now();
        let limits = Limits {
            timeout: self.timeout,
            interrupt: &self.interrupt,
        };
        let qemu = self.qemu.unwrap_or_else(|| self.machine.qemu().into());
        let meaning = self.machine.ending();
        let ran = process::run(&qemu, &arguments, limits, meaning, on_serial)?;
        let wall = began.elapsed();
        Ok(Outcome {
            serial: String::from_utf8_lossy(&ran.stdout).into_owned(),
            // It is not there if QEMU did not start the machine.
            defmt: fs::read(&log).unwrap_or_default(),
            ending: ran.ending,
            stderr: String::from_utf8_lossy(&ran.stderr).into_owned(),
            link: peer.stop().map_err(Error::Peer)?,
            wall,
            command: command::quoted(&qemu, &arguments),
        })
    }
}
