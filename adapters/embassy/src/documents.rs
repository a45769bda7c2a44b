//! Typed documents, read into memory that is wiped afterwards.

use imds_core::Error;
use imds_core::model::{IDENTITY, IdentityDocument, ROLES, ReadError, RoleCredentials, role_name};
use imds_core::path::{MAX_PATH, PathError};
use zeroize::Zeroize;

use crate::client::Client;
use crate::transport::Transport;

impl<T: Transport<LANES>, const LANES: usize> Client<'_, T, LANES> {
    /// The instance identity document, unverified; `None` if there is none.
    ///
    /// `memory` is for its text, which has some 500 bytes, and is wiped.
    ///
    /// # Errors
    /// [`ReadError`] says whose fault it is.
    pub async fn identity_document(
        &mut self,
        memory: &mut [u8],
    ) -> Result<Option<IdentityDocument>, ReadError> {
        let memory = Wipe(memory);
        let Some(body) = self.get(IDENTITY, memory.0).await? else {
            return Ok(None);
        };
        Ok(Some(IdentityDocument::parse(body)?))
    }

    /// The credentials of the instance's role, with room for a session token of `TOKEN` bytes;
    /// `None` if it has none.
    ///
    /// `memory` is for the document's text, which has `TOKEN` and some 500 bytes, and is wiped,
    /// also if the future is dropped.
    ///
    /// # Errors
    /// [`ReadError`] says whose fault it is. A document that says that the role cannot be
    /// assumed is [`NotSuccess`](imds_core::model::DocumentError::NotSuccess).
    pub async fn credentials<const TOKEN: usize>(
        &mut self,
        memory: &mut [u8],
    ) -> Result<Option<RoleCredentials<TOKEN>>, ReadError> {
        let memory = Wipe(memory);
        let mut path = [0; MAX_PATH];
        let path = match self.get(ROLES, memory.0).await?.and_then(role_name) {
            None => return Ok(None),
            Some(role) => join(ROLES, role, &mut path)?,
        };
        let Some(body) = self.get(path, memory.0).await? else {
            return Ok(None);
        };
        Ok(Some(RoleCredentials::parse(body)?))
    }
}

/// Two texts as one.
fn join<'p>(directory: &str, name: &str, memory: &'p mut [u8]) -> Result<&'p str, Error> {
    const TOO_LONG: Error = Error::Misuse(imds_core::Misuse::Path(PathError::TooLong));
    let len = directory.len() + name.len();
    let path = memory.get_mut(..len).ok_or(TOO_LONG)?;
    let (start, end) = path.split_at_mut(directory.len());
    start.copy_from_slice(directory.as_bytes());
    end.copy_from_slice(name.as_bytes());
    // Two texts in a row are a text.
    core::str::from_utf8(path).map_err(|_| TOO_LONG)
}

/// Memory that is wiped in the end, whatever that is.
struct Wipe<'m>(&'m mut [u8]);

impl Drop for Wipe<'_> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}
