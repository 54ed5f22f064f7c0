//! Errors as clients see them, of requests and of runs alike.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use muster_model::error::ErrorCode;
use muster_store::{ProblemRecord, RunRecord};
use serde::Serialize;

/// What clients of the synchronization service dispatch on.
pub(crate) const CLASS: &str = "com.memority.toolkit.core.error.SimpleErrorRepresentation";

/// One error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ErrorView {
    #[serde(rename = "@class")]
    class: &'static str,
    error_id: String,
    label: &'static str,
    description: String,
    properties: BTreeMap<String, String>,
    fix: String,
    app_id: String,
    timestamp: String,
    log_tracking_id: String,
}

impl ErrorView {
    /// An error of this kind; the rest follows.
    #[must_use]
    pub fn new(code: ErrorCode, description: String) -> Self {
        Self {
            class: CLASS,
            error_id: code.id().to_owned(),
            label: code.label(),
            description,
            properties: BTreeMap::new(),
            fix: String::new(),
            app_id: String::new(),
            timestamp: String::new(),
            log_tracking_id: String::new(),
        }
    }

    /// Names and what is to be said about each.
    #[must_use]
    pub fn with_properties(self, properties: BTreeMap<String, String>) -> Self {
        Self { properties, ..self }
    }

    /// What to do.
    #[must_use]
    pub fn with_fix(self, fix: String) -> Self {
        Self { fix, ..self }
    }

    /// Where, when, and under which id the log has it.
    #[must_use]
    pub fn at(self, app_id: &str, instant: DateTime<Utc>, log_tracking_id: String) -> Self {
        Self { app_id: app_id.to_owned(), timestamp: super::instant(instant), log_tracking_id, ..self }
    }

    /// Something that was noted about an entry of a run.
    #[must_use]
    pub fn of_problem(app_id: &str, run: &RunRecord, problem: &ProblemRecord) -> Self {
        let code = ErrorCode::ALL.into_iter().find(|code| code.id() == problem.code);
        let code = code.unwrap_or(ErrorCode::Internal);
        let mut properties: BTreeMap<String, String> =
            [("step".to_owned(), problem.step.as_str().to_owned())].into();
        let known = [
            ("accountKey", problem.uid.clone()),
            ("place", problem.place.map(|place| place.to_string())),
            ("change", problem.change.map(|number| number.to_string())),
            ("outcome", problem.outcome.map(|outcome| outcome.as_str().to_owned())),
        ];
        properties.extend(known.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
        Self::new(code, problem.message.clone())
            .with_properties(properties)
            .with_fix(fix(code).to_owned())
            .at(app_id, problem.noted_at, run.id.to_string())
    }

    /// Why the run itself failed.
    #[must_use]
    pub fn of_failure(app_id: &str, run: &RunRecord, failure: &str) -> Self {
        let instant = run.ended_at.unwrap_or(run.started_at);
        Self::new(ErrorCode::RunFailed, failure.to_owned()).with_fix(fix(ErrorCode::RunFailed).to_owned()).at(
            app_id,
            instant,
            run.id.to_string(),
        )
    }
}

/// What to do about an error of a run. Those of requests know their own.
fn fix(code: ErrorCode) -> &'static str {
    match code {
        ErrorCode::SourceCutShort => {
            "deliver the whole source, then launch the task again; until then nobody is gone"
        }
        ErrorCode::EntryUnreadable => "correct the entry in its source; the next run reads it again",
        ErrorCode::EntryRepeated => "remove one of the two entries from the source",
        ErrorCode::MappingFailed => "correct the value in its source, or the mapping",
        ErrorCode::Disputed => "correct the correlation rules or the data, so that one owner fits",
        ErrorCode::ChangeRefused => {
            "see what the application says, and mend the value, the mapping or the application"
        }
        ErrorCode::ChangeParked => {
            "mend the value, the mapping or the application; where that does not change what is asked, release the \
             account with `POST …/parked/~release`"
        }
        ErrorCode::SweptInFull => "nothing: the next run reads what has changed since this one",
        ErrorCode::ChangeStale => "nothing: the next run decides anew",
        ErrorCode::GuardTripped => "look at the changes, then approve or reject the plan",
        ErrorCode::PlanRejected => "launch the task again for a new plan",
        ErrorCode::ReferenceOpen => "nothing, if the object is to come; else correct the value in its source",
        ErrorCode::EntryUnidentified => {
            "give these entries readable keys in their source, then launch the task again"
        }
        ErrorCode::EntryNotFound => "correct the key; whoever is gone is found by a run over all accounts",
        ErrorCode::RunCancelled => "launch the task again, if it is to go on",
        ErrorCode::PlanOutdated => "simulate the task again, look at its plan, then approve that",
        ErrorCode::OwnerUnknown => {
            "let the data, the correlation rules and the profiles say whose it is, or the reaction to UNMATCHED \
             what becomes of such accounts"
        }
        ErrorCode::ApplicationLeftOut => {
            "let the application answer again, then launch the task again; until then nothing is done there"
        }
        ErrorCode::NotFound => {
            "nothing, if it may be so; else let the reaction to the situation say what to do"
        }
        ErrorCode::RunFailed => "remove the cause, then launch the task again",
        ErrorCode::Internal
        | ErrorCode::Unauthorized
        | ErrorCode::Forbidden
        | ErrorCode::MethodNotAllowed
        | ErrorCode::Conflict
        | ErrorCode::Validation
        | ErrorCode::Malformed
        | ErrorCode::TooLarge
        | ErrorCode::UnsupportedMediaType
        | ErrorCode::Unavailable
        | ErrorCode::PreconditionFailed
        | ErrorCode::TooManyRequests
        | ErrorCode::ConnectorNotFound
        | ErrorCode::ConnectorNotAvailable
        | ErrorCode::ConnectorFactoryNotAvailable
        | ErrorCode::ConfigurationFailed => "ask who runs the server to look up `logTrackingId` in its log",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_to_be_done_about_an_entry_is_never_to_look_for_a_fault_of_the_server() {
        let of_entries =
            ErrorCode::ALL.into_iter().filter(|code| code.id() >= ErrorCode::SourceCutShort.id());
        for code in of_entries.chain([ErrorCode::NotFound]) {
            assert!(!fix(code).contains("log"), "{}: {}", code.label(), fix(code));
        }
        assert!(fix(ErrorCode::OwnerUnknown).contains("UNMATCHED"));
    }
}
