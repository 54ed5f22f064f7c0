//! The failed entries of a run: one by one, by their causes, and their keys, for whoever tries them again.

use muster_model::failure::FailureClass;
use muster_model::run::Outcome;
use sea_orm::{QueryResult, Value};

use crate::TenantStore;
use crate::database::Dialect;
use crate::error::StoreError;
use crate::row::{case, get, get_case, number, optional_number};
use crate::run::RunRecord;
use crate::stage::ProblemStep;

/// Sample entries of a cause.
const SAMPLES: i64 = 5;

/// Entries that failed, before further conditions. What was stored before there were causes has its code for one.
const FAILED: &str = "FROM problem p WHERE p.tenant = ? AND p.run = ? AND p.outcome = ?";
const CAUSE: &str = "coalesce(p.cause, p.code)";

/// Which failed entries are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failures {
    /// All of the run.
    All,
    /// Those that failed for a cause.
    OfCause(String),
    /// Those of these numbers.
    Entries(Vec<i64>),
}

/// A failed entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailureRecord {
    /// Its number among all that was noted about the run.
    pub entry: i64,
    /// The account's key.
    pub uid: Option<String>,
    /// Where the account stood in its source.
    pub place: Option<u64>,
    /// In which part of the run it failed.
    pub step: ProblemStep,
    /// The stable id of the error.
    pub code: String,
    /// What all that failed for the same reason have in common.
    pub cause: String,
    /// What was seen and what to do.
    pub message: String,
    /// What is to be expected of trying again.
    pub class: FailureClass,
}

/// A cause, and the entries that failed for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CauseRecord {
    /// What tells it from others.
    pub cause: String,
    /// How many entries failed for it.
    pub entries: u64,
    /// The first of them, a few.
    pub samples: Vec<FailureRecord>,
}

/// The keys of failed entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedKeys {
    /// Each once.
    pub keys: Vec<String>,
    /// How many entries have none.
    pub without: u64,
}

impl TenantStore {
    /// Failed entries of a run in their order, those after a number, at most so many.
    ///
    /// # Errors
    /// When the database fails or holds something unreadable.
    pub async fn failures(
        &self,
        run: &RunRecord,
        which: &Failures,
        (after, limit): (i64, u32),
    ) -> Result<Vec<FailureRecord>, StoreError> {
        let (condition, mut values) = self.meant(run, which);
        let sql = format!(
            "SELECT p.no, p.uid, p.place, p.step, p.code, {CAUSE}, p.message, p.class {FAILED}{condition} \
             AND p.no > ? ORDER BY p.no LIMIT ?"
        );
        values.extend([after.into(), i64::from(limit).into()]);
        self.database.query(&sql, values).await?.iter().map(failure).collect()
    }

    /// The causes for which entries of a run failed, those of most entries first, at most so many.
    ///
    /// # Errors
    /// When the database fails or holds something unreadable.
    pub async fn failure_causes(
        &self,
        run: &RunRecord,
        which: &Failures,
        limit: u32,
    ) -> Result<Vec<CauseRecord>, StoreError> {
        let (condition, mut values) = self.meant(run, which);
        let sql = format!(
            "SELECT no, uid, place, step, code, cause, message, class, entries FROM \
             (SELECT p.no, p.uid, p.place, p.step, p.code, {CAUSE} AS cause, p.message, p.class, \
             count(*) OVER (PARTITION BY {CAUSE}) AS entries, \
             row_number() OVER (PARTITION BY {CAUSE} ORDER BY p.no) AS nth {FAILED}{condition}) AS grouped \
             WHERE nth <= ? ORDER BY entries DESC, cause, no LIMIT ?"
        );
        values.extend([SAMPLES.into(), (i64::from(limit) * SAMPLES).into()]);
        let mut causes: Vec<CauseRecord> = Vec::new();
        for row in self.database.query(&sql, values).await? {
            let (sample, entries) = (failure(&row)?, number(&row, 8)?.unsigned_abs());
            match causes.last_mut() {
                Some(last) if last.cause == sample.cause => last.samples.push(sample),
                Some(_) | None => {
                    causes.push(CauseRecord { cause: sample.cause.clone(), entries, samples: vec![sample] });
                }
            }
        }
        // Causes of few entries leave room for more than were asked for.
        causes.truncate(limit as usize);
        Ok(causes)
    }

    /// The keys of failed entries of a run, at most so many.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn failed_keys(
        &self,
        run: &RunRecord,
        which: &Failures,
        limit: u32,
    ) -> Result<FailedKeys, StoreError> {
        let (condition, mut values) = self.meant(run, which);
        let sql = format!("SELECT count(*) {FAILED}{condition} AND p.uid IS NULL");
        let without = self.database.query_one(&sql, values.clone()).await?;
        let without = without.map(|row| number(&row, 0)).transpose()?.unwrap_or(0).unsigned_abs();
        let sql =
            format!("SELECT DISTINCT p.uid {FAILED}{condition} AND p.uid IS NOT NULL ORDER BY p.uid LIMIT ?");
        values.push(i64::from(limit).into());
        let rows = self.database.query(&sql, values).await?;
        let keys = rows.iter().map(|row| get(row, 0)).collect::<Result<_, _>>()?;
        Ok(FailedKeys { keys, without })
    }

    /// The condition that these entries meet, to follow [`FAILED`], and all values up to its end.
    fn meant(&self, run: &RunRecord, which: &Failures) -> (String, Vec<Value>) {
        let mut values: Vec<Value> =
            vec![self.tenant.into(), run.seq.into(), (Outcome::Failed as i64).into()];
        let condition = match which {
            Failures::All => String::new(),
            Failures::OfCause(cause) => {
                values.push(cause.as_str().into());
                format!(" AND {CAUSE} = ?")
            }
            Failures::Entries(entries) => {
                let (list, [no]) = match self.dialect() {
                    Dialect::Sqlite => self.list_of(["j.value"]),
                    Dialect::Postgres => self.list_of(["j.value::bigint"]),
                };
                values.push(serde_json::to_string(entries).unwrap_or_default().into());
                format!(" AND p.no IN (SELECT {no} FROM {list})")
            }
        };
        (condition, values)
    }
}

fn failure(row: &QueryResult) -> Result<FailureRecord, StoreError> {
    let class = optional_number(row, 7)?.map(|class| case(&FailureClass::ALL, class, "class of a failure"));
    Ok(FailureRecord {
        entry: number(row, 0)?,
        uid: get(row, 1)?,
        place: optional_number(row, 2)?.map(i64::unsigned_abs),
        step: get_case(row, 3, &ProblemStep::ALL, "step")?,
        code: get(row, 4)?,
        cause: get(row, 5)?,
        message: get(row, 6)?,
        class: class.transpose()?.unwrap_or(FailureClass::Rejected),
    })
}
