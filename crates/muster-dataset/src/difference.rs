//! The difference of two configurations: what becomes of each resource, and which of its fields differ.

use std::collections::BTreeMap;

use muster_model::configuration::ConfigurationKind;
use muster_model::configuration::problems::push_segment;
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

/// A field that differs.
#[derive(Debug, Clone, PartialEq)]
pub struct FieldDifference {
    /// Where it stands in the document, as a JSON pointer: in the one before, when it is no longer there.
    pub pointer: String,
    /// Its value before; `None` where it was absent.
    pub before: Option<Value>,
    /// Its value after; `None` where it is absent.
    pub after: Option<Value>,
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
                let mut fields = Vec::new();
                compare(Some(old), Some(document), &mut String::new(), &mut fields);
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

fn compare(
    before: Option<&Value>,
    after: Option<&Value>,
    pointer: &mut String,
    found: &mut Vec<FieldDifference>,
) {
    match (before, after) {
        (before, after) if before == after => {}
        (Some(Value::Object(old)), Some(Value::Object(new))) => {
            let added = new.keys().filter(|name| !old.contains_key(*name));
            for name in old.keys().chain(added) {
                enter(pointer, name, |pointer| compare(old.get(name), new.get(name), pointer, found));
            }
        }
        (Some(Value::Array(old)), Some(Value::Array(new))) => compare_lists(old, new, pointer, found),
        (before, after) => found.push(FieldDifference {
            pointer: pointer.clone(),
            before: before.cloned(),
            after: after.cloned(),
        }),
    }
}

/// What is alike at both ends stays out of it; of the rest items are compared in their order, and those left over
/// have come or gone.
fn compare_lists(old: &[Value], new: &[Value], pointer: &mut String, found: &mut Vec<FieldDifference>) {
    let head = old.iter().zip(new).take_while(|(old, new)| old == new).count();
    let shorter = old.len().min(new.len()) - head;
    let ends = old.iter().rev().zip(new.iter().rev());
    let tail = ends.take(shorter).take_while(|(old, new)| old == new).count();
    let (old, new) = (&old[head..old.len() - tail], &new[head..new.len() - tail]);
    for index in 0..old.len().max(new.len()) {
        enter(pointer, &(head + index).to_string(), |pointer| {
            compare(old.get(index), new.get(index), pointer, found);
        });
    }
}

fn enter(pointer: &mut String, segment: &str, visit: impl FnOnce(&mut String)) {
    let above = pointer.len();
    push_segment(pointer, segment);
    visit(pointer);
    pointer.truncate(above);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn key(kind: ConfigurationKind, id: &str) -> Key {
        (kind, id.parse().unwrap())
    }

    fn check(before: &Value, after: &Value, expected: &[(&str, Value, Value)]) {
        let mut found = Vec::new();
        compare(Some(before), Some(after), &mut String::new(), &mut found);
        let or_absent = |value: Option<Value>| value.unwrap_or_else(|| "absent".into());
        let found: Vec<_> = found
            .into_iter()
            .map(|field| (field.pointer, or_absent(field.before), or_absent(field.after)))
            .collect();
        let expected: Vec<_> =
            expected.iter().map(|(at, old, new)| ((*at).to_owned(), old.clone(), new.clone())).collect();
        assert_eq!(found, expected, "{before} {after}");
    }

    #[test]
    fn fields_are_told_where_they_stand() {
        check(&json!({ "a": 1 }), &json!({ "a": 1 }), &[]);
        check(
            &json!({ "a": 1, "b": { "c": "x", "d": true }, "gone": "" }),
            &json!({ "a": 2, "b": { "c": "y", "d": true }, "new": {} }),
            &[
                ("/a", json!(1), json!(2)),
                ("/b/c", json!("x"), json!("y")),
                ("/gone", json!(""), json!("absent")),
                ("/new", json!("absent"), json!({})),
            ],
        );
    }

    #[test]
    fn an_item_that_comes_or_goes_moves_no_other() {
        let list = |items: Value| json!({ "l": items });
        check(&list(json!([1, 2, 3])), &list(json!([1, 9, 2, 3])), &[("/l/1", json!("absent"), json!(9))]);
        check(&list(json!([1, 2, 3])), &list(json!([1, 3])), &[("/l/1", json!(2), json!("absent"))]);
        check(&list(json!([1, 1])), &list(json!([1])), &[("/l/1", json!(1), json!("absent"))]);
        let item = |name: &str| json!({ "name": name });
        check(
            &list(json!([item("a"), item("b"), item("c")])),
            &list(json!([item("a"), item("x"), item("c")])),
            &[("/l/1/name", json!("b"), json!("x"))],
        );
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
