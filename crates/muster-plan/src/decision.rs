//! Decisions: what comes of one entry, as a value.

use std::panic::{AssertUnwindSafe, catch_unwind};

use muster_model::configuration::application::{Reaction, Situation};
use muster_model::error::ErrorCode;
use muster_model::run::Outcome;
use muster_model::shadow::ShadowState;
use muster_model::{AttributeSource, Attributes, ConfigurationId, DisabledReason, ObjectId};

use crate::change::{Change, ShadowBase};

/// An account as it was read.
#[derive(Clone, Copy)]
pub struct AccountView<'a> {
    /// Its key.
    pub uid: &'a str,
    /// Where it stood in its source.
    pub place: Option<u64>,
    /// Whether it is enabled; `None` where the system has no such notion.
    pub enabled: Option<bool>,
    /// What it holds.
    pub attributes: &'a dyn AttributeSource,
}

/// What the store knows of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShadowFacts {
    /// The shadow and its version.
    pub base: ShadowBase,
    /// The account's key.
    pub uid: String,
    /// Whether the account exists, as far as is known.
    pub state: ShadowState,
    /// The object it belongs to.
    pub owner: Option<ObjectId>,
    /// What the rules read of it at the last decision.
    pub snapshot: Attributes,
    /// Outbound, the profile that granted it last.
    pub profile: Option<ConfigurationId>,
    /// Outbound, the entitlements that it was granted by the last decision that was applied.
    pub granted: Vec<String>,
    /// Outbound, why the last change disabled the account.
    pub disabled: Option<DisabledReason>,
    /// Where a run of single accounts wrote it last: the newest run there was by then, by its number. What runs up to that
    /// one have read of the account may be older.
    pub read_by: Option<i64>,
}

/// Something to tell people about one entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What kind of problem.
    pub code: ErrorCode,
    /// What was seen and what to do.
    pub message: String,
}

/// What comes of one entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// What was found; `None` where it was not looked for, for a filtered or failed entry.
    pub situation: Option<Situation>,
    /// What the entry is counted as.
    pub outcome: Outcome,
    /// What is to be done.
    pub change: Option<Box<Change>>,
    /// What people should know.
    pub problem: Option<Problem>,
    /// Why the entry is left alone, whether people hear of it or not.
    pub left: Option<String>,
}

impl Decision {
    pub(crate) fn change(change: Change) -> Self {
        Self {
            situation: Some(change.situation),
            outcome: change.action.outcome(),
            change: Some(Box::new(change)),
            problem: None,
            left: None,
        }
    }

    pub(crate) fn filtered() -> Self {
        Self { situation: None, outcome: Outcome::Filtered, change: None, problem: None, left: None }
    }

    /// The entry's owner is outside what the task looks at.
    #[must_use]
    pub fn out_of_scope() -> Self {
        Self::filtered()
    }

    /// The entry is what its digests promised, and linked.
    #[must_use]
    pub fn as_promised() -> Self {
        Self::unchanged(Situation::Linked)
    }

    /// Nothing is found out about the entry, and nothing is done.
    pub(crate) fn let_be() -> Self {
        Self { situation: None, outcome: Outcome::Unchanged, change: None, problem: None, left: None }
    }

    pub(crate) fn unchanged(situation: Situation) -> Self {
        Self {
            situation: Some(situation),
            outcome: Outcome::Unchanged,
            change: None,
            problem: None,
            left: None,
        }
    }

    /// What decides, or that it broke off: an entry that breaks Muster is one failed entry, and the others go on.
    pub fn or_broken<T>(decide: impl FnOnce() -> T, broken: impl FnOnce(Self) -> T) -> T {
        catch_unwind(AssertUnwindSafe(decide)).unwrap_or_else(|_| {
            let message =
                "deciding about it broke off, which is a fault of Muster; all others go on".to_owned();
            broken(Self::failed(None, ErrorCode::Internal, message))
        })
    }

    pub(crate) fn failed(situation: Option<Situation>, code: ErrorCode, message: String) -> Self {
        let problem = Some(Problem { code, message });
        Self { situation, outcome: Outcome::Failed, change: None, problem, left: None }
    }

    /// The entry may be older than what is known: the account was read alone since.
    pub(crate) fn overtaken() -> Self {
        let message = "the account was synchronized alone since this run began; the next run reads it again";
        let problem = Some(Problem { code: ErrorCode::ChangeStale, message: message.to_owned() });
        Self { situation: None, outcome: Outcome::Stale, change: None, problem, left: None }
    }

    /// The entry is left alone, silently or with a report, as the reaction says.
    pub(crate) fn left_alone(situation: Situation, reaction: Reaction, problem: Option<Problem>) -> Self {
        let left = problem.as_ref().map(|problem| problem.message.clone());
        let (outcome, problem) = match reaction {
            Reaction::Ignore => (Outcome::Ignored, None),
            Reaction::Synchronize
            | Reaction::Link
            | Reaction::Create
            | Reaction::Unlink
            | Reaction::Disable
            | Reaction::Delete
            | Reaction::Anonymize
            | Reaction::Report => (Outcome::Reported, problem),
        };
        Self { situation: Some(situation), outcome, change: None, problem, left }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_that_breaks_its_decision_is_one_failed_entry() {
        let whole = Decision::or_broken(Decision::filtered, |broken| broken);
        assert_eq!(whole, Decision::filtered());
        let nothing: Vec<u8> = Vec::new();
        let broken =
            Decision::or_broken(|| Some(Decision::unchanged(Situation::ALL[nothing.len() + 99])), Some);
        let broken = broken.unwrap();
        assert_eq!((broken.outcome, broken.change), (Outcome::Failed, None));
        assert_eq!(broken.problem.map(|problem| problem.code), Some(ErrorCode::Internal));
    }
}
