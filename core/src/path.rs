//! Names of metadata nodes, and how they reach a request line.
//!
//! A *display path* is what people write and what a walk reports:
//! `/latest/meta-data/public-keys/0=my key/openssh-key`. It holds names as they are, not
//! percent-encoded. `Encoded` is the same path as a request target: the entry of a
//! `public-keys/` listing is cut to its number (facts §2.5), every byte that RFC 3986 does not
//! allow raw in a segment is percent-encoded, and so nothing but graphic ASCII comes out.

use core::fmt::{self, Write as _};

use heapless::String;

/// Longest display path, in bytes: room for a key pair's name of 255 characters.
pub const MAX_PATH: usize = 384;

/// A checked display path.
pub(crate) type Path = String<MAX_PATH>;

/// Why a text is not a path.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum PathError {
    /// It does not begin with `/`.
    NotAbsolute,
    /// More than [`MAX_PATH`] bytes.
    TooLong,
    /// A control character.
    ControlCharacter,
    /// An empty segment (`//`).
    EmptySegment,
    /// A `.` or `..` segment.
    DotSegment,
}

impl PathError {
    /// The cause as a phrase.
    pub const fn explain(self) -> &'static str {
        match self {
            Self::NotAbsolute => "a path must begin with /",
            Self::TooLong => "a path may have at most 384 bytes",
            Self::ControlCharacter => "a path cannot hold a control character",
            Self::EmptySegment => "a path cannot hold an empty segment (//)",
            Self::DotSegment => "a path cannot hold a . or .. segment",
        }
    }
}

impl fmt::Display for PathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.explain())
    }
}

impl core::error::Error for PathError {}

/// Where a bare name is looked for: `instance-id` is `/latest/meta-data/instance-id`.
pub const META_DATA: &str = "/latest/meta-data/";

/// What stands before a path that a person typed without its beginning, judged by its first name:
/// `/` before `latest` and other versions, `/latest/` before `meta-data`, `dynamic` and
/// `user-data`, [`META_DATA`] before any other.
pub fn root_of(first: &str) -> &'static str {
    if is_version(first) {
        "/"
    } else if is_category(first) {
        "/latest/"
    } else {
        META_DATA
    }
}

/// `latest`, a date, or `1.0`: the names that stand at the root.
pub fn is_version(name: &str) -> bool {
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let is_date = || {
        let mut parts = name.split('-');
        let lengths = [4, 2, 2];
        lengths.into_iter().all(|length| {
            parts
                .next()
                .is_some_and(|part| part.len() == length && digits(part))
        }) && parts.next().is_none()
    };
    name == "latest" || name == "1.0" || is_date()
}

/// The names that stand below a version.
pub fn is_category(name: &str) -> bool {
    matches!(name, "meta-data" | "dynamic" | "user-data")
}

/// Says whether a path can be asked for, before anything is begun.
///
/// # Errors
/// Why it cannot.
pub fn validate(text: &str) -> Result<(), PathError> {
    if text.len() > MAX_PATH {
        return Err(PathError::TooLong);
    }
    let rest = text.strip_prefix('/').ok_or(PathError::NotAbsolute)?;
    if text.chars().any(char::is_control) {
        return Err(PathError::ControlCharacter);
    }
    let segments = rest.strip_suffix('/').unwrap_or(rest);
    if text != "/" {
        for segment in segments.split('/') {
            match segment {
                "" => return Err(PathError::EmptySegment),
                "." | ".." => return Err(PathError::DotSegment),
                _ => {}
            }
        }
    }
    Ok(())
}

/// Makes `path` the text, which has been checked: it fits.
pub(crate) fn set(path: &mut Path, text: &str) {
    path.clear();
    let _ = path.push_str(text);
}

/// RFC 3986 `pchar` without the percent sign.
pub(crate) const fn is_pchar(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'-' | b'.'
                | b'_'
                | b'~'
                | b'!'
                | b'$'
                | b'&'
                | b'\''
                | b'('
                | b')'
                | b'*'
                | b'+'
                | b','
                | b';'
                | b'='
                | b':'
                | b'@'
        )
}

/// The directory of the instance's keys, whose entries are `N=name` (facts §2.5).
const PUBLIC_KEYS: &str = "public-keys";

/// The number of a `public-keys/` entry, if `name` (without a final `/`) is one: `0=my key`.
pub(crate) fn key_index(name: &str) -> Option<&str> {
    let (index, _) = name.split_once('=')?;
    (!index.is_empty() && index.bytes().all(|b| b.is_ascii_digit())).then_some(index)
}

/// Is `dir` (with its final `/`) the directory whose entries are `N=name`?
pub(crate) fn is_public_keys(dir: &str) -> bool {
    let dir = dir
        .strip_suffix('/')
        .and_then(|dir| dir.strip_suffix(PUBLIC_KEYS));
    dir.is_some_and(|dir| dir.ends_with('/'))
}

/// A display path as a request target; displays without a buffer.
#[derive(Clone, Copy)]
pub(crate) struct Encoded<'a>(pub(crate) &'a str);

impl fmt::Display for Encoded<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const HEX: &[u8; 16] = b"0123456789ABCDEF";
        let mut before = "";
        for (number, segment) in self.0.split('/').enumerate() {
            if number > 0 {
                f.write_char('/')?;
            }
            let raw = match before {
                PUBLIC_KEYS => key_index(segment).unwrap_or(segment),
                _ => segment,
            };
            before = segment;
            for byte in raw.bytes() {
                if is_pchar(byte) {
                    f.write_char(char::from(byte))?;
                } else {
                    f.write_char('%')?;
                    f.write_char(char::from(HEX[usize::from(byte >> 4)]))?;
                    f.write_char(char::from(HEX[usize::from(byte & 15)]))?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use super::*;

    fn encoded(path: &str) -> std::string::String {
        Encoded(path).to_string()
    }

    #[test]
    fn pchar_stays_raw_and_all_else_is_encoded() {
        assert_eq!(
            encoded("/latest/meta-data/tags/instance/a=b:c@d,e+f~g"),
            "/latest/meta-data/tags/instance/a=b:c@d,e+f~g"
        );
        assert_eq!(encoded("/a b/%41/é?#"), "/a%20b/%2541/%C3%A9%3F%23");
    }

    #[test]
    fn only_an_entry_of_public_keys_is_cut_to_its_number() {
        assert_eq!(
            encoded("/latest/meta-data/public-keys/0=my key = prod/openssh-key"),
            "/latest/meta-data/public-keys/0/openssh-key"
        );
        assert_eq!(
            encoded("/latest/meta-data/public-keys/0=k/"),
            "/latest/meta-data/public-keys/0/"
        );
        assert_eq!(
            encoded("/latest/meta-data/public-keys/"),
            "/latest/meta-data/public-keys/"
        );
        assert_eq!(
            encoded("/latest/meta-data/public-keys/x=k"),
            "/latest/meta-data/public-keys/x=k"
        );
        assert_eq!(
            encoded("/latest/meta-data/tags/instance/1=x"),
            "/latest/meta-data/tags/instance/1=x"
        );
    }

    #[test]
    fn whatever_the_path_only_graphic_ascii_reaches_the_wire() {
        for c in (0..=0x2ff).filter_map(char::from_u32) {
            let path = std::format!("/a{c}b/public-keys/0={c}/{c}");
            assert!(
                encoded(&path).bytes().all(|b| b.is_ascii_graphic()),
                "{path:?}"
            );
        }
    }

    #[test]
    fn the_first_name_says_where_a_path_begins() {
        for (names, root) in [
            (&["latest", "1.0", "2021-03-23"][..], "/"),
            (&["meta-data", "dynamic", "user-data"], "/latest/"),
            (&["instance-id", "2.0", "", "20210323"], META_DATA),
            (&["2021-03", "2021-03-23-1"], META_DATA),
            (&["2021-3-23", "2021-03-2x"], META_DATA),
        ] {
            for name in names {
                assert_eq!(root_of(name), root, "{name}");
            }
        }
    }

    #[test]
    fn what_is_wrong_is_told_in_words() {
        let text = PathError::NotAbsolute.to_string();
        assert_eq!(text, "a path must begin with /");
    }

    #[test]
    fn bad_paths_are_refused_by_name() {
        for (text, error) in [
            ("", PathError::NotAbsolute),
            ("latest", PathError::NotAbsolute),
            ("/a\r\nb", PathError::ControlCharacter),
            ("/a\0", PathError::ControlCharacter),
            ("/a\u{85}", PathError::ControlCharacter),
            ("//", PathError::EmptySegment),
            ("/a//b", PathError::EmptySegment),
            ("/a/../b", PathError::DotSegment),
            ("/./", PathError::DotSegment),
        ] {
            assert_eq!(validate(text), Err(error), "{text:?}");
        }
        assert_eq!(validate(&"/a".repeat(193)), Err(PathError::TooLong));
        assert!(validate(&"/a".repeat(MAX_PATH / 2)).is_ok());
        assert!(validate("/").is_ok());
        assert!(validate("/a/..b/ c/").is_ok());
    }
}

#[cfg(test)]
#[path = "path_properties.rs"]
mod properties;
