//! Values that own their bytes.

use core::fmt;

use imds_core::walk::{self, Why};
use zeroize::Zeroize;

/// A node of a walk.
#[derive(Clone, PartialEq, Eq)]
pub enum Node {
    /// A value.
    Leaf {
        /// Its display path.
        path: String,
        /// Its bytes.
        value: Vec<u8>,
    },
    /// A node without a value.
    Missing {
        /// Its display path; with a `name`, its directory's.
        path: String,
        /// The line of the listing that is no name; else empty.
        name: Vec<u8>,
        /// Why.
        why: Why,
    },
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // The value may be a secret.
            Self::Leaf { path, value } => f
                .debug_struct("Leaf")
                .field("path", path)
                .field("len", &value.len())
                .finish(),
            Self::Missing { path, name, why } => f
                .debug_struct("Missing")
                .field("path", path)
                .field("name", &String::from_utf8_lossy(name))
                .field("why", why)
                .finish(),
        }
    }
}

/// The names in the listing of `path`. Lines that are no names are left out.
pub fn entries(path: &str, mut listing: Vec<u8>) -> Vec<String> {
    let names = walk::entries(path, &listing)
        .filter_map(Result::ok)
        .map(str::to_owned)
        .collect();
    listing.zeroize();
    names
}
