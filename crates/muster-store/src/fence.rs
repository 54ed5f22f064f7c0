//! Who has a run: asked in the transaction of every checkpoint, and before anything is written elsewhere.

use chrono::{DateTime, Utc};
use sea_orm::Value;

use crate::TenantStore;
use crate::database::Transaction;
use crate::error::StoreError;
use crate::row::{encode_counters, encode_tally};
use crate::run::RunRecord;
use crate::stage::Bucket;

/// Finds a run that a worker has and may go on with.
const HELD: &str =
    "SELECT 1 FROM run WHERE seq = ? AND tenant = ? AND epoch = ? AND status = 1 AND stopping = 0";

impl TenantStore {
    /// Fails unless the worker still has the run and may go on.
    pub(crate) async fn hold_run(&self, tx: &Transaction, run: &RunRecord) -> Result<(), StoreError> {
        let held = tx.query_one(HELD, self.of_holder(run)).await?;
        held.map(|_| ()).ok_or(StoreError::LostFence)
    }

    /// Fails unless the worker has the run and may go on, as things stand.
    ///
    /// # Errors
    /// [`StoreError::LostFence`] when it has it no longer, or was told to stop.
    pub async fn expect_held(&self, run: &RunRecord) -> Result<(), StoreError> {
        let held = self.database.query_one(HELD, self.of_holder(run)).await?;
        held.map(|_| ()).ok_or(StoreError::LostFence)
    }

    fn of_holder(&self, run: &RunRecord) -> Vec<Value> {
        vec![run.seq.into(), self.tenant.into(), run.epoch.into()]
    }

    /// Moves the bucket's cursor under the fence: the first statement of every page's transaction.
    pub(crate) async fn move_cursor(
        &self,
        tx: &Transaction,
        run: &RunRecord,
        bucket: &Bucket,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let values: Vec<Value> = vec![
            i64::from(bucket.step).into(),
            bucket.cursor.clone().into(),
            i64::from(bucket.page).into(),
            i64::from(bucket.next_change).into(),
            bucket.snapshot.clone().into(),
            bucket.sweep_end.clone().into(),
            bucket.since.clone().into(),
            bucket.token.clone().into(),
            bucket.population.clone().into(),
            bucket.estimate.cast_signed().into(),
            encode_counters(&bucket.counters).into(),
            encode_tally(&bucket.tally).into(),
            now.timestamp_millis().into(),
            self.tenant.into(),
            run.seq.into(),
            i64::from(bucket.no).into(),
            bucket.fence.into(),
            run.seq.into(),
            run.epoch.into(),
        ];
        let moved = tx
            .execute(
                "UPDATE bucket SET step = ?, cursor = ?, page = ?, next_change = ?, snapshot = ?, \
                 sweep_end = ?, since = ?, token = ?, population = ?, estimate = ?, counters = ?, tally = ?, progressed_at = ? \
                 WHERE tenant = ? AND run = ? AND no = ? AND fence = ? AND EXISTS \
                 (SELECT 1 FROM run r WHERE r.seq = ? AND r.epoch = ? AND r.status = 1 AND r.stopping = 0)",
                values,
            )
            .await?;
        if moved == 0 { Err(StoreError::LostFence) } else { Ok(()) }
    }
}
