//! A walk under way.

use core::fmt;

use imds_core::walk::Summary;
use imds_core::{Error, Gather, Node};

use crate::client::{Ask, Client};
use crate::transport::Transport;

/// A walk under way: ask for the [`next`](Self::next) node until there is none. Dropping it ends
/// the walk; the client stays usable.
pub struct Walk<'c, 'm, 'b, T: Transport<LANES>, const LANES: usize> {
    client: &'c mut Client<'m, T, LANES>,
    gather: Gather<'b>,
    /// The node that is in `gather` was given to the caller.
    given: bool,
    end: Option<Result<Summary, Error>>,
}

impl<'c, 'm, 'b, T: Transport<LANES>, const LANES: usize> Walk<'c, 'm, 'b, T, LANES> {
    pub(crate) const fn new(client: &'c mut Client<'m, T, LANES>, gather: Gather<'b>) -> Self {
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
            if self.end.is_none() {
                self.end = self.client.walk_result();
            }
            if let Some(end) = &self.end {
                return end.map(|_| None);
            }
            self.client.advance_walk(&mut self.gather).await?;
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
        let sink = &mut self.gather;
        self.client.fill(Ask::Value, path, memory, sink).await
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

impl<T: Transport<LANES>, const LANES: usize> Drop for Walk<'_, '_, '_, T, LANES> {
    fn drop(&mut self) {
        self.client.end_walk();
    }
}

impl<T: Transport<LANES>, const LANES: usize> fmt::Debug for Walk<'_, '_, '_, T, LANES> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Walk").finish_non_exhaustive()
    }
}
