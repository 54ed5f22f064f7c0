//! The schedules of tasks: paused, resumed, and shown.

use actix_web::HttpResponse;
use muster_engine::{ScheduleError, Scheduling, with_causes};
use muster_model::ConfigurationId;
use muster_model::run::TaskKind;

use crate::call::Call;
use crate::error::ApiError;
use crate::view::SchedulingView;

pub(super) async fn pause(kind: TaskKind, call: &Call) -> Result<HttpResponse, ApiError> {
    let task = call.id("definition", kind.definition_kind())?;
    let paused = call.engine().pause_schedule(&call.store, kind, &task).await;
    paused.map_err(|error| refusal(kind, error))?;
    call.note(format_args!("schedule of task `{task}` paused"));
    Ok(HttpResponse::NoContent().finish())
}

pub(super) async fn resume(kind: TaskKind, call: &Call) -> Result<HttpResponse, ApiError> {
    let task = call.id("definition", kind.definition_kind())?;
    let resumed = call.engine().resume_schedule(&call.store, kind, &task).await;
    resumed.map_err(|error| refusal(kind, error))?;
    call.note(format_args!("schedule of task `{task}` resumed"));
    Ok(HttpResponse::NoContent().finish())
}

pub(super) async fn show(kind: TaskKind, call: &Call) -> Result<HttpResponse, ApiError> {
    let task = call.id("definition", kind.definition_kind())?;
    let shown = match (kind, scheduling(call, kind, &task).await) {
        // The seed prints the path of provisioning tasks as that of synchronization tasks, so both are understood.
        (TaskKind::Synchronization, Err(ScheduleError::NoTask(_))) => {
            let other = scheduling(call, TaskKind::Provisioning, &task).await;
            other.map_err(|error| refusal(kind, error))?
        }
        (_, shown) => shown.map_err(|error| refusal(kind, error))?,
    };
    Ok(HttpResponse::Ok().json(SchedulingView::new(&task, &shown)))
}

async fn scheduling(
    call: &Call,
    kind: TaskKind,
    task: &ConfigurationId,
) -> Result<Scheduling, ScheduleError> {
    call.engine().scheduling(&call.store, kind, task).await
}

fn refusal(kind: TaskKind, error: ScheduleError) -> ApiError {
    match error {
        ScheduleError::NoTask(task) => ApiError::NotFound(format!("{} `{task}`", kind.definition_kind())),
        ScheduleError::Outrun => ApiError::Outrun,
        ScheduleError::Configuration { .. } => ApiError::conflict(
            with_causes(&error),
            "have the operator of the server go back to the version that wrote the definition, correct it there, then \
             try again",
        ),
        ScheduleError::Store(error) => error.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_was_outrun_is_told_so_as_everywhere() {
        let told = refusal(TaskKind::Synchronization, ScheduleError::Outrun);
        assert!(matches!(told, ApiError::Outrun), "{told:?}");
    }
}
