//! The failed entries of a run: one by one, by their causes, and their keys, for whoever tries them again.

use muster_model::failure::FailureClass;
use muster_model::run::{Outcome, TaskKind};
use muster_plan::change::Action;
use sea_orm::{QueryResult, Value};

use crate::TenantStore;
use crate::database::Dialect;
use crate::error::StoreError;
use crate::page::change_id;
use crate::row::{case, get, get_case, number, optional_number};
use crate::run::RunRecord;
use crate::stage::ProblemStep;

/// Sample entries of a cause.
const SAMPLES: i64 = 5;

/// What was stored before there were causes has its code for one.
const CAUSE: &str = "coalesce(cause, code)";

/// Owners whose account could not even be decided have an empty key.
const UID: &str = "nullif(p.uid, '')";

/// Whether it can be asked for by its key: an account that could not be made is not there to be read.
const RETRIABLE: &str = "nullif(p.uid, '') IS NOT NULL AND c.id IS NULL";

const IS_RETRIABLE: &str =
    "CAST(CASE WHEN nullif(p.uid, '') IS NOT NULL AND c.id IS NULL THEN 1 ELSE 0 END AS BIGINT)";

/// No action of a change.
const NONE: i64 = -1;

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
    /// Whether a run of single keys can ask for it.
    pub retriable: bool,
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
    /// How many entries cannot be asked for by one.
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
        let page = (" AND no > ? ORDER BY no LIMIT ?", vec![after.into(), i64::from(limit).into()]);
        let (failed, values) = self.failed(run, which, page);
        let sql = format!(
            "SELECT p.no, {UID}, p.place, p.step, p.code, p.shared, p.message, p.class, {IS_RETRIABLE} \
             FROM {failed} ORDER BY p.no"
        );
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
        let (failed, mut values) = self.failed(run, which, (self.apart(), Vec::new()));
        let sql = format!(
            "SELECT no, uid, place, step, code, shared, message, class, retriable, entries FROM \
             (SELECT p.no, {UID} AS uid, p.place, p.step, p.code, p.shared, p.message, p.class, \
             {IS_RETRIABLE} AS retriable, count(*) OVER (PARTITION BY p.shared) AS entries, \
             row_number() OVER (PARTITION BY p.shared ORDER BY p.no) AS nth FROM {failed}) AS grouped \
             WHERE nth <= ? ORDER BY entries DESC, shared, no LIMIT ?"
        );
        values.extend([SAMPLES.into(), (i64::from(limit) * SAMPLES).into()]);
        let mut causes: Vec<CauseRecord> = Vec::new();
        for row in self.database.query(&sql, values).await? {
            let (sample, entries) = (failure(&row)?, number(&row, 9)?.unsigned_abs());
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
        let (failed, mut values) = self.failed(run, which, (self.apart(), Vec::new()));
        let sql = format!("SELECT count(*) FROM {failed} WHERE NOT ({RETRIABLE})");
        let without = self.database.query_one(&sql, values.clone()).await?;
        let without = without.map(|row| number(&row, 0)).transpose()?.unwrap_or(0).unsigned_abs();
        let sql = format!("SELECT DISTINCT p.uid FROM {failed} WHERE {RETRIABLE} ORDER BY p.uid LIMIT ?");
        values.push(i64::from(limit).into());
        let rows = self.database.query(&sql, values).await?;
        let keys = rows.iter().map(|row| get(row, 0)).collect::<Result<_, _>>()?;
        Ok(FailedKeys { keys, without })
    }

    /// What keeps PostgreSQL from taking a subquery apart.
    pub(crate) fn apart(&self) -> &'static str {
        match self.dialect() {
            Dialect::Sqlite => "",
            Dialect::Postgres => " OFFSET 0",
        }
    }

    /// These entries as `p`, each with the account that it was to make as `c`, and all values up to there. The end of
    /// what selects them has to keep PostgreSQL from looking for accounts before it knows their numbers.
    pub(crate) fn failed(
        &self,
        run: &RunRecord,
        which: &Failures,
        (end, of_end): (&str, Vec<Value>),
    ) -> (String, Vec<Value>) {
        let makes_account = match run.task_kind {
            TaskKind::Synchronization => NONE,
            TaskKind::Provisioning => Action::Create as i64,
        };
        let mut values: Vec<Value> = vec![
            change_id(run.seq, 0).into(),
            self.tenant.into(),
            run.seq.into(),
            (Outcome::Failed as i64).into(),
        ];
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
                format!(" AND no IN (SELECT {no} FROM {list})")
            }
        };
        values.extend(of_end);
        values.push(makes_account.into());
        let failed = format!(
            "(SELECT problem.*, {CAUSE} AS shared, ? + change AS change_id FROM problem \
             WHERE tenant = ? AND run = ? AND outcome = ?{condition}{end}) p LEFT JOIN change c \
             ON c.id = p.change_id AND c.tenant = p.tenant AND c.action = ?"
        );
        (failed, values)
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
        retriable: number(row, 8)? != 0,
    })
}
