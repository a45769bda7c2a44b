use std::collections::BTreeMap;
use std::format;
use std::string::{String, ToString};
use std::vec::Vec;

use super::*;

/// Directories by path, each with its listing.
type Tree = BTreeMap<String, Vec<String>>;

/// The path of the next name, unless a listing is to be read again first.
fn child<A: AsRef<[u8]> + AsMut<[u8]>>(frontier: &mut Frontier<A>) -> Option<String> {
    let mut path = Path::new();
    match frontier.next(&mut path)? {
        Next::Child { .. } => Some(path.to_string()),
        Next::Again { .. } => None,
    }
}

/// Walks `tree` with an arena of `size` bytes; returns leaves and refusals in order, and how
/// many listings were read.
fn walk(tree: &Tree, size: usize) -> (Vec<String>, Vec<String>, usize) {
    let mut frontier = Frontier::new(std::vec![0; size]);
    let (mut leaves, mut refused, mut reads) = (Vec::new(), Vec::new(), 0);
    let mut dir = Some(("/".to_string(), 0));
    for _ in 0..100_000 {
        if let Some((path, depth)) = dir.take() {
            reads += 1;
            if frontier.open(&path, depth).is_err() {
                refused.push(path);
            } else {
                for name in &tree[&path] {
                    match frontier.push(&path, name) {
                        Pushed::NoRoom => {
                            refused.push(path.clone());
                            frontier.give_up(&path);
                            break;
                        }
                        Pushed::Repeated => refused.push(format!("{path}{name}")),
                        Pushed::Stored | Pushed::Passed => {}
                    }
                }
                assert_eq!(frontier.finish(&path), Finished::Ok);
            }
        }
        let mut path = Path::new();
        match frontier.next(&mut path) {
            Some(Next::Child { depth }) if path.ends_with('/') => {
                dir = Some((path.to_string(), depth + 1));
            }
            Some(Next::Child { .. }) => leaves.push(path.to_string()),
            Some(Next::Again { depth }) => dir = Some((path.to_string(), depth)),
            None => {
                assert!(frontier.is_empty());
                return (leaves, refused, reads);
            }
        }
    }
    panic!("a walk that never ends, arena {size}");
}

/// A tree of directories `a0/ a1/ …` and leaves, `width` each, `depth` levels.
fn grow(tree: &mut Tree, path: &str, width: usize, depth: usize) {
    let mut names = Vec::new();
    for i in 0..width {
        names.push(format!("leaf-{i}"));
        if depth > 0 {
            names.push(format!("dir-{i}/"));
            grow(tree, &format!("{path}dir-{i}/"), width, depth - 1);
        }
    }
    tree.insert(path.to_string(), names);
}

#[test]
fn a_large_arena_reads_each_listing_once_in_order() {
    let mut tree = Tree::new();
    grow(&mut tree, "/", 3, 2);
    let (leaves, refused, reads) = walk(&tree, 65536);
    assert_eq!(leaves.len(), 3 + 9 + 27);
    assert_eq!(
        leaves[..3],
        ["/leaf-0", "/dir-0/leaf-0", "/dir-0/dir-0/leaf-0"]
    );
    assert!(refused.is_empty());
    assert_eq!(reads, tree.len());
}

#[test]
fn every_size_of_arena_visits_every_name_once_or_says_what_does_not_fit() {
    let mut tree = Tree::new();
    grow(&mut tree, "/", 4, 3);
    let (mut all, _, _) = walk(&tree, 65536);
    all.sort();
    // The deepest chain: "/", "/dir-0/", "/dir-0/dir-0/", "/dir-0/dir-0/dir-0/", each with the
    // name taken from it and, in the last, one name more.
    let enough = 1 + 7 + 13 + 19 + 4 * 8 + 7;
    let mut least = usize::MAX;
    for size in (20..400).rev() {
        let (mut leaves, refused, _) = walk(&tree, size);
        leaves.sort();
        let distinct = leaves.windows(2).all(|w| w[0] != w[1]);
        assert!(distinct, "a leaf twice, arena {size}");
        if size >= enough {
            assert!(refused.is_empty(), "arena {size} refused {refused:?}");
        }
        if refused.is_empty() {
            assert_eq!(leaves, all, "a leaf lost in silence, arena {size}");
            least = size;
        } else {
            assert!(leaves.len() < all.len());
        }
    }
    assert!(least <= enough);
}

#[test]
fn a_wide_listing_is_read_again_from_where_it_stopped() {
    let names: Vec<String> = (0..500).map(|i| format!("name-{i:03}")).collect();
    let tree = Tree::from([("/".to_string(), names.clone())]);
    let (leaves, refused, reads) = walk(&tree, 256);
    let expected: Vec<String> = names.iter().map(|n| format!("/{n}")).collect();
    assert_eq!(leaves, expected);
    assert!(refused.is_empty());
    assert!(
        (18..=25).contains(&reads),
        "{reads} readings of 500 names, 28 at a time"
    );
}

#[test]
fn a_repeated_name_is_told_and_not_visited_twice() {
    let names = ["a", "b", "a", "b/", "a"].map(String::from).to_vec();
    let mut tree = Tree::from([("/".to_string(), names)]);
    tree.insert("/b/".into(), Vec::new());
    let (leaves, refused, _) = walk(&tree, 256);
    assert_eq!(leaves, ["/a", "/b"]);
    assert_eq!(refused, ["/a", "/a"]);
}

#[test]
fn names_before_the_anchor_may_vanish_between_readings() {
    let mut frontier = Frontier::new([0u8; 16]);
    frontier.open("/", 0).unwrap();
    for name in ["aa", "bb", "cc", "dd", "ee", "ff"] {
        frontier.push("/", name);
    }
    assert_eq!(frontier.finish("/"), Finished::Ok);
    let mut seen = Vec::new();
    while let Some(path) = child(&mut frontier) {
        seen.push(path.to_string());
    }
    // The last `next` asked for the listing again; it has lost all but the anchor and the rest.
    assert_eq!(seen, ["/aa", "/bb", "/cc", "/dd", "/ee"]);
    for name in ["ee", "ff", "gg"] {
        frontier.push("/", name);
    }
    assert_eq!(frontier.finish("/"), Finished::Ok);
    while let Some(path) = child(&mut frontier) {
        seen.push(path.to_string());
    }
    assert_eq!(seen[5..], ["/ff", "/gg"]);
}

#[test]
fn a_lost_anchor_is_said_and_ends_the_directory() {
    let mut frontier = Frontier::new([0u8; 8]);
    frontier.open("/", 0).unwrap();
    for name in ["aa", "bb", "cc", "dd"] {
        frontier.push("/", name);
    }
    frontier.finish("/");
    while child(&mut frontier).is_some() {}
    for name in ["cc", "dd"] {
        assert_eq!(frontier.push("/", name), Pushed::Passed);
    }
    assert_eq!(frontier.finish("/"), Finished::AnchorLost);
    assert!(frontier.next(&mut Path::new()).is_none() && frontier.is_empty());
}

#[test]
fn a_reading_that_broke_keeps_what_was_taken_and_no_more() {
    let mut frontier = Frontier::new([0u8; 64]);
    frontier.open("/", 0).unwrap();
    frontier.push("/", "aa");
    frontier.push("/", "bb");
    assert_eq!(child(&mut frontier).as_deref(), Some("/aa"));
    frontier.abort("/");
    assert!(
        frontier.next(&mut Path::new()).is_none(),
        "bb is not taken from a listing that broke"
    );
    assert!(!frontier.is_empty(), "it will be read again");
    frontier.open("/", 0).unwrap();
    for name in ["aa", "bb"] {
        frontier.push("/", name);
    }
    frontier.finish("/");
    assert_eq!(child(&mut frontier).as_deref(), Some("/bb"));
    assert!(frontier.next(&mut Path::new()).is_none());
}

#[test]
fn a_bad_line_behind_names_that_were_cut_is_told_once() {
    let mut frontier = Frontier::new([0; 14]);
    frontier.open("/", 0).unwrap();
    assert_eq!(frontier.push("/", "a/"), Pushed::Stored);
    assert_eq!(frontier.push("/", "b"), Pushed::Stored);
    assert!(frontier.push_bad("/"));
    assert_eq!(frontier.finish("/"), Finished::Ok);
    assert_eq!(child(&mut frontier).as_deref(), Some("/a/"));
    frontier.open("/a/", 1).unwrap();
    assert_eq!(frontier.push("/a/", "namen"), Pushed::Stored);
    assert_eq!(frontier.finish("/a/"), Finished::Ok);
    assert_eq!(child(&mut frontier).as_deref(), Some("/a/namen"));
    assert_eq!(child(&mut frontier), None, "it was cut");
    assert_eq!(frontier.push("/", "a/"), Pushed::Passed);
    assert_eq!(frontier.push("/", "b"), Pushed::Stored);
    assert!(!frontier.push_bad("/"), "told before");
    assert_eq!(frontier.finish("/"), Finished::Ok);
}

#[test]
fn a_bad_line_is_taken_back_alone_though_the_names_were_cut() {
    let mut frontier = Frontier::new([0; 14]);
    frontier.open("/", 0).unwrap();
    assert_eq!(frontier.push("/", "a/"), Pushed::Stored);
    assert!(frontier.push_bad("/"));
    assert_eq!(child(&mut frontier).as_deref(), Some("/a/"));
    assert_eq!(frontier.push("/", "b"), Pushed::Stored);
    assert!(frontier.push_bad("/"), "on offer");
    frontier.open("/a/", 1).unwrap();
    assert_eq!(frontier.push("/a/", "nam"), Pushed::Stored);
    frontier.abort("/");
    frontier.take_back_bad("/");
    assert_eq!(frontier.push("/", "a/"), Pushed::Passed);
    assert!(!frontier.push_bad("/"), "told before");
    // The other lane is done.
    frontier.give_up("/a/");
    assert_eq!(child(&mut frontier).as_deref(), Some("/a/nam"));
    assert_eq!(child(&mut frontier), None);
    assert_eq!(frontier.push("/", "b"), Pushed::Stored);
    assert!(frontier.push_bad("/"), "taken back");
}
