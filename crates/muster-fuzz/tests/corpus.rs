//! The corpus of every target, and what was once found, read again.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use muster_fuzz::TARGETS;

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz")
}

fn names(directory: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn every_target_has_a_corpus_and_a_dictionary() {
    let targets: BTreeSet<_> = TARGETS.iter().map(|target| target.name.to_owned()).collect();
    assert_eq!(targets.len(), TARGETS.len());
    assert_eq!(names(&fuzz().join("corpus")), targets);
    let dictionaries = targets.iter().map(|name| format!("{name}.dict")).collect();
    assert_eq!(names(&fuzz().join("dictionaries")), dictionaries);
}

#[test]
fn no_target_breaks_a_law_on_its_corpus() {
    for target in TARGETS {
        let corpus = fuzz().join("corpus").join(target.name);
        let seeds = names(&corpus);
        assert!(seeds.len() >= 10, "{}: {} seeds", target.name, seeds.len());
        for seed in seeds {
            // Shown by the test runner where the target panics.
            println!("{} {seed}", target.name);
            let octets = fs::read(corpus.join(seed)).unwrap();
            (target.run)(&octets);
            // What is cut off anywhere is input as well.
            for end in (0..octets.len()).step_by(octets.len().div_ceil(16).max(1)) {
                (target.run)(&octets[..end]);
            }
        }
    }
}
