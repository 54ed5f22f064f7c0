//! Attributes: typed values, single and several, with absent, null and empty kept apart.

use std::borrow::{Borrow, Cow};
use std::fmt;
use std::iter;
use std::slice;
use std::sync::Arc;

use chrono::{DateTime, NaiveDate, NaiveDateTime, SecondsFormat, Utc};

use crate::object::ObjectKind;

/// The name of an attribute, cheap to clone. Names are compared exactly.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AttributeName(Arc<str>);

impl AttributeName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for AttributeName {
    fn from(name: &str) -> Self {
        Self(name.into())
    }
}

impl From<String> for AttributeName {
    fn from(name: String) -> Self {
        Self(name.into())
    }
}

impl Borrow<str> for AttributeName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AttributeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The type of an attribute's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum ValueType {
    /// Unicode text.
    #[default]
    String,
    /// A signed number of 64 bits.
    Integer,
    /// True or false.
    Boolean,
    /// An instant; read from RFC 3339, a bare date is its first instant in UTC.
    DateTime,
    /// Octets.
    Binary,
    /// Another IM object, by one of its keys.
    Reference,
}

/// Another IM object, named by one of its keys.
///
/// The key is what the source said and is kept as it is; which object it means is looked up when it is
/// needed, so a reference to somebody who arrives later mends itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference {
    /// The kind of the object meant.
    pub kind: ObjectKind,
    /// The attribute of that object that holds the key.
    pub by: AttributeName,
    /// The value of that attribute.
    pub key: String,
}

/// One value of an attribute.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Value {
    /// See [`ValueType::String`].
    String(String),
    /// See [`ValueType::Integer`].
    Integer(i64),
    /// See [`ValueType::Boolean`].
    Boolean(bool),
    /// See [`ValueType::DateTime`].
    DateTime(DateTime<Utc>),
    /// See [`ValueType::Binary`].
    Binary(Vec<u8>),
    /// See [`ValueType::Reference`].
    Reference(Reference),
}

impl Value {
    /// The type of this value.
    #[must_use]
    pub fn value_type(&self) -> ValueType {
        match self {
            Self::String(_) => ValueType::String,
            Self::Integer(_) => ValueType::Integer,
            Self::Boolean(_) => ValueType::Boolean,
            Self::DateTime(_) => ValueType::DateTime,
            Self::Binary(_) => ValueType::Binary,
            Self::Reference(_) => ValueType::Reference,
        }
    }

    /// The reference, if it is one.
    #[must_use]
    pub fn as_reference(&self) -> Option<&Reference> {
        match self {
            Self::Reference(reference) => Some(reference),
            Self::String(_) | Self::Integer(_) | Self::Boolean(_) | Self::DateTime(_) | Self::Binary(_) => {
                None
            }
        }
    }

    /// The value as people write it: instants as RFC 3339 with milliseconds, octets as standard base64,
    /// a reference as its key.
    #[must_use]
    pub fn to_text(&self) -> Cow<'_, str> {
        match self {
            Self::String(text) => Cow::Borrowed(text),
            Self::Integer(number) => Cow::Owned(number.to_string()),
            Self::Boolean(true) => Cow::Borrowed("true"),
            Self::Boolean(false) => Cow::Borrowed("false"),
            Self::DateTime(instant) => Cow::Owned(instant.to_rfc3339_opts(SecondsFormat::Millis, true)),
            Self::Binary(octets) => Cow::Owned(encode_base64(octets)),
            Self::Reference(reference) => Cow::Borrowed(&reference.key),
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.to_owned())
    }
}

/// Standard base64 with padding.
#[must_use]
pub fn encode_base64(octets: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(octets)
}

/// Octets of standard base64 with padding; `None` when it is not that.
#[must_use]
pub fn decode_base64(text: &str) -> Option<Vec<u8>> {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.decode(text).ok()
}

/// The instant that a text names: RFC 3339, `YYYY-MM-DDThh:mm:ss` taken as UTC, or a date alone, which is
/// its first instant in UTC. `None` when it is none of these.
#[must_use]
pub fn parse_date_time(text: &str) -> Option<DateTime<Utc>> {
    // The calendar's parser is lenient about digits and signs; the forms are checked before it is asked.
    let has_form = |form: &str| {
        let fits = |(wanted, byte)| if wanted == b'0' { u8::is_ascii_digit(&byte) } else { wanted == byte };
        text.len() >= form.len() && form.bytes().zip(text.bytes()).all(fits)
    };
    if has_form("0000-00-00T00:00:00") || has_form("0000-00-00t00:00:00") {
        let with_offset = DateTime::parse_from_rfc3339(text).map(|instant| instant.to_utc());
        with_offset
            .or_else(|_| {
                NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f").map(|local| local.and_utc())
            })
            .ok()
    } else if has_form("0000-00-00") && text.len() == "0000-00-00".len() {
        NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?.and_hms_opt(0, 0, 0).map(|local| local.and_utc())
    } else {
        None
    }
}

/// What an attribute holds.
///
/// Invariant: absent, null and empty are three states from the connector to the store. `Absent` says
/// nothing, `Null` says "no value" where the system can say so, `Many` of nothing is an empty list and
/// `One` of an empty text an empty text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Field {
    /// The system says nothing about the attribute.
    #[default]
    Absent,
    /// The system says that there is no value.
    Null,
    /// A single-valued attribute.
    One(Value),
    /// A multi-valued attribute, in the order of its system.
    Many(Vec<Value>),
}

impl Field {
    /// A single text.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Self::One(Value::String(text.into()))
    }

    /// The values, none for absent and null.
    #[must_use]
    pub fn values(&self) -> &[Value] {
        match self {
            Self::Absent | Self::Null => &[],
            Self::One(value) => std::slice::from_ref(value),
            Self::Many(values) => values,
        }
    }

    /// The first value, if there is any.
    #[must_use]
    pub fn first(&self) -> Option<&Value> {
        self.values().first()
    }

    /// Whether the system says nothing.
    #[must_use]
    pub fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }

    /// Whether there is no value: absent, null or an empty list. An empty text is a value.
    #[must_use]
    pub fn has_no_value(&self) -> bool {
        self.values().is_empty()
    }
}

/// Attributes by name. An attribute that is absent has no entry.
///
/// They are few and kept in one piece, sorted: reading all of them in order is what happens most.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Attributes(Vec<(AttributeName, Field)>);

/// All attributes in the order of their names.
pub type Iter<'a> = iter::Map<
    slice::Iter<'a, (AttributeName, Field)>,
    fn(&'a (AttributeName, Field)) -> (&'a AttributeName, &'a Field),
>;

impl Attributes {
    /// No attributes.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn place(&self, name: &str) -> Result<usize, usize> {
        // Mostly they come in their order.
        if self.0.last().is_none_or(|(last, _)| last.as_str() < name) {
            return Err(self.0.len());
        }
        self.0.binary_search_by(|(known, _)| known.as_str().cmp(name))
    }

    /// What the attribute holds; [`Field::Absent`] when it has no entry.
    #[must_use]
    pub fn get(&self, name: &str) -> &Field {
        const ABSENT: &Field = &Field::Absent;
        self.place(name).map_or(ABSENT, |place| &self.0[place].1)
    }

    /// Sets the attribute; [`Field::Absent`] removes its entry.
    pub fn set(&mut self, name: AttributeName, field: Field) {
        match (self.place(name.as_str()), field.is_absent()) {
            (Ok(place), false) => self.0[place].1 = field,
            (Ok(place), true) => drop(self.0.remove(place)),
            (Err(place), false) => self.0.insert(place, (name, field)),
            (Err(_), true) => {}
        }
    }

    /// All attributes in the order of their names.
    pub fn iter(&self) -> Iter<'_> {
        self.0.iter().map(|(name, field)| (name, field))
    }

    /// How many attributes are not absent.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether all attributes are absent.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<'a> IntoIterator for &'a Attributes {
    type Item = (&'a AttributeName, &'a Field);
    type IntoIter = Iter<'a>;
    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<N: Into<AttributeName>> FromIterator<(N, Field)> for Attributes {
    /// Of a name that comes twice the last field counts.
    fn from_iter<I: IntoIterator<Item = (N, Field)>>(fields: I) -> Self {
        let fields = fields.into_iter();
        let mut attributes = Self(Vec::with_capacity(fields.size_hint().0));
        for (name, field) in fields {
            attributes.set(name.into(), field);
        }
        attributes
    }
}

/// What conditions, mappings and correlation read from: an account as a connector gave it, or an IM object.
pub trait AttributeSource {
    /// What the attribute holds; absent for a name the source does not know.
    fn field(&self, name: &str) -> Cow<'_, Field>;
}

impl AttributeSource for Attributes {
    fn field(&self, name: &str) -> Cow<'_, Field> {
        Cow::Borrowed(self.get(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_read_in_three_forms() {
        let check = |text: &str, expected: Option<&str>| {
            let instant =
                parse_date_time(text).map(|instant| Value::DateTime(instant).to_text().into_owned());
            assert_eq!(instant.as_deref(), expected, "{text}");
        };
        check("2026-11-05T01:02:03+02:00", Some("2026-11-04T23:02:03.000Z"));
        check("2026-11-05T01:02:03.25Z", Some("2026-11-05T01:02:03.250Z"));
        check("2026-11-05T01:02:03", Some("2026-11-05T01:02:03.000Z"));
        check("2026-11-05", Some("2026-11-05T00:00:00.000Z"));
        for bad in ["", "2026-11-5", "2026-02-30", "+2026-11-05", "2026-11-05T01:02", "5.11.2026", "20261105"]
        {
            check(bad, None);
        }
    }

    #[test]
    fn absent_null_and_empty_are_three_states() {
        let mut attributes: Attributes =
            [("a", Field::Null), ("b", Field::text("")), ("c", Field::Many(vec![]))].into_iter().collect();
        assert_eq!(attributes.get("a"), &Field::Null);
        assert_eq!(attributes.get("b"), &Field::text(""));
        assert_eq!(attributes.get("c"), &Field::Many(vec![]));
        assert!(attributes.get("d").is_absent());
        attributes.set("a".into(), Field::Absent);
        assert_eq!(attributes.len(), 2);
    }
}
