//! Where facts are kept: SQLite or PostgreSQL behind one door to each tenant's data.
//!
//! The only crate that knows tables. Set-based: a page is one query and one statement for each kind of
//! change. Decides nothing.

mod accounts;
mod apply;
mod apply_outbound;
mod audit;
mod backup_file;
mod by_hand;
mod cause;
#[cfg(test)]
mod cause_tests;
mod change;
mod change_pages;
mod changes;
mod claim;
#[cfg(test)]
mod claim_tests;
mod codec;
mod configuration;
mod configuration_history;
mod copy;
mod counting;
mod database;
mod directory;
mod disputes;
mod ending;
mod error;
mod examination;
mod facts;
mod failures;
mod fence;
mod fire;
mod fuse;
mod history;
mod holds;
mod in_order;
mod launch;
mod left_entries;
mod left_out;
mod lists;
mod make;
mod members;
mod message;
mod migration;
#[cfg(test)]
mod numbering_tests;
mod objects;
mod outbox;
mod over;
mod page;
mod parked;
mod pause;
mod postgres;
mod preceding;
#[cfg(test)]
mod preceding_tests;
mod principal;
mod quarantine;
#[cfg(test)]
mod query_plans;
mod reached;
mod referred;
mod reports;
mod retention;
mod rivals;
mod row;
mod rows;
mod run;
mod schedule;
mod seal;
mod search;
mod secret;
mod settings;
mod sight;
#[cfg(test)]
mod sight_tests;
mod single;
mod sqlite;
mod stage;
mod sync;
#[cfg(test)]
mod sync_tests;
mod tenant;
mod tokens;
mod tries;
mod undo;
#[cfg(test)]
mod upgrade_tests;
mod waiting;
mod wakeups;

use std::sync::Arc;

use chrono::{DateTime, Utc};

pub use accounts::AccountRecord;
pub use apply::{Batch, Target};
pub use audit::{Acting, AuditFilter, AuditVerification, ChainedEntry, NewAuditEntry};
pub use backup_file::BackupFile;
pub use by_hand::HandWrite;
pub use cause::Cause;
pub use change::ResourceChanges;
pub use change_pages::{ChangePage, ChangeQuery, ChangeState};
pub use changes::{ChangeFilter, ChangeRow, ChangeStatus, MostProblems, ProblemRecord};
pub use claim::{Advance, Verdict};
pub use configuration::{ConfigurationVersion, ResourceWrite, StoredResource};
pub use configuration_history::{ResourceVersion, Written};
pub use copy::{CopiedTable, copy};
pub use database::Location;
pub use directory::DirectoryDeletion;
pub use disputes::{
    Decides, DisputeFilter, DisputeRecord, DisputesOf, FoundDispute, HandLink, HandLinked, KnownDispute,
    LastNumbers, MadeDecision, PageDisputes, WhenUnlinked,
};
pub use error::StoreError;
pub use examination::Examination;
pub use facts::LinkedShadow;
pub use failures::{CauseRecord, FailedKeys, FailureRecord, Failures};
pub use fire::{FireRecord, Fired, KEPT_FIRES, NewFire, NextDue, NoLaunch};
pub use fuse::{Doorkeeper, Fuse, Point};
pub use history::HistoryRecord;
pub use holds::EarlierBucket;
pub use in_order::{OwnerPage, RememberedAccounts, Terms};
pub use launch::Keeper;
pub use left_entries::LeftEntries;
pub use left_out::{LeftOut, StagedChanges};
pub use lists::{KeyEntry, Lists, Makes, Mention, Met, Slot, StagedPage};
pub use make::{Making, Reading};
pub use objects::OwnerRow;
pub use outbox::{ErrandRecord, NewErrand, ReportRow, Settled};
pub use page::PageRows;
pub use parked::{GivenKey, Noted, Parked, ParkedFilter, ParkedRecord, Release};
pub use principal::{NewToken, Principal, Token};
pub use quarantine::{ApplicationFailure, QuarantineRecord};
pub use reached::{PageOrder, Sorting, step_of};
pub use referred::{KnownAccount, ReferredObject};
pub use reports::{EndedRun, OldReports, Report};
pub use retention::OldRuns;
pub use run::{Chain, Hash, NewRun, RunFilter, RunRecord};
pub use schedule::{NewSchedule, ScheduleRecord, Unscheduled, UnscheduledTask};
pub use seal::MasterKey;
pub use search::ObjectSearch;
pub use secret::{Binding, BindingRule, NewSecret, OpenSecret, Put, SecretRecord};
pub use single::Claiming;
pub use stage::{Bucket, ProblemRow, ProblemStep};
pub use sync::SyncRecord;
pub use tenant::{Tenant, TenantNumber, TenantStore};
pub use tokens::LastToken;
pub use undo::UndoneObject;
pub use wakeups::{Wakeup, Wakeups};

use database::Database;
use sight::Sight;
use waiting::Told;

/// A connected and migrated database. What it asks itself, and no door of a tenant does, is about all tenants: which
/// there are, and what waits to be done.
#[derive(Debug, Clone)]
pub struct Store {
    database: Database,
    told: Told,
    acting: Arc<Acting>,
    master_key: Option<Arc<MasterKey>>,
}

impl Store {
    /// Connects and brings the schema up to date.
    ///
    /// # Errors
    /// When the database cannot be reached, was migrated by a newer program, or lacks roles ([`StoreError::Roles`]).
    pub async fn open(location: &Location) -> Result<Self, StoreError> {
        let database = Database::connect(location).await?;
        sight::ensure_roles(&database).await?;
        migration::migrate(&database).await?;
        let database = database.seen_by(Sight::System);
        Ok(Self { database, told: Told::default(), acting: Arc::default(), master_key: None })
    }

    /// Whether the database holds what only its own master key opens.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn is_sealed(&self) -> Result<bool, StoreError> {
        seal::is_sealed(&self.database).await
    }

    /// The same store, able to seal and open secrets. The key that the first secret was sealed with is that of the
    /// database from then on.
    ///
    /// # Errors
    /// [`StoreError::OtherMasterKey`] when it is sealed with another one.
    pub async fn with_master_key(self, key: MasterKey) -> Result<Self, StoreError> {
        seal::prove(&self.database, &key).await?;
        Ok(Self { master_key: Some(Arc::new(key)), ..self })
    }

    /// Whether secrets can be sealed and opened.
    #[must_use]
    pub fn has_master_key(&self) -> bool {
        self.master_key.is_some()
    }

    /// The same store on the other side of a fuse: the door for faults, see [`Fuse`]. Nothing outside tests
    /// goes through it.
    #[must_use]
    pub fn with_fuse(self, fuse: Fuse) -> Self {
        Self { database: self.database.with_fuse(fuse), ..self }
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

    /// The tenants whose schedules have to be computed from a newer configuration, a hundred at most. What cannot be
    /// read is left out and logged.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn unscheduled(&self) -> Result<Vec<(TenantStore, Unscheduled)>, StoreError> {
        let found = schedule::unscheduled(&self.database, &self.told).await?;
        Ok(found
            .into_iter()
            .map(|(tenant, unscheduled)| (self.door(tenant.number, tenant.slug), unscheduled))
            .collect())
    }

    /// The earliest due time of all tenants.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn earliest_due(&self) -> Result<Option<DateTime<Utc>>, StoreError> {
        schedule::earliest(&self.database).await
    }

    /// The schedules of all tenants that are due, earliest first, at most so many, each with its tenant and the
    /// configuration that it was computed from. What cannot be read is left out and logged, and keeps nobody's place.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn due_schedules(
        &self,
        now: DateTime<Utc>,
        limit: u32,
    ) -> Result<Vec<(TenantStore, ConfigurationVersion, ScheduleRecord)>, StoreError> {
        let due = schedule::due((&self.database, &self.told), now, limit).await?;
        Ok(due
            .into_iter()
            .map(|(tenant, version, schedule)| (self.door(tenant.number, tenant.slug), version, schedule))
            .collect())
    }
}
