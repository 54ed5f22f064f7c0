//! Dropping what has been kept long enough, in transactions of a bounded number of rows. How long that is, others say.
//!
//! Invariant: the audit log is never touched. Each of its hashes covers the one before, and it holds no values: what it
//! says of a run stays true when the run is gone.

use chrono::{DateTime, Utc};
use muster_model::TenantSlug;
use sea_orm::{QueryResult, Value};

use crate::database::{Dialect, Urgency};
use crate::error::StoreError;
use crate::row::{get, number};
use crate::{Store, TenantStore};

/// Rows of a transaction.
const AT_ONCE: i64 = 5000;

/// What is looked for of runs that have ended long ago.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OldRuns {
    /// Those that are to go. The newest run of a tenant, and its newest sync, are none of them: their numbers must not be
    /// given again.
    Whole,
    /// Those that have their changes still.
    WithChanges,
}

impl Store {
    /// Runs of all tenants that ended before an instant, oldest first, at most so many.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn old_runs(
        &self,
        old: OldRuns,
        before: DateTime<Utc>,
        limit: u32,
    ) -> Result<Vec<(TenantStore, i64)>, StoreError> {
        let condition = match old {
            OldRuns::Whole => {
                "EXISTS (SELECT 1 FROM run newer WHERE newer.tenant = r.tenant AND newer.no > r.no) \
                 AND (r.sync IS NULL OR EXISTS (SELECT 1 FROM run newer WHERE newer.tenant = r.tenant \
                 AND newer.sync > r.sync))"
            }
            OldRuns::WithChanges => "r.changes_dropped = 0",
        };
        let sql = format!(
            "SELECT r.tenant, t.slug, r.seq FROM run r JOIN tenant t ON t.id = r.tenant \
             WHERE r.status = 4 AND r.ended_at < ? AND {condition} ORDER BY r.ended_at LIMIT ?"
        );
        let values = vec![before.timestamp_millis().into(), i64::from(limit).into()];
        let rows = self.database.query(&sql, values).await?;
        let run = |row: &QueryResult| {
            let slug = TenantSlug::new(&get::<String>(row, 1)?)?;
            Ok((self.door(number(row, 0)?, slug), number(row, 2)?))
        };
        rows.iter().map(run).collect()
    }
}

impl TenantStore {
    /// Drops the changes of a run that has ended, and what its pages met. Its counters and its problems stay.
    ///
    /// # Errors
    /// When the database fails; what was dropped until then stays so.
    pub async fn drop_changes(&self, run: i64) -> Result<(), StoreError> {
        let (first, next) = (run << 32, (run + 1) << 32);
        let changes = "DELETE FROM change WHERE tenant = ? AND id IN (SELECT id FROM change \
            WHERE tenant = ? AND id >= ? AND id < ? ORDER BY id LIMIT ?)";
        let of_run =
            [self.tenant.into(), self.tenant.into(), first.into(), next.into(), Value::from(AT_ONCE)];
        self.drop_in_parts(changes, &of_run).await?;
        let tx = self.database.begin(Urgency::Bulk).await?;
        let (tenant, run) = (Value::from(self.tenant), Value::from(run));
        tx.execute("DELETE FROM met WHERE tenant = ? AND run = ?", vec![tenant.clone(), run.clone()]).await?;
        let sql = "UPDATE run SET changes_dropped = 1 WHERE tenant = ? AND seq = ? AND status = 4";
        tx.execute(sql, vec![tenant, run]).await?;
        tx.commit().await
    }

    /// Drops a run that has ended and has no changes any more, with its problems and messages, and the configurations that no run
    /// uses any more.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn drop_run(&self, run: i64) -> Result<(), StoreError> {
        let of_run = [Value::from(self.tenant), Value::from(run)];
        let problems = "DELETE FROM problem WHERE tenant = ? AND run = ? AND no IN (SELECT no FROM problem \
            WHERE tenant = ? AND run = ? ORDER BY no LIMIT ?)";
        let twice = of_run.iter().chain(&of_run).cloned().chain([Value::from(AT_ONCE)]).collect::<Vec<_>>();
        self.drop_in_parts(problems, &twice).await?;
        let tx = self.database.begin(Urgency::Bulk).await?;
        for sql in [
            "DELETE FROM bucket WHERE tenant = ? AND run = ?",
            "DELETE FROM outbox WHERE tenant = ? AND run = ?",
            "DELETE FROM message WHERE tenant = ? AND run = ?",
            "DELETE FROM run WHERE tenant = ? AND seq = ? AND status = 4",
        ] {
            tx.execute(sql, of_run.to_vec()).await?;
        }
        // A launch at the same time may be about to use one of them: it holds that, and is waited for, before it is
        // asked again who uses it.
        let unused = "FROM rules u WHERE u.tenant = ? AND NOT EXISTS \
            (SELECT 1 FROM run r WHERE r.tenant = u.tenant AND r.rules = u.hash)";
        if tx.dialect() == Dialect::Postgres {
            tx.query(&format!("SELECT 1 {unused} FOR UPDATE"), vec![self.tenant.into()]).await?;
        }
        let unused = unused.replace("FROM rules u", "FROM rules AS u");
        tx.execute(&format!("DELETE {unused}"), vec![self.tenant.into()]).await?;
        tx.commit().await
    }

    /// Drops the values that were replaced before an instant, and the versions of configuration that were written
    /// before it and are not the last of their resource. Answers how many.
    ///
    /// # Errors
    /// When the database fails; what was dropped until then stays so.
    pub async fn drop_history(&self, before: DateTime<Utc>) -> Result<u64, StoreError> {
        let versions = "DELETE FROM configuration_history WHERE tenant = ? AND at < ? AND version < \
            (SELECT max(n.version) FROM configuration_history n WHERE n.tenant = configuration_history.tenant \
            AND n.kind = configuration_history.kind AND n.id = configuration_history.id)";
        let before = Value::from(before.timestamp_millis());
        let tx = self.database.begin(Urgency::Bulk).await?;
        let mut dropped = tx.execute(versions, vec![self.tenant.into(), before.clone()]).await?;
        tx.commit().await?;
        // Along the key, since no index knows the instants: one would cost every write.
        let bound = "SELECT id FROM history WHERE tenant = ? AND id > ? ORDER BY id LIMIT 1 OFFSET ?";
        let mut after = uuid::Uuid::nil();
        loop {
            let values = vec![self.tenant.into(), after.into(), (AT_ONCE - 1).into()];
            let last = self.database.query_one(bound, values).await?;
            let last: Option<uuid::Uuid> = last.map(|row| get(&row, 0)).transpose()?;
            let until = last.unwrap_or(uuid::Uuid::max());
            let tx = self.database.begin(Urgency::Bulk).await?;
            let sql = "DELETE FROM history WHERE tenant = ? AND id > ? AND id <= ? AND at < ?";
            let values = vec![self.tenant.into(), after.into(), until.into(), before.clone()];
            dropped += tx.execute(sql, values).await?;
            tx.commit().await?;
            if last.is_none() {
                return Ok(dropped);
            }
            after = until;
        }
    }

    /// Whether the changes of a run have been dropped.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn changes_are_dropped(&self, run: i64) -> Result<bool, StoreError> {
        let sql = "SELECT changes_dropped FROM run WHERE tenant = ? AND seq = ?";
        let row = self.database.query_one(sql, vec![self.tenant.into(), run.into()]).await?;
        Ok(row.map(|row| number(&row, 0)).transpose()? == Some(1))
    }

    /// Sends a statement that drops a bounded number of rows until there are none left.
    async fn drop_in_parts(&self, sql: &str, values: &[Value]) -> Result<(), StoreError> {
        loop {
            let tx = self.database.begin(Urgency::Bulk).await?;
            let dropped = tx.execute(sql, values.to_vec()).await?;
            tx.commit().await?;
            if dropped < AT_ONCE.unsigned_abs() {
                return Ok(());
            }
        }
    }
}
