//! Runs as syncs: by the numbers that User Sync knows them by.
//!
//! Every run of a synchronization task that carries its plan out gets one when it is made, in the way it gets its number
//! among all runs. An inverse is none: it brings nothing in.

use muster_model::run::{Mode, TaskKind};
use muster_model::{ConfigurationId, RunId};
use sea_orm::Value;

use crate::database::Dialect;
use crate::error::StoreError;
use crate::row::{get, number};
use crate::run::{COLUMN_COUNT, COLUMNS, NewRun, RunRecord, record};
use crate::tenant::TenantStore;

/// A run as a sync.
#[derive(Debug, Clone, PartialEq)]
pub struct SyncRecord {
    /// Its number among the syncs of the tenant.
    pub number: i64,
    /// The run.
    pub run: RunRecord,
    /// The worker that had it last.
    pub worker: Option<String>,
}

impl NewRun {
    fn is_sync(&self) -> bool {
        let carries_out = self.state.mode == Mode::Apply && self.undoes.is_none();
        self.task_kind == TaskKind::Synchronization && carries_out
    }

    /// What gives the run its number as a sync, with its values.
    pub(crate) fn sync_number(&self, tenant: i64) -> (&'static str, Option<Value>) {
        if !self.is_sync() {
            return ("CAST(NULL AS BIGINT)", None);
        }
        // Along the index of the syncs, not through all runs.
        let next =
            "(SELECT coalesce(max(s.sync), 0) + 1 FROM run s WHERE s.tenant = ? AND s.sync IS NOT NULL)";
        (next, Some(tenant.into()))
    }
}

impl TenantStore {
    /// Whether several processes can work on the database.
    #[must_use]
    pub fn is_clustered(&self) -> bool {
        self.dialect() == Dialect::Postgres
    }

    /// The sync of a number.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn sync(&self, number: i64) -> Result<Option<SyncRecord>, StoreError> {
        self.find_sync("r.sync = ?", vec![number.into()]).await
    }

    /// A run as a sync; `None` where it is none.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn sync_of(&self, run: RunId) -> Result<Option<SyncRecord>, StoreError> {
        self.find_sync("r.id = ?", vec![run.0.into()]).await
    }

    /// The last sync of a task over all accounts.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn last_sync(&self, task: &ConfigurationId) -> Result<Option<SyncRecord>, StoreError> {
        let of_task = vec![(TaskKind::Synchronization as i64).into(), task.as_str().into()];
        self.find_sync(
            "r.task_kind = ? AND r.task = ? AND r.keys IS NULL ORDER BY r.no DESC LIMIT 1",
            of_task,
        )
        .await
    }

    async fn find_sync(&self, which: &str, values: Vec<Value>) -> Result<Option<SyncRecord>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS}, r.sync, r.owner FROM run r WHERE r.tenant = ? AND r.sync IS NOT NULL AND {which}"
        );
        let values = [vec![self.tenant.into()], values].concat();
        let Some(row) = self.database.query_one(&sql, values).await? else { return Ok(None) };
        let mut run = record(&row)?;
        self.read_live(&mut run).await?;
        let (number, worker) = (number(&row, COLUMN_COUNT)?, get(&row, COLUMN_COUNT + 1)?);
        Ok(Some(SyncRecord { number, run, worker }))
    }
}
