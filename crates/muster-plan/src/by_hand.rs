//! Objects written by hand: what follows from a write for keys, history and those who refer to the object. The same
//! facts that a run's write changes, decided here and carried out by the caller.

use muster_model::difference::{AttributeChange, between};
use muster_model::{AttributeName, Attributes, DisabledReason, Field, ImObject, Reference, Value};

use crate::change::Action;
use crate::key::{KeyHash, KeySpecs};

/// What an object is to be like. Kind, directory and id stay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Its type within the kind.
    pub object_type: Option<String>,
    /// `None` to enable it, else why it is disabled.
    pub disabled: Option<DisabledReason>,
    /// All its attributes.
    pub attributes: Attributes,
}

/// One write by hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandChange {
    /// Whether it makes, changes, disables or deletes the object.
    pub action: Action,
    /// The object: as it was, or, if the change makes it, as it is to be.
    pub object: ImObject,
    /// What it is to be like afterwards; `None` when it is deleted.
    pub wanted: Option<Wanted>,
    /// The attributes that differ; all of them when it is deleted, none when it is made.
    pub differences: Vec<AttributeChange>,
    /// Keys that it is found by afterwards and was not before.
    pub keys_added: Vec<KeyHash>,
    /// Keys that it was found by and is no longer.
    pub keys_removed: Vec<KeyHash>,
}

/// Makes an object. Its version is 1.
#[must_use]
pub fn create(object: ImObject, keys: &KeySpecs) -> HandChange {
    let wanted = Wanted {
        object_type: object.object_type.clone(),
        disabled: object.disabled,
        attributes: object.attributes.clone(),
    };
    HandChange {
        action: Action::Create,
        keys_added: keys.of_object(object.kind, &object.directory, &object.attributes),
        wanted: Some(wanted),
        object,
        differences: Vec::new(),
        keys_removed: Vec::new(),
    }
}

/// Puts something else in the place of an object's values; `None` when all is so already.
#[must_use]
pub fn replace(object: ImObject, wanted: Wanted, keys: &KeySpecs) -> Option<HandChange> {
    let differences = between(&object.attributes, &wanted.attributes);
    if differences.is_empty()
        && object.disabled == wanted.disabled
        && object.object_type == wanted.object_type
    {
        return None;
    }
    let before = keys.of_object(object.kind, &object.directory, &object.attributes);
    let after = keys.of_object(object.kind, &object.directory, &wanted.attributes);
    let is_disabling = object.disabled.is_none() && wanted.disabled.is_some();
    Some(HandChange {
        action: if is_disabling { Action::Disable } else { Action::Update },
        object,
        wanted: Some(wanted),
        differences,
        keys_added: after.iter().filter(|key| !before.contains(key)).copied().collect(),
        keys_removed: before.iter().filter(|key| !after.contains(key)).copied().collect(),
    })
}

/// Deletes an object.
#[must_use]
pub fn delete(object: ImObject, keys: &KeySpecs) -> HandChange {
    HandChange {
        action: Action::Delete,
        differences: between(&object.attributes, &Attributes::new()),
        wanted: None,
        keys_added: Vec::new(),
        keys_removed: keys.of_object(object.kind, &object.directory, &object.attributes),
        object,
    }
}

impl HandChange {
    /// The attributes of the object by which others may refer to it and, after this, no longer can: out of `named`,
    /// those that the configuration has references by.
    #[must_use]
    pub fn forsakes<'a>(&self, keys: &KeySpecs, named: &[&'a AttributeName]) -> Vec<&'a AttributeName> {
        let is_lost = |by: &&&AttributeName| {
            let held = self.object.attributes.get(by.as_str());
            let texts = held.values().iter().map(|value| value.to_text().into_owned());
            let mut references =
                texts.map(|key| Reference { kind: self.object.kind, by: (**by).clone(), key });
            references.any(|reference| self.forsakes_reference(keys, &reference))
        };
        named.iter().filter(is_lost).copied().collect()
    }

    /// Whether an object of the same directory that holds one of these fields refers to this object by a key that
    /// is lost.
    #[must_use]
    pub fn is_referred_to(&self, keys: &KeySpecs, referring: &Attributes) -> bool {
        let references = referring.iter().flat_map(|(_, field)| Field::values(field));
        references.filter_map(Value::as_reference).any(|one| self.forsakes_reference(keys, one))
    }

    fn forsakes_reference(&self, keys: &KeySpecs, reference: &Reference) -> bool {
        let key = keys.of_reference(&self.object.directory, reference);
        key.is_some_and(|key| self.keys_removed.contains(&key))
    }
}

#[cfg(test)]
mod tests {
    use muster_model::{DirectoryId, ObjectId, ObjectKind, Provenance};
    use uuid::Uuid;

    use super::*;

    fn keys() -> KeySpecs {
        let mut keys = KeySpecs::default();
        keys.add_reference(ObjectKind::Identity, &"no".into());
        keys
    }

    fn attributes(no: &str, name: &str) -> Attributes {
        [("no", Field::text(no)), ("name", Field::text(name))].into_iter().collect()
    }

    fn object(no: &str, name: &str) -> ImObject {
        ImObject {
            id: ObjectId(Uuid::nil()),
            kind: ObjectKind::Identity,
            directory: DirectoryId::main(),
            object_type: None,
            disabled: None,
            version: 1,
            attributes: attributes(no, name),
            provenance: Provenance::default(),
        }
    }

    fn wanted(no: &str, name: &str, disabled: Option<DisabledReason>) -> Wanted {
        Wanted { object_type: None, disabled, attributes: attributes(no, name) }
    }

    #[test]
    fn what_is_so_already_is_no_change() {
        assert_eq!(replace(object("1", "Ann"), wanted("1", "Ann", None), &keys()), None);
        let by_hand = Some(DisabledReason::ByHand);
        for (no, name, disabled, action, changed, keyed) in [
            ("1", "Bea", None, Action::Update, 1, 0),
            ("2", "Bea", None, Action::Update, 2, 1),
            ("1", "Ann", by_hand, Action::Disable, 0, 0),
            ("2", "Ann", by_hand, Action::Disable, 1, 1),
        ] {
            let change = replace(object("1", "Ann"), wanted(no, name, disabled), &keys()).expect("a change");
            assert_eq!((change.action, change.differences.len()), (action, changed), "{no} {name}");
            assert_eq!((change.keys_added.len(), change.keys_removed.len()), (keyed, keyed), "{no} {name}");
        }
        let typed = Wanted { object_type: Some("guest".to_owned()), ..wanted("1", "Ann", None) };
        assert!(replace(object("1", "Ann"), typed, &keys()).is_some());
    }

    #[test]
    fn who_refers_by_a_key_that_is_lost_is_told() {
        let refers = |key: &str| -> Attributes {
            let by = Reference { kind: ObjectKind::Identity, by: "no".into(), key: key.to_owned() };
            [("boss", Field::Many(vec![Value::Reference(by)]))].into_iter().collect()
        };
        let (no, name) = (AttributeName::from("no"), AttributeName::from("name"));
        let named = [&no, &name];
        let renamed = replace(object("1", "Ann"), wanted("1", "Bea", None), &keys()).expect("a change");
        assert!(renamed.forsakes(&keys(), &named).is_empty());
        assert!(!renamed.is_referred_to(&keys(), &refers("1")));
        let renumbered = replace(object("1", "Ann"), wanted("2", "Ann", None), &keys()).expect("a change");
        for lost in [renumbered, delete(object("1", "Ann"), &keys())] {
            assert_eq!(lost.forsakes(&keys(), &named), [&no]);
            assert!(lost.is_referred_to(&keys(), &refers("1")));
            assert!(!lost.is_referred_to(&keys(), &refers("2")));
        }
    }

    #[test]
    fn all_keys_come_with_an_object_and_go_with_it() {
        let made = create(object("1", "Ann"), &keys());
        let deleted = delete(object("1", "Ann"), &keys());
        assert_eq!((made.keys_added.len(), &made.keys_added), (1, &deleted.keys_removed));
        assert_eq!((made.differences.len(), deleted.differences.len()), (0, 2));
    }
}
