//! One client as a microcontroller has it: one lane, memory that is lent, a get, a walk, and both
//! typed documents that firmware reads; errors are printed.
//!
//! The board is behind function pointers that the compiler cannot see through, so nothing of the
//! client is left out because of what a certain network would never do. It is linked, not run.
#![no_std]
#![no_main]

use core::fmt::{self, Write as _};
use core::hint::black_box;
use core::mem::MaybeUninit;
use core::panic::PanicInfo;

use heapless::String;
use imds_core::drive::Socket;
use imds_core::model::{IDENTITY, IdentityDocument, ROLES, RoleCredentials, role_name};
use imds_core::path::{self, META_DATA};
use imds_core::walk::Options;
use imds_core::{Client, Config, Event, Gather, Instant, Misuse, Node, Reply, Route};

type Imds<'m> = Client<1, &'m mut [u8], &'m mut [u8], 2>;

/// Memory that is there once. It is lent to the client, whose own place is here too: what is in
/// statics can be counted.
struct Memory {
    window: [u8; 2048],
    arena: [u8; 512],
    value: [u8; 2048],
    client: MaybeUninit<Imds<'static>>,
}

#[allow(unsafe_code, reason = "a static that is written to")]
static mut MEMORY: Memory = Memory {
    window: [0; 2048],
    arena: [0; 512],
    value: [0; 2048],
    client: MaybeUninit::uninit(),
};

/// What stands for the hardware.
struct Board {
    clock: fn() -> Instant,
    sleep: fn(Option<Instant>),
    connect: fn(&Route) -> Event,
    send: fn(&[u8]) -> Event,
    receive: fn(&mut [u8]) -> Event,
    close: fn() -> Event,
    print: fn(&str),
}

static BOARD: Board = Board {
    clock: || Instant::ZERO,
    sleep: |_| {},
    connect: |_| Event::Blocked,
    send: |_| Event::Blocked,
    receive: |_| Event::Blocked,
    close: || Event::Closed,
    print: |_| {},
};

impl Socket for &Board {
    fn connect(&mut self, route: &Route, _: Option<Instant>) -> Event {
        (self.connect)(route)
    }

    fn send(&mut self, bytes: &[u8], _: Option<Instant>) -> Event {
        (self.send)(bytes)
    }

    fn receive(&mut self, window: &mut [u8], _: Option<Instant>) -> Event {
        (self.receive)(window)
    }

    fn close(&mut self) -> Event {
        (self.close)()
    }
}

struct Console<'b>(&'b Board);

impl fmt::Write for Console<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        (self.0.print)(text);
        Ok(())
    }
}

/// Where the linker begins.
#[allow(unsafe_code, reason = "the entry, and the memory that it lends")]
// SAFETY: nothing else has this name.
#[unsafe(no_mangle)]
extern "C" fn _start() -> ! {
    // SAFETY: this runs once, and nothing else names the memory.
    let memory = unsafe { &mut *(&raw mut MEMORY) };
    let board = black_box(&BOARD);
    let client = memory.client.write(Client::with_memory(
        Config::default(),
        [&mut memory.window],
        &mut memory.arena,
    ));
    let mut console = Console(board);
    let mut gather = Gather::new(&mut memory.value);
    if let Err(misuse) = run(client, board, &mut gather, &mut console) {
        // Printing cannot fail.
        let _ = write!(console, "{misuse}");
    }
    loop {
        (board.sleep)(None);
    }
}

fn run(
    client: &mut Imds<'_>,
    board: &Board,
    gather: &mut Gather<'_>,
    console: &mut Console<'_>,
) -> Result<(), Misuse> {
    client.get((board.clock)(), IDENTITY)?;
    read(client, board, gather, console, &mut identity)?;

    client.get((board.clock)(), ROLES)?;
    let mut path: String<{ path::MAX_PATH }> = String::new();
    read(client, board, gather, console, &mut |_, _, body| {
        write!(path, "{ROLES}{}", role_name(body).unwrap_or_default())
    })?;
    client.get((board.clock)(), &path)?;
    read(client, board, gather, console, &mut credentials)?;

    client.walk((board.clock)(), META_DATA, Options::default())?;
    read(client, board, gather, console, &mut size)
}

/// What is done with a value: its path, and its bytes.
type Use<'u> = dyn FnMut(&mut Console<'_>, &str, &[u8]) -> fmt::Result + 'u;

// Each on a stack of its own: documents are large.
#[inline(never)]
fn identity(console: &mut Console<'_>, _: &str, body: &[u8]) -> fmt::Result {
    match &IdentityDocument::parse(body) {
        Ok(document) => console.write_str(document.instance_id.as_deref().unwrap_or_default()),
        Err(error) => writeln!(console, "{error}"),
    }
}

#[inline(never)]
fn credentials(console: &mut Console<'_>, _: &str, body: &[u8]) -> fmt::Result {
    match &RoleCredentials::<1536>::parse(body) {
        Ok(credentials) => {
            black_box(credentials.secret_access_key());
            black_box(credentials.session_token());
            black_box(credentials.expiration().unix_seconds());
            console.write_str(credentials.access_key_id())
        }
        Err(error) => writeln!(console, "{error}"),
    }
}

fn size(console: &mut Console<'_>, path: &str, body: &[u8]) -> fmt::Result {
    writeln!(console, "{path}: {} bytes", body.len())
}

/// Reads until the operation has ended, and hands out each value.
fn read(
    client: &mut Imds<'_>,
    board: &Board,
    gather: &mut Gather<'_>,
    console: &mut Console<'_>,
    value: &mut Use<'_>,
) -> Result<(), Misuse> {
    loop {
        client.drive((board.clock)(), &mut [board], gather)?;
        if let Some(node) = gather.node() {
            // Printing cannot fail.
            let _ = match node {
                Node::Leaf {
                    path, value: body, ..
                } => value(console, path, body),
                Node::Missing(missing) => writeln!(console, "{}: {}", missing.path, missing.why),
                Node::TooLong { path, .. } => writeln!(console, "{path}: too long"),
            };
            gather.taken();
        } else if let Some((_, result)) = client.next_done() {
            let _ = match result {
                Ok(Reply::Absent) => writeln!(console, "absent"),
                Ok(Reply::Found | Reply::Walked(_)) => Ok(()),
                Err(error) => writeln!(console, "{error}"),
            };
            return Ok(());
        } else {
            (board.sleep)(client.next_deadline());
        }
    }
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    loop {}
}
