//! Datasets: what is read, what is refused, and that writing and reading are each other's inverse.

// The settings of clippy know tests by their attribute only, not what they call.
#![allow(clippy::unwrap_used)]

mod arbitrary;
mod hostile;
mod laws;
mod reading;
mod schema;
mod sets;

use muster_dataset::{Dataset, DatasetProblem};
use muster_model::configuration::{ConfigurationKind, Problems};
use serde_json::Value;

/// A dataset with these elements from its second line on.
fn dataset(elements: &str) -> Dataset {
    Dataset::read(format!("<dataset xmlns=\"urn:muster:dataset:1\">\n{elements}\n</dataset>").into_bytes())
}

/// The problems of a dataset by itself, each in a line.
fn told(dataset: &Dataset) -> Vec<String> {
    dataset.problems(&Problems::new()).iter().map(DatasetProblem::to_string).collect()
}

/// The documents of a dataset that is in order.
fn documents(dataset: &Dataset) -> Vec<(ConfigurationKind, Value)> {
    assert_eq!(told(dataset), [""; 0]);
    dataset.documents().into_iter().map(|((kind, _), document)| (kind, document)).collect()
}

/// Writes documents.
fn write(documents: &[(ConfigurationKind, Value)]) -> String {
    muster_dataset::write(documents.iter().map(|(kind, document)| (*kind, document)))
}
