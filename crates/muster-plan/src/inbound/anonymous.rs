//! Anonymized objects: what sources said of a person is taken away, and comes back with the person.

use std::borrow::Cow;

use muster_model::configuration::application::{Direction, ObjectClass, ObjectTypeMapping};
use muster_model::text::push_hex;
use muster_model::{AttributeName, DisabledReason, Field, ImObject, ObjectId, Origin};

use crate::digest::hash;

/// What the names of anonymized objects begin with.
const PREFIX: &str = "user-";

/// Octets of the hash of an id that stand in the name of an anonymized object: enough for two of a directory never
/// to share one in practice.
const NAME_OCTETS: usize = 8;

/// What goes when an object is anonymized, and what stays.
#[derive(Debug, Clone, Default)]
pub struct Anonymizing {
    /// The attributes that people know objects by.
    names: Vec<AttributeName>,
    /// The copies of the keys of accounts, by which objects are found again.
    keys: Vec<AttributeName>,
    /// The attributes that sources give.
    given: Vec<AttributeName>,
}

impl Anonymizing {
    /// Adds what a source says of its objects.
    pub fn add(&mut self, mapping: &ObjectTypeMapping, class: &ObjectClass) {
        self.names.extend(mapping.name_of_objects(class).cloned());
        self.keys.extend(mapping.copy_of(&class.uid_attribute).cloned());
        let inbound = mapping.attribute_mappings.iter().filter(|m| m.direction == Direction::Inbound);
        self.given.extend(inbound.map(|mapping| mapping.attribute.clone()));
    }

    /// The attributes that people know objects by.
    #[must_use]
    pub fn names(&self) -> &[AttributeName] {
        &self.names
    }

    /// Whether the object has the name of an anonymized one.
    #[must_use]
    pub fn has_anonymized(&self, object: &ImObject) -> bool {
        let is_anonymous = |name: &AttributeName| match object.attributes.get(name.as_str()) {
            Field::One(value) => {
                let name = value.to_text();
                name.starts_with(PREFIX) && name == name_of(object.id)
            }
            Field::Absent | Field::Null | Field::Many(_) => false,
        };
        self.names.iter().any(is_anonymous)
    }

    /// What anonymizing writes: the other name, and nothing into what sources of this origin gave but their keys.
    pub(crate) fn writes(
        &self,
        object: &ImObject,
        is_of: impl Fn(&Origin) -> bool,
    ) -> Vec<(AttributeName, Field)> {
        let is_taken = |name: &AttributeName| {
            let stays = self.names.contains(name) || self.keys.contains(name);
            !stays && self.given.contains(name) && object.provenance.of(name.as_str()).is_some_and(&is_of)
        };
        let held = object.attributes.iter().map(|(name, _)| name);
        let taken = held.filter(|name| is_taken(name)).map(|name| (name.clone(), Field::Absent));
        let named = self.names.iter().map(|name| (name.clone(), Field::text(name_of(object.id))));
        taken.chain(named).collect()
    }

    /// Whether an account leaves the object as it is: whoever was anonymized for having been away comes back by hand.
    pub(super) fn holds_off(&self, object: &ImObject) -> bool {
        object.disabled == Some(DisabledReason::Inactive) && self.has_anonymized(object)
    }

    /// The object as mappings look at it: the name of an anonymized one is none that a WEAK mapping leaves alone.
    pub(super) fn without_name<'a>(&self, object: &'a ImObject) -> Cow<'a, ImObject> {
        let mut seen = Cow::Borrowed(object);
        if self.has_anonymized(object) {
            for name in &self.names {
                seen.to_mut().attributes.set(name.clone(), Field::Absent);
            }
        }
        seen
    }
}

/// The name of an anonymized object: short, and always the same of one object.
#[must_use]
pub fn name_of(id: ObjectId) -> String {
    let mut name = PREFIX.to_owned();
    push_hex(&mut name, &hash(id.0.as_bytes())[..NAME_OCTETS]);
    name
}
