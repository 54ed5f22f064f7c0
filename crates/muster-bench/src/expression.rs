//! Expressions alone: a typical one, evaluated for people made from a seed.

use std::hint::black_box;

use chrono::DateTime;
use muster_model::{Attributes, Field};
use muster_plan::expression::Expression;
use muster_testkit::people::{BadLines, COLUMNS, Day, Export};

use crate::error::Error;

/// As mappings make a mail address: three functions over two attributes, and a text of their results.
const TYPICAL: &str = r#"lower(givenName) + "." + lower(trim(surname)) + "@example.com""#;

/// More people than fit into the nearest caches.
const PEOPLE: u64 = 10_000;

/// The attributes of some people, as a connector reads them.
pub(crate) fn people() -> Vec<Attributes> {
    let export = Export { count: PEOPLE, seed: 1, day: Day::First, bad_lines: BadLines::None };
    let accounts = export.people().map(|person| {
        let fields =
            person.values().map(|value| if value.is_empty() { Field::Absent } else { Field::text(value) });
        COLUMNS.into_iter().zip(fields).collect()
    });
    accounts.collect()
}

/// Evaluates the expression so many times, for one after the other.
///
/// # Errors
/// When it has no value for somebody.
pub(crate) fn evaluate(people: &[Attributes], times: u64) -> Result<u64, Error> {
    let expression = Expression::compile(TYPICAL)?;
    let mut evaluated = 0;
    for (_, person) in (0..times).zip(people.iter().cycle()) {
        black_box(expression.evaluate(person, DateTime::UNIX_EPOCH)?);
        evaluated += 1;
    }
    Ok(evaluated)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_has_an_address() {
        let people = people();
        assert_eq!(evaluate(&people, 2 * PEOPLE + 1).unwrap(), 2 * PEOPLE + 1);
        let expression = Expression::compile(TYPICAL).unwrap();
        let value = expression.evaluate(&people[0], DateTime::UNIX_EPOCH).unwrap();
        assert!(value.first().unwrap().to_text().ends_with("@example.com"));
    }
}
