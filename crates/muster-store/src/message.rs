//! What runs have to say besides their counts, in their order. A page says it in its own transaction, so that no crash
//! loses or repeats it.

use sea_orm::Value;

use crate::database::Transaction;
use crate::error::StoreError;
use crate::row::{get, message, number};
use crate::rows::{Bulk, Kind};
use crate::run::RunRecord;
use crate::tenant::TenantStore;

/// So many messages of a bucket are kept; of the others only how many they are.
const MOST: i64 = 1000;

const MESSAGES: Bulk = Bulk {
    table: "message",
    columns: &[
        ("tenant", Kind::Integer),
        ("run", Kind::Integer),
        ("bucket", Kind::Integer),
        ("no", Kind::Integer),
        ("text", Kind::Text),
    ],
    suffix: "",
};

impl TenantStore {
    /// Adds messages behind those of the bucket, in the transaction of a page.
    pub(crate) async fn add_messages(
        &self,
        tx: &Transaction,
        (run, bucket): (&RunRecord, u32),
        messages: &[String],
    ) -> Result<(), StoreError> {
        if messages.is_empty() {
            return Ok(());
        }
        let sql = "UPDATE bucket SET messages = messages + ? WHERE tenant = ? AND run = ? AND no = ? \
            RETURNING messages";
        let added = i64::try_from(messages.len()).unwrap_or(i64::MAX);
        let bucket = i64::from(bucket);
        let values = vec![added.into(), self.tenant.into(), run.seq.into(), bucket.into()];
        let counted = tx.query_one(sql, values).await?.ok_or(StoreError::LostFence)?;
        let before = number(&counted, 0)? - added;
        let row = |(no, text): (i64, &String)| -> Vec<Value> {
            vec![self.tenant.into(), run.seq.into(), bucket.into(), no.into(), message(text).into()]
        };
        let kept = (before + 1..=MOST).zip(messages);
        MESSAGES.insert(tx, kept.map(row).collect()).await.map(|_| ())
    }

    /// Drops what a bucket has said.
    pub(crate) async fn drop_messages(
        &self,
        tx: &Transaction,
        run: &RunRecord,
        bucket: u32,
    ) -> Result<(), StoreError> {
        for sql in [
            "DELETE FROM message WHERE tenant = ? AND run = ? AND bucket = ?",
            "UPDATE bucket SET messages = 0 WHERE tenant = ? AND run = ? AND no = ?",
        ] {
            tx.execute(sql, vec![self.tenant.into(), run.seq.into(), i64::from(bucket).into()]).await?;
        }
        Ok(())
    }

    /// What a run has said, in its order. Where that was more than is kept, the last message says how much more.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn messages(&self, run: &RunRecord) -> Result<Vec<String>, StoreError> {
        let of_run = || vec![self.tenant.into(), run.seq.into()];
        let sql =
            "SELECT coalesce(CAST(sum(messages) AS BIGINT), 0) FROM bucket WHERE tenant = ? AND run = ?";
        let said = self.database.query_one(sql, of_run()).await?;
        let said = said.map(|row| number(&row, 0)).transpose()?.unwrap_or(0).unsigned_abs();
        if said == 0 {
            return Ok(Vec::new());
        }
        let sql = "SELECT text FROM message WHERE tenant = ? AND run = ? ORDER BY bucket, no";
        let rows = self.database.query(sql, of_run()).await?;
        let mut messages = rows.iter().map(|row| get(row, 0)).collect::<Result<Vec<String>, _>>()?;
        let more = said.saturating_sub(messages.len() as u64);
        if more > 0 {
            messages.push(format!("and {more} more"));
        }
        Ok(messages)
    }

    /// What was noted about a run as a whole, at most so many.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn notes(&self, run: &RunRecord, limit: u32) -> Result<Vec<String>, StoreError> {
        let sql = "SELECT message FROM problem WHERE tenant = ? AND run = ? AND change IS NULL AND outcome IS NULL \
            ORDER BY no LIMIT ?";
        let values = vec![self.tenant.into(), run.seq.into(), i64::from(limit).into()];
        let rows = self.database.query(sql, values).await?;
        rows.iter().map(|row| get(row, 0)).collect()
    }
}
