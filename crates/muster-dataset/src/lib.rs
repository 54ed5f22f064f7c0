//! Datasets: the resources of a configuration as one XML document, read, written, compared and described.
//!
//! The only crate that knows XML. Reads no file, asks no clock, knows no store.

mod difference;
mod escape;
pub mod limits;
mod names;
mod places;
mod problem;
mod read;
mod scan;
mod schema;
mod tree;
mod write;

pub use difference::{Documents, Fate, ImportMode, ResourceDifference, difference, keep_unique_ids};
pub use names::NAMESPACE;
pub use problem::DatasetProblem;
pub use read::{Dataset, Entry, Key};
pub use schema::schema;
pub use write::write;
