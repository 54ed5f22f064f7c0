//! Directories that are deleted: with everything in them, and without a warning. No run may be about to write them, and
//! afterwards none can, until somebody makes them again.

use std::collections::BTreeSet;

use muster_model::run::{Mode, TaskKind};
use muster_model::{ConfigurationId, DirectoryId, RunId};
use muster_store::{DirectoryDeletion, StoreError, TenantStore};

use crate::configuration::{ConfigurationError, LoadedConfiguration};
use crate::error::EngineError;
use crate::{Engine, OUTRUN_TRIES};

/// Why a directory was not deleted.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// There is no such directory.
    #[error("there is no directory `{0}`")]
    NoDirectory(DirectoryId),
    /// A run that has not ended writes it.
    #[error("run `{0}` writes the directory and has not ended")]
    Written(RunId),
    /// The configuration cannot be used.
    #[error("the configuration cannot be used")]
    Configuration(#[from] ConfigurationError),
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] StoreError),
}

impl Engine {
    /// Deletes a directory with all its objects and what goes with them. The accounts that they were granted are looked at
    /// by the next provisioning. Answers how many objects there were.
    ///
    /// # Errors
    /// When there is no such directory, or a run writes it.
    pub async fn delete_directory(
        &self,
        store: &TenantStore,
        id: &DirectoryId,
    ) -> Result<u64, DirectoryError> {
        let mut tries = OUTRUN_TRIES;
        loop {
            tries -= 1;
            match self.try_delete_directory(store, id).await {
                // Somebody has configured or launched something since it was looked at.
                Err(DirectoryError::Store(StoreError::ConfigurationMoved)) if tries > 0 => {}
                Err(DirectoryError::Store(StoreError::Absent(_))) => {
                    return Err(DirectoryError::NoDirectory(id.clone()));
                }
                answer => return answer,
            }
        }
    }

    async fn try_delete_directory(
        &self,
        store: &TenantStore,
        id: &DirectoryId,
    ) -> Result<u64, DirectoryError> {
        let checked = store.configuration_version().await?;
        let configured = LoadedConfiguration::load(store).await?.resources;
        let writes = configured.synchronization_tasks().filter(|task| task.directory_id == *id);
        let tasks: Vec<ConfigurationId> = writes.map(|task| task.id.clone()).collect();
        let mut seen_runs = BTreeSet::new();
        for (run, body) in store.live_runs().await? {
            seen_runs.insert(run.id);
            if run.task_kind == TaskKind::Provisioning || run.state.mode == Mode::Simulate {
                continue;
            }
            let frozen = LoadedConfiguration::parse(body)?.resources;
            if frozen.synchronization_task(&run.task).is_none_or(|task| task.directory_id == *id) {
                return Err(DirectoryError::Written(run.id));
            }
        }
        let now = self.surroundings.now();
        let deletion = DirectoryDeletion { id, checked, tasks: &tasks, seen_runs: &seen_runs, now };
        Ok(store.delete_directory(&deletion).await?)
    }
}

/// What is known of the directory of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Directory {
    /// It was there when the run was launched, and is not deleted before that has ended.
    There,
    /// Nothing.
    NotLookedFor,
}

/// Fails when a run cannot write its directory, since that was deleted.
///
/// # Errors
/// [`EngineError::NoDirectory`] then.
pub(crate) async fn expect_directory(store: &TenantStore, id: &DirectoryId) -> Result<(), EngineError> {
    match store.directory_is_deleted(id).await? {
        true => Err(EngineError::NoDirectory { directory: id.clone() }),
        false => Ok(()),
    }
}
