//! Undoing: a run is launched whose plan is the inverse of what another did, and is held.

use actix_web::HttpResponse;
use muster_engine::UndoError;
use muster_model::run::TaskKind;
use serde_json::json;

use super::{instance, launch};
use crate::call::Call;
use crate::error::ApiError;

pub(super) async fn undo(kind: TaskKind, call: &Call) -> Result<HttpResponse, ApiError> {
    let run = instance(kind, call).await?;
    match call.engine().undo(&call.store, run.id).await {
        Ok(launched) => {
            call.note(format_args!("run {} launched, which undoes run {}", launched.id, run.id));
            Ok(HttpResponse::Ok().json(json!({"id": launched.id.to_string()})))
        }
        Err(UndoError::AlreadyRunning(other)) => Err(launch::running(call, &run.task, other).await),
        Err(UndoError::Store(error)) => Err(error.into()),
        Err(UndoError::NoRun(id)) => Err(ApiError::NotFound(format!("instance `{id}`"))),
        Err(error @ UndoError::Configuration(_)) => Err(ApiError::conflict(
            muster_engine::with_causes(&error),
            "save a configuration that the task can run with, then try again",
        )),
        Err(ref error @ UndoError::Impossible { instead, .. }) => {
            Err(ApiError::conflict(error.to_string(), instead))
        }
    }
}
