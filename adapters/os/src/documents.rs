//! Typed documents out of owned bytes.

use core::fmt;

use imds_core::Error;
use imds_core::model::{DocumentError, IdentityDocument, RoleCredentials};
use zeroize::{Zeroize, Zeroizing};

/// Longest credentials document, and so the longest session token.
const MAX_DOCUMENT: usize = 16 * 1024;

/// Credentials of the instance's role: redacted in Debug, wiped on drop.
pub type Credentials = Box<RoleCredentials<MAX_DOCUMENT>>;

/// The listing that names the instance's role (facts §2.2).
pub const ROLES: &str = "/latest/meta-data/iam/security-credentials/";
/// The instance identity document (facts §6).
pub const IDENTITY: &str = "/latest/dynamic/instance-identity/document";
/// The region (facts §2.2).
pub const REGION: &str = "/latest/meta-data/placement/region";

/// Why a document could not be had.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ReadError {
    /// It could not be read.
    Imds(Error),
    /// It was read, and is not what it should be.
    Document(DocumentError),
}

impl From<Error> for ReadError {
    fn from(error: Error) -> Self {
        Self::Imds(error)
    }
}

impl From<DocumentError> for ReadError {
    fn from(error: DocumentError) -> Self {
        Self::Document(error)
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Imds(error) => error.fmt(f),
            Self::Document(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for ReadError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Imds(error) => Some(error),
            Self::Document(error) => Some(error),
        }
    }
}

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
    let mut scratch = Zeroizing::new(vec![0; body.len()]);
    RoleCredentials::parse(&body, &mut scratch).map(Box::new)
}

/// Reads an identity document.
///
/// # Errors
/// [`DocumentError`] says what is wrong with it.
pub fn identity(body: &[u8]) -> Result<IdentityDocument, DocumentError> {
    IdentityDocument::parse(body, &mut vec![0; body.len()])
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
