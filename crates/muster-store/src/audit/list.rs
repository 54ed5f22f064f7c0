//! Looking at the audit log: newest first by who, what and when, or from the first on for who takes it elsewhere.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use muster_model::RunId;
use muster_model::audit::{Act, Actor, AuditEntry, Subject};
use muster_model::run::OutcomeStatus;
use muster_plan::audit::ChainHash;
use sea_orm::{QueryResult, Value};
use uuid::Uuid;

use super::{chain_hash, seq};
use crate::error::StoreError;
use crate::row::{get, instant, number};
use crate::tenant::TenantStore;

/// Which audit entries to list, newest first.
#[derive(Debug, Clone, Default)]
pub struct AuditFilter {
    /// Only those of actors of this name.
    pub actor: Option<String>,
    /// Only such acts.
    pub act: Option<Act>,
    /// Only those on this subject.
    pub subject: Option<Subject>,
    /// Only those about this run.
    pub run: Option<RunId>,
    /// Only at or after this instant.
    pub since: Option<DateTime<Utc>>,
    /// Only at or before this instant.
    pub until: Option<DateTime<Utc>>,
    /// Only what comes after this one in the list, which is older.
    pub after: Option<u64>,
    /// At most so many.
    pub limit: u32,
}

/// An audit entry with its hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainedEntry {
    /// The entry.
    pub entry: AuditEntry,
    /// The hash of it and of all before it.
    pub hash: ChainHash,
}

pub(super) const COLUMNS: &str =
    "seq, at, actor_kind, actor, origin, act, subject_kind, subject, run, outcome, details, hash";

impl TenantStore {
    /// Audit entries, newest first.
    ///
    /// # Errors
    /// When the database fails or holds something unreadable.
    pub async fn audit(&self, filter: &AuditFilter) -> Result<Vec<ChainedEntry>, StoreError> {
        // With a bound for the time in every case each of the indexes is read from its end, and no further than
        // the limit.
        let until = filter.until.map_or(i64::MAX, |until| until.timestamp_millis());
        let mut sql = format!("SELECT {COLUMNS} FROM audit WHERE tenant = ? AND at <= ?");
        let mut values: Vec<Value> = vec![self.tenant.into(), until.into()];
        let mut and = |condition: &str, bound: Vec<Value>| {
            sql.push_str(condition);
            values.extend(bound);
        };
        if let Some(actor) = &filter.actor {
            and(" AND actor = ?", vec![actor.as_str().into()]);
        }
        if let Some(act) = filter.act {
            and(" AND act = ?", vec![act.as_str().into()]);
        }
        if let Some(Subject { kind, id }) = &filter.subject {
            and(" AND subject = ? AND subject_kind = ?", vec![id.as_str().into(), kind.as_str().into()]);
        }
        if let Some(run) = filter.run {
            and(" AND run = ?", vec![run.0.into()]);
        }
        if let Some(since) = filter.since {
            and(" AND at >= ?", vec![since.timestamp_millis().into()]);
        }
        if let Some(after) = filter.after {
            let older = " AND (at, seq) < (SELECT at, seq FROM audit WHERE tenant = ? AND seq = ?)";
            and(older, vec![self.tenant.into(), after.cast_signed().into()]);
        }
        and(" ORDER BY at DESC, seq DESC LIMIT ?", vec![i64::from(filter.limit).into()]);
        self.database.query(&sql, values).await?.iter().map(entry).collect()
    }

    /// Audit entries in their order, from the one behind this number on.
    ///
    /// # Errors
    /// When the database fails or holds something unreadable.
    pub async fn audit_behind(&self, behind: u64, limit: u32) -> Result<Vec<ChainedEntry>, StoreError> {
        let rows = self.audit_rows(behind.cast_signed(), limit).await?;
        rows.iter().map(entry).collect()
    }

    pub(super) async fn audit_rows(&self, behind: i64, limit: u32) -> Result<Vec<QueryResult>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM audit WHERE tenant = ? AND seq > ? ORDER BY seq LIMIT ?");
        self.database.query(&sql, vec![self.tenant.into(), behind.into(), i64::from(limit).into()]).await
    }
}

/// What a row of [`COLUMNS`] says.
pub(super) fn entry(row: &QueryResult) -> Result<ChainedEntry, StoreError> {
    let run: Option<Uuid> = get(row, 8)?;
    let outcome: Option<String> = get(row, 9)?;
    let details: String = get(row, 10)?;
    let details: BTreeMap<String, String> = serde_json::from_str(&details)
        .map_err(|error| StoreError::unreadable("details of an audit entry", error))?;
    let entry = AuditEntry {
        seq: seq(number(row, 0)?)?,
        at: instant(number(row, 1)?)?,
        actor: Actor { kind: word(row, 2, "kind of actor")?, name: get(row, 3)? },
        origin: get(row, 4)?,
        act: word(row, 5, "act")?,
        subject: Subject { kind: word(row, 6, "kind of subject")?, id: get(row, 7)? },
        run: run.map(RunId),
        outcome: outcome.map(|word| outcome_of(&word)).transpose()?,
        details,
    };
    Ok(ChainedEntry { entry, hash: chain_hash(get(row, 11)?)? })
}

fn word<T: std::str::FromStr>(row: &QueryResult, place: usize, what: &'static str) -> Result<T, StoreError> {
    let word: String = get(row, place)?;
    word.parse().map_err(|_| StoreError::unreadable(what, word))
}

fn outcome_of(word: &str) -> Result<OutcomeStatus, StoreError> {
    let outcome = OutcomeStatus::ALL.into_iter().find(|outcome| outcome.as_str() == word);
    outcome.ok_or_else(|| StoreError::unreadable("outcome", word))
}
