//! The values of one attribute as rows, and the tests of each, in the JSON of either database.

use muster_model::condition::{Bound, Literal, Test};

use super::{Side, Writer, sign};
use crate::database::Dialect;

/// A row `e` for each value of an attribute: the elements of a list, or what is held in its place. None for an
/// attribute that is absent; null is a row of its own type.
const SQLITE_VALUES: &str = "json_each(CASE json_type(o.attributes, ?) WHEN 'array' THEN o.attributes -> ? \
    ELSE '[' || (o.attributes -> ?) || ']' END) e";
const POSTGRES_VALUES: &str = "jsonb_array_elements(CASE jsonb_typeof(o.attributes::jsonb -> ?::text) WHEN 'array' \
    THEN o.attributes::jsonb -> ?::text ELSE jsonb_build_array(o.attributes::jsonb -> ?::text) END) AS e(value)";

/// The texts of a value: `s` is a text or the key of a reference, `d` an instant, `b` octets.
const SQLITE_TEXTS: &str = "CASE e.type WHEN 'text' THEN e.value WHEN 'object' \
    THEN json_extract(e.value, '$.r[2]') END AS s, \
    CASE e.type WHEN 'object' THEN json_extract(e.value, '$.t') END AS d, \
    CASE e.type WHEN 'object' THEN json_extract(e.value, '$.b') END AS b";
const POSTGRES_TEXTS: &str = "CASE jsonb_typeof(e.value) WHEN 'string' THEN e.value #>> '{}' WHEN 'object' \
    THEN e.value #>> '{r,2}' END AS s, e.value ->> 't' AS d, e.value ->> 'b' AS b";

impl Writer {
    /// A test of an attribute: whether any of its values passes.
    pub(super) fn attribute_test(&mut self, name: &str, test: &Test, side: Side) {
        match test {
            Test::Present => {
                let is_value = match self.dialect {
                    Dialect::Sqlite => "e.type <> 'null' AND NOT (e.type = 'text' AND e.value = '')",
                    Dialect::Postgres => "jsonb_typeof(e.value) <> 'null' AND e.value <> '\"\"'::text::jsonb",
                };
                self.any_value(name, |writer| writer.push(is_value));
            }
            Test::Equal(Literal::Null) => {
                let is_value = match self.dialect {
                    Dialect::Sqlite => "e.type <> 'null'",
                    Dialect::Postgres => "jsonb_typeof(e.value) <> 'null'",
                };
                self.push("NOT ");
                self.any_value(name, |writer| writer.push(is_value));
            }
            Test::Equal(Literal::Boolean(truth)) => {
                let is_it = match self.dialect {
                    Dialect::Sqlite => format!("e.type = '{truth}'"),
                    Dialect::Postgres => format!("e.value = '{truth}'::text::jsonb"),
                };
                self.any_value(name, |writer| writer.push(&is_it));
            }
            Test::Equal(Literal::Integer(number)) => self.number_test(name, "=", *number),
            Test::Ordered(order, Bound::Integer(number)) => self.number_test(name, sign(*order), *number),
            Test::NotEqual(_)
            | Test::Equal(Literal::Text(_))
            | Test::Contains(_)
            | Test::StartsWith(_)
            | Test::EndsWith(_)
            | Test::Ordered(_, Bound::Text(_)) => self.any_text(name, test, side),
        }
    }

    fn number_test(&mut self, name: &str, sign: &str, number: i64) {
        let test = match self.dialect {
            Dialect::Sqlite => format!("e.type = 'integer' AND e.value {sign} ?"),
            // The number is read of numbers alone: nothing else says in which order the two would be tested.
            Dialect::Postgres => format!(
                "CASE jsonb_typeof(e.value) WHEN 'number' THEN (e.value #>> '{{}}')::bigint {sign} ? \
                 ELSE FALSE END"
            ),
        };
        self.any_value(name, |writer| writer.push_with(&test, number));
    }

    fn any_text(&mut self, name: &str, test: &Test, side: Side) {
        let texts = match self.dialect {
            Dialect::Sqlite => SQLITE_TEXTS,
            Dialect::Postgres => POSTGRES_TEXTS,
        };
        self.push("EXISTS (SELECT 1 FROM (SELECT ");
        self.push(texts);
        self.push(" FROM ");
        self.values(name);
        self.push(") v WHERE ");
        self.text_test(test, side);
        self.push(")");
    }

    fn any_value(&mut self, name: &str, test: impl FnOnce(&mut Self)) {
        self.push("EXISTS (SELECT 1 FROM ");
        self.values(name);
        self.push(" WHERE ");
        test(self);
        self.push(")");
    }

    /// Names in conditions hold letters, digits, `-`, `_`, `$` and `.` alone, so they need no escape in a path.
    fn values(&mut self, name: &str) {
        let (rows, place) = match self.dialect {
            Dialect::Sqlite => (SQLITE_VALUES, format!("$.\"{name}\"")),
            Dialect::Postgres => (POSTGRES_VALUES, name.to_owned()),
        };
        self.push(rows);
        self.part.values.extend([place.as_str().into(), place.as_str().into(), place.as_str().into()]);
    }
}
