//! Differences of attributes: what a change does, attribute by attribute.

use crate::attribute::{AttributeName, Attributes, Field};

/// One attribute that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttributeChange {
    /// The attribute.
    pub name: AttributeName,
    /// What it held.
    pub before: Field,
    /// What it is to hold.
    pub after: Field,
}

impl AttributeChange {
    /// Whether a value is taken away and none put in its place.
    #[must_use]
    pub fn is_clearing(&self) -> bool {
        !self.before.has_no_value() && self.after.has_no_value()
    }
}

/// The attributes in which the two differ, in the order of their names.
#[must_use]
pub fn between(before: &Attributes, after: &Attributes) -> Vec<AttributeChange> {
    let mut changes = Vec::new();
    for (name, held) in before {
        let now = after.get(name.as_str());
        if held != now {
            changes.push(AttributeChange { name: name.clone(), before: held.clone(), after: now.clone() });
        }
    }
    for (name, now) in after {
        if before.get(name.as_str()).is_absent() {
            changes.push(AttributeChange { name: name.clone(), before: Field::Absent, after: now.clone() });
        }
    }
    changes.sort_by(|a, b| a.name.cmp(&b.name));
    changes
}
