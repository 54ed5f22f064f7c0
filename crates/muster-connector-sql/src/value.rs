//! Values on their way between a database and accounts: what a cell holds, what is bound, which type that is to us.

use muster_model::Value;
use muster_model::attribute::{decode_base64, parse_date_time};

/// What stands in one place of a row.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Cell {
    Null,
    Text(String),
    Integer(i64),
    Real(f64),
    Octets(Vec<u8>),
    /// A text that is none, or too large a value.
    Unreadable,
}

/// A value that goes into a place of a statement.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Bind {
    Null,
    Text(String),
    Integer(i64),
    Real(f64),
    Octets(Vec<u8>),
    /// A column of rows that are written together; PostgreSQL alone.
    Texts(Vec<Option<String>>),
}

/// What a column holds, as far as we treat it in a way of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    /// Numbers from the first to the second.
    Integer(i64, i64),
    Boolean,
    /// A date with a time; without a zone it is taken for UTC.
    Instant,
    Octets,
    Uuid,
    /// Everything else: read as the text that the database has for it.
    Other,
}

impl Cell {
    /// A cell whose text is larger than that many octets is as good as unreadable.
    pub(crate) fn within(self, octets: usize) -> Self {
        let size = match &self {
            Self::Text(text) => text.len(),
            Self::Octets(octets) => octets.len(),
            Self::Null | Self::Integer(_) | Self::Real(_) | Self::Unreadable => 0,
        };
        if size > octets { Self::Unreadable } else { self }
    }

    /// How much it is, roughly.
    pub(crate) fn octets(&self) -> usize {
        match self {
            Self::Text(text) => text.len() + 32,
            Self::Octets(octets) => octets.len() + 32,
            Self::Null | Self::Integer(_) | Self::Real(_) | Self::Unreadable => 32,
        }
    }

    /// The text of a key, if it can be one: never empty.
    pub(crate) fn key(&self) -> Option<String> {
        match self {
            Self::Text(text) if !text.is_empty() => Some(text.clone()),
            Self::Integer(number) => Some(number.to_string()),
            Self::Text(_) | Self::Null | Self::Real(_) | Self::Octets(_) | Self::Unreadable => None,
        }
    }

    /// Whether it says yes: the answer of a comparison, which SQLite gives as a number.
    pub(crate) fn is_true(&self) -> bool {
        match self {
            Self::Text(text) => text == "true",
            Self::Integer(number) => *number != 0,
            Self::Null | Self::Real(_) | Self::Octets(_) | Self::Unreadable => false,
        }
    }

    /// The value to bind where the same is meant.
    pub(crate) fn bind(&self) -> Bind {
        match self {
            Self::Text(text) => Bind::Text(text.clone()),
            Self::Integer(number) => Bind::Integer(*number),
            Self::Real(number) => Bind::Real(*number),
            Self::Octets(octets) => Bind::Octets(octets.clone()),
            Self::Null | Self::Unreadable => Bind::Null,
        }
    }
}

impl Kind {
    /// Whole numbers of 64 bits.
    pub(crate) const INTEGER: Self = Self::Integer(i64::MIN, i64::MAX);

    /// What a cell means; `None` where it cannot be read.
    pub(crate) fn value(self, cell: Cell) -> Option<Option<Value>> {
        Some(Some(match (cell, self) {
            (Cell::Unreadable, _) => return None,
            (Cell::Null, _) => return Some(None),
            (Cell::Integer(0), Self::Boolean) => Value::Boolean(false),
            (Cell::Integer(1), Self::Boolean) => Value::Boolean(true),
            (Cell::Integer(number), _) => Value::Integer(number),
            (Cell::Real(number), _) => Value::String(number.to_string()),
            (Cell::Octets(octets), _) => Value::Binary(octets),
            (Cell::Text(text), kind) => kind.value_of_text(text)?,
        }))
    }

    fn value_of_text(self, text: String) -> Option<Value> {
        Some(match self {
            Self::Integer(..) => match text.parse() {
                Ok(number) => Value::Integer(number),
                Err(_) => Value::String(text),
            },
            Self::Boolean => match text.as_str() {
                "true" => Value::Boolean(true),
                "false" => Value::Boolean(false),
                _ => Value::String(text),
            },
            Self::Instant => instant(&text).unwrap_or(Value::String(text)),
            Self::Octets => match text.strip_prefix("\\x") {
                Some(digits) => Value::Binary(octets_of_hex(digits)?),
                None => Value::String(text),
            },
            Self::Text | Self::Uuid | Self::Other => Value::String(text),
        })
    }

    /// Whether a column of this kind can hold a text at all: what cannot stand there is not looked for.
    pub(crate) fn can_hold(self, text: &str) -> bool {
        match self {
            Self::Integer(least, most) => {
                text.parse::<i64>().is_ok_and(|number| (least..=most).contains(&number))
            }
            Self::Uuid => is_uuid(text),
            Self::Text | Self::Boolean | Self::Instant | Self::Octets | Self::Other => !text.contains('\0'),
        }
    }

    /// The text that goes into a column of this kind on PostgreSQL.
    pub(crate) fn text_for_postgres(self, value: &Value) -> String {
        match (self, value) {
            (Self::Octets, Value::Binary(octets)) => hex_of(octets),
            // Whoever plans writes has texts, and octets are base64 there.
            (Self::Octets, Value::String(text)) => match decode_base64(text) {
                Some(octets) => hex_of(&octets),
                None => text.clone(),
            },
            _ => value.to_text().into_owned(),
        }
    }

    /// What goes into a column of this kind on SQLite, whose columns convert numbers themselves.
    pub(crate) fn bind_for_sqlite(self, value: &Value) -> Bind {
        match (self, value) {
            (_, Value::Binary(octets)) => Bind::Octets(octets.clone()),
            (Self::Octets, Value::String(text)) => match decode_base64(text) {
                Some(octets) => Bind::Octets(octets),
                None => Bind::Text(text.clone()),
            },
            (Self::Boolean, _) => match &*value.to_text() {
                "true" => Bind::Integer(1),
                "false" => Bind::Integer(0),
                text => Bind::Text(text.to_owned()),
            },
            _ => Bind::Text(value.to_text().into_owned()),
        }
    }
}

fn is_uuid(text: &str) -> bool {
    let mut parts = text.split('-');
    let fits = [8, 4, 4, 4, 12].iter().all(|length| {
        parts.next().is_some_and(|part| part.len() == *length && part.bytes().all(|b| b.is_ascii_hexdigit()))
    });
    fits && parts.next().is_none()
}

/// The instant of a timestamp as PostgreSQL writes it in ISO style: `2026-11-05 01:02:03.25+00`.
fn instant(text: &str) -> Option<Value> {
    let (date, time) = text.split_once(' ')?;
    let parsed = match time.strip_suffix("+00") {
        Some(time) => parse_date_time(&format!("{date}T{time}Z")),
        None => parse_date_time(&format!("{date}T{time}")),
    };
    parsed.map(Value::DateTime)
}

fn octets_of_hex(digits: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let (pairs, rest) = digits.as_bytes().as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect()
}

fn hex_of(octets: &[u8]) -> String {
    let mut text = String::with_capacity(octets.len() * 2 + 2);
    text.push_str("\\x");
    for octet in octets {
        for half in [octet >> 4, octet & 15] {
            text.push(char::from_digit(half.into(), 16).unwrap_or('0'));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_the_database_become_values() {
        let check = |kind: Kind, text: &str, expected: &str| {
            let value = kind.value(Cell::Text(text.to_owned())).unwrap().unwrap();
            assert_eq!(value.to_text(), expected, "{kind:?} {text}");
        };
        check(Kind::Instant, "2026-11-05 01:02:03.25+00", "2026-11-05T01:02:03.250Z");
        check(Kind::Instant, "2026-11-05 01:02:03", "2026-11-05T01:02:03.000Z");
        check(Kind::Instant, "infinity", "infinity");
        check(Kind::Instant, "0044-03-15 12:00:00+00 BC", "0044-03-15 12:00:00+00 BC");
        check(Kind::Boolean, "true", "true");
        check(Kind::INTEGER, "-5", "-5");
        check(Kind::Octets, "\\x00ff", "AP8=");
        check(Kind::Other, "12.50", "12.50");
        assert_eq!(Kind::Octets.value(Cell::Text("\\x0".to_owned())), None);
        assert_eq!(Kind::Text.value(Cell::Text("long".to_owned()).within(3)), None);
        assert_eq!(Kind::Text.value(Cell::Null), Some(None));
    }

    #[test]
    fn what_cannot_stand_in_a_column_is_known() {
        for (kind, text, expected) in [
            (Kind::Integer(-32768, 32767), "32768", false),
            (Kind::Integer(-32768, 32767), "-32768", true),
            (Kind::INTEGER, "u9", false),
            (Kind::INTEGER, "99999999999999999999", false),
            (Kind::Uuid, "7b0e2f8a-0000-4000-8000-00000000000f", true),
            (Kind::Uuid, "7b0e2f8a-0000-4000-8000-00000000000g", false),
            (Kind::Uuid, "7b0e2f8a", false),
            (Kind::Text, "a\0b", false),
            (Kind::Text, "'; DROP TABLE x", true),
        ] {
            assert_eq!(kind.can_hold(text), expected, "{kind:?} {text}");
        }
    }

    #[test]
    fn octets_are_base64_outside() {
        let text = Value::String("AP8=".to_owned());
        assert_eq!(Kind::Octets.text_for_postgres(&text), "\\x00ff");
        assert_eq!(Kind::Octets.bind_for_sqlite(&text), Bind::Octets(vec![0, 255]));
        assert_eq!(Kind::Boolean.bind_for_sqlite(&Value::from("true")), Bind::Integer(1));
    }
}
