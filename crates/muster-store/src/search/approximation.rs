//! Conditions as SQL, in two approximations: what may hold, and what holds for certain. All that SQL cannot say as
//! [`muster_model::condition`] means it lies between the two, and is left to the condition itself.
//!
//! SQL folds the case of ASCII alone, so a text with other characters may hold; so may an instant within a second.
//! Numbers, `true` and `false`, presence, ASCII texts and an object's own facts are said exactly. Names and values
//! are parameters, never part of the text.

use muster_model::attribute::parse_date_time;
use muster_model::condition::{Bound, Condition, Literal, Node, Order, Test, fold_case};
use muster_model::{AttributeName, DisabledReason, Field, ObjectKind, Value as Held};
use sea_orm::Value;
use uuid::Uuid;

use super::Part;
use crate::database::Dialect;

mod values;

/// How U+0000 stands in stored attributes. The databases know no such character, so whatever holds it may
/// fit, and a condition that names it is not said in SQL.
const NUL: &str = "\\u0000";

/// Which approximation is wanted: under a negation they change places.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    /// All objects that the condition holds for, and perhaps others.
    May,
    /// None but objects that the condition holds for.
    Must,
}

impl Side {
    fn negated(self) -> Self {
        match self {
            Self::May => Self::Must,
            Self::Must => Self::May,
        }
    }

    /// The answer where SQL has none.
    fn unknown(self) -> &'static str {
        match self {
            Self::May => "TRUE",
            Self::Must => "FALSE",
        }
    }
}

/// All objects `o` that the condition holds for, and perhaps others.
pub(super) fn of(condition: &Condition, dialect: Dialect) -> Part {
    let mut writer = Writer { dialect, part: Part::default() };
    let nul = dialect.place_of("o.attributes", "?");
    writer.push_with(&format!("CASE WHEN {nul} > 0 THEN TRUE ELSE "), NUL);
    writer.node(condition.root(), Side::May);
    writer.push(" END");
    writer.part
}

struct Writer {
    dialect: Dialect,
    part: Part,
}

impl Writer {
    fn push(&mut self, text: &str) {
        self.part.text.push_str(text);
    }

    /// A text with one parameter.
    fn push_with(&mut self, text: &str, value: impl Into<Value>) {
        self.push(text);
        self.part.values.push(value.into());
    }

    fn node(&mut self, node: &Node, side: Side) {
        match node {
            Node::And(parts) => self.list(parts, " AND ", side),
            Node::Or(parts) => self.list(parts, " OR ", side),
            Node::Not(part) => {
                self.push("NOT ");
                self.node(part, side.negated());
            }
            Node::Test { attribute, test: Test::NotEqual(literal) } => {
                self.push("NOT ");
                self.test(attribute, &Test::Equal(literal.clone()), side.negated());
            }
            Node::Test { attribute, test } => self.test(attribute, test, side),
        }
    }

    fn list(&mut self, parts: &[Node], between: &str, side: Side) {
        for (number, part) in parts.iter().enumerate() {
            self.push(if number > 0 { between } else { "(" });
            self.node(part, side);
        }
        self.push(")");
    }

    fn test(&mut self, attribute: &AttributeName, test: &Test, side: Side) {
        match attribute.as_str() {
            "id" => self.id_test(test, side),
            "kind" => {
                let fits = |kind: &ObjectKind| test.passes(&Field::text(kind.as_str()));
                let kinds: Vec<i64> =
                    ObjectKind::ALL.into_iter().filter(fits).map(|kind| kind as i64).collect();
                self.any_of("o.kind", &kinds);
            }
            "enabled" => self.state_test(test, |disabled| Field::One(Held::Boolean(disabled.is_none()))),
            "disabledReason" => self.state_test(test, |disabled| {
                disabled.map_or(Field::Absent, |reason| Field::text(reason.as_str()))
            }),
            "type" => self.column_test("coalesce(o.type, '')", "o.type", test, side),
            "directory" => self.column_test("o.directory", "o.directory", test, side),
            name => self.attribute_test(name, test, side),
        }
    }

    /// Ids are compared as a whole; how they are written is not looked into.
    fn id_test(&mut self, test: &Test, side: Side) {
        match test {
            Test::Present => self.push("TRUE"),
            Test::Equal(Literal::Text(text)) => {
                let text = fold_case(text);
                match Uuid::parse_str(&text).ok().filter(|id| id.to_string() == text) {
                    Some(id) => self.push_with("o.id = ?", id),
                    None => self.push("FALSE"),
                }
            }
            Test::Equal(Literal::Integer(_) | Literal::Boolean(_) | Literal::Null)
            | Test::Ordered(_, Bound::Integer(_)) => self.push("FALSE"),
            Test::NotEqual(_)
            | Test::Contains(_)
            | Test::StartsWith(_)
            | Test::EndsWith(_)
            | Test::Ordered(_, Bound::Text(_)) => self.push(side.unknown()),
        }
    }

    /// A test of something that follows from why the object is disabled.
    fn state_test(&mut self, test: &Test, field: impl Fn(Option<DisabledReason>) -> Field) {
        let passes = |disabled| test.passes(&field(disabled));
        let reasons: Vec<i64> = DisabledReason::ALL
            .into_iter()
            .filter(|reason| passes(Some(*reason)))
            .map(|reason| reason as i64)
            .collect();
        self.push(if passes(None) { "(o.disabled IS NULL OR " } else { "(o.disabled IS NOT NULL AND " });
        self.any_of("o.disabled", &reasons);
        self.push(")");
    }

    fn any_of(&mut self, column: &str, numbers: &[i64]) {
        if numbers.is_empty() {
            self.push("FALSE");
            return;
        }
        self.push(column);
        for (place, number) in numbers.iter().enumerate() {
            self.push_with(if place > 0 { ", ?" } else { " IN (?" }, *number);
        }
        self.push(")");
    }

    /// A test of a column that holds a text or nothing; `filled` is the same column, empty for nothing.
    fn column_test(&mut self, filled: &str, column: &str, test: &Test, side: Side) {
        match test {
            Test::Present => self.push(&format!("{filled} <> ''")),
            Test::Equal(Literal::Null) => self.push(&format!("{column} IS NULL")),
            Test::Equal(Literal::Integer(_) | Literal::Boolean(_)) | Test::Ordered(_, Bound::Integer(_)) => {
                self.push("FALSE")
            }
            Test::NotEqual(_)
            | Test::Equal(Literal::Text(_))
            | Test::Contains(_)
            | Test::StartsWith(_)
            | Test::EndsWith(_)
            | Test::Ordered(_, Bound::Text(_)) => {
                self.push("EXISTS (SELECT 1 FROM (SELECT ");
                self.push(column);
                self.push(" AS s, CAST(NULL AS TEXT) AS d, CAST(NULL AS TEXT) AS b) v WHERE ");
                self.text_test(test, side);
                self.push(")");
            }
        }
    }

    /// A test of the texts of one value `v`: `s` is a text or the key of a reference, `d` an instant, `b` octets.
    fn text_test(&mut self, test: &Test, side: Side) {
        match test {
            Test::Equal(Literal::Text(text))
            | Test::Contains(text)
            | Test::StartsWith(text)
            | Test::EndsWith(text)
            | Test::Ordered(_, Bound::Text(text))
                if text.contains('\u{0}') =>
            {
                self.push(side.unknown());
            }
            Test::Equal(Literal::Text(text)) => {
                self.folded(side, |writer, lower| {
                    writer.push_with(&format!("{lower} = ?"), &*fold_case(text))
                });
                self.push_with(" OR v.b = ?", text.as_str());
                self.instant_equals(text, side);
            }
            Test::Contains(text) => self
                .part_test(text, side, |dialect, lower, _| format!("{} > 0", dialect.place_of(lower, "?"))),
            Test::StartsWith(text) => self
                .part_test(text, side, |dialect, lower, _| format!("{} = 1", dialect.place_of(lower, "?"))),
            Test::EndsWith(text) => self.part_test(text, side, |dialect, lower, length| match dialect {
                Dialect::Sqlite => format!("substr({lower}, -{length}) = ?"),
                Dialect::Postgres => format!("right({lower}, {length}) = ?"),
            }),
            Test::Ordered(order, Bound::Text(bound)) => {
                let sign = sign(*order);
                self.folded(side, |writer, lower| {
                    writer.push_with(&format!("{lower} {sign} ?"), &*fold_case(bound));
                });
                self.instant_ordered(*order, bound, side);
            }
            Test::Present
            | Test::NotEqual(_)
            | Test::Equal(Literal::Integer(_) | Literal::Boolean(_) | Literal::Null)
            | Test::Ordered(_, Bound::Integer(_)) => self.push(side.unknown()),
        }
    }

    /// A test of the folded text, which SQL can fold where it is ASCII.
    fn folded(&mut self, side: Side, write: impl FnOnce(&mut Self, &str)) {
        let (is_other, lower) = match self.dialect {
            Dialect::Sqlite => ("length(v.s) <> length(CAST(v.s AS BLOB))", "lower(v.s)"),
            Dialect::Postgres => ("length(v.s) <> octet_length(v.s)", "lower(v.s COLLATE \"C\")"),
        };
        match side {
            Side::May => self.push(&format!("({is_other} OR ")),
            Side::Must => self.push(&format!("(NOT {is_other} AND ")),
        }
        write(self, lower);
        self.push(")");
    }

    /// A test whether a text holds a part. Instants are looked at as they are written out, which is not as they are
    /// stored.
    fn part_test(&mut self, part: &str, side: Side, sql: impl Fn(Dialect, &str, usize) -> String) {
        let part = fold_case(part);
        if part.is_empty() {
            self.push("v.s IS NOT NULL");
        } else {
            let dialect = self.dialect;
            let length = part.chars().count();
            self.folded(side, |writer, lower| writer.push_with(&sql(dialect, lower, length), &*part));
        }
        match side {
            Side::May => self.push(" OR v.d IS NOT NULL"),
            Side::Must => {}
        }
    }

    fn instant_equals(&mut self, text: &str, side: Side) {
        match (seconds(text), side) {
            (Some(seconds), Side::May) if is_of_four_digits(&seconds) => {
                self.push_with(&format!(" OR {OTHER_YEAR} OR substr(v.d, 1, 19) = ?"), seconds);
            }
            (Some(_), Side::May) => self.push(" OR v.d IS NOT NULL"),
            (None, _) | (Some(_), Side::Must) => {}
        }
    }

    fn instant_ordered(&mut self, order: Order, bound: &str, side: Side) {
        let second = match self.dialect {
            Dialect::Sqlite => "substr(v.d, 1, 19)",
            Dialect::Postgres => "substr(v.d, 1, 19) COLLATE \"C\"",
        };
        let sign = match order {
            Order::Greater | Order::GreaterOrEqual => ">",
            Order::Less | Order::LessOrEqual => "<",
        };
        match (seconds(bound), side) {
            (Some(seconds), Side::May) if is_of_four_digits(&seconds) => {
                self.push_with(&format!(" OR {OTHER_YEAR} OR {second} {sign}= ?"), seconds);
            }
            (Some(seconds), Side::Must) if is_of_four_digits(&seconds) => {
                self.push_with(&format!(" OR (NOT {OTHER_YEAR} AND {second} {sign} ?)"), seconds);
            }
            (Some(_), Side::May) => self.push(" OR v.d IS NOT NULL"),
            (None, _) | (Some(_), Side::Must) => {}
        }
    }
}

/// Instants are stored with as many digits as they need, so only their seconds compare as texts do; and those of
/// years that have not four digits do not, they begin with a sign.
const OTHER_YEAR: &str = "substr(v.d, 1, 1) IN ('+', '-')";

/// An instant to the second, as it is stored; `None` for what is no instant.
fn seconds(text: &str) -> Option<String> {
    parse_date_time(text).map(|instant| instant.format("%Y-%m-%dT%H:%M:%S").to_string())
}

fn is_of_four_digits(seconds: &str) -> bool {
    seconds.starts_with(|first: char| first.is_ascii_digit())
}

fn sign(order: Order) -> &'static str {
    match order {
        Order::Greater => ">",
        Order::GreaterOrEqual => ">=",
        Order::Less => "<",
        Order::LessOrEqual => "<=",
    }
}
