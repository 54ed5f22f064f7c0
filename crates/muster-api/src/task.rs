//! Tasks and their runs: launched, watched, cancelled, and their plans decided about.

mod changes;
mod decide;
mod events;
mod failures;
mod launch;
mod schedule;
mod undo;

use std::collections::HashMap;

use actix_web::HttpResponse;
use muster_engine::ControlError;
use muster_model::run::{ProgressStatus, TaskKind};
use muster_model::{ConfigurationId, RunId};
use muster_store::{MostProblems, ProblemRecord, RunFilter, RunRecord};
use uuid::Uuid;

use crate::call::Call;
use crate::error::ApiError;
use crate::query::ErrorDetails;
use crate::routes::TaskOperation;
use crate::table::{self, Written};
use crate::view::{ErrorView, ProgressView, TripView};

pub(crate) use events::Sights;
pub use failures::LEFT_OUT;
pub(crate) use launch::{Asked, refusal};

/// The most errors that are shown of a run, and of all runs of a list, so that an answer fits into memory.
pub(crate) const MOST_PROBLEMS: MostProblems = MostProblems { of_each: 1000, in_all: 10_000 };

pub(crate) async fn perform(
    operation: TaskOperation,
    kind: TaskKind,
    call: Call,
) -> Result<HttpResponse, ApiError> {
    match operation {
        TaskOperation::Launch => launch::launch(kind, call).await,
        TaskOperation::History => {
            let task = definition(kind, &call).await?;
            list(kind, Some(task), &call).await
        }
        TaskOperation::Instances => list(kind, None, &call).await,
        TaskOperation::Show => show(kind, &call).await,
        TaskOperation::Events => events::events(kind, call).await,
        TaskOperation::Changes => changes::changes(kind, &call).await,
        TaskOperation::Trips => trips(kind, &call).await,
        TaskOperation::Failures => failures::list(kind, call).await,
        TaskOperation::Retry => failures::retry(kind, call).await,
        TaskOperation::Undo => undo::undo(kind, &call).await,
        TaskOperation::Cancel => cancel(kind, &call).await,
        TaskOperation::Pause => pause(kind, &call).await,
        TaskOperation::Resume => resume(kind, &call).await,
        TaskOperation::Approve => decide::approve(kind, call).await,
        TaskOperation::Reject => decide::reject(kind, call).await,
        TaskOperation::PauseSchedule => schedule::pause(kind, &call).await,
        TaskOperation::ResumeSchedule => schedule::resume(kind, &call).await,
        TaskOperation::Scheduling => schedule::show(kind, &call).await,
    }
}

/// The definition that the path names, if it exists.
async fn definition(kind: TaskKind, call: &Call) -> Result<ConfigurationId, ApiError> {
    let kind = kind.definition_kind();
    let id = call.id("definition", kind)?;
    let row = call.store.resource(kind.number(), id.as_str()).await?;
    row.map(|_| id.clone()).ok_or_else(|| ApiError::NotFound(format!("{kind} `{id}`")))
}

/// The run that the path names, if it is one of the task that the path names.
async fn instance(kind: TaskKind, call: &Call) -> Result<RunRecord, ApiError> {
    let (text, task) = (call.segment("instance"), call.segment("definition"));
    let run = match Uuid::parse_str(text) {
        Ok(id) => call.store.run(RunId(id)).await?,
        Err(_) => None,
    };
    run.filter(|run| run.task_kind == kind && run.task.as_str() == task)
        .ok_or_else(|| ApiError::NotFound(format!("instance `{text}` of task `{task}`")))
}

async fn list(kind: TaskKind, task: Option<ConfigurationId>, call: &Call) -> Result<HttpResponse, ApiError> {
    let query = &call.query;
    let filter = RunFilter {
        task,
        status: query.status,
        since: query.since,
        after: query.after_uuid.map(RunId),
        limit: Some(query.rows()),
    };
    let runs = call.store.runs(kind, &filter).await?;
    Ok(HttpResponse::Ok().json(progress(call, &runs).await?))
}

async fn show(kind: TaskKind, call: &Call) -> Result<HttpResponse, ApiError> {
    let run = instance(kind, call).await?;
    let views = progress(call, std::slice::from_ref(&run)).await?;
    Ok(HttpResponse::Ok().json(views.first()))
}

/// The progress of runs, in their order, with their errors where those are asked for.
async fn progress(call: &Call, runs: &[RunRecord]) -> Result<Vec<ProgressView>, ApiError> {
    let now = call.engine().surroundings().now();
    let errands = call.store.errands_of(runs).await?;
    let problems = match call.query.error_details {
        ErrorDetails::Counted => None,
        ErrorDetails::Expanded => Some(call.store.problems_of(runs, MOST_PROBLEMS).await?),
    };
    let hours = match runs.iter().any(|run| run.state.status == ProgressStatus::Held) {
        true => call.engine().approval_hours(&call.store).await?,
        false => 0,
    };
    let views = runs.iter().map(|run| {
        let of_run = |problems: &HashMap<i64, Vec<ProblemRecord>>| {
            errors(call, run, problems.get(&run.seq).map_or(&[], Vec::as_slice))
        };
        let view = ProgressView::new(run, now, problems.as_ref().map(of_run));
        let view = view.with_stalled(call.engine().stalled_since(run));
        let view = view.held_for(run, hours);
        view.with_post_processing(errands.get(&run.seq).map_or(&[], Vec::as_slice))
    });
    Ok(views.collect())
}

/// Why the run failed, if it did, then what was noted about its entries.
fn errors(call: &Call, run: &RunRecord, problems: &[ProblemRecord]) -> Vec<ErrorView> {
    let app_id = call.state.app_id();
    let failure = run.failure.iter().map(|failure| ErrorView::of_failure(app_id, run, failure));
    let problems = problems.iter().map(|problem| ErrorView::of_problem(app_id, run, problem));
    failure.chain(problems).take(MOST_PROBLEMS.of_each as usize).collect()
}

async fn trips(kind: TaskKind, call: &Call) -> Result<HttpResponse, ApiError> {
    let run = instance(kind, call).await?;
    let holds = call.store.trips(&run).await?;
    let views = holds.iter().map(TripView::from);
    match table::written(&call.request) {
        Written::Json => Ok(HttpResponse::Ok().json(views.collect::<Vec<_>>())),
        Written::Csv => table::answer(&TripView::HEAD, views.map(TripView::cells)),
    }
}

async fn pause(kind: TaskKind, call: &Call) -> Result<HttpResponse, ApiError> {
    let run = instance(kind, call).await?;
    let paused = call.engine().pause(&call.store, run.id).await;
    paused.map_err(|error| decide::refusal(call, error))?;
    call.note(format_args!("run {} paused", run.id));
    Ok(HttpResponse::NoContent().finish())
}

async fn resume(kind: TaskKind, call: &Call) -> Result<HttpResponse, ApiError> {
    let run = instance(kind, call).await?;
    let resumed = call.engine().resume(&call.store, run.id).await;
    resumed.map_err(|error| decide::refusal(call, error))?;
    call.note(format_args!("run {} resumed", run.id));
    Ok(HttpResponse::NoContent().finish())
}

async fn cancel(kind: TaskKind, call: &Call) -> Result<HttpResponse, ApiError> {
    let run = instance(kind, call).await?;
    let cancelled = call.engine().cancel(&call.store, run.id).await;
    match (kind, cancelled) {
        (_, Ok(())) => {
            call.note(format_args!("run {} cancelled", run.id));
            Ok(HttpResponse::Ok().finish())
        }
        (TaskKind::Provisioning, Err(ControlError::Ended(_))) => Ok(HttpResponse::Ok().finish()),
        // It has been tried often enough, and the seed knows no 409 here.
        (TaskKind::Provisioning, Err(ControlError::Store(error))) if error.is_contention() => {
            Err(ApiError::Busy)
        }
        (TaskKind::Synchronization | TaskKind::Provisioning, Err(error)) => Err(decide::refusal(call, error)),
    }
}
