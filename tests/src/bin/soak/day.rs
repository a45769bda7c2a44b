//! A day, and what is looked at when it is over.

use core::fmt;
use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use std::sync::Arc;

use imds_tests::common::{ALL, AMI};
use imds_tests::{Random, Walked};
use imds_tokio::Client;
use tokio::runtime::Handle;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::agents::Agent;
use crate::world::World;

pub(crate) const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Lanes of a client that nobody has told otherwise.
const LANES: usize = 8;

/// What came of all operations.
#[derive(Default)]
pub(crate) struct Count {
    pub(crate) walks: AtomicU64,
    /// Walks that named nodes as missing.
    pub(crate) incomplete: AtomicU64,
    pub(crate) gets: AtomicU64,
    pub(crate) credentials: AtomicU64,
    /// Operations that ended with an error.
    pub(crate) errors: AtomicU64,
    /// Operations that were dropped in the middle.
    pub(crate) dropped: AtomicU64,
    token_requests: AtomicU64,
    requests: AtomicU64,
    connections: AtomicU64,
}

/// Adds one.
pub(crate) fn tally(to: &AtomicU64) {
    to.fetch_add(1, Ordering::Relaxed);
}

/// Lets the agents live through a day, and sees that nothing is left of it.
pub(crate) async fn pass(world: &Arc<World>, client: &Client, count: &Arc<Count>, seed: u64) {
    let mut random = Random::new(seed);
    let end = Instant::now() + DAY;
    let agent = |random: &mut Random| Agent {
        world: Arc::clone(world),
        client: client.clone(),
        count: Arc::clone(count),
        random: Random::new(random.number()),
        end,
    };
    let mut agents = JoinSet::new();
    agents.spawn(agent(&mut random).walk());
    agents.spawn(agent(&mut random).get());
    agents.spawn(agent(&mut random).keep_credentials());
    agents.spawn(agent(&mut random).make_trouble());
    while let Some(ended) = agents.join_next().await {
        ended.expect("an agent's day");
    }

    world.calm();
    // What was throttled, or given up in the middle, has its time.
    sleep(Duration::from_secs(60)).await;
    assert!(client.get(AMI).await.is_ok_and(|value| value.is_some()));
    let walked = Walked::to_the_end(client.walk("/latest/", ALL), async || {}).await;
    assert!(walked.result.is_ok() && walked.missing.is_empty());
    let leaves = world.mock().data().leaves().count();
    assert_eq!(walked.leaves.len(), leaves, "all of the tree on a calm day");

    // The last one is left in the middle.
    let mut walk = client.walk("/latest/", ALL);
    for _ in 0..10 {
        assert!(walk.next().await.is_some_and(|node| node.is_ok()));
    }
    drop(walk);

    let kept = world.mock().open_connections();
    assert!(kept <= LANES, "{kept} connections after a day");
    world.hang_up();
    sleep(Duration::from_secs(1)).await;
    let mut mock = world.mock();
    assert_eq!(mock.open_connections(), 0, "connections without a server");
    assert_eq!(
        Handle::current().metrics().num_alive_tasks(),
        0,
        "tasks of a client that nobody uses, without a connection"
    );
    world.bury();
    count.look(client, &mock);
    mock.clear_log();
}

impl Count {
    /// Takes over what the client and the server counted.
    fn look(&self, client: &Client, mock: &imds_mock::Mock) {
        let counters = client.counters();
        let before = self.token_requests.load(Ordering::Relaxed);
        let token_requests = counters.token_requests.into();
        assert!(before + 4 <= token_requests, "tokens end after six hours");
        self.token_requests.store(token_requests, Ordering::Relaxed);
        self.requests
            .store(counters.requests.into(), Ordering::Relaxed);
        self.connections
            .store(mock.connections(), Ordering::Relaxed);
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, number) in [
            ("walks", &self.walks),
            ("walks with missing nodes", &self.incomplete),
            ("gets", &self.gets),
            ("credentials", &self.credentials),
            ("errors", &self.errors),
            ("dropped", &self.dropped),
            ("requests", &self.requests),
            ("token requests", &self.token_requests),
        ] {
            write!(f, "{} {name}, ", number.load(Ordering::Relaxed))?;
        }
        write!(
            f,
            "{} connections",
            self.connections.load(Ordering::Relaxed)
        )
    }
}
