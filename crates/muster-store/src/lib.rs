//! Where facts are kept: SQLite or PostgreSQL behind one door to each tenant's data.
//!
//! The only crate that knows tables. Set-based: a page is one query and one statement for each kind of
//! change. Decides nothing.

mod accounts;
mod apply;
mod apply_outbound;
mod by_hand;
mod changes;
mod claim;
mod codec;
mod configuration;
mod configuration_history;
mod database;
mod ending;
mod error;
mod facts;
mod fuse;
mod history;
mod lists;
mod make;
mod migration;
mod objects;
mod page;
mod principal;
#[cfg(test)]
mod query_plans;
mod reached;
mod referred;
mod rivals;
mod row;
mod rows;
mod run;
mod search;
mod stage;
mod tenant;
mod wakeups;

use chrono::{DateTime, Utc};

pub use accounts::AccountRecord;
pub use apply::{Batch, Target};
pub use by_hand::HandWrite;
pub use changes::{ChangeFilter, ChangeRow, ChangeStatus, MostProblems, ProblemRecord};
pub use claim::{Advance, Verdict};
pub use configuration::{ConfigurationVersion, ResourceWrite, StoredResource};
pub use configuration_history::{Actor, ActorKind, ResourceVersion, Written};
pub use database::Location;
pub use error::StoreError;
pub use facts::LinkedShadow;
pub use fuse::Fuse;
pub use history::HistoryRecord;
pub use lists::{KeyEntry, Lists, Makes, Mention, Met, Slot};
pub use objects::OwnerRow;
pub use page::PageRows;
pub use principal::{NewToken, Principal, Token};
pub use reached::{PageOrder, step_of};
pub use referred::{KnownAccount, ReferredObject};
pub use run::{Hash, NewRun, RunFilter, RunRecord};
pub use search::ObjectSearch;
pub use stage::{Bucket, ProblemRow, ProblemStep, StagedPage};
pub use tenant::{Tenant, TenantStore};
pub use wakeups::{Wakeup, Wakeups};

use database::Database;

/// A connected and migrated database.
#[derive(Debug, Clone)]
pub struct Store {
    database: Database,
}

impl Store {
    /// Connects and brings the schema up to date.
    ///
    /// # Errors
    /// When the database cannot be reached, or was migrated by a newer program.
    pub async fn open(location: &Location) -> Result<Self, StoreError> {
        let database = Database::connect(location).await?;
        migration::migrate(&database).await?;
        Ok(Self { database })
    }

    /// The same store on the other side of a fuse: the door for faults, see [`Fuse`]. Nothing outside tests
    /// goes through it.
    #[must_use]
    pub fn with_fuse(self, fuse: Fuse) -> Self {
        Self { database: self.database.with_fuse(fuse) }
    }

    /// How many statements this process has sent.
    #[must_use]
    pub fn statements(&self) -> u64 {
        self.database.statements()
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// When it does not.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.database.query_one("SELECT 1", Vec::new()).await.map(|_| ())
    }

    /// The door by which processes on one database wake each other; `None` where the database does not carry
    /// that. Nothing is connected before somebody listens.
    #[must_use]
    pub fn wakeups(&self) -> Option<Wakeups> {
        Wakeups::of(&self.database)
    }

    /// The runs of all tenants that wait for a worker, oldest first, with their tenants.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn claimable(&self, now: DateTime<Utc>) -> Result<Vec<(TenantStore, RunRecord)>, StoreError> {
        self.with_tenants(run::claimable(&self.database, now).await?).await
    }

    /// The held runs of all tenants that were held before an instant, with their tenants.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn held_before(
        &self,
        instant: DateTime<Utc>,
    ) -> Result<Vec<(TenantStore, RunRecord)>, StoreError> {
        self.with_tenants(run::expired(&self.database, instant).await?).await
    }

    async fn with_tenants(&self, runs: Vec<RunRecord>) -> Result<Vec<(TenantStore, RunRecord)>, StoreError> {
        if runs.is_empty() {
            return Ok(Vec::new());
        }
        let tenants = self.tenants().await?;
        Ok(runs
            .into_iter()
            .filter_map(|run| {
                let tenant = tenants.iter().find(|tenant| tenant.number == run.tenant)?;
                Some((self.door(tenant), run))
            })
            .collect())
    }
}
