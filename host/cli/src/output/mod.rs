//! What a walk found, in the forms it can be printed in.

pub mod env;
pub mod flat;
pub mod json;
pub mod tree;
pub mod yaml;

use core::fmt;
use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

/// One level of the tree.
#[derive(Clone, PartialEq)]
pub enum Node {
    /// Names and what is below them, sorted.
    Directory(BTreeMap<String, Self>),
    /// A value, as JSON: a string, `{"base64": …}`, or what `--decode` made of it.
    Leaf(Value),
}

/// Names alone: a value may be a secret.
impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory(names) => f.debug_map().entries(names).finish(),
            Self::Leaf(_) => f.write_str("Leaf(..)"),
        }
    }
}

/// Values by absolute path.
#[derive(Clone, Default)]
pub struct Leaves(BTreeMap<String, Vec<u8>>);

/// Paths alone: a value may be a secret.
impl fmt::Debug for Leaves {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Leaves {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a value.
    pub fn insert(&mut self, path: String, value: Vec<u8>) {
        self.0.insert(path, value);
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Paths and values in the order of the paths.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.0
            .iter()
            .map(|(path, value)| (path.as_str(), value.as_slice()))
    }

    /// The object found at `prefix`, or the leaf if that is what stands there.
    #[must_use]
    pub fn below(&self, prefix: &str, decode: bool) -> Node {
        let prefix = prefix.trim_end_matches('/');
        if let Some(value) = self.0.get(prefix)
            && self.0.len() == 1
        {
            return Node::Leaf(value_of(value, decode));
        }
        let mut root = BTreeMap::new();
        for (path, value) in &self.0 {
            let leaf = Node::Leaf(value_of(value, decode));
            place(&mut root, relative(path, prefix), leaf);
        }
        Node::Directory(root)
    }
}

/// `path` without `prefix`. The service shows a key as `0=name` and takes it as `0`, so a prefix
/// may end in the middle of that name.
fn relative<'a>(path: &'a str, prefix: &str) -> &'a str {
    let rest = path.strip_prefix(prefix).unwrap_or(path);
    let rest = match rest.split_once('/') {
        Some((shown_name, rest)) if shown_name.starts_with('=') => rest,
        _ => rest,
    };
    rest.trim_matches('/')
}

/// Puts a leaf where its path says. A name that is both a leaf and a directory keeps both: the
/// directory's gets a `/`.
fn place(directory: &mut BTreeMap<String, Node>, path: &str, leaf: Node) {
    match path.split_once('/') {
        None => {
            // Paths come sorted, so a leaf comes before what is below the same name.
            directory.insert(path.to_owned(), leaf);
        }
        Some((name, rest)) => {
            let name = match directory.get(name) {
                Some(Node::Leaf(_)) => format!("{name}/"),
                _ => name.to_owned(),
            };
            let below = directory
                .entry(name)
                .or_insert_with(|| Node::Directory(BTreeMap::new()));
            if let Node::Directory(below) = below {
                place(below, rest, leaf);
            }
        }
    }
}

impl Node {
    /// As JSON.
    #[must_use]
    pub fn into_json(self) -> Value {
        match self {
            Self::Leaf(value) => value,
            Self::Directory(names) => names
                .into_iter()
                .map(|(name, node)| (name, node.into_json()))
                .collect::<Map<_, _>>()
                .into(),
        }
    }
}

/// A leaf as JSON: its text verbatim, or `{"base64": …}` where it is not UTF-8. With `decode` JSON
/// documents become JSON, and values of several lines arrays of lines.
#[must_use]
pub fn value_of(bytes: &[u8], decode: bool) -> Value {
    let Ok(text) = core::str::from_utf8(bytes) else {
        let mut object = Map::new();
        object.insert("base64".to_owned(), base64_of(bytes).into());
        return object.into();
    };
    if decode {
        if text.trim_start().starts_with(['{', '['])
            && let Ok(mut value) = serde_json::from_str::<Value>(text)
        {
            // Another crate of the build may have asked serde_json to keep the order of the text.
            value.sort_all_objects();
            return value;
        }
        let lines = text.strip_suffix('\n').unwrap_or(text);
        if lines.contains('\n') {
            return lines
                .split('\n')
                .map(|line| line.strip_suffix('\r').unwrap_or(line))
                .collect();
        }
    }
    text.into()
}

/// Standard base64 with padding.
#[must_use]
pub fn base64_of(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use serde_json::json;

    /// A small tree with every oddity.
    pub(crate) fn sample() -> Leaves {
        let mut leaves = Leaves::new();
        for (path, value) in [
            ("/latest/meta-data/ami-id", &b"ami-1"[..]),
            (
                "/latest/meta-data/public-keys/0=my key/openssh-key",
                b"ssh-ed25519 AAAA it's\n",
            ),
            ("/latest/meta-data/security-groups", b"one\ntwo"),
            ("/latest/meta-data/mac", b"12:34:56:01:23:45"),
            (
                "/latest/dynamic/document",
                b"{\n  \"region\" : \"eu-west-1\"\n}",
            ),
            ("/latest/user-data", b"\x1f\x8b\x00"),
        ] {
            leaves.insert(path.to_owned(), value.to_vec());
        }
        leaves
    }

    #[test]
    fn directories_are_objects_and_leaves_strings_verbatim() {
        let json = sample().below("/latest/", false).into_json();
        assert_eq!(
            json,
            json!({
                "dynamic": {"document": "{\n  \"region\" : \"eu-west-1\"\n}"},
                "meta-data": {
                    "ami-id": "ami-1",
                    "mac": "12:34:56:01:23:45",
                    "public-keys": {"0=my key": {"openssh-key": "ssh-ed25519 AAAA it's\n"}},
                    "security-groups": "one\ntwo",
                },
                "user-data": {"base64": "H4sA"},
            })
        );
    }

    #[test]
    fn decode_turns_documents_into_json_and_lines_into_arrays() {
        let json = sample().below("/latest", true).into_json();
        assert_eq!(json["dynamic"]["document"], json!({"region": "eu-west-1"}));
        assert_eq!(json["meta-data"]["security-groups"], json!(["one", "two"]));
        assert_eq!(
            json["meta-data"]["public-keys"]["0=my key"]["openssh-key"],
            "ssh-ed25519 AAAA it's\n"
        );
    }

    #[test]
    fn decoded_documents_have_sorted_keys_too() {
        assert_eq!(
            value_of(br#"{"b": 1, "a": {"d": 2, "c": 3}}"#, true).to_string(),
            r#"{"a":{"c":3,"d":2},"b":1}"#
        );
    }

    #[test]
    fn decode_leaves_alone_what_is_not_json() {
        assert_eq!(value_of(b"{oops", true), json!("{oops"));
        assert_eq!(value_of(b"42", true), json!("42"));
        assert_eq!(value_of(b"", true), json!(""));
        assert_eq!(value_of(b"a\r\nb\n", true), json!(["a", "b"]));
        assert_eq!(value_of(b"\xff", true), json!({"base64": "/w=="}));
    }

    #[test]
    fn a_prefix_gives_the_object_found_there() {
        let mut leaves = Leaves::new();
        leaves.insert(
            "/latest/meta-data/placement/region".to_owned(),
            b"eu".to_vec(),
        );
        let json = leaves
            .below("/latest/meta-data/placement", false)
            .into_json();
        assert_eq!(json, json!({"region": "eu"}));
    }

    #[test]
    fn a_key_by_its_number_gives_what_is_below_it() {
        for prefix in ["0", "0/", "0=my key", "0=my key/"] {
            let mut leaves = Leaves::new();
            let path = "/latest/meta-data/public-keys/0=my key/openssh-key";
            leaves.insert(path.to_owned(), b"ssh".to_vec());
            let prefix = format!("/latest/meta-data/public-keys/{prefix}");
            let json = leaves.below(&prefix, false).into_json();
            assert_eq!(json, json!({"openssh-key": "ssh"}), "{prefix}");
        }
        let mut leaves = Leaves::new();
        leaves.insert("/a/=b/c".to_owned(), b"x".to_vec());
        assert_eq!(
            leaves.below("/a", false).into_json(),
            json!({"=b": {"c": "x"}})
        );
    }

    #[test]
    fn a_prefix_that_is_a_leaf_gives_its_value() {
        let mut leaves = Leaves::new();
        leaves.insert("/latest/meta-data/ami-id".to_owned(), b"ami-1".to_vec());
        assert_eq!(
            leaves.below("/latest/meta-data/ami-id", false),
            Node::Leaf(json!("ami-1"))
        );
    }

    #[test]
    fn a_name_that_is_leaf_and_directory_keeps_both() {
        let mut leaves = Leaves::new();
        leaves.insert("/a/x".to_owned(), b"leaf".to_vec());
        leaves.insert("/a/x/y".to_owned(), b"below".to_vec());
        assert_eq!(
            leaves.below("/a", false).into_json(),
            json!({"x": "leaf", "x/": {"y": "below"}})
        );
    }

    #[test]
    fn debug_shows_paths_and_no_values() {
        let leaves = sample();
        let text = format!("{leaves:?} {:?}", leaves.below("/latest", false));
        assert!(text.contains("ami-id"), "{text}");
        assert!(
            !text.contains("ami-1") && !text.contains("ssh-ed25519"),
            "{text}"
        );
    }

    #[test]
    fn nothing_found_is_an_empty_object() {
        assert_eq!(
            Leaves::new().below("/latest/", false).into_json(),
            json!({})
        );
    }
}
