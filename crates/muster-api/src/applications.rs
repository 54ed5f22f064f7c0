//! Applications as runs find them: whether one fails or is in quarantine, and releasing it.

use actix_web::HttpResponse;
use muster_engine::ReleaseError;
use muster_model::ApplicationId;

use crate::call::Call;
use crate::connections;
use crate::error::ApiError;
use crate::routes::ApplicationOperation;
use crate::view::ApplicationStatusView;

pub(crate) async fn perform(operation: ApplicationOperation, call: Call) -> Result<HttpResponse, ApiError> {
    let application = || call.id("id", "application").map(ApplicationId::from);
    match operation {
        ApplicationOperation::TestConnection => connections::test(&call).await,
        ApplicationOperation::Status => status(&call, &application()?).await,
        ApplicationOperation::Release => release(&call, &application()?).await,
        ApplicationOperation::Schema => connections::schema(&call, &application()?).await,
    }
}

async fn status(call: &Call, application: &ApplicationId) -> Result<HttpResponse, ApiError> {
    let statuses = call.engine().application_statuses(&call.store).await.map_err(refusal)?;
    let status = statuses.into_iter().find(|status| status.application == *application);
    let status = status.ok_or_else(|| refusal(ReleaseError::NoApplication(application.clone())))?;
    Ok(HttpResponse::Ok().json(ApplicationStatusView::from(&status)))
}

async fn release(call: &Call, application: &ApplicationId) -> Result<HttpResponse, ApiError> {
    call.engine().release_application(&call.store, application).await.map_err(refusal)?;
    call.note(format_args!("application {application} released"));
    Ok(HttpResponse::NoContent().finish())
}

fn refusal(error: ReleaseError) -> ApiError {
    match error {
        ReleaseError::NoApplication(id) => ApiError::NotFound(format!("application `{id}`")),
        ReleaseError::Configuration(error) => error.into(),
        ReleaseError::Store(error) => error.into(),
    }
}
