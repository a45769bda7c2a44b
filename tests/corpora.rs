//! Every input that a fuzzer has kept, once more: no fuzzer is needed for that.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use imds_tests::fuzz::TARGETS;

const FUZZ: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz");

fn names(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let name = |entry: std::io::Result<fs::DirEntry>| {
        let name = entry.expect("a readable folder").file_name();
        name.into_string().expect("a plain name")
    };
    entries.map(name).collect()
}

#[test]
fn every_input_of_the_corpora_keeps_the_laws() {
    let mut failed = Vec::new();
    for (target, body) in TARGETS {
        let folder = Path::new(FUZZ).join("corpus").join(target);
        let inputs = names(&folder);
        assert!(!inputs.is_empty(), "{target} has no corpus");
        for name in &inputs {
            let input = fs::read(folder.join(name)).expect("a readable file");
            if std::panic::catch_unwind(|| body(&input)).is_err() {
                failed.push(format!("{target}/{name}"));
            }
        }
        println!("{target}: {} inputs", inputs.len());
    }
    assert!(failed.is_empty(), "{failed:#?}");
}

#[test]
fn every_target_has_a_shim_and_a_corpus_and_nothing_else_has() {
    let targets: BTreeSet<String> = TARGETS.map(|(name, _)| name.to_owned()).into();
    assert_eq!(names(&Path::new(FUZZ).join("corpus")), targets);
    let shims = names(&Path::new(FUZZ).join("fuzz_targets"));
    let shims: BTreeSet<String> = shims.iter().map(|name| name.replace(".rs", "")).collect();
    assert_eq!(shims, targets);
}
