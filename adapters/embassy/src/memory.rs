//! Memory for a client.

/// Memory that a client is lent: `WINDOW` bytes for each of `LANES` connections, `ARENA` bytes for
/// a walk; see [`imds_core`] for what they mean.
///
/// It is of zeros, so that a static of it takes no room in an image.
#[derive(Debug)]
pub struct Memory<const LANES: usize = 1, const WINDOW: usize = 2048, const ARENA: usize = 1024> {
    pub(crate) windows: [[u8; WINDOW]; LANES],
    pub(crate) arena: [u8; ARENA],
}

impl<const LANES: usize, const WINDOW: usize, const ARENA: usize> Memory<LANES, WINDOW, ARENA> {
    /// Zeros.
    pub const fn new() -> Self {
        Self {
            windows: [[0; WINDOW]; LANES],
            arena: [0; ARENA],
        }
    }
}

impl<const LANES: usize, const WINDOW: usize, const ARENA: usize> Default
    for Memory<LANES, WINDOW, ARENA>
{
    fn default() -> Self {
        Self::new()
    }
}
