//! Runs that are not begun before another has ended: made together with it, and released by the transaction that ends
//! it, so that no crash leaves one that waits for nothing.

use muster_model::RunId;
use muster_model::run::ProgressStatus;
use sea_orm::Value;
use uuid::Uuid;

use crate::TenantStore;
use crate::database::{Dialect, Transaction};
use crate::error::StoreError;
use crate::launch::launched;
use crate::row::get;
use crate::run::{Chain, NewRun, RunRecord};

/// Where the lease of a run ends that waits for another: at the last instant of the year 9999, in milliseconds. So it
/// looks to all who look for work like one that somebody has.
pub(crate) const NOT_YET: i64 = 253_402_300_799_999;

impl NewRun {
    /// This run and those before it, the first to begin last.
    pub fn with_preceding(&self) -> impl Iterator<Item = &Self> {
        std::iter::successors(Some(self), |run| run.preceded_by.as_deref())
    }

    /// The run that is begun first, unless a run of the same task is waited for in its place.
    #[must_use]
    pub fn first(&self) -> RunId {
        self.with_preceding().last().unwrap_or(self).id
    }

    /// This run as one of a chain, to which those before it belong as well.
    #[must_use]
    pub fn in_chain(self, chain: Chain) -> Self {
        let preceded_by = self.preceded_by.map(|run| Box::new(run.in_chain(chain)));
        Self { chain: Some(chain), preceded_by, ..self }
    }
}

impl RunRecord {
    /// The run that this one waits for now; `None` as soon as it may be begun.
    #[must_use]
    pub fn awaited(&self) -> Option<RunId> {
        let waits = matches!(self.state.status, ProgressStatus::Pending | ProgressStatus::Paused);
        self.waits_for.filter(|_| waits && self.lease_until.timestamp_millis() == NOT_YET)
    }
}

impl TenantStore {
    /// Inserts a run and those before it, each waiting for the one before, and the job that started them. A full run
    /// of one of those tasks that has not ended takes the place of the new one, and of all before it.
    pub(crate) async fn insert_runs(
        &self,
        tx: &Transaction,
        run: &NewRun,
        job: Option<Uuid>,
    ) -> Result<(), StoreError> {
        let mut waits_for = None;
        let mut lacking = vec![run];
        for preceding in run.with_preceding().skip(1) {
            waits_for = self.keep_live(tx, preceding).await?;
            if waits_for.is_some() {
                break;
            }
            lacking.push(preceding);
        }
        let mut acts = Vec::with_capacity(lacking.len());
        for run in lacking.into_iter().rev() {
            self.insert_run(tx, run, (waits_for, job)).await?;
            acts.push(launched(run, waits_for));
            waits_for = Some(run.id);
        }
        self.append_all(tx, acts).await
    }

    /// The full run of a task that has not ended. It does not end before the transaction has.
    async fn keep_live(&self, tx: &Transaction, run: &NewRun) -> Result<Option<RunId>, StoreError> {
        // Its end would release those that wait for it, and see none. SQLite has one writer anyway.
        let lock = match tx.dialect() {
            Dialect::Sqlite => "",
            Dialect::Postgres => " FOR SHARE",
        };
        let (sql, values) = self.occupying("r.id", (run.task_kind, &run.task));
        let row = tx.query_one(&format!("{sql}{lock}"), values).await?;
        row.map(|row| Ok(RunId(get(&row, 0)?))).transpose()
    }

    /// Lets the runs be taken up that wait for one which this transaction ends.
    pub(crate) async fn release_waiting(&self, tx: &Transaction, ended: RunId) -> Result<(), StoreError> {
        let sql = "UPDATE run SET lease_until = 0 WHERE tenant = ? AND waits_for = ? AND status IN (0, 2)";
        tx.execute(sql, self.waiting_for(ended)).await.map(|_| ())
    }

    /// The runs that waited for one which has ended, and have not been taken up since.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn released(&self, ended: RunId) -> Result<Vec<RunId>, StoreError> {
        let sql = "SELECT id FROM run WHERE tenant = ? AND waits_for = ? AND status = 0";
        let rows = self.database.query(sql, self.waiting_for(ended)).await?;
        rows.iter().map(|row| Ok(RunId(get(row, 0)?))).collect()
    }

    fn waiting_for(&self, run: RunId) -> Vec<Value> {
        vec![self.tenant.into(), run.0.into()]
    }
}
