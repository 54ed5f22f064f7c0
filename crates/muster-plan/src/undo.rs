//! Undoing: the inverse of what a synchronization run did, change by change. Only what is as that run left it is
//! undone. Whether it stays so until the inverse is applied is asked by whoever applies it.

use muster_model::configuration::application::{Reaction, Situation};
use muster_model::difference::AttributeChange;
use muster_model::shadow::ShadowState;
use muster_model::{AttributeName, Attributes, DirectoryId, Field, ImObject, ObjectKind, Value};

use crate::change::{Action, Change, ObjectBase, Replaced, StateChange, Subject};
use crate::decision::ShadowFacts;
use crate::inbound::{OtherSource, all_cleared, bare_change};
use crate::key::{KeyHash, KeySpecs};

const GONE: &str = "the object does not exist any more";
const CHANGED: &str = "the object has changed since";
const HELD: &str = "another source holds the object by now";
const THERE: &str = "the object exists";
const TAKEN: &str = "the account does not belong to the object any more, or belongs to another";
const UNKNOWN: &str = "an older version of Muster did it, which did not keep what was replaced";

/// A change that a run applied.
#[derive(Debug, Clone, Copy)]
pub struct AppliedChange<'a> {
    /// What it did.
    pub action: Action,
    /// What had been found.
    pub situation: Situation,
    /// The account's key.
    pub uid: &'a str,
    /// Where the account stood in its source.
    pub place: Option<u64>,
    /// The object, and the version that the change was decided on.
    pub object: Option<ObjectBase>,
    /// Whether it changed "enabled".
    pub changed_state: bool,
    /// What the changed attributes held before.
    pub before: &'a [(AttributeName, Field)],
    /// What else it replaced.
    pub replaced: Option<&'a Replaced>,
}

/// What the store knows about it now.
#[derive(Debug, Clone, Copy)]
pub struct UndoFacts<'a> {
    /// The object, if it exists.
    pub object: Option<&'a ImObject>,
    /// The version of the object that the run replaced, as its history has it.
    pub written: Option<u32>,
    /// The shadow of the account.
    pub shadow: Option<&'a ShadowFacts>,
    /// Whether another source holds a live shadow of the object.
    pub other_source: OtherSource,
}

/// What undoes a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Inverse {
    /// There is nothing to undo.
    Nothing,
    /// This change.
    Change(Box<Change>),
    /// This one would, if it were not for something that happened since.
    LeftOut(Box<Change>, &'static str),
}

impl AppliedChange<'_> {
    /// The version of the object that the change left.
    fn left(&self, written: Option<u32>) -> u32 {
        let base = self.object.map_or(0, |object| object.version);
        let touched = self.changed_state || !self.before.is_empty() || self.action == Action::Create;
        written.map_or(base + u32::from(touched), |written| written + 1)
    }

    fn inverse(&self, action: Action, subject: Subject) -> Change {
        let reaction = match action {
            Action::Create => Reaction::Create,
            Action::Link => Reaction::Link,
            Action::Update => Reaction::Synchronize,
            Action::Refresh | Action::MarkGone => Reaction::Ignore,
            Action::Disable => Reaction::Disable,
            Action::Delete => Reaction::Delete,
            Action::Unlink => Reaction::Unlink,
        };
        let mut change = bare_change(action, self.situation, reaction, self.uid);
        change.subject = subject;
        change.place = self.place;
        change.object = self.object;
        change
    }
}

/// What undoing needs to know of what wrote the changes.
#[derive(Debug, Clone, Copy)]
pub struct Undoing<'a> {
    /// The kind of the objects.
    pub kind: ObjectKind,
    /// Their population.
    pub directory: &'a DirectoryId,
    /// The keys that they are found by.
    pub keys: &'a KeySpecs,
    /// What the changes were about.
    pub subject: Subject,
}

impl Undoing<'_> {
    /// The keys of the objects that fields refer to.
    pub(crate) fn references<'f>(&self, fields: impl Iterator<Item = &'f Field>) -> Vec<KeyHash> {
        fields
            .flat_map(Field::values)
            .filter_map(Value::as_reference)
            .filter_map(|reference| self.keys.of_reference(self.directory, reference))
            .collect()
    }

    /// The inverse of a change, as far as nothing speaks against it.
    #[must_use]
    pub fn undo(&self, applied: &AppliedChange<'_>, facts: &UndoFacts<'_>) -> Inverse {
        match applied.action {
            Action::Create => self.unmake(applied, facts),
            Action::Delete => self.remake(applied, facts),
            Action::Link => self.put_back(Action::Unlink, applied, facts),
            Action::Unlink => self.put_back(Action::Link, applied, facts),
            Action::Update | Action::Disable => self.put_back(Action::Update, applied, facts),
            // Whether the account exists is put back. What else is remembered of it does no harm.
            Action::MarkGone | Action::Refresh => match (applied.replaced, facts.shadow) {
                (Some(before), Some(shadow)) if before.state != Some(shadow.state) => {
                    self.put_back(Action::Refresh, applied, facts)
                }
                (Some(_) | None, Some(_) | None) => Inverse::Nothing,
            },
        }
    }

    /// Deletes what was made.
    fn unmake(&self, applied: &AppliedChange<'_>, facts: &UndoFacts<'_>) -> Inverse {
        let mut change = applied.inverse(Action::Delete, self.subject);
        let Some(object) = facts.object else { return Inverse::LeftOut(change.into(), GONE) };
        change.object = Some(ObjectBase { id: object.id, version: object.version });
        change.differences = all_cleared(&object.attributes);
        change.keys_removed = self.keys.of_object(object.kind, &object.directory, &object.attributes);
        change.replaced = Some(replaced(facts.shadow, object));
        let shadow = facts.shadow.filter(|shadow| shadow.owner == Some(object.id));
        let is_linked = shadow.is_some() || self.subject == Subject::Object;
        change.shadow = shadow.map(|shadow| shadow.base);
        match facts.other_source {
            _ if object.version != applied.left(facts.written) => Inverse::LeftOut(change.into(), CHANGED),
            _ if !is_linked => Inverse::LeftOut(change.into(), TAKEN),
            OtherSource::HoldsLiveShadow => Inverse::LeftOut(change.into(), HELD),
            OtherSource::None => Inverse::Change(change.into()),
        }
    }

    /// Makes again what was deleted, under its id.
    fn remake(&self, applied: &AppliedChange<'_>, facts: &UndoFacts<'_>) -> Inverse {
        let mut change = applied.inverse(Action::Create, self.subject);
        change.object = applied.object.map(|object| ObjectBase { version: 0, ..object });
        let held = applied.before.iter().filter(|(_, field)| !field.is_absent());
        change.result = held.cloned().collect();
        change.keys_added = self.keys.of_object(self.kind, self.directory, &change.result);
        change.references = self.references(change.result.iter().map(|(_, field)| field));
        let Some(before) = applied.replaced else { return Inverse::LeftOut(change.into(), UNKNOWN) };
        change.provenance = Some(before.provenance.clone().unwrap_or_default());
        change.snapshot = before.snapshot.clone().unwrap_or_default();
        change.state = before.disabled.map_or(StateChange::Keep, StateChange::Disable);
        change.replaced =
            Some(Box::new(Replaced { object_type: before.object_type.clone(), ..Replaced::default() }));
        match (facts.object, facts.shadow) {
            (Some(_), _) => Inverse::LeftOut(change.into(), THERE),
            (None, Some(_)) => Inverse::LeftOut(change.into(), TAKEN),
            (None, None) => Inverse::Change(change.into()),
        }
    }

    /// Puts the values back that were replaced, and the account where it was.
    fn put_back(&self, action: Action, applied: &AppliedChange<'_>, facts: &UndoFacts<'_>) -> Inverse {
        let mut change = applied.inverse(action, self.subject);
        let Some(object) = facts.object else { return Inverse::LeftOut(change.into(), GONE) };
        change.object = Some(ObjectBase { id: object.id, version: object.version });
        let Some(before) = applied.replaced else { return Inverse::LeftOut(change.into(), UNKNOWN) };
        let mine = facts.shadow.filter(|shadow| shadow.owner == Some(object.id));
        let is_as_left = match action {
            Action::Link => facts.shadow.is_none(),
            Action::Create
            | Action::Update
            | Action::Refresh
            | Action::Disable
            | Action::Delete
            | Action::Unlink
            | Action::MarkGone => mine.is_some() || self.subject == Subject::Object,
        };
        change.shadow = mine.map(|shadow| shadow.base);
        self.put_values_back(&mut change, object, (applied, before));
        let was_gone = before.state == Some(ShadowState::Gone);
        change.action = match (action, change.state) {
            (Action::Update | Action::Refresh, StateChange::Disable(_)) if was_gone => Action::Disable,
            (Action::Update | Action::Refresh, _) if was_gone => Action::MarkGone,
            (Action::Update, StateChange::Keep) if change.differences.is_empty() => Action::Refresh,
            _ => action,
        };
        // An account that was disabled with its object was met no more; what was read of it stays as it was.
        let remembered = match applied.action {
            Action::Update | Action::Unlink => before.snapshot.clone(),
            Action::Create
            | Action::Link
            | Action::Refresh
            | Action::Disable
            | Action::Delete
            | Action::MarkGone => mine.map(|shadow| shadow.snapshot.clone()),
        };
        change.snapshot = remembered.unwrap_or_default();
        change.replaced = Some(replaced(mine, object));
        if object.version != applied.left(facts.written) {
            return Inverse::LeftOut(change.into(), CHANGED);
        }
        if is_as_left { Inverse::Change(change.into()) } else { Inverse::LeftOut(change.into(), TAKEN) }
    }

    fn put_values_back(
        &self,
        change: &mut Change,
        object: &ImObject,
        (applied, before): (&AppliedChange<'_>, &Replaced),
    ) {
        change.result = object.attributes.clone();
        for (name, held) in applied.before {
            let now = object.attributes.get(name.as_str()).clone();
            if now != *held {
                change.result.set(name.clone(), held.clone());
                let (name, after) = (name.clone(), held.clone());
                change.differences.push(AttributeChange { name, before: now, after });
            }
        }
        change.provenance = Some(before.provenance.clone().unwrap_or_else(|| object.provenance.clone()));
        change.state = match before.disabled {
            _ if !applied.changed_state || before.disabled == object.disabled => StateChange::Keep,
            None => StateChange::Enable,
            Some(reason) => StateChange::Disable(reason),
        };
        let keys = |attributes: &Attributes| self.keys.of_object(object.kind, &object.directory, attributes);
        let (now, then) = (keys(&object.attributes), keys(&change.result));
        change.keys_added = then.iter().filter(|key| !now.contains(key)).copied().collect();
        change.keys_removed = now.iter().filter(|key| !then.contains(key)).copied().collect();
        change.references = self.references(change.result.iter().map(|(_, field)| field));
    }
}

/// What a change replaces of an object and of what is remembered of its account.
pub(crate) fn replaced(shadow: Option<&ShadowFacts>, object: &ImObject) -> Box<Replaced> {
    Box::new(Replaced {
        snapshot: shadow.map(|shadow| shadow.snapshot.clone()),
        state: shadow.map(|shadow| shadow.state),
        provenance: Some(object.provenance.clone()),
        disabled: object.disabled,
        object_type: object.object_type.clone(),
    })
}
