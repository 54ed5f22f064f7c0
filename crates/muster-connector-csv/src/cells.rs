//! What a cell means: values, and the three kinds of nothing. Reading and writing stand side by side, so that
//! what is written is read back.

use muster_model::{Field, Value};

use crate::dialect::{Dialect, Span};

/// The kinds of nothing that a cell without text can mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Nothing {
    Absent,
    Empty,
    Null,
}

impl Nothing {
    fn field(self, arity: Arity) -> Field {
        match (self, arity) {
            (Self::Absent, _) => Field::Absent,
            (Self::Null, _) => Field::Null,
            (Self::Empty, Arity::One) => Field::text(""),
            (Self::Empty, Arity::Many) => Field::Many(Vec::new()),
        }
    }
}

/// Whether an attribute's cells hold one value or several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arity {
    One,
    Many,
}

/// How the cells of a file are understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CellRules {
    pub(crate) dialect: Dialect,
    /// What stands between the values of a multi-valued cell; without it nothing is multi-valued.
    pub(crate) multi_value_separator: Option<String>,
    /// What a cell without text means.
    pub(crate) empty: Nothing,
    /// What a quoted cell without text means.
    pub(crate) quoted_empty: Nothing,
    /// The unquoted text that means null. Invariant: it needs no quotes and is not empty.
    pub(crate) null_token: Option<String>,
}

impl CellRules {
    /// What a cell says.
    pub(crate) fn read(&self, record: &str, span: Span, arity: Arity) -> Field {
        let text = self.dialect.text(record, span);
        if text.is_empty() {
            let nothing = if span.quoted { self.quoted_empty } else { self.empty };
            return nothing.field(arity);
        }
        if !span.quoted && self.null_token.as_deref() == Some(&*text) {
            return Field::Null;
        }
        match (arity, &self.multi_value_separator) {
            (Arity::Many, Some(separator)) => {
                Field::Many(text.split(separator.as_str()).map(Value::from).collect())
            }
            (Arity::Many, None) | (Arity::One, _) => Field::One(Value::String(text.into_owned())),
        }
    }

    /// Whether a cell holds no key.
    pub(crate) fn is_no_key(&self, record: &str, span: Span) -> bool {
        span.start == span.end
            || (!span.quoted && self.null_token.as_deref() == Some(&record[span.start..span.end]))
    }

    /// The cell that says this, quotes and all.
    ///
    /// # Errors
    /// When no cell can; the text says why and what to do.
    pub(crate) fn write(&self, field: &Field, arity: Arity) -> Result<String, String> {
        match (field, arity) {
            (Field::Absent, _) => Ok(self.nothing(Nothing::Absent)),
            (Field::Null, _) => Ok(self.nothing(Nothing::Null)),
            (Field::One(value), Arity::One) => self.text(&value.to_text()),
            (Field::Many(values), Arity::One) => match values.as_slice() {
                [] => Ok(self.nothing(Nothing::Empty)),
                [value] => self.text(&value.to_text()),
                _ => Err(format!(
                    "a cell that is not multi-valued cannot hold {} values; set `multiValueSeparator` and make \
                     the attribute multi-valued",
                    values.len()
                )),
            },
            (field, Arity::Many) => self.list(field.values()),
        }
    }

    fn list(&self, values: &[Value]) -> Result<String, String> {
        let Some(separator) = &self.multi_value_separator else { return self.write_unseparated(values) };
        let texts: Vec<_> = values.iter().map(Value::to_text).collect();
        let joined = texts.join(separator);
        match texts.as_slice() {
            [] => Ok(self.nothing(Nothing::Empty)),
            [text] if text.is_empty() => {
                Err("a multi-valued cell cannot hold one empty text; clear it".to_owned())
            }
            _ if joined.split(separator.as_str()).ne(texts.iter()) => Err(format!(
                "a value holds `{separator}`, which separates values; choose another `multiValueSeparator`"
            )),
            _ => self.text(&joined),
        }
    }

    fn write_unseparated(&self, values: &[Value]) -> Result<String, String> {
        self.write(&Field::Many(values.to_vec()), Arity::One)
    }

    fn text(&self, text: &str) -> Result<String, String> {
        if text.contains('\0') {
            return Err("a value holds a zero byte, which no reader takes; take it out".to_owned());
        }
        if text.is_empty() {
            return Ok(self.nothing(Nothing::Empty));
        }
        Ok(self.plain(text))
    }

    /// A text that is not empty, with as few quotes as it takes.
    pub(crate) fn plain(&self, text: &str) -> String {
        match self.dialect.needs_quotes(text) || self.null_token.as_deref() == Some(text) {
            true => self.dialect.quoted(text),
            false => text.to_owned(),
        }
    }

    /// A kind of nothing, or the nearest that the file can say: a file that cannot tell absent from null says
    /// the other, and an empty cell where it can say neither.
    fn nothing(&self, wanted: Nothing) -> String {
        let order: &[Nothing] = match wanted {
            Nothing::Absent => &[Nothing::Absent, Nothing::Null],
            Nothing::Null => &[Nothing::Null, Nothing::Absent],
            Nothing::Empty => &[Nothing::Empty],
        };
        order.iter().find_map(|nothing| self.cell_for(*nothing)).unwrap_or_default()
    }

    fn cell_for(&self, nothing: Nothing) -> Option<String> {
        if self.empty == nothing {
            return Some(String::new());
        }
        if self.quoted_empty == nothing {
            return Some(self.dialect.quoted(""));
        }
        match nothing {
            Nothing::Null => self.null_token.clone(),
            Nothing::Absent | Nothing::Empty => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::Quotes;

    fn rules(empty: Nothing, quoted_empty: Nothing, null_token: Option<&str>) -> CellRules {
        CellRules {
            dialect: Dialect { separator: b',', quote: b'"', escape: None },
            multi_value_separator: Some("|".to_owned()),
            empty,
            quoted_empty,
            null_token: null_token.map(str::to_owned),
        }
    }

    fn read(rules: &CellRules, cell: &str, arity: Arity) -> Field {
        let mut spans = Vec::new();
        rules.dialect.split(cell.as_bytes(), Quotes::Some, &mut spans);
        rules.read(cell, spans[0], arity)
    }

    #[test]
    fn a_file_can_keep_all_three_kinds_of_nothing_apart() {
        let rules = rules(Nothing::Absent, Nothing::Empty, Some("\\N"));
        for (field, arity, cell) in [
            (Field::Absent, Arity::One, ""),
            (Field::Null, Arity::One, "\\N"),
            (Field::text(""), Arity::One, "\"\""),
            (Field::text("\\N"), Arity::One, "\"\\N\""),
            (Field::text("a,b"), Arity::One, "\"a,b\""),
            (Field::Absent, Arity::Many, ""),
            (Field::Null, Arity::Many, "\\N"),
            (Field::Many(vec![]), Arity::Many, "\"\""),
            (Field::Many(vec!["a".into(), "".into()]), Arity::Many, "a|"),
        ] {
            assert_eq!(rules.write(&field, arity).as_deref(), Ok(cell), "{field:?}");
            assert_eq!(read(&rules, cell, arity), field, "{cell}");
        }
    }

    #[test]
    fn what_a_file_cannot_say_becomes_the_nearest_nothing() {
        let absent = rules(Nothing::Absent, Nothing::Absent, None);
        let empty = rules(Nothing::Empty, Nothing::Empty, Some("NULL"));
        let null = rules(Nothing::Null, Nothing::Null, None);
        for (rules, field, cell) in [
            (&absent, Field::Null, ""),
            (&absent, Field::text(""), ""),
            (&empty, Field::Absent, "NULL"),
            (&empty, Field::Null, "NULL"),
            (&empty, Field::text(""), ""),
            (&null, Field::Absent, ""),
            (&null, Field::Null, ""),
        ] {
            assert_eq!(rules.write(&field, Arity::One).as_deref(), Ok(cell), "{field:?}");
        }
    }

    #[test]
    fn what_would_be_read_as_something_else_is_refused() {
        let rules = rules(Nothing::Empty, Nothing::Empty, None);
        for (field, arity) in [
            (Field::Many(vec!["a|b".into()]), Arity::Many),
            (Field::Many(vec!["".into()]), Arity::Many),
            (Field::Many(vec!["a".into(), "b".into()]), Arity::One),
            (Field::text("a\0b"), Arity::One),
        ] {
            assert!(rules.write(&field, arity).is_err(), "{field:?}");
        }
    }
}
