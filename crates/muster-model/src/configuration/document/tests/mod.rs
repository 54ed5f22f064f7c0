//! Tests of documents: laws on rich examples, problems as tables, and what shapes promise.

mod examples;
mod laws;
mod problems;
mod shapes;

use crate::configuration::Problems;
use crate::configuration::document::Document;
use crate::configuration::document::reader::Leniency;
use crate::configuration::kind::ConfigurationKind;
use crate::configuration::resource::Resource;
use serde_json::Value;

/// Reads strictly and parses.
fn parse(kind: ConfigurationKind, value: &Value) -> Result<Resource, Problems> {
    Document::read(kind, value, Leniency::Strict)?.parse()
}
