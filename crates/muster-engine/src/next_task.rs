//! Next tasks: launched on the outcomes that the configuration names, each once, as long as the chain may go on.

use chrono::TimeDelta;
use muster_model::run::{Mode, TaskKind};
use muster_model::{ConfigurationId, RunId};
use muster_store::{Chain, NewRun, StoreError};

use crate::Engine;
use crate::configuration::LoadedConfiguration;
use crate::errands::{Came, Errand};
use crate::error::with_causes;
use crate::launch::{Launch, LaunchError};

impl Engine {
    /// Launches the task that comes next. The run has the errand's id, so that a crash does not launch it twice.
    pub(crate) async fn launch_next(
        &self,
        errand: &Errand<'_>,
        task: &ConfigurationId,
    ) -> Result<Came, StoreError> {
        let (store, id) = (errand.store, RunId(errand.record.id));
        if store.run(id).await?.is_some() {
            return Ok(launched(id));
        }
        let start = errand.run.chain.map_or(errand.run.started_at, |chain| chain.start);
        let limit = TimeDelta::from_std(self.settings.chain).unwrap_or(TimeDelta::MAX);
        if self.surroundings.now() - start > limit {
            return Ok(Came::Failed(format!(
                "task `{task}` was not launched: the first task of the chain was launched more than {} minutes ago \
                 (setting `work.chain-minutes`)",
                limit.num_minutes()
            )));
        }
        let prepared = async {
            let made_from = store.configuration_version().await?;
            let loaded = LoadedConfiguration::load(store).await?;
            let is_synchronization = loaded.resources.synchronization_task(task).is_some();
            let kind = if is_synchronization { TaskKind::Synchronization } else { TaskKind::Provisioning };
            let launch = Launch::of(kind, task.clone(), Mode::Apply);
            let ended = (errand.run.task_kind == TaskKind::Synchronization).then_some(&errand.run.task);
            let run = NewRun { id, ..self.new_run(store, &loaded, launch, ended).await? };
            let run = run.in_chain(Chain { start, launched_by: errand.run.id });
            store.launch(made_from, &run).await?;
            Ok::<_, LaunchError>(run)
        };
        match prepared.await {
            Ok(run) => {
                self.push_first(store, &run).await;
                Ok(launched(id))
            }
            Err(LaunchError::Store(error)) => Err(error),
            Err(error) => {
                Ok(Came::Failed(format!("task `{task}` was not launched: {}", with_causes(&error))))
            }
        }
    }
}

fn launched(run: RunId) -> Came {
    Came::Done { message: Some(format!("launched run {run}")), path: None }
}
