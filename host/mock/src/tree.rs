//! The data of an instance: names in order, leaves of bytes.

use core::fmt;
use std::{borrow::Cow, sync::Arc};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use indexmap::IndexMap;
use serde_json::Value;

/// 30 July 2025, 06:20:00 UTC, the moment of the best capture there is (facts §1.13). Documents that carry dates are
/// built for it unless a clock says otherwise.
pub const DEFAULT_EPOCH: u64 = 1_753_856_400;

/// Everything that is served below `/`: normally the one directory `latest`.
///
/// Paths are names joined by slashes; one without a leading slash is taken below `/latest/`. A key pair is the directory
/// `public-keys/0=name`, which EC2 serves under `0` and MMDS under its whole name (facts §2.5, §9.2).
#[derive(Clone, Debug, Default)]
pub struct Tree {
    /// Shared until it is changed: most mocks serve the built-in instance as it is.
    root: Arc<Directory>,
}

pub(crate) type Directory = IndexMap<String, Node>;

#[derive(Clone, Debug)]
pub(crate) enum Node {
    Directory(Directory),
    Leaf(Leaf),
}

#[derive(Clone, Debug)]
pub(crate) enum Leaf {
    Bytes(Vec<u8>),
    /// A number, boolean, null or array of a JSON file: EC2 has no such thing, MMDS answers 501.
    Json(Value),
    /// A document that is written when it is asked for, from the Unix time.
    Timed(fn(u64) -> Vec<u8>),
}

impl Leaf {
    pub(crate) fn bytes(&self, unix: u64) -> Cow<'_, [u8]> {
        match self {
            Self::Bytes(bytes) => Cow::Borrowed(bytes),
            Self::Json(value) => Cow::Owned(value.to_string().into_bytes()),
            Self::Timed(write) => Cow::Owned(write(unix)),
        }
    }
}

impl Tree {
    /// A tree without any name in it.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The tree of a JSON text, in the form that `imdsctl dump` prints and Firecracker's store has: objects are
    /// directories, strings leaves, `{"base64": "…"}` (this one member only) binary leaves; numbers, booleans, nulls
    /// and arrays are leaves with their JSON text. The top holds `meta-data`, `dynamic` and `user-data`, or `latest`
    /// with these in it. Listings keep the order of the text.
    ///
    /// # Errors
    ///
    /// The text is not JSON, its top is not an object, or a member cannot be served; the error names its path.
    pub fn from_json(text: &str) -> Result<Self, TreeError> {
        let value: Value =
            serde_json::from_str(text).map_err(|error| TreeError::Json(error.to_string()))?;
        let Value::Object(top) = value else {
            return Err(TreeError::NotAnObject { path: "/".into() });
        };
        let wrapped = top.contains_key("latest");
        let prefix = if wrapped { "" } else { "/latest" };
        let mut members = Directory::new();
        for (name, value) in top {
            let path = checked_child(prefix, &name)?;
            if wrapped && !value.is_object() {
                return Err(TreeError::NotAnObject { path });
            }
            members.insert(name, node(&path, value)?);
        }
        let root = if wrapped {
            members
        } else {
            Directory::from([("latest".to_owned(), Node::Directory(members))])
        };
        Ok(Self {
            root: Arc::new(root),
        })
    }

    /// Puts a leaf at this path, in the place of whatever is there; directories on the way are made, a leaf on the way
    /// is replaced by one. A new name goes to the end of its listing. A path without any name changes nothing.
    pub fn insert(&mut self, path: &str, bytes: impl Into<Vec<u8>>) {
        self.put(path, Leaf::Bytes(bytes.into()));
    }

    /// [`Tree::insert`] for building in one expression.
    #[must_use]
    pub fn with(mut self, path: &str, bytes: impl Into<Vec<u8>>) -> Self {
        self.insert(path, bytes);
        self
    }

    pub(crate) fn put(&mut self, path: &str, leaf: Leaf) {
        let names = names(path);
        let Some((last, parents)) = names.split_last() else {
            return;
        };
        let mut directory = Arc::make_mut(&mut self.root);
        for name in parents {
            let node = directory
                .entry((*name).to_owned())
                .or_insert_with(|| Node::Directory(Directory::new()));
            if let Node::Leaf(_) = node {
                *node = Node::Directory(Directory::new());
            }
            directory = match node {
                Node::Directory(inner) => inner,
                Node::Leaf(_) => return,
            };
        }
        directory.insert((*last).to_owned(), Node::Leaf(leaf));
    }

    /// Takes away the leaf or the whole directory at this path; says whether there was one.
    pub fn remove(&mut self, path: &str) -> bool {
        let names = names(path);
        let Some((last, parents)) = names.split_last() else {
            return false;
        };
        let mut directory = Arc::make_mut(&mut self.root);
        for name in parents {
            directory = match directory.get_mut(*name) {
                Some(Node::Directory(inner)) => inner,
                Some(Node::Leaf(_)) | None => return false,
            };
        }
        directory.shift_remove(*last).is_some()
    }

    /// [`Tree::remove`] for building in one expression.
    #[must_use]
    pub fn without(mut self, path: &str) -> Self {
        self.remove(path);
        self
    }

    /// The bytes of a leaf; dated documents as of [`DEFAULT_EPOCH`].
    #[must_use]
    pub fn leaf(&self, path: &str) -> Option<Vec<u8>> {
        self.leaf_at(path, DEFAULT_EPOCH)
    }

    /// The bytes of a leaf at this Unix time.
    #[must_use]
    pub fn leaf_at(&self, path: &str, unix: u64) -> Option<Vec<u8>> {
        match self.find(&names(path))? {
            Found::Leaf(leaf) => Some(leaf.bytes(unix).into_owned()),
            Found::Directory(_) => None,
        }
    }

    /// The names in a directory, in order, those of directories with a final slash.
    #[must_use]
    pub fn directory(&self, path: &str) -> Option<Vec<String>> {
        match self.find(&names(path))? {
            Found::Directory(directory) => Some(
                directory
                    .iter()
                    .map(|(name, node)| match node {
                        Node::Directory(_) => format!("{name}/"),
                        Node::Leaf(_) => name.clone(),
                    })
                    .collect(),
            ),
            Found::Leaf(_) => None,
        }
    }

    /// Every leaf with its whole path, in the order of a walk; dated documents as of [`DEFAULT_EPOCH`]. A key pair shows
    /// as it is listed: `/latest/meta-data/public-keys/0=name/openssh-key`.
    pub fn leaves(&self) -> impl Iterator<Item = (String, Vec<u8>)> {
        self.leaves_at(DEFAULT_EPOCH)
    }

    /// [`Tree::leaves`] at this Unix time.
    pub fn leaves_at(&self, unix: u64) -> impl Iterator<Item = (String, Vec<u8>)> {
        let mut found = Vec::new();
        collect("", &self.root, unix, &mut found);
        found.into_iter()
    }

    /// What these names lead to, taken literally.
    pub(crate) fn find(&self, names: &[impl AsRef<str>]) -> Option<Found<'_>> {
        self.find_by(names, |directory, _, name| directory.get(name))
    }

    /// The same with EC2's one exception: the entry `N=name` of `public-keys` is found by `N` and by nothing else.
    pub(crate) fn find_ec2(&self, names: &[impl AsRef<str>]) -> Option<Found<'_>> {
        self.find_by(names, |directory, parents, name| {
            if is_public_keys(parents) {
                directory
                    .iter()
                    .find(|(entry, _)| {
                        entry.split_once('=').map_or(entry.as_str(), |(n, _)| n) == name
                    })
                    .map(|(_, node)| node)
            } else {
                directory.get(name)
            }
        })
    }

    fn find_by<'a, N: AsRef<str>>(
        &'a self,
        names: &[N],
        child: impl Fn(&'a Directory, &[N], &str) -> Option<&'a Node>,
    ) -> Option<Found<'a>> {
        let mut directory = &*self.root;
        for (depth, name) in names.iter().enumerate() {
            match child(directory, &names[..depth], name.as_ref())? {
                Node::Directory(inner) => directory = inner,
                Node::Leaf(leaf) => return (depth + 1 == names.len()).then_some(Found::Leaf(leaf)),
            }
        }
        Some(Found::Directory(directory))
    }
}

/// What a path leads to.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Found<'a> {
    Directory(&'a Directory),
    Leaf(&'a Leaf),
}

/// These names are `<version>/meta-data/public-keys`.
pub(crate) fn is_public_keys(names: &[impl AsRef<str>]) -> bool {
    names.len() == 3 && names[1].as_ref() == "meta-data" && names[2].as_ref() == "public-keys"
}

fn names(path: &str) -> Vec<&str> {
    let below = (!path.starts_with('/')).then_some("latest");
    below
        .into_iter()
        .chain(path.split('/').filter(|name| !name.is_empty()))
        .collect()
}

fn collect(prefix: &str, directory: &Directory, unix: u64, found: &mut Vec<(String, Vec<u8>)>) {
    for (name, node) in directory {
        let path = format!("{prefix}/{name}");
        match node {
            Node::Directory(inner) => collect(&path, inner, unix, found),
            Node::Leaf(leaf) => found.push((path, leaf.bytes(unix).into_owned())),
        }
    }
}

fn node(path: &str, value: Value) -> Result<Node, TreeError> {
    let leaf = match value {
        Value::Object(members) => {
            if let (1, Some(Value::String(text))) = (members.len(), members.get("base64")) {
                let bytes = BASE64_STANDARD
                    .decode(text)
                    .map_err(|_| TreeError::BadBase64 { path: path.into() })?;
                return Ok(Node::Leaf(Leaf::Bytes(bytes)));
            }
            let mut directory = Directory::with_capacity(members.len());
            for (name, value) in members {
                let child = node(&checked_child(path, &name)?, value)?;
                directory.insert(name, child);
            }
            return Ok(Node::Directory(directory));
        }
        Value::String(text) => Leaf::Bytes(text.into_bytes()),
        other @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_)) => {
            Leaf::Json(other)
        }
    };
    Ok(Node::Leaf(leaf))
}

/// A name with a slash or a line feed could be listed but never be asked for.
fn checked_child(parent: &str, name: &str) -> Result<String, TreeError> {
    let path = format!("{parent}/{name}");
    if name.is_empty() || name.contains(['/', '\n', '\r']) {
        return Err(TreeError::BadName { path });
    }
    Ok(path)
}

/// Why a JSON text is no tree.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TreeError {
    /// The text is not JSON; what the parser said.
    Json(String),
    /// A directory was expected.
    NotAnObject {
        /// Of the offending member.
        path: String,
    },
    /// An empty name, or one with a slash or a line end in it.
    BadName {
        /// Of the offending member.
        path: String,
    },
    /// The text under the only key `base64` is not base64.
    BadBase64 {
        /// Of the offending member.
        path: String,
    },
}

impl fmt::Display for TreeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Json(why) => write!(f, "not JSON: {why}"),
            Self::NotAnObject { path } => write!(f, "{path}: not an object"),
            Self::BadName { path } => write!(
                f,
                "{path:?}: a name must not be empty nor hold a slash or a line end"
            ),
            Self::BadBase64 { path } => write!(f, "{path}: the member base64 is not base64"),
        }
    }
}

impl core::error::Error for TreeError {}
