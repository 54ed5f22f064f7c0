//! Between fields and the values of expressions.

use muster_model::{Field, Value};
use rhai::{Array, Dynamic, ImmutableString};

/// Null among the values of an expression; absent is the library's own empty value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Null;

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Absent,
    Null,
    Text,
    Integer,
    Boolean,
    List,
}

impl Kind {
    pub(super) fn of(value: &Dynamic) -> Self {
        if value.is_string() {
            Self::Text
        } else if value.is_unit() {
            Self::Absent
        } else if value.is_int() {
            Self::Integer
        } else if value.is_bool() {
            Self::Boolean
        } else if value.is_array() {
            Self::List
        } else {
            Self::Null
        }
    }

    /// The kind with its article.
    pub(super) fn in_words(self) -> &'static str {
        match self {
            Self::Absent => "an absent value",
            Self::Null => "null",
            Self::Text => "a text",
            Self::Integer => "a number",
            Self::Boolean => "a boolean",
            Self::List => "a list",
        }
    }
}

pub(super) fn null() -> Dynamic {
    Dynamic::from(Null)
}

/// The text, if the value is one. Cheap: the text is shared.
pub(super) fn text(value: &Dynamic) -> Option<ImmutableString> {
    value.read_lock::<ImmutableString>().map(|text| text.clone())
}

pub(super) fn integer(value: &Dynamic) -> Option<i64> {
    value.as_int().ok()
}

/// The values of a list without those that are absent or null; a list within it gives its values. Any other
/// value is a list of itself.
pub(super) fn items(value: &Dynamic) -> Array {
    let mut flat = Array::new();
    collect_items(value, &mut flat);
    flat
}

fn collect_items(value: &Dynamic, flat: &mut Array) {
    match Kind::of(value) {
        Kind::Absent | Kind::Null => {}
        Kind::Text | Kind::Integer | Kind::Boolean => flat.push(value.clone()),
        Kind::List => {
            for item in value.read_lock::<Array>().iter().flat_map(|list| list.iter()) {
                collect_items(item, flat);
            }
        }
    }
}

pub(super) fn of_field(field: &Field) -> Dynamic {
    match field {
        Field::Absent => Dynamic::UNIT,
        Field::Null => null(),
        Field::One(value) => of_value(value),
        Field::Many(values) => Dynamic::from_array(values.iter().map(of_value).collect()),
    }
}

fn of_value(value: &Value) -> Dynamic {
    match value {
        Value::Integer(number) => Dynamic::from_int(*number),
        Value::Boolean(truth) => Dynamic::from_bool(*truth),
        Value::String(text) => text.as_str().into(),
        Value::DateTime(_) | Value::Binary(_) | Value::Reference(_) => (&*value.to_text()).into(),
    }
}

pub(super) fn to_field(value: Dynamic) -> Field {
    match Kind::of(&value) {
        Kind::Absent => Field::Absent,
        Kind::Null => Field::Null,
        Kind::Text | Kind::Integer | Kind::Boolean => to_value(value).map_or(Field::Null, Field::One),
        Kind::List => Field::Many(items(&value).into_iter().filter_map(to_value).collect()),
    }
}

/// `None` for what is no single value.
fn to_value(value: Dynamic) -> Option<Value> {
    if let Ok(number) = value.as_int() {
        return Some(Value::Integer(number));
    }
    if let Ok(truth) = value.as_bool() {
        return Some(Value::Boolean(truth));
    }
    value.into_string().ok().map(Value::String)
}
