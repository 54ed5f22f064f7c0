//! Whether a condition holds. Decides on values alone; never fails.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::{Bound, Literal, Node, Order, Test};
use crate::attribute::{AttributeSource, Field, Value, encode_base64, parse_date_time};

pub(super) fn holds(node: &Node, source: &dyn AttributeSource) -> bool {
    match node {
        Node::And(parts) => parts.iter().all(|part| holds(part, source)),
        Node::Or(parts) => parts.iter().any(|part| holds(part, source)),
        Node::Not(part) => !holds(part, source),
        Node::Test { attribute, test } => passes(test, &source.field(attribute.as_str())),
    }
}

pub(super) fn passes(test: &Test, field: &Field) -> bool {
    match test {
        Test::Present => field.values().iter().any(is_not_empty),
        Test::Equal(literal) => equals(field, literal),
        Test::NotEqual(literal) => !equals(field, literal),
        Test::Contains(text) => any_text(field, text, |value, part| value.contains(part)),
        Test::StartsWith(text) => any_text(field, text, |value, part| value.starts_with(part)),
        Test::EndsWith(text) => any_text(field, text, |value, part| value.ends_with(part)),
        Test::Ordered(order, bound) => field.values().iter().any(|value| is_ordered(value, *order, bound)),
    }
}

fn is_not_empty(value: &Value) -> bool {
    !matches!(value, Value::String(text) if text.is_empty())
}

fn equals(field: &Field, literal: &Literal) -> bool {
    let values = field.values();
    match literal {
        Literal::Null => values.is_empty(),
        Literal::Boolean(wanted) => values.contains(&Value::Boolean(*wanted)),
        Literal::Integer(wanted) => values.contains(&Value::Integer(*wanted)),
        Literal::Text(wanted) => values.iter().any(|value| is_text(value, wanted)),
    }
}

fn is_text(value: &Value, wanted: &str) -> bool {
    match value {
        Value::String(text) => is_same_folded(text, wanted),
        Value::Reference(reference) => is_same_folded(&reference.key, wanted),
        Value::DateTime(instant) => parse_date_time(wanted) == Some(*instant),
        Value::Binary(octets) => encode_base64(octets) == wanted,
        Value::Integer(_) | Value::Boolean(_) => false,
    }
}

fn is_same_folded(a: &str, b: &str) -> bool {
    if a.is_ascii() && b.is_ascii() { a.eq_ignore_ascii_case(b) } else { fold_case(a) == fold_case(b) }
}

fn any_text(field: &Field, part: &str, fits: fn(&str, &str) -> bool) -> bool {
    let part = fold_case(part);
    field.values().iter().any(|value| match value {
        Value::String(text) => fits(&fold_case(text), &part),
        Value::Reference(reference) => fits(&fold_case(&reference.key), &part),
        Value::DateTime(_) => fits(&fold_case(&value.to_text()), &part),
        Value::Integer(_) | Value::Boolean(_) | Value::Binary(_) => false,
    })
}

fn is_ordered(value: &Value, order: Order, bound: &Bound) -> bool {
    compare(value, bound).is_some_and(|value_to_bound| order.admits(value_to_bound))
}

/// `None` for values that have no order with the bound.
fn compare(value: &Value, bound: &Bound) -> Option<Ordering> {
    match (value, bound) {
        (Value::String(text), Bound::Text(bound)) => Some(fold_case(text).cmp(&fold_case(bound))),
        (Value::Reference(reference), Bound::Text(bound)) => {
            Some(fold_case(&reference.key).cmp(&fold_case(bound)))
        }
        (Value::DateTime(instant), Bound::Text(bound)) => {
            parse_date_time(bound).map(|bound| instant.cmp(&bound))
        }
        (Value::Integer(number), Bound::Integer(bound)) => Some(number.cmp(bound)),
        (Value::Integer(_) | Value::Boolean(_) | Value::Binary(_), Bound::Text(_))
        | (
            Value::String(_)
            | Value::Reference(_)
            | Value::DateTime(_)
            | Value::Boolean(_)
            | Value::Binary(_),
            Bound::Integer(_),
        ) => None,
    }
}

/// The text as conditions compare it: each character in Unicode's lower case, without regard to those around
/// it. Whoever compiles a condition into another language binds and stores texts in this form.
#[must_use]
pub fn fold_case(text: &str) -> Cow<'_, str> {
    let is_folded = |c: char| {
        if c.is_ascii() { !c.is_ascii_uppercase() } else { c.to_lowercase().eq(std::iter::once(c)) }
    };
    if text.chars().all(is_folded) {
        return Cow::Borrowed(text);
    }
    if text.is_ascii() {
        return Cow::Owned(text.to_ascii_lowercase());
    }
    Cow::Owned(text.chars().flat_map(char::to_lowercase).collect())
}
