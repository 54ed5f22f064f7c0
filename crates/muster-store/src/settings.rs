//! What a tenant has set itself. What follows from it is the caller's.

use chrono::TimeDelta;
use muster_model::TenantSettings;
use muster_model::audit::{Act, Subject, SubjectKind};

use crate::audit::NewAuditEntry;
use crate::database::Urgency;
use crate::error::StoreError;
use crate::row::get;
use crate::tenant::TenantStore;

impl TenantStore {
    /// The tenant's settings.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn settings(&self) -> Result<TenantSettings, StoreError> {
        let sql = "SELECT body FROM settings WHERE tenant = ?";
        let Some(row) = self.database.query_one(sql, vec![self.tenant.into()]).await? else {
            return Ok(TenantSettings::default());
        };
        let unreadable = |detail: String| StoreError::Unreadable { what: "set of settings", detail };
        let body = serde_json::from_str(&get::<String>(&row, 0)?);
        let body = body.map_err(|error| unreadable(error.to_string()))?;
        TenantSettings::read(&body).map_err(|problems| unreadable(problems.to_string()))
    }

    /// Puts others in the place of the tenant's settings.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn put_settings(&self, settings: &TenantSettings) -> Result<(), StoreError> {
        let approval = settings.approval_hours.map(|hours| TimeDelta::hours(hours.into()));
        let tx = self.database.begin(Urgency::Short).await?;
        tx.execute(
            "INSERT INTO settings (tenant, body, approval_millis) VALUES (?, ?, ?) \
             ON CONFLICT (tenant) DO UPDATE \
             SET body = excluded.body, approval_millis = excluded.approval_millis",
            vec![
                self.tenant.into(),
                settings.to_value().to_string().into(),
                approval.map(|time| time.num_milliseconds()).into(),
            ],
        )
        .await?;
        let subject = Subject::new(SubjectKind::Settings, self.slug().as_str());
        let entry = NewAuditEntry::new(Act::Replace, subject);
        self.append(&tx, entry.with("settings", settings.to_value())).await?;
        tx.commit().await
    }
}
