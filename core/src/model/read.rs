//! Where documents stand, and why one could not be had.

use core::fmt;

use crate::error::Error;
use crate::model::DocumentError;

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
