//! Runs: what is known of them, and how they are found.

use chrono::{DateTime, TimeDelta, Utc};
use muster_model::run::{Counters, Mode, OutcomeStatus, Override, Phase, ProgressStatus, TaskKind};
use muster_model::{ApplicationId, ConfigurationId, RunId};
use muster_plan::lifecycle::{Absence, RunState};
use sea_orm::{QueryResult, Value};
use uuid::Uuid;

use crate::TenantStore;
use crate::database::Dialect;
use crate::ending;
use crate::error::StoreError;
use crate::facts::octets;
use crate::holds;
use crate::left_out;
use crate::row::{case, decode_counters, get, get_case, instant, number, optional_number, unsigned};

/// What is read of a run, for [`record`].
pub(crate) const COLUMNS: &str = "r.seq, r.tenant, r.id, r.no, r.task_kind, r.task, r.mode, r.keys, r.status, r.phase, \
    r.absence, r.outcome, r.stopping, r.rules, r.started_at, r.ended_at, r.held_at, r.lease_until, r.epoch, \
    r.estimate, r.counters, r.plan_hash, r.held_by, r.failure, r.statements, r.peak_memory, r.approved_hash, \
    r.approved_at, r.job, r.chain_start, r.launched_by, r.waits_for, r.paused_at, r.paused_millis, r.progressed_at, \
    r.overriding, r.undoes, r.breakdowns, r.left_out";

/// How many they are.
pub(crate) const COLUMN_COUNT: usize = 39;

/// The full run of a task that has not ended, which no other may run beside: as the unique index has it.
const OCCUPYING: &str = "FROM run r WHERE r.tenant = ? AND r.task_kind = ? AND r.task = ? \
    AND r.mode = 0 AND r.keys IS NULL AND r.status < 4";

/// A hash of sixteen octets.
pub type Hash = [u8; 16];

/// What a run that another one launched belongs to: a chain, each of whose runs launched the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chain {
    /// When its first run was launched.
    pub start: DateTime<Utc>,
    /// The run that launched this one.
    pub launched_by: RunId,
}

/// What a run is launched with.
#[derive(Debug, Clone)]
pub struct NewRun {
    /// Its id.
    pub id: RunId,
    /// The kind of its task.
    pub task_kind: TaskKind,
    /// Its task.
    pub task: ConfigurationId,
    /// Mode and absence.
    pub state: RunState,
    /// The keys of the only accounts it looks at; `None` for all.
    pub keys: Option<Vec<String>>,
    /// The hash of the configuration it uses.
    pub rules: Hash,
    /// That configuration.
    pub rules_body: String,
    /// How many entries to expect.
    pub estimate: u64,
    /// The hash of the plan that was approved beforehand: it passes the guards, and no other plan does.
    pub approved_hash: Option<Hash>,
    /// Limits that somebody answers for, in the place of those that are configured.
    pub overriding: Option<Override>,
    /// The chain that it goes on with; `None` when it begins one.
    pub chain: Option<Chain>,
    /// The run that it waits for; `None` when it may be begun at once. Should a full run of that task not have ended,
    /// it waits for that one.
    pub preceded_by: Option<Box<Self>>,
    /// The run whose inverse it is; `None` for one that reads a source.
    pub undoes: Option<RunId>,
    /// The instant of the launch.
    pub now: DateTime<Utc>,
}

/// A run as it is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct RunRecord {
    /// Its number in the whole database.
    pub seq: i64,
    /// The tenant's number.
    pub tenant: i64,
    /// Its id.
    pub id: RunId,
    /// Its number within the tenant.
    pub no: i64,
    /// The kind of its task.
    pub task_kind: TaskKind,
    /// Its task.
    pub task: ConfigurationId,
    /// The keys of the only accounts it looks at.
    pub keys: Option<Vec<String>>,
    /// Where it stands.
    pub state: RunState,
    /// Whether it has been told to stop.
    pub stopping: bool,
    /// The hash of the configuration it uses.
    pub rules: Hash,
    /// When it was launched.
    pub started_at: DateTime<Utc>,
    /// When it ended.
    pub ended_at: Option<DateTime<Utc>>,
    /// When its plan was held.
    pub held_at: Option<DateTime<Utc>>,
    /// When its held plan was approved.
    pub approved_at: Option<DateTime<Utc>>,
    /// Until when its worker has promised to be alive.
    pub lease_until: DateTime<Utc>,
    /// Raised by every claim.
    pub epoch: i64,
    /// How many entries are to be expected.
    pub estimate: u64,
    /// What it has counted.
    pub counters: Counters,
    /// The hash of its plan, once frozen.
    pub plan_hash: Option<Hash>,
    /// The hash of the plan that was approved beforehand.
    pub approved_hash: Option<Hash>,
    /// The limits that held it, one a line.
    pub held_by: Option<String>,
    /// Why it failed.
    pub failure: Option<String>,
    /// Statements sent to the store on its behalf.
    pub statements: u64,
    /// The most memory its process held, in octets.
    pub peak_memory: u64,
    /// The job of the schedule that started it; `None` when somebody launched it.
    pub job: Option<Uuid>,
    /// The chain that it goes on with; `None` when it begins one.
    pub chain: Option<Chain>,
    /// The run before whose end it was not to be begun.
    pub waits_for: Option<RunId>,
    /// Since when it is paused; of one that was ended while it was, until then.
    pub paused_at: Option<DateTime<Utc>>,
    /// How long it was paused before that.
    pub paused: TimeDelta,
    /// When it was last taken up, moved on, or stored a checkpoint; `None` before the first time.
    pub progressed_at: Option<DateTime<Utc>>,
    /// Limits that somebody answers for, in the place of those that are configured.
    pub overriding: Option<Override>,
    /// The run whose inverse it is.
    pub undoes: Option<RunId>,
    /// How many workers in a row were lost with it without getting it any further.
    pub breakdowns: u32,
    /// The applications that it goes on without, or has gone on without.
    pub left_out: Vec<ApplicationId>,
}

impl RunRecord {
    /// Since when the run stores nothing although it should, if that is so long ago.
    #[must_use]
    pub fn stalled_since(&self, now: DateTime<Utc>, limit: TimeDelta) -> Option<DateTime<Utc>> {
        let since = self.progressed_at.unwrap_or(self.started_at);
        (self.state.status == ProgressStatus::Running && now - since >= limit).then_some(since)
    }

    /// Whether a claim would find it: never begun, or left by a worker that is silent.
    #[must_use]
    pub fn waits_for_worker(&self, now: DateTime<Utc>) -> bool {
        let claimable = match self.state.status {
            ProgressStatus::Pending | ProgressStatus::Running => true,
            ProgressStatus::Paused | ProgressStatus::Held | ProgressStatus::Finished => false,
        };
        claimable && self.lease_until < now
    }

    /// Whether no worker has had it yet, and nothing keeps it from being begun. Some worker may keep it for itself.
    #[must_use]
    pub fn is_new(&self) -> bool {
        self.state.status == ProgressStatus::Pending && self.epoch == 0 && self.awaited().is_none()
    }

    /// Takes over what stands with its buckets while it works, from rows of `counters, estimate, progressed_at`.
    pub(crate) fn take_live(&mut self, buckets: &[QueryResult]) -> Result<(), StoreError> {
        let mut estimate = 0;
        for row in buckets {
            self.counters.add(&decode_counters(&get::<String>(row, 0)?)?);
            estimate += number(row, 1)?.unsigned_abs();
            let progressed_at = optional_number(row, 2)?.map(instant).transpose()?;
            self.progressed_at = self.progressed_at.max(progressed_at);
        }
        self.estimate = ending::estimate(self.state.phase, self.estimate, estimate, self.counters.entries());
        Ok(())
    }
}

/// Which runs to list, newest first.
#[derive(Debug, Clone, Default)]
pub struct RunFilter {
    /// Only of this task.
    pub task: Option<ConfigurationId>,
    /// Only in this state.
    pub status: Option<ProgressStatus>,
    /// Only launched at or after this instant.
    pub since: Option<DateTime<Utc>>,
    /// Only older than this run.
    pub after: Option<RunId>,
    /// At most so many.
    pub limit: Option<u32>,
}

impl TenantStore {
    /// What reads these columns of the run that occupies a task.
    pub(crate) fn occupying(
        &self,
        columns: &str,
        (kind, task): (TaskKind, &ConfigurationId),
    ) -> (String, Vec<Value>) {
        let values = vec![self.tenant.into(), (kind as i64).into(), task.as_str().into()];
        (format!("SELECT {columns} {OCCUPYING}"), values)
    }

    /// The run of this id.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn run(&self, id: RunId) -> Result<Option<RunRecord>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM run r WHERE r.tenant = ? AND r.id = ?");
        let row = self.database.query_one(&sql, vec![self.tenant.into(), id.0.into()]).await?;
        let Some(mut run) = row.map(|row| record(&row)).transpose()? else { return Ok(None) };
        self.read_live(&mut run).await?;
        Ok(Some(run))
    }

    /// The runs of these numbers within the tenant, as far as they have not been dropped.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn runs_numbered(&self, numbers: &[i64]) -> Result<Vec<RunRecord>, StoreError> {
        let (list, [no]) = match self.dialect() {
            Dialect::Sqlite => self.list_of(["j.value"]),
            Dialect::Postgres => self.list_of(["j.value::bigint"]),
        };
        let sql = format!("SELECT {COLUMNS} FROM {list} CROSS JOIN run r WHERE r.tenant = ? AND r.no = {no}");
        let values = vec![serde_json::to_string(numbers).unwrap_or_default().into(), self.tenant.into()];
        self.database.query(&sql, values).await?.iter().map(record).collect()
    }

    /// Runs of a kind of task, newest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn runs(&self, kind: TaskKind, filter: &RunFilter) -> Result<Vec<RunRecord>, StoreError> {
        let mut sql = format!("SELECT {COLUMNS} FROM run r WHERE r.tenant = ? AND r.task_kind = ?");
        let mut values: Vec<Value> = vec![self.tenant.into(), (kind as i64).into()];
        let mut and = |condition: &str, value: Value| {
            sql.push_str(condition);
            values.push(value);
        };
        if let Some(task) = &filter.task {
            and(" AND r.task = ?", task.as_str().into());
        }
        if let Some(status) = filter.status {
            and(" AND r.status = ?", (status as i64).into());
        }
        if let Some(since) = filter.since {
            and(" AND r.started_at >= ?", since.timestamp_millis().into());
        }
        if let Some(after) = filter.after {
            let older = " AND r.no < (SELECT no FROM run WHERE tenant = r.tenant AND id = ?)";
            and(older, after.0.into());
        }
        and(" ORDER BY r.no DESC LIMIT ?", i64::from(filter.limit.unwrap_or(1000)).into());
        let rows = self.database.query(&sql, values).await?;
        let mut runs = Vec::with_capacity(rows.len());
        for row in rows {
            let mut run = record(&row)?;
            self.read_live(&mut run).await?;
            runs.push(run);
        }
        Ok(runs)
    }

    /// While a run works its counters and its estimate stand with its buckets.
    pub(crate) async fn read_live(&self, run: &mut RunRecord) -> Result<(), StoreError> {
        if run.state.is_terminal() {
            return Ok(());
        }
        let sql = "SELECT counters, estimate, progressed_at FROM bucket WHERE tenant = ? AND run = ?";
        let buckets = self.database.query(sql, vec![self.tenant.into(), run.seq.into()]).await?;
        run.take_live(&buckets)
    }

    /// The runs that have not ended, with the configuration that each was launched with.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn live_runs(&self) -> Result<Vec<(RunRecord, String)>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS}, u.body FROM run r JOIN rules u ON u.tenant = r.tenant AND u.hash = r.rules \
             WHERE r.tenant = ? AND r.status < 4"
        );
        let rows = self.database.query(&sql, vec![self.tenant.into()]).await?;
        rows.iter().map(|row| Ok((record(row)?, get(row, COLUMN_COUNT)?))).collect()
    }

    /// The configuration that a run was launched with.
    ///
    /// # Errors
    /// When it is lacking or the database fails.
    pub async fn rules_body(&self, hash: &Hash) -> Result<String, StoreError> {
        let sql = "SELECT body FROM rules WHERE tenant = ? AND hash = ?";
        let row = self.database.query_one(sql, vec![self.tenant.into(), hash.to_vec().into()]).await?;
        let row = row.ok_or_else(|| StoreError::unreadable("configuration of a run", "it is missing"))?;
        get(&row, 0)
    }
}

/// The run of a row that begins with [`COLUMNS`].
pub(crate) fn record(row: &QueryResult) -> Result<RunRecord, StoreError> {
    let keys: Option<String> = get(row, 7)?;
    let keys = keys
        .map(|text| {
            serde_json::from_str(&text).map_err(|error| StoreError::unreadable("list of keys", error))
        })
        .transpose()?;
    let state = RunState {
        mode: get_case(row, 6, &[Mode::Apply, Mode::Simulate], "mode")?,
        absence: get_case(row, 10, &[Absence::Concluded, Absence::Ignored], "absence")?,
        status: get_case(row, 8, &ProgressStatus::ALL, "status")?,
        phase: get_case(row, 9, &Phase::ALL, "phase")?,
        outcome: optional_number(row, 11)?
            .map(|number| case(&OutcomeStatus::ALL, number, "outcome"))
            .transpose()?,
    };
    let moment = |place| optional_number(row, place)?.map(instant).transpose();
    let launched_by = get::<Option<Uuid>>(row, 30)?.map(RunId);
    Ok(RunRecord {
        seq: number(row, 0)?,
        tenant: number(row, 1)?,
        id: RunId(get(row, 2)?),
        no: number(row, 3)?,
        task_kind: get_case(row, 4, &TaskKind::ALL, "kind of task")?,
        task: ConfigurationId::new(&get::<String>(row, 5)?)?,
        keys,
        state,
        stopping: number(row, 12)? != 0,
        rules: octets(get(row, 13)?)?,
        started_at: instant(number(row, 14)?)?,
        ended_at: moment(15)?,
        held_at: moment(16)?,
        approved_at: moment(27)?,
        lease_until: instant(number(row, 17)?)?,
        epoch: number(row, 18)?,
        estimate: number(row, 19)?.unsigned_abs(),
        counters: decode_counters(&get::<String>(row, 20)?)?,
        plan_hash: get::<Option<Vec<u8>>>(row, 21)?.map(octets).transpose()?,
        approved_hash: get::<Option<Vec<u8>>>(row, 26)?.map(octets).transpose()?,
        held_by: get(row, 22)?,
        failure: get(row, 23)?,
        statements: number(row, 24)?.unsigned_abs(),
        peak_memory: number(row, 25)?.unsigned_abs(),
        job: get(row, 28)?,
        chain: moment(29)?.zip(launched_by).map(|(start, launched_by)| Chain { start, launched_by }),
        waits_for: get::<Option<Uuid>>(row, 31)?.map(RunId),
        paused_at: moment(32)?,
        paused: TimeDelta::milliseconds(number(row, 33)?),
        progressed_at: moment(34)?,
        overriding: get::<Option<String>>(row, 35)?.map(|text| holds::decode_override(&text)).transpose()?,
        undoes: get::<Option<Uuid>>(row, 36)?.map(RunId),
        breakdowns: unsigned(number(row, 37)?, "number of breakdowns")?,
        left_out: get::<Option<String>>(row, 38)?.map_or(Ok(Vec::new()), |text| left_out::decode(&text))?,
    })
}
