//! A day of one client while its server is killed, ended, stopped and started again at any moment:
//! in the middle of answers, of the token's too, and between uses.
//!
//! Sockets and processes are real. The client's clock stands still but for what the test lets pass:
//! twice as much as really does while something goes on, so that a busy machine is no reason for a
//! time-out; all at once when the server is stopped, and between one round and the next.

mod ledger;
mod server;
mod work;

use core::time::Duration;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};

use imds_core::config::{Target, Timeouts};
use imds_core::{Config, Endpoint};
use imds_tests::common::each_seed;
use imds_tests::heap::{self, Counting};
use imds_tests::{Random, config};
use imds_tokio::Client;
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::advance;

use self::ledger::Ledger;
use self::server::{Port, Server};
use self::work::{Count, Work};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Every five minutes.
const ROUNDS: u32 = 288;
const ROUND: Duration = Duration::from_secs(300);

/// Every limit of the client.
const PATIENCE: Duration = Duration::from_secs(100);

/// A tick of the test, and how much of the client's time passes with it.
const TICK: Duration = Duration::from_millis(10);
const TICK_PASSES: Duration = Duration::from_millis(20);

/// A round takes less than a second.
const MOST_TICKS: u32 = 30_000;

const LANES: usize = 8;

/// Buffers of a runtime, and of kept connections, which are more or fewer.
const MARGIN: usize = 32 * 1024;

#[test]
fn nothing_is_lost_that_is_not_named_while_the_server_is_killed_and_restarted() {
    each_seed(1, 1, |seed| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .expect("a runtime");
        runtime.block_on(async { Day::new(seed).await.pass().await });
    });
}

struct Day {
    port: Port,
    /// None: it is dead.
    server: Option<Server>,
    ledger: Arc<Ledger>,
    client: Client,
    count: Arc<Count>,
    random: Random,
    ticks: Ticks,
    /// Descriptors of this process without a server and without the client's.
    descriptors: usize,
}

impl Day {
    async fn new(seed: u64) -> Self {
        let port = Port::reserve();
        let ticks = Ticks::start();
        let descriptors = descriptors();
        let endpoint = Endpoint::parse(&format!("http://{}", port.addr())).expect("a URL");
        let config = Config {
            target: Target::One(endpoint),
            timeouts: Timeouts {
                connect: PATIENCE,
                first_byte: PATIENCE,
                body_idle: PATIENCE,
                operation: None,
            },
            seed,
            ..config()
        };
        Self {
            port,
            server: None,
            ledger: Arc::default(),
            client: Client::builder().config(config).build(),
            count: Arc::default(),
            random: Random::new(seed),
            ticks,
            descriptors,
        }
    }

    async fn pass(mut self) {
        self.start().await;
        let mut most = 0;
        for round in 0..ROUNDS {
            self.round().await;
            if self.server.is_none() || self.random.one_in(8) {
                self.kill("KILL").await;
                self.assert_nothing_left().await;
                self.start().await;
            }
            advance(ROUND).await;
            if round < ROUNDS / 4 {
                most = heap::held().max(most);
            } else {
                let held = heap::held();
                assert!(held <= most + MARGIN, "memory grows: {most}, {held} bytes");
            }
        }
        self.look_back().await;
    }

    /// What an agent does in five minutes, all at once.
    async fn round(&mut self) {
        let mut tasks = JoinSet::new();
        let work = |random: &mut Random| Work {
            client: self.client.clone(),
            ledger: Arc::clone(&self.ledger),
            count: Arc::clone(&self.count),
            random: Random::new(random.number()),
        };
        tasks.spawn(work(&mut self.random).walk());
        tasks.spawn(work(&mut self.random).leave_walk());
        for gets in [1, 2, 2] {
            tasks.spawn(work(&mut self.random).get(gets));
        }
        for _ in 0..MOST_TICKS {
            let sign = async {
                match &mut self.server {
                    Some(server) => server.sign().await,
                    None => core::future::pending().await,
                }
            };
            tokio::select! {
                ended = tasks.join_next() => match ended {
                    Some(ended) => ended.expect("work without a fault"),
                    None => return,
                },
                () = sign => self.strike(&mut tasks).await,
                () = self.ticks.next() => advance(TICK_PASSES).await,
            }
        }
        panic!("a round that does not end");
    }

    /// It is time for the server to suffer.
    async fn strike(&mut self, tasks: &mut JoinSet<()>) {
        match self.random.below(5) {
            0 => self.kill("KILL").await,
            1 => {
                self.kill("KILL").await;
                self.start().await;
            }
            2 => {
                self.kill("TERM").await;
                self.start().await;
            }
            3 => {
                // Until nobody waits any more.
                self.stop().await;
                for _ in 0..MOST_TICKS {
                    tokio::select! {
                        ended = tasks.join_next() => match ended {
                            Some(ended) => ended.expect("work without a fault"),
                            None => break,
                        },
                        () = self.ticks.next() => advance(PATIENCE).await,
                    }
                }
                self.kill("KILL").await;
            }
            _ => {
                // For one time-out, and nobody knows why.
                self.stop().await;
                advance(PATIENCE).await;
                let server = self.server.as_mut().expect("it lives");
                server.release();
                server.signal("CONT").await;
                self.ledger.up();
            }
        }
    }

    async fn start(&mut self) {
        let generation = self.ledger.next();
        let server = Server::start(&self.port, generation, &mut self.random).await;
        self.server = Some(server);
        self.ledger.up();
    }

    async fn stop(&mut self) {
        self.ledger.upheaval();
        let server = self.server.as_ref().expect("it lives");
        server.signal("STOP").await;
        self.count.strike("STOP");
    }

    /// If it is not dead already.
    async fn kill(&mut self, signal: &'static str) {
        if let Some(server) = self.server.take() {
            self.ledger.upheaval();
            server.signal(signal).await;
            server.end().await;
            self.count.strike(signal);
        }
    }

    async fn look_back(mut self) {
        println!("{}", self.count);
        self.count.assert_worth();
        let kept = descriptors() - self.descriptors - Server::DESCRIPTORS;
        assert!(kept <= LANES, "{kept} connections after a day");
        self.kill("KILL").await;
        self.assert_nothing_left().await;
    }

    /// Nobody uses the client, and there is no server: it has neither a connection nor a task.
    async fn assert_nothing_left(&self) {
        let tasks = || Handle::current().metrics().num_alive_tasks();
        // That the connections have ended is on its way.
        for _ in 0..MOST_TICKS / 10 {
            if tasks() == 0 && descriptors() == self.descriptors {
                return;
            }
            self.ticks.next().await;
        }
        let left = descriptors() - self.descriptors;
        panic!("left: {left} descriptors, {} tasks", tasks());
    }
}

fn descriptors() -> usize {
    let table = std::fs::read_dir("/proc/self/fd").expect("Linux has this table");
    table.count()
}

/// The real time. While this waits for it, tokio's does not pass of itself, as it would when all
/// tasks wait for a timer or for the world outside.
struct Ticks {
    ticked: Arc<Notify>,
    /// Dropped, it ends the ticking.
    _end: Sender<()>,
}

impl Ticks {
    fn start() -> Self {
        let ticked = Arc::new(Notify::new());
        let (end, ended) = channel();
        let tick = Arc::clone(&ticked);
        tokio::task::spawn_blocking(move || {
            while ended.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) {
                tick.notify_one();
            }
        });
        Self { ticked, _end: end }
    }

    async fn next(&self) {
        self.ticked.notified().await;
    }
}
