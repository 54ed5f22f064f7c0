//! Launching: a run is made under the database's guard with the configuration it will use, then offered.

use muster_model::configuration::task::TaskType;
use muster_model::configuration::{ConfigurationKind, Resource};
use muster_model::run::{Mode, TaskKind};
use muster_model::{ConfigurationId, RunId};
use muster_plan::lifecycle::{Absence, RunState};
use muster_store::{NewRun, RunRecord, StoreError, TenantStore};

use crate::configuration::{ConfigurationError, LoadedConfiguration};
use crate::delivery::Ticket;
use crate::{Engine, prepare};

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
}

/// Why a run was not launched.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    /// There is no such task.
    #[error("there is no task definition `{0}`")]
    NoTask(ConfigurationId),
    /// Another full run of the task has not ended.
    #[error("the task is running already: {0}")]
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
}

impl From<StoreError> for LaunchError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::AlreadyRunning { run, .. } => Self::AlreadyRunning(error, run),
            other => Self::Store(other),
        }
    }
}

impl Engine {
    /// Launches a run and offers it to the workers.
    ///
    /// # Errors
    /// When there is no such task, another full run of it has not ended, or its configuration cannot be used.
    pub async fn launch(&self, store: &TenantStore, launch: Launch) -> Result<RunRecord, LaunchError> {
        let run = self.admit(store, launch).await?;
        self.delivery.push(Ticket { tenant: store.slug().clone(), run: run.id }).await;
        Ok(run)
    }

    /// Launches a run without offering it: the caller works on it.
    ///
    /// # Errors
    /// As [`Engine::launch`].
    pub async fn admit(&self, store: &TenantStore, launch: Launch) -> Result<RunRecord, LaunchError> {
        let mut loaded = LoadedConfiguration::load(store).await?;
        if !launch.instead.is_empty() {
            if launch.mode != Mode::Simulate {
                let message = "unsaved configuration can only be simulated; save it, or use mode SIMULATE";
                return Err(LaunchError::Refused(message.to_owned()));
            }
            loaded = loaded.instead(&launch.instead)?;
        }
        let absence = absence_of(&loaded, &launch)?;
        // What cannot be compiled is refused now, not found out by the worker.
        prepare::compile(&loaded.resources, &launch.kind, &launch.task)?;
        let estimate = self.estimate(store, &loaded, &launch).await?;
        let new = NewRun {
            id: RunId(self.surroundings.new_id()),
            task_kind: launch.kind,
            task: launch.task,
            state: RunState::launched(launch.mode, absence),
            keys: launch.keys,
            rules: loaded.hash(),
            rules_body: loaded.body,
            estimate,
            approved_hash: None,
            now: self.surroundings.now(),
        };
        Ok(store.launch(&new).await?)
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

fn absence_of(loaded: &LoadedConfiguration, launch: &Launch) -> Result<Absence, LaunchError> {
    let no_task = || LaunchError::NoTask(launch.task.clone());
    let concludes = match launch.kind {
        TaskKind::Synchronization => {
            let task = loaded.resources.synchronization_task(&launch.task).ok_or_else(no_task)?;
            match &task.task_type {
                TaskType::Reconciliation(_) => true,
                TaskType::Import(_) => false,
                TaskType::Cleanup(_) => {
                    let message = "CLEANUP tasks cannot be run by this version";
                    return Err(LaunchError::Refused(message.to_owned()));
                }
            }
        }
        TaskKind::Provisioning => {
            loaded.resources.provisioning_task(&launch.task).ok_or_else(no_task)?;
            true
        }
    };
    Ok(if concludes && launch.keys.is_none() { Absence::Concluded } else { Absence::Ignored })
}

impl LoadedConfiguration {
    /// The configuration with some resources in the place of others, as if they had been saved.
    fn instead(self, resources: &[Resource]) -> Result<Self, ConfigurationError> {
        let changed =
            resources.iter().cloned().fold(self.resources, muster_model::configuration::Configuration::with);
        let problems = changed.check();
        if !problems.is_empty() {
            return Err(ConfigurationError::Invalid(problems));
        }
        let rows: Vec<(usize, serde_json::Value)> = changed
            .iter()
            .map(|resource| {
                let kind = ConfigurationKind::ALL.iter().position(|kind| *kind == resource.kind());
                (kind.unwrap_or(0), muster_model::configuration::Document::from(resource).to_value())
            })
            .collect();
        Ok(Self { resources: changed, body: serde_json::to_string(&rows).unwrap_or_default() })
    }
}
