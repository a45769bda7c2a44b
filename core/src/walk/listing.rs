//! The lines of a listing (facts §1.9, §2.5).
//!
//! Names become request lines, so each is judged strictly: what is no name is reported and
//! not followed.

use core::fmt;

use crate::path::{MAX_PATH, is_public_keys, key_index};

/// Why a line of a listing is not followed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum BadName {
    /// An empty line, or one of blanks only, or a lone `/`.
    Blank,
    /// Not UTF-8.
    NotUtf8,
    /// A control character; CR too, so a listing with CRLF has no names.
    ControlCharacter,
    /// `.` or `..`: the directory itself, or its parent.
    DotSegment,
    /// A `/` before the end.
    InnerSlash,
    /// The path would have more than [`MAX_PATH`] bytes.
    TooLong,
    /// The name stands in the listing twice.
    Repeated,
}

impl BadName {
    /// The cause as a phrase.
    pub const fn explain(self) -> &'static str {
        match self {
            Self::Blank => "a line of the listing is blank",
            Self::NotUtf8 => "a line of the listing is not UTF-8",
            Self::ControlCharacter => "a line of the listing holds a control character",
            Self::DotSegment => "a line of the listing names the directory itself or its parent",
            Self::InnerSlash => "a line of the listing holds a slash before its end",
            Self::TooLong => "a line of the listing is too long for a name",
            Self::Repeated => "a name stands in the listing twice",
        }
    }
}

impl fmt::Display for BadName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.explain())
    }
}

/// Is this the start of a page instead of a listing? No name begins so (facts §1.14).
pub(crate) fn looks_like_html(body: &[u8]) -> bool {
    body.trim_ascii_start().starts_with(b"<")
}

/// Judges a line (without its LF) of the listing of `dir`, which ends with `/`.
pub(crate) fn judge<'a>(dir: &str, line: &'a [u8]) -> Result<&'a str, BadName> {
    // One more byte: an entry of public-keys gets its `/` from us.
    if dir.len() + line.len() + 1 > MAX_PATH {
        return Err(BadName::TooLong);
    }
    let name = core::str::from_utf8(line).map_err(|_| BadName::NotUtf8)?;
    let bare = name.strip_suffix('/').unwrap_or(name);
    if bare.chars().any(char::is_control) {
        return Err(BadName::ControlCharacter);
    }
    if bare.trim_ascii().is_empty() {
        return Err(BadName::Blank);
    }
    if matches!(bare, "." | "..") {
        return Err(BadName::DotSegment);
    }
    if bare.contains('/') {
        return Err(BadName::InnerSlash);
    }
    Ok(name)
}

/// Does `name`, as the listing of `dir` spells it, stand for a directory?
pub(crate) fn is_directory(dir: &str, name: &str) -> bool {
    if name.ends_with('/') {
        return true;
    }
    match dir {
        // The two roots list directories without a slash.
        "/" => true,
        _ if is_version_root(dir) => matches!(name, "meta-data" | "dynamic"),
        _ => is_public_keys(dir) && key_index(name).is_some(),
    }
}

/// Is `dir` of the form `/<version>/`?
fn is_version_root(dir: &str) -> bool {
    dir.strip_prefix('/')
        .and_then(|rest| rest.strip_suffix('/'))
        .is_some_and(|version| !version.is_empty() && !version.contains('/'))
}

/// What is known of a path without asking: directory, leaf, or nothing.
pub(crate) fn known(path: &str) -> Option<bool> {
    let bare = path.strip_suffix('/').unwrap_or(path);
    let mut segments = bare.split('/').skip(1);
    match (segments.next(), segments.next(), segments.next()) {
        (None | Some(_), None, _) => Some(true),
        (Some(_), Some("meta-data" | "dynamic"), None) => Some(true),
        (Some(_), Some("user-data"), None) => Some(false),
        _ => None,
    }
}

/// Does the line `listed` of the listing of `dir` mean the entry that a caller calls `wanted`
/// (no final slash)? A key's entry may be called `0` or `0=name`.
pub(crate) fn is_entry(dir: &str, listed: &str, wanted: &str) -> bool {
    let bare = listed.strip_suffix('/').unwrap_or(listed);
    bare == wanted || (is_public_keys(dir) && key_index(bare) == Some(wanted))
}

/// Cuts the first line off `body`: the line without its LF, and the bytes it takes.
/// `None`: there is no whole line yet, or no line at all.
pub(crate) fn cut(body: &[u8], ended: bool) -> Option<(&[u8], usize)> {
    match body.iter().position(|b| *b == b'\n') {
        Some(at) => Some((body.get(..at)?, at + 1)),
        None if ended && !body.is_empty() => Some((body, body.len())),
        None => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIR: &str = "/latest/meta-data/";

    #[test]
    fn names_are_taken_as_they_are() {
        for name in [
            "ami-id",
            "iam/",
            "0=my key = prod",
            "a=b:c",
            "..a",
            "é",
            "-",
        ] {
            assert_eq!(judge(DIR, name.as_bytes()), Ok(name));
        }
    }

    #[test]
    fn lines_that_are_no_names_are_refused_by_name() {
        for (line, bad) in [
            (&b""[..], BadName::Blank),
            (b" \t", BadName::ControlCharacter),
            (b"  ", BadName::Blank),
            (b"/", BadName::Blank),
            (b"ami-id\r", BadName::ControlCharacter),
            (b"a\0b", BadName::ControlCharacter),
            (b".", BadName::DotSegment),
            (b"../", BadName::DotSegment),
            (b"a/b", BadName::InnerSlash),
            (b"/latest/", BadName::InnerSlash),
            (b"a//", BadName::InnerSlash),
            (b"\xff", BadName::NotUtf8),
            (&[b'x'; 10_240], BadName::TooLong),
        ] {
            assert_eq!(judge(DIR, line), Err(bad), "{line:?}");
        }
    }

    #[test]
    fn a_slash_or_a_known_place_makes_a_directory() {
        for (dir, name, directory) in [
            ("/", "latest", true),
            ("/latest/", "meta-data", true),
            ("/latest/", "dynamic/", true),
            ("/latest/", "user-data", false),
            ("/latest/meta-data/", "iam/", true),
            ("/latest/meta-data/", "ami-id", false),
            ("/latest/meta-data/public-keys/", "0=k", true),
            ("/latest/meta-data/public-keys/", "x=k", false),
            ("/latest/meta-data/tags/instance/", "1=x", false),
        ] {
            assert_eq!(is_directory(dir, name), directory, "{dir} {name}");
        }
    }

    #[test]
    fn the_roots_need_no_asking() {
        for (path, expected) in [
            ("/", Some(true)),
            ("/latest", Some(true)),
            ("/latest/", Some(true)),
            ("/latest/meta-data", Some(true)),
            ("/2021-03-23/dynamic/", Some(true)),
            ("/latest/user-data", Some(false)),
            ("/latest/meta-data/iam", None),
            ("/latest/other", None),
        ] {
            assert_eq!(known(path), expected, "{path}");
        }
    }

    #[test]
    fn lines_end_with_lf_and_the_last_may_lack_it() {
        assert_eq!(cut(b"a\nb", false), Some((&b"a"[..], 2)));
        assert_eq!(cut(b"b", false), None);
        assert_eq!(cut(b"b", true), Some((&b"b"[..], 1)));
        assert_eq!(cut(b"", true), None);
        assert_eq!(cut(b"\n", true), Some((&b""[..], 1)));
    }

    #[test]
    fn a_page_is_told_from_a_listing() {
        assert!(looks_like_html(b"\n <!DOCTYPE html>"));
        assert!(!looks_like_html(b"ami-id\n<x"));
    }
}
