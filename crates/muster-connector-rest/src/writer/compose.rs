//! What is sent: attributes as JSON at their places, and the placeholders of a body. Calls nobody.

use muster_connector::{AttributeWrite, ConnectorError};
use muster_model::{AttributeName, Field, Value};
use serde_json::{Map, Value as Json};

use crate::class::{ClassAttribute, Layout};
use crate::description::{Operation, Source};
use crate::entry::field;
use crate::pointer::Pointer;
use crate::template::Values;

/// One attribute as it is sent.
pub(super) struct Part {
    pub(super) name: String,
    pointer: Pointer,
    value: Json,
}

fn rejected(message: impl Into<String>) -> ConnectorError {
    ConnectorError::Rejected { message: message.into() }
}

/// A value as the API has it.
fn to_json(value: &Value) -> Json {
    match value {
        Value::Integer(number) => (*number).into(),
        Value::Boolean(truth) => (*truth).into(),
        Value::String(_) | Value::DateTime(_) | Value::Binary(_) | Value::Reference(_) => {
            value.to_text().into_owned().into()
        }
    }
}

/// Values as the elements of a list.
fn list(values: &[Value], source: &Source) -> Result<Json, ConnectorError> {
    let element = |value: &Value| {
        let mut element = Json::Null;
        match &source.each {
            None => element = to_json(value),
            Some(each) => each.set(&mut element, to_json(value)).map_err(rejected)?,
        }
        Ok(element)
    };
    values.iter().map(element).collect::<Result<Vec<_>, _>>().map(Json::from)
}

/// A field as the API has it: null, or an empty list, where there is no value.
fn field_json(field: &Field, attribute: &ClassAttribute) -> Result<Json, ConnectorError> {
    match attribute.is_list {
        true => list(field.values(), &attribute.source),
        false => Ok(field.first().map_or(Json::Null, to_json)),
    }
}

fn known(layout: &Layout, name: &AttributeName) -> Result<ClassAttribute, ConnectorError> {
    let Some(attribute) = layout.attribute(name) else {
        return Err(rejected(format!("the description of `{}` has no attribute `{name}`", layout.name)));
    };
    match attribute.source.is_writable {
        true => Ok(attribute),
        false => Err(rejected(format!("the description says that `{name}` is not to be written"))),
    }
}

/// The attributes that a new thing has; what has no value is left out, and so is the key, which is told apart.
pub(super) fn created(
    layout: &Layout,
    attributes: &[(AttributeName, Field)],
) -> Result<Vec<Part>, ConnectorError> {
    let mut parts = Vec::with_capacity(attributes.len());
    for (name, field) in attributes {
        let is_own = *name != layout.uid && !layout.is_membership(name);
        if !is_own || matches!(field, Field::Absent | Field::Null) {
            continue;
        }
        let attribute = known(layout, name)?;
        let value = field_json(field, &attribute)?;
        parts.push(Part { name: name.to_string(), pointer: attribute.source.pointer, value });
    }
    Ok(parts)
}

/// What changes of a thing, given as it is where lists change by single values. What changes nothing is left out.
pub(super) fn changed(
    layout: &Layout,
    uid: &str,
    writes: &[(AttributeName, AttributeWrite)],
    current: Option<&Json>,
) -> Result<Vec<Part>, ConnectorError> {
    let mut parts = Vec::new();
    for (name, write) in writes.iter().filter(|(name, _)| !layout.is_membership(name)) {
        if *name == layout.uid {
            expect_same_key(uid, write)?;
            continue;
        }
        let attribute = known(layout, name)?;
        let value = match write {
            AttributeWrite::Replace(field) => field_json(field, &attribute)?,
            AttributeWrite::Values { add, remove } => match values(current, &attribute, add, remove)? {
                Some(value) => value,
                None => continue,
            },
        };
        parts.push(Part { name: name.to_string(), pointer: attribute.source.pointer, value });
    }
    Ok(parts)
}

fn expect_same_key(uid: &str, write: &AttributeWrite) -> Result<(), ConnectorError> {
    match write {
        AttributeWrite::Replace(field) if field.first().is_some_and(|value| value.to_text() == uid) => Ok(()),
        AttributeWrite::Replace(_) | AttributeWrite::Values { .. } => {
            Err(rejected("a key cannot be changed: what has another key is another account"))
        }
    }
}

/// A list as it is to be, elements that stay as they are; `None` where that is how it is.
fn values(
    current: Option<&Json>,
    attribute: &ClassAttribute,
    add: &[Value],
    remove: &[Value],
) -> Result<Option<Json>, ConnectorError> {
    let held = current.and_then(|item| attribute.source.pointer.get(item));
    let mut elements = match held {
        Some(Json::Array(elements)) => elements.clone(),
        None | Some(Json::Null) => Vec::new(),
        Some(single) => vec![single.clone()],
    };
    let alone = Source { pointer: Pointer::default(), ..attribute.source.clone() };
    let text = |element: &Json| {
        let read = field(&Json::Array(vec![element.clone()]), &alone, true).ok()?;
        read.first().map(|value| value.to_text().into_owned())
    };
    let before = elements.len();
    let is_in = |values: &[Value], text: &str| values.iter().any(|value| value.to_text() == text);
    elements.retain(|element| !text(element).is_some_and(|text| is_in(remove, &text)));
    let is_smaller = elements.len() < before;
    let there: Vec<String> = elements.iter().filter_map(text).collect();
    let new: Vec<Value> =
        add.iter().filter(|value| !there.contains(&value.to_text().into_owned())).cloned().collect();
    if new.is_empty() && !is_smaller {
        return Ok(None);
    }
    if let Json::Array(new) = list(&new, &attribute.source)? {
        elements.extend(new);
    }
    Ok(Some(elements.into()))
}

/// Puts parts at their places.
fn place(into: &mut Json, parts: &[Part]) -> Result<(), ConnectorError> {
    parts.iter().try_for_each(|part| part.pointer.set(into, part.value.clone()).map_err(rejected))
}

/// The placeholders of a body: each part by its name, all of them as one object called `whole`, on top of what is there.
///
/// # Errors
/// When the body has no place for one of them: it would be lost.
pub(super) fn placeholders(
    operation: &Operation,
    parts: &[Part],
    wholes: &[(&str, Json)],
    told_apart: &[&str],
) -> Result<Values, ConnectorError> {
    let named = operation.placeholders();
    let has_whole = wholes.iter().any(|(whole, _)| named.contains(whole));
    let mut values = Values::new();
    for part in parts {
        let is_told = named.contains(&part.name.as_str()) || told_apart.contains(&part.name.as_str());
        if !has_whole && !is_told {
            let name = &part.name;
            return Err(rejected(format!(
                "the description has no place for `{name}` in what is sent; give it one"
            )));
        }
        values.insert(part.name.clone(), part.value.clone());
    }
    for (whole, base) in wholes {
        let mut object = base.clone();
        place(&mut object, parts)?;
        values.insert((*whole).to_owned(), if object.is_null() { Map::new().into() } else { object });
    }
    Ok(values)
}
