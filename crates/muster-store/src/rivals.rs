//! Runs that make objects of one tenant at the same time, or beside somebody who does so by hand: who comes second
//! leaves to the first what both would make, and finds it with its next run.

use std::collections::HashSet;

use chrono::TimeDelta;
use muster_model::run::TaskKind;
use muster_plan::key::{KeyHash, KeySpecs};

use crate::TenantStore;
use crate::database::{Dialect, Transaction};
use crate::error::StoreError;
use crate::facts::{hex_list, objects_by_key};
use crate::lists::Mention;
use crate::run::RunRecord;

/// By how much the clocks of two machines may differ.
const SKEW: TimeDelta = TimeDelta::minutes(1);

/// What tells our locks from those of others in one PostgreSQL.
const LOCK: i64 = 0x6d75_7374 << 32;

impl TenantStore {
    /// Whether another synchronization of the tenant, or somebody by hand, may have made objects since this run began
    /// to look. The run that it waited for has made none since, and one that waits for it makes none before it ends.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn has_rivals(&self, run: &RunRecord) -> Result<bool, StoreError> {
        let sql = "SELECT 1 FROM run r WHERE r.tenant = ? AND r.seq <> ? AND r.task_kind = ? \
            AND (r.ended_at IS NULL OR r.ended_at >= ?) \
            AND r.id <> ? AND (r.waits_for IS NULL OR r.waits_for <> ?) \
            UNION ALL SELECT 1 FROM tenant t WHERE t.id = ? AND t.objects_written_at >= ? LIMIT 1";
        let since = (run.started_at - SKEW).timestamp_millis();
        let values = vec![
            self.tenant.into(),
            run.seq.into(),
            (TaskKind::Synchronization as i64).into(),
            since.into(),
            run.waits_for.unwrap_or(run.id).0.into(),
            run.id.0.into(),
            self.tenant.into(),
            since.into(),
        ];
        Ok(self.database.query_one(sql, values).await?.is_some())
    }

    /// Lets those who contest creates pass one by one, and keeps them from passing whoever contests none. SQLite has
    /// one writer anyway.
    pub(crate) async fn line_up(&self, tx: &Transaction, contested: &[Mention]) -> Result<(), StoreError> {
        let sql = match (tx.dialect(), contested) {
            (Dialect::Sqlite, _) => return Ok(()),
            (Dialect::Postgres, []) => "SELECT 1 FROM (SELECT pg_advisory_xact_lock_shared(?)) AS l",
            (Dialect::Postgres, [..]) => "SELECT 1 FROM (SELECT pg_advisory_xact_lock(?)) AS l",
        };
        tx.query(sql, vec![(LOCK | self.tenant).into()]).await.map(|_| ())
    }

    /// Of creates, by the keys that their owners were looked for with, those whose object exists by now.
    pub(crate) async fn made_by_rivals(
        &self,
        tx: &Transaction,
        looked_for: &[Mention],
        keys: &KeySpecs,
    ) -> Result<Vec<u32>, StoreError> {
        if looked_for.is_empty() {
            return Ok(Vec::new());
        }
        let hashes: Vec<KeyHash> = looked_for.iter().map(|mention| mention.hash).collect();
        let rows = tx.query(&self.objects_by_key_text(), vec![hex_list(&hashes), self.tenant.into()]).await?;
        let mut found: HashSet<KeyHash> = HashSet::new();
        for (key, object) in objects_by_key(&rows)? {
            if keys.finds(&key, &object) {
                found.insert(key);
            }
        }
        let made = looked_for.iter().filter(|mention| found.contains(&mention.hash));
        let mut made: Vec<u32> = made.map(|mention| mention.change).collect();
        made.sort_unstable();
        made.dedup();
        Ok(made)
    }
}
