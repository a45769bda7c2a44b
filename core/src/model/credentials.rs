//! Role credentials (facts §5).

use core::fmt;

use heapless::String;

use super::decode::is_success;
use super::error::{Code, DocumentError, Excerpt};
use super::members::Object;
use super::secret::Secret;
use super::time::Timestamp;

/// Longest access key id and longest secret access key, in bytes.
pub const MAX_KEY: usize = 128;

/// `iam/security-credentials/<role>` and all documents of its shape (facts §5.1, §4.6, §5.6),
/// with room for a session token of `TOKEN` bytes.
///
/// Wiped on drop; see [`Secret`] about moving it.
pub struct RoleCredentials<const TOKEN: usize = 4096> {
    access_key_id: Secret<MAX_KEY>,
    secret_access_key: Secret<MAX_KEY>,
    session_token: Secret<TOKEN>,
    expiration: Timestamp,
    last_updated: Option<Timestamp>,
    account_id: Option<String<32>>,
    kind: Option<String<32>>,
}

impl<const TOKEN: usize> RoleCredentials<TOKEN> {
    /// Reads the body of a 200.
    ///
    /// A `Code` that is present and not `Success` is [`DocumentError::NotSuccess`], whatever
    /// else the document holds (facts §5.2). The two keys, the token and the expiration must be
    /// there; whether they have expired is for the caller to say.
    pub fn parse(body: &[u8]) -> Result<Self, DocumentError> {
        let mut read = Self {
            access_key_id: Secret::empty(),
            secret_access_key: Secret::empty(),
            session_token: Secret::empty(),
            expiration: Timestamp::EPOCH,
            last_updated: None,
            account_id: None,
            kind: None,
        };
        read.fill(body)?;
        Ok(read)
    }

    fn fill(&mut self, body: &[u8]) -> Result<(), DocumentError> {
        let document = Object::new(body)?;
        let mut code = Code::new();
        if document.code(code.as_mut_view())? && !is_success(&code) {
            let mut message = Excerpt::new();
            document.prose("Message", message.as_mut_view());
            return Err(DocumentError::NotSuccess { code, message });
        }
        for name in ["AccessKeyId", "SecretAccessKey"] {
            if !document.has(name) {
                return Err(DocumentError::Missing(name));
            }
        }
        // Other services and `credential_process` use the second names (facts §4.5, §5.5).
        let token = first_of(&document, "Token", "SessionToken")?;
        let expiration = first_of(&document, "Expiration", "ExpiresAt")?;
        self.expiration = document
            .time(expiration)?
            .ok_or(DocumentError::Missing(expiration))?;
        self.last_updated = document.last_updated();
        document.text("AccountId", &mut self.account_id)?;
        document.text("Type", &mut self.kind)?;
        document.secret("AccessKeyId", &mut self.access_key_id)?;
        document.secret("SecretAccessKey", &mut self.secret_access_key)?;
        document.secret(token, &mut self.session_token)
    }

    /// `AccessKeyId`.
    pub fn access_key_id(&self) -> &str {
        self.access_key_id.as_str()
    }

    /// `SecretAccessKey`.
    pub fn secret_access_key(&self) -> &str {
        self.secret_access_key.as_str()
    }

    /// `Token`.
    pub fn session_token(&self) -> &str {
        self.session_token.as_str()
    }

    /// `Expiration`.
    pub const fn expiration(&self) -> &Timestamp {
        &self.expiration
    }

    /// `LastUpdated`. One that is not a time counts as absent: nothing depends on it.
    pub const fn last_updated(&self) -> Option<&Timestamp> {
        self.last_updated.as_ref()
    }

    /// `AccountId`, in the extended form only (facts §4.6). Digits, with leading zeros.
    pub fn account_id(&self) -> Option<&str> {
        self.account_id.as_deref()
    }

    /// `Type`: `AWS-HMAC`.
    pub fn kind(&self) -> Option<&str> {
        self.kind.as_deref()
    }
}

/// The first of two names that is there.
fn first_of(
    document: &Object<'_>,
    name: &'static str,
    other: &'static str,
) -> Result<&'static str, DocumentError> {
    [name, other]
        .into_iter()
        .find(|name| document.has(name))
        .ok_or(DocumentError::Missing(name))
}

/// Shows the last four letters of the access key id, as the console does, and no secret.
impl<const TOKEN: usize> fmt::Debug for RoleCredentials<TOKEN> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RoleCredentials")
            .field("access_key_id", &LastFour(self.access_key_id()))
            .field("secret_access_key", &self.secret_access_key)
            .field("session_token", &self.session_token)
            .field("expiration", &self.expiration.as_str())
            .field("account_id", &self.account_id)
            .finish_non_exhaustive()
    }
}

/// The end of an identifier of at least 16 letters; nothing of a shorter one.
struct LastFour<'a>(&'a str);

impl fmt::Debug for LastFour<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tail = match self.0.len().checked_sub(4) {
            Some(start) if start >= 12 => self.0.get(start..).unwrap_or_default(),
            _ => "",
        };
        write!(f, "…{tail}")
    }
}

/// The role in the body of `iam/security-credentials/`: its first line that is not blank,
/// trimmed (facts §4.6, rule 7).
///
/// `None` if there is none, if the body is not UTF-8, or if the name cannot be one segment of a
/// path: `.`, `..`, or with a `/` or a control character in it.
pub fn role_name(listing: &[u8]) -> Option<&str> {
    let text = core::str::from_utf8(listing).ok()?;
    let mut lines = text.lines().map(str::trim_ascii);
    let name = lines.find(|line| !line.is_empty())?;
    let unsafe_letter = |letter: char| letter == '/' || letter.is_control();
    let safe = !matches!(name, "." | "..") && !name.chars().any(unsafe_letter);
    safe.then_some(name)
}

#[cfg(test)]
#[path = "credentials_tests.rs"]
mod tests;
