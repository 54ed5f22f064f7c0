//! Applications that fail again and again: one row each from the first failure in a row on, until a run has come through
//! there. When they are tried again is decided in `muster-plan`.

use std::time::Duration;

use chrono::{DateTime, Utc};
use muster_model::audit::{Act, Subject, SubjectKind};
use muster_model::configuration::ConfigurationKind;
use muster_model::failure::FailureClass;
use muster_model::{ApplicationId, RunId};
use muster_plan::quarantine::next_attempt;
use sea_orm::{QueryResult, Value};

use crate::TenantStore;
use crate::audit::NewAuditEntry;
use crate::database::{Transaction, Urgency};
use crate::error::StoreError;
use crate::row::{get, get_case, instant, message, number, optional_number, unsigned};

/// What is read of a row, for [`record`].
const COLUMNS: &str = "application, failures, class, reason, run, first_at, last_at, next_at";

/// That a run could not read or write an application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApplicationFailure {
    /// The application.
    pub application: ApplicationId,
    /// What is to be expected of trying again.
    pub class: FailureClass,
    /// What was seen.
    pub reason: String,
    /// How long its system asks to wait.
    pub retry_after: Option<Duration>,
}

/// How an application has failed lately.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuarantineRecord {
    /// The application.
    pub application: ApplicationId,
    /// How many times in a row.
    pub failures: u32,
    /// What is to be expected of trying again.
    pub class: FailureClass,
    /// What was seen the last time.
    pub reason: String,
    /// The run that saw it.
    pub run: RunId,
    /// When it failed first.
    pub first_at: DateTime<Utc>,
    /// When it failed last.
    pub last_at: DateTime<Utc>,
    /// When it is tried again; `None` while it is not in quarantine.
    pub next_at: Option<DateTime<Utc>>,
}

impl TenantStore {
    /// The applications that failed when they were called last, by their ids.
    ///
    /// # Errors
    /// When the database fails or holds something unreadable.
    pub async fn quarantines(&self) -> Result<Vec<QuarantineRecord>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM quarantine WHERE tenant = ? ORDER BY application");
        let rows = self.database.query(&sql, vec![self.tenant.into()]).await?;
        rows.iter().map(record).collect()
    }

    /// Notes that an application has failed once more.
    pub(crate) async fn note_failure(
        &self,
        tx: &Transaction,
        (run, failure): (RunId, &ApplicationFailure),
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let at = now.timestamp_millis();
        let sql = "INSERT INTO quarantine (tenant, application, failures, class, reason, run, first_at, last_at) \
            VALUES (?, ?, 1, ?, ?, ?, ?, ?) ON CONFLICT (tenant, application) DO UPDATE SET \
            failures = quarantine.failures + 1, class = excluded.class, reason = excluded.reason, \
            run = excluded.run, last_at = excluded.last_at RETURNING failures";
        let application = failure.application.as_str();
        let values: Vec<Value> = vec![
            self.tenant.into(),
            application.into(),
            (failure.class as i64).into(),
            message(&failure.reason).into(),
            run.0.into(),
            at.into(),
            at.into(),
        ];
        let row = tx.query_one(sql, values).await?;
        let failures = row.map(|row| number(&row, 0)).transpose()?.unwrap_or(1);
        let next = next_attempt(unsigned(failures, "number of failures")?, now, failure.retry_after);
        let sql = "UPDATE quarantine SET next_at = ? WHERE tenant = ? AND application = ?";
        let next = next.map(|next| next.timestamp_millis());
        tx.execute(sql, vec![next.into(), self.tenant.into(), application.into()]).await.map(|_| ())
    }

    /// Forgets how applications have failed.
    pub(crate) async fn forget_failures(
        &self,
        tx: &Transaction,
        applications: &[ApplicationId],
    ) -> Result<(), StoreError> {
        let sql = "DELETE FROM quarantine WHERE tenant = ? AND application = ?";
        for application in applications {
            tx.execute(sql, vec![self.tenant.into(), application.as_str().into()]).await?;
        }
        Ok(())
    }

    /// Has the next run try an application that is in quarantine. `false` where it is in none.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn release(&self, application: &ApplicationId, now: DateTime<Utc>) -> Result<bool, StoreError> {
        let tx = self.database.begin(Urgency::Short).await?;
        let at = now.timestamp_millis();
        let sql = "UPDATE quarantine SET next_at = ? WHERE tenant = ? AND application = ? AND next_at > ?";
        let values: Vec<Value> = vec![at.into(), self.tenant.into(), application.as_str().into(), at.into()];
        if tx.execute(sql, values).await? == 0 {
            return Ok(false);
        }
        let kind = SubjectKind::Configuration(ConfigurationKind::Application);
        let entry = NewAuditEntry::new(Act::Release, Subject::new(kind, application.as_str())).at(now);
        self.append(&tx, entry).await?;
        tx.commit().await?;
        Ok(true)
    }
}

fn record(row: &QueryResult) -> Result<QuarantineRecord, StoreError> {
    Ok(QuarantineRecord {
        application: ApplicationId::new(&get::<String>(row, 0)?)?,
        failures: unsigned(number(row, 1)?, "number of failures")?,
        class: get_case(row, 2, &FailureClass::ALL, "class of a failure")?,
        reason: get(row, 3)?,
        run: RunId(get(row, 4)?),
        first_at: instant(number(row, 5)?)?,
        last_at: instant(number(row, 6)?)?,
        next_at: optional_number(row, 7)?.map(instant).transpose()?,
    })
}
