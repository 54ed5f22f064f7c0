//! Values: what can stand in a field of a document, read from JSON and written to it.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::Value;
use uuid::Uuid;

use crate::attribute::AttributeName;
use crate::condition::Condition;
use crate::configuration::document::reader::Reader;
use crate::configuration::document::shape::{Form, Shape, TextForm};
use crate::configuration::problems::Trail;
use crate::configuration::task::{Sort, SortOrder};
use crate::ids::{ApplicationId, ConfigurationId, DirectoryId, ObjectClassId};

/// What can stand in a field of a document.
pub trait FieldValue: Sized {
    /// What it looks like.
    const FORM: Form;

    /// Whether no check asks for the presence of such a value, so that the object around an unreadable one
    /// can be examined as if it were absent.
    const STANDS_ALONE: bool = false;

    /// Reads it; `None` when it cannot be read, and then the reader has been told why.
    fn read(value: &Value, reader: &mut Reader) -> Option<Self>;

    /// Writes it as [`read`](Self::read) reads it.
    fn write(&self) -> Value;
}

/// An enum that stands in documents as a word.
pub trait Word: Copy + PartialEq + 'static {
    /// All values, in their order.
    const ALL: &'static [Self];
    /// Their words, in the same order.
    const WORDS: &'static [&'static str];

    /// The word of this value.
    fn word(self) -> &'static str;

    /// The value of a word.
    #[must_use]
    fn from_word(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|value| value.word() == word)
    }
}

/// A document, or an object within one.
pub trait DocumentShape: FieldValue {
    /// What it looks like.
    const SHAPE: Shape;
}

/// A document that has a meaning: a domain type that cannot be wrong.
pub trait Parse: DocumentShape {
    /// The domain type.
    type Domain;

    /// Parses what was read. All problems are told to the trail; `None` only after at least one.
    fn parse(&self, trail: &mut Trail) -> Option<Self::Domain>;
}

/// The value of a field that may be left out because its default says the same.
pub(crate) fn unless_default<T: Default + PartialEq>(value: T) -> Option<T> {
    (value != T::default()).then_some(value)
}

/// How a field is written, by its presence; `None` leaves it out.
pub(crate) mod written {
    use serde_json::Value;

    use super::FieldValue;

    pub(crate) fn required(value: &impl FieldValue) -> Option<Value> {
        Some(value.write())
    }

    pub(crate) fn optional(value: &Option<impl FieldValue>) -> Option<Value> {
        value.as_ref().map(FieldValue::write)
    }

    pub(crate) fn defaulted(value: &Option<impl FieldValue>) -> Option<Value> {
        optional(value)
    }

    pub(crate) fn list(values: &[impl FieldValue]) -> Option<Value> {
        (!values.is_empty()).then(|| values.iter().map(FieldValue::write).collect())
    }

    pub(crate) fn at_least_one(values: &[impl FieldValue]) -> Option<Value> {
        list(values)
    }

    pub(crate) fn narrowing(values: &[impl FieldValue]) -> Option<Value> {
        list(values)
    }
}

impl FieldValue for bool {
    const FORM: Form = Form::Boolean;
    fn read(value: &Value, reader: &mut Reader) -> Option<Self> {
        reader.boolean(value)
    }
    fn write(&self) -> Value {
        Value::Bool(*self)
    }
}

macro_rules! integers {
    ($($type:ty),+) => { $(
        impl FieldValue for $type {
            const FORM: Form = Form::Integer { minimum: <$type>::MIN as i64, maximum: <$type>::MAX as u64 };
            fn read(value: &Value, reader: &mut Reader) -> Option<Self> {
                reader.integer(value)
            }
            fn write(&self) -> Value {
                Value::from(*self)
            }
        }
    )+ };
}

integers!(u8, u32, u64, i32);

/// Gives types their text in documents: the form, how it is read (the error says what is wrong) and written.
macro_rules! texts {
    ($( $type:ty: $form:ident, $read:expr, $write:expr; )+) => { $(
        impl FieldValue for $type {
            const FORM: Form = Form::Text(TextForm::$form);
            const STANDS_ALONE: bool = matches!(TextForm::$form, TextForm::Condition);
            fn read(value: &Value, reader: &mut Reader) -> Option<Self> {
                reader.text(value, $read)
            }
            fn write(&self) -> Value {
                let write: fn(&Self) -> String = $write;
                Value::String(write(self))
            }
        }
    )+ };
}

texts! {
    String: Any, |text| Ok(text.to_owned()), Clone::clone;
    ConfigurationId: Id, |text| Self::new(text).map_err(|error| error.to_string()), ToString::to_string;
    ApplicationId: Id, |text| Self::new(text).map_err(|error| error.to_string()), ToString::to_string;
    ObjectClassId: Id, |text| Self::new(text).map_err(|error| error.to_string()), ToString::to_string;
    DirectoryId: Id, |text| Self::new(text).map_err(|error| error.to_string()), ToString::to_string;
    AttributeName: AttributeName, read_attribute_name, ToString::to_string;
    Condition: Condition, read_condition, ToString::to_string;
    DateTime<Utc>: Instant, read_instant, |instant| instant.to_rfc3339_opts(SecondsFormat::AutoSi, true);
    Uuid: Uuid, |text| text.parse().map_err(|_| "is not a UUID".to_owned()), ToString::to_string;
    Sort: Sort, read_sort, |sort| format!("{},{}", sort.by, sort.order.word());
}

fn read_attribute_name(text: &str) -> Result<AttributeName, String> {
    if text.trim().is_empty() {
        return Err("is empty where the name of an attribute is expected".to_owned());
    }
    Ok(AttributeName::from(text))
}

/// The one place where the condition language meets documents.
fn read_condition(text: &str) -> Result<Condition, String> {
    Condition::parse(text).map_err(|error| {
        let hint = error.hint.map(|hint| format!("; {hint}")).unwrap_or_default();
        format!("{error}{hint}")
    })
}

fn read_instant(text: &str) -> Result<DateTime<Utc>, String> {
    DateTime::parse_from_rfc3339(text)
        .map(|instant| instant.to_utc())
        .map_err(|_| "is not an instant such as `2026-11-30T08:00:00Z` (RFC 3339)".to_owned())
}

fn read_sort(text: &str) -> Result<Sort, String> {
    let parts = text.split_once(',').and_then(|(by, order)| {
        let order = SortOrder::from_word(order)?;
        (!by.trim().is_empty()).then(|| Sort { by: by.to_owned(), order })
    });
    parts.ok_or_else(|| "is not an attribute, a comma and `ASC` or `DESC`, as in `createdAt,ASC`".to_owned())
}
