//! Versions of configuration as clients see them: when, by whom, and what became another.

use muster_model::configuration::difference::FieldDifference;
use muster_store::ResourceVersion;
use serde::Serialize;
use serde_json::Value;

use super::ActorView;

/// One version of a resource.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ResourceVersionView {
    version: i64,
    at: String,
    actor: ActorView,
    action: &'static str,
    differences: Vec<FieldDifferenceView>,
}

/// One place where it differs from the version before. Where there is nothing a member is left out.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FieldDifferenceView {
    pointer: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<Value>,
}

impl ResourceVersionView {
    /// A version that differs so from the one before.
    #[must_use]
    pub fn new(version: &ResourceVersion, differences: Vec<FieldDifference>) -> Self {
        Self {
            version: version.version,
            at: super::instant(version.at),
            actor: ActorView::from(&version.actor),
            action: version.written.action(),
            differences: differences.into_iter().map(FieldDifferenceView::from).collect(),
        }
    }
}

impl From<FieldDifference> for FieldDifferenceView {
    fn from(difference: FieldDifference) -> Self {
        Self { pointer: difference.pointer, before: difference.before, after: difference.after }
    }
}
