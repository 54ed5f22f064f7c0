//! Launching: runs are made under the guard of the database, each with its numbers, those that come before it, and the act.

use chrono::{DateTime, Utc};
use muster_model::RunId;
use muster_model::audit::{Act, Subject};
use muster_model::run::{Mode, ProgressStatus};
use sea_orm::Value;
use uuid::Uuid;

use crate::TenantStore;
use crate::audit::NewAuditEntry;
use crate::configuration::ConfigurationVersion;
use crate::database::{Transaction, Urgency};
use crate::error::StoreError;
use crate::holds;
use crate::preceding::NOT_YET;
use crate::row::phase_number;
use crate::run::{COLUMNS, NewRun, RunRecord, record};
use crate::single::{self, Claiming};

/// How often a launch is tried again that lost its number to another.
pub(crate) const LAUNCH_TRIES: u32 = 100;

/// The worker that a run is kept for, and until when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keeper {
    /// What it is called.
    pub worker: String,
    /// From then on any worker may take the run up.
    pub until: DateTime<Utc>,
}

impl TenantStore {
    /// Launches a run that was made from a configuration, and those that come before it. Whether another full run of the task is under way is decided
    /// by the database alone.
    ///
    /// # Errors
    /// [`StoreError::AlreadyRunning`] when one is, [`StoreError::ConfigurationMoved`] when the configuration is no
    /// longer that one.
    pub async fn launch(
        &self,
        made_from: ConfigurationVersion,
        run: &NewRun,
    ) -> Result<RunRecord, StoreError> {
        self.launch_for(made_from, run, None).await
    }

    /// The same, where what can be begun of them is kept for a worker.
    ///
    /// # Errors
    /// As [`launch`](Self::launch).
    pub async fn launch_for(
        &self,
        made_from: ConfigurationVersion,
        run: &NewRun,
        keeper: Option<&Keeper>,
    ) -> Result<RunRecord, StoreError> {
        let mut tries = 0;
        loop {
            match self.try_launch(made_from, run, keeper).await {
                // Two launches of different tasks at once want the same number: the later takes the next.
                Err(error) if error.is_unique_violation() && tries < LAUNCH_TRIES => tries += 1,
                answer => return answer,
            }
        }
    }

    async fn try_launch(
        &self,
        made_from: ConfigurationVersion,
        run: &NewRun,
        keeper: Option<&Keeper>,
    ) -> Result<RunRecord, StoreError> {
        let tx = self.database.begin(Urgency::Short).await?;
        if !self.keep_version(&tx, made_from).await? {
            return Err(StoreError::ConfigurationMoved);
        }
        let inserted = self.insert_runs(&tx, run, None).await;
        match inserted {
            Ok(()) => {
                if let Some(keeper) = keeper {
                    self.keep_for(&tx, run.first(), keeper).await?;
                }
                tx.commit().await?;
            }
            Err(error) if error.is_unique_violation() => {
                drop(tx);
                return Err(self.already_running(run).await?.unwrap_or(error));
            }
            Err(error) => return Err(error),
        }
        self.run(run.id).await?.ok_or_else(|| StoreError::unreadable("run", "it vanished after its launch"))
    }

    /// Keeps a run that waits for a worker, and has never had one, for one.
    async fn keep_for(&self, tx: &Transaction, run: RunId, keeper: &Keeper) -> Result<(), StoreError> {
        let sql = "UPDATE run SET owner = ?, lease_until = ? WHERE tenant = ? AND id = ? AND epoch = 0";
        let until = keeper.until.timestamp_millis();
        let values = vec![keeper.worker.as_str().into(), until.into(), self.tenant.into(), run.0.into()];
        tx.execute(sql, values).await.map(|_| ())
    }

    /// Keeps the configuration that a run uses. What is there already is held, so that nobody drops it as unused before the
    /// run is there, and is not sent again: it may be long, and runs may be many.
    async fn keep_rules(&self, tx: &Transaction, run: &NewRun) -> Result<(), StoreError> {
        let known: [Value; 2] = [self.tenant.into(), run.rules.to_vec().into()];
        let sql = "UPDATE rules SET hash = hash WHERE tenant = ? AND hash = ?";
        if tx.execute(sql, known.to_vec()).await? > 0 {
            return Ok(());
        }
        let sql = "INSERT INTO rules (tenant, hash, body) VALUES (?, ?, ?) \
            ON CONFLICT (tenant, hash) DO UPDATE SET hash = excluded.hash";
        let new = known.into_iter().chain([run.rules_body.clone().into()]).collect();
        tx.execute(sql, new).await.map(|_| ())
    }

    /// Inserts a run with the configuration it uses, the run that it waits for, and the job that started it.
    pub(crate) async fn insert_run(
        &self,
        tx: &Transaction,
        run: &NewRun,
        started_by: (Option<RunId>, Option<Uuid>),
    ) -> Result<(), StoreError> {
        self.keep_rules(tx, run).await?;
        let (sql, values) = self.insertion(run, started_by, &[]);
        tx.execute(&sql, values).await.map(|_| ())
    }

    /// Inserts a run that a worker has at once, which nobody waits for, and answers it.
    pub(crate) async fn insert_claimed(
        &self,
        tx: &Transaction,
        run: &NewRun,
        claiming: Claiming<'_>,
    ) -> Result<RunRecord, StoreError> {
        self.keep_rules(tx, run).await?;
        let until = claiming.lease_until.timestamp_millis();
        let claimed: [(&str, Value); 5] = [
            ("status", (ProgressStatus::Running as i64).into()),
            ("lease_until", until.into()),
            ("owner", claiming.owner.into()),
            ("epoch", 1i64.into()),
            ("progressed_at", run.now.timestamp_millis().into()),
        ];
        let (sql, values) = self.insertion(run, (None, None), &claimed);
        let inserted =
            tx.query_one(&format!("{sql} RETURNING {}", COLUMNS.replace("r.", "")), values).await?;
        record(&inserted.ok_or_else(|| StoreError::unreadable("run", "it vanished in its launch"))?)
    }

    /// What inserts a run, with these columns besides or in the place of the usual values.
    fn insertion(
        &self,
        run: &NewRun,
        (waits_for, job): (Option<RunId>, Option<Uuid>),
        instead: &[(&'static str, Value)],
    ) -> (String, Vec<Value>) {
        let keys = run.keys.as_ref().map(|keys| single::encode_keys(keys, run.owner_by));
        let (seq, number) = self.dialect().new_number("run", "seq");
        let (sync, of_sync) = run.sync_number(self.tenant);
        let mut columns: Vec<(&str, Value)> = vec![
            ("task_kind", (run.task_kind as i64).into()),
            ("task", run.task.as_str().into()),
            ("mode", (run.state.mode as i64).into()),
            ("keys", keys.into()),
            ("status", (run.state.status as i64).into()),
            ("phase", phase_number(run.state.phase).into()),
            ("absence", (run.state.absence as i64).into()),
            ("rules", run.rules.to_vec().into()),
            ("started_at", run.now.timestamp_millis().into()),
            ("estimate", run.estimate.cast_signed().into()),
            ("approved_hash", run.approved_hash.map(|hash| hash.to_vec()).into()),
            ("job", job.into()),
            ("chain_start", run.chain.map(|chain| chain.start.timestamp_millis()).into()),
            ("launched_by", run.chain.map(|chain| chain.launched_by.0).into()),
            ("waits_for", waits_for.map(|run| run.0).into()),
            ("lease_until", waits_for.map_or(0, |_| NOT_YET).into()),
            ("overriding", run.overriding.as_ref().map(holds::encode_override).into()),
            ("undoes", run.undoes.map(|run| run.0).into()),
        ];
        columns.retain(|(name, _)| instead.iter().all(|(other, _)| other != name));
        columns.extend_from_slice(instead);
        let (names, given): (Vec<&str>, Vec<Value>) = columns.into_iter().unzip();
        let marks = vec!["?"; names.len()].join(", ");
        let sql = format!(
            "INSERT INTO run ({seq}tenant, id, no, {}, sync) \
             SELECT {number}?, ?, coalesce(max(no), 0) + 1, {marks}, {sync} FROM run WHERE tenant = ?",
            names.join(", ")
        );
        let mut values: Vec<Value> = vec![self.tenant.into(), run.id.0.into()];
        values.extend(given);
        values.extend(of_sync);
        values.push(self.tenant.into());
        (sql, values)
    }

    async fn already_running(&self, run: &NewRun) -> Result<Option<StoreError>, StoreError> {
        if run.state.mode == Mode::Simulate || run.keys.is_some() {
            return Ok(None);
        }
        let (sql, values) = self.occupying(COLUMNS, (run.task_kind, &run.task));
        let occupying = self.database.query_one(&sql, values).await?.map(|row| record(&row)).transpose()?;
        Ok(occupying.map(|run| StoreError::AlreadyRunning { run: run.id, status: run.state.status }))
    }
}

/// What the audit log says of a launch. One that names a plan is the approval of a simulation.
pub(crate) fn launched(run: &NewRun, waits_for: Option<RunId>) -> NewAuditEntry {
    let act = if run.approved_hash.is_some() { Act::Approve } else { Act::Launch };
    let mut entry = NewAuditEntry::new(act, Subject::task(run.task_kind, run.task.as_str()))
        .of_run(run.id)
        .at(run.now)
        .with("mode", run.state.mode.as_str());
    if let Some(keys) = &run.keys {
        entry = entry.with("keys", keys.len());
    }
    if let Some(chain) = &run.chain {
        entry = entry.with("launchedBy", chain.launched_by.to_string());
    }
    if let Some(preceding) = waits_for {
        entry = entry.with("waitsFor", preceding.to_string());
    }
    if let Some(overriding) = &run.overriding {
        entry = entry.with("override", holds::encode_override(overriding));
    }
    if let Some(undone) = run.undoes {
        entry = entry.with("undoes", undone.to_string());
    }
    match run.approved_hash {
        Some(hash) => entry.with_hash("planHash", hash),
        None => entry,
    }
}
