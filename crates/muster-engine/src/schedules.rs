//! The schedules of a tenant: kept in step with its configuration, paused, resumed, and shown.
//!
//! Fires nothing. When a plan fires is decided by `muster-plan`.

use chrono::{DateTime, Utc};
use muster_model::ConfigurationId;
use muster_model::configuration::task::ExecutionPlan;
use muster_model::configuration::{Document, Leniency};
use muster_model::run::TaskKind;
use muster_model::schedule::{FireOutcome, ScheduleState};
use muster_plan::schedule::{Occupation, Schedule, Standing, state};
use muster_store::{FireRecord, NewSchedule, ScheduleRecord, StoreError, TenantStore, UnscheduledTask};
use uuid::Uuid;

use crate::configuration::ConfigurationError;
use crate::error::with_causes;
use crate::{Engine, OUTRUN_TRIES};

/// So many of the next times are shown.
const SHOWN: usize = 5;

/// Why nothing can be said of a schedule, or done to it.
#[derive(Debug, thiserror::Error)]
pub enum ScheduleError {
    /// There is no such task.
    #[error("there is no task definition `{0}`")]
    NoTask(ConfigurationId),
    /// Others change the configuration or the schedule again and again.
    #[error("the schedules are changed by others again and again")]
    Outrun,
    /// The definition of the task cannot be read.
    #[error("the definition of task `{task}` cannot be read")]
    Configuration {
        /// The task.
        task: ConfigurationId,
        /// Why not.
        #[source]
        source: ConfigurationError,
    },
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] StoreError),
}

/// What is to be known of a schedule.
#[derive(Debug, Clone, PartialEq)]
pub struct Scheduling {
    /// What the schedule is called.
    pub job: Uuid,
    /// When the task runs, or why its definition cannot be read.
    pub plan: Result<ExecutionPlan, String>,
    /// How the schedule stands: `ERROR` where the definition cannot be read.
    pub state: ScheduleState,
    /// Whether somebody paused it.
    pub paused: bool,
    /// The last due time at which it launched a run.
    pub previous: Option<DateTime<Utc>>,
    /// The next times at which it fires, five at most.
    pub next: Vec<DateTime<Utc>>,
    /// What came of the last due time.
    pub last_fire: Option<FireRecord>,
}

/// A schedule, and the plan that it was computed from.
struct Planned {
    record: ScheduleRecord,
    plan: ExecutionPlan,
}

impl Engine {
    /// Has this process look at the schedules now, since something about them has changed.
    pub fn wake_ticker(&self) {
        self.ticker.notify_one();
    }

    /// Brings the schedules of a tenant in step with its configuration.
    ///
    /// # Errors
    /// When the store fails, or others are always faster.
    pub async fn reconcile_schedules(&self, store: &TenantStore) -> Result<(), ScheduleError> {
        for _ in 0..OUTRUN_TRIES {
            let Some(unscheduled) = store.unscheduled().await? else { return Ok(()) };
            let now = self.surroundings.now();
            let saved_at = unscheduled.since.unwrap_or(now).min(now);
            let tasks = store.unscheduled_tasks().await?;
            let computed: Vec<_> = tasks.iter().filter_map(|task| self.compute(task, saved_at)).collect();
            if store.store_schedules(unscheduled.version, &computed).await? {
                return Ok(());
            }
        }
        Err(ScheduleError::Outrun)
    }

    /// The schedule of a definition. One that cannot be read keeps the schedule that it has.
    fn compute(&self, task: &UnscheduledTask, saved_at: DateTime<Utc>) -> Option<NewSchedule> {
        let plan = match read_plan(task.kind, &task.body) {
            Ok(plan) => plan,
            Err(error) => {
                let error = with_causes(&error);
                tracing::warn!(task = %task.task, error, "cannot read the definition of a task to schedule it");
                return None;
            }
        };
        Some(NewSchedule {
            kind: task.kind,
            task: task.task.clone(),
            version: task.version,
            job: self.surroundings.new_id(),
            standing: Standing::saved(task.standing, &plan, saved_at),
        })
    }

    /// How the schedule of a task stands, and when it fires next. Of a task whose definition can no longer be read,
    /// what is known of the schedule that it has.
    ///
    /// # Errors
    /// When there is no such task, its definition cannot be read and it has no schedule, or the store fails.
    pub async fn scheduling(
        &self,
        store: &TenantStore,
        kind: TaskKind,
        task: &ConfigurationId,
    ) -> Result<Scheduling, ScheduleError> {
        let (record, plan) = match self.planned(store, kind, task).await {
            Ok(Planned { record, plan }) => (record, Ok(plan)),
            Err(unread @ ScheduleError::Configuration { .. }) => {
                let record = store.schedule(kind, task).await?;
                let why = with_causes(&unread);
                (record.ok_or(unread)?, Err(why))
            }
            Err(error) => return Err(error),
        };
        let last_fire = store.fires(kind, task, 1).await?.pop();
        let occupation = match store.occupying_run(kind, task).await? {
            Some(_) => Occupation::Taken,
            None => Occupation::Free,
        };
        let outcome = last_fire.as_ref().map(|fire| fire.outcome);
        let state = match &plan {
            Ok(plan) => state(plan, &record.standing, outcome, occupation),
            Err(_) => ScheduleState::Error,
        };
        let next = upcoming(plan.as_ref().ok(), &record.standing, self.surroundings.now());
        let paused = record.standing.paused;
        // It may have fired since the record was read.
        let launched = last_fire.as_ref().filter(|fire| fire.outcome == FireOutcome::Launched);
        let previous = record.previous.max(launched.map(|fire| fire.due_at));
        Ok(Scheduling { job: record.job, state, paused, previous, next, last_fire, plan })
    }

    /// Pauses the schedule of a task until it is resumed. Runs go on. A task that is run by hand has nothing to
    /// pause, and one that is paused stays so.
    ///
    /// # Errors
    /// When there is no such task, its definition cannot be read and it has no schedule, or the store fails.
    pub async fn pause_schedule(
        &self,
        store: &TenantStore,
        kind: TaskKind,
        task: &ConfigurationId,
    ) -> Result<(), ScheduleError> {
        match self.restate(store, kind, task, |planned| planned.record.standing.paused()).await {
            // What cannot be read can be got out of the way all the same.
            Err(unread @ ScheduleError::Configuration { .. }) => {
                self.pause_unread(store, (kind, task), unread).await
            }
            paused => paused,
        }
    }

    async fn pause_unread(
        &self,
        store: &TenantStore,
        (kind, task): (TaskKind, &ConfigurationId),
        unread: ScheduleError,
    ) -> Result<(), ScheduleError> {
        for _ in 0..OUTRUN_TRIES {
            self.reconcile_schedules(store).await?;
            let Some(record) = store.schedule(kind, task).await? else { return Err(unread) };
            if record.standing.paused || store.restate_schedule(&record, &record.standing.paused()).await? {
                return Ok(());
            }
        }
        Err(ScheduleError::Outrun)
    }

    /// Has a paused schedule go on from now. What passed meanwhile is not made up for.
    ///
    /// # Errors
    /// When there is no such task, its definition cannot be read, or the store fails.
    pub async fn resume_schedule(
        &self,
        store: &TenantStore,
        kind: TaskKind,
        task: &ConfigurationId,
    ) -> Result<(), ScheduleError> {
        let now = self.surroundings.now();
        self.restate(store, kind, task, |planned| planned.record.standing.resumed(&planned.plan, now)).await
    }

    async fn restate(
        &self,
        store: &TenantStore,
        kind: TaskKind,
        task: &ConfigurationId,
        restated: impl Fn(&Planned) -> Standing,
    ) -> Result<(), ScheduleError> {
        for _ in 0..OUTRUN_TRIES {
            let planned = self.planned(store, kind, task).await?;
            let standing = restated(&planned);
            let is_so_already = standing.paused == planned.record.standing.paused;
            if is_so_already || planned.plan == ExecutionPlan::Manual {
                return Ok(());
            }
            if store.restate_schedule(&planned.record, &standing).await? {
                self.wake_ticker();
                return Ok(());
            }
        }
        Err(ScheduleError::Outrun)
    }

    /// The schedule of a task as its present definition has it.
    async fn planned(
        &self,
        store: &TenantStore,
        kind: TaskKind,
        task: &ConfigurationId,
    ) -> Result<Planned, ScheduleError> {
        for _ in 0..OUTRUN_TRIES {
            self.reconcile_schedules(store).await?;
            let (plan, version) = plan_of(store, kind, task).await?;
            let record = store.schedule(kind, task).await?;
            if let Some(record) = record.filter(|record| record.version == version) {
                return Ok(Planned { record, plan });
            }
        }
        Err(ScheduleError::Outrun)
    }
}

/// The next times at which a schedule fires. Without a plan the first of them is known, and no other.
fn upcoming(plan: Option<&ExecutionPlan>, standing: &Standing, now: DateTime<Utc>) -> Vec<DateTime<Utc>> {
    let Some(due) = standing.next_due else { return Vec::new() };
    let schedule = plan.map(|plan| Schedule { plan, anchor: standing.anchor });
    let later = schedule.iter().flat_map(|schedule| schedule.following(due.max(now)));
    std::iter::once(due).chain(later).take(SHOWN).collect()
}

/// When a task runs as its definition says, and the version of that.
pub(crate) async fn plan_of(
    store: &TenantStore,
    kind: TaskKind,
    task: &ConfigurationId,
) -> Result<(ExecutionPlan, i64), ScheduleError> {
    let row = store.resource(kind.definition_kind().number(), task.as_str()).await?;
    let row = row.ok_or_else(|| ScheduleError::NoTask(task.clone()))?;
    let unreadable = |source| ScheduleError::Configuration { task: task.clone(), source };
    Ok((read_plan(kind, &row.body).map_err(unreadable)?, row.version))
}

fn read_plan(kind: TaskKind, body: &str) -> Result<ExecutionPlan, ConfigurationError> {
    let unreadable = |error: serde_json::Error| {
        ConfigurationError::Store(StoreError::Unreadable {
            what: "task definition",
            detail: error.to_string(),
        })
    };
    let value = serde_json::from_str(body).map_err(unreadable)?;
    let document = Document::read(kind.definition_kind(), &value, Leniency::Strict);
    let resource = document.and_then(|document| document.parse()).map_err(ConfigurationError::Invalid)?;
    Ok(resource.execution_plan().cloned().unwrap_or_default())
}
