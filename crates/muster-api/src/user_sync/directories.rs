//! Directories, deleted with all users in them.

use actix_web::HttpResponse;
use muster_engine::DirectoryError;
use muster_model::DirectoryId;

use crate::call::Call;
use crate::error::ApiError;

pub(super) async fn delete(call: &Call) -> Result<HttpResponse, ApiError> {
    let text = call.segment("directory");
    let unknown = || ApiError::NotFound(format!("directory `{text}`"));
    let id = DirectoryId::new(text).map_err(|_| unknown())?;
    match call.engine().delete_directory(&call.store, &id).await {
        Ok(objects) => {
            call.note(format_args!("directory `{id}` deleted with {objects} objects"));
            Ok(HttpResponse::NoContent().finish())
        }
        Err(DirectoryError::NoDirectory(_)) => Err(unknown()),
        Err(DirectoryError::Written(run)) => {
            let fix = "wait until it has ended, or cancel it with POST …/instances/{instance}/~cancel";
            let fix = fix.replace("{instance}", &run.to_string());
            Err(ApiError::conflict(format!("run {run} writes directory `{id}` and has not ended"), fix))
        }
        Err(DirectoryError::Configuration(error)) => Err(error.into()),
        Err(DirectoryError::Store(error)) => Err(error.into()),
    }
}
