//! Attribute values read from JSON, as [`super::value`] writes them: of the type that the mappings give the
//! attribute, or of the one that JSON shows where no mapping does.

use muster_model::attribute::{decode_base64, parse_date_time};
use muster_model::configuration::Problems;
use muster_model::configuration::attribute_type::AttributeType;
use muster_model::{AttributeName, Field, ObjectKind, Reference, Value, ValueType};
use serde_json::{Map, Value as Json};

use super::value;

/// A field. One that says what is held already is that, of whatever type it is: so what was read can be written
/// back. Pointers of problems are within the value.
pub(crate) fn read_field(
    json: &Json,
    declared: Option<&AttributeType>,
    held: Option<&Field>,
) -> Result<Field, Problems> {
    if let Some(held) = held.filter(|held| value::field(held).as_ref() == Some(json)) {
        return Ok(held.clone());
    }
    let mut problems = Problems::new();
    let is_several = declared.is_none_or(|declared| declared.multi_valued);
    let is_one = declared.is_none_or(|declared| !declared.multi_valued);
    let field = match json {
        Json::Null => Field::Null,
        Json::Array(items) if is_several => {
            let mut values = Vec::with_capacity(items.len());
            for (index, item) in items.iter().enumerate() {
                match read_value(item, declared) {
                    Ok(value) => values.push(value),
                    Err(message) => problems.add(format!("/{index}"), message),
                }
            }
            Field::Many(values)
        }
        Json::Array(_) => return refused("is an array, but the mappings give the attribute one value"),
        Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::Object(_) if is_one => {
            match read_value(json, declared) {
                Ok(value) => Field::One(value),
                Err(message) => return refused(&message),
            }
        }
        Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::Object(_) => {
            return refused("is no array, but the mappings give the attribute several values");
        }
    };
    if problems.is_empty() { Ok(field) } else { Err(problems) }
}

fn refused(message: &str) -> Result<Field, Problems> {
    let mut problems = Problems::new();
    problems.add("", message);
    Err(problems)
}

fn read_value(json: &Json, declared: Option<&AttributeType>) -> Result<Value, String> {
    let Some(declared) = declared else { return read_undeclared(json) };
    let text = json.as_str();
    let value = match declared.value_type {
        ValueType::String => text.map(|text| Value::String(text.to_owned())),
        ValueType::Integer => json.as_i64().map(Value::Integer),
        ValueType::Boolean => json.as_bool().map(Value::Boolean),
        ValueType::DateTime => text.and_then(parse_date_time).map(Value::DateTime),
        ValueType::Binary => text.and_then(decode_base64).map(Value::Binary),
        ValueType::Reference => {
            return read_reference(json, declared.reference.as_ref()).map(Value::Reference);
        }
    };
    value.ok_or_else(|| format!("is not {}, which the mappings make it", in_words(declared.value_type)))
}

fn read_undeclared(json: &Json) -> Result<Value, String> {
    let value = match json {
        Json::String(text) => Some(Value::String(text.clone())),
        Json::Number(number) => number.as_i64().map(Value::Integer),
        Json::Bool(boolean) => Some(Value::Boolean(*boolean)),
        Json::Object(_) => return read_reference(json, None).map(Value::Reference),
        Json::Null | Json::Array(_) => None,
    };
    value.ok_or_else(|| "is no text, whole number of 64 bits, true, false or reference".to_owned())
}

/// `{"kind", "by", "key"}`; what the mappings say may be left out, and is nothing else.
fn read_reference(json: &Json, target: Option<&(ObjectKind, AttributeName)>) -> Result<Reference, String> {
    let wrong = || match target {
        Some((kind, by)) => format!(
            "is no reference such as {{\"kind\": \"{kind}\", \"by\": \"{by}\", \"key\": \"…\"}}, as the mappings say"
        ),
        None => {
            "is no reference such as {\"kind\": \"IDENTITY\", \"by\": \"employeeNumber\", \"key\": \"…\"}"
                .to_owned()
        }
    };
    let fields: &Map<String, Json> = json.as_object().ok_or_else(wrong)?;
    if fields.keys().any(|name| !["kind", "by", "key"].contains(&name.as_str())) {
        return Err(wrong());
    }
    let text = |name: &str| match fields.get(name) {
        None => Ok(None),
        Some(value) => value.as_str().map(Some).ok_or_else(wrong),
    };
    let kind = text("kind")?.map(|kind| kind.parse::<ObjectKind>().map_err(|()| wrong())).transpose()?;
    let by = text("by")?.map(AttributeName::from);
    let (kind, by) = match target {
        Some(target) => {
            let is_it = kind.is_none_or(|kind| kind == target.0) && by.is_none_or(|by| by == target.1);
            is_it.then(|| target.clone()).ok_or_else(wrong)?
        }
        None => kind.zip(by).ok_or_else(wrong)?,
    };
    let key = text("key")?.filter(|key| !key.is_empty()).ok_or_else(wrong)?.to_owned();
    Ok(Reference { kind, by, key })
}

fn in_words(value_type: ValueType) -> &'static str {
    match value_type {
        ValueType::String => "a text",
        ValueType::Integer => "a whole number of 64 bits",
        ValueType::Boolean => "true or false",
        ValueType::DateTime => "an instant such as `2026-11-30T08:00:00Z` (RFC 3339)",
        ValueType::Binary => "base64 with padding",
        ValueType::Reference => "a reference",
    }
}

#[cfg(test)]
mod tests {
    use muster_model::Attributes;
    use serde_json::json;

    use super::*;

    fn declared(value_type: ValueType) -> AttributeType {
        let target = (ObjectKind::Organization, AttributeName::from("code"));
        let reference = (value_type == ValueType::Reference).then_some(target);
        AttributeType { value_type, multi_valued: false, reference }
    }

    fn unit(key: &str) -> Value {
        Value::Reference(Reference { kind: ObjectKind::Organization, by: "code".into(), key: key.to_owned() })
    }

    #[test]
    fn values_are_of_the_type_that_mappings_give_them() {
        use ValueType::{Binary, Boolean, DateTime, Integer, Reference as Refers, String as Text};
        let start = parse_date_time("2026-03-01").unwrap();
        for (value_type, json, expected) in [
            (Text, json!("a"), Some(Value::from("a"))),
            (Text, json!(1), None),
            (Integer, json!(-3), Some(Value::Integer(-3))),
            (Integer, json!("3"), None),
            (Integer, json!(1.5), None),
            (Boolean, json!(true), Some(Value::Boolean(true))),
            (Boolean, json!("true"), None),
            (DateTime, json!("2026-03-01"), Some(Value::DateTime(start))),
            (DateTime, json!("soon"), None),
            (Binary, json!("AP8="), Some(Value::Binary(vec![0, 255]))),
            (Binary, json!("AP8"), None),
            (Refers, json!({"key": "7"}), Some(unit("7"))),
            (Refers, json!({"kind": "ORGANIZATION", "by": "code", "key": "7"}), Some(unit("7"))),
            (Refers, json!({"kind": "ROLE", "key": "7"}), None),
            (Refers, json!({"by": "name", "key": "7"}), None),
            (Refers, json!({"key": ""}), None),
            (Refers, json!({"key": "7", "to": "x"}), None),
            (Refers, json!("7"), None),
        ] {
            let read = read_field(&json, Some(&declared(value_type)), None);
            assert_eq!(read.ok(), expected.map(Field::One), "{json}");
        }
    }

    #[test]
    fn without_a_mapping_values_are_what_they_look_like() {
        for (json, expected) in [
            (json!(null), Some(Field::Null)),
            (json!("2026-03-01"), Some(Field::text("2026-03-01"))),
            (json!([]), Some(Field::Many(vec![]))),
            (
                json!([1, "a", true]),
                Some(Field::Many(vec![Value::Integer(1), "a".into(), Value::Boolean(true)])),
            ),
            (json!({"kind": "ORGANIZATION", "by": "code", "key": "7"}), Some(Field::One(unit("7")))),
            (json!({"key": "7"}), None),
            (json!({}), None),
            (json!(0.5), None),
            (json!(18_446_744_073_709_551_615_u64), None),
            (json!([[1]]), None),
            (json!([null]), None),
        ] {
            assert_eq!(read_field(&json, None, None).ok(), expected, "{json}");
        }
    }

    #[test]
    fn several_values_are_an_array_and_one_is_none() {
        let several = AttributeType { multi_valued: true, ..declared(ValueType::Integer) };
        let places = |json: Json, declared: &AttributeType| {
            let problems = read_field(&json, Some(declared), None).unwrap_err();
            problems.iter().map(|(place, _)| place.to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(places(json!([1, "2", 3, true]), &several), ["/1", "/3"]);
        assert_eq!(places(json!(1), &several), [""]);
        assert_eq!(places(json!([1]), &declared(ValueType::Integer)), [""]);
        assert_eq!(read_field(&json!(null), Some(&several), None), Ok(Field::Null));
    }

    #[test]
    fn what_was_read_can_be_written_back() {
        let instant = parse_date_time("2026-03-01T09:30:00.123456Z").unwrap();
        let held: Attributes = [
            ("of another type", Field::One(Value::Integer(7))),
            ("precise", Field::One(Value::DateTime(instant))),
            ("several", Field::Many(vec![unit("1"), unit("2")])),
        ]
        .into_iter()
        .collect();
        for (name, json) in value::attributes(&held) {
            let field = held.get(&name);
            let read = read_field(&json, Some(&declared(ValueType::String)), Some(field));
            assert_eq!(read.as_ref(), Ok(field), "{name}");
        }
    }
}
