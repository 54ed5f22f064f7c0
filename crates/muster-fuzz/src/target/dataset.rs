//! Datasets: whatever is read, every problem has a place in it; what is in order is written as XML that reads as the
//! same documents and is written as the same octets.

use std::collections::BTreeMap;

use muster_dataset::{Dataset, Key, write};
use muster_model::configuration::Problems;

pub(crate) fn run(octets: &[u8]) {
    let dataset = Dataset::read(octets.to_vec());
    let problems = dataset.problems(&Problems::new());
    assert_eq!(dataset.is_sound(), problems.is_empty(), "{problems:?}");
    assert!(problems.iter().all(|problem| problem.line > 0 && problem.column > 0), "{problems:?}");
    let documents = dataset.documents();
    let written = written(&documents);
    let again = Dataset::read(written.clone().into_bytes());
    assert!(again.is_sound(), "{:?}", again.problems(&Problems::new()));
    assert_eq!(self::written(&again.documents()), written);
}

fn written(documents: &BTreeMap<Key, serde_json::Value>) -> String {
    write(documents.iter().map(|((kind, _), document)| (*kind, document)))
}
