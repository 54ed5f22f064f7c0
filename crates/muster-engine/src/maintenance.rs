//! Systems in maintenance: which runs need one, so that nobody begins what can only fail.

use muster_model::configuration::Configuration;
use muster_store::NewRun;

use crate::prepare::{CompiledTask, compile};

/// Why a run is not to be begun now, if it or one before it needs a system that is in maintenance.
pub(crate) fn maintenance_of(configuration: &Configuration, run: &NewRun) -> Option<String> {
    run.with_preceding().find_map(|run| {
        let applications = match compile(configuration, &run.task_kind, &run.task).ok()? {
            CompiledTask::Inbound(task) => vec![task.application],
            CompiledTask::Cleanup(_) => Vec::new(),
            CompiledTask::Outbound(task) => {
                task.classes().iter().map(|class| class.application.clone()).collect()
            }
        };
        applications.iter().find_map(|application| {
            let definition = configuration.connector_definition(&application.connector_definition_id)?;
            definition.maintenance.then(|| {
                format!(
                    "connector definition `{}`, which application `{}` of task `{}` needs, is in maintenance; the \
                     schedule goes on when it no longer is",
                    definition.id, application.id, run.task
                )
            })
        })
    })
}
