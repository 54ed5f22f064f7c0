//! What a run needs before it reads the first entry: compiled rules, and keys that objects are found by.

use std::sync::Arc;

use muster_model::condition::Condition;
use muster_model::configuration::application::{Application, Direction, ObjectClass};
use muster_model::configuration::guard::Guards;
use muster_model::configuration::task::{
    ErrorPolicy, Source, SweepKind, SynchronizationTaskDefinition, TaskType,
};
use muster_model::configuration::{Configuration, ConfigurationKind, Problems};
use muster_model::run::TaskKind;
use muster_model::{ApplicationId, ConfigurationId, DirectoryId, ObjectId};
use muster_plan::inbound::{Anonymizing, Inbound};
use muster_plan::key::KeySpecs;
use muster_plan::rules::{RuleContext, RuleProblem, Rules};
use muster_store::{KeyEntry, Making, Reading, RunRecord, Target, TenantStore};

use crate::Engine;
use crate::cleanup::CleanupTask;
use crate::configuration::{
    ConfigurationError, compile_rules, key_specs, object_class, object_types, other_sources,
};
use crate::error::EngineError;
use crate::outbound::OutboundTask;
use crate::relink::UserName;

/// A task, compiled.
pub(crate) enum CompiledTask {
    /// Accounts become IM objects.
    Inbound(Box<InboundTask>),
    /// IM objects become accounts.
    Outbound(Box<OutboundTask>),
    /// IM objects that are not in use any more are looked for.
    Cleanup(Box<CleanupTask>),
}

impl CompiledTask {
    /// The application of each bucket of a run.
    pub(crate) fn applications(&self) -> Vec<ApplicationId> {
        match self {
            Self::Inbound(task) => vec![task.application.id.clone()],
            Self::Outbound(task) => task.classes().iter().map(|class| class.application.id.clone()).collect(),
            Self::Cleanup(_) => vec![ApplicationId::none()],
        }
    }
}

/// A synchronization task, compiled.
#[derive(Clone)]
pub(crate) struct InboundTask {
    pub(crate) application: Application,
    pub(crate) class: ObjectClass,
    pub(crate) directory: DirectoryId,
    pub(crate) filter: Option<Condition>,
    pub(crate) import: bool,
    pub(crate) sweep: SweepKind,
    pub(crate) rules: Arc<Rules>,
    pub(crate) keys: Arc<KeySpecs>,
    pub(crate) anonymizing: Anonymizing,
    pub(crate) user_name: Option<UserName>,
    pub(crate) other_sources: Vec<ApplicationId>,
    pub(crate) task_guards: Guards,
    pub(crate) application_guards: Guards,
    pub(crate) error_policy: ErrorPolicy,
}

impl InboundTask {
    /// The decisions of one run.
    pub(crate) fn of_run(self, run: &RunRecord) -> InboundRun {
        let decisions = Inbound {
            application: self.application.id.clone(),
            class: self.class.id.clone(),
            directory: self.directory.clone(),
            rules: self.rules,
            filter: self.filter,
            import: self.import,
            absence: run.state.absence,
            keys: self.keys,
            anonymizing: self.anonymizing,
            run: run.no,
            run_started_millis: run.started_at.timestamp_millis().unsigned_abs(),
        };
        let target = Target {
            application: self.application.id.clone(),
            class: Some(self.class.id.clone()),
            directory: self.directory,
            kind: decisions.rules.object_kind,
            object_type: decisions.rules.object_type.clone(),
            making: if run.undoes.is_some() { Making::Again } else { Making::First },
            reading: if run.keys.is_some() { Reading::Single } else { Reading::All },
        };
        InboundRun {
            decisions: Arc::new(decisions),
            sweep: self.sweep,
            target,
            application: self.application,
            class: self.class,
            other_sources: self.other_sources,
            user_name: self.user_name,
            task_guards: self.task_guards,
            application_guards: self.application_guards,
            error_policy: self.error_policy,
        }
    }
}

/// A synchronization task in one run.
pub(crate) struct InboundRun {
    pub(crate) decisions: Arc<Inbound>,
    /// What the task asks to be read.
    pub(crate) sweep: SweepKind,
    pub(crate) target: Target,
    pub(crate) application: Application,
    pub(crate) class: ObjectClass,
    pub(crate) other_sources: Vec<ApplicationId>,
    pub(crate) user_name: Option<UserName>,
    pub(crate) task_guards: Guards,
    pub(crate) application_guards: Guards,
    pub(crate) error_policy: ErrorPolicy,
}

/// Compiles a task.
///
/// # Errors
/// When something it needs is lacking or does not compile.
pub(crate) fn compile(
    configuration: &Configuration,
    kind: &TaskKind,
    task: &ConfigurationId,
) -> Result<CompiledTask, ConfigurationError> {
    match kind {
        TaskKind::Synchronization => compile_synchronization(configuration, task),
        TaskKind::Provisioning => {
            OutboundTask::compile(configuration, task).map(|task| CompiledTask::Outbound(Box::new(task)))
        }
    }
}

fn compile_synchronization(
    configuration: &Configuration,
    id: &ConfigurationId,
) -> Result<CompiledTask, ConfigurationError> {
    let lacking = || ConfigurationError::Lacking(format!("synchronization task `{id}`"));
    let task = configuration.synchronization_task(id).ok_or_else(lacking)?;
    let (source, import) = match &task.task_type {
        TaskType::Reconciliation(source) => (source, false),
        TaskType::Import(source) => (source, true),
        TaskType::Cleanup(cleanup) => {
            let task = CleanupTask::compile(configuration, (task, cleanup))?;
            return Ok(CompiledTask::Cleanup(Box::new(task)));
        }
    };
    let task = compile_inbound(configuration, task, (source, import))?;
    Ok(CompiledTask::Inbound(Box::new(task)))
}

fn compile_inbound(
    configuration: &Configuration,
    task: &SynchronizationTaskDefinition,
    (source, import): (&Source, bool),
) -> Result<InboundTask, ConfigurationError> {
    let lacking = |what: String| ConfigurationError::Lacking(what);
    let application = configuration
        .application(&source.application_id)
        .ok_or_else(|| lacking(format!("application `{}`", source.application_id)))?;
    let class = object_class(application, &source.object_class_id)?;
    let mut mappings = object_types(application, Direction::Inbound, Some(&class.id));
    let mapping = mappings.next().ok_or_else(|| {
        lacking(format!("an inbound object type of application `{}` for `{}`", application.id, class.id))
    })?;
    let context = (Direction::Inbound, source.filter.as_ref());
    let rules = compile_rules(configuration, &application.id, mapping, context)
        .map_err(|problems| ConfigurationError::Invalid(under(&application.id, &problems)))?;
    let mut anonymizing = Anonymizing::default();
    anonymizing.add(mapping, class);
    Ok(InboundTask {
        class: class.clone(),
        directory: task.directory_id.clone(),
        filter: source.filter.clone(),
        import,
        sweep: source.sweep,
        rules: Arc::new(rules),
        keys: Arc::new(key_specs(configuration)?),
        anonymizing,
        user_name: UserName::of(class, mapping),
        other_sources: other_sources(configuration, &application.id),
        task_guards: task.guards.clone(),
        application_guards: mapping.guards.clone(),
        error_policy: task.error_policy,
        application: application.clone(),
    })
}

pub(crate) fn under(application: &ApplicationId, found: &[RuleProblem]) -> Problems {
    let mut problems = Problems::default();
    for problem in found {
        problems.add(
            format!("/applications/{application}/objectTypes{}", problem.pointer),
            problem.message.clone(),
        );
    }
    problems
}

/// Whether everything that depends on a resource compiles: expressions, regular expressions, correlation.
/// Pointers are within the resource.
#[must_use]
pub fn check_compiles(
    configuration: &Configuration,
    kind: ConfigurationKind,
    id: &ConfigurationId,
) -> Problems {
    let mut problems = Problems::default();
    let application = match kind {
        ConfigurationKind::Application => configuration.application(&ApplicationId::from(id.clone())),
        ConfigurationKind::ConnectorDefinition
        | ConfigurationKind::ApplicationProfile
        | ConfigurationKind::SynchronizationTaskDefinition
        | ConfigurationKind::SynchronizationTaskPostProcessingDefinition
        | ConfigurationKind::ProvisioningTaskDefinition
        | ConfigurationKind::ProvisioningTaskPostProcessingDefinition => None,
    };
    let Some(application) = application else { return problems };
    for (index, mapping) in application.object_types.iter().enumerate() {
        for direction in [Direction::Inbound, Direction::Outbound] {
            // Who outranks a mapping is no matter of whether it compiles, and costs a look at all applications.
            let context = RuleContext { direction, filter: None, outranked_by: &|_| Vec::new() };
            let compiled = Rules::compile(mapping, context);
            for problem in compiled.err().unwrap_or_default() {
                problems.add(format!("/objectTypes/{index}{}", problem.pointer), problem.message);
            }
        }
    }
    problems
}

impl Engine {
    /// Makes every object of the directory findable by the keys that the configuration needs: after a change
    /// of correlation rules, objects that exist already have none of the new keys.
    pub(crate) async fn make_keys_ready(
        &self,
        store: &TenantStore,
        directory: &DirectoryId,
        keys: &KeySpecs,
    ) -> Result<(), EngineError> {
        let known = store.key_specs(directory).await?;
        let lacking: Vec<String> = keys
            .all()
            .iter()
            .map(|spec| spec.name().to_owned())
            .filter(|name| !known.contains(name))
            .collect();
        // A key that no rule needs is not kept any more; should a rule need it again, it is made anew.
        let is_needed = |name: &String| keys.all().iter().any(|spec| spec.name() == name);
        let dropped: Vec<String> = known.into_iter().filter(|name| !is_needed(name)).collect();
        if lacking.is_empty() {
            return match dropped.is_empty() {
                true => Ok(()),
                false => Ok(store.note_key_specs(directory, &[], &dropped).await?),
            };
        }
        let mut after: Option<ObjectId> = None;
        loop {
            let objects = store.objects(None, after, 500).await?;
            let Some(last) = objects.last() else { break };
            after = Some(last.id);
            let mut entries: Vec<KeyEntry> = objects
                .iter()
                .filter(|object| object.directory == *directory)
                .flat_map(|object| {
                    let hashes = keys.of_object(object.kind, directory, &object.attributes);
                    hashes.into_iter().map(|hash| KeyEntry { hash, object: object.id.0, change: 0 })
                })
                .collect();
            entries.sort_unstable();
            store.add_keys(&entries).await?;
        }
        store.note_key_specs(directory, &lacking, &dropped).await?;
        Ok(())
    }
}
