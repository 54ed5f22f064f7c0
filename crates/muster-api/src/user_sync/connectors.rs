//! Connectors: synchronization tasks with their applications, as clients of User Sync know them. They are saved as
//! over `conf`, with the same checks, and both in one transaction.

mod exchange;
mod propose;
mod stored;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use serde_json::Value;

use crate::call::Call;
use crate::configuration::{Preconditions, change};
use crate::error::ApiError;
use crate::routes::ConnectorOperation;
use crate::view::ConnectorView;
use propose::{Deleted, Proposed, Whose, save};
use stored::Connector;

pub(crate) use stored::OUTSIDE;

pub(crate) async fn perform(operation: ConnectorOperation, call: Call) -> Result<HttpResponse, ApiError> {
    match operation {
        ConnectorOperation::List => list(&call).await,
        ConnectorOperation::Read => read(&call).await,
        ConnectorOperation::Replace => replace(call).await,
        ConnectorOperation::Patch => patch(call).await,
        ConnectorOperation::Import => exchange::import(call).await,
        ConnectorOperation::Export => exchange::export(&call).await,
    }
}

async fn list(call: &Call) -> Result<HttpResponse, ApiError> {
    let connectors = Connector::all(&call.store.resources().await?)?;
    let views: Vec<ConnectorView> = connectors.iter().map(Connector::view).collect();
    Ok(HttpResponse::Ok().json(views))
}

async fn read(call: &Call) -> Result<HttpResponse, ApiError> {
    let preconditions = Preconditions::of(&call.request)?;
    let connector = Connector::find(&call.store.resources().await?, call.segment("id"))?;
    connector.saved().answer_read(&preconditions)
}

/// "Edit and save": the one way to bring a deleted directory back.
async fn replace(mut call: Call) -> Result<HttpResponse, ApiError> {
    let body = call.json().await?;
    let connector = update(&call, Deleted::Restored, |_| Ok(body.clone())).await?;
    Ok(connector.saved().answer(StatusCode::OK))
}

async fn patch(mut call: Call) -> Result<HttpResponse, ApiError> {
    let patch = call.patch().await?;
    let limit = call.settings().json_limit;
    let connector = update(&call, Deleted::Left, |old| patch.apply(&old.configuration(), limit)).await?;
    Ok(connector.saved().answer(StatusCode::OK))
}

/// Puts in the place of a connector's configuration what `make` makes of the connector.
async fn update(
    call: &Call,
    deleted: Deleted,
    make: impl Fn(&Connector) -> Result<Value, ApiError>,
) -> Result<Connector, ApiError> {
    let preconditions = Preconditions::of(&call.request)?;
    let saved = change(call, async |basis| {
        let old = Connector::find(&basis.rows, call.segment("id"))?;
        preconditions.allow_write(Some(&old.saved().tag))?;
        let proposed =
            Proposed { place: String::new(), configuration: make(&old)?, whose: Whose::Known(&old) };
        save(call, &basis, vec![Ok(proposed)], deleted).await
    })
    .await?;
    let connector = Connector::find(&saved, call.segment("id"))?;
    call.note(format_args!("connector of task `{}` saved", connector.task_id()));
    Ok(connector)
}
