//! The progress of a run, read from the JSON that the API shows: one form, from a server or from the own store.

use chrono::{DateTime, Utc};
use muster_api::view::ProgressView;
use muster_model::error::ErrorCode;
use muster_model::run::{Outcome, OutcomeStatus, ProgressStatus};
use muster_store::RunRecord;
use serde::de::{Deserialize, Deserializer, Error as _};
use serde_json::{Map, Value};

use crate::error::Exit;

/// How far a run has come.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Progress {
    pub(crate) id: String,
    #[serde(alias = "synchronizationTaskId", alias = "provisioningTaskId")]
    pub(crate) task: String,
    #[serde(deserialize_with = "status")]
    pub(crate) progress_status: ProgressStatus,
    #[serde(deserialize_with = "outcome")]
    pub(crate) outcome_status: Option<OutcomeStatus>,
    pub(crate) start_date: String,
    pub(crate) processing_time_millis: u64,
    /// Left out by servers that know no such thing.
    #[serde(default)]
    pub(crate) waits_for_instance_id: Option<String>,
    pub(crate) number_of_entries_to_process: u64,
    pub(crate) number_of_processed_entries: u64,
    pub(crate) number_of_errors: u64,
    pub(crate) phase: String,
    pub(crate) mode: String,
    pub(crate) counters: Counters,
    pub(crate) plan_hash: Option<String>,
    pub(crate) held_by: Option<String>,
    /// Left out by servers that know no such thing.
    #[serde(default)]
    pub(crate) expires_at: Option<String>,
    pub(crate) failure: Option<String>,
    pub(crate) peak_memory_bytes: u64,
    pub(crate) statements: u64,
    #[serde(default)]
    pub(crate) error_details: Vec<Problem>,
    /// The applications that it goes on without; of servers that know no such thing none.
    #[serde(default, rename = "leftOutApplicationIds")]
    pub(crate) left_out: Vec<String>,
}

/// What a run has counted.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Counters {
    pub(crate) read: u64,
    pub(crate) lacking: u64,
    actions: Map<String, Value>,
    pub(crate) open_references: u64,
    pub(crate) unidentified: u64,
}

/// Something that was noted about a run or one of its entries.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
pub(crate) struct Problem {
    /// Which kind of problem it is, as programs tell them apart.
    pub(crate) label: String,
    #[serde(rename = "description")]
    pub(crate) message: String,
    #[serde(default)]
    pub(crate) properties: ProblemProperties,
}

/// What a problem is about.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Deserialize)]
pub(crate) struct ProblemProperties {
    #[serde(rename = "accountKey")]
    pub(crate) account_key: Option<String>,
    pub(crate) outcome: Option<String>,
}

impl Progress {
    /// The progress of a run of the own store.
    pub(crate) fn of(run: &RunRecord, now: DateTime<Utc>) -> serde_json::Result<Self> {
        serde_json::from_value(serde_json::to_value(ProgressView::new(run, now, None))?)
    }

    /// Whether somebody still works on it, or will.
    pub(crate) fn goes_on(&self) -> bool {
        matches!(self.progress_status, ProgressStatus::Pending | ProgressStatus::Running)
    }

    /// The exit code that says how it stands.
    pub(crate) fn exit(&self) -> Exit {
        match (self.progress_status, self.outcome_status) {
            (ProgressStatus::Held, _) => Exit::Held,
            (ProgressStatus::Finished, Some(OutcomeStatus::Success | OutcomeStatus::Partial))
                if self.would_be_held() =>
            {
                Exit::Held
            }
            (ProgressStatus::Finished, Some(OutcomeStatus::Success)) => Exit::Done,
            (ProgressStatus::Finished, Some(OutcomeStatus::Partial)) => Exit::Partial,
            (
                ProgressStatus::Finished
                | ProgressStatus::Pending
                | ProgressStatus::Running
                | ProgressStatus::Paused,
                _,
            ) => Exit::Failed,
        }
    }

    pub(crate) fn is_simulation(&self) -> bool {
        self.mode == "SIMULATE"
    }

    /// Whether a simulation made a plan that the guards would not let pass.
    pub(crate) fn would_be_held(&self) -> bool {
        self.is_simulation() && self.held_by.is_some()
    }

    /// Whether entries failed, or had moved on when they were to be changed.
    pub(crate) fn has_failed_entries(&self) -> bool {
        [Outcome::Failed, Outcome::Stale]
            .into_iter()
            .any(|outcome| self.counters.action(outcome.as_str()) > 0)
    }

    /// Whether a source was not read to its end. Known when the problems are, or when nothing else can be the
    /// reason why the run is a partial one.
    pub(crate) fn is_cut_short(&self) -> bool {
        let noted =
            self.error_details.iter().any(|problem| problem.label == ErrorCode::SourceCutShort.label());
        let is_partial = self.outcome_status == Some(OutcomeStatus::Partial);
        noted || is_partial && !self.has_failed_entries() && self.left_out.is_empty()
    }
}

impl Counters {
    /// All entries: those read and those lacking.
    pub(crate) fn entries(&self) -> u64 {
        self.read + self.lacking
    }

    /// The actions in the order of the API.
    pub(crate) fn actions(&self) -> impl Iterator<Item = (&str, u64)> {
        self.actions.iter().map(|(name, number)| (name.as_str(), number.as_u64().unwrap_or(0)))
    }

    /// How many entries had this action.
    pub(crate) fn action(&self, name: &str) -> u64 {
        self.actions.get(name).and_then(Value::as_u64).unwrap_or(0)
    }
}

fn status<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ProgressStatus, D::Error> {
    let word = String::deserialize(deserializer)?;
    let known = ProgressStatus::ALL.into_iter().find(|status| status.as_str() == word);
    known.ok_or_else(|| D::Error::custom(format!("`{word}` is no status")))
}

fn outcome<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<OutcomeStatus>, D::Error> {
    let Some(word) = Option::<String>::deserialize(deserializer)? else { return Ok(None) };
    let known = OutcomeStatus::ALL.into_iter().find(|outcome| outcome.as_str() == word);
    known.map(Some).ok_or_else(|| D::Error::custom(format!("`{word}` is no outcome")))
}
