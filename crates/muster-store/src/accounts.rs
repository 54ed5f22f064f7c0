//! The accounts of one object, as they are remembered. Never writes.

use muster_model::shadow::ShadowState;
use muster_model::{ApplicationId, Attributes, ConfigurationId, DisabledReason, ObjectClassId, ObjectId};
use sea_orm::{QueryResult, Value};

use crate::codec;
use crate::error::StoreError;
use crate::row::{disabled, get, number, optional_number, unsigned};
use crate::tenant::TenantStore;

/// An account, as it is remembered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountRecord {
    /// The application that it is in.
    pub application: ApplicationId,
    /// Its class.
    pub class: ObjectClassId,
    /// Its key in the remote system.
    pub uid: String,
    /// Whether it exists, as far as is known.
    pub state: ShadowState,
    /// Of an account that is provisioned: why it was disabled by the last change.
    pub disabled: Option<DisabledReason>,
    /// The profile that granted it last.
    pub profile: Option<ConfigurationId>,
    /// Counts the changes of what is remembered, from 1.
    pub version: u32,
    /// What the rules read of it at the last decision.
    pub snapshot: Attributes,
}

impl TenantStore {
    /// The accounts of an object, by application, class and key; of all applications, or of one.
    ///
    /// # Errors
    /// When the database fails or holds something unreadable.
    pub async fn accounts_of(
        &self,
        owner: ObjectId,
        application: Option<&ApplicationId>,
    ) -> Result<Vec<AccountRecord>, StoreError> {
        let mut sql =
            "SELECT s.application, s.class, s.uid, s.state, s.disabled, s.profile, s.version, s.snapshot \
            FROM shadow s WHERE s.tenant = ? AND s.owner = ?"
                .to_owned();
        let mut values: Vec<Value> = vec![self.tenant.into(), owner.0.into()];
        if let Some(application) = application {
            // An expression in the place of the column keeps SQLite from reading all shadows of the application.
            sql.push_str(" AND (s.application || '') = ?");
            values.push(application.as_str().into());
        }
        let rows = self.database.query(&sql, values).await?;
        let mut accounts = rows.iter().map(record).collect::<Result<Vec<_>, _>>()?;
        // Asked for in this order SQLite would read all shadows of the tenant in it.
        accounts.sort_by(|a, b| (&a.application, &a.class, &a.uid).cmp(&(&b.application, &b.class, &b.uid)));
        Ok(accounts)
    }
}

fn record(row: &QueryResult) -> Result<AccountRecord, StoreError> {
    let profile: Option<String> = get(row, 5)?;
    Ok(AccountRecord {
        application: ApplicationId::new(&get::<String>(row, 0)?)?,
        class: ObjectClassId::new(&get::<String>(row, 1)?)?,
        uid: get(row, 2)?,
        state: match number(row, 3)? {
            0 => ShadowState::Live,
            _ => ShadowState::Gone,
        },
        disabled: disabled(optional_number(row, 4)?)?,
        profile: profile.map(|id| ConfigurationId::new(&id)).transpose()?,
        version: unsigned(number(row, 6)?, "version")?,
        snapshot: codec::decode(&get::<String>(row, 7)?)?,
    })
}
