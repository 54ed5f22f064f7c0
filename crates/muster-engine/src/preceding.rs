//! What comes before a run: full runs of the tasks that `preSynchronization` leads to, made together with it. It waits
//! for them, and is not begun unless the one before it ended well.

use muster_model::run::{Mode, OutcomeStatus, Phase, TaskKind};
use muster_model::{ConfigurationId, RunId};
use muster_store::{NewRun, RunRecord, TenantStore};

use crate::Engine;
use crate::configuration::{ConfigurationError, LoadedConfiguration};
use crate::delivery::Ticket;
use crate::error::{EngineError, with_causes};
use crate::launch::{Launch, LaunchError};

impl Engine {
    /// A run that can be launched with a configuration, which is not that of another tenant, and those that come
    /// before it. A synchronization task that has just `ended`, which is why this one is launched, comes before it
    /// already, with all that comes before that.
    pub(crate) async fn new_run(
        &self,
        store: &TenantStore,
        loaded: &LoadedConfiguration,
        launch: Launch,
        ended: Option<&ConfigurationId>,
    ) -> Result<NewRun, LaunchError> {
        let preceding: Vec<_> = preceding(loaded, &launch)
            .into_iter()
            .take_while(|task| **task != launch.task && Some(*task) != ended)
            .cloned()
            .collect();
        let run = self.run_alone(store, loaded, launch).await?;
        let mut preceded_by = None;
        for task in preceding.into_iter().rev() {
            let kind = TaskKind::Synchronization;
            let launch = Launch::of(kind, task.clone(), Mode::Apply);
            let alone = self.run_alone(store, loaded, launch).await.map_err(|error| in_front(task, error))?;
            preceded_by = Some(Box::new(NewRun { preceded_by, ..alone }));
        }
        Ok(NewRun { preceded_by, ..run })
    }

    /// Offers to the workers what can be begun of a run that was launched and of those before it.
    pub(crate) async fn push_first(&self, store: &TenantStore, launched: &NewRun) {
        self.delivery.push(Ticket { tenant: store.slug().clone(), run: launched.first() }).await;
    }

    /// Offers the runs to the workers that waited for one which has ended. What is lost is found by looking for work.
    pub(crate) async fn push_released(&self, store: &TenantStore, ended: RunId) {
        match store.released(ended).await {
            Ok(runs) => {
                for run in runs {
                    self.delivery.push(Ticket { tenant: store.slug().clone(), run }).await;
                }
            }
            Err(error) => {
                let error = with_causes(&error);
                tracing::warn!(run = %ended, error, "cannot tell which runs waited for this one; they are looked for");
            }
        }
    }
}

/// The tasks that come before what is to be launched: nothing comes before simulations and runs of single keys.
fn preceding<'a>(loaded: &'a LoadedConfiguration, launch: &Launch) -> Vec<&'a ConfigurationId> {
    match (launch.kind, launch.mode, &launch.keys) {
        (TaskKind::Synchronization, Mode::Apply, None) => loaded.resources.preceding_tasks(&launch.task),
        (TaskKind::Synchronization, Mode::Apply, Some(_))
        | (TaskKind::Synchronization, Mode::Simulate, _)
        | (TaskKind::Provisioning, ..) => Vec::new(),
    }
}

/// Why a task cannot be launched that comes before another. A store that fails is no matter of the task.
fn in_front(task: ConfigurationId, error: LaunchError) -> LaunchError {
    match error {
        LaunchError::Store(_) | LaunchError::Configuration(ConfigurationError::Store(_)) => error,
        LaunchError::NoTask(_)
        | LaunchError::AlreadyRunning(..)
        | LaunchError::Configuration(ConfigurationError::Invalid(_) | ConfigurationError::Lacking(_))
        | LaunchError::Refused(_)
        | LaunchError::Preceding { .. } => LaunchError::Preceding { task, source: Box::new(error) },
    }
}

/// Fails when a run is not to be begun, since the one that it waited for did not end well.
///
/// # Errors
/// [`EngineError::Preceding`] or [`EngineError::PrecedingGone`] then, and [`EngineError::Lost`] for a run that was taken up although the other has not
/// ended: it stays as it is.
pub(crate) async fn may_begin(store: &TenantStore, run: &RunRecord) -> Result<(), EngineError> {
    let (Some(before), Phase::Start) = (run.waits_for, run.state.phase) else { return Ok(()) };
    let before = store.run(before).await?.ok_or(EngineError::PrecedingGone { run: before })?;
    if !before.state.is_terminal() {
        return Err(EngineError::Lost);
    }
    match before.state.outcome {
        Some(OutcomeStatus::Success | OutcomeStatus::Partial) => Ok(()),
        outcome @ (Some(OutcomeStatus::Failure | OutcomeStatus::Aborted) | None) => {
            let outcome = outcome.map_or("NONE", OutcomeStatus::as_str);
            Err(EngineError::Preceding { task: before.task, run: before.id, outcome })
        }
    }
}
