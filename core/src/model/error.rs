//! Why a document cannot be read.

use core::fmt;

use heapless::String;

/// The `Code` of a document that is not a success. A longer one is cut and ends in `…`.
pub type Code = String<40, u8>;
/// The beginning of its `Message`. A longer one is cut and ends in `…`.
pub type Excerpt = String<72, u8>;

/// Why a body is not the document it should be. Names are those of the members.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum DocumentError {
    /// Not JSON: empty, an HTML page, cut off, or something stands behind its end.
    NotJson,
    /// JSON, but not an object.
    NotAnObject,
    /// JSON, but not an array.
    NotAnArray,
    /// A required member is absent, null or empty.
    Missing(&'static str),
    /// A member is of another JSON type than it should be.
    WrongType(&'static str),
    /// A member holds more than there is room for.
    TooLong(&'static str),
    /// A member's text has an escape or bytes that are not characters, or a control character.
    BadText(&'static str),
    /// A member is not a time like `2021-09-21T17:31:21Z`.
    BadTime(&'static str),
    /// The service has no credentials to give and says why (facts §5.2).
    ///
    /// The error is kept small; [`IamInfo`](super::IamInfo) reads the whole message from the
    /// same body.
    NotSuccess {
        /// Its `Code`.
        code: Code,
        /// The beginning of its `Message`.
        message: Excerpt,
    },
}

impl DocumentError {
    /// What is wrong, as a phrase; Display names the member too.
    pub const fn explain(&self) -> &'static str {
        match self {
            Self::NotJson => "the document is not JSON, or is cut off",
            Self::NotAnObject => "the document is not a JSON object",
            Self::NotAnArray => "the document is not a JSON array",
            Self::Missing(_) => "is missing",
            Self::WrongType(_) => "is of another JSON type than it should be",
            Self::TooLong(_) => "is longer than there is room for",
            Self::BadText(_) => "is not plain text",
            Self::BadTime(_) => "is not a UTC time",
            Self::NotSuccess { .. } => "the service says that it has no credentials",
        }
    }

    /// What to do about it, where that is known.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NotSuccess { code, .. } => Some(hint(code)),
            Self::NotJson
            | Self::NotAnObject
            | Self::NotAnArray
            | Self::Missing(_)
            | Self::WrongType(_)
            | Self::TooLong(_)
            | Self::BadText(_)
            | Self::BadTime(_) => None,
        }
    }
}

/// What to do about a code (facts §5.2).
pub(super) fn hint(code: &str) -> &'static str {
    if code.eq_ignore_ascii_case("AssumeRoleUnauthorizedAccess") {
        "the trust policy of the role must allow ec2.amazonaws.com to assume it; \
         the service sees a change at its next scheduled refresh, not at once"
    } else if code.eq_ignore_ascii_case("InstanceProfileNotFound") {
        "the instance profile was deleted, or made anew under the same name: attach it again; \
         the service sees a change at its next scheduled refresh, not at once"
    } else {
        "a failure inside the service, usually a passing one: try again later"
    }
}

impl fmt::Display for DocumentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotJson | Self::NotAnObject | Self::NotAnArray => f.write_str(self.explain()),
            Self::Missing(name)
            | Self::WrongType(name)
            | Self::TooLong(name)
            | Self::BadText(name)
            | Self::BadTime(name) => write!(f, "{name} {}", self.explain()),
            Self::NotSuccess { code, message } => {
                write!(f, "{}: {code}", self.explain())?;
                if message.is_empty() {
                    return Ok(());
                }
                write!(f, ": {message}")
            }
        }
    }
}

impl core::error::Error for DocumentError {}

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use super::*;

    fn refused(code: &str, message: &str) -> DocumentError {
        DocumentError::NotSuccess {
            code: Code::try_from(code).unwrap(),
            message: Excerpt::try_from(message).unwrap(),
        }
    }

    #[test]
    fn an_error_is_small_enough_to_be_returned_everywhere() {
        assert!(size_of::<DocumentError>() <= 120);
    }

    #[test]
    fn the_member_and_the_code_are_named() {
        assert_eq!(
            DocumentError::Missing("Token").to_string(),
            "Token is missing"
        );
        assert_eq!(
            refused("Odd", "try again").to_string(),
            "the service says that it has no credentials: Odd: try again"
        );
        assert_eq!(
            refused("Odd", "").to_string(),
            "the service says that it has no credentials: Odd"
        );
    }

    #[test]
    fn a_code_has_a_hint() {
        let hint = |code| refused(code, "").hint().unwrap();
        assert!(hint("AssumeRoleUnauthorizedAccess").contains("trust policy"));
        assert!(hint("InstanceProfileNotFound").contains("instance profile"));
        assert!(hint("Failed").contains("later"));
        assert_eq!(DocumentError::NotJson.hint(), None);
    }
}
