//! Changes of a plan as clients see them: what was to be done, why, and what became of it.

use muster_model::configuration::application::Situation;
use muster_model::run::{Mode, Outcome};
use muster_model::{AttributeName, Field};
use muster_plan::change::{Action, MembershipChange};
use muster_plan::lifecycle::RunState;
use muster_store::{ChangeRow, ChangeStatus};
use serde::Serialize;
use serde_json::Value;

use super::value;

/// One change.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ChangeView {
    number: u32,
    action: &'static str,
    situation: &'static str,
    reaction: &'static str,
    why: Option<String>,
    account_key: String,
    place: Option<u64>,
    object_id: Option<String>,
    profile_id: Option<String>,
    enabled: Option<bool>,
    attributes: Vec<AttributeView>,
    memberships: Vec<MembershipView>,
    status: String,
    message: Option<String>,
}

/// One attribute that a change changes. An absent value has no member.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AttributeView {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<Value>,
}

/// Memberships that an account gains and loses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MembershipView {
    attribute: String,
    add: Vec<String>,
    remove: Vec<String>,
}

impl ChangeView {
    /// A change of a run that stands where `state` says.
    #[must_use]
    pub fn new(change: &ChangeRow, state: RunState) -> Self {
        let (status, message) = match &change.status {
            ChangeStatus::Planned => (waiting(state).to_owned(), None),
            ChangeStatus::Applied => ("APPLIED".to_owned(), None),
            ChangeStatus::Ended { outcome, message } => (ended(*outcome), Some(message.clone())),
        };
        let situation: Situation = change.situation;
        Self {
            number: change.number,
            action: change.action.as_str(),
            situation: situation.as_str(),
            reaction: change.reaction.as_str(),
            why: change.why.clone(),
            account_key: change.uid.clone(),
            place: change.place,
            object_id: change.object.map(|id| id.to_string()),
            profile_id: change.profile.clone(),
            enabled: match change.state {
                0 => None,
                1 => Some(true),
                _ => Some(false),
            },
            attributes: attributes(change),
            memberships: change.memberships.iter().map(Into::into).collect(),
            status,
            message,
        }
    }
}

/// What is to be said of a change whose turn has not come. Of a simulation it never comes.
fn waiting(state: RunState) -> &'static str {
    match (state.mode, state.is_terminal()) {
        (Mode::Apply, true) => "NOT_APPLIED",
        (Mode::Apply, false) | (Mode::Simulate, _) => "PLANNED",
    }
}

fn ended(outcome: Outcome) -> String {
    outcome.as_str().to_uppercase()
}

/// A create has all attributes and nothing before them; other changes those that differ.
fn attributes(change: &ChangeRow) -> Vec<AttributeView> {
    let view = |name: &AttributeName, before: &Field, after: &Field| AttributeView {
        name: name.as_str().to_owned(),
        before: value::field(before),
        after: value::field(after),
    };
    if change.action == Action::Create {
        return change.result.iter().map(|(name, after)| view(name, &Field::Absent, after)).collect();
    }
    change.before.iter().map(|(name, before)| view(name, before, change.result.get(name.as_str()))).collect()
}

impl From<&MembershipChange> for MembershipView {
    fn from(change: &MembershipChange) -> Self {
        Self {
            attribute: change.attribute.as_str().to_owned(),
            add: change.add.clone(),
            remove: change.remove.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use muster_model::run::ProgressStatus;
    use muster_plan::lifecycle::Absence;

    use super::*;

    #[test]
    fn a_turn_that_has_not_come_never_comes_after_the_end() {
        use ProgressStatus::{Finished, Held, Running};
        for (mode, status, expected) in [
            (Mode::Apply, Running, "PLANNED"),
            (Mode::Apply, Held, "PLANNED"),
            (Mode::Apply, Finished, "NOT_APPLIED"),
            (Mode::Simulate, Running, "PLANNED"),
            (Mode::Simulate, Finished, "PLANNED"),
        ] {
            let state = RunState { status, ..RunState::launched(mode, Absence::Concluded) };
            assert_eq!(waiting(state), expected, "{mode:?} {status:?}");
        }
    }
}
