//! Which report files runs have left, for whoever drops them. Knows their paths alone, and no file.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use muster_model::TenantSlug;
use sea_orm::{QueryResult, Value};
use serde_json::json;

use crate::database::{Dialect, Urgency};
use crate::error::StoreError;
use crate::row::{get, instant, number, unsigned};
use crate::{Store, TenantStore};

/// Runs that are looked at by one statement.
const RUNS: i64 = 1000;

/// Runs that ended before an instant and after another run. The index knows instants alone, so they are asked for apart.
const ENDED: &str = "FROM run r WHERE r.status = 4 AND r.ended_at < ? AND r.ended_at >= ? \
    AND (r.ended_at, r.seq) > (?, ?) ORDER BY r.ended_at, r.seq";

/// What a settled errand is known by that names a report file; archives are files too, and no reports.
const NAMES_REPORT: &str = "o.kind < 2 AND o.state <> 0 AND o.path IS NOT NULL";

/// A report file, by the errand that left and names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The run, by its [`seq`](crate::RunRecord::seq).
    pub run: i64,
    /// The number of the errand within the run.
    pub no: u32,
    /// The path below the tenant's own directory.
    pub path: String,
    /// When the errand was settled. The file was written before that, or it is another one.
    pub settled_at: DateTime<Utc>,
}

/// A run that has ended, as the place after which one looks on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EndedRun {
    ended_at: i64,
    seq: i64,
}

/// Reports of some runs.
#[derive(Debug)]
pub struct OldReports {
    /// By tenant.
    pub reports: Vec<(TenantStore, Vec<Report>)>,
    /// Where to look on; `None` when that was all.
    pub next: Option<EndedRun>,
}

impl Store {
    /// Reports of all tenants whose runs ended before an instant, of a bounded number of them, those that come after
    /// one. The earliest come first.
    ///
    /// # Errors
    /// When the database fails or holds something unreadable.
    pub async fn old_reports(
        &self,
        before: DateTime<Utc>,
        after: Option<EndedRun>,
    ) -> Result<OldReports, StoreError> {
        let after = after.unwrap_or(EndedRun { ended_at: i64::MIN, seq: i64::MIN });
        let after = [before.timestamp_millis(), after.ended_at, after.ended_at, after.seq].map(Value::from);
        let piece = |number: i64| after.iter().cloned().chain([Value::from(number)]).collect::<Vec<_>>();
        let sql = format!("SELECT r.ended_at, r.seq {ENDED} LIMIT 1 OFFSET ?");
        let last = self.database.query_one(&sql, piece(RUNS - 1)).await?;
        let next = last
            .map(|row| Ok::<_, StoreError>(EndedRun { ended_at: number(&row, 0)?, seq: number(&row, 1)? }))
            .transpose()?;
        let sql = format!(
            "SELECT o.run, o.no, o.path, o.due_at, t.id, t.slug \
             FROM (SELECT r.tenant, r.seq, r.ended_at {ENDED} LIMIT ?) old CROSS JOIN outbox o \
             CROSS JOIN tenant t WHERE o.tenant = old.tenant AND o.run = old.seq AND {NAMES_REPORT} \
             AND t.id = old.tenant ORDER BY old.ended_at, old.seq, o.no"
        );
        let rows = self.database.query(&sql, piece(RUNS)).await?;
        let mut found: BTreeMap<i64, (TenantStore, Vec<Report>)> = BTreeMap::new();
        for row in &rows {
            let (tenant, slug) = (number(row, 4)?, TenantSlug::new(&get::<String>(row, 5)?)?);
            let of_tenant = found.entry(tenant).or_insert_with(|| (self.door(tenant, slug), Vec::new()));
            of_tenant.1.push(read(row)?);
        }
        Ok(OldReports { reports: found.into_values().collect(), next })
    }
}

impl TenantStore {
    /// The reports of a run.
    ///
    /// # Errors
    /// When the database fails or holds something unreadable.
    pub async fn reports_of(&self, run: i64) -> Result<Vec<Report>, StoreError> {
        let sql = format!(
            "SELECT o.run, o.no, o.path, o.due_at FROM outbox o \
             WHERE o.tenant = ? AND o.run = ? AND {NAMES_REPORT} ORDER BY o.no"
        );
        let rows = self.database.query(&sql, vec![self.tenant.into(), run.into()]).await?;
        rows.iter().map(read).collect()
    }

    /// Has the errands of these reports, at most some thousand, name no file any more.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn forget_reports(&self, reports: &[Report]) -> Result<(), StoreError> {
        if reports.is_empty() {
            return Ok(());
        }
        let (list, [run, no]) = match self.dialect() {
            Dialect::Sqlite => {
                self.list_of(["json_extract(j.value, '$[0]')", "json_extract(j.value, '$[1]')"])
            }
            Dialect::Postgres => {
                self.list_of(["(j.value::jsonb->>0)::bigint", "(j.value::jsonb->>1)::bigint"])
            }
        };
        let sql = format!(
            "UPDATE outbox SET path = NULL WHERE tenant = ? AND (run, no) IN (SELECT {run}, {no} FROM {list})"
        );
        let errands: Vec<_> = reports.iter().map(|report| json!([report.run, report.no])).collect();
        let tx = self.database.begin(Urgency::Bulk).await?;
        tx.execute(&sql, vec![self.tenant.into(), json!(errands).to_string().into()]).await?;
        tx.commit().await
    }
}

fn read(row: &QueryResult) -> Result<Report, StoreError> {
    Ok(Report {
        run: number(row, 0)?,
        no: unsigned(number(row, 1)?, "number of an errand")?,
        path: get(row, 2)?,
        settled_at: instant(number(row, 3)?)?,
    })
}
