//! The document of synchronization tasks, and what it means.

use uuid::Uuid;

use crate::condition::Condition;
use crate::configuration::document::check::{Choice, check_choice, parse_optional};
use crate::configuration::document::execution_plan::{ErrorPolicyDocument, ExecutionPlanDocument};
use crate::configuration::document::guards::GuardsDocument;
use crate::configuration::document::macros::document;
use crate::configuration::document::value::{Parse, Word, unless_default};
use crate::configuration::document::words::TaskTypeWord;
use crate::configuration::problems::Trail;
use crate::configuration::task::{
    Cleanup, CleanupAction, Source, SweepKind, SynchronizationTaskDefinition, TaskType,
};
use crate::ids::{ApplicationId, ConfigurationId, DirectoryId, ObjectClassId};

document! {
    /// A task that brings accounts into the identity repository. Which fields it has depends on its
    /// `taskType`.
    SynchronizationTaskDefinitionDocument named "SynchronizationTaskDefinition" {
        /// The caller's own id.
        required id: ConfigurationId = "id";
        /// What people call it.
        required name: String = "name";
        /// What it is for.
        optional description: String = "description";
        /// RECONCILIATION compares all accounts with the repository, then looks at those that are gone;
        /// IMPORT takes every account as just created; CLEANUP looks for users that are no longer in use.
        required task_type: TaskTypeWord = "taskType";
        /// RECONCILIATION, IMPORT: the application; required there.
        optional application_id: ApplicationId = "applicationId";
        /// RECONCILIATION, IMPORT: the class of its objects; required there.
        optional object_class_id: ObjectClassId = "objectClassId";
        /// The population that it writes; required for CLEANUP.
        defaulted directory_id: DirectoryId = "directoryId";
        /// The id by which User Sync knows it; made when absent, never changed once made.
        optional unique_id: Uuid = "uniqueId";
        /// RECONCILIATION, IMPORT: whether all accounts are read, or only what has changed since the last run,
        /// where the connector can tell.
        defaulted sweep: SweepKind = "sweep";
        /// RECONCILIATION, IMPORT: which accounts it looks at; absent, all.
        optional filter: Condition = "filter";
        /// CLEANUP: users not authenticated for so many days, by their attribute `lastAuthenticated`; needed unless
        /// `groups` says whom it looks for, or `action` is KEEP.
        optional inactive_days: u32 = "inactiveDays" in 1..=36_500;
        /// CLEANUP: only users of these groups; absent, of all.
        narrowing groups: String = "groups" each "group";
        /// CLEANUP: whether users that were never seen count as inactive.
        defaulted include_never_seen: bool = "includeNeverSeen";
        /// CLEANUP: what is done to them; required there.
        optional action: CleanupAction = "action";
        /// Limits that replace the application's.
        optional guards: GuardsDocument = "guards";
        /// What failed entries do to the run.
        optional error_policy: ErrorPolicyDocument = "errorPolicy";
        /// A synchronization task that has to end well before this one starts. This version checks and keeps it,
        /// and does not follow it.
        optional pre_synchronization: ConfigurationId = "preSynchronization";
        /// What happens after the run.
        optional post_processing_id: ConfigurationId = "postProcessingId";
        /// When it runs; absent, only when somebody launches it.
        optional execution_plan: ExecutionPlanDocument = "executionPlan";
    }
}

const GOVERNED: [&str; 8] = [
    "applicationId",
    "objectClassId",
    "sweep",
    "filter",
    "inactiveDays",
    "groups",
    "includeNeverSeen",
    "action",
];

impl SynchronizationTaskDefinitionDocument {
    fn check(&self, trail: &mut Trail) {
        let (needed, admitted): (&[&str], &[&str]) = match self.task_type {
            TaskTypeWord::Reconciliation | TaskTypeWord::Import => {
                (&["applicationId", "objectClassId"], &["sweep", "filter"])
            }
            TaskTypeWord::Cleanup => {
                (&["directoryId", "action"], &["inactiveDays", "groups", "includeNeverSeen"])
            }
        };
        let name = format!("`taskType` {}", self.task_type.word());
        check_choice(self, &Choice { name, needed, admitted, governed: &GOVERNED }, trail);
        trail.refuse_repeated("groups", &self.groups);
        let takes_away = self.action.is_some_and(|action| action != CleanupAction::Keep);
        if takes_away && self.inactive_days.is_none() && self.groups.is_empty() {
            trail.problem_in("inactiveDays", "is required unless `groups` says whom the clean-up looks for");
        }
        if self.pre_synchronization.as_ref() == Some(&self.id) {
            trail.problem_in("preSynchronization", "is the task itself");
        }
    }

    fn source(&self) -> Option<Source> {
        Some(Source {
            application_id: self.application_id.clone()?,
            object_class_id: self.object_class_id.clone()?,
            sweep: self.sweep.unwrap_or_default(),
            filter: self.filter.clone(),
        })
    }

    fn cleanup(&self) -> Option<Cleanup> {
        Some(Cleanup {
            inactive_days: self.inactive_days,
            groups: self.groups.clone(),
            include_never_seen: self.include_never_seen.unwrap_or_default(),
            action: self.action?,
        })
    }
}

impl Parse for SynchronizationTaskDefinitionDocument {
    type Domain = SynchronizationTaskDefinition;

    fn parse(&self, trail: &mut Trail) -> Option<SynchronizationTaskDefinition> {
        self.check(trail);
        let guards = parse_optional("guards", self.guards.as_ref(), trail);
        let error_policy = parse_optional("errorPolicy", self.error_policy.as_ref(), trail);
        let execution_plan = parse_optional("executionPlan", self.execution_plan.as_ref(), trail);
        let task_type = match self.task_type {
            TaskTypeWord::Reconciliation => TaskType::Reconciliation(self.source()?),
            TaskTypeWord::Import => TaskType::Import(self.source()?),
            TaskTypeWord::Cleanup => TaskType::Cleanup(self.cleanup()?),
        };
        Some(SynchronizationTaskDefinition {
            id: self.id.clone(),
            name: self.name.clone(),
            description: self.description.clone(),
            task_type,
            directory_id: self.directory_id.clone().unwrap_or_default(),
            unique_id: self.unique_id,
            guards: guards?.unwrap_or_default(),
            error_policy: error_policy?.unwrap_or_default(),
            pre_synchronization: self.pre_synchronization.clone(),
            post_processing_id: self.post_processing_id.clone(),
            execution_plan: execution_plan?.unwrap_or_default(),
        })
    }
}

impl From<&SynchronizationTaskDefinition> for SynchronizationTaskDefinitionDocument {
    fn from(task: &SynchronizationTaskDefinition) -> Self {
        let (task_type, source, cleanup) = match &task.task_type {
            TaskType::Reconciliation(source) => (TaskTypeWord::Reconciliation, Some(source), None),
            TaskType::Import(source) => (TaskTypeWord::Import, Some(source), None),
            TaskType::Cleanup(cleanup) => (TaskTypeWord::Cleanup, None, Some(cleanup)),
        };
        Self {
            id: task.id.clone(),
            name: task.name.clone(),
            description: task.description.clone(),
            task_type,
            application_id: source.map(|source| source.application_id.clone()),
            object_class_id: source.map(|source| source.object_class_id.clone()),
            directory_id: Some(task.directory_id.clone()),
            unique_id: task.unique_id,
            sweep: source.and_then(|source| unless_default(source.sweep)),
            filter: source.and_then(|source| source.filter.clone()),
            inactive_days: cleanup.and_then(|cleanup| cleanup.inactive_days),
            groups: cleanup.map(|cleanup| cleanup.groups.clone()).unwrap_or_default(),
            include_never_seen: cleanup.and_then(|cleanup| unless_default(cleanup.include_never_seen)),
            action: cleanup.map(|cleanup| cleanup.action),
            guards: GuardsDocument::of(&task.guards),
            error_policy: ErrorPolicyDocument::of(task.error_policy),
            pre_synchronization: task.pre_synchronization.clone(),
            post_processing_id: task.post_processing_id.clone(),
            execution_plan: ExecutionPlanDocument::of(&task.execution_plan),
        }
    }
}
