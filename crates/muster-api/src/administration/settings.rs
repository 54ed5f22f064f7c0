//! What a tenant sets for itself.

use actix_web::HttpResponse;
use muster_model::TenantSettings;

use crate::call::Call;
use crate::error::ApiError;
use crate::view::SettingsView;

pub(super) async fn read(call: &Call) -> Result<HttpResponse, ApiError> {
    show(call, &call.store.settings().await?).await
}

pub(super) async fn replace(mut call: Call) -> Result<HttpResponse, ApiError> {
    let body = call.json().await?;
    let settings = TenantSettings::read(&body).map_err(ApiError::Invalid)?;
    call.store.put_settings(&settings).await?;
    call.note(format_args!("settings replaced"));
    show(&call, &settings).await
}

/// Settings as they hold: where the tenant says nothing, what the server has.
async fn show(call: &Call, settings: &TenantSettings) -> Result<HttpResponse, ApiError> {
    let approval_hours = call.engine().approval_hours(&call.store).await?;
    Ok(HttpResponse::Ok().json(SettingsView::new(settings, approval_hours)))
}
