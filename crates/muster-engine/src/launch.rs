//! Launching: a run is made under the database's guard with the configuration it will use, then offered.

use muster_connector::{Capabilities, ChangeFeed};
use muster_model::configuration::task::{SweepKind, SynchronizationTaskDefinition, TaskType};
use muster_model::configuration::{Configuration, ConfigurationKind, Document, Problems, Resource};
use muster_model::run::{Mode, Override, TaskKind};
use muster_model::{ConfigurationId, RunId};
use muster_plan::lifecycle::{Absence, RunState};
use muster_store::{Keeper, NewRun, RunRecord, StoreError, TenantStore};

use crate::configuration::{ConfigurationError, LoadedConfiguration};
use crate::delivery::Ticket;
use crate::{Engine, OUTRUN_TRIES, prepare};

/// What is to be run.
#[derive(Debug, Clone)]
pub struct Launch {
    /// The kind of the task.
    pub kind: TaskKind,
    /// The task.
    pub task: ConfigurationId,
    /// Whether the plan is carried out.
    pub mode: Mode,
    /// The keys of the only accounts to look at; `None` for all.
    pub keys: Option<Vec<String>>,
    /// Resources that stand in for the stored ones of the same kind and id; for simulations only.
    pub instead: Vec<Resource>,
    /// Limits that somebody answers for, in the place of those that are configured.
    pub overriding: Option<Override>,
}

impl Launch {
    /// A run over all accounts, by what is configured.
    #[must_use]
    pub fn of(kind: TaskKind, task: ConfigurationId, mode: Mode) -> Self {
        Self { kind, task, mode, keys: None, instead: Vec::new(), overriding: None }
    }
}

/// Why a run was not launched.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    /// There is no such task.
    #[error("there is no task definition `{0}`")]
    NoTask(ConfigurationId),
    /// Another full run of the task has not ended.
    #[error("the task is running already: run {1}")]
    AlreadyRunning(#[source] StoreError, RunId),
    /// The configuration cannot be used.
    #[error(transparent)]
    Configuration(#[from] ConfigurationError),
    /// The store failed.
    #[error("the store failed")]
    Store(#[source] StoreError),
    /// The request makes no sense.
    #[error("{0}")]
    Refused(String),
    /// A task whose run comes before it cannot be launched.
    #[error("task `{task}`, which comes before it, cannot be launched")]
    Preceding {
        /// That task.
        task: ConfigurationId,
        /// Why not.
        source: Box<LaunchError>,
    },
}

impl From<StoreError> for LaunchError {
    fn from(error: StoreError) -> Self {
        if let StoreError::AlreadyRunning { run, .. } = error {
            Self::AlreadyRunning(error, run)
        } else {
            Self::Store(error)
        }
    }
}

impl Engine {
    /// Launches a run, with those that come before it, and offers what can be begun to the workers.
    ///
    /// # Errors
    /// When there is no such task, another full run of it has not ended, or its configuration cannot be used; when a
    /// task that comes before it cannot be launched.
    pub async fn launch(&self, store: &TenantStore, launch: Launch) -> Result<RunRecord, LaunchError> {
        let (new, run) = self.admit_all(store, launch, None).await?;
        self.push_first(store, &new).await;
        Ok(run)
    }

    /// The same for the workers of this process. The others leave it to them for as long as a lease lasts: should all of
    /// them be busy for longer, or the process end, whoever looks first takes it up.
    ///
    /// # Errors
    /// As [`Engine::launch`].
    pub async fn launch_here(&self, store: &TenantStore, launch: Launch) -> Result<RunRecord, LaunchError> {
        let keeper = Keeper { worker: self.settings.owner.clone(), until: self.lease_end() };
        let (new, run) = self.admit_all(store, launch, Some(&keeper)).await?;
        self.delivery.offer(Ticket { tenant: store.slug().clone(), run: new.first() });
        Ok(run)
    }

    /// Launches a run, with those that come before it, without offering them: the caller works on them.
    ///
    /// # Errors
    /// As [`Engine::launch`].
    pub async fn admit(&self, store: &TenantStore, launch: Launch) -> Result<RunRecord, LaunchError> {
        self.admit_all(store, launch, None).await.map(|(_, run)| run)
    }

    async fn admit_all(
        &self,
        store: &TenantStore,
        launch: Launch,
        keeper: Option<&Keeper>,
    ) -> Result<(NewRun, RunRecord), LaunchError> {
        let mut tries = OUTRUN_TRIES;
        loop {
            tries -= 1;
            match self.try_admit(store, launch.clone(), keeper).await {
                // What was looked at is no longer what is configured: it is looked at again.
                Err(LaunchError::Store(StoreError::ConfigurationMoved)) if tries > 0 => {}
                admitted => return admitted,
            }
        }
    }

    async fn try_admit(
        &self,
        store: &TenantStore,
        launch: Launch,
        keeper: Option<&Keeper>,
    ) -> Result<(NewRun, RunRecord), LaunchError> {
        let made_from = store.configuration_version().await?;
        let mut loaded = LoadedConfiguration::load(store).await?;
        if loaded.resources.get(launch.kind.definition_kind(), &launch.task).is_none() {
            return Err(LaunchError::NoTask(launch.task));
        }
        if !launch.instead.is_empty() {
            if launch.mode != Mode::Simulate {
                let message = "unsaved configuration can only be simulated; save it, or use mode SIMULATE";
                return Err(LaunchError::Refused(message.to_owned()));
            }
            loaded = self.instead(store, loaded, &launch.instead)?;
        }
        let new = self.new_run(store, &loaded, launch, None).await?;
        let run = store.launch_for(made_from, &new, keeper).await?;
        Ok((new, run))
    }

    /// A run that can be launched with a configuration, which is not that of another tenant, without what comes
    /// before it.
    pub(crate) async fn run_alone(
        &self,
        store: &TenantStore,
        loaded: &LoadedConfiguration,
        launch: Launch,
    ) -> Result<NewRun, LaunchError> {
        let absence = self.absence_of(loaded, &launch)?;
        // What cannot be compiled is refused now, not found out by the worker.
        prepare::compile(&loaded.resources, &launch.kind, &launch.task)?;
        let estimate = self.estimate(store, loaded, &launch).await?;
        Ok(NewRun {
            id: RunId(self.surroundings.new_id()),
            task_kind: launch.kind,
            task: launch.task,
            state: RunState::launched(launch.mode, absence),
            keys: launch.keys,
            rules: loaded.hash(),
            rules_body: loaded.body.clone(),
            estimate,
            approved_hash: None,
            overriding: launch.overriding,
            chain: None,
            preceded_by: None,
            undoes: None,
            now: self.surroundings.now(),
        })
    }

    /// How many entries to expect before the sweep can tell better: as many as last time.
    async fn estimate(
        &self,
        store: &TenantStore,
        loaded: &LoadedConfiguration,
        launch: &Launch,
    ) -> Result<u64, StoreError> {
        if let Some(keys) = &launch.keys {
            return Ok(keys.len() as u64);
        }
        let task = loaded.resources.synchronization_task(&launch.task);
        match task.and_then(|task| task.task_type.source()) {
            Some(source) => {
                let last = store.last_read(&source.application_id, &source.object_class_id).await?;
                Ok(last.unwrap_or(0))
            }
            None => store.count_objects(muster_model::ObjectKind::Identity).await,
        }
    }
}

fn impossible(task: &SynchronizationTaskDefinition, place: &str, message: &str) -> ConfigurationError {
    let mut problems = Problems::new();
    problems.add(place, message);
    let task = Configuration::pointer(&Resource::SynchronizationTaskDefinition(task.clone()));
    ConfigurationError::Invalid(problems.placed_under(&task))
}

impl Engine {
    fn absence_of(&self, loaded: &LoadedConfiguration, launch: &Launch) -> Result<Absence, LaunchError> {
        let no_task = || LaunchError::NoTask(launch.task.clone());
        let concludes = match launch.kind {
            TaskKind::Synchronization => {
                let task = loaded.resources.synchronization_task(&launch.task).ok_or_else(no_task)?;
                self.concludes(&loaded.resources, task)?
            }
            TaskKind::Provisioning => {
                loaded.resources.provisioning_task(&launch.task).ok_or_else(no_task)?;
                true
            }
        };
        Ok(if concludes && launch.keys.is_none() { Absence::Concluded } else { Absence::Ignored })
    }

    /// Whether a task concludes from absence. What cannot be done is refused, not done otherwise.
    fn concludes(
        &self,
        configuration: &Configuration,
        task: &SynchronizationTaskDefinition,
    ) -> Result<bool, ConfigurationError> {
        let (source, concludes) = match &task.task_type {
            TaskType::Reconciliation(source) => (source, true),
            TaskType::Import(source) => (source, false),
            TaskType::Cleanup(_) => {
                return Err(impossible(task, "/taskType", "is CLEANUP, which this version cannot run"));
            }
        };
        let of_class = configuration.application(&source.application_id).and_then(|application| {
            let id = &application.connector_definition_id;
            configuration.connector_definition(id).map(|definition| self.can(definition))
        });
        match (source.sweep, of_class.flatten()) {
            (SweepKind::Changes, Some(Capabilities { changes: ChangeFeed::None, .. })) => {
                let message = "is CHANGES, which the connector of this application cannot read; use FULL";
                Err(impossible(task, "/sweep", message))
            }
            (SweepKind::Full | SweepKind::Changes, _) => Ok(concludes),
        }
    }

    /// The configuration with some resources in the place of others, as if they had been saved. What was wrong
    /// in others before is none of its business.
    fn instead(
        &self,
        store: &TenantStore,
        saved: LoadedConfiguration,
        resources: &[Resource],
    ) -> Result<LoadedConfiguration, ConfigurationError> {
        let before = self.check(store.slug(), &saved.resources);
        let changed = resources.iter().cloned().fold(saved.resources, Configuration::with);
        let found = self.check(store.slug(), &changed);
        let mut problems = found.without(&before);
        for resource in resources {
            let place = Configuration::pointer(resource);
            problems.merge(found.below(&place).placed_under(&place));
            let compiled = prepare::check_compiles(&changed, resource.kind(), &resource.id());
            problems.merge(compiled.placed_under(&place));
        }
        if !problems.is_empty() {
            return Err(ConfigurationError::Invalid(problems));
        }
        let rows: Vec<(usize, serde_json::Value)> = changed
            .iter()
            .map(|resource| {
                let kind = ConfigurationKind::ALL.iter().position(|kind| *kind == resource.kind());
                (kind.unwrap_or(0), Document::from(resource).to_value())
            })
            .collect();
        let body = serde_json::to_string(&rows).unwrap_or_default();
        Ok(LoadedConfiguration { resources: changed, body })
    }
}
