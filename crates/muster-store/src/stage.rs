//! Staging: the changes of a page are stored with its checkpoint, in one transaction under the fence.

use chrono::{DateTime, Utc};
use muster_model::ApplicationId;
use muster_model::error::ErrorCode;
use muster_model::failure::FailureClass;
use muster_model::run::{Counters, Outcome};
use muster_plan::failure::cause;
use muster_plan::guard::Tally;
use sea_orm::{QueryResult, Value};

use crate::TenantStore;
use crate::database::{Dialect, Transaction, Urgency};
use crate::error::StoreError;
use crate::lists::{Lists, Met, StagedPage};
use crate::page::{CHANGES, PageRows, change_id};
use crate::row::{decode_counters, decode_tally, get, message, number, unsigned};
use crate::rows::{Bulk, Kind};
use crate::run::RunRecord;
use crate::sight::Sight;

pub(crate) const PROBLEMS: Bulk = Bulk {
    table: "problem",
    columns: &[
        ("tenant", Kind::Integer),
        ("run", Kind::Integer),
        ("no", Kind::Integer),
        ("bucket", Kind::Integer),
        ("change", Kind::Integer),
        ("outcome", Kind::Integer),
        ("step", Kind::Integer),
        ("code", Kind::Text),
        ("uid", Kind::Text),
        ("place", Kind::Integer),
        ("message", Kind::Text),
        ("noted_at", Kind::Integer),
        ("class", Kind::Integer),
        ("cause", Kind::Text),
    ],
    suffix: "ON CONFLICT DO NOTHING",
};

/// The part of a run in which something was noted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ProblemStep {
    /// Reading an entry.
    Read,
    /// Deciding about it.
    Decide,
    /// Holding the whole plan against what it may not contain.
    Check,
    /// Carrying a change out.
    Apply,
}

impl ProblemStep {
    /// All steps, in the order in which they are stored.
    pub const ALL: [Self; 4] = [Self::Read, Self::Decide, Self::Check, Self::Apply];

    /// The step as it stands in reports.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "READ",
            Self::Decide => "DECIDE",
            Self::Check => "CHECK",
            Self::Apply => "APPLY",
        }
    }
}

/// Something that did not end as it should, or that people should know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProblemRow {
    /// The change it is about, by its number within the run.
    pub change: Option<u32>,
    /// What the entry is counted as instead; `None` for a warning.
    pub outcome: Option<Outcome>,
    /// In which part of the run.
    pub step: ProblemStep,
    /// What kind of problem.
    pub code: ErrorCode,
    /// The account's key.
    pub uid: Option<String>,
    /// Where the account stood in its source.
    pub place: Option<u64>,
    /// What was seen and what to do.
    pub message: String,
    /// What is to be expected of trying again, of an entry that failed; `None` where it was refused.
    pub class: Option<FailureClass>,
}

impl ProblemRow {
    /// A change that was not applied, since what it was decided on has changed.
    #[must_use]
    pub fn stale(change: u32) -> Self {
        Self {
            change: Some(change),
            outcome: Some(Outcome::Stale),
            step: ProblemStep::Apply,
            code: ErrorCode::ChangeStale,
            uid: None,
            place: None,
            message: "object or account moved on after the plan was made; the next run picks it up"
                .to_owned(),
            class: None,
        }
    }

    /// A change whose account was written, while another run changed what is known of it.
    #[must_use]
    pub fn overtaken(change: u32) -> Self {
        let message = "another run changed the account while this one wrote it; the next run reads it again";
        Self { message: message.to_owned(), ..Self::stale(change) }
    }

    /// Its row of [`PROBLEMS`], under a tenant, a run and a number within that.
    pub(crate) fn values(
        &self,
        (tenant, run, no): (i64, i64, i64),
        bucket: u32,
        now: DateTime<Utc>,
    ) -> Vec<Value> {
        let failed = self.outcome == Some(Outcome::Failed);
        vec![
            tenant.into(),
            run.into(),
            no.into(),
            i64::from(bucket).into(),
            self.change.map(i64::from).into(),
            self.outcome.map(|outcome| outcome as i64).into(),
            (self.step as i64).into(),
            self.code.id().into(),
            self.uid.clone().into(),
            self.place.map(u64::cast_signed).into(),
            message(&self.message).into(),
            now.timestamp_millis().into(),
            failed.then(|| self.class.unwrap_or(FailureClass::Rejected) as i64).into(),
            failed.then(|| cause(self.code, self.uid.as_deref(), &self.message)).into(),
        ]
    }
}

/// Where a bucket stands. Stored with every page.
#[derive(Debug, Clone, PartialEq)]
pub struct Bucket {
    /// Its number within the run.
    pub no: u32,
    /// The application it works on.
    pub application: ApplicationId,
    /// Raised whenever a worker takes it up.
    pub fence: i64,
    /// The part of the phase it is in; while a wave is applied, that of [`step_of`](crate::step_of).
    pub step: u32,
    /// Where to take up.
    pub cursor: Option<String>,
    /// Pages staged so far.
    pub page: u32,
    /// The number of the next change within the run.
    pub next_change: u32,
    /// What identifies the state of the source.
    pub snapshot: Option<String>,
    /// The token that its sweep reads changes from, empty where it reads all accounts; `None` before that is known.
    pub since: Option<String>,
    /// The token that its sweep has ended with, where the source gives any.
    pub token: Option<String>,
    /// How the sweep ended, once it has: empty for complete, else the reason.
    pub sweep_end: Option<String>,
    /// What percentages are taken of, in the engine's own form.
    pub population: Option<String>,
    /// How many entries its sweep will have read, as far as can be told.
    pub estimate: u64,
    /// What has been counted.
    pub counters: Counters,
    /// What the plan would do, as limits count.
    pub tally: Tally,
    /// Why the run goes on without its application, if it does. Stored by [`TenantStore::leave_out`] alone.
    pub left_out: Option<String>,
}

/// What is read of a bucket.
const BUCKET: &str = "no, application, fence, step, cursor, page, next_change, snapshot, sweep_end, population, \
    counters, tally, estimate, left_out, since, token";

impl TenantStore {
    /// Makes the buckets of a run, if they are not there yet; answers them under the worker's fence.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn buckets(
        &self,
        run: &RunRecord,
        applications: &[ApplicationId],
    ) -> Result<Vec<Bucket>, StoreError> {
        let tx = self.database.begin(Urgency::Short).await?;
        self.hold_run(&tx, run).await?;
        let buckets = self.make_buckets(&tx, run, applications).await?;
        tx.commit().await?;
        Ok(buckets)
    }

    /// Makes the buckets of a run as a part of a transaction.
    pub(crate) async fn make_buckets(
        &self,
        tx: &Transaction,
        run: &RunRecord,
        applications: &[ApplicationId],
    ) -> Result<Vec<Bucket>, StoreError> {
        let mut buckets = Vec::with_capacity(applications.len());
        for (no, application) in (0i64..).zip(applications) {
            let sql = format!(
                "INSERT INTO bucket (tenant, run, no, application) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING \
                 RETURNING {BUCKET}"
            );
            let values = vec![self.tenant.into(), run.seq.into(), no.into(), application.as_str().into()];
            buckets.extend(tx.query_one(&sql, values).await?);
        }
        if buckets.len() < applications.len() {
            let sql = format!("SELECT {BUCKET} FROM bucket WHERE tenant = ? AND run = ? ORDER BY no");
            buckets = tx.query(&sql, vec![self.tenant.into(), run.seq.into()]).await?;
        }
        buckets.iter().map(bucket).collect()
    }

    /// Stores a page: its checkpoint, then what it met, its changes, its problems and its messages. All or nothing.
    ///
    /// # Errors
    /// [`StoreError::LostFence`] when the worker has the run no longer; nothing is written then.
    pub async fn stage(
        &self,
        run: &RunRecord,
        bucket: &Bucket,
        met: &Met,
        rows: PageRows,
        now: DateTime<Utc>,
    ) -> Result<StagedPage, StoreError> {
        let digest = rows.digest();
        let tx = self.database.begin(Urgency::Bulk).await?;
        self.move_cursor(&tx, run, bucket, now).await?;
        tx.execute(
            "INSERT INTO met (tenant, run, bucket, page, met, lists, digest, disputes, traceless) \
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            vec![
                self.tenant.into(),
                run.seq.into(),
                i64::from(bucket.no).into(),
                i64::from(bucket.page).into(),
                met.encode().into(),
                if rows.lists == Lists::default() { Vec::new() } else { rows.lists.encode() }.into(),
                digest.clone().into(),
                rows.disputes.encode().into(),
                rows.traceless.encode().into(),
            ],
        )
        .await?;
        if rows.changes.is_empty() && run.is_brief() {
            self.note_read(&tx, bucket, met).await?;
        }
        CHANGES.insert(&tx, rows.changes.into_iter().map(|change| change.values).collect()).await?;
        self.note_in(&tx, run, bucket.no, &rows.problems, now).await?;
        self.add_messages(&tx, (run, bucket.no), &rows.messages).await?;
        tx.commit().await?;
        Ok(StagedPage { page: bucket.page, met: met.clone(), lists: rows.lists, digest })
    }

    /// Stores a checkpoint alone.
    ///
    /// # Errors
    /// [`StoreError::LostFence`] when the worker has the run no longer.
    pub async fn checkpoint(
        &self,
        run: &RunRecord,
        bucket: &Bucket,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let tx = self.database.begin(Urgency::Bulk).await?;
        self.move_cursor(&tx, run, bucket, now).await?;
        tx.commit().await
    }

    /// Drops everything that a bucket has staged, and sets it to its beginning.
    ///
    /// # Errors
    /// [`StoreError::LostFence`] when the worker has the run no longer.
    pub async fn restart(
        &self,
        run: &RunRecord,
        bucket: &Bucket,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let tx = self.database.begin(Urgency::Bulk).await?;
        self.move_cursor(&tx, run, bucket, now).await?;
        self.drop_staged(&tx, run, bucket.no).await?;
        tx.commit().await
    }

    /// Drops everything that a bucket has staged; what is noted of the run as a whole stays.
    pub(crate) async fn drop_staged(
        &self,
        tx: &Transaction,
        run: &RunRecord,
        bucket: u32,
    ) -> Result<(), StoreError> {
        let (first, last) = (change_id(run.seq, 0), change_id(run.seq, u32::MAX));
        let no = i64::from(bucket);
        tx.execute(
            "DELETE FROM problem WHERE tenant = ? AND run = ? AND bucket = ? AND no > 0",
            vec![self.tenant.into(), run.seq.into(), no.into()],
        )
        .await?;
        tx.execute(
            "DELETE FROM met WHERE tenant = ? AND run = ? AND bucket = ?",
            vec![self.tenant.into(), run.seq.into(), no.into()],
        )
        .await?;
        tx.execute(
            "DELETE FROM change WHERE tenant = ? AND id BETWEEN ? AND ? AND bucket = ?",
            vec![self.tenant.into(), first.into(), last.into(), no.into()],
        )
        .await?;
        self.drop_messages(tx, run, bucket).await
    }

    /// Stores a checkpoint with problems that were found.
    ///
    /// # Errors
    /// [`StoreError::LostFence`] when the worker has the run no longer.
    pub async fn checkpoint_noting(
        &self,
        run: &RunRecord,
        bucket: &Bucket,
        problems: &[ProblemRow],
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let tx = self.database.begin(Urgency::Bulk).await?;
        self.move_cursor(&tx, run, bucket, now).await?;
        self.note_in(&tx, run, bucket.no, problems, now).await?;
        tx.commit().await
    }

    pub(crate) async fn note_in(
        &self,
        tx: &Transaction,
        run: &RunRecord,
        bucket: u32,
        problems: &[ProblemRow],
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        if problems.is_empty() {
            return Ok(());
        }
        let last = tx
            .query_one(
                "SELECT coalesce(max(no), 0) FROM problem WHERE tenant = ? AND run = ?",
                vec![self.tenant.into(), run.seq.into()],
            )
            .await?;
        let last = last.map(|row| number(&row, 0)).transpose()?.unwrap_or(0);
        let rows = (last + 1..).zip(problems);
        let rows = rows.map(|(no, problem)| problem.values((self.tenant, run.seq, no), bucket, now));
        PROBLEMS.insert(tx, rows.collect()).await.map(|_| ())
    }

    /// Lets PostgreSQL take a short look at the tables that a run has just filled. Without that it takes indexes
    /// that begin alike for equally good, and reads a whole tenant for each account. SQLite has no such trouble.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn refresh_statistics(&self) -> Result<(), StoreError> {
        match self.dialect() {
            Dialect::Sqlite => Ok(()),
            Dialect::Postgres => {
                // Only the owner of a table may have it looked at so. Nothing of it is answered.
                let tx = self.database.clone().seen_by(Sight::Owner).begin(Urgency::Bulk).await?;
                tx.script("SET LOCAL default_statistics_target = 10").await?;
                tx.script("ANALYZE change, object, shadow, key, problem").await?;
                tx.commit().await
            }
        }
    }

    /// The pages that a bucket has staged, from this one on, at most so many: what each met, its lists and
    /// its digest.
    ///
    /// # Errors
    /// When the database fails or holds something unreadable.
    pub async fn pages(
        &self,
        run: &RunRecord,
        bucket: u32,
        after: u32,
        limit: u32,
    ) -> Result<Vec<StagedPage>, StoreError> {
        let sql = "SELECT page, met, lists, digest FROM met \
            WHERE tenant = ? AND run = ? AND bucket = ? AND page > ? ORDER BY page LIMIT ?";
        let values = vec![
            self.tenant.into(),
            run.seq.into(),
            i64::from(bucket).into(),
            i64::from(after).into(),
            i64::from(limit).into(),
        ];
        let rows = self.database.query(sql, values).await?;
        rows.iter()
            .map(|row| {
                Ok(StagedPage {
                    page: unsigned(number(row, 0)?, "page")?,
                    met: Met::decode(&get::<Vec<u8>>(row, 1)?)?,
                    lists: Lists::decode(&get::<Vec<u8>>(row, 2)?)?,
                    digest: get(row, 3)?,
                })
            })
            .collect()
    }
}

fn bucket(row: &QueryResult) -> Result<Bucket, StoreError> {
    Ok(Bucket {
        no: unsigned(number(row, 0)?, "bucket")?,
        application: ApplicationId::of_run(&get::<String>(row, 1)?)?,
        fence: number(row, 2)?,
        step: unsigned(number(row, 3)?, "step")?,
        cursor: get(row, 4)?,
        page: unsigned(number(row, 5)?, "page")?,
        next_change: unsigned(number(row, 6)?, "number of a change")?,
        snapshot: get(row, 7)?,
        sweep_end: get(row, 8)?,
        population: get(row, 9)?,
        counters: decode_counters(&get::<String>(row, 10)?)?,
        tally: decode_tally(&get::<String>(row, 11)?)?,
        estimate: number(row, 12)?.unsigned_abs(),
        left_out: get(row, 13)?,
        since: get(row, 14)?,
        token: get(row, 15)?,
    })
}
