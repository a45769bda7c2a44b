//! A walk under way.

use core::fmt;

use embedded_nal_async::TcpConnect;
use imds_core::walk::Summary;
use imds_core::{Error, Gather, Node, Reply};

use crate::client::{Ask, Client};
use crate::output::Nowhere;
use crate::timer::Timer;

/// A walk under way: ask for the [`next`](Self::next) node until there is none. Dropping it ends
/// the walk; the client stays usable.
pub struct Walk<'c, 's, 'm, S: TcpConnect, T: Timer, const WINDOW: usize, const ARENA: usize> {
    client: &'c mut Client<'s, S, T, WINDOW, ARENA>,
    gather: Gather<'m>,
    /// The node that is in `gather` was given to the caller.
    given: bool,
    end: Option<Result<Summary, Error>>,
}

impl<'c, 's, 'm, S: TcpConnect, T: Timer, const WINDOW: usize, const ARENA: usize>
    Walk<'c, 's, 'm, S, T, WINDOW, ARENA>
{
    pub(crate) const fn new(
        client: &'c mut Client<'s, S, T, WINDOW, ARENA>,
        gather: Gather<'m>,
    ) -> Self {
        Self {
            client,
            gather,
            given: false,
            end: None,
        }
    }

    /// The next node; `None` at the end. The node before it is wiped. A node that could not be
    /// read is no error, but [`Node::Missing`].
    ///
    /// If the future is dropped early, no node is lost: the next call gives it.
    ///
    /// # Errors
    /// [`Error`], if the walk ended with it; the same again if asked again.
    pub async fn next(&mut self) -> Result<Option<Node<'_>>, Error> {
        self.take();
        while self.gather.node().is_none() {
            if let Some(end) = &self.end {
                return end.map(|_| None);
            }
            let mut step = Step {
                client: self.client,
                whole: false,
            };
            let idle = step
                .client
                .turn(None, &mut Nowhere, Some(&mut self.gather))
                .await?;
            let result = step.client.walked.take();
            step.whole = true;
            drop(step);
            if let Some(result) = result {
                self.end = Some(result.map(|reply| match reply {
                    Reply::Walked(summary) => summary,
                    Reply::Found | Reply::Absent => Summary::default(),
                }));
            } else if idle && self.gather.node().is_none() {
                self.client.nap().await;
            }
        }
        self.given = true;
        Ok(self.gather.node())
    }

    /// Reads one value in the middle of the walk; see [`Client::get`]. The node given last is
    /// wiped.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub async fn get<'v>(
        &mut self,
        path: &str,
        memory: &'v mut [u8],
    ) -> Result<Option<&'v [u8]>, Error> {
        self.take();
        let gather = Some(&mut self.gather);
        self.client.fill(Ask::Value, path, memory, gather).await
    }

    /// What the walk came to, once [`next`](Self::next) has given `None`.
    pub fn summary(&self) -> Option<Summary> {
        self.end?.ok()
    }

    fn take(&mut self) {
        if core::mem::take(&mut self.given) {
            self.gather.taken();
        }
    }
}

impl<S: TcpConnect, T: Timer, const WINDOW: usize, const ARENA: usize> Drop
    for Walk<'_, '_, '_, S, T, WINDOW, ARENA>
{
    fn drop(&mut self) {
        self.client.end_walk();
    }
}

impl<S: TcpConnect, T: Timer, const WINDOW: usize, const ARENA: usize> fmt::Debug
    for Walk<'_, '_, '_, S, T, WINDOW, ARENA>
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Walk").finish_non_exhaustive()
    }
}

/// A turn of the walk. Dropped before it was whole, it gives the connection up: an I/O future of it
/// was dropped too, and may have taken bytes along.
struct Step<'a, 's, S: TcpConnect, T: Timer, const WINDOW: usize, const ARENA: usize> {
    client: &'a mut Client<'s, S, T, WINDOW, ARENA>,
    whole: bool,
}

impl<S: TcpConnect, T: Timer, const WINDOW: usize, const ARENA: usize> Drop
    for Step<'_, '_, S, T, WINDOW, ARENA>
{
    fn drop(&mut self) {
        if !self.whole {
            self.client.free_lane();
        }
    }
}
