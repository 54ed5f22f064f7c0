//! Shapes: what a document looks like, as data, so that the API description, the XSD and the reference pages
//! are generated from the same declaration that reads it.

use std::ops::RangeInclusive;

use serde_json::Value;

/// What a document, or an object within one, looks like.
#[derive(Debug)]
pub struct Shape {
    /// Its name, unique among all shapes.
    pub name: &'static str,
    /// What it is.
    pub doc: &'static str,
    /// Its fields, in the order in which they are written.
    pub fields: &'static [FieldShape],
}

impl Shape {
    /// The field of that name.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&FieldShape> {
        self.fields.iter().find(|field| field.name == name)
    }
}

/// One field of a document.
#[derive(Debug)]
pub struct FieldShape {
    /// Its name in JSON; in XML too, unless it is a list.
    pub name: &'static str,
    /// What it is for.
    pub doc: &'static str,
    /// Whether it has to be there, and how often.
    pub presence: Presence,
    /// For a list: the name of one item's element in XML.
    pub each: Option<&'static str>,
    /// What its value, or each item of its list, looks like.
    pub form: Form,
    /// For numbers: the values admitted, both ends included.
    pub range: Option<RangeInclusive<i64>>,
    /// What holds when it is absent.
    pub default: Option<fn() -> Value>,
}

impl FieldShape {
    /// The name of its element in XML: one value, or one item of the list.
    #[must_use]
    pub fn element(&self) -> &'static str {
        self.each.unwrap_or(self.name)
    }

    /// Whether it holds a list.
    #[must_use]
    pub fn is_list(&self) -> bool {
        matches!(self.presence, Presence::List | Presence::AtLeastOne | Presence::Narrowing)
    }

    /// Whether an empty list is refused.
    #[must_use]
    pub fn is_never_empty(&self) -> bool {
        matches!(self.presence, Presence::AtLeastOne | Presence::Narrowing)
    }

    /// Whether a document without it is refused.
    #[must_use]
    pub fn is_required(&self) -> bool {
        matches!(self.presence, Presence::Required | Presence::AtLeastOne)
    }

    /// For numbers: the smallest and the largest value admitted.
    #[must_use]
    pub fn bounds(&self) -> Option<(i64, u64)> {
        match (&self.range, &self.form) {
            (Some(range), _) => Some((*range.start(), u64::try_from(*range.end()).unwrap_or(0))),
            (None, Form::Integer { minimum, maximum }) => Some((*minimum, *maximum)),
            (None, Form::Text(_) | Form::Boolean | Form::Word(_) | Form::Object(_)) => None,
        }
    }
}

/// Whether a field has to be there, and how often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// Exactly one value; a text is not empty.
    Required,
    /// One value or none; none means something of its own.
    Optional,
    /// One value or none; none means the default.
    Defaulted,
    /// Any number of values; none and an empty list are the same.
    List,
    /// One value at least.
    AtLeastOne,
    /// None is all there are; a list that is given names one at least, so that an empty one is not taken for all.
    Narrowing,
}

/// What a value looks like.
#[derive(Debug, Clone, Copy)]
pub enum Form {
    /// A text.
    Text(TextForm),
    /// A whole number.
    Integer {
        /// The smallest.
        minimum: i64,
        /// The largest.
        maximum: u64,
    },
    /// True or false.
    Boolean,
    /// One of these words.
    Word(&'static [&'static str]),
    /// An object with fields of its own.
    Object(&'static Shape),
}

/// What a text has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextForm {
    /// Anything.
    Any,
    /// A configuration id.
    Id,
    /// The name of an attribute.
    AttributeName,
    /// A condition.
    Condition,
    /// An instant, as RFC 3339.
    Instant,
    /// A UUID.
    Uuid,
    /// An attribute, a comma, then `ASC` or `DESC`.
    Sort,
}

impl TextForm {
    /// The regular expression (JSON Schema and XSD alike, anchored by the reader) that every such text fits;
    /// `None` where one cannot say it.
    #[must_use]
    pub fn pattern(self) -> Option<&'static str> {
        match self {
            Self::Id => Some("[A-Za-z0-9][A-Za-z0-9._-]{0,127}"),
            Self::Sort => Some("[^,]+,(ASC|DESC)"),
            Self::Any | Self::AttributeName | Self::Condition | Self::Instant | Self::Uuid => None,
        }
    }

    /// The `format` of OpenAPI for such a text, where there is one.
    #[must_use]
    pub fn format(self) -> Option<&'static str> {
        match self {
            Self::Instant => Some("date-time"),
            Self::Uuid => Some("uuid"),
            Self::Any | Self::Id | Self::AttributeName | Self::Condition | Self::Sort => None,
        }
    }
}
