//! Tokens from which sources tell changes: kept with the runs that ended with them, so that one counts exactly when
//! everything before it has been applied.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use muster_model::run::{Mode, OutcomeStatus, ProgressStatus, TaskKind};
use muster_model::{ApplicationId, ConfigurationId, ObjectClassId};

use muster_plan::key::KeyHash;
use sea_orm::Value;

use crate::TenantStore;
use crate::error::StoreError;
use crate::facts::{hex_list, octets};
use crate::page::change_id;
use crate::row::{get, number, unsigned};
use crate::run::{Hash, RunRecord};

/// From where a run may read what has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LastToken {
    /// No complete run of the task has left a token.
    None,
    /// One has, but the configuration has changed since: entries that have not may have to be decided otherwise.
    OfOtherRules,
    /// From here.
    Since(String),
}

impl TenantStore {
    /// The token that the last complete run of a synchronization task ended with. A run in which anything failed or was
    /// left open leaves none: what it did not get done is read again.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn last_token(&self, task: &ConfigurationId, rules: &Hash) -> Result<LastToken, StoreError> {
        let sql = "SELECT b.token, CASE WHEN r.rules = ? AND NOT EXISTS (SELECT 1 FROM run o \
             WHERE o.tenant = r.tenant AND o.task_kind = r.task_kind AND o.task = r.task AND o.no > r.no \
             AND o.mode = ? AND o.rules <> ?) THEN CAST(1 AS BIGINT) ELSE CAST(0 AS BIGINT) END FROM run r JOIN bucket b ON b.tenant = r.tenant AND b.run = r.seq AND b.no = 0 \
             WHERE r.tenant = ? AND r.task_kind = ? AND r.task = ? AND r.mode = ? AND r.keys IS NULL \
             AND r.status = ? AND r.outcome = ? AND b.token IS NOT NULL ORDER BY r.no DESC LIMIT 1";
        let values = vec![
            rules.to_vec().into(),
            (Mode::Apply as i64).into(),
            rules.to_vec().into(),
            self.tenant.into(),
            (TaskKind::Synchronization as i64).into(),
            task.as_str().into(),
            (Mode::Apply as i64).into(),
            (ProgressStatus::Finished as i64).into(),
            (OutcomeStatus::Success as i64).into(),
        ];
        let Some(row) = self.database.query_one(sql, values).await? else { return Ok(LastToken::None) };
        Ok(match number(&row, 1)? {
            0 => LastToken::OfOtherRules,
            _ => LastToken::Since(get(&row, 0)?),
        })
    }

    /// The accounts of a class about which something is to be decided although they have not changed, by the numbers of
    /// their shadows: those of which nothing is promised, and those of which the promise ends by now. Those after one of
    /// them, at most so many.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn open_accounts(
        &self,
        application: &ApplicationId,
        class: &ObjectClassId,
        now: DateTime<Utc>,
        (after, limit): (u32, u32),
    ) -> Result<Vec<(u32, String)>, StoreError> {
        let part = |holds: &str| {
            format!(
                "SELECT * FROM (SELECT no, uid FROM shadow WHERE tenant = ? AND application = ? AND class = ? \
                 AND no > ? AND state = 0 AND {holds} ORDER BY no LIMIT ?) AS part"
            )
        };
        let sql = format!(
            "{} UNION {} ORDER BY no LIMIT ?",
            part("digest IS NULL"),
            part("due_at IS NOT NULL AND due_at <= ?")
        );
        let begun = || -> Vec<Value> {
            vec![
                self.tenant.into(),
                application.as_str().into(),
                class.as_str().into(),
                i64::from(after).into(),
            ]
        };
        let limit = || Value::from(i64::from(limit));
        let mut values = begun();
        values.push(limit());
        values.extend(begun());
        values.extend([now.timestamp_millis().into(), limit(), limit()]);
        let rows = self.database.query(&sql, values).await?;
        rows.iter().map(|row| Ok((unsigned(number(row, 0)?, "shadow number")?, get(row, 1)?))).collect()
    }

    /// The accounts of a class that are in dispute, whether somebody has decided about them or not.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn disputed_accounts(
        &self,
        application: &ApplicationId,
        class: &ObjectClassId,
    ) -> Result<Vec<String>, StoreError> {
        let sql = "SELECT uid FROM dispute WHERE tenant = ? AND application = ? AND class = ? ORDER BY no";
        let values = vec![self.tenant.into(), application.as_str().into(), class.as_str().into()];
        let rows = self.database.query(sql, values).await?;
        rows.iter().map(|row| get(row, 0)).collect()
    }

    /// Of these keys of accounts those about which a run has staged something.
    ///
    /// # Errors
    /// When the database fails or holds something unreadable.
    pub async fn staged_keys(
        &self,
        run: &RunRecord,
        bucket: u32,
        keys: &[KeyHash],
    ) -> Result<HashSet<KeyHash>, StoreError> {
        let (list, [key]) = self.list_of(["unhex(j.value)"]);
        let sql = format!(
            "SELECT uid_key FROM change WHERE tenant = ? AND id BETWEEN ? AND ? AND bucket = ? \
             AND uid_key IN (SELECT {key} FROM {list})"
        );
        let values = vec![
            self.tenant.into(),
            change_id(run.seq, 0).into(),
            change_id(run.seq, u32::MAX).into(),
            i64::from(bucket).into(),
            hex_list(keys),
        ];
        let rows = self.database.query(&sql, values).await?;
        rows.iter().map(|row| Ok(KeyHash(octets(get(row, 0)?)?))).collect()
    }
}
