//! The difference of two configurations: what becomes of each resource, and which of its fields differ.

use std::collections::BTreeMap;

use muster_model::configuration::ConfigurationKind;
use muster_model::configuration::difference::{FieldDifference, between};
use serde_json::Value;

use crate::read::Key;

/// What an import does with resources that the dataset lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ImportMode {
    /// They stay.
    #[default]
    Merge,
    /// They are deleted.
    Replace,
}

impl ImportMode {
    /// Both modes.
    pub const ALL: [Self; 2] = [Self::Merge, Self::Replace];

    /// The mode as it stands in queries and on the command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Merge => "MERGE",
            Self::Replace => "REPLACE",
        }
    }
}

/// What becomes of a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    /// It is new.
    Created,
    /// Some of its fields differ.
    Updated,
    /// Nothing.
    Unchanged,
    /// It goes.
    Deleted,
}

impl Fate {
    /// All of them, in their order.
    pub const ALL: [Self; 4] = [Self::Created, Self::Updated, Self::Unchanged, Self::Deleted];

    /// The word for it in reports.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Unchanged => "unchanged",
            Self::Deleted => "deleted",
        }
    }
}

/// What becomes of one resource.
#[derive(Debug, Clone, PartialEq)]
pub struct ResourceDifference {
    /// Its kind and id.
    pub key: Key,
    /// What becomes of it.
    pub fate: Fate,
    /// Of an updated one the fields that differ.
    pub fields: Vec<FieldDifference>,
}

/// Documents by kind and id.
pub type Documents = BTreeMap<Key, Value>;

/// Compares documents, in the order of kinds and ids.
#[must_use]
pub fn difference(before: &Documents, after: &Documents, mode: ImportMode) -> Vec<ResourceDifference> {
    let mut found: Vec<_> = after
        .iter()
        .map(|(key, document)| match before.get(key) {
            None => ResourceDifference { key: key.clone(), fate: Fate::Created, fields: Vec::new() },
            Some(old) => {
                let fields = between(old, document);
                let fate = if fields.is_empty() { Fate::Unchanged } else { Fate::Updated };
                ResourceDifference { key: key.clone(), fate, fields }
            }
        })
        .collect();
    match mode {
        ImportMode::Merge => {}
        ImportMode::Replace => {
            let gone = before.keys().filter(|key| !after.contains_key(key));
            found.extend(gone.map(|key| ResourceDifference {
                key: key.clone(),
                fate: Fate::Deleted,
                fields: Vec::new(),
            }));
            found.sort_by(|one, other| one.key.cmp(&other.key));
        }
    }
    found
}

/// The document of a synchronization task that names no unique id keeps the one that the task has.
pub fn keep_unique_ids(before: &Documents, after: &mut Documents) {
    for (key, document) in after.iter_mut() {
        let (ConfigurationKind::SynchronizationTaskDefinition, Value::Object(fields)) = (key.0, document)
        else {
            continue;
        };
        let known = before.get(key).and_then(|old| old.get(UNIQUE_ID));
        if let (Some(known), false) = (known, fields.contains_key(UNIQUE_ID)) {
            fields.insert(UNIQUE_ID.to_owned(), known.clone());
        }
    }
}

const UNIQUE_ID: &str = "uniqueId";

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn key(kind: ConfigurationKind, id: &str) -> Key {
        (kind, id.parse().unwrap())
    }

    #[test]
    fn what_only_the_old_has_goes_when_it_is_replaced() {
        let kind = ConfigurationKind::ConnectorDefinition;
        let before = Documents::from([(key(kind, "a"), json!({})), (key(kind, "b"), json!({ "x": 1 }))]);
        let after = Documents::from([(key(kind, "b"), json!({ "x": 2 })), (key(kind, "c"), json!({}))]);
        let fates = |mode| {
            let found = difference(&before, &after, mode);
            found
                .into_iter()
                .map(|found| format!("{} {}", found.key.1, found.fate.as_str()))
                .collect::<Vec<_>>()
        };
        assert_eq!(fates(ImportMode::Merge), ["b updated", "c created"]);
        assert_eq!(fates(ImportMode::Replace), ["a deleted", "b updated", "c created"]);
        assert!(difference(&before, &before, ImportMode::Replace).iter().all(|d| d.fate == Fate::Unchanged));
    }

    #[test]
    fn a_unique_id_that_is_not_named_stays() {
        let kind = ConfigurationKind::SynchronizationTaskDefinition;
        let before = Documents::from([(key(kind, "a"), json!({ "uniqueId": "1" }))]);
        for (after, expected) in [(json!({}), "1"), (json!({ "uniqueId": "2" }), "2")] {
            let mut after = Documents::from([(key(kind, "a"), after), (key(kind, "b"), json!({}))]);
            keep_unique_ids(&before, &mut after);
            assert_eq!(after[&key(kind, "a")], json!({ "uniqueId": expected }));
            assert_eq!(after[&key(kind, "b")], json!({}));
        }
    }
}
