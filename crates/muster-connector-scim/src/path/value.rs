//! Reading and writing a value of a resource by its path. Names of attributes are found in any case (RFC 7643 §2.1).

use muster_model::condition::{Literal, fold_case};
use muster_model::{Field, Value};
use serde_json::{Map, Value as Json};

use super::{ScimPath, VALUE};
use crate::class::Kind;

/// The most values of one attribute.
const MOST_VALUES: usize = 100_000;

/// Why what stands at a path is no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unfit {
    #[error("`{0}` holds an object or a list where a value is expected; name a part of it")]
    NoValue(String),
    #[error("`{0}` holds more than {MOST_VALUES} values")]
    TooMany(String),
    #[error("`{0}` holds a zero character")]
    Zero(String),
}

/// The key by which an object holds a name.
fn key_of(object: &Map<String, Json>, name: &str) -> Option<String> {
    if object.contains_key(name) {
        return Some(name.to_owned());
    }
    object.keys().find(|key| key.eq_ignore_ascii_case(name)).cloned()
}

/// What an object holds under a name.
fn member<'a>(object: &'a Map<String, Json>, name: &str) -> Option<&'a Json> {
    object
        .get(name)
        .or_else(|| object.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, held)| held))
}

/// Whether two texts are the same to a service that does not look at their case.
pub(crate) fn same(one: &str, other: &str) -> bool {
    fold_case(one) == fold_case(other)
}

/// The text of a simple value.
pub(crate) fn text_of(json: &Json) -> Option<String> {
    match json {
        Json::String(text) => Some(text.clone()),
        Json::Number(number) => Some(number.to_string()),
        Json::Bool(truth) => Some(truth.to_string()),
        Json::Null | Json::Array(_) | Json::Object(_) => None,
    }
}

/// A value as a service has it, of the type that its schema says.
pub(crate) fn to_json(value: &Value, kind: Kind) -> Json {
    let text = value.to_text();
    match (kind, value) {
        (Kind::Other, Value::Boolean(truth)) => Json::from(*truth),
        (Kind::Other, Value::Integer(number)) => Json::from(*number),
        (Kind::Boolean, _) if same(&text, "true") => Json::from(true),
        (Kind::Boolean, _) if same(&text, "false") => Json::from(false),
        (Kind::Number, _) => {
            serde_json::from_str(&text).ok().filter(Json::is_number).unwrap_or_else(|| text.into())
        }
        (Kind::Other | Kind::Text | Kind::Boolean, _) => text.into(),
    }
}

impl ScimPath {
    /// What stands there.
    ///
    /// # Errors
    /// When it is no value, or too many are.
    pub(crate) fn get(&self, resource: &Map<String, Json>, is_multi_valued: bool) -> Result<Field, Unfit> {
        let Some(held) = self.held(resource) else { return Ok(Field::Absent) };
        let elements = match held {
            Json::Null => return Ok(Field::Null),
            Json::Array(elements) => elements.as_slice(),
            single @ (Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::Object(_)) => {
                std::slice::from_ref(single)
            }
        };
        if elements.len() > MOST_VALUES {
            return Err(Unfit::TooMany(self.to_string()));
        }
        let selected = elements.iter().filter(|element| self.selects(element));
        if is_multi_valued {
            let values: Result<Vec<_>, _> =
                selected.map(|element| self.leaf(element)).filter_map(Result::transpose).collect();
            let values = values?;
            return Ok(if values.is_empty() && !self.selection.is_empty() {
                Field::Absent
            } else {
                Field::Many(values)
            });
        }
        let is_primary = |element: &&Json| element.get("primary") == Some(&Json::Bool(true));
        let one = selected.clone().find(is_primary).or_else(|| selected.clone().next());
        match one.map(|element| self.leaf(element)).transpose()?.flatten() {
            Some(value) => Ok(Field::One(value)),
            None => Ok(Field::Absent),
        }
    }

    /// Whether an element holds all that the selection asks for.
    fn selects(&self, element: &Json) -> bool {
        self.selection.iter().all(|(name, literal)| {
            let held = element.as_object().and_then(|element| member(element, name));
            match (held, literal) {
                (Some(Json::String(held)), Literal::Text(text)) => same(held, text),
                (Some(Json::Bool(held)), Literal::Boolean(truth)) => held == truth,
                (Some(Json::Number(held)), Literal::Integer(number)) => held.as_i64() == Some(*number),
                // Some services leave out what is not so.
                (None, Literal::Boolean(false)) => true,
                (_, Literal::Text(_) | Literal::Boolean(_) | Literal::Integer(_) | Literal::Null) => false,
            }
        })
    }

    /// The value of an element.
    fn leaf(&self, element: &Json) -> Result<Option<Value>, Unfit> {
        let held = match element {
            Json::Object(object) => member(object, self.sub.as_deref().unwrap_or(VALUE)),
            // A list of plain values where objects were expected.
            plain if self.sub.as_deref().is_none_or(|sub| sub == VALUE) => Some(plain),
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::Array(_) => None,
        };
        let value = match held {
            None if self.sub.is_none() && element.is_object() => {
                return Err(Unfit::NoValue(self.to_string()));
            }
            None | Some(Json::Null) => return Ok(None),
            Some(Json::String(text)) if text.contains('\0') => return Err(Unfit::Zero(self.to_string())),
            Some(Json::String(text)) => Value::String(text.clone()),
            Some(Json::Bool(truth)) => Value::Boolean(*truth),
            Some(Json::Number(number)) => {
                number.as_i64().map_or_else(|| Value::String(number.to_string()), Value::Integer)
            }
            Some(Json::Array(_) | Json::Object(_)) => return Err(Unfit::NoValue(self.to_string())),
        };
        Ok(Some(value))
    }

    /// Puts values there in the place of what is there; none clear it. What else an element holds stays. `is_list` says
    /// that the attribute holds several elements, whether or not one alone is meant.
    pub(crate) fn set(&self, resource: &mut Map<String, Json>, values: &[Json], is_list: bool) {
        let Some(schema) = &self.schema else { return self.set_in(resource, values, is_list) };
        let key = key_of(resource, schema).unwrap_or_else(|| schema.clone());
        let mut extension = match resource.get_mut(&key).map(Json::take) {
            Some(Json::Object(extension)) => extension,
            _ => Map::new(),
        };
        self.set_in(&mut extension, values, is_list);
        put(resource, &key, (!extension.is_empty()).then_some(Json::Object(extension)));
    }

    fn set_in(&self, holder: &mut Map<String, Json>, values: &[Json], is_list: bool) {
        let key = key_of(holder, &self.attribute).unwrap_or_else(|| self.attribute.clone());
        let held = holder.get_mut(&key).map(Json::take);
        let changed = match &self.sub {
            _ if is_list || !self.selection.is_empty() => {
                let held = match held {
                    Some(Json::Array(held)) => held,
                    _ => Vec::new(),
                };
                let elements = self.elements(held, values);
                (!elements.is_empty()).then_some(Json::Array(elements))
            }
            None => values.first().cloned(),
            Some(sub) => {
                let mut object = match held {
                    Some(Json::Object(object)) => object,
                    _ => Map::new(),
                };
                put(&mut object, sub, values.first().cloned());
                (!object.is_empty()).then_some(Json::Object(object))
            }
        };
        put(holder, &key, changed);
    }

    /// Elements with these values in the place of those that are selected. Who has one of the values already stays.
    fn elements(&self, held: Vec<Json>, values: &[Json]) -> Vec<Json> {
        let (selected, mut elements): (Vec<Json>, Vec<Json>) =
            held.into_iter().partition(|element| self.selects(element));
        let mut known: Vec<Option<Json>> = selected.into_iter().map(Some).collect();
        let holds = |element: &Json, value: &Json| match element {
            Json::Object(object) => member(object, self.sub.as_deref().unwrap_or(VALUE)) == Some(value),
            plain @ (Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::Array(_)) => {
                plain == value
            }
        };
        let mut places = vec![None; values.len()];
        for (place, value) in places.iter_mut().zip(values) {
            let same = known
                .iter_mut()
                .find(|element| element.as_ref().is_some_and(|element| holds(element, value)));
            *place = same.and_then(Option::take);
        }
        for (place, value) in places.into_iter().zip(values) {
            elements.push(place.unwrap_or_else(|| match known.iter_mut().find_map(Option::take) {
                // The one element that is selected gets another value and keeps the rest.
                Some(Json::Object(mut object)) if !self.selection.is_empty() => {
                    put(&mut object, self.sub.as_deref().unwrap_or(VALUE), Some(value.clone()));
                    Json::Object(object)
                }
                _ => self.element(value.clone()),
            }));
        }
        elements
    }

    /// An element of a multi-valued attribute that holds a value.
    pub(crate) fn element(&self, value: Json) -> Json {
        if self.sub.is_none() && self.selection.is_empty() {
            return value;
        }
        let selected = self.selection.iter().map(|(name, literal)| {
            let literal = match literal {
                Literal::Text(text) => Json::from(text.as_str()),
                Literal::Integer(number) => Json::from(*number),
                Literal::Boolean(truth) => Json::from(*truth),
                Literal::Null => Json::Null,
            };
            (name.clone(), literal)
        });
        let mut object: Map<String, Json> = selected.collect();
        put(&mut object, self.sub.as_deref().unwrap_or(VALUE), Some(value));
        Json::Object(object)
    }

    /// All that the attribute holds, selected or not.
    pub(crate) fn held<'a>(&self, resource: &'a Map<String, Json>) -> Option<&'a Json> {
        let holder = match &self.schema {
            None => Some(resource),
            Some(schema) => member(resource, schema).and_then(Json::as_object),
        };
        holder.and_then(|holder| member(holder, &self.attribute))
    }

    /// Whether something is selected there.
    pub(crate) fn selects_any(&self, resource: &Map<String, Json>) -> bool {
        let held = self.held(resource).and_then(Json::as_array);
        held.is_some_and(|elements| elements.iter().any(|element| self.selects(element)))
    }
}

fn put(object: &mut Map<String, Json>, name: &str, value: Option<Json>) {
    let key = key_of(object, name).unwrap_or_else(|| name.to_owned());
    match value {
        Some(value) => drop(object.insert(key, value)),
        None => drop(object.shift_remove(&key)),
    }
}

#[cfg(test)]
#[path = "value/tests.rs"]
mod tests;
