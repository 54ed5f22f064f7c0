//! From text to typed values and back. Decides nothing about what a missing value means.

use muster_model::attribute::{decode_base64, parse_date_time};
use muster_model::configuration::application::ReferenceTarget;
use muster_model::{Field, Reference, Value, ValueType};

/// How much of a refused value an error shows, in characters.
const SHOWN: usize = 40;

/// Why a field does not become the wanted type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConvertError {
    /// A value is not of the type.
    #[error("`{text}` is not {wanted}")]
    NotOfType {
        /// The beginning of the value.
        text: String,
        /// What it should have been, with its article.
        wanted: &'static str,
    },
    /// The attribute holds one value, and there are several.
    #[error("{count} values for an attribute that holds one")]
    Several {
        /// How many there are.
        count: usize,
    },
    /// The mapping does not say what is referred to.
    #[error("the mapping does not say what its references point at")]
    NoTarget,
}

/// Makes a field what its attribute holds. Absent and null stay what they are.
///
/// - A value of another type is converted by way of its text ([`Value::to_text`]).
/// - An integer is decimal digits with an optional sign, within 64 bits. A boolean is `true`, `false`, `1`,
///   `0`, `yes` or `no` in any case. An instant is RFC 3339, `YYYY-MM-DDThh:mm:ss` in UTC, or a date alone.
///   Octets are standard base64 with padding. A reference is the key of what it points at.
/// - No type but text has an empty text among its values: for all others an empty text is null, and is left
///   out of a list.
/// - One value for an attribute of several is a list of one. A list for an attribute of one value may hold one;
///   an empty one is null.
///
/// # Errors
/// When a value is not of the type, there are several where one is held, or a reference points nowhere.
pub fn convert(
    field: Field,
    value_type: ValueType,
    multi_valued: bool,
    reference: Option<&ReferenceTarget>,
) -> Result<Field, ConvertError> {
    let (values, is_list) = match field {
        Field::Absent | Field::Null => return Ok(field),
        Field::One(value) if !multi_valued => {
            return Ok(convert_value(value, value_type, reference)?.map_or(Field::Null, Field::One));
        }
        Field::One(value) => (vec![value], false),
        Field::Many(values) => (values, true),
    };
    if !multi_valued && values.len() > 1 {
        return Err(ConvertError::Several { count: values.len() });
    }
    let mut converted = Vec::with_capacity(values.len());
    for value in values {
        converted.extend(convert_value(value, value_type, reference)?);
    }
    Ok(if multi_valued && (is_list || !converted.is_empty()) {
        Field::Many(converted)
    } else {
        converted.pop().map_or(Field::Null, Field::One)
    })
}

/// What can be told apart of a field by systems that know nothing but texts: those that are not empty, sorted.
#[must_use]
pub fn comparable_texts(field: &Field) -> Vec<String> {
    let texts = field.values().iter().map(|value| value.to_text().into_owned());
    let mut texts: Vec<String> = texts.filter(|text| !text.is_empty()).collect();
    texts.sort_unstable();
    texts
}

/// The same field with every value as text, for systems that know nothing else.
#[must_use]
pub fn to_text(field: Field) -> Field {
    let textual = |value: Value| {
        if let Value::String(_) = value { value } else { Value::String(value.to_text().into_owned()) }
    };
    match field {
        Field::Absent | Field::Null => field,
        Field::One(value) => Field::One(textual(value)),
        Field::Many(values) => Field::Many(values.into_iter().map(textual).collect()),
    }
}

/// `None` for an empty text where the type has no such value.
fn convert_value(
    value: Value,
    value_type: ValueType,
    reference: Option<&ReferenceTarget>,
) -> Result<Option<Value>, ConvertError> {
    // A reference is made anew even from a reference: it may point at another kind here.
    if value.value_type() == value_type && value_type != ValueType::Reference {
        return Ok(Some(value));
    }
    let text = value.to_text();
    if text.is_empty() && value_type != ValueType::String {
        return Ok(None);
    }
    let converted = match value_type {
        ValueType::String => Some(Value::String(text.to_string())),
        ValueType::Integer => text.parse().ok().map(Value::Integer),
        ValueType::Boolean => parse_boolean(&text).map(Value::Boolean),
        ValueType::DateTime => parse_date_time(&text).map(Value::DateTime),
        ValueType::Binary => decode_base64(&text).map(Value::Binary),
        ValueType::Reference => {
            let target = reference.ok_or(ConvertError::NoTarget)?;
            Some(Value::Reference(Reference {
                kind: target.object_kind,
                by: target.by_attribute.clone(),
                key: text.to_string(),
            }))
        }
    };
    converted.map(Some).ok_or_else(|| ConvertError::NotOfType {
        text: text.chars().take(SHOWN).collect(),
        wanted: in_words(value_type),
    })
}

fn parse_boolean(text: &str) -> Option<bool> {
    let is = |words: [&str; 3]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
    if is(["true", "yes", "1"]) {
        Some(true)
    } else if is(["false", "no", "0"]) {
        Some(false)
    } else {
        None
    }
}

fn in_words(value_type: ValueType) -> &'static str {
    match value_type {
        ValueType::String => "a text",
        ValueType::Integer => "a whole number of 64 bits",
        ValueType::Boolean => "true, false, yes, no, 1 or 0",
        ValueType::DateTime => "a date or an instant of RFC 3339",
        ValueType::Binary => "base64",
        ValueType::Reference => "a key",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use muster_model::ObjectKind;
    use proptest::prelude::*;

    fn target() -> ReferenceTarget {
        ReferenceTarget { object_kind: ObjectKind::Identity, by_attribute: "employeeNumber".into() }
    }

    fn reference(key: &str) -> Value {
        Value::Reference(Reference {
            kind: ObjectKind::Identity,
            by: "employeeNumber".into(),
            key: key.to_owned(),
        })
    }

    fn one(text: &str, value_type: ValueType) -> Result<Field, ConvertError> {
        convert(Field::text(text), value_type, false, Some(&target()))
    }

    #[test]
    fn texts_become_what_their_type_reads() {
        let instant = |text: &str| parse_date_time(text).map(Value::DateTime);
        for (text, value_type, expected) in [
            (" a ", ValueType::String, Some(Value::from(" a "))),
            ("-42", ValueType::Integer, Some(Value::Integer(-42))),
            (" 42", ValueType::Integer, None),
            ("4.2", ValueType::Integer, None),
            ("9223372036854775808", ValueType::Integer, None),
            ("YES", ValueType::Boolean, Some(Value::Boolean(true))),
            ("0", ValueType::Boolean, Some(Value::Boolean(false))),
            ("False", ValueType::Boolean, Some(Value::Boolean(false))),
            ("on", ValueType::Boolean, None),
            ("2026-11-05", ValueType::DateTime, instant("2026-11-05T00:00:00Z")),
            ("2026-11-05T10:00:00", ValueType::DateTime, instant("2026-11-05T10:00:00Z")),
            ("2026-11-05T10:00:00+02:00", ValueType::DateTime, instant("2026-11-05T08:00:00Z")),
            ("05.11.2026", ValueType::DateTime, None),
            ("AQID", ValueType::Binary, Some(Value::Binary(vec![1, 2, 3]))),
            ("AQI", ValueType::Binary, None),
            ("E-7", ValueType::Reference, Some(reference("E-7"))),
        ] {
            assert_eq!(one(text, value_type).ok(), expected.map(Field::One), "`{text}` as {value_type:?}");
        }
    }

    #[test]
    fn one_and_several_values_fit_their_attribute() {
        use ValueType::{Integer, String};
        let list = |texts: &[&str]| Field::Many(texts.iter().map(|text| Value::from(*text)).collect());
        let numbers = |numbers: &[i64]| Field::Many(numbers.iter().map(|n| Value::Integer(*n)).collect());
        for (field, value_type, multi_valued, expected) in [
            (Field::Absent, Integer, false, Ok(Field::Absent)),
            (Field::Absent, Integer, true, Ok(Field::Absent)),
            (Field::Null, Integer, true, Ok(Field::Null)),
            (Field::text(""), String, false, Ok(Field::text(""))),
            (Field::text(""), Integer, false, Ok(Field::Null)),
            (Field::text(""), Integer, true, Ok(Field::Null)),
            (Field::text("1"), Integer, true, Ok(numbers(&[1]))),
            (list(&["1", "", "2"]), Integer, true, Ok(numbers(&[1, 2]))),
            (list(&[""]), Integer, true, Ok(numbers(&[]))),
            (list(&[]), Integer, true, Ok(numbers(&[]))),
            (list(&[]), String, false, Ok(Field::Null)),
            (list(&["1"]), Integer, false, Ok(Field::One(Value::Integer(1)))),
            (list(&["1", "2"]), Integer, false, Err(ConvertError::Several { count: 2 })),
        ] {
            assert_eq!(convert(field.clone(), value_type, multi_valued, None), expected, "{field:?}");
        }
    }

    #[test]
    fn a_reference_is_made_for_the_target_of_its_mapping() {
        let elsewhere = ReferenceTarget { object_kind: ObjectKind::Role, by_attribute: "name".into() };
        let moved = convert(Field::One(reference("E-7")), ValueType::Reference, false, Some(&elsewhere));
        let expected = Reference { kind: ObjectKind::Role, by: "name".into(), key: "E-7".to_owned() };
        assert_eq!(moved, Ok(Field::One(Value::Reference(expected))));
        assert_eq!(
            convert(Field::text("E-7"), ValueType::Reference, false, None),
            Err(ConvertError::NoTarget)
        );
    }

    #[test]
    fn an_error_shows_the_beginning_of_the_value() {
        let error = one(&"x".repeat(500), ValueType::Integer).expect_err("no number");
        assert_eq!(error.to_string(), format!("`{}` is not a whole number of 64 bits", "x".repeat(40)));
    }

    fn value() -> impl Strategy<Value = Value> {
        prop_oneof![
            any::<String>().prop_map(Value::String),
            any::<i64>().prop_map(Value::Integer),
            any::<bool>().prop_map(Value::Boolean),
            (0_i64..4_000_000_000_000)
                .prop_filter_map("an instant", chrono::DateTime::from_timestamp_millis)
                .prop_map(Value::DateTime),
            prop::collection::vec(any::<u8>(), 1..20).prop_map(Value::Binary),
            "[a-z0-9]{1,8}".prop_map(|key| reference(&key)),
        ]
    }

    proptest! {
        #[test]
        fn what_is_written_out_is_read_as_the_same(value in value()) {
            let value_type = value.value_type();
            let field = Field::One(value);
            let read = convert(to_text(field.clone()), value_type, false, Some(&target()));
            prop_assert_eq!(read, Ok(field));
        }

        #[test]
        fn converting_twice_changes_nothing(texts in prop::collection::vec("[0-9]{0,4}|yes|no", 0..4)) {
            let field = Field::Many(texts.iter().map(|text| Value::from(text.as_str())).collect());
            for value_type in [ValueType::String, ValueType::Integer, ValueType::Boolean, ValueType::Reference] {
                if let Ok(once) = convert(field.clone(), value_type, true, Some(&target())) {
                    prop_assert_eq!(convert(once.clone(), value_type, true, Some(&target())), Ok(once));
                }
            }
        }
    }
}
