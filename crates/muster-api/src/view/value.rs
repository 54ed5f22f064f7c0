//! Attribute values as JSON. Absent, null and empty stay three: an absent one has no member at all.

use muster_model::{Attributes, Field, Value};
use serde_json::{Map, Value as Json, json};

/// A field; `None` where it is absent.
pub(crate) fn field(field: &Field) -> Option<Json> {
    match field {
        Field::Absent => None,
        Field::Null => Some(Json::Null),
        Field::One(one) => Some(value(one)),
        Field::Many(many) => Some(many.iter().map(value).collect()),
    }
}

/// Attributes by name.
pub(crate) fn attributes(attributes: &Attributes) -> Map<String, Json> {
    attributes.iter().filter_map(|(name, held)| Some((name.as_str().to_owned(), field(held)?))).collect()
}

fn value(value: &Value) -> Json {
    match value {
        Value::String(text) => text.as_str().into(),
        Value::Integer(number) => (*number).into(),
        Value::Boolean(boolean) => (*boolean).into(),
        Value::DateTime(_) | Value::Binary(_) => value.to_text().into(),
        Value::Reference(reference) => json!({
            "kind": reference.kind.as_str(),
            "by": reference.by.as_str(),
            "key": reference.key,
        }),
    }
}

#[cfg(test)]
mod tests {
    use muster_model::{ObjectKind, Reference};

    use super::*;

    #[test]
    fn absent_null_and_empty_stay_three() {
        let reference =
            Value::Reference(Reference { kind: ObjectKind::Identity, by: "no".into(), key: "7".to_owned() });
        let held: Attributes = [
            ("a", Field::Absent),
            ("b", Field::Null),
            ("c", Field::text("")),
            ("d", Field::Many(vec![])),
            ("e", Field::Many(vec![Value::Integer(1), Value::Boolean(true)])),
            ("f", Field::One(Value::Binary(vec![0, 255]))),
            ("g", Field::One(reference)),
        ]
        .into_iter()
        .collect();
        assert_eq!(
            Json::Object(attributes(&held)),
            json!({
                "b": null, "c": "", "d": [], "e": [1, true], "f": "AP8=",
                "g": {"kind": "IDENTITY", "by": "no", "key": "7"},
            })
        );
    }
}
