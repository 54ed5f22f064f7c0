//! Storing what became of outbound changes that a connector has carried out, and what sweeps read.
//!
//! An account that is not yet all that its plan says, since it does not name others yet, is unsettled: nothing is
//! promised and nothing remembered of it, so that the next run finishes it should this one not.
//!
//! Invariant: nothing is stored of an account whose shadow another run has changed since the plan was made. Both runs
//! have written the account by then and nobody can tell who came last, so what is known of it is given up, and the next
//! run reads it.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use muster_model::run::Mode;
use muster_model::text::hex;
use muster_model::{ApplicationId, ObjectClassId};
use muster_plan::change::Action;

use crate::TenantStore;
use crate::apply::{Batch, Target};
use crate::database::{Dialect, Urgency};
use crate::error::StoreError;
use crate::in_order::terms_of;
use crate::make::Taken;
use crate::over::{APART, Bases, Over, change_number};
use crate::page::change_id;
use crate::parked::{GivenKey, Noted};
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
    /// `undigested` leave their accounts unsettled. Those whose shadow has moved on are noted as stale.
    ///
    /// # Errors
    /// [`StoreError::LostFence`] when the worker has the run no longer.
    pub async fn apply_outbound(
        &self,
        run: &RunRecord,
        bucket: &Bucket,
        target: &Target,
        batch: &Batch,
        noted: &Noted,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let mut tries = Tries::begin();
        loop {
            match self.store_answers(run, bucket, target, batch, noted, now).await {
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
        noted: &Noted,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let tx = self.database.begin(Urgency::Bulk).await?;
        self.move_cursor(&tx, run, bucket, now).await?;
        let over = Over { tx: &tx, tenant: self.tenant, run: run.seq };
        self.give_keys(&over, &noted.given).await?;
        let written = [batch.creates.clone(), batch.others.clone()].concat();
        self.lock_shadows(&over, target, &written).await?;
        let moved = self.moved_on(&over, &written, Bases::Shadows).await?;
        let still = |numbers: &[u32]| -> Vec<u32> {
            numbers.iter().copied().filter(|number| !moved.contains(number)).collect()
        };
        let (creates, others) = (still(&batch.creates), still(&batch.others));
        let (settled, unsettled): (Vec<u32>, Vec<u32>) =
            others.iter().partition(|number| !batch.undigested.contains(number));
        let made: Vec<u32> =
            creates.iter().copied().filter(|number| batch.undigested.contains(number)).collect();
        // Who makes a shadow of the same account after this look is found by the next try.
        self.insert_shadows(&over, target, &creates, Taken::Refused).await?;
        self.unsettle(&over, target, &made).await?;
        self.change_accounts(&over, target, (&settled, Remembered::AsPlanned)).await?;
        self.change_accounts(&over, target, (&unsettled, Remembered::NotYet)).await?;
        self.delete_shadows(&over, target, &others).await?;
        self.give_up(&over, target, &moved).await?;
        self.mark_gone(&over, target, &noted.gone).await?;
        let overtaken = moved.iter().map(|number| ProblemRow::overtaken(*number));
        let problems: Vec<ProblemRow> = noted.problems.iter().cloned().chain(overtaken).collect();
        self.note_in(&tx, run, bucket.no, &problems, now).await?;
        self.park(&tx, (run, target), noted).await?;
        tx.commit().await
    }

    /// Remembers that the accounts of these changes' shadows are gone.
    async fn mark_gone(&self, over: &Over<'_>, target: &Target, numbers: &[u32]) -> Result<(), StoreError> {
        over.execute(
            &format!(
                "UPDATE shadow SET state = 1, version = shadow.version + 1, digest = NULL, account_digest = NULL \
                 FROM (SELECT c.tenant, c.shadow FROM {{changes}} {APART}) AS n \
                 WHERE shadow.tenant = n.tenant AND shadow.application = ? AND shadow.no = n.shadow"
            ),
            Vec::new(),
            numbers,
            vec![target.application.as_str().into()],
        )
        .await
        .map(|_| ())
    }

    /// Has changes that made accounts say which keys these have got, where they said only their names.
    async fn give_keys(&self, over: &Over<'_>, given: &[GivenKey]) -> Result<(), StoreError> {
        if given.is_empty() {
            return Ok(());
        }
        let listed = given.iter().map(|given| (given.change, &given.uid, hex(&given.key.0)));
        let listed: Vec<(u32, &String, String)> = listed.collect();
        let sql = match self.dialect() {
            Dialect::Sqlite => {
                "UPDATE change SET uid = j.value ->> 1, uid_key = unhex(j.value ->> 2) FROM json_each(?) AS j \
                 WHERE change.id = ? + (j.value ->> 0) AND change.tenant = ?"
            }
            Dialect::Postgres => {
                "UPDATE change SET uid = j.value ->> 1, uid_key = decode(j.value ->> 2, 'hex') \
                 FROM jsonb_array_elements(?::text::jsonb) AS j(value) \
                 WHERE change.id = ?::bigint + (j.value ->> 0)::bigint AND change.tenant = ?"
            }
        };
        let listed = serde_json::to_string(&listed).unwrap_or_default();
        let values = vec![listed.into(), change_id(over.run, 0).into(), self.tenant.into()];
        over.tx.execute(sql, values).await.map(|_| ())
    }

    /// Keeps other transactions from changing the shadows of the listed changes; the same order everywhere keeps two
    /// runs from waiting for each other. SQLite has one writer anyway.
    async fn lock_shadows(
        &self,
        over: &Over<'_>,
        target: &Target,
        numbers: &[u32],
    ) -> Result<(), StoreError> {
        if numbers.is_empty() || self.dialect() == Dialect::Sqlite {
            return Ok(());
        }
        let sql = "SELECT 1 FROM shadow s WHERE (s.tenant, s.application, s.no) IN \
            (SELECT c.tenant, ?::text, c.shadow FROM {changes} WHERE c.shadow IS NOT NULL) \
            ORDER BY s.no FOR UPDATE";
        let mut values = vec![target.application.as_str().into()];
        values.extend(over.list(numbers));
        over.tx.query(&over.text(sql), values).await.map(|_| ())
    }

    /// Gives up what is known of accounts that others have changed meanwhile, but for what either has granted.
    async fn give_up(&self, over: &Over<'_>, target: &Target, numbers: &[u32]) -> Result<(), StoreError> {
        over.execute(
            &format!(
                "UPDATE shadow SET version = shadow.version + 1, digest = NULL, account_digest = NULL, \
                 snapshot = '{{}}', granted = coalesce(shadow.granted, '') || coalesce(n.granted, '') \
                 FROM (SELECT c.tenant, c.uid_key, c.granted FROM {{changes}} {APART}) AS n \
                 WHERE shadow.tenant = n.tenant AND shadow.application = ? AND shadow.uid_key = n.uid_key"
            ),
            Vec::new(),
            numbers,
            vec![target.application.as_str().into()],
        )
        .await
        .map(|_| ())
    }

    /// Stores that accounts are all that their changes say, once they name everybody whom they should. Those whose
    /// shadow has moved on since this run stored it are noted as stale.
    ///
    /// # Errors
    /// [`StoreError::LostFence`] when the worker has the run no longer.
    pub async fn settle_outbound(
        &self,
        run: &RunRecord,
        bucket: &Bucket,
        target: &Target,
        numbers: &[u32],
        noted: &Noted,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let mut tries = Tries::begin();
        loop {
            match self.store_settled(run, bucket, target, numbers, noted, now).await {
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
        noted: &Noted,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let tx = self.database.begin(Urgency::Bulk).await?;
        self.move_cursor(&tx, run, bucket, now).await?;
        let over = Over { tx: &tx, tenant: self.tenant, run: run.seq };
        let settled = over
            .execute(
                &format!(
                    "UPDATE shadow SET {} FROM (SELECT c.* FROM {{changes}} {APART}) AS n \
                     WHERE shadow.tenant = n.tenant AND shadow.application = ? AND shadow.uid_key = n.uid_key \
                     AND shadow.owner = n.object AND shadow.version = coalesce(n.shadow_version, 0) + 1",
                    as_planned()
                ),
                Vec::new(),
                numbers,
                vec![target.application.as_str().into()],
            )
            .await?;
        let moved = if settled == numbers.len() as u64 {
            Vec::new()
        } else {
            self.moved_since_stored(&over, target, numbers).await?
        };
        self.give_up(&over, target, &moved).await?;
        let overtaken = moved.iter().map(|number| ProblemRow::overtaken(*number));
        let problems: Vec<ProblemRow> = noted.problems.iter().cloned().chain(overtaken).collect();
        self.note_in(&tx, run, bucket.no, &problems, now).await?;
        self.park(&tx, (run, target), noted).await?;
        tx.commit().await
    }

    /// Of the listed changes those whose shadow is no longer as their own run left it.
    async fn moved_since_stored(
        &self,
        over: &Over<'_>,
        target: &Target,
        numbers: &[u32],
    ) -> Result<Vec<u32>, StoreError> {
        let sql = "SELECT c.id FROM {changes} LEFT JOIN shadow s ON s.tenant = c.tenant AND s.application = ? \
            AND s.uid_key = c.uid_key AND s.owner = c.object AND s.version = coalesce(c.shadow_version, 0) + 1 \
            WHERE s.no IS NULL";
        let mut values = over.list(numbers).to_vec();
        values.push(target.application.as_str().into());
        let rows = over.tx.query(&over.text(sql), values).await?;
        rows.iter().map(|row| change_number(number(row, 0)?)).collect()
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
            Remembered::AsPlanned => as_planned(),
            // What was remembered of an account that is gone says nothing about the one made in its place.
            Remembered::NotYet => "digest = NULL, account_digest = NULL, \
                 snapshot = CASE n.action WHEN 0 THEN '{}' ELSE shadow.snapshot END"
                .to_owned(),
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
        // A simulation leaves the list of disputes as it is, and what is said of when they were found.
        let is_applied = run.state.mode == Mode::Apply;
        let tx = self.database.begin(Urgency::Short).await?;
        self.hold_run(&tx, run).await?;
        tx.execute(
            "INSERT INTO population (tenant, application, class, last_read, swept_task, swept_run, swept_at) \
             VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (tenant, application, class) DO UPDATE SET \
             last_read = excluded.last_read, \
             swept_task = coalesce(excluded.swept_task, population.swept_task), \
             swept_run = coalesce(excluded.swept_run, population.swept_run), \
             swept_at = coalesce(excluded.swept_at, population.swept_at)",
            vec![
                self.tenant.into(),
                application.as_str().into(),
                class.as_str().into(),
                read.cast_signed().into(),
                is_applied.then(|| run.task.to_string()).into(),
                is_applied.then_some(run.id.0).into(),
                is_applied.then(|| run.started_at.timestamp_millis()).into(),
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

/// What a shadow remembers of an account that is all that its change `n` says.
fn as_planned() -> String {
    format!(
        "digest = n.digest, account_digest = n.account_digest, terms = {}, owner_version = n.object_version, \
         snapshot = coalesce(n.snapshot, shadow.snapshot)",
        terms_of("n")
    )
}
