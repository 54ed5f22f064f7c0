//! Changes read back: for people, and for connectors that carry them out.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use muster_model::configuration::application::{Reaction, Situation};
use muster_model::error::ErrorCode;
use muster_model::run::Outcome;
use muster_model::{AttributeName, Attributes, Field, ObjectId};
use muster_plan::change::{Action, MembershipChange, Replaced};
use sea_orm::{QueryResult, Value};
use uuid::Uuid;

use crate::codec;
use crate::database::Dialect;
use crate::error::StoreError;
use crate::over::APART;
use crate::page::{change_id, decode_memberships};
use crate::reached::{PageOrder, Reached};
use crate::row::{case, get, get_case, instant, number, optional_number, unsigned};
use crate::run::RunRecord;
use crate::stage::ProblemStep;
use crate::tenant::TenantStore;

pub(crate) const COLUMNS: &str = "c.id, c.bucket, c.position, c.action, c.situation, c.reaction, c.uid, c.place, \
    c.shadow, c.object, c.object_version, c.state, c.before, c.result, c.memberships, c.profile, c.why, \
    p.outcome, p.message, c.level, c.replaced";

/// Which changes to read.
#[derive(Debug, Clone, Copy, Default)]
pub struct ChangeFilter {
    /// Only those after this number.
    pub after: u32,
    /// At most so many.
    pub limit: u32,
}

/// How much of what was noted about runs to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MostProblems {
    /// At most so many of one run.
    pub of_each: u32,
    /// At most so many of all runs together.
    pub in_all: u32,
}

/// What has become of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChangeStatus {
    /// Its turn has not come; in a run that has ended it never will.
    Planned,
    /// It has been applied.
    Applied,
    /// It ended otherwise.
    Ended {
        /// How.
        outcome: Outcome,
        /// Why.
        message: String,
    },
}

/// A change as it was staged.
#[derive(Debug, Clone, PartialEq)]
pub struct ChangeRow {
    /// Its number within the run.
    pub number: u32,
    /// Its bucket.
    pub bucket: u32,
    /// Its place among the changes of its wave.
    pub order: PageOrder,
    /// What it does.
    pub action: Action,
    /// What was found.
    pub situation: Situation,
    /// What the configuration said.
    pub reaction: Reaction,
    /// The account's key.
    pub uid: String,
    /// Where the account stood.
    pub place: Option<u64>,
    /// The shadow, unless the change makes one.
    pub shadow: Option<u32>,
    /// The object.
    pub object: Option<ObjectId>,
    /// The version of the object that it was decided on; 0 for one that the change makes.
    pub object_version: u32,
    /// 0 keeps "enabled", 1 enables, 2 and more disable.
    pub state: i64,
    /// What the changed attributes held; absent ones included. Empty for a create.
    pub before: Vec<(AttributeName, Field)>,
    /// Inbound all attributes afterwards, outbound those written.
    pub result: Attributes,
    /// Memberships gained and lost.
    pub memberships: Vec<MembershipChange>,
    /// The profile that grants the account.
    pub profile: Option<String>,
    /// Why, where situation and reaction do not say it all.
    pub why: Option<String>,
    /// What else of object and account it replaces.
    pub replaced: Option<Replaced>,
    /// What became of it.
    pub status: ChangeStatus,
}

/// Something that was noted about a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProblemRecord {
    /// Its number within the run.
    pub no: i64,
    /// The change it is about.
    pub change: Option<u32>,
    /// What the entry is counted as instead; `None` for a warning.
    pub outcome: Option<Outcome>,
    /// In which part of the run.
    pub step: ProblemStep,
    /// The stable id of the error.
    pub code: String,
    /// The account's key.
    pub uid: Option<String>,
    /// Where the account stood.
    pub place: Option<u64>,
    /// What was seen and what to do.
    pub message: String,
    /// When it was noted.
    pub noted_at: DateTime<Utc>,
}

impl TenantStore {
    /// Changes of a run in the order of their numbers.
    ///
    /// # Errors
    /// When the database fails or holds something unreadable.
    pub async fn changes(&self, run: &RunRecord, filter: ChangeFilter) -> Result<Vec<ChangeRow>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM (SELECT change.*, id - ? AS number FROM change \
             WHERE tenant = ? AND id > ? AND id <= ? ORDER BY id LIMIT ?) c \
             LEFT JOIN problem p ON p.tenant = c.tenant AND p.run = ? AND p.change = c.number \
             AND p.change IS NOT NULL AND p.outcome IS NOT NULL ORDER BY c.id"
        );
        let values: Vec<Value> = vec![
            change_id(run.seq, 0).into(),
            self.tenant.into(),
            change_id(run.seq, filter.after).into(),
            change_id(run.seq, u32::MAX).into(),
            i64::from(filter.limit).into(),
            run.seq.into(),
        ];
        let rows = self.database.query(&sql, values).await?;
        let mut changes = rows.iter().map(change).collect::<Result<Vec<_>, _>>()?;
        let reached: HashMap<u32, Reached> = self.reached(run).await?.into_iter().collect();
        for change in changes.iter_mut().filter(|change| change.status == ChangeStatus::Planned) {
            let bucket = reached.get(&change.bucket);
            if bucket.is_some_and(|reached| reached.has_applied(change.action.wave(), change.order)) {
                change.status = ChangeStatus::Applied;
            }
        }
        Ok(changes)
    }

    /// How far each bucket of a run has come.
    pub(crate) async fn reached(&self, run: &RunRecord) -> Result<Vec<(u32, Reached)>, StoreError> {
        let sql = "SELECT step, cursor, no FROM bucket WHERE tenant = ? AND run = ?";
        let rows = self.database.query(sql, vec![self.tenant.into(), run.seq.into()]).await?;
        rows.iter().map(|row| Ok((unsigned(number(row, 2)?, "bucket")?, Reached::read(row)?))).collect()
    }

    /// The changes of these numbers, in no particular order, for whoever carries them out: how far that has come is
    /// not asked.
    ///
    /// # Errors
    /// When the database fails or holds something unreadable.
    pub async fn changes_of(&self, run: &RunRecord, numbers: &[u32]) -> Result<Vec<ChangeRow>, StoreError> {
        let (list, [number]) = match self.dialect() {
            Dialect::Sqlite => self.list_of(["j.value"]),
            Dialect::Postgres => self.list_of(["j.value::bigint"]),
        };
        let sql = format!(
            "SELECT {COLUMNS} FROM (SELECT ? + {number} AS id, {number} AS number FROM {list} {APART}) AS n \
             CROSS JOIN change c LEFT JOIN problem p ON p.tenant = c.tenant AND p.run = ? \
             AND p.change = n.number AND p.change IS NOT NULL AND p.outcome IS NOT NULL \
             WHERE c.id = n.id AND c.tenant = ?"
        );
        let values: Vec<Value> = vec![
            change_id(run.seq, 0).into(),
            serde_json::to_string(numbers).unwrap_or_default().into(),
            run.seq.into(),
            self.tenant.into(),
        ];
        let rows = self.database.query(&sql, values).await?;
        rows.iter().map(change).collect()
    }

    /// What was noted about a run, in the order in which it was.
    ///
    /// # Errors
    /// When the database fails or holds something unreadable.
    pub async fn problems(&self, run: &RunRecord, limit: u32) -> Result<Vec<ProblemRecord>, StoreError> {
        let sql = "SELECT no, change, outcome, step, code, uid, place, message, noted_at FROM problem \
            WHERE tenant = ? AND run = ? ORDER BY no LIMIT ?";
        let values = vec![self.tenant.into(), run.seq.into(), i64::from(limit).into()];
        let rows = self.database.query(sql, values).await?;
        rows.iter().map(problem).collect()
    }

    /// How many problems of this sort have been noted about a bucket of a run.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn count_problems(
        &self,
        run: &RunRecord,
        bucket: u32,
        code: ErrorCode,
    ) -> Result<u64, StoreError> {
        let sql = "SELECT count(*) FROM problem WHERE tenant = ? AND run = ? AND bucket = ? AND code = ?";
        let values = vec![self.tenant.into(), run.seq.into(), i64::from(bucket).into(), code.id().into()];
        let row = self.database.query_one(sql, values).await?;
        Ok(row.map(|row| number(&row, 0)).transpose()?.unwrap_or(0).unsigned_abs())
    }

    /// What was noted about several runs, by their [`seq`](RunRecord::seq), in the order in which it was. The newest
    /// runs come first where `in_all` does not suffice.
    ///
    /// # Errors
    /// When the database fails or holds something unreadable.
    pub async fn problems_of(
        &self,
        runs: &[RunRecord],
        most: MostProblems,
    ) -> Result<HashMap<i64, Vec<ProblemRecord>>, StoreError> {
        let (list, [of]) = match self.dialect() {
            Dialect::Sqlite => self.list_of(["j.value"]),
            Dialect::Postgres => self.list_of(["j.value::bigint"]),
        };
        let sql = format!(
            "SELECT no, change, outcome, step, code, uid, place, message, noted_at, run FROM (SELECT p.*, \
             row_number() OVER (PARTITION BY p.run ORDER BY p.no) AS nth FROM {list} CROSS JOIN problem p \
             WHERE p.run = {of} AND p.tenant = ?) noted WHERE nth <= ? ORDER BY run DESC, no LIMIT ?"
        );
        let seqs: Vec<i64> = runs.iter().map(|run| run.seq).collect();
        let values: Vec<Value> = vec![
            serde_json::to_string(&seqs).unwrap_or_default().into(),
            self.tenant.into(),
            i64::from(most.of_each).into(),
            i64::from(most.in_all).into(),
        ];
        let mut found: HashMap<i64, Vec<ProblemRecord>> = HashMap::new();
        for row in self.database.query(&sql, values).await? {
            found.entry(number(&row, 9)?).or_default().push(problem(&row)?);
        }
        Ok(found)
    }

    /// The changes of a run that will not be applied, or have not been: their numbers and outcomes.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn exceptions(&self, run: &RunRecord) -> Result<Vec<(u32, Option<Outcome>)>, StoreError> {
        let sql = "SELECT change, outcome FROM problem WHERE tenant = ? AND run = ? AND change IS NOT NULL \
            ORDER BY no";
        let rows = self.database.query(sql, vec![self.tenant.into(), run.seq.into()]).await?;
        rows.iter()
            .map(|row| Ok((unsigned(number(row, 0)?, "number of a change")?, outcome_at(row, 1)?)))
            .collect()
    }
}

fn outcome_at(row: &QueryResult, place: usize) -> Result<Option<Outcome>, StoreError> {
    optional_number(row, place)?.map(|stored| case(&Outcome::ALL, stored, "outcome")).transpose()
}

pub(crate) fn change(row: &QueryResult) -> Result<ChangeRow, StoreError> {
    let number = crate::over::change_number(number(row, 0)?)?;
    let before: Option<String> = get(row, 12)?;
    let result: Option<String> = get(row, 13)?;
    let memberships: Option<String> = get(row, 14)?;
    let object: Option<Uuid> = get(row, 9)?;
    let replaced: Option<String> = get(row, 20)?;
    let status = match outcome_at(row, 17)? {
        Some(outcome) => {
            ChangeStatus::Ended { outcome, message: get::<Option<String>>(row, 18)?.unwrap_or_default() }
        }
        None => ChangeStatus::Planned,
    };
    Ok(ChangeRow {
        number,
        bucket: unsigned(self::number(row, 1)?, "bucket")?,
        order: PageOrder {
            level: unsigned(self::number(row, 19)?, "level")?,
            position: Some(self::number(row, 2)?),
            number,
        },
        action: get_case(row, 3, &Action::ALL, "action")?,
        situation: get_case(row, 4, &Situation::ALL, "situation")?,
        reaction: get_case(row, 5, &Reaction::ALL, "reaction")?,
        uid: get(row, 6)?,
        place: optional_number(row, 7)?.map(i64::unsigned_abs),
        shadow: optional_number(row, 8)?.map(|no| unsigned(no, "shadow number")).transpose()?,
        object: object.map(ObjectId),
        object_version: unsigned(optional_number(row, 10)?.unwrap_or(0), "version")?,
        state: self::number(row, 11)?,
        before: before.map(|text| codec::decode_fields(&text)).transpose()?.unwrap_or_default(),
        result: result.map(|text| codec::decode(&text)).transpose()?.unwrap_or_default(),
        memberships: memberships.map(|text| decode_memberships(&text)).transpose()?.unwrap_or_default(),
        profile: get(row, 15)?,
        why: get(row, 16)?,
        replaced: replaced.map(|text| codec::decode_replaced(&text)).transpose()?,
        status,
    })
}

pub(crate) fn problem(row: &QueryResult) -> Result<ProblemRecord, StoreError> {
    Ok(ProblemRecord {
        no: number(row, 0)?,
        change: optional_number(row, 1)?.map(|no| unsigned(no, "number of a change")).transpose()?,
        outcome: outcome_at(row, 2)?,
        step: get_case(row, 3, &ProblemStep::ALL, "step")?,
        code: get(row, 4)?,
        uid: get(row, 5)?,
        place: optional_number(row, 6)?.map(i64::unsigned_abs),
        message: get(row, 7)?,
        noted_at: instant(number(row, 8)?)?,
    })
}
