//! Syncs and what became of their users, as clients of User Sync know them: the fields of their example in its order.

use std::collections::BTreeMap;

use chrono::{DateTime, SecondsFormat, Utc};
use muster_model::run::{OutcomeStatus, ProgressStatus};
use muster_model::user_sync::{UserOperation, UserResult};
use muster_store::{RunRecord, SyncRecord};
use serde::Serialize;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::progress::at_work;
use super::value;

/// What belongs to the status of a sync and does not stand with its run.
#[derive(Debug, Clone, Default)]
pub(crate) struct SyncCircumstances {
    /// The unique id of its connector.
    pub(crate) connector: Option<Uuid>,
    /// How many users there were of each operation.
    pub(crate) counts: BTreeMap<UserOperation, u64>,
    /// What it has said.
    pub(crate) messages: Vec<String>,
    /// The path of its report.
    pub(crate) report: Option<String>,
    /// Whether several processes may work on the database.
    pub(crate) is_clustered: bool,
    /// The instant.
    pub(crate) now: DateTime<Utc>,
}

/// The status of a sync.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SyncStatusView {
    status: &'static str,
    added_count: u64,
    result_count: u64,
    not_modified_count: u64,
    failed_count: u64,
    updated_count: u64,
    deleted_count: u64,
    filtered_count: u64,
    messages: Vec<String>,
    cluster_node: Option<String>,
    #[serde(rename = "connectorUID")]
    connector_uid: Option<String>,
    last_modified: String,
    created: String,
    duration: u64,
    id: i64,
    result_message: Option<String>,
    result_file_path: Option<String>,
    sync_user_results: Option<Vec<UserResultView>>,
    connector_support_information: Option<Value>,
    sync_status_result: Option<&'static str>,
    #[serde(rename = "_self")]
    own_path: String,
}

impl SyncStatusView {
    pub(crate) fn new(sync: &SyncRecord, circumstances: SyncCircumstances) -> Self {
        let SyncCircumstances { connector, counts, messages, report, is_clustered, now } = circumstances;
        let run = &sync.run;
        let count = |operation| counts.get(&operation).copied().unwrap_or(0);
        let result_message = result_message(run, &messages);
        let scheduled = format!("Scheduled with jobid {}", run.id);
        let messages = [scheduled].into_iter().chain(messages).chain(run.failure.clone()).collect();
        Self {
            status: status(run),
            added_count: count(UserOperation::Added),
            result_count: counts.values().sum(),
            not_modified_count: count(UserOperation::NotModified),
            failed_count: count(UserOperation::Failed),
            updated_count: count(UserOperation::Updated),
            deleted_count: count(UserOperation::Deleted),
            filtered_count: count(UserOperation::Filtered),
            messages,
            cluster_node: match is_clustered {
                false => Some("NOT_CLUSTERED".to_owned()),
                true => sync.worker.clone(),
            },
            connector_uid: connector.map(|id| id.to_string()),
            last_modified: in_seconds(last_modified(run)),
            created: in_seconds(run.started_at),
            duration: u64::try_from(at_work(run, now).num_milliseconds()).unwrap_or(0),
            id: sync.number,
            result_message,
            result_file_path: report,
            sync_user_results: None,
            connector_support_information: None,
            sync_status_result: result(run),
            own_path: format!("/syncstatus/{}", sync.number),
        }
    }
}

fn status(run: &RunRecord) -> &'static str {
    match run.state.status {
        ProgressStatus::Pending => "SCHEDULED",
        ProgressStatus::Running | ProgressStatus::Paused => "RUNNING",
        // As long as nobody approves it nothing more comes of it.
        ProgressStatus::Held | ProgressStatus::Finished => "DONE",
    }
}

fn result(run: &RunRecord) -> Option<&'static str> {
    match (run.state.status, run.state.outcome) {
        (ProgressStatus::Pending | ProgressStatus::Running | ProgressStatus::Paused, _) => None,
        (ProgressStatus::Finished, Some(OutcomeStatus::Success)) => Some("SUCCESS"),
        (ProgressStatus::Finished, Some(OutcomeStatus::Partial)) => Some("PARTIALLY_FAILED"),
        (ProgressStatus::Finished, Some(OutcomeStatus::Failure | OutcomeStatus::Aborted) | None)
        | (ProgressStatus::Held, _) => Some("FAILED"),
    }
}

/// Why a sync failed; of one that was ended before its time that is among what is noted about it.
fn result_message(run: &RunRecord, messages: &[String]) -> Option<String> {
    match (run.state.status, run.state.outcome) {
        (ProgressStatus::Held, _) => run.held_by.clone(),
        (ProgressStatus::Finished, Some(OutcomeStatus::Aborted)) => {
            run.failure.clone().or_else(|| messages.last().cloned())
        }
        (
            ProgressStatus::Pending
            | ProgressStatus::Running
            | ProgressStatus::Paused
            | ProgressStatus::Finished,
            _,
        ) => run.failure.clone(),
    }
}

fn last_modified(run: &RunRecord) -> DateTime<Utc> {
    let since = [run.progressed_at, run.held_at, run.approved_at, run.ended_at];
    since.into_iter().flatten().fold(run.started_at, DateTime::max)
}

fn in_seconds(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// What became of one user.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UserResultView {
    operation: &'static str,
    identifier: String,
    input_user: Option<Map<String, Value>>,
    resulting_user: Option<Map<String, Value>>,
    message: Option<String>,
}

impl From<UserResult> for UserResultView {
    fn from(result: UserResult) -> Self {
        Self {
            operation: result.operation.as_str(),
            identifier: result.identifier,
            input_user: result.input_user.as_ref().map(value::attributes),
            resulting_user: result.resulting_user.as_ref().map(value::attributes),
            message: result.message,
        }
    }
}
