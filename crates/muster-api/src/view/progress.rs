//! The progress of a run as clients see it: the seed's fields, then ours.

use chrono::{DateTime, TimeDelta, Utc};
use muster_model::configuration::application::Situation;
use muster_model::configuration::document::overriding::OverrideDocument;
use muster_model::configuration::document::value::FieldValue as _;
use muster_model::run::{Mode, Outcome, OutcomeStatus, ProgressStatus, TaskKind};
use muster_store::{ErrandRecord, RunRecord};
use serde::Serialize;
use serde_json::{Map, Value};

use super::{ErrorView, hex, instant};

/// The progress of one run.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ProgressView {
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    synchronization_task_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    provisioning_task_id: Option<String>,
    progress_status: &'static str,
    outcome_status: Option<&'static str>,
    start_date: String,
    end_date: Option<String>,
    processing_time_millis: u64,
    number_of_entries_to_process: u64,
    number_of_processed_entries: u64,
    number_of_errors: u64,
    progress_percentage: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_details: Option<Vec<ErrorView>>,
    job_id: Option<String>,
    waits_for_instance_id: Option<String>,
    paused_since: Option<String>,
    stalled_since: Option<String>,
    undoes_instance_id: Option<String>,
    left_out_application_ids: Vec<String>,
    phase: &'static str,
    mode: &'static str,
    counters: CountersView,
    plan_hash: Option<String>,
    held_by: Option<String>,
    #[serde(rename = "override")]
    overriding: Option<Value>,
    expires_at: Option<String>,
    failure: Option<String>,
    peak_memory_bytes: u64,
    statements: u64,
    post_processing: Vec<ErrandView>,
}

/// One thing that is to be done after a run, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ErrandView {
    kind: &'static str,
    state: &'static str,
    message: Option<String>,
    path: Option<String>,
}

impl From<&ErrandRecord> for ErrandView {
    fn from(errand: &ErrandRecord) -> Self {
        Self {
            kind: errand.kind.as_str(),
            state: errand.state.as_str(),
            message: errand.message.clone(),
            path: errand.path.clone(),
        }
    }
}

/// What a run has counted. The actions add up to the entries: those read and those lacking.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CountersView {
    /// Whether the actions are those of a plan that has not been carried out, or not to its end.
    planned: bool,
    read: u64,
    lacking: u64,
    actions: Map<String, Value>,
    situations: Map<String, Value>,
    open_references: u64,
    unidentified: u64,
}

impl ProgressView {
    /// The progress at an instant; errors in detail only where they were asked for.
    #[must_use]
    pub fn new(run: &RunRecord, now: DateTime<Utc>, error_details: Option<Vec<ErrorView>>) -> Self {
        let task = |kind| (run.task_kind == kind).then(|| run.task.to_string());
        let amount = Amount::of(run);
        Self {
            id: run.id.to_string(),
            synchronization_task_id: task(TaskKind::Synchronization),
            provisioning_task_id: task(TaskKind::Provisioning),
            progress_status: run.state.status.as_str(),
            outcome_status: run.state.outcome.map(|outcome| outcome.as_str()),
            start_date: instant(run.started_at),
            end_date: run.ended_at.map(instant),
            processing_time_millis: u64::try_from(at_work(run, now).num_milliseconds()).unwrap_or(0),
            number_of_entries_to_process: amount.to_process,
            number_of_processed_entries: amount.processed,
            number_of_errors: run.counters.outcome(Outcome::Failed),
            progress_percentage: amount.percentage,
            error_details,
            job_id: run.job.map(|job| job.to_string()),
            waits_for_instance_id: run.awaited().map(|run| run.to_string()),
            paused_since: run.paused_at.filter(|_| !run.state.is_terminal()).map(instant),
            stalled_since: None,
            undoes_instance_id: run.undoes.map(|run| run.to_string()),
            left_out_application_ids: run.left_out.iter().map(ToString::to_string).collect(),
            phase: run.state.phase.as_str(),
            mode: run.state.mode.as_str(),
            counters: CountersView::new(run),
            plan_hash: run.plan_hash.map(|hash| hex(&hash)),
            held_by: run.held_by.clone(),
            overriding: run.overriding.as_ref().map(|given| OverrideDocument::from(given).write()),
            expires_at: None,
            failure: run.failure.clone(),
            peak_memory_bytes: run.peak_memory,
            statements: run.statements,
            post_processing: Vec::new(),
        }
    }

    /// The same with the instant since which the run stores nothing although it should.
    #[must_use]
    pub fn with_stalled(self, since: Option<DateTime<Utc>>) -> Self {
        Self { stalled_since: since.map(instant), ..self }
    }

    /// The same with the instant after which a held plan is approved no more, for a run that may be held so many hours.
    #[must_use]
    pub fn held_for(self, run: &RunRecord, hours: u64) -> Self {
        let held = run.held_at.filter(|_| run.state.status == ProgressStatus::Held);
        let hours = i64::try_from(hours).ok().and_then(TimeDelta::try_hours);
        let end = held.zip(hours).and_then(|(held, hours)| held.checked_add_signed(hours));
        Self { expires_at: end.map(instant), ..self }
    }

    /// The same with what is to be done after the run.
    #[must_use]
    pub fn with_post_processing(self, errands: &[ErrandRecord]) -> Self {
        Self { post_processing: errands.iter().map(Into::into).collect(), ..self }
    }
}

/// How long the run has been going on, without the time for which its plan was held, or it was paused.
pub(super) fn at_work(run: &RunRecord, now: DateTime<Utc>) -> TimeDelta {
    let until = run.ended_at.unwrap_or(now);
    let in_all = match (run.held_at, run.approved_at) {
        (None, _) => until - run.started_at,
        (Some(held), None) => held - run.started_at,
        (Some(held), Some(approved)) => (held - run.started_at) + (until - approved),
    };
    in_all - run.paused - run.paused_at.map_or(TimeDelta::zero(), |paused| until - paused)
}

/// How much there is to do, and how much is done.
struct Amount {
    to_process: u64,
    processed: u64,
    percentage: u64,
}

impl Amount {
    fn of(run: &RunRecord) -> Self {
        let processed = run.counters.entries();
        let well = matches!(run.state.outcome, Some(OutcomeStatus::Success | OutcomeStatus::Partial));
        if run.state.is_terminal() && well {
            return Self { to_process: processed, processed, percentage: 100 };
        }
        // An estimate that has been exceeded is no estimate any more.
        let to_process = run.estimate.max(processed);
        let share = (processed * 100).checked_div(to_process).unwrap_or(0);
        Self { to_process, processed, percentage: share.min(99) }
    }
}

impl CountersView {
    fn new(run: &RunRecord) -> Self {
        let counters = &run.counters;
        let actions =
            Outcome::ALL.map(|outcome| (outcome.as_str().to_owned(), Value::from(counters.outcome(outcome))));
        let situations = Situation::ALL
            .map(|situation| (situation.as_str().to_owned(), Value::from(counters.situation(situation))));
        Self {
            planned: run.state.mode == Mode::Simulate || !run.state.is_terminal(),
            read: counters.read,
            lacking: counters.lacking,
            actions: actions.into_iter().collect(),
            situations: situations.into_iter().collect(),
            open_references: counters.open_references,
            unidentified: counters.unidentified,
        }
    }
}

#[cfg(test)]
mod tests {
    use muster_model::run::{Counters, ProgressStatus};
    use muster_model::{ConfigurationId, RunId};
    use muster_plan::lifecycle::{Absence, RunState};
    use uuid::Uuid;

    use super::*;

    fn run(status: ProgressStatus, outcome: Option<OutcomeStatus>, estimate: u64, read: u64) -> RunRecord {
        let state = RunState { status, outcome, ..RunState::launched(Mode::Apply, Absence::Concluded) };
        let mut counters = Counters::default();
        counters.read = read;
        counters.add_outcome(Outcome::Created, read);
        RunRecord {
            seq: 1,
            tenant: 1,
            id: RunId(Uuid::nil()),
            no: 1,
            task_kind: TaskKind::Provisioning,
            task: ConfigurationId::new("badges").unwrap(),
            keys: None,
            state,
            stopping: false,
            rules: [0; 16],
            started_at: DateTime::UNIX_EPOCH,
            ended_at: None,
            held_at: None,
            approved_at: None,
            lease_until: DateTime::UNIX_EPOCH,
            epoch: 0,
            estimate,
            counters,
            plan_hash: None,
            approved_hash: None,
            held_by: None,
            failure: None,
            statements: 0,
            peak_memory: 0,
            job: None,
            chain: None,
            waits_for: None,
            overriding: None,
            paused_at: None,
            paused: TimeDelta::zero(),
            progressed_at: None,
            undoes: None,
            breakdowns: 0,
            left_out: Vec::new(),
        }
    }

    #[test]
    fn a_hundred_percent_means_the_end() {
        use OutcomeStatus::{Aborted, Partial, Success};
        use ProgressStatus::{Finished, Pending, Running};
        for (status, outcome, estimate, read, to_process, percentage) in [
            (Pending, None, 0, 0, 0, 0),
            (Running, None, 1200, 120, 1200, 10),
            (Running, None, 100, 120, 120, 99),
            (Running, Some(Aborted), 1200, 120, 1200, 10),
            (Finished, Some(Aborted), 1200, 120, 1200, 10),
            (Finished, Some(Success), 1200, 120, 120, 100),
            (Finished, Some(Partial), 0, 0, 0, 100),
        ] {
            let amount = Amount::of(&run(status, outcome, estimate, read));
            let found = (amount.to_process, amount.processed, amount.percentage);
            assert_eq!(found, (to_process, read, percentage), "{status:?} {estimate} {read}");
        }
    }

    #[test]
    fn the_time_for_which_a_plan_is_held_is_no_work() {
        let at = |seconds| DateTime::from_timestamp(seconds, 0).unwrap();
        for (held, approved, ended, now, seconds) in [
            (None, None, None, 27, 27),
            (None, None, Some(9), 27, 9),
            (Some(1), None, None, 27, 1),
            (Some(1), None, Some(28), 40, 1),
            (Some(1), Some(21), None, 27, 7),
            (Some(1), Some(21), Some(25), 40, 5),
        ] {
            let mut run = run(ProgressStatus::Running, None, 0, 0);
            (run.held_at, run.approved_at) = (held.map(at), approved.map(at));
            run.ended_at = ended.map(at);
            assert_eq!(at_work(&run, at(now)).num_seconds(), seconds, "{held:?} {approved:?} {ended:?}");
        }
    }

    #[test]
    fn the_time_for_which_a_run_is_paused_is_no_work() {
        let at = |seconds| DateTime::from_timestamp(seconds, 0).unwrap();
        for (paused, since, ended, now, seconds) in [
            (0, Some(5), None, 27, 5),
            (3, None, None, 27, 24),
            (3, Some(20), None, 27, 17),
            (3, Some(20), Some(25), 40, 17),
            (3, None, Some(25), 40, 22),
        ] {
            let mut run = run(ProgressStatus::Paused, None, 0, 0);
            (run.paused, run.paused_at) = (TimeDelta::seconds(paused), since.map(at));
            run.ended_at = ended.map(at);
            assert_eq!(at_work(&run, at(now)).num_seconds(), seconds, "{paused} {since:?} {ended:?}");
        }
    }

    #[test]
    fn counters_are_the_plans_until_the_run_has_ended() {
        use ProgressStatus::{Finished, Held, Running};
        for (mode, status, planned) in [
            (Mode::Apply, Running, true),
            (Mode::Apply, Held, true),
            (Mode::Apply, Finished, false),
            (Mode::Simulate, Finished, true),
        ] {
            let mut run = run(status, None, 0, 0);
            run.state.mode = mode;
            assert_eq!(CountersView::new(&run).planned, planned, "{mode:?} {status:?}");
        }
    }

    #[test]
    fn every_field_is_there_even_where_nothing_is_known() {
        let view = ProgressView::new(&run(ProgressStatus::Pending, None, 5, 0), DateTime::UNIX_EPOCH, None);
        let view = serde_json::to_value(view).unwrap();
        for field in [
            "outcomeStatus",
            "endDate",
            "jobId",
            "waitsForInstanceId",
            "pausedSince",
            "stalledSince",
            "planHash",
            "heldBy",
            "expiresAt",
            "failure",
        ] {
            assert_eq!(view.get(field), Some(&Value::Null), "{field}");
        }
        assert_eq!(view["provisioningTaskId"], "badges");
        assert_eq!(view["startDate"], "1970-01-01T00:00:00.000Z");
        assert!(view.get("synchronizationTaskId").is_none() && view.get("errorDetails").is_none());
    }
}
