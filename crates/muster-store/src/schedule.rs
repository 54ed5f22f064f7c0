//! Schedules: one for each task definition, computed from the configuration, asked for by due time.
//!
//! Knows no plan: what is due when is the caller's. Invariant: schedules are written under the version of the
//! configuration that they were computed from, and changed only while they are those of the present one.

use chrono::{DateTime, Utc};
use muster_model::ConfigurationId;
use muster_model::audit::{Act, Subject};
use muster_model::run::TaskKind;
use muster_plan::schedule::Standing;
use sea_orm::{QueryResult, Value};
use uuid::Uuid;

use crate::audit::NewAuditEntry;
use crate::configuration::ConfigurationVersion;
use crate::database::{Database, Transaction, Urgency};
use crate::error::StoreError;
use crate::facts::octets;
use crate::row::{get, instant, number, optional_number};
use crate::rows::{Bulk, Kind};
use crate::run::Hash;
use crate::tenant::{Tenant, TenantStore};
use crate::waiting::Told;

const COLUMNS: &str = "s.kind, s.task, s.version, s.job, s.plan, s.anchor, s.paused, s.next_due, s.previous";

/// The plan of a schedule whose definition could not be read when it was due: that of none.
pub(crate) const NO_PLAN: Hash = [0; 16];

/// Beyond so many tenants the others wait for the next look.
const MOST_TENANTS: i64 = 100;

/// What a plan that is computed anew replaces. The job and what was last stay.
const ROWS: Bulk = Bulk {
    table: "schedule",
    columns: &[
        ("tenant", Kind::Integer),
        ("kind", Kind::Integer),
        ("task", Kind::Text),
        ("version", Kind::Integer),
        ("job", Kind::Uuid),
        ("plan", Kind::Octets),
        ("anchor", Kind::Integer),
        ("paused", Kind::Integer),
        ("next_due", Kind::Integer),
    ],
    suffix: "ON CONFLICT (tenant, kind, task) DO UPDATE SET version = excluded.version, plan = excluded.plan, \
        anchor = excluded.anchor, paused = excluded.paused, next_due = excluded.next_due",
};

/// A schedule as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScheduleRecord {
    /// The kind of its task.
    pub kind: TaskKind,
    /// Its task.
    pub task: ConfigurationId,
    /// The version of the definition that it was computed from.
    pub version: i64,
    /// What it is called; never changes.
    pub job: Uuid,
    /// How it stands.
    pub standing: Standing,
    /// The last due time at which it launched a run.
    pub previous: Option<DateTime<Utc>>,
}

/// A schedule as it is computed.
#[derive(Debug, Clone)]
pub struct NewSchedule {
    /// The kind of its task.
    pub kind: TaskKind,
    /// Its task.
    pub task: ConfigurationId,
    /// The version of the definition that it was computed from.
    pub version: i64,
    /// What it is called if there is none of the task yet.
    pub job: Uuid,
    /// How it stands.
    pub standing: Standing,
}

/// That a tenant's configuration is another than the one its schedules were computed from.
#[derive(Debug, Clone, Copy)]
pub struct Unscheduled {
    /// The configuration as it is now.
    pub version: ConfigurationVersion,
    /// When the first write was made that is not in the schedules yet; `None` when the writer did not say.
    pub since: Option<DateTime<Utc>>,
}

/// A task definition that is newer than its schedule.
#[derive(Debug, Clone)]
pub struct UnscheduledTask {
    /// The kind of the task.
    pub kind: TaskKind,
    /// The task.
    pub task: ConfigurationId,
    /// The version of the definition.
    pub version: i64,
    /// The definition's document.
    pub body: String,
    /// How its schedule stands so far.
    pub standing: Option<Standing>,
}

impl TenantStore {
    /// Whether the schedules have to be computed from a newer configuration.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn unscheduled(&self) -> Result<Option<Unscheduled>, StoreError> {
        let sql =
            "SELECT configuration, configured_at FROM tenant WHERE id = ? AND configuration <> scheduled";
        let row = self.database.query_one(sql, vec![self.tenant.into()]).await?;
        row.map(|row| read_unscheduled(&row, 0)).transpose()
    }

    /// The task definitions that are newer than their schedules, or could not be read when they were due.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn unscheduled_tasks(&self) -> Result<Vec<UnscheduledTask>, StoreError> {
        let [one, other] = TaskKind::ALL.map(stored_kind);
        let sql = "SELECT c.kind, c.id, c.version, c.body, s.plan, s.anchor, s.paused, s.next_due \
            FROM configuration c \
            LEFT JOIN schedule s ON s.tenant = c.tenant AND s.kind = c.kind AND s.task = c.id \
            WHERE c.tenant = ? AND c.kind IN (?, ?) AND (s.version IS NULL OR s.version <> c.version OR s.plan = ?)";
        let values = vec![self.tenant.into(), one.into(), other.into(), NO_PLAN.to_vec().into()];
        let rows = self.database.query(sql, values).await?;
        rows.iter().map(unscheduled_task).collect()
    }

    /// Stores schedules that were computed from a configuration. `false`, and nothing is written, when that is
    /// no longer the present one, or another process was faster.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn store_schedules(
        &self,
        computed_from: ConfigurationVersion,
        schedules: &[NewSchedule],
    ) -> Result<bool, StoreError> {
        let tx = self.database.begin(Urgency::Short).await?;
        let sql = "UPDATE tenant SET scheduled = configuration \
            WHERE id = ? AND configuration = ? AND configuration <> scheduled";
        if tx.execute(sql, vec![self.tenant.into(), computed_from.number.into()]).await? == 0 {
            return Ok(false);
        }
        let rows = schedules.iter().map(|schedule| self.row(schedule)).collect();
        ROWS.insert(&tx, rows).await?;
        tx.commit().await?;
        Ok(true)
    }

    fn row(&self, schedule: &NewSchedule) -> Vec<Value> {
        let standing = &schedule.standing;
        vec![
            self.tenant.into(),
            stored_kind(schedule.kind).into(),
            schedule.task.as_str().into(),
            schedule.version.into(),
            schedule.job.into(),
            standing.plan.to_vec().into(),
            standing.anchor.timestamp_millis().into(),
            i64::from(standing.paused).into(),
            standing.next_due.map(|due| due.timestamp_millis()).into(),
        ]
    }

    /// The schedule of a task, as it was computed last.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn schedule(
        &self,
        kind: TaskKind,
        task: &ConfigurationId,
    ) -> Result<Option<ScheduleRecord>, StoreError> {
        let sql =
            format!("SELECT {COLUMNS} FROM schedule s WHERE s.tenant = ? AND s.kind = ? AND s.task = ?");
        let row = self.database.query_one(&sql, self.key(kind, task).to_vec()).await?;
        row.map(|row| read(&row, 0)).transpose()
    }

    /// Pauses a schedule, or lets it go on: has it stand otherwise. `false`, and nothing is written, when it is
    /// no longer the one that was read.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn restate_schedule(
        &self,
        read: &ScheduleRecord,
        standing: &Standing,
    ) -> Result<bool, StoreError> {
        let tx = self.database.begin(Urgency::Short).await?;
        if !self.lock_scheduled(&tx).await? {
            return Ok(false);
        }
        let sql = "UPDATE schedule SET paused = ?, next_due = ? \
            WHERE tenant = ? AND kind = ? AND task = ? AND version = ? AND job = ? AND paused = ?";
        let mut values: Vec<Value> = vec![
            i64::from(standing.paused).into(),
            standing.next_due.map(|due| due.timestamp_millis()).into(),
        ];
        values.extend(self.key(read.kind, &read.task));
        values.extend([read.version.into(), read.job.into(), Value::from(i64::from(read.standing.paused))]);
        let restated = tx.execute(sql, values).await? > 0;
        if restated && standing.paused != read.standing.paused {
            let act = if standing.paused { Act::Pause } else { Act::Resume };
            self.append(&tx, NewAuditEntry::new(act, Subject::task(read.kind, read.task.as_str()))).await?;
        }
        tx.commit().await?;
        Ok(restated)
    }

    /// Keeps others from computing schedules to the end of the transaction. `false` when that is due.
    async fn lock_scheduled(&self, tx: &Transaction) -> Result<bool, StoreError> {
        let sql = "UPDATE tenant SET scheduled = configuration WHERE id = ? AND configuration = scheduled";
        Ok(tx.execute(sql, vec![self.tenant.into()]).await? > 0)
    }

    pub(crate) fn key(&self, kind: TaskKind, task: &ConfigurationId) -> [Value; 3] {
        [self.tenant.into(), stored_kind(kind).into(), task.as_str().into()]
    }
}

/// The tenants whose schedules have to be computed from a newer configuration.
pub(crate) async fn unscheduled(
    database: &Database,
    told: &Told,
) -> Result<Vec<(Tenant, Unscheduled)>, StoreError> {
    let sql = "SELECT slug, created_at, id, configuration, configured_at FROM tenant \
        WHERE configuration <> scheduled ORDER BY id LIMIT ?";
    let rows = database.query(sql, vec![MOST_TENANTS.into()]).await?;
    let read = |row: &QueryResult| Ok((Tenant::read(row)?, read_unscheduled(row, 3)?));
    Ok(rows.iter().filter_map(|row| readable(row, told, "tenant", read)).collect())
}

/// Where all schedules of the tenants whose schedules are those of their configuration stand, by due time. The
/// order of the tables is said, and that the due time is looked up, so that no planner begins at the tenants.
const BY_DUE_TIME: &str = "FROM schedule s CROSS JOIN tenant t \
    WHERE t.id = s.tenant AND s.next_due > 0 AND t.configuration = t.scheduled";

/// The earliest due time of all tenants.
pub(crate) async fn earliest(database: &Database) -> Result<Option<DateTime<Utc>>, StoreError> {
    let sql = format!("SELECT s.next_due {BY_DUE_TIME} ORDER BY s.next_due LIMIT 1");
    database.query_one(&sql, Vec::new()).await?.map(|row| instant(number(&row, 0)?)).transpose()
}

/// The schedules of all tenants that are due at an instant, earliest first, at most so many, each with the
/// configuration that it was computed from.
pub(crate) async fn due(
    (database, told): (&Database, &Told),
    now: DateTime<Utc>,
    limit: u32,
) -> Result<Vec<(Tenant, ConfigurationVersion, ScheduleRecord)>, StoreError> {
    let sql = format!(
        "SELECT t.slug, t.created_at, t.id, t.scheduled, {COLUMNS} {BY_DUE_TIME} AND s.next_due <= ? \
         ORDER BY s.next_due LIMIT ?"
    );
    let read_due = |row: &QueryResult| {
        Ok((Tenant::read(row)?, ConfigurationVersion::new(number(row, 3)?), read(row, 4)?))
    };
    let (mut found, mut seen) = (Vec::new(), 0);
    // What cannot be read does not go away by itself; it must not keep the place of what can.
    loop {
        let values = vec![now.timestamp_millis().into(), i64::from(limit).into()];
        let sql = if seen > 0 { format!("{sql} OFFSET {seen}") } else { sql.clone() };
        let rows = database.query(&sql, values).await?;
        found.extend(rows.iter().filter_map(|row| readable(row, told, "schedule", read_due)));
        seen += limit;
        if rows.len() < limit as usize || found.len() >= limit as usize {
            return Ok(found);
        }
    }
}

/// What a row says that begins with a tenant; nothing where it cannot be read.
fn readable<T>(
    row: &QueryResult,
    told: &Told,
    table: &str,
    read: impl Fn(&QueryResult) -> Result<T, StoreError>,
) -> Option<T> {
    let unread = match read(row) {
        Ok(found) => return Some(found),
        Err(error) => error,
    };
    let tenant = number(row, 2).unwrap_or_default();
    told.pass_over(format!("table `{table}`, tenant {tenant}"), &unread);
    None
}

/// The number under which the definitions of a kind of task are stored: that of their kind of configuration.
fn stored_kind(kind: TaskKind) -> i64 {
    kind.definition_kind().number().into()
}

fn read_kind(stored: i64) -> Result<TaskKind, StoreError> {
    let found = TaskKind::ALL.into_iter().find(|kind| stored_kind(*kind) == stored);
    found.ok_or_else(|| StoreError::unreadable("kind of task", stored))
}

fn read_unscheduled(row: &QueryResult, first: usize) -> Result<Unscheduled, StoreError> {
    Ok(Unscheduled {
        version: ConfigurationVersion::new(number(row, first)?),
        since: optional_number(row, first + 1)?.map(instant).transpose()?,
    })
}

fn unscheduled_task(row: &QueryResult) -> Result<UnscheduledTask, StoreError> {
    let known = get::<Option<Vec<u8>>>(row, 4)?.is_some();
    Ok(UnscheduledTask {
        kind: read_kind(number(row, 0)?)?,
        task: ConfigurationId::new(&get::<String>(row, 1)?)?,
        version: number(row, 2)?,
        body: get(row, 3)?,
        standing: known.then(|| read_standing(row, 4)).transpose()?,
    })
}

fn read(row: &QueryResult, first: usize) -> Result<ScheduleRecord, StoreError> {
    Ok(ScheduleRecord {
        kind: read_kind(number(row, first)?)?,
        task: ConfigurationId::new(&get::<String>(row, first + 1)?)?,
        version: number(row, first + 2)?,
        job: get(row, first + 3)?,
        standing: read_standing(row, first + 4)?,
        previous: optional_number(row, first + 8)?.map(instant).transpose()?,
    })
}

fn read_standing(row: &QueryResult, first: usize) -> Result<Standing, StoreError> {
    Ok(Standing {
        plan: octets(get(row, first)?)?,
        anchor: instant(number(row, first + 1)?)?,
        paused: number(row, first + 2)? != 0,
        next_due: optional_number(row, first + 3)?.map(instant).transpose()?,
    })
}
