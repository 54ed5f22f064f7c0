//! Verifying the audit log, page by page: what a log has to be is decided in `muster-plan`.

use muster_plan::audit::{Broken, ChainHash, Found, Head, Verification};
use sea_orm::QueryResult;

use super::list::{ChainedEntry, entry};
use super::{chain_hash, seq};
use crate::error::StoreError;
use crate::row::{get, number};
use crate::tenant::TenantStore;

/// Audit entries looked at at a time.
const PAGE: u32 = 1000;

/// What verifying a log came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditVerification {
    /// How far the log is whole; all of it where nothing is broken. Worth noting elsewhere.
    pub head: Head,
    /// The first place where it is not what was written.
    pub broken: Option<Broken>,
}

impl TenantStore {
    /// Looks through the whole audit log, also while others append to it. `noted` is a head of it that was noted
    /// elsewhere: without one nobody can tell whether the end was cut off, or all of it written anew.
    ///
    /// # Errors
    /// When the database fails. A broken log is no error.
    pub async fn verify_audit(&self, noted: Option<Head>) -> Result<AuditVerification, StoreError> {
        let mut verification = Verification::begin(self.slug(), noted);
        let mut behind = i64::MIN;
        loop {
            // Asked for before the page: where no entries are left, the log ended there when it was asked for.
            let kept = self.kept_head().await?;
            let rows = self.audit_rows(behind, PAGE).await?;
            if rows.is_empty() {
                return Ok(concluded(&verification, verification.end(&kept)));
            }
            for row in &rows {
                let (place, found) = found(row, verification.head());
                if let Err(broken) = verification.next(&found) {
                    return Ok(concluded(&verification, Err(broken)));
                }
                behind = place;
            }
        }
    }

    /// The head that the log itself keeps. One that cannot be read is none that fits.
    async fn kept_head(&self) -> Result<Head, StoreError> {
        let sql = "SELECT seq, hash FROM audit_head WHERE tenant = ?";
        let Some(row) = self.database.query_one(sql, vec![self.tenant.into()]).await? else {
            return Ok(Head::beginning(self.slug()));
        };
        let read =
            || Ok::<_, StoreError>(Head { seq: seq(number(&row, 0)?)?, hash: chain_hash(get(&row, 1)?)? });
        Ok(read().unwrap_or(Head { seq: 0, hash: ChainHash([0; 32]) }))
    }
}

fn concluded(verification: &Verification, ended: Result<(), Broken>) -> AuditVerification {
    AuditVerification { head: verification.head(), broken: ended.err() }
}

/// What stands in a row, and under which number.
fn found(row: &QueryResult, before: Head) -> (i64, Found) {
    let expected = before.seq + 1;
    let place = number(row, 0).unwrap_or(expected.cast_signed());
    let found = match entry(row) {
        Ok(ChainedEntry { entry, hash }) => Found::Entry(Box::new(entry), hash),
        Err(error) => {
            // Numbers below 0 stand before everything.
            Found::Unreadable { seq: u64::try_from(place).unwrap_or(0), detail: error.to_string() }
        }
    };
    (place, found)
}
