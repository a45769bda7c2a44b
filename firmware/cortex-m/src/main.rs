//! The boot image: comes up, gets an address, reads what the command line asks for, prints it to
//! the first serial port, and ends the machine.
#![no_std]
#![no_main]

mod network;

use core::fmt::{self, Write as _};
use core::pin::{Pin, pin};

use embassy_executor::Spawner;
use embassy_net::{ConfigV4, Stack};
use embassy_time::Instant;
use imds_core::flat::Text;
use imds_core::model::{ROLES, ReadError, RoleCredentials, role_name};
use imds_core::{Cause, Config, Error, Node, Reply, walk};
use imds_cortex_m::{Console, Machine, exit, stack};
use imds_embassy::net::{Client, Resources};
use imds_image::options::{Job, Options, absolute};
use imds_image::output::Printer;
use static_cell::{ConstStaticCell, StaticCell};

/// The longest value that can be read: EC2 takes user-data of 16 KiB, and nothing there is longer.
const LONGEST: u32 = 16 * 1024;
static VALUE: ConstStaticCell<[u8; LONGEST as usize]> = ConstStaticCell::new([0; LONGEST as usize]);

/// The longest session token of credentials; EC2's have some 1,500 bytes.
const TOKEN: usize = 2048;

/// The listing that has the name of the role, which has at most 64 bytes.
const LISTING: usize = 256;

/// One connection, with windows of 2 KiB and of 1 KiB.
type Memory = Resources<1, 2048, 1024, 1024, 512>;
static RESOURCES: ConstStaticCell<Memory> = ConstStaticCell::new(Memory::new());

#[cortex_m_rt::entry]
fn main() -> ! {
    imds_cortex_m::run(|spawner| spawner.spawn(image(spawner).expect("it is spawned once")))
}

#[embassy_executor::task]
async fn image(spawner: Spawner) {
    let (Ok(code) | Err(code)) = read(Machine::take(), spawner).await;
    defmt::info!(
        "stack: {=usize} of {=usize} bytes",
        stack::high_water(),
        stack::size()
    );
    defmt::info!("exit {=u8}", code);
    exit(code)
}

/// The exit code, either way.
async fn read(machine: Machine, spawner: Spawner) -> Result<u8, u8> {
    let Start {
        options,
        address,
        config,
    } = start(machine.command_line, machine.ethernet.mac(), machine.seed)?;
    let stack = network::bring_up(spawner, machine.ethernet, address, config.seed)
        .await
        .map_err(|why| fail(Cause::Unreachable, why))?;
    let client = client(stack, config, options.link_local)?;

    let memory = VALUE.take();
    let mut results = Results::new(&options);
    let mut reachable = true;
    for job in &options.jobs {
        let (Job::Get(typed) | Job::Walk(typed)) = job;
        let path = absolute(typed).expect("the command line was checked");
        let ended = match job {
            Job::Get(_) => get(client, &path, memory, &mut results).await,
            Job::Walk(_) => walk(client, &path, memory, &mut results).await,
        };
        reachable &= ended.is_ok();
        results.printer.ended(&path, ended);
    }
    if reachable {
        // By a pointer, which is not inlined: its stack would be needed for all of this function.
        let credentials: Pin<&mut dyn Future<Output = _>> = pin!(credentials(client, memory));
        match credentials.await {
            Ok(()) => {}
            Err(ReadError::Imds(error)) => results.printer.failure(error.cause(), ROLES, error),
            Err(ReadError::Document(error)) => {
                results.printer.failure(Cause::NotImds, ROLES, error);
            }
        }
    }
    Ok(results.finish())
}

/// What the command line says.
struct Start {
    options: Options<'static>,
    address: ConfigV4,
    config: Config,
}

// This and the next are not inlined, because the stack that they take would be taken to the end.
#[inline(never)]
fn start(line: Option<&'static str>, mac: [u8; 6], seed: u64) -> Result<Start, u8> {
    let words = line
        .ok_or_else(|| {
            fail(
                Cause::Usage,
                "no command line, or it is not text, or too long",
            )
        })?
        .split_ascii_whitespace()
        .map(|word| word.split_once('=').unwrap_or((word, "")));
    let options = Options::parse(words).map_err(|bad| fail(Cause::Usage, bad))?;
    let usage = |why| fail(Cause::Usage, why);
    Ok(Start {
        address: network::address(&options, mac).map_err(usage)?,
        config: network::config(&options, seed, LONGEST).map_err(usage)?,
        options,
    })
}

#[inline(never)]
fn client(
    stack: Stack<'static>,
    config: Config,
    link_local: bool,
) -> Result<&'static mut Client<'static>, u8> {
    static CLIENT: StaticCell<Client<'static>> = StaticCell::new();
    let client = Client::new(stack, RESOURCES.take(), config);
    let client = CLIENT.init(client.map_err(|misuse| fail(Cause::Usage, misuse))?);
    client.allow_link_local_source(link_local);
    defmt::info!(
        "client: {=usize} bytes, and {=usize} lent",
        size_of_val(client),
        size_of::<Memory>()
    );
    Ok(client)
}

async fn get(
    client: &mut Client<'_>,
    path: &str,
    memory: &mut [u8],
    results: &mut Results,
) -> Result<Reply, Error> {
    let Some(value) = client.get(path, memory).await? else {
        return Ok(Reply::Absent);
    };
    results.count();
    results.printer.value(path, value);
    Ok(Reply::Found)
}

async fn walk(
    client: &mut Client<'_>,
    path: &str,
    memory: &mut [u8],
    results: &mut Results,
) -> Result<Reply, Error> {
    let mut walk = client.walk(path, walk::Options::default(), memory)?;
    while let Some(node) = walk.next().await? {
        if let Node::Leaf { .. } = node {
            results.count();
        }
        results.printer.node(path, &node);
    }
    Ok(Reply::Walked(walk.summary().unwrap_or_default()))
}

/// Reads the credentials of the instance's role, and prints whose they are and for how long.
async fn credentials(client: &mut Client<'_>, memory: &mut [u8]) -> Result<(), ReadError> {
    let (listing, document) = memory.split_at_mut(LISTING);
    let role = client.get(ROLES, listing).await?.and_then(role_name);
    let credentials: Option<RoleCredentials<TOKEN>> = client.credentials(document).await?;
    let _ = match (role, credentials) {
        (Some(role), Some(credentials)) => {
            let until = credentials.expiration().as_str();
            writeln!(Console, "credentials: of {}, until {until}", Text(role))
        }
        (Some(_) | None, _) => writeln!(Console, "credentials: none"),
    };
    Ok(())
}

/// What was read, and when it came.
struct Results {
    printer: Printer<Console>,
    first: Option<Instant>,
    last: Instant,
    values: u32,
}

impl Results {
    fn new(options: &Options<'_>) -> Self {
        Self {
            printer: Printer::new(Console, options.format),
            first: None,
            last: Instant::MIN,
            values: 0,
        }
    }

    fn count(&mut self) {
        self.last = Instant::now();
        self.first.get_or_insert(self.last);
        self.values += 1;
    }

    /// Logs when values came, and prints the last line. Answers the exit code.
    fn finish(self) -> u8 {
        if let Some(first) = self.first {
            defmt::info!("first byte after {=u64} us", first.as_micros());
            defmt::info!(
                "last byte after {=u64} us, {=u32} values",
                self.last.as_micros(),
                self.values
            );
        }
        self.printer.finish()
    }
}

/// Prints why there is nothing to print but this. Answers the exit code.
fn fail(cause: Cause, why: impl fmt::Display) -> u8 {
    let (code, name) = (cause.exit_code(), cause.name());
    let _ = write!(Console, "error: {why}\nexit={code} cause={name}\n");
    code
}
