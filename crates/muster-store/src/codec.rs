//! The stored form of attributes: compact JSON, in which absent, null and empty stay apart.
//!
//! Text, integer and boolean stand as themselves, null as null, several values as an array; other types as an
//! object of one member: `{"t": RFC 3339}`, `{"b": base64}`, `{"r": [kind, attribute, key]}`, and `{"a": 0}`
//! for an absent field of a difference.

use std::fmt;
use std::fmt::Write as _;

use chrono::{DateTime, SecondsFormat, Utc};
use muster_model::attribute::{decode_base64, encode_base64};
use muster_model::difference::AttributeChange;
use muster_model::shadow::ShadowState;
use muster_model::{AttributeName, Attributes, Field, ObjectKind, Reference, Value};
use muster_plan::change::Replaced;
use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::error::StoreError;
use crate::row::{decode_provenance, disabled, encode_provenance};

/// Attributes as they are stored.
pub(crate) fn encode(attributes: &Attributes) -> String {
    encode_fields(attributes.iter())
}

/// What the attributes held before a change, absent ones included.
pub(crate) fn encode_before(differences: &[AttributeChange]) -> String {
    encode_fields(differences.iter().map(|difference| (&difference.name, &difference.before)))
}

/// What every reference by an attribute of a kind of objects begins with, wherever it is stored. No text can hold
/// it: in texts quotation marks stand as escapes.
pub(crate) fn reference_beginning(kind: ObjectKind, by: &AttributeName) -> String {
    let mut out = format!("{{\"r\":[\"{kind}\",");
    text(&mut out, by.as_str());
    out.push(',');
    out
}

/// An attribute's name as it stands in stored attributes.
pub(crate) fn name(attribute: &AttributeName) -> String {
    let mut out = String::new();
    text(&mut out, attribute.as_str());
    out
}

/// What a change replaces: an object of what there is of it.
pub(crate) fn encode_replaced(replaced: &Replaced) -> String {
    let mut parts = Vec::new();
    if let Some(snapshot) = &replaced.snapshot {
        parts.push(format!("\"snapshot\":{}", encode(snapshot)));
    }
    if let Some(state) = replaced.state {
        parts.push(format!("\"state\":{}", state as i64));
    }
    if let Some(provenance) = &replaced.provenance {
        let mut part = "\"provenance\":".to_owned();
        text(&mut part, &encode_provenance(provenance));
        parts.push(part);
    }
    if let Some(reason) = replaced.disabled {
        parts.push(format!("\"disabled\":{}", reason as i64));
    }
    if let Some(object_type) = &replaced.object_type {
        let mut part = "\"type\":".to_owned();
        text(&mut part, object_type);
        parts.push(part);
    }
    format!("{{{}}}", parts.join(","))
}

/// Reads what [`encode_replaced`] wrote.
pub(crate) fn decode_replaced(text: &str) -> Result<Replaced, StoreError> {
    #[derive(Deserialize)]
    struct Parts {
        snapshot: Option<Fields>,
        state: Option<i64>,
        provenance: Option<String>,
        disabled: Option<i64>,
        #[serde(rename = "type")]
        object_type: Option<String>,
    }
    let parts: Parts = serde_json::from_str(text)
        .map_err(|error| StoreError::unreadable("what a change replaced", error))?;
    Ok(Replaced {
        snapshot: parts.snapshot.map(|fields| fields.0.into_iter().collect()),
        state: parts.state.map(|state| if state == 0 { ShadowState::Live } else { ShadowState::Gone }),
        provenance: parts.provenance.map(|text| decode_provenance(&text)).transpose()?,
        disabled: disabled(parts.disabled)?,
        object_type: parts.object_type,
    })
}

fn encode_fields<'a>(fields: impl Iterator<Item = (&'a AttributeName, &'a Field)>) -> String {
    let mut out = String::with_capacity(384);
    out.push('{');
    for (index, (name, field)) in fields.enumerate() {
        if index > 0 {
            out.push(',');
        }
        text(&mut out, name.as_str());
        out.push(':');
        match field {
            Field::Absent => out.push_str("{\"a\":0}"),
            Field::Null => out.push_str("null"),
            Field::One(one) => value(&mut out, one),
            Field::Many(values) => {
                out.push('[');
                for (index, one) in values.iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    value(&mut out, one);
                }
                out.push(']');
            }
        }
    }
    out.push('}');
    out
}

fn value(out: &mut String, value: &Value) {
    match value {
        Value::String(string) => text(out, string),
        Value::Integer(number) => {
            let _ = write!(out, "{number}");
        }
        Value::Boolean(boolean) => out.push_str(if *boolean { "true" } else { "false" }),
        Value::DateTime(instant) => {
            let _ = write!(out, "{{\"t\":\"{}\"}}", instant.to_rfc3339_opts(SecondsFormat::AutoSi, true));
        }
        Value::Binary(octets) => {
            let _ = write!(out, "{{\"b\":\"{}\"}}", encode_base64(octets));
        }
        Value::Reference(reference) => {
            out.push_str(&reference_beginning(reference.kind, &reference.by));
            text(out, &reference.key);
            out.push_str("]}");
        }
    }
}

/// A JSON string. U+0000 cannot be stored by every database and is written as its escape in the text form.
fn text(out: &mut String, string: &str) {
    out.push('"');
    let mut clean = 0;
    for (at, octet) in string.bytes().enumerate() {
        if octet >= 0x20 && octet != b'"' && octet != b'\\' {
            continue;
        }
        out.push_str(&string[clean..at]);
        clean = at + 1;
        match octet {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            _ => {
                let _ = write!(out, "\\u{octet:04x}");
            }
        }
    }
    out.push_str(&string[clean..]);
    out.push('"');
}

/// Reads stored attributes; absent fields are left out.
pub(crate) fn decode(text: &str) -> Result<Attributes, StoreError> {
    Ok(decode_fields(text)?.into_iter().collect())
}

/// Reads stored fields in their order, absent ones included.
pub(crate) fn decode_fields(text: &str) -> Result<Vec<(AttributeName, Field)>, StoreError> {
    let fields: Fields =
        serde_json::from_str(text).map_err(|error| StoreError::unreadable("set of attributes", error))?;
    Ok(fields.0)
}

struct Fields(Vec<(AttributeName, Field)>);

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct FieldsVisitor;
        impl<'de> Visitor<'de> for FieldsVisitor {
            type Value = Fields;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of attributes")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut fields = Vec::new();
                while let Some((name, StoredField(field))) =
                    map.next_entry::<std::borrow::Cow<'de, str>, _>()?
                {
                    fields.push((AttributeName::from(name.as_ref()), field));
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(FieldsVisitor)
    }
}

struct StoredField(Field);

impl<'de> Deserialize<'de> for StoredField {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FieldVisitor).map(StoredField)
    }
}

struct FieldVisitor;

impl<'de> Visitor<'de> for FieldVisitor {
    type Value = Field;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a stored attribute")
    }

    fn visit_str<E>(self, text: &str) -> Result<Field, E> {
        Ok(Field::text(text))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Field, E> {
        Ok(Field::One(Value::Integer(number)))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Field, E> {
        i64::try_from(number).map(|number| Field::One(Value::Integer(number))).map_err(E::custom)
    }

    fn visit_bool<E>(self, boolean: bool) -> Result<Field, E> {
        Ok(Field::One(Value::Boolean(boolean)))
    }

    fn visit_unit<E>(self) -> Result<Field, E> {
        Ok(Field::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Field, A::Error> {
        let mut values = Vec::new();
        while let Some(StoredField(element)) = elements.next_element()? {
            match element {
                Field::One(value) => values.push(value),
                Field::Absent | Field::Null | Field::Many(_) => {
                    return Err(de::Error::custom("an array holds plain values"));
                }
            }
        }
        Ok(Field::Many(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Field, A::Error> {
        let Some(tag) = map.next_key::<String>()? else {
            return Err(de::Error::custom("a typed value has one member"));
        };
        match tag.as_str() {
            "a" => map.next_value::<u8>().map(|_| Field::Absent),
            "t" => {
                let instant = map.next_value::<DateTime<Utc>>()?;
                Ok(Field::One(Value::DateTime(instant)))
            }
            "b" => {
                let octets = decode_base64(&map.next_value::<String>()?);
                octets.map(|o| Field::One(Value::Binary(o))).ok_or_else(|| de::Error::custom("not base64"))
            }
            "r" => {
                let (kind, by, key) = map.next_value::<(String, String, String)>()?;
                let kind: ObjectKind = kind.parse().map_err(|()| de::Error::custom("an unknown kind"))?;
                Ok(Field::One(Value::Reference(Reference { kind, by: by.into(), key })))
            }
            _ => Err(de::Error::custom("an unknown type of value")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_value() -> impl Strategy<Value = Value> {
        prop_oneof![
            any::<String>().prop_map(Value::String),
            any::<i64>().prop_map(Value::Integer),
            any::<bool>().prop_map(Value::Boolean),
            (0..4_000_000_000i64)
                .prop_map(|s| Value::DateTime(DateTime::from_timestamp(s, 0).expect("in range"))),
            any::<Vec<u8>>().prop_map(Value::Binary),
            any::<String>().prop_map(|key| {
                Value::Reference(Reference { kind: ObjectKind::Identity, by: "no".into(), key })
            }),
        ]
    }

    proptest! {
        #[test]
        fn what_is_stored_is_read_back(
            one in any_value(),
            many in proptest::collection::vec(any_value(), 0..4),
            name in any::<String>(),
        ) {
            let fields: Vec<(AttributeName, Field)> = vec![
                ("a".into(), Field::One(one)),
                (name.into(), Field::Many(many)),
                ("n".into(), Field::Null),
                ("x".into(), Field::Absent),
            ];
            let text = encode_fields(fields.iter().map(|(name, field)| (name, field)));
            prop_assert_eq!(decode_fields(&text).expect("reads"), fields);
        }
    }
}
