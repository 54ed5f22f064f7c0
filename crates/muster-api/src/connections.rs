//! Remote systems, asked without a run: whether they can be reached, and what they offer.

use actix_web::HttpResponse;
use muster_connector::ConnectorError;
use muster_engine::ProbeError;
use muster_model::ApplicationId;

use crate::call::Call;
use crate::error::ApiError;
use crate::view::{ApplicationSchemaView, ConnectionTestView};

pub(crate) async fn test(call: &Call) -> Result<HttpResponse, ApiError> {
    let id = call.id("id", "connector definition")?;
    let steps = call.engine().test_connector(&call.store, &id).await.map_err(refusal)?;
    call.note(format_args!("connector definition {id} tested"));
    Ok(HttpResponse::Ok().json(ConnectionTestView::new(&id, &steps)))
}

pub(crate) async fn schema(call: &Call, application: &ApplicationId) -> Result<HttpResponse, ApiError> {
    let offered = call.engine().discover(&call.store, application).await.map_err(refusal)?;
    Ok(HttpResponse::Ok().json(ApplicationSchemaView::new(application, &offered)))
}

fn refusal(error: ProbeError) -> ApiError {
    match error {
        ProbeError::NoDefinition(id) => ApiError::NotFound(format!("connector definition `{id}`")),
        ProbeError::NoApplication(id) => ApiError::NotFound(format!("application `{id}`")),
        ProbeError::Configuration(error) => error.into(),
        ProbeError::Store(error) => error.into(),
        ProbeError::Connector(ConnectorError::Transient { message, .. }) => ApiError::NoAnswer(message),
        ProbeError::Connector(error) => ApiError::conflict(
            error.to_string(),
            "correct the connector definition, or the remote system; `~test` of the definition tells more",
        ),
    }
}
