//! Whether the process lives, and whether it can be worked with.

use std::time::Duration;

use actix_web::HttpResponse;
use serde_json::json;

use crate::error::ApiError;
use crate::state::ApiState;

/// How long the store may take to answer.
const PATIENCE: Duration = Duration::from_secs(3);

pub(crate) fn live() -> HttpResponse {
    HttpResponse::Ok().json(json!({"status": "UP"}))
}

pub(crate) async fn ready(state: &ApiState) -> Result<HttpResponse, ApiError> {
    match tokio::time::timeout(PATIENCE, state.store().ping()).await {
        Ok(Ok(())) => Ok(live()),
        Ok(Err(error)) => Err(ApiError::Unready(error.into())),
        Err(late) => Err(ApiError::Unready(late.into())),
    }
}
