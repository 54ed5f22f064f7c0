//! Conditions: what is taken is written and read as itself. It holds or not, the same each time, and the opposite of its negation.

use muster_model::Attributes;
use muster_model::condition::Condition;

use super::expression::sample;
use crate::text;

pub(crate) fn run(octets: &[u8]) {
    let text = text(octets);
    let condition = match Condition::parse(text) {
        Ok(condition) => condition,
        Err(error) => return assert!(text.is_char_boundary(error.position), "{error}"),
    };
    assert_eq!(Condition::parse(&condition.to_string()).as_ref(), Ok(&condition), "{text}");
    for attributes in [Attributes::default(), sample()] {
        let holds = condition.holds(&attributes);
        assert_eq!(holds, condition.holds(&attributes));
        // Around a long or deep one the negation may be too much.
        if let Ok(negated) = Condition::parse(&format!("not ({text})")) {
            assert_eq!(negated.holds(&attributes), !holds, "{text}");
        }
    }
}
