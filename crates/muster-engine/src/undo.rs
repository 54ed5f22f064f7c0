//! Undoing asked for: whether a run can be undone at all, and the run that does it.

use muster_model::configuration::Configuration;
use muster_model::run::{Mode, OwnerBy, TaskKind};
use muster_model::{ConfigurationId, RunId};
use muster_plan::cleanup::CleaningUp;
use muster_plan::lifecycle::{Absence, RunState};
use muster_store::{NewRun, RunRecord, StoreError, TenantStore};

use crate::configuration::{ConfigurationError, LoadedConfiguration};
use crate::delivery::Ticket;
use crate::prepare::{CompiledTask, compile};
use crate::{Engine, OUTRUN_TRIES};

/// Why a run is not undone.
#[derive(Debug, thiserror::Error)]
pub enum UndoError {
    /// There is no such run.
    #[error("there is no run `{0}`")]
    NoRun(RunId),
    /// It cannot be undone.
    #[error("run `{run}` cannot be undone: {why}")]
    Impossible {
        /// The run.
        run: RunId,
        /// Why not.
        why: &'static str,
        /// What to do instead.
        instead: &'static str,
    },
    /// Another full run of the task has not ended.
    #[error("the task is running already, run `{0}`")]
    AlreadyRunning(RunId),
    /// The saved configuration cannot be used.
    #[error("the configuration cannot be used")]
    Configuration(#[from] ConfigurationError),
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] StoreError),
}

impl Engine {
    /// Launches the run that undoes what another did to the repository, and offers it to the workers. It stops with its
    /// plan held, whatever the guards say.
    ///
    /// # Errors
    /// When there is no such run, it did nothing that can be undone, or another full run of its task has not ended.
    pub async fn undo(&self, store: &TenantStore, id: RunId) -> Result<RunRecord, UndoError> {
        let launched = self.admit_undo(store, id).await?;
        self.delivery.push(Ticket { tenant: store.slug().clone(), run: launched.id }).await;
        Ok(launched)
    }

    /// The same without offering it: the caller works on it.
    ///
    /// # Errors
    /// As [`Engine::undo`].
    pub async fn admit_undo(&self, store: &TenantStore, id: RunId) -> Result<RunRecord, UndoError> {
        let run = store.run(id).await?.ok_or(UndoError::NoRun(id))?;
        check_undone(store, &run).await?;
        let mut tries = OUTRUN_TRIES;
        loop {
            tries -= 1;
            let made_from = store.configuration_version().await?;
            let saved = LoadedConfiguration::load(store).await?;
            let meant = LoadedConfiguration::parse(store.rules_body(&run.rules).await?)?;
            if target(&saved.resources, &run.task)? != target(&meant.resources, &run.task)? {
                let why = "its task reads another class of accounts, or writes another directory, by now";
                let instead =
                    "give the task the application, object class and directory that it had, then try again";
                return Err(UndoError::Impossible { run: id, why, instead });
            }
            match store.launch(made_from, &self.new_undo(&run, saved)).await {
                Err(StoreError::ConfigurationMoved) if tries > 0 => {}
                Err(StoreError::AlreadyRunning { run, .. }) => return Err(UndoError::AlreadyRunning(run)),
                launched => return Ok(launched?),
            }
        }
    }

    fn new_undo(&self, run: &RunRecord, saved: LoadedConfiguration) -> NewRun {
        NewRun {
            id: RunId(self.surroundings.new_id()),
            task_kind: run.task_kind,
            task: run.task.clone(),
            state: RunState::launched(Mode::Apply, Absence::Ignored),
            keys: None,
            owner_by: OwnerBy::Key,
            rules: saved.hash(),
            rules_body: saved.body,
            estimate: 0,
            approved_hash: None,
            overriding: None,
            chain: None,
            preceded_by: None,
            undoes: Some(run.id),
            now: self.surroundings.now(),
        }
    }
}

async fn check_undone(store: &TenantStore, run: &RunRecord) -> Result<(), UndoError> {
    let impossible = |why, instead| Err(UndoError::Impossible { run: run.id, why, instead });
    if run.task_kind == TaskKind::Provisioning {
        return impossible(
            "what it wrote is in other systems",
            "undo the synchronization run that led to it, then provision again",
        );
    }
    if run.state.mode == Mode::Simulate {
        return impossible("it was a simulation", "nothing; it changed nothing");
    }
    if !run.state.is_terminal() {
        return impossible("it has not ended", "cancel it or wait for its end, then undo it");
    }
    if store.changes_are_dropped(run.seq).await? {
        let instead = "correct the source, or the configuration, and run the task again";
        return impossible("its changes are not kept any more", instead);
    }
    Ok(())
}

/// What a synchronization task reads and writes.
fn target(
    configuration: &Configuration,
    task: &ConfigurationId,
) -> Result<Option<[String; 4]>, ConfigurationError> {
    match compile(configuration, &TaskKind::Synchronization, task)? {
        CompiledTask::Inbound(task) => Ok(Some([
            task.application.id.to_string(),
            task.class.id.to_string(),
            task.directory.to_string(),
            task.rules.object_kind.as_str().to_owned(),
        ])),
        CompiledTask::Cleanup(task) => Ok(Some([
            String::new(),
            String::new(),
            task.decisions.directory.to_string(),
            CleaningUp::KIND.as_str().to_owned(),
        ])),
        CompiledTask::Outbound(_) => Ok(None),
    }
}
