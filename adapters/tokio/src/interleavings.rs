//! The client under interleavings of its tasks: shuttle runs them as threads of which one goes on
//! at a time, and chooses at every lock and every sleep which. Each scenario is run many times, by
//! chance and by [PCT], which finds what takes few changes of threads.
//!
//! ```console
//! $ cargo test -p imds-tokio --lib                             # a few seconds
//! $ IMDS_SEEDS=700 cargo test --release -p imds-tokio --lib    # a hundred times as many
//! ```
//!
//! A test that fails says how to run its seed again.
//!
//! [PCT]: https://www.microsoft.com/en-us/research/publication/a-randomized-scheduler-with-probabilistic-guarantees-of-finding-bugs/

mod world;

use core::future::{Future, poll_fn};
use core::pin::Pin;
use core::task::Poll;
use core::time::Duration;
use std::sync::Arc;

use imds_core::{Error, Reason};
use imds_mock::{Fault, Mock, Profile, Tree};
use shuttle::rand::{Rng, thread_rng};
use shuttle::scheduler::{PctScheduler, RandomScheduler};
use shuttle::{MaxSteps, Runner};

pub(crate) use self::world::spawn;
use self::world::{FIRST_BYTE, World};
use crate::pool::OPS;
use crate::{Client, Node, Options};

/// Executions of a scenario for each seed, half of them by chance, half by PCT.
const EXECUTIONS: usize = 60;

const LEAVES: [(&str, &str); 5] = [
    ("/latest/meta-data/ami-id", "ami-1"),
    ("/latest/meta-data/instance-id", "i-1"),
    (
        "/latest/meta-data/placement/availability-zone",
        "eu-west-1a",
    ),
    ("/latest/meta-data/placement/region", "eu-west-1"),
    ("/latest/meta-data/tags/instance/Name", "web"),
];

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Runs a scenario, with the client of a world in which so much time may pass. In the end nobody may
/// have taken anything from the client.
fn check<S, F>(mock: fn() -> Mock, time: Duration, scenario: S)
where
    S: Fn(Arc<World>, Client) -> F + Copy + Send + Sync + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime");
    let runtime = Arc::new(runtime);
    let number = |name, default| match std::env::var(name) {
        Ok(number) => number.parse().expect("a number"),
        Err(_) => default,
    };
    let first: u64 = number("IMDS_SEED", 1);
    let mut config = shuttle::Config::new();
    // Unoptimised, a session is moved through several frames.
    config.stack_size = 1 << 20;
    config.max_steps = MaxSteps::FailAfter(200_000);
    for seed in first..first + number("IMDS_SEEDS", 7) {
        println!("again: IMDS_SEED={seed} IMDS_SEEDS=1 cargo test -p imds-tokio --lib");
        let runtime = Arc::clone(&runtime);
        let execution = move || {
            let _inside = runtime.enter();
            let world = World::new(&runtime, mock().tree(tree()), time);
            let lanes = thread_rng().gen_range(1..=3);
            let client = world.client(lanes);
            let task = world.spawn(scenario(Arc::clone(&world), client.clone()));
            shuttle::future::block_on(task).expect("nobody aborts it");
            at_rest(&client);
            assert!(world.peak() <= lanes.into(), "{} connections", world.peak());
        };
        let half = EXECUTIONS / 2;
        let by_chance = RandomScheduler::new_from_seed(seed, half);
        Runner::new(by_chance, config.clone()).run(execution.clone());
        let by_priority = PctScheduler::new_from_seed(seed, 3, half);
        Runner::new(by_priority, config.clone()).run(execution);
    }
}

fn ec2() -> Mock {
    Mock::new(Profile::Ec2)
}

fn tree() -> Tree {
    let insert = |tree: Tree, (path, value)| tree.with(path, value);
    LEAVES.into_iter().fold(Tree::new(), insert)
}

/// Waits until the client has all that it had in the beginning. The watcher of idle connections may
/// have some in hand for a moment.
fn at_rest(client: &Client) {
    for _ in 0..1000 {
        let state = client.pool.lock();
        if state.free.len() == client.lanes
            && state.free.iter().all(|slot| slot.lane.is_idle())
            && state.is_idle()
            && client.pool.places.available_permits() == OPS
        {
            return;
        }
        drop(state);
        shuttle::thread::yield_now();
    }
    panic!("somebody kept something");
}

/// A number below this.
fn any(below: usize) -> usize {
    thread_rng().gen_range(0..below)
}

/// Lets the others go on for a while.
async fn pause() {
    for _ in 0..any(20) {
        shuttle::future::yield_now().await;
    }
}

/// Reads some leaf.
async fn get(client: Client) {
    let (path, value) = LEAVES[any(LEAVES.len())];
    let got = client.get_str(path).await.expect("the server answers");
    assert_eq!(got.as_deref(), Some(value));
}

/// Walks the tree, and finds all of it.
async fn walk(client: Client) {
    let mut walk = client.walk("/latest/", Options::default());
    let mut leaves = Vec::new();
    while let Some(node) = walk.next().await {
        match node.expect("the server answers") {
            Node::Leaf { path, value } => leaves.push((path, value)),
            Node::Missing { path, why, .. } => panic!("{path}: {why}"),
        }
    }
    leaves.sort();
    let expected = LEAVES.map(|(path, value)| (path.to_owned(), value.as_bytes().to_vec()));
    assert_eq!(leaves, expected);
}

/// Polls a future until it is ready or was pending so often.
async fn begin<F: Future + Unpin>(future: &mut F, mut polls: usize) -> bool {
    poll_fn(|cx| {
        if polls == 0 {
            return Poll::Ready(false);
        }
        polls -= 1;
        match Pin::new(&mut *future).poll(cx) {
            Poll::Ready(_) => Poll::Ready(true),
            Poll::Pending if polls == 0 => Poll::Ready(false),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

/// Runs this task so often, beside one another, to their ends.
async fn together<F>(world: &Arc<World>, tasks: usize, task: impl Fn() -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let tasks: Vec<_> = (0..tasks).map(|_| world.spawn(task())).collect();
    for task in tasks {
        task.await.expect("nobody aborts it");
    }
}

#[test]
fn tasks_share_one_token_and_the_lanes() {
    check(ec2, Duration::ZERO, async |world, client| {
        together(&world, 4, || {
            let client = client.clone();
            async move {
                get(client.clone()).await;
                get(client).await;
            }
        })
        .await;
        assert_eq!(world.puts(), 1);
    });
}

#[test]
fn a_dropped_get_leaves_its_work_to_the_others() {
    check(ec2, Duration::ZERO, async |world, client| {
        together(&world, 4, || {
            let client = client.clone();
            async move {
                if any(2) == 0 {
                    begin(&mut Box::pin(get(client.clone())), any(8)).await;
                }
                get(client).await;
            }
        })
        .await;
    });
}

#[test]
fn what_is_not_polled_any_more_strands_nobody() {
    check(ec2, Duration::from_secs(4), async |world, client| {
        let began = tokio::time::Instant::now();
        let begin = |future| {
            let mut future: Task = future;
            world.spawn(async move {
                let ended = begin(&mut future, any(8)).await;
                (future, ended)
            })
        };
        let mut begun = vec![begin(Box::pin(walk(client.clone())))];
        begun.extend((0..any(4)).map(|_| begin(Box::pin(get(client.clone())))));
        together(&world, 3, || get(client.clone())).await;
        let elapsed = began.elapsed();
        assert!(elapsed < FIRST_BYTE, "{elapsed:?}, a time-out");
        let mut elsewhere = Vec::new();
        for begun in begun {
            let (future, ended) = begun.await.expect("nobody aborts it");
            // It may go on in another task.
            if !ended && any(3) > 0 {
                elsewhere.push(world.spawn(future));
            }
        }
        for task in elsewhere {
            task.await.expect("nobody aborts it");
        }
        assert_eq!(began.elapsed(), elapsed);
    });
}

#[test]
fn walks_and_gets_come_through_beside_each_other() {
    check(ec2, Duration::ZERO, async |world, client| {
        let walking = world.spawn(walk(client.clone()));
        let left = world.spawn({
            let client = client.clone();
            async move {
                begin(&mut Box::pin(walk(client)), any(20)).await;
            }
        });
        together(&world, 2, || get(client.clone())).await;
        walking.await.expect("nobody aborts it");
        left.await.expect("nobody aborts it");
        // Where the walk was alone when it was dropped, its token request went with it.
        assert!(world.puts() <= 2, "{} tokens", world.puts());
    });
}

#[test]
fn a_get_in_the_loop_over_a_walk_comes_through() {
    check(ec2, Duration::ZERO, async |world, client| {
        let other = world.spawn(walk(client.clone()));
        let mut walk = client.walk("/latest/meta-data/placement/", Options::default());
        while let Some(node) = walk.next().await {
            assert!(matches!(node, Ok(Node::Leaf { .. })));
            get(client.clone()).await;
        }
        other.await.expect("nobody aborts it");
    });
}

#[test]
fn a_revoked_token_is_renewed_once() {
    check(ec2, Duration::ZERO, async |world, client| {
        let revoking = world.spawn({
            let world = Arc::clone(&world);
            async move {
                pause().await;
                world.with(Mock::revoke_tokens);
            }
        });
        together(&world, 3, || {
            let client = client.clone();
            async move {
                get(client.clone()).await;
                get(client).await;
            }
        })
        .await;
        revoking.await.expect("nobody aborts it");
        assert!(world.puts() <= 2, "{} tokens", world.puts());
    });
}

#[test]
fn a_token_that_has_expired_is_renewed_once() {
    check(ec2, Duration::ZERO, async |world, client| {
        get(client.clone()).await;
        world.advance(Duration::from_secs(6 * 60 * 60));
        together(&world, 4, || get(client.clone())).await;
        assert_eq!(world.puts(), 2);
    });
}

#[test]
fn connections_that_are_never_kept_are_no_more_than_the_lanes() {
    let closes = || ec2().always_close(true);
    check(closes, Duration::ZERO, async |world, client| {
        let walking = world.spawn(walk(client.clone()));
        together(&world, 3, || get(client.clone())).await;
        walking.await.expect("nobody aborts it");
        assert_eq!(world.puts(), 1);
    });
}

#[test]
fn connections_that_the_server_cuts_are_made_again() {
    // For pauses between attempts.
    check(ec2, Duration::from_secs(4), async |world, client| {
        let cutting = world.spawn({
            let world = Arc::clone(&world);
            async move {
                for _ in 0..2 {
                    pause().await;
                    world.cut();
                }
            }
        });
        let walking = world.spawn(walk(client.clone()));
        together(&world, 2, || get(client.clone())).await;
        walking.await.expect("nobody aborts it");
        cutting.await.expect("nobody aborts it");
    });
}

#[test]
fn kept_connections_that_the_server_cuts_are_closed_between_uses() {
    check(ec2, Duration::ZERO, async |world, client| {
        // Each time another task begins to watch.
        for _ in 0..4 {
            together(&world, 3, || get(client.clone())).await;
            world.cut();
            let mut turns = 0;
            while world.open() > 0 {
                assert!(turns < 1000, "still open");
                turns += 1;
                shuttle::future::yield_now().await;
            }
        }
    });
}

#[test]
fn gets_that_are_not_answered_hold_up_nobody_who_has_a_lane() {
    const SILENT: &str = "/latest/meta-data/hostname";
    let mock = || ec2().fault(Fault::on("GET", SILENT).stall());
    check(mock, Duration::from_secs(10), async |world, client| {
        let silent: Vec<_> = (1..client.lanes)
            .map(|_| {
                let client = client.clone();
                world.spawn(async move { client.get(SILENT).await })
            })
            .collect();
        let began = tokio::time::Instant::now();
        let walking = world.spawn(walk(client.clone()));
        together(&world, 3, || get(client.clone())).await;
        walking.await.expect("nobody aborts it");
        assert_eq!(began.elapsed(), Duration::ZERO);
        for silent in silent {
            let error = silent.await.expect("nobody aborts it");
            assert_eq!(error, Err(Error::Timeout(Reason::FirstByte)));
        }
    });
}

#[test]
fn a_silent_server_holds_all_up_until_the_same_moment() {
    let silent = || Mock::new(Profile::HopLimited);
    check(silent, Duration::from_secs(10), async |world, client| {
        let began = tokio::time::Instant::now();
        together(&world, 4, || {
            let client = client.clone();
            async move {
                let error = client.get(LEAVES[0].0).await.expect_err("nobody answers");
                assert_eq!(error, Error::Timeout(Reason::TokenReply));
            }
        })
        .await;
        assert_eq!(began.elapsed(), FIRST_BYTE);
    });
}

#[test]
fn more_operations_than_there_are_places_for_wait_their_turn() {
    check(ec2, Duration::ZERO, async |world, client| {
        together(&world, OPS + 2, || get(client.clone())).await;
        assert_eq!(world.puts(), 1);
    });
}
