//! Expressions: what is taken comes to the same each time, or fails the same; what is refused is told with its place.

use chrono::{DateTime, Utc};
use muster_model::{Attributes, Field, Value};
use muster_plan::expression::{Expression, ExpressionError};

use crate::text;

pub(crate) fn run(octets: &[u8]) {
    let text = text(octets);
    let expression = match Expression::compile(text) {
        Ok(expression) => expression,
        Err(error) => return check_place(&error),
    };
    for attributes in [Attributes::default(), sample()] {
        let now = DateTime::<Utc>::UNIX_EPOCH;
        let value = expression.evaluate(&attributes, now);
        assert_eq!(value, expression.evaluate(&attributes, now));
        if let Err(error) = value {
            check_place(&error);
        }
    }
}

fn check_place(error: &ExpressionError) {
    assert!(error.line > 0 && error.column > 0, "{error}");
}

/// Attributes of every form, under the names that the corpus uses.
pub(crate) fn sample() -> Attributes {
    let many = ["a", "", "ß", "İ"].map(Value::from);
    [
        ("a", Field::text("Ängström 1")),
        ("b", Field::One(Value::Integer(i64::MIN))),
        ("c", Field::One(Value::Boolean(true))),
        ("d", Field::text("2026-02-28T23:59:59.999Z")),
        ("e", Field::text("")),
        ("n", Field::Null),
        ("m", Field::Many(many.into())),
    ]
    .into_iter()
    .collect()
}
