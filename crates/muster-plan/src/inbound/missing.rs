//! Accounts that a complete sweep of a source did not meet.

use muster_model::configuration::application::{Reaction, Situation};
use muster_model::difference::AttributeChange;
use muster_model::error::ErrorCode;
use muster_model::{Attributes, DisabledReason, Field, ImObject};

use super::{Inbound, bare_change};
use crate::change::{Action, Change, ObjectBase, StateChange};
use crate::decision::{Decision, Problem, ShadowFacts};
use crate::enabling::Enabler;
use crate::undo::replaced;

/// Whether another source still holds a live shadow of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OtherSource {
    /// One does.
    HoldsLiveShadow,
    /// None does.
    None,
}

impl Inbound {
    /// Decides about a shadow whose account a complete sweep did not meet.
    #[must_use]
    pub fn decide_missing(
        &self,
        shadow: &ShadowFacts,
        owner: Option<&ImObject>,
        other_source: OtherSource,
    ) -> Decision {
        if self.is_overtaken(Some(shadow)) {
            return Decision::overtaken();
        }
        let situation = Situation::Missing;
        let reaction = self.rules.reaction(situation);
        let Some(object) = owner else {
            let mut change = bare_change(Action::MarkGone, situation, reaction, &shadow.uid);
            change.shadow = Some(shadow.base);
            return Decision::change(change);
        };
        let removes =
            matches!(reaction, Reaction::Disable | Reaction::Anonymize | Reaction::Delete | Reaction::Unlink);
        if removes && self.rules.is_protected(object) {
            let message = format!("account `{}` is gone; object {} is protected", shadow.uid, object.id);
            return Decision::left_alone(situation, Reaction::Report, missing(message));
        }
        let action = match (reaction, other_source) {
            (Reaction::Disable | Reaction::Anonymize | Reaction::Delete, OtherSource::HoldsLiveShadow) => {
                Action::MarkGone
            }
            (Reaction::Disable | Reaction::Anonymize, OtherSource::None) => Action::Disable,
            (Reaction::Delete, OtherSource::None) => Action::Delete,
            (Reaction::Unlink, _) => Action::Unlink,
            (Reaction::Synchronize | Reaction::Link | Reaction::Create, _)
            | (Reaction::Ignore | Reaction::Report, _) => {
                let message = format!("account `{}` is gone from the source", shadow.uid);
                return Decision::left_alone(situation, reaction, missing(message));
            }
        };
        let mut change = bare_change(action, situation, reaction, &shadow.uid);
        change.shadow = Some(shadow.base);
        change.object = Some(ObjectBase { id: object.id, version: object.version });
        change.replaced = Some(replaced(Some(shadow), object));
        match action {
            Action::Disable => self.disable_missing(object, &mut change),
            Action::Delete => {
                change.keys_removed = self.keys.of_object(object.kind, &object.directory, &object.attributes);
                change.differences = all_cleared(&object.attributes);
            }
            Action::MarkGone => change.why = Some("another source still holds the object".to_owned()),
            Action::Create | Action::Link | Action::Update | Action::Refresh | Action::Unlink => {}
        }
        Decision::change(change)
    }

    /// Disables an object, and takes away what the reaction and the group rules say.
    fn disable_missing(&self, object: &ImObject, change: &mut Change) {
        let groups = self.rules.groups.as_ref();
        let mut writes = Vec::new();
        if change.reaction == Reaction::Anonymize {
            writes = self.anonymizing.writes(object, |origin| origin.application == self.application);
            // Where there are group rules they say what becomes of the groups.
            writes.retain(|(name, _)| groups.is_none_or(|groups| groups.attribute != *name));
        }
        if let Some(groups) = groups {
            writes.extend(groups.left_to_missing(object).map(|left| (groups.attribute.clone(), left)));
        }
        if !writes.is_empty() {
            let update = self.update_of(object, writes, Enabler::NewAccount);
            change.references = self.references(update.result.iter().map(|(_, field)| field));
            update.put_into(change);
        }
        if object.disabled.is_none() {
            change.state = StateChange::Disable(DisabledReason::Missing);
            change.why = Some("no source has it any more".to_owned());
        }
    }
}

/// What deleting an object clears.
pub(crate) fn all_cleared(attributes: &Attributes) -> Vec<AttributeChange> {
    attributes
        .iter()
        .map(|(name, held)| AttributeChange {
            name: name.clone(),
            before: held.clone(),
            after: Field::Absent,
        })
        .collect()
}

#[expect(clippy::unnecessary_wraps, reason = "every caller needs an option")]
fn missing(message: String) -> Option<Problem> {
    Some(Problem { code: ErrorCode::NotFound, message })
}
