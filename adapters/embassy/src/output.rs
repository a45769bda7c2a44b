//! Where the value of a get goes.

use core::fmt;

use embedded_io_async::Write;
use imds_core::{Error, Leaf, What};

/// Takes the chunks of one value, in order; offset 0 again means that it begins anew.
#[expect(async_fn_in_trait, reason = "it is not for others to implement")]
pub trait Output {
    /// Why no more is taken.
    type Stop: From<Error>;

    /// Takes a chunk.
    async fn take(&mut self, leaf: &Leaf<'_>) -> Result<(), Self::Stop>;
}

/// Where there is no get.
pub(crate) struct Nothing;

impl Output for Nothing {
    type Stop = Error;

    async fn take(&mut self, _leaf: &Leaf<'_>) -> Result<(), Error> {
        Ok(())
    }
}

/// Memory of the caller.
pub(crate) struct Slice<'m> {
    pub(crate) memory: &'m mut [u8],
    pub(crate) len: usize,
}

impl Output for Slice<'_> {
    type Stop = Error;

    async fn take(&mut self, leaf: &Leaf<'_>) -> Result<(), Error> {
        let end = leaf.offset + leaf.chunk.len();
        let room = self.memory.get_mut(leaf.offset..end);
        room.ok_or(Error::TooLarge(What::Value))?
            .copy_from_slice(leaf.chunk);
        self.len = end;
        Ok(())
    }
}

/// A writer of the caller, which cannot take back what it has.
pub(crate) struct Writer<'w, W> {
    pub(crate) writer: &'w mut W,
    pub(crate) written: usize,
}

impl<W: Write> Output for Writer<'_, W> {
    type Stop = GetIntoError<W::Error>;

    async fn take(&mut self, leaf: &Leaf<'_>) -> Result<(), Self::Stop> {
        if leaf.offset != self.written {
            let written = self.written;
            return Err(GetIntoError::Broken { written });
        }
        let mut rest = leaf.chunk;
        while !rest.is_empty() {
            match self.writer.write(rest).await {
                Ok(n @ 1..) => {
                    rest = rest.get(n..).unwrap_or_default();
                    self.written += n;
                }
                Ok(0) => return Err(GetIntoError::WriterFull),
                Err(error) => return Err(GetIntoError::Writer(error)),
            }
        }
        Ok(())
    }
}

/// Why a value did not get into a writer. What was written is the beginning of the value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum GetIntoError<E> {
    /// It could not be read.
    Imds(Error),
    /// The writer failed.
    Writer(E),
    /// The writer takes no more, and does not call that an error.
    WriterFull,
    /// The answer broke in the middle, and begins anew. Two answers are never stitched together:
    /// forget what was written, and ask again.
    Broken {
        /// So many bytes were written.
        written: usize,
    },
}

impl<E> From<Error> for GetIntoError<E> {
    fn from(error: Error) -> Self {
        Self::Imds(error)
    }
}

impl<E: fmt::Debug> fmt::Display for GetIntoError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Imds(error) => error.fmt(f),
            Self::Writer(error) => write!(f, "the value could not be written: {error:?}"),
            Self::WriterFull => f.write_str("the value could not be written: no more is taken"),
            Self::Broken { written } => {
                write!(f, "the answer broke after {written} bytes: ask again")
            }
        }
    }
}

impl<E: fmt::Debug> core::error::Error for GetIntoError<E> {}
