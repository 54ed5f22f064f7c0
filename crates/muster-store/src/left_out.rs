//! Applications that a run goes on without: why is kept with their buckets, so that whoever takes the run up decides
//! the same.

use chrono::{DateTime, Utc};
use muster_model::ApplicationId;
use muster_model::run::{Counters, Mode};
use sea_orm::Value;

use crate::TenantStore;
use crate::counting::Left;
use crate::database::{Transaction, Urgency};
use crate::error::StoreError;
use crate::quarantine::ApplicationFailure;
use crate::reached::Reached;
use crate::row::number;
use crate::run::RunRecord;
use crate::stage::{Bucket, ProblemRow};

/// What becomes of the changes that the buckets of an application have staged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StagedChanges {
    /// They are dropped: the plan is made without them.
    Dropped,
    /// They stay: the plan is frozen, and some of them may have been carried out.
    Kept,
}

/// An application that a run goes on without.
#[derive(Debug, Clone)]
pub struct LeftOut<'a> {
    /// All its buckets, as they are to be stored, each with the reason.
    pub buckets: &'a [Bucket],
    /// The applications that the run goes on without from now on, this one among them.
    pub applications: &'a [ApplicationId],
    /// What becomes of what they have staged.
    pub staged: StagedChanges,
    /// What is told of it.
    pub problem: &'a ProblemRow,
    /// How it failed; `None` where it was not called.
    pub failure: Option<&'a ApplicationFailure>,
}

impl TenantStore {
    /// Leaves an application out of a run, and notes that about the run as a whole. All or nothing.
    ///
    /// # Errors
    /// [`StoreError::LostFence`] when the worker has the run no longer; nothing is written then.
    pub async fn leave_out(
        &self,
        run: &RunRecord,
        left_out: &LeftOut<'_>,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let tx = self.database.begin(Urgency::Bulk).await?;
        self.say_left_out(&tx, run, left_out.applications, now).await?;
        for bucket in left_out.buckets {
            self.move_cursor(&tx, run, bucket, now).await?;
            if left_out.staged == StagedChanges::Dropped {
                self.drop_staged(&tx, run, bucket.no).await?;
            }
            tx.execute(
                "UPDATE bucket SET left_out = ? WHERE tenant = ? AND run = ? AND no = ?",
                vec![
                    bucket.left_out.clone().into(),
                    self.tenant.into(),
                    run.seq.into(),
                    i64::from(bucket.no).into(),
                ],
            )
            .await?;
        }
        self.note_of_run(&tx, run.seq, std::slice::from_ref(left_out.problem), now).await?;
        if let Some(failure) = left_out.failure {
            self.note_failure(&tx, (run.id, failure), now).await?;
        }
        tx.commit().await
    }

    /// Says it in the row of the run, which the worker must still have: nobody else notes anything about the run as a
    /// whole until the transaction is over.
    async fn say_left_out(
        &self,
        tx: &Transaction,
        run: &RunRecord,
        applications: &[ApplicationId],
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let sql = "UPDATE run SET left_out = ?, progressed_at = ? WHERE seq = ? AND tenant = ? AND epoch = ? \
            AND status = 1 AND stopping = 0";
        let ids: Vec<&str> = applications.iter().map(|application| application.as_str()).collect();
        let values: Vec<Value> = vec![
            serde_json::to_string(&ids).unwrap_or_default().into(),
            now.timestamp_millis().into(),
            run.seq.into(),
            self.tenant.into(),
            run.epoch.into(),
        ];
        if tx.execute(sql, values).await? == 0 { Err(StoreError::LostFence) } else { Ok(()) }
    }

    /// Moves the changes of a run that has come to its end, and that were left out of it with their application, to an
    /// outcome of their own. A simulation carries none out.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn count_left_out(&self, run: &RunRecord, counters: &mut Counters) -> Result<(), StoreError> {
        if run.state.mode == Mode::Simulate {
            return Ok(());
        }
        let sql = "SELECT step, cursor, no FROM bucket WHERE tenant = ? AND run = ? AND left_out IS NOT NULL";
        let rows = self.database.query(sql, vec![self.tenant.into(), run.seq.into()]).await?;
        let mut left = Left::default();
        for row in &rows {
            left.add(run.seq, number(row, 2)?, Reached::read(row)?);
        }
        if left.is_empty() { Ok(()) } else { self.count_left(run.seq, &left, counters).await }
    }
}

/// Reads which applications a run goes on without.
pub(crate) fn decode(text: &str) -> Result<Vec<ApplicationId>, StoreError> {
    let ids: Vec<String> =
        serde_json::from_str(text).map_err(|error| StoreError::unreadable("list of applications", error))?;
    ids.iter().map(|id| Ok(ApplicationId::new(id)?)).collect()
}
