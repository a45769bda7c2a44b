//! `-o env`: lines a shell can read.
//!
//! The name is `IMDS_` and the path without its version, in capitals, with `_` for every byte that
//! is not a letter or a digit: `/latest/meta-data/instance-id` is `IMDS_META_DATA_INSTANCE_ID`. A
//! value that a shell cannot hold (not UTF-8, or with a NUL in it) goes under the name with
//! `_BASE64` behind it. Paths that would share a name are left out, all of them, and reported.

use core::fmt;
use std::collections::BTreeMap;

use super::{Leaves, base64_of, value_of};
use crate::path::below_version;

/// The lines, and what could not be told apart.
#[derive(PartialEq, Eq)]
pub struct Lines {
    /// For standard output.
    pub text: String,
    /// Names that several paths would have, with these paths.
    pub collisions: Vec<(String, Vec<String>)>,
}

/// Without the lines: a value may be a secret.
impl fmt::Debug for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lines")
            .field("collisions", &self.collisions)
            .finish_non_exhaustive()
    }
}

/// One line a leaf, sorted by name.
#[must_use]
pub fn render(leaves: &Leaves, decode: bool) -> Lines {
    let mut names: BTreeMap<String, Vec<(&str, String)>> = BTreeMap::new();
    for (path, bytes) in leaves.iter() {
        let (name, value) = variable(path, bytes, decode);
        names.entry(name).or_default().push((path, value));
    }
    let mut lines = Lines {
        text: String::new(),
        collisions: Vec::new(),
    };
    for (name, values) in names {
        if let [(_, value)] = values.as_slice() {
            lines.text.push_str(&format!("{name}={}\n", quoted(value)));
        } else {
            let paths = values
                .into_iter()
                .map(|(path, _)| path.to_owned())
                .collect();
            lines.collisions.push((name, paths));
        }
    }
    lines
}

fn variable(path: &str, bytes: &[u8], decode: bool) -> (String, String) {
    let name = name_of(path);
    match core::str::from_utf8(bytes) {
        Ok(text) if !text.contains('\0') => {
            let value = value_of(bytes, decode);
            let text = value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned);
            (name, text)
        }
        Ok(_) | Err(_) => (format!("{name}_BASE64"), base64_of(bytes)),
    }
}

/// The variable for a path.
#[must_use]
pub fn name_of(path: &str) -> String {
    let name: String = below_version(path)
        .trim_matches('/')
        .bytes()
        .map(|byte| {
            if byte.is_ascii_alphanumeric() {
                char::from(byte.to_ascii_uppercase())
            } else {
                '_'
            }
        })
        .collect();
    format!("IMDS_{name}")
}

/// In single quotes: a POSIX shell takes everything between them as it is.
#[must_use]
pub fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_the_path_in_capitals() {
        assert_eq!(
            name_of("/latest/meta-data/instance-id"),
            "IMDS_META_DATA_INSTANCE_ID"
        );
        assert_eq!(name_of("/2021-03-23/user-data"), "IMDS_USER_DATA");
        assert_eq!(
            name_of("/latest/meta-data/tags/instance/ä"),
            "IMDS_META_DATA_TAGS_INSTANCE___"
        );
    }

    #[test]
    fn values_are_quoted_for_a_shell() {
        assert_eq!(quoted("it's $HOME `x`"), r"'it'\''s $HOME `x`'");
        let lines = render(&super::super::tests::sample(), false);
        assert!(lines.text.contains("IMDS_META_DATA_AMI_ID='ami-1'\n"));
        assert!(
            lines
                .text
                .contains("IMDS_META_DATA_SECURITY_GROUPS='one\ntwo'\n")
        );
        assert!(lines.text.contains("IMDS_USER_DATA_BASE64='H4sA'\n"));
        assert!(lines.text.contains(r"AAAA it'\''s"));
        assert_eq!(lines.collisions, []);
    }

    #[test]
    fn a_value_with_a_nul_goes_as_base64() {
        let mut leaves = Leaves::new();
        leaves.insert("/latest/user-data".to_owned(), b"a\0b".to_vec());
        assert_eq!(
            render(&leaves, false).text,
            "IMDS_USER_DATA_BASE64='YQBi'\n"
        );
    }

    #[test]
    fn decoded_values_are_compact_json() {
        let lines = render(&super::super::tests::sample(), true);
        assert!(lines.text.contains(r#"SECURITY_GROUPS='["one","two"]'"#));
    }

    #[test]
    fn paths_that_share_a_name_are_left_out_and_reported() {
        let mut leaves = Leaves::new();
        for path in ["/latest/tags/a-b", "/latest/tags/a.b", "/latest/tags/c"] {
            leaves.insert(path.to_owned(), b"x".to_vec());
        }
        let lines = render(&leaves, false);
        assert_eq!(lines.text, "IMDS_TAGS_C='x'\n");
        let both = vec!["/latest/tags/a-b".to_owned(), "/latest/tags/a.b".to_owned()];
        assert_eq!(lines.collisions, [("IMDS_TAGS_A_B".to_owned(), both)]);
    }
}
