//! What a server serves between two of its deaths: the same tree, in which every value says who
//! served it.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use imds_mock::Tree;

/// A leaf that every other generation lacks.
pub const SOMETIMES: &str = "/latest/meta-data/sometimes";

/// The leaves that every generation has.
pub static ALWAYS: LazyLock<BTreeSet<String>> =
    LazyLock::new(|| Tree::built_in().leaves().map(|(path, _)| path).collect());

/// What this generation has there.
pub fn value(path: &str, generation: u32) -> Option<Vec<u8>> {
    let is_there = ALWAYS.contains(path) || path == SOMETIMES && !generation.is_multiple_of(2);
    let line = format!("{path} of generation {generation}\n");
    let lines = match path.len() % 16 {
        // Comes in many pieces.
        0 => 200,
        few => few,
    };
    is_there.then(|| line.repeat(lines).into_bytes())
}

/// The tree of this generation.
pub fn tree(generation: u32) -> Tree {
    let paths = ALWAYS.iter().map(String::as_str).chain([SOMETIMES]);
    paths.fold(Tree::new(), |tree, path| match value(path, generation) {
        Some(value) => tree.with(path, value),
        None => tree,
    })
}
