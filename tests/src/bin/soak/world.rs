//! The server in memory, the way to it, and the troubles that both have.

use core::fmt::Write as _;
use core::future::pending;
use core::time::Duration;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use imds_core::Config;
use imds_mock::{Fault, Mock, Profile, server};
use imds_tests::{Random, config};
use imds_tokio::Client;
use tokio::io::DuplexStream;
use tokio::task::JoinSet;
use tokio::time::Instant;

pub(crate) struct World {
    mock: Mutex<Mock>,
    began: Instant,
    network: Mutex<Network>,
}

struct Network {
    door: Door,
    connections: JoinSet<()>,
    /// How often each of the [`TROUBLES`] came.
    troubles: [u32; TROUBLES.len()],
}

/// What a connect meets.
#[derive(Clone, Copy)]
enum Door {
    Open,
    Refuses,
    /// It never answers.
    Silent,
}

/// A trouble befalls some requests, or all that there is.
enum Trouble {
    /// At a place in the answer.
    Answers(fn(Fault, usize) -> Fault),
    /// The token request alone: to a read this would be the truth.
    TokenRequests(fn(Fault) -> Fault),
    World(fn(&World)),
}

use Trouble::{Answers, TokenRequests};

const TROUBLES: [(&str, Trouble); 27] = [
    ("400", Answers(|fault, _| fault.status(400))),
    ("401", Answers(|fault, _| fault.status(401))),
    ("403", Answers(|fault, _| fault.status(403))),
    ("no-tokens-404", TokenRequests(|fault| fault.status(404))),
    ("no-tokens-405", TokenRequests(|fault| fault.status(405))),
    ("418", Answers(|fault, _| fault.status(418))),
    (
        "429",
        Answers(|fault, _| fault.status(429).header("Retry-After", "1")),
    ),
    ("500", Answers(|fault, _| fault.status(500))),
    ("503", Answers(|fault, _| fault.status(503))),
    ("reset", Answers(|fault, _| fault.reset_before_reply())),
    ("close", Answers(|fault, _| fault.close_before_reply())),
    ("reset-in-answer", Answers(Fault::reset_after)),
    ("close-in-answer", Answers(Fault::close_after)),
    ("close-in-body", Answers(Fault::close_in_body)),
    ("stall", Answers(|fault, _| fault.stall())),
    ("stall-in-answer", Answers(Fault::stall_after)),
    (
        "delay",
        Answers(|fault, at| {
            fault.delay(Duration::from_millis(
                u64::try_from(at).expect("not so long"),
            ))
        }),
    ),
    ("dribble", Answers(|fault, _| fault.dribble())),
    ("chunks", Answers(Fault::chunks_of)),
    ("until-close", Answers(|fault, _| fault.until_close())),
    (
        "garbage",
        Answers(|fault, _| fault.raw(&b"SSH-2.0-OpenSSH_9.2\r\n"[..])),
    ),
    (
        "long-head",
        Answers(|fault, _| {
            let padding = "x".repeat(20_000);
            fault.status(200).header("X-Padding", &padding)
        }),
    ),
    ("hang-up", Trouble::World(World::hang_up)),
    (
        "revoked",
        Trouble::World(|world| world.mock().revoke_tokens()),
    ),
    (
        "refused",
        Trouble::World(|world| world.network().door = Door::Refuses),
    ),
    (
        "silent",
        Trouble::World(|world| world.network().door = Door::Silent),
    ),
    (
        "restart",
        Trouble::World(|world| {
            world.mock().revoke_tokens();
            world.hang_up();
        }),
    ),
];

/// The client of this world.
pub(crate) fn client(world: &Arc<World>, seed: u64) -> Client {
    let world = Arc::clone(world);
    let config = Config { seed, ..config() };
    Client::builder()
        .config(config)
        .connector(move |_| connect(Arc::clone(&world)))
        .build()
}

async fn connect(world: Arc<World>) -> io::Result<DuplexStream> {
    let door = world.network().door;
    match door {
        Door::Open => {}
        Door::Refuses => return Err(io::ErrorKind::ConnectionRefused.into()),
        Door::Silent => pending().await,
    }
    let (ours, mut theirs) = tokio::io::duplex(4096);
    let here = Arc::clone(&world);
    world.bury();
    world.network().connections.spawn(async move {
        server::attend(&mut theirs, &here.mock, here.began, |_| {}).await;
    });
    Ok(ours)
}

impl World {
    pub(crate) fn new(seed: u64) -> Arc<Self> {
        Arc::new(Self {
            mock: Mutex::new(Mock::new(Profile::Ec2).seed(seed)),
            began: Instant::now(),
            network: Mutex::new(Network {
                door: Door::Open,
                connections: JoinSet::new(),
                troubles: [0; _],
            }),
        })
    }

    pub(crate) fn mock(&self) -> MutexGuard<'_, Mock> {
        self.mock.lock().expect("nobody panicked")
    }

    /// The Unix time that the server's documents say.
    pub(crate) fn unix(&self) -> u64 {
        self.mock().unix(self.began.elapsed())
    }

    fn network(&self) -> MutexGuard<'_, Network> {
        self.network.lock().expect("nobody panicked")
    }

    /// The server gives up all its connections, whatever goes on in them.
    pub(crate) fn hang_up(&self) {
        self.network().connections.abort_all();
    }

    /// Forgets connections that have ended.
    pub(crate) fn bury(&self) {
        let connections = &mut self.network().connections;
        while connections.try_join_next().is_some() {}
    }

    /// Ends what troubles there are.
    pub(crate) fn calm(&self) {
        self.network().door = Door::Open;
        self.mock().clear_faults();
    }

    /// Brings another trouble in place of what there was.
    pub(crate) fn trouble(&self, random: &mut Random) {
        self.calm();
        // What else would grow all day.
        self.mock().clear_log();
        let which = random.below(TROUBLES.len());
        self.network().troubles[which] += 1;
        let befalls = |random: &mut Random, fault: Fault| {
            fault
                .skip(random.below_u32(60))
                .times(1 + random.below_u32(30))
        };
        let fault = match &TROUBLES[which].1 {
            Answers(answer) => {
                let fault = match random.below(4) {
                    0 => Fault::token(),
                    1 => Fault::below("GET", "/latest/meta-data/network/"),
                    2 => Fault::method("GET"),
                    _ => Fault::any(),
                };
                answer(befalls(random, fault), random.below(3000))
            }
            TokenRequests(answer) => {
                self.mock().revoke_tokens();
                answer(Fault::token().times(1 + random.below_u32(30)))
            }
            Trouble::World(befall) => return befall(self),
        };
        self.mock().push_fault(fault);
    }

    /// Every trouble, and how often it came.
    pub(crate) fn troubles(&self) -> String {
        let mut text = String::new();
        for ((name, _), times) in TROUBLES.iter().zip(self.network().troubles) {
            let _ = write!(text, "{name} {times}, ");
        }
        text.truncate(text.len() - 2);
        text
    }
}
