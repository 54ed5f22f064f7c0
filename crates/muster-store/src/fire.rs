//! Fires: what came of each time at which a schedule was due. A due time fires once, whoever tries.

use chrono::{DateTime, Utc};
use muster_model::run::TaskKind;
use muster_model::schedule::FireOutcome;
use muster_model::{ConfigurationId, RunId};
use sea_orm::{QueryResult, Value};

use crate::configuration::ConfigurationVersion;
use crate::database::{Transaction, Urgency};
use crate::error::StoreError;
use crate::launch::LAUNCH_TRIES;
use crate::row::{get, get_case, instant, message, number, unsigned};
use crate::run::NewRun;
use crate::schedule::{NO_PLAN, ScheduleRecord};
use crate::tenant::TenantStore;

/// So many fires of each task are kept, the newest.
pub const KEPT_FIRES: u32 = 100;

/// A due time that is to be dealt with.
#[derive(Debug, Clone)]
pub struct NewFire<'a> {
    /// The schedule, as it was read.
    pub schedule: &'a ScheduleRecord,
    /// Its due time, as it was read.
    pub due: DateTime<Utc>,
    /// The configuration that the schedule and the run were made from.
    pub made_from: ConfigurationVersion,
    /// The instant.
    pub at: DateTime<Utc>,
    /// Due times after this one that have passed as well, and fire nothing.
    pub missed: u32,
    /// When the schedule is due next.
    pub next_due: NextDue,
    /// The run that it launches, or why there is none.
    pub launch: Result<&'a NewRun, NoLaunch<'a>>,
}

/// Why a due time launches nothing, in words for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoLaunch<'a> {
    /// The task cannot be launched.
    Error(&'a str),
    /// A system that it needs is in maintenance or in quarantine, so it is not to be launched now.
    Blocked(&'a str),
}

impl<'a> NoLaunch<'a> {
    /// The words.
    #[must_use]
    pub fn why(self) -> &'a str {
        match self {
            Self::Error(why) | Self::Blocked(why) => why,
        }
    }
}

/// When a schedule is due after a due time that has been dealt with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NextDue {
    /// Then; never again where there is no instant.
    Known(Option<DateTime<Utc>>),
    /// Nobody knows, since the definition of the task cannot be read. Nothing is due until the configuration has
    /// moved on; then the schedule is computed anew.
    Unknown,
}

/// What came of trying to fire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fired {
    /// The run was launched.
    Launched,
    /// That run of the task had not ended.
    Blocked(RunId),
    /// That it could not be launched is noted.
    Failed,
    /// Nothing: another process was faster, or the schedule is no longer the one that was read.
    Passed,
}

/// What came of a due time, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FireRecord {
    /// The due time.
    pub due_at: DateTime<Utc>,
    /// When it was dealt with.
    pub at: DateTime<Utc>,
    /// What came of it.
    pub outcome: FireOutcome,
    /// The run that was launched, or that stood in its way.
    pub run: Option<RunId>,
    /// Due times after it that had passed as well, and fired nothing.
    pub missed: u32,
    /// Why it failed.
    pub message: Option<String>,
}

impl TenantStore {
    /// Deals with a due time: moves the schedule on, notes what came of it, and makes the run with those before it, in
    /// one transaction.
    ///
    /// # Errors
    /// When the database fails; then nothing of it has happened.
    pub async fn fire(&self, fire: &NewFire<'_>) -> Result<Fired, StoreError> {
        let mut tries = 0;
        loop {
            match self.try_fire(fire).await {
                // A launch at the same time took the number of the run, or the place of the task.
                Err(error) if error.is_unique_violation() && tries < LAUNCH_TRIES => tries += 1,
                answer => return answer,
            }
        }
    }

    async fn try_fire(&self, fire: &NewFire<'_>) -> Result<Fired, StoreError> {
        let tx = self.database.begin(Urgency::Short).await?;
        // Before the schedule, as whoever writes the configuration has it: two that lock both wait, and do not die.
        if !self.keep_version(&tx, fire.made_from).await? {
            return Ok(Fired::Passed);
        }
        let fired = match fire.launch {
            Err(_) => Fired::Failed,
            Ok(run) => {
                let (sql, values) = self.occupying("r.id", (run.task_kind, &run.task));
                run_id(tx.query_one(&sql, values).await?)?.map_or(Fired::Launched, Fired::Blocked)
            }
        };
        if !self.move_on(&tx, fire, fired).await? {
            return Ok(Fired::Passed);
        }
        if !self.note(&tx, fire, fired).await? {
            // It has fired before: the schedule was computed anew, or a clock was put back.
            tx.commit().await?;
            return Ok(Fired::Passed);
        }
        self.drop_old_fires(&tx, fire.schedule).await?;
        if let (Fired::Launched, Ok(run)) = (fired, fire.launch) {
            self.insert_runs(&tx, run, Some(fire.schedule.job)).await?;
        }
        tx.commit().await?;
        Ok(fired)
    }

    /// Moves the schedule on to its next due time, if it is still the one that was read.
    async fn move_on(&self, tx: &Transaction, fire: &NewFire<'_>, fired: Fired) -> Result<bool, StoreError> {
        let schedule = fire.schedule;
        let due = fire.due.timestamp_millis();
        let previous = (fired == Fired::Launched).then_some(due);
        let (next_due, plan) = match fire.next_due {
            NextDue::Known(next) => (next.map(|next| next.timestamp_millis()), None),
            NextDue::Unknown => (None, Some(NO_PLAN.to_vec())),
        };
        let mut values: Vec<Value> = vec![next_due.into(), previous.into(), plan.into()];
        values.extend(self.key(schedule.kind, &schedule.task));
        values.extend([Value::from(due), self.tenant.into()]);
        let sql = "UPDATE schedule SET next_due = ?, previous = coalesce(?, previous), plan = coalesce(?, plan) \
            WHERE tenant = ? AND kind = ? AND task = ? AND next_due = ? AND EXISTS (SELECT 1 FROM tenant \
            WHERE tenant.id = ? AND configuration = scheduled)";
        Ok(tx.execute(sql, values).await? > 0)
    }

    /// Notes what came of a due time. `false` when that is noted already.
    async fn note(&self, tx: &Transaction, fire: &NewFire<'_>, fired: Fired) -> Result<bool, StoreError> {
        let (outcome, run) = match (fired, fire.launch) {
            (Fired::Launched, Ok(run)) => (FireOutcome::Launched, Some(run.id)),
            (Fired::Blocked(run), _) => (FireOutcome::Blocked, Some(run)),
            (_, Err(NoLaunch::Blocked(_))) => (FireOutcome::Blocked, None),
            (Fired::Launched | Fired::Failed | Fired::Passed, _) => (FireOutcome::Error, None),
        };
        let mut values: Vec<Value> = self.key(fire.schedule.kind, &fire.schedule.task).into();
        values.extend([
            fire.due.timestamp_millis().into(),
            fire.at.timestamp_millis().into(),
            Value::from(outcome as i64),
            run.map(|run| run.0).into(),
            i64::from(fire.missed).into(),
            fire.launch.err().map(|error| message(error.why())).into(),
        ]);
        let sql = "INSERT INTO fire (tenant, kind, task, due_at, at, outcome, run, missed, message) \
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING";
        Ok(tx.execute(sql, values).await? > 0)
    }

    async fn drop_old_fires(&self, tx: &Transaction, schedule: &ScheduleRecord) -> Result<(), StoreError> {
        let key = self.key(schedule.kind, &schedule.task);
        let mut values = key.to_vec();
        values.extend(key);
        values.push(i64::from(KEPT_FIRES).into());
        let sql = "DELETE FROM fire WHERE tenant = ? AND kind = ? AND task = ? AND due_at <= \
            (SELECT due_at FROM fire WHERE tenant = ? AND kind = ? AND task = ? \
            ORDER BY due_at DESC LIMIT 1 OFFSET ?)";
        tx.execute(sql, values).await.map(|_| ())
    }

    /// What came of the last due times of a task, newest first, at most so many.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn fires(
        &self,
        kind: TaskKind,
        task: &ConfigurationId,
        limit: u32,
    ) -> Result<Vec<FireRecord>, StoreError> {
        let sql = "SELECT due_at, at, outcome, run, missed, message FROM fire \
            WHERE tenant = ? AND kind = ? AND task = ? ORDER BY due_at DESC LIMIT ?";
        let mut values: Vec<Value> = self.key(kind, task).into();
        values.push(i64::from(limit).into());
        self.database.query(sql, values).await?.iter().map(read).collect()
    }

    /// The full run of a task that has not ended, which no other may run beside.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn occupying_run(
        &self,
        kind: TaskKind,
        task: &ConfigurationId,
    ) -> Result<Option<RunId>, StoreError> {
        let (sql, values) = self.occupying("r.id", (kind, task));
        run_id(self.database.query_one(&sql, values).await?)
    }
}

fn run_id(row: Option<QueryResult>) -> Result<Option<RunId>, StoreError> {
    row.map(|row| Ok(RunId(get(&row, 0)?))).transpose()
}

fn read(row: &QueryResult) -> Result<FireRecord, StoreError> {
    Ok(FireRecord {
        due_at: instant(number(row, 0)?)?,
        at: instant(number(row, 1)?)?,
        outcome: get_case(row, 2, &FireOutcome::ALL, "outcome of a fire")?,
        run: get::<Option<uuid::Uuid>>(row, 3)?.map(RunId),
        missed: unsigned(number(row, 4)?, "number of missed times")?,
        message: get(row, 5)?,
    })
}
