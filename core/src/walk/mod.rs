//! Walking the tree: what a listing's lines mean, what is left out, what is still to visit.

mod frame;
pub(crate) mod frontier;
pub(crate) mod listing;

use core::fmt;
use core::ops::BitOr;

pub use self::listing::BadName;
use crate::error::{Cause, Error};

/// What a walk takes along that it would leave out by default.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Include(u8);

impl Include {
    /// Nothing: the default.
    pub const NONE: Self = Self(0);
    /// Role credentials: `iam/security-credentials/` and its extended sibling.
    pub const CREDENTIALS: Self = Self(1);
    /// The instance's own identity credentials.
    pub const IDENTITY_CREDENTIALS: Self = Self(2);
    /// `managed-ssh-keys/`: keys of EC2 Instance Connect.
    pub const SSH_KEYS: Self = Self(4);
    /// `user-data`.
    pub const USER_DATA: Self = Self(8);
    /// Everything.
    pub const ALL: Self = Self(15);

    /// Are all of `other` in here?
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

impl BitOr for Include {
    type Output = Self;

    fn bitor(self, rhs: Self) -> Self {
        Self(self.0 | rhs.0)
    }
}

/// How to walk.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct Options {
    /// What to take along. A start path inside a sensitive part counts as asking for it.
    pub include: Include,
}

impl Options {
    /// The defaults, with these parts taken along.
    pub const fn include(include: Include) -> Self {
        Self { include }
    }
}

/// Parts of the tree that are secret, or may be.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Sensitive {
    /// Role credentials.
    Credentials,
    /// The instance's own identity credentials.
    IdentityCredentials,
    /// Keys of EC2 Instance Connect.
    SshKeys,
    /// `user-data`.
    UserData,
}

impl Sensitive {
    /// The part that a display path lies in, if it is sensitive (facts §2.2, §4.6).
    pub fn of(path: &str) -> Option<Self> {
        // `/<version>/meta-data/…`
        let mut segments = path.split('/').skip(2);
        match segments.next()? {
            "user-data" => return Some(Self::UserData),
            "meta-data" => {}
            _ => return None,
        }
        match segments.next()? {
            "managed-ssh-keys" => Some(Self::SshKeys),
            top @ ("iam" | "identity-credentials") => segments
                .any(|s| matches!(s, "security-credentials" | "security-credentials-extended"))
                .then_some(match top {
                    "iam" => Self::Credentials,
                    _ => Self::IdentityCredentials,
                }),
            _ => None,
        }
    }

    /// What to include to see it.
    pub const fn include(self) -> Include {
        match self {
            Self::Credentials => Include::CREDENTIALS,
            Self::IdentityCredentials => Include::IDENTITY_CREDENTIALS,
            Self::SshKeys => Include::SSH_KEYS,
            Self::UserData => Include::USER_DATA,
        }
    }

    /// Its name on a command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Credentials => "credentials",
            Self::IdentityCredentials => "identity-credentials",
            Self::SshKeys => "ssh-keys",
            Self::UserData => "user-data",
        }
    }
}

/// Why a walk has no value for a node.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Why {
    /// 404: it was listed a moment ago, or never.
    Absent,
    /// It is sensitive and was not asked for.
    LeftOut(Sensitive),
    /// A line of the directory's listing is not a name. It was not followed.
    BadName(BadName),
    /// It could not be read.
    Failed(Error),
}

impl Why {
    /// The cause, where it is a failure: not for what was left out.
    pub const fn cause(self) -> Option<Cause> {
        match self {
            Self::Absent => Some(Cause::Absent),
            Self::LeftOut(_) => None,
            Self::BadName(_) => Some(Cause::NotImds),
            Self::Failed(error) => Some(error.cause()),
        }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => f.write_str("404: no such key"),
            Self::LeftOut(part) => write!(f, "left out: {} was not asked for", part.name()),
            Self::BadName(bad) => bad.fmt(f),
            Self::Failed(error) => error.fmt(f),
        }
    }
}

/// The entries of a listing, as a [`list`](crate::Session::list) brings it: names, or why a line
/// is none. Directories keep their final slash.
pub fn entries<'a>(
    dir: &'a str,
    listing: &'a [u8],
) -> impl Iterator<Item = Result<&'a str, BadName>> {
    let mut rest = listing;
    core::iter::from_fn(move || {
        let (line, used) = listing::cut(rest, true)?;
        rest = rest.get(used..)?;
        Some(listing::judge(dir, line))
    })
}

/// What a finished walk counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Summary {
    /// Values delivered.
    pub leaves: u32,
    /// Nodes reported without a value, whatever the reason. Lines that are no names are no nodes.
    pub missing: u32,
    /// Bytes of all values.
    pub bytes: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sensitive_is_told_from_the_path() {
        use Sensitive as S;
        for (path, part) in [
            ("/latest/user-data", Some(S::UserData)),
            ("/2021-03-23/user-data", Some(S::UserData)),
            (
                "/latest/meta-data/iam/security-credentials/",
                Some(S::Credentials),
            ),
            (
                "/latest/meta-data/iam/security-credentials/role",
                Some(S::Credentials),
            ),
            (
                "/latest/meta-data/iam/security-credentials-extended/",
                Some(S::Credentials),
            ),
            ("/latest/meta-data/iam/info", None),
            ("/latest/meta-data/iam/", None),
            ("/latest/meta-data/identity-credentials/ec2/info", None),
            (
                "/latest/meta-data/identity-credentials/ec2/security-credentials/ec2-instance",
                Some(S::IdentityCredentials),
            ),
            ("/latest/meta-data/managed-ssh-keys/", Some(S::SshKeys)),
            (
                "/latest/meta-data/managed-ssh-keys/signer-cert",
                Some(S::SshKeys),
            ),
            ("/latest/meta-data/tags/instance/user-data", None),
            ("/latest/meta-data/tags/instance/iam", None),
            ("/latest/", None),
            ("/", None),
        ] {
            assert_eq!(S::of(path), part, "{path}");
        }
    }

    #[test]
    fn include_is_a_set() {
        let two = Include::CREDENTIALS | Include::USER_DATA;
        assert!(two.contains(Include::USER_DATA) && two.contains(Include::NONE));
        assert!(!two.contains(Include::SSH_KEYS) && !two.contains(Include::ALL));
    }
}
