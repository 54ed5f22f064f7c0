//! The outbox: what is to be done after runs. Filled in the transaction that ends a run, emptied by whoever claims an
//! errand first.
//!
//! Invariant: of an errand that was claimed again, only the last claim settles it.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use muster_model::errand::{ErrandKind, ErrandState};
use muster_model::{ObjectId, RunId, TenantSlug};
use sea_orm::{QueryResult, Value};
use uuid::Uuid;

use crate::database::{Dialect, Transaction, Urgency};
use crate::error::StoreError;
use crate::page::change_id;
use crate::row::{get, get_case, message, number, optional_number, unsigned};
use crate::rows::{Bulk, Kind};
use crate::run::RunRecord;
use crate::stage::ProblemStep;
use crate::{Store, TenantStore};

const COLUMNS: &str = "o.run, o.no, o.id, o.kind, o.item, o.attempts, o.state, o.message, o.path";

const ROWS: Bulk = Bulk {
    table: "outbox",
    columns: &[
        ("tenant", Kind::Integer),
        ("run", Kind::Integer),
        ("no", Kind::Integer),
        ("id", Kind::Uuid),
        ("kind", Kind::Integer),
        ("item", Kind::Integer),
        ("due_at", Kind::Integer),
    ],
    suffix: "",
};

/// An errand of a run that ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewErrand {
    /// What tells it from all others, however often it is tried; a run that it launches has the same id.
    pub id: Uuid,
    /// What it does.
    pub kind: ErrandKind,
    /// The place of the launch or the webhook in its list.
    pub item: u32,
}

/// An errand as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrandRecord {
    /// The run, by its [`seq`](RunRecord::seq).
    pub run: i64,
    /// Its number within the run; they are carried out in this order.
    pub no: u32,
    /// What tells it from all others.
    pub id: Uuid,
    /// What it does.
    pub kind: ErrandKind,
    /// The place of the launch or the webhook in its list.
    pub item: u32,
    /// How often it was claimed.
    pub attempts: u32,
    /// What has become of it.
    pub state: ErrandState,
    /// What is to be known about that.
    pub message: Option<String>,
    /// The file that it left.
    pub path: Option<String>,
}

/// What came of a try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    /// What has become of the errand.
    pub state: ErrandState,
    /// What is to be known about that.
    pub message: Option<String>,
    /// The file that it left.
    pub path: Option<String>,
    /// When it is tried again, if it waits.
    pub due_at: DateTime<Utc>,
}

/// What was noted about an entry of a run, as a report has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportRow {
    /// Its number within the run.
    pub no: i64,
    /// In which part of the run.
    pub step: ProblemStep,
    /// The stable id of the error.
    pub code: String,
    /// The account's key; `None` when it is about the run.
    pub uid: Option<String>,
    /// What was seen and what to do.
    pub message: String,
    /// The bucket of the entry.
    pub bucket: u32,
    /// The shadow of the account, had it one.
    pub shadow: Option<u32>,
    /// The object of the account, had it one.
    pub object: Option<ObjectId>,
}

impl Store {
    /// Errands of all tenants that are due, earliest first, at most so many, each with its run. Those of a run come one
    /// after the other; only nobody waits for a webhook.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn due_errands(
        &self,
        now: DateTime<Utc>,
        limit: u32,
    ) -> Result<Vec<(TenantStore, RunId, ErrandRecord)>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS}, r.id, t.id, t.slug FROM outbox o CROSS JOIN run r CROSS JOIN tenant t \
             WHERE o.state = 0 AND o.due_at <= ? AND r.seq = o.run AND t.id = o.tenant AND NOT EXISTS (\
             SELECT 1 FROM outbox e WHERE e.tenant = o.tenant AND e.run = o.run AND e.no < o.no AND e.state = 0 \
             AND e.kind < 4) ORDER BY o.due_at LIMIT ?"
        );
        let rows =
            self.database.query(&sql, vec![now.timestamp_millis().into(), i64::from(limit).into()]).await?;
        let due = rows.iter().map(|row| {
            let door = self.door(number(row, 10)?, TenantSlug::new(&get::<String>(row, 11)?)?);
            Ok((door, RunId(get(row, 9)?), read(row)?))
        });
        due.collect()
    }
}

impl TenantStore {
    /// Puts the errands of a run that ends into the outbox.
    pub(crate) async fn put_errands(
        &self,
        tx: &Transaction,
        run: i64,
        errands: &[NewErrand],
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let row = |(no, errand): (i64, &NewErrand)| -> Vec<Value> {
            vec![
                self.tenant.into(),
                run.into(),
                no.into(),
                errand.id.into(),
                (errand.kind as i64).into(),
                i64::from(errand.item).into(),
                now.timestamp_millis().into(),
            ]
        };
        ROWS.insert(tx, (1..).zip(errands).map(row).collect()).await.map(|_| ())
    }

    /// The errands of runs, by the [`seq`](RunRecord::seq) of each, in their order.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn errands_of(
        &self,
        runs: &[RunRecord],
    ) -> Result<HashMap<i64, Vec<ErrandRecord>>, StoreError> {
        let (list, [run]) = match self.dialect() {
            Dialect::Sqlite => self.list_of(["j.value"]),
            Dialect::Postgres => self.list_of(["j.value::bigint"]),
        };
        let sql = format!(
            "SELECT {COLUMNS} FROM {list} CROSS JOIN outbox o WHERE o.run = {run} AND o.tenant = ? \
             ORDER BY o.run, o.no"
        );
        let seqs: Vec<i64> = runs.iter().filter(|run| run.state.is_terminal()).map(|run| run.seq).collect();
        let mut found: HashMap<i64, Vec<ErrandRecord>> = HashMap::new();
        if seqs.is_empty() {
            return Ok(found);
        }
        let values = vec![serde_json::to_string(&seqs).unwrap_or_default().into(), self.tenant.into()];
        for row in self.database.query(&sql, values).await? {
            found.entry(number(&row, 0)?).or_default().push(read(&row)?);
        }
        Ok(found)
    }

    /// Takes an errand up until its lease ends. `None` when somebody else has, or it is no longer due.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn claim_errand(
        &self,
        errand: &ErrandRecord,
        now: DateTime<Utc>,
        lease_until: DateTime<Utc>,
    ) -> Result<Option<ErrandRecord>, StoreError> {
        let tx = self.database.begin(Urgency::Short).await?;
        let mut values: Vec<Value> = vec![lease_until.timestamp_millis().into()];
        values.extend(self.of_errand(errand));
        values.push(now.timestamp_millis().into());
        let sql = "UPDATE outbox SET attempts = attempts + 1, due_at = ? \
            WHERE tenant = ? AND run = ? AND no = ? AND attempts = ? AND state = 0 AND due_at <= ?";
        let claimed = tx.execute(sql, values).await? > 0;
        tx.commit().await?;
        Ok(claimed.then(|| ErrandRecord { attempts: errand.attempts + 1, ..errand.clone() }))
    }

    /// Keeps a claimed errand for longer.
    ///
    /// # Errors
    /// [`StoreError::LostFence`] when somebody else has claimed it since.
    pub async fn renew_errand(
        &self,
        errand: &ErrandRecord,
        lease_until: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let mut values: Vec<Value> = vec![lease_until.timestamp_millis().into()];
        values.extend(self.of_errand(errand));
        self.write_errand("due_at = ?", values).await
    }

    /// Notes what came of a claimed errand.
    ///
    /// # Errors
    /// [`StoreError::LostFence`] when somebody else has claimed it since.
    pub async fn settle_errand(&self, errand: &ErrandRecord, settled: &Settled) -> Result<(), StoreError> {
        let mut values: Vec<Value> = vec![
            (settled.state as i64).into(),
            settled.message.as_deref().map(message).into(),
            settled.path.clone().into(),
            settled.due_at.timestamp_millis().into(),
        ];
        values.extend(self.of_errand(errand));
        self.write_errand("state = ?, message = ?, path = ?, due_at = ?", values).await
    }

    async fn write_errand(&self, set: &str, values: Vec<Value>) -> Result<(), StoreError> {
        let tx = self.database.begin(Urgency::Short).await?;
        let sql = format!(
            "UPDATE outbox SET {set} WHERE tenant = ? AND run = ? AND no = ? AND attempts = ? AND state = 0"
        );
        let written = tx.execute(&sql, values).await?;
        tx.commit().await?;
        if written == 0 { Err(StoreError::LostFence) } else { Ok(()) }
    }

    fn of_errand(&self, errand: &ErrandRecord) -> [Value; 4] {
        [
            self.tenant.into(),
            errand.run.into(),
            i64::from(errand.no).into(),
            i64::from(errand.attempts).into(),
        ]
    }

    /// What told the source of a run from others when its first sweep read it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn source_snapshot(&self, run: &RunRecord) -> Result<Option<String>, StoreError> {
        let sql = "SELECT snapshot FROM bucket WHERE tenant = ? AND run = ? AND no = 0";
        let row = self.database.query_one(sql, vec![self.tenant.into(), run.seq.into()]).await?;
        Ok(row.map(|row| get::<Option<String>>(&row, 0)).transpose()?.flatten())
    }

    /// What was noted about a run, in the order in which it was, after this number, at most so much.
    ///
    /// # Errors
    /// When the database fails or holds something unreadable.
    pub async fn report_rows(
        &self,
        run: &RunRecord,
        after: Option<i64>,
        limit: u32,
    ) -> Result<Vec<ReportRow>, StoreError> {
        let sql = "SELECT p.no, p.step, p.code, p.uid, p.message, p.bucket, c.shadow, c.object FROM \
            (SELECT problem.*, ? + change AS change_id FROM problem \
            WHERE tenant = ? AND run = ? AND no > ? ORDER BY no LIMIT ?) p \
            LEFT JOIN change c ON c.id = p.change_id AND c.tenant = p.tenant ORDER BY p.no";
        let values: Vec<Value> = vec![
            change_id(run.seq, 0).into(),
            self.tenant.into(),
            run.seq.into(),
            after.unwrap_or(i64::MIN).into(),
            i64::from(limit).into(),
        ];
        self.database.query(sql, values).await?.iter().map(report_row).collect()
    }
}

fn read(row: &QueryResult) -> Result<ErrandRecord, StoreError> {
    Ok(ErrandRecord {
        run: number(row, 0)?,
        no: unsigned(number(row, 1)?, "number of an errand")?,
        id: get(row, 2)?,
        kind: get_case(row, 3, &ErrandKind::ALL, "kind of errand")?,
        item: unsigned(number(row, 4)?, "item of an errand")?,
        attempts: unsigned(number(row, 5)?, "number of attempts")?,
        state: get_case(row, 6, &ErrandState::ALL, "state of an errand")?,
        message: get(row, 7)?,
        path: get(row, 8)?,
    })
}

fn report_row(row: &QueryResult) -> Result<ReportRow, StoreError> {
    Ok(ReportRow {
        no: number(row, 0)?,
        step: get_case(row, 1, &ProblemStep::ALL, "step")?,
        code: get(row, 2)?,
        uid: get(row, 3)?,
        message: get(row, 4)?,
        bucket: unsigned(number(row, 5)?, "bucket")?,
        shadow: optional_number(row, 6)?.map(|no| unsigned(no, "shadow number")).transpose()?,
        object: get::<Option<Uuid>>(row, 7)?.map(ObjectId),
    })
}
