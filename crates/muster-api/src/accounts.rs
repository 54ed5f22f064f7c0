//! The accounts of an identity: as they are remembered, and as they are now in their applications.

use actix_web::HttpResponse;
use muster_engine::LoadedConfiguration;
use muster_model::configuration::application::Direction;
use muster_model::configuration::{Configuration, ConfigurationKind};
use muster_model::{ApplicationId, ConfigurationId, ObjectKind};
use muster_store::AccountRecord;

use crate::call::Call;
use crate::error::ApiError;
use crate::object::find;
use crate::query::LiveStatus;
use crate::view::{AccountView, Enabled};

pub(crate) async fn perform(call: &Call) -> Result<HttpResponse, ApiError> {
    let identity = find(ObjectKind::Identity, call).await?;
    let application = call.query.application.as_ref();
    let accounts = call.store.accounts_of(identity.id, application).await?;
    let resources = LoadedConfiguration::load(&call.store).await?.resources;
    if let Some(id) = application.filter(|_| accounts.is_empty()) {
        refuse_unknown(&resources, id)?;
    }
    let views = accounts.iter().map(|account| AccountView::new(account, &enabled(&resources, account)));
    let views: Vec<AccountView> = match call.query.live_status {
        LiveStatus::Remembered => views.collect(),
        LiveStatus::Fetched => {
            let _turn = call.state.look(call.store.slug()).await?;
            let live = call.engine().read_live(&call.store, &resources, &accounts).await;
            views.zip(live).map(|(view, live)| view.with_live(&live)).collect()
        }
    };
    Ok(HttpResponse::Ok().json(views))
}

/// One that was deleted may have accounts still; one without any has to exist.
fn refuse_unknown(resources: &Configuration, id: &ApplicationId) -> Result<(), ApiError> {
    let kind = ConfigurationKind::Application;
    if resources.get(kind, &ConfigurationId::from(id.clone())).is_some() {
        return Ok(());
    }
    Err(ApiError::invalid("?applicationId", format!("there is no application `{id}`")))
}

/// Of accounts that are provisioned it is remembered whether they are enabled.
fn enabled(resources: &Configuration, account: &AccountRecord) -> Enabled {
    let application = resources.application(&account.application);
    let object_types = application.into_iter().flat_map(|application| &application.object_types);
    let mut mappings = object_types
        .filter(|object_type| object_type.object_class_id == account.class)
        .flat_map(|object_type| &object_type.attribute_mappings);
    match mappings.any(|mapping| mapping.direction == Direction::Outbound) {
        true => Enabled::Provisioned,
        false => Enabled::NotKept,
    }
}
