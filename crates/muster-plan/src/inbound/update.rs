//! What a decision makes of an object that exists.

use muster_model::difference::AttributeChange;
use muster_model::{AttributeName, Attributes, DisabledReason, Field, ImObject, Origin, Provenance, Value};

use super::Inbound;
use crate::change::{Change, StateChange};
use crate::enabling::{Enabler, enables};
use crate::key::{KeyHash, KeySpecs};

pub(crate) struct Update {
    pub(crate) result: Attributes,
    differences: Vec<AttributeChange>,
    provenance: Provenance,
    pub(super) state: StateChange,
    keys: (Vec<KeyHash>, Vec<KeyHash>),
}

impl Inbound {
    pub(super) fn update_of(
        &self,
        object: &ImObject,
        writes: Vec<(AttributeName, Field)>,
        enabler: Enabler,
    ) -> Update {
        let is_enabled = writes.iter().find(|(name, _)| name.as_str() == "enabled").cloned();
        let mut update = update_of(object, writes, (&self.keys, Some(self.origin())));
        if object.disabled.is_some_and(|reason| enables(enabler, reason)) {
            update.state = StateChange::Enable;
        }
        if let Some((_, wanted)) = is_enabled {
            update.state = mapped_state(object.disabled, &wanted, update.state);
        }
        update
    }
}

/// What these writes make of an object; "enabled" is not an attribute. Without an origin the values are nobody's.
pub(crate) fn update_of(
    object: &ImObject,
    writes: Vec<(AttributeName, Field)>,
    (keys, origin): (&KeySpecs, Option<Origin>),
) -> Update {
    let mut update = Update {
        result: object.attributes.clone(),
        differences: Vec::new(),
        provenance: object.provenance.clone(),
        state: StateChange::Keep,
        keys: (Vec::new(), Vec::new()),
    };
    for (name, after) in writes {
        let before = object.attributes.get(name.as_str()).clone();
        if name.as_str() == "enabled" || before == after {
            continue;
        }
        update.result.set(name.clone(), after.clone());
        if let Some(origin) = &origin {
            update.provenance.attributes.insert(name.clone(), origin.clone());
        }
        update.differences.push(AttributeChange { name, before, after });
    }
    if !update.differences.is_empty() {
        update.differences.sort_by(|a, b| a.name.cmp(&b.name));
        let before = keys.of_object(object.kind, &object.directory, &object.attributes);
        let after = keys.of_object(object.kind, &object.directory, &update.result);
        update.keys = (
            after.iter().filter(|key| !before.contains(key)).copied().collect(),
            before.iter().filter(|key| !after.contains(key)).copied().collect(),
        );
    }
    update
}

impl Update {
    pub(super) fn changes_object(&self) -> bool {
        !self.differences.is_empty() || self.state != StateChange::Keep
    }

    pub(crate) fn put_into(self, change: &mut Change) {
        change.result = self.result;
        change.differences = self.differences;
        change.provenance = Some(self.provenance);
        change.state = self.state;
        (change.keys_added, change.keys_removed) = self.keys;
    }
}

/// A mapping to `enabled` disables for its own reason, and enables only what it or absence disabled.
fn mapped_state(held: Option<DisabledReason>, wanted: &Field, otherwise: StateChange) -> StateChange {
    let Field::One(Value::Boolean(enabled)) = wanted else { return otherwise };
    match (enabled, held) {
        (true, Some(reason)) if enables(Enabler::Mapping, reason) => StateChange::Enable,
        (false, None) => StateChange::Disable(DisabledReason::Mapped),
        (false, Some(_)) if otherwise == StateChange::Enable => StateChange::Disable(DisabledReason::Mapped),
        (true, None | Some(_)) | (false, Some(_)) => otherwise,
    }
}
