//! Changes of a plan as clients see them: what was to be done, why, and what became of it.

use muster_engine::{ExplainedMapping, Explanation};
use muster_model::configuration::application::Situation;
use muster_model::run::{Mode, Outcome};
use muster_model::{AttributeName, Field};
use muster_plan::change::{Action, MembershipChange};
use muster_plan::lifecycle::RunState;
use muster_store::{ChangeRow, ChangeState, ChangeStatus};
use serde::Serialize;
use serde_json::Value;

use super::value;

/// One change.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ChangeView {
    pub(crate) number: u32,
    pub(crate) action: &'static str,
    pub(crate) situation: &'static str,
    pub(crate) reaction: &'static str,
    pub(crate) why: Option<String>,
    pub(crate) account_key: String,
    place: Option<u64>,
    pub(crate) place_in_words: Option<String>,
    pub(crate) object_id: Option<String>,
    pub(crate) object_kind: Option<&'static str>,
    pub(crate) object_name: Option<String>,
    pub(crate) profile_id: Option<String>,
    pub(crate) enabled: Option<bool>,
    pub(crate) attributes: Vec<AttributeView>,
    pub(crate) memberships: Vec<MembershipView>,
    pub(crate) status: &'static str,
    pub(crate) message: Option<String>,
}

/// One attribute that a change changes. An absent value has no member.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AttributeView {
    pub(crate) name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) before: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) after: Option<Value>,
    pub(crate) why: Vec<MappingView>,
}

/// How an attribute gets its value, as it was configured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MappingView {
    strategy: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    take: Option<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    transformations: Vec<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<String>,
    strength: &'static str,
    /// All of it in words.
    pub(crate) text: String,
}

impl From<&ExplainedMapping> for MappingView {
    fn from(mapping: &ExplainedMapping) -> Self {
        Self {
            strategy: mapping.strategy,
            source: mapping.source.clone(),
            take: mapping.take,
            transformations: mapping.transformations.clone(),
            rule: mapping.rule.clone(),
            strength: mapping.strength,
            text: mapping.to_string(),
        }
    }
}

/// Memberships that an account gains and loses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MembershipView {
    pub(crate) attribute: String,
    pub(crate) add: Vec<String>,
    pub(crate) remove: Vec<String>,
}

/// What is said to have become of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeStanding {
    /// Its turn has not come.
    Planned,
    /// It has been applied.
    Applied,
    /// The run ended before its turn.
    NotApplied,
    /// It ended otherwise.
    Ended(Outcome),
}

impl ChangeStanding {
    /// All that may be said.
    pub fn all() -> impl Iterator<Item = Self> {
        let otherwise = Outcome::ALL.into_iter().filter(|outcome| *outcome != Outcome::NotApplied);
        [Self::Planned, Self::Applied, Self::NotApplied].into_iter().chain(otherwise.map(Self::Ended))
    }

    /// The word for it in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Planned => "PLANNED",
            Self::Applied => "APPLIED",
            Self::NotApplied | Self::Ended(Outcome::NotApplied) => "NOT_APPLIED",
            Self::Ended(Outcome::Created) => "CREATED",
            Self::Ended(Outcome::Updated) => "UPDATED",
            Self::Ended(Outcome::Unchanged) => "UNCHANGED",
            Self::Ended(Outcome::Filtered) => "FILTERED",
            Self::Ended(Outcome::Disabled) => "DISABLED",
            Self::Ended(Outcome::Deleted) => "DELETED",
            Self::Ended(Outcome::Unlinked) => "UNLINKED",
            Self::Ended(Outcome::Ignored) => "IGNORED",
            Self::Ended(Outcome::Reported) => "REPORTED",
            Self::Ended(Outcome::Failed) => "FAILED",
            Self::Ended(Outcome::Stale) => "STALE",
        }
    }

    /// What the store calls it in a run that stands so; `None` where no change of such a run can stand so.
    #[must_use]
    pub fn in_run(self, state: RunState) -> Option<ChangeState> {
        match self {
            Self::Planned | Self::NotApplied => (waiting(state) == self).then_some(ChangeState::Planned),
            Self::Applied => Some(ChangeState::Applied),
            Self::Ended(outcome) => Some(ChangeState::Ended(outcome)),
        }
    }
}

impl ChangeView {
    /// A change of a run that stands where `state` says, in the light of the run's configuration.
    #[must_use]
    pub fn new(change: &ChangeRow, state: RunState, explanation: &Explanation) -> Self {
        let (standing, message) = match &change.status {
            ChangeStatus::Planned => (waiting(state), None),
            ChangeStatus::Applied => (ChangeStanding::Applied, None),
            ChangeStatus::Ended { outcome, message } => {
                (ChangeStanding::Ended(*outcome), Some(message.clone()))
            }
        };
        let situation: Situation = change.situation;
        Self {
            number: change.number,
            action: change.action.as_str(),
            situation: situation.as_str(),
            reaction: change.reaction.as_str(),
            why: explanation.why(change),
            account_key: change.uid.clone(),
            place: change.place,
            place_in_words: explanation.place(change),
            object_id: change.object.map(|id| id.to_string()),
            object_kind: explanation.kind(change).map(|kind| kind.as_str()),
            object_name: explanation.name(change),
            profile_id: change.profile.clone(),
            enabled: match change.state {
                0 => None,
                1 => Some(true),
                _ => Some(false),
            },
            attributes: attributes(change, explanation),
            memberships: change.memberships.iter().map(Into::into).collect(),
            status: standing.as_str(),
            message,
        }
    }
}

/// What is to be said of a change whose turn has not come. Of a simulation it never comes.
fn waiting(state: RunState) -> ChangeStanding {
    match (state.mode, state.is_terminal()) {
        (Mode::Apply, true) => ChangeStanding::NotApplied,
        (Mode::Apply, false) | (Mode::Simulate, _) => ChangeStanding::Planned,
    }
}

/// A create has all attributes and nothing before them; other changes those that differ.
fn attributes(change: &ChangeRow, explanation: &Explanation) -> Vec<AttributeView> {
    let view = |name: &AttributeName, before: &Field, after: &Field| AttributeView {
        name: name.as_str().to_owned(),
        before: value::field(before),
        after: value::field(after),
        // What goes with its object no mapping has cleared.
        why: match change.action {
            Action::Delete => Vec::new(),
            Action::Create
            | Action::Link
            | Action::Update
            | Action::Refresh
            | Action::Disable
            | Action::Unlink
            | Action::MarkGone => explanation.mappings(change, name).iter().map(Into::into).collect(),
        },
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
            assert_eq!(waiting(state).as_str(), expected, "{mode:?} {status:?}");
        }
    }
}
