//! What the fronts differ in.

use imds_core::drive::Sink;
use imds_core::{Error, Instant, Leaf, Missing, OpId, Reply};

use crate::output::Output;

/// A walk, and a get in the middle of it.
const OPS: usize = 2;

/// The core's client as all fronts have it.
pub(crate) type Core<'m, const LANES: usize> =
    imds_core::Client<LANES, &'m mut [u8], &'m mut [u8], OPS>;

/// An operation that has ended.
pub(crate) type Done = (OpId, Result<Reply, Error>);

/// Moves the bytes of all lanes of a [`Client`](crate::Client), and tells the time.
///
/// It is for bounds of functions that take a client of either front, and not for others to
/// implement.
///
/// ```
/// use imds_embassy::{Client, Error, Transport};
///
/// async fn has_a_role<T: Transport<LANES>, const LANES: usize>(
///     client: &mut Client<'_, T, LANES>,
/// ) -> Result<bool, Error> {
///     let mut memory = [0; 128];
///     let roles = client.get("/latest/meta-data/iam/security-credentials/", &mut memory).await?;
///     Ok(roles.is_some())
/// }
/// ```
pub trait Transport<const LANES: usize> {
    /// The present.
    fn now(&self) -> Instant;

    /// Does what can be done, and waits until something has come of it: the end of an operation,
    /// a chunk of `get`, which goes to `output`, or a node of a walk, which goes to `sink`.
    ///
    /// Anything else may be told as `None` too, as long as it is not told for ever.
    #[expect(async_fn_in_trait, reason = "it is not for others to implement")]
    async fn advance<O: Output>(
        &mut self,
        core: &mut Core<'_, LANES>,
        get: Option<OpId>,
        output: &mut O,
        sink: &mut dyn Sink,
    ) -> Result<Option<Done>, O::Stop>;

    /// A future of [`advance`](Self::advance) may have been dropped.
    fn broken_off(&mut self, core: &mut Core<'_, LANES>);

    /// An operation was cancelled, and connections may be of no more use.
    fn settle(&mut self, core: &mut Core<'_, LANES>);
}

/// A sink with one answer. A get takes all: the nodes of a walk that was leaked are nobody's.
pub(crate) struct Takes(pub(crate) bool);

impl Sink for Takes {
    fn leaf(&mut self, _leaf: &Leaf<'_>) -> bool {
        self.0
    }

    fn missing(&mut self, _missing: &Missing<'_>) -> bool {
        self.0
    }
}
