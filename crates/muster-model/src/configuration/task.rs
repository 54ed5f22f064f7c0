//! Task definitions: what is run, on what, and when.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use uuid::Uuid;

use crate::condition::Condition;
use crate::configuration::guard::Guards;
use crate::cron::Cron;
use crate::ids::{ApplicationId, ConfigurationId, DirectoryId, ObjectClassId};

/// What a synchronization task does.
#[derive(Debug, Clone, PartialEq)]
pub enum TaskType {
    /// Compare all accounts with the repository, then look at those that are gone.
    Reconciliation(Source),
    /// Take every account as just created; nothing is concluded from absence.
    Import(Source),
    /// Look for users that are no longer in use.
    Cleanup(Cleanup),
}

/// What a reconciliation or an import reads.
#[derive(Debug, Clone, PartialEq)]
pub struct Source {
    /// The application.
    pub application_id: ApplicationId,
    /// The class of its objects.
    pub object_class_id: ObjectClassId,
    /// Whether all accounts are read, or the changes only.
    pub sweep: SweepKind,
    /// Which accounts the task looks at.
    pub filter: Option<Condition>,
}

/// Which users a clean-up looks for.
#[derive(Debug, Clone, PartialEq)]
pub struct Cleanup {
    /// Users not authenticated for so many days.
    pub inactive_days: Option<u32>,
    /// Only users of these groups.
    pub groups: Vec<String>,
    /// Whether users that were never seen count as inactive.
    pub include_never_seen: bool,
    /// What is done to them.
    pub action: CleanupAction,
}

/// What a clean-up does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CleanupAction {
    /// Disable them.
    Disable,
    /// Delete them.
    Delete,
    /// Take their names away, reversibly.
    Anonymize,
    /// Leave them.
    Keep,
}

/// What a sweep reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SweepKind {
    /// Everything.
    #[default]
    Full,
    /// What has changed since the last complete run.
    Changes,
}

/// A task that brings accounts into the identity repository.
#[derive(Debug, Clone, PartialEq)]
pub struct SynchronizationTaskDefinition {
    /// The caller's id.
    pub id: ConfigurationId,
    /// What people call it.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// What it does.
    pub task_type: TaskType,
    /// The population it writes.
    pub directory_id: DirectoryId,
    /// The id by which User Sync knows it; never changed once made.
    pub unique_id: Option<Uuid>,
    /// Limits that replace the application's.
    pub guards: Guards,
    /// What failed entries do to the run.
    pub error_policy: ErrorPolicy,
    /// A task that has to end well before this one starts.
    pub pre_synchronization: Option<ConfigurationId>,
    /// What happens after the run.
    pub post_processing_id: Option<ConfigurationId>,
    /// When it runs.
    pub execution_plan: ExecutionPlan,
}

/// A task that brings the identity repository into applications.
#[derive(Debug, Clone, PartialEq)]
pub struct ProvisioningTaskDefinition {
    /// The caller's id.
    pub id: ConfigurationId,
    /// What people call it.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// The IM objects it looks at.
    pub scope: Condition,
    /// The order in which it looks at them.
    pub sort: Sort,
    /// The applications it writes; `None` is all that have a profile.
    pub application_ids: Option<Vec<ApplicationId>>,
    /// What the wanted state is compared with.
    pub verify: Verify,
    /// Limits that replace the applications'.
    pub guards: Guards,
    /// What failed entries do to the run.
    pub error_policy: ErrorPolicy,
    /// What happens after the run.
    pub post_processing_id: Option<ConfigurationId>,
    /// When it runs.
    pub execution_plan: ExecutionPlan,
}

/// What provisioning compares the wanted state with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Verify {
    /// The application, read in this run.
    #[default]
    Live,
    /// The shadow; the application is asked only for accounts of which nothing is remembered.
    Shadow,
}

/// An order of IM objects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sort {
    /// `createdAt`, `id` or an attribute.
    pub by: String,
    /// Which end comes first.
    pub order: SortOrder,
}

impl Default for Sort {
    /// The oldest first.
    fn default() -> Self {
        Self { by: "createdAt".to_owned(), order: SortOrder::Ascending }
    }
}

/// Which end comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SortOrder {
    /// The smallest.
    Ascending,
    /// The largest.
    Descending,
}

/// What failed entries do to a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ErrorPolicy {
    /// So many failed entries end the run before anything is applied; `None` never.
    pub maximum_errors: Option<u64>,
}

/// When a task runs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum ExecutionPlan {
    /// Only when somebody launches it.
    #[default]
    Manual,
    /// Once, at an instant.
    Once {
        /// When.
        fire_time: DateTime<Utc>,
    },
    /// By a cron expression in Quartz form.
    Cron {
        /// When it fires.
        cron: Cron,
        /// The IANA time zone it is read in; `None` is UTC.
        time_zone: Option<Tz>,
    },
    /// Every so often.
    Interval {
        /// How many units.
        interval: u32,
        /// Of what.
        unit: IntervalUnit,
        /// The first time; `None` is one interval after it is saved.
        fire_time: Option<DateTime<Utc>>,
    },
}

/// The unit of an interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IntervalUnit {
    /// Seconds.
    Seconds,
    /// Minutes.
    Minutes,
    /// Hours.
    Hours,
    /// Days of 24 hours.
    Days,
    /// Weeks of seven days.
    Weeks,
}
