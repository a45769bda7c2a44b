//! Typed documents out of owned bytes.

use imds_core::Error;
use imds_core::model::{DocumentError, IdentityDocument, RoleCredentials};
pub use imds_core::model::{IDENTITY, REGION, ROLES, ReadError};
use zeroize::{Zeroize, Zeroizing};

/// Longest credentials document, and so the longest session token.
const MAX_DOCUMENT: usize = 16 * 1024;

/// Credentials of the instance's role: redacted in Debug, wiped on drop.
pub type Credentials = Box<RoleCredentials<MAX_DOCUMENT>>;

/// The path of the role's credentials, from the listing of [`ROLES`]; `None` if it names none.
pub fn role_path(listing: &[u8]) -> Option<String> {
    imds_core::model::role_name(listing).map(|role| format!("{ROLES}{role}"))
}

/// Reads a credentials document, and wipes it.
///
/// # Errors
/// [`DocumentError`] says what is wrong with it.
pub fn credentials(body: Vec<u8>) -> Result<Credentials, DocumentError> {
    let body = Zeroizing::new(body);
    RoleCredentials::parse(&body).map(Box::new)
}

/// Reads an identity document.
///
/// # Errors
/// [`DocumentError`] says what is wrong with it.
pub fn identity(body: &[u8]) -> Result<IdentityDocument, DocumentError> {
    IdentityDocument::parse(body)
}

/// A value as text.
///
/// # Errors
/// [`NotUtf8`](imds_core::Peer::NotUtf8).
pub fn text(value: Vec<u8>) -> Result<String, Error> {
    String::from_utf8(value).map_err(|error| {
        error.into_bytes().zeroize();
        Error::Peer(imds_core::Peer::NotUtf8)
    })
}
