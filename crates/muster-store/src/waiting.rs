//! The runs of all tenants that wait for somebody, with their tenants: for a worker, or for a decision.
//!
//! Who looks after all tenants must not be stopped by one of them: what cannot be read is told and passed over.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use muster_model::TenantSlug;
use sea_orm::QueryResult;

use crate::error::StoreError;
use crate::row::{get, number};
use crate::run::{COLUMN_COUNT, COLUMNS, RunRecord, record};
use crate::{Store, TenantStore};

/// Runs that are looked at in one statement.
const AT_ONCE: usize = 100;

/// What cannot be read and has been told of by this process: it looks every few seconds.
#[derive(Debug, Clone, Default)]
pub(crate) struct Told(Arc<Mutex<HashSet<String>>>);

impl Told {
    /// Tells once what cannot be read, and where it stands.
    pub(crate) fn pass_over(&self, place: String, error: &StoreError) {
        if self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(place.clone()) {
            tracing::error!(%error, place, "a row cannot be read; it is passed over");
        }
    }
}

impl Store {
    /// Runs of all tenants that wait for a worker, never begun or left by one that is silent, oldest first, with
    /// their tenants. At least a hundred, if there are as many; what cannot be read is left out and logged.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn claimable(&self, now: DateTime<Utc>) -> Result<Vec<(TenantStore, RunRecord)>, StoreError> {
        self.waiting("r.status IN (0, 1) AND r.lease_until < ?", &[now.timestamp_millis()]).await
    }

    /// Held runs of all tenants that nobody decided about within the tenant's time, or within the usual one where it
    /// has set none; likewise.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn held_too_long(
        &self,
        now: DateTime<Utc>,
        usual: TimeDelta,
    ) -> Result<Vec<(TenantStore, RunRecord)>, StoreError> {
        let condition = "r.status = 3 AND r.held_at < ? - COALESCE(\
            (SELECT s.approval_millis FROM settings s WHERE s.tenant = r.tenant), ?)";
        let values = [now.timestamp_millis(), usual.num_milliseconds()];
        self.waiting(condition, &values).await
    }

    /// Runs of all tenants that work, and have neither moved on nor stored a checkpoint since an instant; likewise.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn stalled(&self, since: DateTime<Utc>) -> Result<Vec<(TenantStore, RunRecord)>, StoreError> {
        let condition = "r.status = 1 AND coalesce(r.progressed_at, r.started_at) <= ? AND NOT EXISTS \
            (SELECT 1 FROM bucket b WHERE b.tenant = r.tenant AND b.run = r.seq AND b.progressed_at > ?)";
        self.waiting(condition, &[since.timestamp_millis(); 2]).await
    }

    async fn waiting(
        &self,
        condition: &str,
        values: &[i64],
    ) -> Result<Vec<(TenantStore, RunRecord)>, StoreError> {
        // The index of the runs that have not ended is the way to them, not the numbers of all there ever were.
        let sql = format!(
            "SELECT {COLUMNS}, t.slug FROM run r JOIN tenant t ON t.id = r.tenant \
             WHERE r.status < 4 AND {condition} AND +r.seq > ? ORDER BY +r.seq LIMIT {AT_ONCE}"
        );
        let mut found = Vec::new();
        let mut after = 0;
        // What cannot be read does not go away by itself; it must not keep the place of what can.
        while found.len() < AT_ONCE {
            let values = values.iter().copied().chain([after]).map(Into::into).collect();
            let rows = self.database.query(&sql, values).await?;
            for row in &rows {
                after = number(row, 0)?;
                match self.readable(row) {
                    Ok(run) => found.push(run),
                    Err(error) => {
                        let tenant = number(row, 1).unwrap_or_default();
                        self.told.pass_over(format!("table `run`, seq {after}, tenant {tenant}"), &error);
                    }
                }
            }
            if rows.len() < AT_ONCE {
                break;
            }
        }
        Ok(found)
    }

    fn readable(&self, row: &QueryResult) -> Result<(TenantStore, RunRecord), StoreError> {
        let run = record(row)?;
        let slug = TenantSlug::new(&get::<String>(row, COLUMN_COUNT)?)?;
        Ok((self.door(run.tenant, slug), run))
    }
}
