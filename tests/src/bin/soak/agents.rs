//! Who uses the client, and who spoils it.

use core::future::{Future, poll_fn};
use core::pin::pin;
use core::task::Poll;
use core::time::Duration;
use std::sync::Arc;

use imds_core::Error;
use imds_tests::common::ALL;
use imds_tests::{Random, Walked};
use imds_tokio::{Client, ReadError};
use tokio::time::{Instant, sleep_until};

use crate::day::{Count, DAY, tally};
use crate::world::World;

const MINUTE: Duration = Duration::from_secs(60);

/// No tree has it.
const ABSENT: &str = "/latest/meta-data/spot/termination-time";

pub(crate) struct Agent {
    pub(crate) world: Arc<World>,
    pub(crate) client: Client,
    pub(crate) count: Arc<Count>,
    pub(crate) random: Random,
    /// Of the day.
    pub(crate) end: Instant,
}

impl Agent {
    /// Walks every five minutes.
    pub(crate) async fn walk(mut self) {
        let leaves: Vec<_> = self.world.mock().data().leaves().collect();
        for n in 0..288 {
            sleep_until(self.end - DAY + 5 * n * MINUTE).await;
            tally(&self.count.walks);
            let began = self.world.unix();
            let mut walk = self.client.walk("/latest/", ALL);
            if self.random.one_in(10) {
                for _ in 0..self.random.below(100) {
                    if walk.next().await.is_none() {
                        break;
                    }
                }
                tally(&self.count.dropped);
                continue;
            }
            let walked = Walked::to_the_end(walk, async || {}).await;
            walked.assert_accounts_for(leaves.iter().map(|(path, _)| path.as_str()), |_| false);
            for (path, value) in &walked.leaves {
                self.check(path, value, began);
            }
            if let Err(error) = walked.result {
                self.failed(error);
            }
            for missed in &walked.missing {
                let imds_core::walk::Why::Failed(error) = missed.why else {
                    panic!("{missed:?}");
                };
                assert_named(error);
            }
            if !walked.missing.is_empty() {
                tally(&self.count.incomplete);
            }
        }
    }

    /// Gets a value every minute, or more than one.
    pub(crate) async fn get(mut self) {
        let leaves: Vec<_> = self.world.mock().data().leaves().collect();
        for n in 0..1440 {
            sleep_until(self.end - DAY + n * MINUTE).await;
            tally(&self.count.gets);
            let path = if self.random.one_in(10) {
                ABSENT
            } else {
                &leaves[self.random.below(leaves.len())].0
            };
            let polls = if self.random.one_in(10) {
                self.random.below(20)
            } else {
                usize::MAX
            };
            let began = self.world.unix();
            // A key pair is asked for by its number alone.
            let asked = path.replace("/0=my key = prod/", "/0/");
            match polled(self.client.get(&asked), polls).await {
                None => tally(&self.count.dropped),
                Some(Err(error)) => self.failed(error),
                Some(Ok(None)) => assert_eq!(path, ABSENT, "no such key"),
                Some(Ok(Some(value))) => self.check(path, &value, began),
            }
        }
    }

    /// Has credentials that have not expired.
    pub(crate) async fn keep_credentials(mut self) {
        while Instant::now() < self.end {
            tally(&self.count.credentials);
            let again = match self.client.credentials().await {
                Ok(credentials) => {
                    let expiration = credentials
                        .expect("there is a role")
                        .expiration()
                        .unix_seconds();
                    let expiration = u64::try_from(expiration).expect("not so long ago");
                    let left = expiration.checked_sub(self.world.unix());
                    let left = Duration::from_secs(left.expect("fresh credentials"));
                    let margin = self.random.below_u32(25) + 5;
                    left.saturating_sub(margin * MINUTE)
                }
                Err(ReadError::Imds(error)) => {
                    self.failed(error);
                    MINUTE
                }
                Err(error) => panic!("{error}"),
            };
            sleep_until(self.end.min(Instant::now() + again)).await;
        }
    }

    /// Brings a trouble after the other.
    pub(crate) async fn make_trouble(mut self) {
        while Instant::now() < self.end {
            self.world.trouble(&mut self.random);
            let lasts = Duration::from_secs(10 + u64::from(self.random.below_u32(600)));
            sleep_until(self.end.min(Instant::now() + lasts)).await;
        }
    }

    /// It is what the server had there at some time since `began`: some documents have a date.
    fn check(&self, path: &str, value: &[u8], began: u64) {
        let now = self.world.unix();
        let mock = self.world.mock();
        let had = (began..=now).any(|at| mock.data().leaf_at(path, at).as_deref() == Some(value));
        assert!(had, "another value of {path}: {value:?}");
    }

    fn failed(&self, error: Error) {
        tally(&self.count.errors);
        assert_named(error);
    }
}

/// The cause is the network's, the server's, or time.
fn assert_named(error: Error) {
    let named = matches!(
        error,
        Error::Transport(..) | Error::Timeout(_) | Error::Peer(_) | Error::TooLarge(_)
    );
    assert!(named, "{error:?}");
}

/// Polls it so often at most.
async fn polled<F: Future>(future: F, polls: usize) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut left = polls;
    poll_fn(|cx| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        future.as_mut().poll(cx).map(Some)
    })
    .await
}
