//! A text that must not be seen.

use core::fmt;

use zeroize::{Zeroize, ZeroizeOnDrop};

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

    /// Takes a text in place of the one before; false if it does not fit.
    pub(super) fn set(&mut self, text: &str) -> bool {
        self.wipe();
        let Some(room) = self.bytes.get_mut(..text.len()) else {
            return false;
        };
        room.copy_from_slice(text.as_bytes());
        self.len = text.len();
        true
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
    use super::*;

    #[test]
    fn debug_shows_no_byte_of_it() {
        let mut secret = Secret::<16>::empty();
        assert!(secret.set("s3cr3t"));
        assert_eq!(secret.as_str(), "s3cr3t");
        assert_eq!(std::format!("{secret:?}"), "** redacted **");
    }

    #[test]
    fn wiping_leaves_no_byte() {
        let mut secret = Secret::<16>::empty();
        assert!(secret.set("s3cr3t"));
        secret.wipe();
        assert_eq!((secret.bytes, secret.as_str()), ([0; 16], ""));
    }

    #[test]
    fn another_text_leaves_nothing_of_the_one_before() {
        let mut secret = Secret::<8>::empty();
        assert!(secret.set("12345678"));
        assert!(secret.set("ab"));
        assert_eq!(secret.bytes, *b"ab\0\0\0\0\0\0");
        assert!(!secret.set("123456789"), "too long");
        assert_eq!((secret.bytes, secret.as_str()), ([0; 8], ""));
    }
}
