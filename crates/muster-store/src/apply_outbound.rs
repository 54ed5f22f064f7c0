//! Storing what became of outbound changes that a connector has carried out, and what sweeps read.

use chrono::{DateTime, Utc};
use muster_model::{ApplicationId, ObjectClassId};
use muster_plan::change::Action;

use crate::TenantStore;
use crate::apply::{APART, Batch, Over, Target};
use crate::database::Urgency;
use crate::error::StoreError;
use crate::row::get;
use crate::run::RunRecord;
use crate::stage::{Bucket, ProblemRow};

impl TenantStore {
    /// Stores what became of a batch of outbound changes that the connector has carried out.
    ///
    /// # Errors
    /// [`StoreError::LostFence`] when the worker has the run no longer.
    pub async fn apply_outbound(
        &self,
        run: &RunRecord,
        bucket: &Bucket,
        target: &Target,
        batch: &Batch,
        problems: &[ProblemRow],
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let tx = self.database.begin(Urgency::Bulk).await?;
        self.move_cursor(&tx, run, bucket).await?;
        let over = Over { tx: &tx, tenant: self.tenant, run: run.seq };
        self.insert_shadows(&over, target, &batch.creates).await?;
        self.change_accounts(&over, target, &batch.others).await?;
        self.note_in(&tx, run, bucket.no, problems, now).await?;
        tx.commit().await
    }

    async fn change_accounts(
        &self,
        over: &Over<'_>,
        target: &Target,
        numbers: &[u32],
    ) -> Result<(), StoreError> {
        over.execute(
            &format!(
                "UPDATE shadow SET version = shadow.version + 1, state = 0, \
                 uid = n.uid, uid_key = n.uid_key, \
                 owner = coalesce(n.object, shadow.owner), digest = n.digest, \
                 account_digest = n.account_digest, due_at = n.due_at, \
                 snapshot = coalesce(n.snapshot, shadow.snapshot), \
                 profile = coalesce(n.profile, shadow.profile), disabled = CASE n.state \
                 WHEN 0 THEN shadow.disabled WHEN 1 THEN NULL ELSE n.state - 2 END \
                 FROM (SELECT c.* FROM {{changes}} WHERE c.action <= {} {APART}) AS n \
                 WHERE shadow.tenant = n.tenant AND shadow.application = ? AND shadow.no = n.shadow",
                Action::Disable as i64
            ),
            Vec::new(),
            numbers,
            vec![target.application.as_str().into()],
        )
        .await?;
        self.delete_shadows(over, target, numbers).await
    }

    /// Of the listed changes those whose object or shadow has moved on since the plan was made.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn stale(&self, run: &RunRecord, numbers: &[u32]) -> Result<Vec<u32>, StoreError> {
        let tx = self.database.begin(Urgency::Bulk).await?;
        let over = Over { tx: &tx, tenant: self.tenant, run: run.seq };
        let stale = self.moved_on(&over, numbers).await?;
        tx.commit().await?;
        Ok(stale)
    }

    /// Remembers how many entries the last complete sweep of a class read.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn remember_read(
        &self,
        application: &ApplicationId,
        class: &ObjectClassId,
        read: u64,
    ) -> Result<(), StoreError> {
        let tx = self.database.begin(Urgency::Short).await?;
        tx.execute(
            "INSERT INTO population (tenant, application, class, last_read) VALUES (?, ?, ?, ?) \
             ON CONFLICT (tenant, application, class) DO UPDATE SET last_read = excluded.last_read",
            vec![
                self.tenant.into(),
                application.as_str().into(),
                class.as_str().into(),
                read.cast_signed().into(),
            ],
        )
        .await?;
        tx.commit().await
    }

    /// How many entries the last complete sweep of a class read.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn last_read(
        &self,
        application: &ApplicationId,
        class: &ObjectClassId,
    ) -> Result<Option<u64>, StoreError> {
        let sql = "SELECT last_read FROM population WHERE tenant = ? AND application = ? AND class = ?";
        let values = vec![self.tenant.into(), application.as_str().into(), class.as_str().into()];
        let row = self.database.query_one(sql, values).await?;
        Ok(row.map(|row| get::<Option<i64>>(&row, 0)).transpose()?.flatten().map(i64::unsigned_abs))
    }
}
