//! What is sent: new resources, the operations of a PATCH, and a resource with other values in it. Sends nothing.

use muster_connector::{AttributeWrite, ConnectorError};
use muster_model::condition::Literal;
use muster_model::{AttributeName, Field, Value};
use serde_json::{Map, Value as Json, json};

use crate::class::{ClassAttribute, Kind, Layout};
use crate::dialect::{Booleans, Habits, OperationNames, PatchForm};
use crate::path::{ScimPath, VALUE, quoted, text_of, to_json};

const PATCH_OP: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

/// Changes of one account.
#[derive(Clone, Copy)]
pub(super) struct Changes<'a> {
    pub(super) writes: &'a [(AttributeName, AttributeWrite)],
    pub(super) enabled: Option<bool>,
}

/// The attribute that a write is for; `None` where that is not one of the account itself.
fn own<'a>(layout: &'a Layout, name: &AttributeName) -> Result<Option<&'a ClassAttribute>, ConnectorError> {
    if layout.is_membership(name) {
        return Ok(None);
    }
    match layout.attribute(name) {
        Some(attribute) if attribute.path.is_id() => Ok(None),
        Some(attribute) => Ok(Some(attribute)),
        None => Err(ConnectorError::Rejected {
            message: format!("`{name}` is not among the attributes of the class `{}`", layout.name),
        }),
    }
}

fn values_of(attribute: &ClassAttribute, values: &[Value]) -> Vec<Json> {
    values.iter().map(|value| to_json(value, attribute.kind)).collect()
}

/// A new resource.
pub(super) fn created(
    layout: &Layout,
    attributes: &[(AttributeName, Field)],
    enabled: bool,
) -> Result<Json, ConnectorError> {
    let mut resource = Map::from_iter([("schemas".to_owned(), json!([layout.schema]))]);
    for (name, field) in attributes {
        let Some(attribute) = own(layout, name)? else { continue };
        attribute.path.set(&mut resource, &values_of(attribute, field.values()), attribute.is_list);
    }
    if let Some(path) = &layout.enabled {
        path.set(&mut resource, &[enabled.into()], false);
    }
    name_schemas(&mut resource);
    Ok(resource.into())
}

/// Names the extensions that a resource has.
fn name_schemas(resource: &mut Map<String, Json>) {
    let extensions: Vec<String> =
        resource.keys().filter(|key| key.to_ascii_lowercase().starts_with("urn:")).cloned().collect();
    if let Some(Json::Array(schemas)) = resource.get_mut("schemas") {
        for urn in extensions {
            if !schemas.iter().filter_map(Json::as_str).any(|known| known.eq_ignore_ascii_case(&urn)) {
                schemas.push(urn.into());
            }
        }
    }
}

/// A resource as it is to become, as it may be sent; `None` where it is so already.
pub(super) fn replaced(
    layout: &Layout,
    resource: &Map<String, Json>,
    changes: Changes<'_>,
) -> Result<Option<Json>, ConnectorError> {
    let mut changed = resource.clone();
    for (name, write) in changes.writes {
        let Some(attribute) = own(layout, name)? else { continue };
        let values = match write {
            AttributeWrite::Replace(field) => values_of(attribute, field.values()),
            AttributeWrite::Values { add, remove } => {
                // What cannot be read would be lost.
                let held = attribute.path.get(resource, true);
                let held = held.map_err(|unfit| ConnectorError::Rejected { message: unfit.to_string() })?;
                let mut values = values_of(attribute, held.values());
                let (add, remove) = (values_of(attribute, add), values_of(attribute, remove));
                values.retain(|value| !remove.iter().any(|gone| is_equal(gone, value)));
                for value in add {
                    if !values.iter().any(|known| is_equal(known, &value)) {
                        values.push(value);
                    }
                }
                values
            }
        };
        attribute.path.set(&mut changed, &values, attribute.is_list);
    }
    if let (Some(path), Some(enabled)) = (&layout.enabled, changes.enabled) {
        path.set(&mut changed, &[enabled.into()], false);
    }
    if changed == *resource {
        return Ok(None);
    }
    changed.shift_remove("meta");
    name_schemas(&mut changed);
    Ok(Some(changed.into()))
}

fn is_equal(one: &Json, other: &Json) -> bool {
    text_of(one).is_some_and(|one| text_of(other).is_some_and(|other| one == other))
}

/// A PATCH of these operations.
pub(super) fn patch(operations: Vec<Json>) -> Json {
    json!({ "schemas": [PATCH_OP], "Operations": operations })
}

/// One operation of a PATCH.
pub(super) fn operation(habits: &Habits, name: &str, path: Option<String>, value: Option<Json>) -> Json {
    let name = match habits.operation_names {
        OperationNames::Lower => name.to_owned(),
        OperationNames::Capitalised => format!("{}{}", name[..1].to_ascii_uppercase(), &name[1..]),
    };
    let mut operation = Map::from_iter([("op".to_owned(), Json::from(name))]);
    operation.extend(path.map(|path| ("path".to_owned(), path.into())));
    operation.extend(value.map(|value| ("value".to_owned(), value)));
    operation.into()
}

/// Operations that take out again what a service holds twice since it was added though it was there (RFC 7644 §3.5.2.1
/// says only that it should not).
pub(super) fn without_repeats(
    layout: &Layout,
    habits: &Habits,
    resource: &Map<String, Json>,
    changes: Changes<'_>,
) -> Result<Vec<Json>, ConnectorError> {
    let mut operations = Vec::new();
    for (name, write) in changes.writes {
        let AttributeWrite::Values { add, .. } = write else { continue };
        let Some(ClassAttribute { path, .. }) = own(layout, name)? else { continue };
        let held = path.get(resource, true).unwrap_or_default();
        let count =
            |value: &Value| held.values().iter().filter(|known| known.to_text() == value.to_text()).count();
        if add.iter().all(|value| count(value) <= 1) {
            continue;
        }
        let mut distinct: Vec<Json> = Vec::new();
        for value in held.values().iter().map(|value| to_json(value, Kind::Other)) {
            if !distinct.contains(&value) {
                distinct.push(value);
            }
        }
        let mut changed = resource.clone();
        path.set(&mut changed, &distinct, true);
        let value = path.held(&changed).cloned();
        operations.push(operation(habits, "replace", Some(path.whole().to_string()), value));
    }
    Ok(operations)
}

/// Composes the operations of a PATCH.
pub(super) struct Patching<'a> {
    pub(super) layout: &'a Layout,
    pub(super) habits: &'a Habits,
    /// The resource as it is, where that had to be looked at.
    pub(super) known: Option<&'a Map<String, Json>>,
}

impl Patching<'_> {
    /// What changes an account so; nothing where nothing of the account itself changes.
    pub(super) fn operations(&self, changes: Changes<'_>) -> Result<Vec<Json>, ConnectorError> {
        let (mut operations, mut whole) = (Vec::new(), Map::new());
        for (name, write) in changes.writes {
            let Some(attribute) = own(self.layout, name)? else { continue };
            match write {
                AttributeWrite::Replace(field) => self.replace(attribute, field, &mut operations, &mut whole),
                AttributeWrite::Values { add, remove } => {
                    self.remove(attribute, remove, &mut operations);
                    self.add(attribute, values_of(attribute, add), &mut operations);
                }
            }
        }
        if let (Some(path), Some(enabled)) = (&self.layout.enabled, changes.enabled) {
            self.put(path, enabled.into(), &mut operations, &mut whole);
        }
        if !whole.is_empty() {
            operations.push(operation(self.habits, "replace", None, Some(whole.into())));
        }
        Ok(operations)
    }

    fn replace(
        &self,
        attribute: &ClassAttribute,
        field: &Field,
        operations: &mut Vec<Json>,
        whole: &mut Map<String, Json>,
    ) {
        let path = &attribute.path;
        let values = values_of(attribute, field.values());
        let is_selected = !path.selection.is_empty();
        let is_there = self.known.is_none_or(|known| !is_selected || path.selects_any(known));
        match (values.as_slice(), is_selected) {
            ([], _) => {
                if is_there {
                    operations.push(operation(self.habits, "remove", Some(removed(attribute)), None));
                }
            }
            (_, false) if attribute.is_list => {
                let elements = values.into_iter().map(|value| path.element(value)).collect();
                operations.push(operation(
                    self.habits,
                    "replace",
                    Some(path.whole().to_string()),
                    Some(elements),
                ));
            }
            (_, true) if attribute.is_multi_valued => {
                if is_there {
                    operations.push(operation(self.habits, "remove", Some(removed(attribute)), None));
                }
                self.add(attribute, values, operations);
            }
            ([value, ..], true) if is_there => {
                operations.push(operation(self.habits, "replace", Some(valued(path)), Some(value.clone())));
            }
            ([_, ..], true) => self.add(attribute, values, operations),
            ([value, ..], false) => self.put(path, value.clone(), operations, whole),
        }
    }

    /// A single value that is no part of a list.
    fn put(&self, path: &ScimPath, value: Json, operations: &mut Vec<Json>, whole: &mut Map<String, Json>) {
        let value = match (value, self.habits.booleans) {
            (Json::Bool(truth), Booleans::Text) => Json::from(if truth { "True" } else { "False" }),
            (value, _) => value,
        };
        match self.habits.patch_form {
            PatchForm::Paths => {
                operations.push(operation(self.habits, "replace", Some(path.to_string()), Some(value)));
            }
            PatchForm::Values => path.set(whole, &[value], false),
        }
    }

    fn add(&self, attribute: &ClassAttribute, values: Vec<Json>, operations: &mut Vec<Json>) {
        if values.is_empty() {
            return;
        }
        let path = &attribute.path;
        let elements = values.into_iter().map(|value| path.element(value)).collect();
        operations.push(operation(self.habits, "add", Some(path.whole().to_string()), Some(elements)));
    }

    fn remove(&self, attribute: &ClassAttribute, values: &[Value], operations: &mut Vec<Json>) {
        let path = &attribute.path;
        let held = self.known.map(|known| path.get(known, true).unwrap_or_default());
        for value in values {
            let is_held = |held: &Field| held.values().iter().any(|known| known.to_text() == value.to_text());
            if held.as_ref().is_some_and(|held| !is_held(held)) {
                continue;
            }
            let literal = match to_json(value, attribute.kind) {
                Json::String(text) => quoted(&text),
                other @ (Json::Null | Json::Bool(_) | Json::Number(_) | Json::Array(_) | Json::Object(_)) => {
                    other.to_string()
                }
            };
            let sub = path.sub.as_deref().unwrap_or(VALUE);
            let filter = path.selecting(Some(sub), Some(&literal));
            let target = format!("{}[{filter}]", path.whole());
            operations.push(operation(self.habits, "remove", Some(target), None));
        }
    }
}

/// What is removed to clear an attribute: of a list whole elements, where they are nothing without their value.
fn removed(attribute: &ClassAttribute) -> String {
    let path = &attribute.path;
    let is_value = path.sub.as_deref().is_none_or(|sub| sub == VALUE);
    match (path.selection.is_empty(), attribute.is_list) {
        (true, true) => path.whole().to_string(),
        (false, _) if is_value => ScimPath { sub: None, ..path.clone() }.to_string(),
        (true, false) | (false, _) => path.to_string(),
    }
}

/// A selected element's value.
fn valued(path: &ScimPath) -> String {
    let sub = path.sub.clone().or_else(|| Some(VALUE.to_owned()));
    ScimPath { sub, ..path.clone() }.to_string()
}

/// The members of a group that are removed, as operations of a PATCH.
pub(super) fn selects_member(members: &ScimPath, key: &str) -> String {
    let one = (VALUE.to_owned(), Literal::Text(key.to_owned()));
    ScimPath { selection: vec![one], sub: None, ..members.clone() }.to_string()
}

#[cfg(test)]
#[path = "compose/tests.rs"]
mod tests;
