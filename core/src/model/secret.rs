//! A text that must not be seen.

use core::fmt;

use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::place::put;

/// A secret text of at most `N` bytes: redacted in Debug, without Display or Clone, wiped on
/// drop.
///
/// Moving it copies its bytes, and what it leaves behind is not wiped: keep it where it was
/// read, or box it.
pub struct Secret<const N: usize> {
    bytes: [u8; N],
    len: usize,
}

impl<const N: usize> Secret<N> {
    pub(super) const fn empty() -> Self {
        Self {
            bytes: [0; N],
            len: 0,
        }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The secret itself.
    pub fn as_str(&self) -> &str {
        let bytes = self.bytes.get(..self.len).unwrap_or_default();
        core::str::from_utf8(bytes).unwrap_or_default()
    }

    fn wipe(&mut self) {
        self.bytes.zeroize();
        self.len = 0;
    }
}

/// Adds to it; an error if that does not fit.
impl<const N: usize> fmt::Write for Secret<N> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = self.bytes.get_mut(self.len..).unwrap_or_default();
        let room = room.get_mut(..text.len()).ok_or(fmt::Error)?;
        put(room, 0, text.as_bytes());
        self.len += text.len();
        Ok(())
    }
}

impl<const N: usize> fmt::Debug for Secret<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("** redacted **")
    }
}

impl<const N: usize> Drop for Secret<N> {
    fn drop(&mut self) {
        self.wipe();
    }
}

impl<const N: usize> ZeroizeOnDrop for Secret<N> {}

#[cfg(test)]
mod tests {
    use core::fmt::Write as _;

    use super::*;

    #[test]
    fn debug_shows_no_byte_of_it() {
        let mut secret = Secret::<16>::empty();
        secret.write_str("s3cr3t").unwrap();
        assert_eq!(secret.as_str(), "s3cr3t");
        assert_eq!(std::format!("{secret:?}"), "** redacted **");
    }

    #[test]
    fn wiping_leaves_no_byte() {
        let mut secret = Secret::<16>::empty();
        secret.write_str("s3cr3t").unwrap();
        secret.wipe();
        assert_eq!((secret.bytes, secret.as_str()), ([0; 16], ""));
    }

    #[test]
    fn it_is_written_in_pieces_as_far_as_they_fit() {
        let mut secret = Secret::<8>::empty();
        secret.write_str("12345").unwrap();
        assert!(secret.write_str("6789").is_err(), "too long");
        secret.write_str("678").unwrap();
        assert_eq!(secret.as_str(), "12345678");
        assert!(secret.write_str("9").is_err());
    }
}
