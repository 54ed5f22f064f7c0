//! Runs that somebody pauses: they keep their place, and nobody takes them up until they are resumed.

use chrono::{DateTime, Utc};
use muster_model::RunId;
use muster_model::audit::Act;
use muster_model::run::ProgressStatus;
use sea_orm::Value;

use crate::TenantStore;
use crate::audit::NewAuditEntry;
use crate::database::Urgency;
use crate::ending::task_at;
use crate::error::StoreError;
use crate::row::number;
use crate::run::RunRecord;

impl TenantStore {
    /// Pauses a run that waits for a worker or has one, who stores nothing more for it. Its lease stays as it is: until
    /// the worker lets the run go, or is silent for too long, nobody else takes it up. `false` when it is in another
    /// state, or was told to stop.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn pause(&self, id: RunId, now: DateTime<Utc>) -> Result<bool, StoreError> {
        let tx = self.database.begin(Urgency::Short).await?;
        let sql = "UPDATE run SET status = ?, paused_at = ? WHERE tenant = ? AND id = ? AND status IN (0, 1) \
            AND stopping = 0 RETURNING seq, task_kind, task";
        let values: Vec<Value> = vec![
            (ProgressStatus::Paused as i64).into(),
            now.timestamp_millis().into(),
            self.tenant.into(),
            id.0.into(),
        ];
        let Some(paused) = tx.query_one(sql, values).await? else { return Ok(false) };
        // Waits for a page that is being stored: nothing is written any more once this has returned.
        self.fence_off(&tx, number(&paused, 0)?).await?;
        let entry = NewAuditEntry::new(Act::Pause, task_at(&paused, 1)?);
        self.append(&tx, entry.of_run(id).at(now)).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Lets a paused run wait for a worker again, or for the run that comes before it. `false` when it is not paused.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn resume(&self, id: RunId, now: DateTime<Utc>) -> Result<bool, StoreError> {
        let tx = self.database.begin(Urgency::Short).await?;
        let sql = "UPDATE run SET status = ?, paused_millis = paused_millis + ? - paused_at, paused_at = NULL \
            WHERE tenant = ? AND id = ? AND status = 2 RETURNING task_kind, task";
        let values: Vec<Value> = vec![
            (ProgressStatus::Pending as i64).into(),
            now.timestamp_millis().into(),
            self.tenant.into(),
            id.0.into(),
        ];
        let Some(resumed) = tx.query_one(sql, values).await? else { return Ok(false) };
        let entry = NewAuditEntry::new(Act::Resume, task_at(&resumed, 0)?);
        self.append(&tx, entry.of_run(id).at(now)).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Gives up the lease of a run that was paused while the worker had it. Answers whether it waits for a worker again.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn let_go(&self, run: &RunRecord) -> Result<bool, StoreError> {
        let tx = self.database.begin(Urgency::Short).await?;
        let sql = "UPDATE run SET lease_until = 0 WHERE seq = ? AND tenant = ? AND epoch = ? AND status IN (0, 2) \
            RETURNING status";
        let left = tx.query_one(sql, vec![run.seq.into(), self.tenant.into(), run.epoch.into()]).await?;
        tx.commit().await?;
        let status = left.map(|row| number(&row, 0)).transpose()?;
        Ok(status == Some(ProgressStatus::Pending as i64))
    }
}
