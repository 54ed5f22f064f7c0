//! What an import did, or a difference found.

use std::collections::BTreeMap;

use muster_dataset::{Fate, ImportMode, ResourceDifference};
use muster_model::configuration::ConfigurationKind;
use serde::Serialize;

use super::FieldDifferenceView;

/// What became of each resource of a dataset, or would become of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DatasetReportView {
    dry_run: bool,
    mode: &'static str,
    types: Vec<&'static str>,
    counts: BTreeMap<&'static str, usize>,
    resources: Vec<ResourceView>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct ResourceView {
    kind: &'static str,
    id: String,
    result: &'static str,
    fields: Vec<FieldDifferenceView>,
}

impl DatasetReportView {
    /// A report of what was found of these kinds.
    #[must_use]
    pub fn new(
        found: Vec<ResourceDifference>,
        mode: ImportMode,
        kinds: impl IntoIterator<Item = ConfigurationKind>,
    ) -> Self {
        let of = |fate: Fate| found.iter().filter(|found| found.fate == fate).count();
        Self {
            dry_run: false,
            mode: mode.as_str(),
            types: kinds.into_iter().map(ConfigurationKind::element_name).collect(),
            counts: Fate::ALL.into_iter().map(|fate| (fate.as_str(), of(fate))).collect(),
            resources: found.into_iter().map(ResourceView::from).collect(),
        }
    }

    /// The same report of something that was not done.
    #[must_use]
    pub fn of_nothing_written(self) -> Self {
        Self { dry_run: true, ..self }
    }
}

impl From<ResourceDifference> for ResourceView {
    fn from(found: ResourceDifference) -> Self {
        let (kind, id) = found.key;
        Self {
            kind: kind.element_name(),
            id: id.to_string(),
            result: found.fate.as_str(),
            fields: found.fields.into_iter().map(FieldDifferenceView::from).collect(),
        }
    }
}
