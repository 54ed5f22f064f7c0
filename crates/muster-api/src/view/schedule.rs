//! The schedule of a task as clients see it: the fields of the contract, then what came of the last due time.

use muster_engine::Scheduling;
use muster_model::ConfigurationId;
use muster_model::configuration::task::ExecutionPlan;
use muster_store::FireRecord;
use serde::Serialize;

use super::instant;

/// How the schedule of a task stands.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SchedulingView {
    job_id: String,
    task_definition_id: String,
    schedule_type: Option<&'static str>,
    state: &'static str,
    paused: bool,
    cron: Option<String>,
    time_zone: Option<&'static str>,
    previous_fire_time: Option<String>,
    next_fire_time: Option<String>,
    next_fire_times: Vec<String>,
    last_fire: Option<FireView>,
    message: Option<String>,
}

/// What came of a due time.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FireView {
    due_time: String,
    fire_time: String,
    outcome: &'static str,
    instance_id: Option<String>,
    missed: u32,
    message: Option<String>,
}

impl SchedulingView {
    /// The schedule of a task.
    #[must_use]
    pub fn new(task: &ConfigurationId, scheduling: &Scheduling) -> Self {
        let (schedule_type, cron, time_zone) = match &scheduling.plan {
            Err(_) => (None, None, None),
            Ok(ExecutionPlan::Manual) => (Some("MANUAL"), None, None),
            Ok(ExecutionPlan::Once { .. }) => (Some("ONCE"), None, None),
            Ok(ExecutionPlan::Cron { cron, time_zone }) => {
                (Some("CRON"), Some(cron.to_string()), Some(time_zone.unwrap_or_default().name()))
            }
            Ok(ExecutionPlan::Interval { .. }) => (Some("INTERVAL"), None, None),
        };
        let next_fire_times: Vec<_> = scheduling.next.iter().copied().map(instant).collect();
        Self {
            job_id: scheduling.job.to_string(),
            task_definition_id: task.to_string(),
            schedule_type,
            state: scheduling.state.as_str(),
            paused: scheduling.paused,
            cron,
            time_zone,
            previous_fire_time: scheduling.previous.map(instant),
            next_fire_time: next_fire_times.first().cloned(),
            next_fire_times,
            last_fire: scheduling.last_fire.as_ref().map(FireView::new),
            message: scheduling.plan.as_ref().err().cloned(),
        }
    }
}

impl FireView {
    fn new(fire: &FireRecord) -> Self {
        Self {
            due_time: instant(fire.due_at),
            fire_time: instant(fire.at),
            outcome: fire.outcome.as_str(),
            instance_id: fire.run.map(|run| run.to_string()),
            missed: fire.missed,
            message: fire.message.clone(),
        }
    }
}
