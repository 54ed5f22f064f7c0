//! Storing what became of outbound changes that a connector has carried out, and what sweeps read.
//!
//! An account that is not yet all that its plan says, since it does not name others yet, is unsettled: nothing is
//! promised and nothing remembered of it, so that the next run finishes it should this one not.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use muster_model::{ApplicationId, ObjectClassId};
use muster_plan::change::Action;

use crate::TenantStore;
use crate::apply::{APART, Batch, Over, Target};
use crate::database::Urgency;
use crate::error::StoreError;
use crate::make::Taken;
use crate::row::{get, number, unsigned};
use crate::run::RunRecord;
use crate::stage::{Bucket, ProblemRow, ProblemStep};
use crate::tries::Tries;

/// What a shadow says of its account after a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Remembered {
    /// All that the change makes of it.
    AsPlanned,
    /// What it said before; the account is unsettled.
    NotYet,
}

impl TenantStore {
    /// Stores what became of a batch of outbound changes that the connector has carried out. Those listed as
    /// `undigested` leave their accounts unsettled.
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
        let mut tries = Tries::begin();
        loop {
            match self.store_answers(run, bucket, target, batch, problems, now).await {
                Err(error) if tries.again(&error) => {}
                stored => return stored,
            }
        }
    }

    async fn store_answers(
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
        let (settled, unsettled): (Vec<u32>, Vec<u32>) =
            batch.others.iter().partition(|number| !batch.undigested.contains(number));
        let made: Vec<u32> =
            batch.creates.iter().copied().filter(|number| batch.undigested.contains(number)).collect();
        self.insert_shadows(&over, target, &batch.creates, Taken::LeftOut).await?;
        self.unsettle(&over, target, &made).await?;
        self.change_accounts(&over, target, (&settled, Remembered::AsPlanned)).await?;
        self.change_accounts(&over, target, (&unsettled, Remembered::NotYet)).await?;
        self.delete_shadows(&over, target, &batch.others).await?;
        self.note_in(&tx, run, bucket.no, problems, now).await?;
        tx.commit().await
    }

    /// Stores that accounts are all that their changes say, once they name everybody whom they should.
    ///
    /// # Errors
    /// [`StoreError::LostFence`] when the worker has the run no longer.
    pub async fn settle_outbound(
        &self,
        run: &RunRecord,
        bucket: &Bucket,
        target: &Target,
        numbers: &[u32],
        problems: &[ProblemRow],
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let mut tries = Tries::begin();
        loop {
            match self.store_settled(run, bucket, target, numbers, problems, now).await {
                Err(error) if tries.again(&error) => {}
                stored => return stored,
            }
        }
    }

    async fn store_settled(
        &self,
        run: &RunRecord,
        bucket: &Bucket,
        target: &Target,
        numbers: &[u32],
        problems: &[ProblemRow],
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let tx = self.database.begin(Urgency::Bulk).await?;
        self.move_cursor(&tx, run, bucket).await?;
        let over = Over { tx: &tx, tenant: self.tenant, run: run.seq };
        over.execute(
            &format!(
                "UPDATE shadow SET digest = n.digest, account_digest = n.account_digest, \
                 snapshot = coalesce(n.snapshot, shadow.snapshot) FROM (SELECT c.* FROM {{changes}} {APART}) AS n \
                 WHERE shadow.tenant = n.tenant AND shadow.application = ? AND shadow.uid_key = n.uid_key \
                 AND shadow.owner = n.object"
            ),
            Vec::new(),
            numbers,
            vec![target.application.as_str().into()],
        )
        .await?;
        self.note_in(&tx, run, bucket.no, problems, now).await?;
        tx.commit().await
    }

    async fn unsettle(&self, over: &Over<'_>, target: &Target, numbers: &[u32]) -> Result<(), StoreError> {
        over.execute(
            "UPDATE shadow SET digest = NULL, account_digest = NULL, snapshot = '{}' \
             WHERE tenant = ? AND application = ? AND uid_key IN (SELECT c.uid_key FROM {changes})",
            vec![self.tenant.into(), target.application.as_str().into()],
            numbers,
            Vec::new(),
        )
        .await
        .map(|_| ())
    }

    async fn change_accounts(
        &self,
        over: &Over<'_>,
        target: &Target,
        (numbers, remembered): (&[u32], Remembered),
    ) -> Result<(), StoreError> {
        let remember = match remembered {
            Remembered::AsPlanned => {
                "digest = n.digest, account_digest = n.account_digest, \
                 snapshot = coalesce(n.snapshot, shadow.snapshot)"
            }
            // What was remembered of an account that is gone says nothing about the one made in its place.
            Remembered::NotYet => {
                "digest = NULL, account_digest = NULL, \
                 snapshot = CASE n.action WHEN 0 THEN '{}' ELSE shadow.snapshot END"
            }
        };
        over.execute(
            &format!(
                "UPDATE shadow SET version = shadow.version + 1, state = 0, \
                 uid = n.uid, uid_key = n.uid_key, \
                 owner = coalesce(n.object, shadow.owner), due_at = n.due_at, {remember}, \
                 profile = coalesce(n.profile, shadow.profile), \
                 granted = coalesce(n.granted, shadow.granted), disabled = CASE n.state \
                 WHEN 0 THEN shadow.disabled WHEN 1 THEN NULL ELSE n.state - 2 END \
                 FROM (SELECT c.* FROM {{changes}} WHERE c.action <= {} {APART}) AS n \
                 WHERE shadow.tenant = n.tenant AND shadow.application = ? AND shadow.no = n.shadow",
                Action::Disable as i64
            ),
            Vec::new(),
            numbers,
            vec![target.application.as_str().into()],
        )
        .await
        .map(|_| ())
    }

    /// The changes that CHECK left out of a plan. What a run finds out later is not among them, so that the answer
    /// is the same whenever it is asked.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn left_out(&self, run: &RunRecord) -> Result<HashSet<u32>, StoreError> {
        let sql = "SELECT change FROM problem WHERE tenant = ? AND run = ? AND change IS NOT NULL \
            AND outcome IS NOT NULL AND step = ?";
        let step = ProblemStep::Check as i64;
        let rows = self.database.query(sql, vec![self.tenant.into(), run.seq.into(), step.into()]).await?;
        rows.iter().map(|row| unsigned(number(row, 0)?, "number of a change")).collect()
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
    /// [`StoreError::LostFence`] when the worker has the run no longer; nothing is written then.
    pub async fn remember_read(
        &self,
        run: &RunRecord,
        application: &ApplicationId,
        class: &ObjectClassId,
        read: u64,
    ) -> Result<(), StoreError> {
        let tx = self.database.begin(Urgency::Short).await?;
        self.hold_run(&tx, run).await?;
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
