//! One service: what it says that it can do, what the settings make of that, and the layout of its classes.

use std::sync::Arc;

use muster_connector::{ConnectorError, Host, RemoteClass, TestStep};
use muster_egress::Egress;
use muster_http::{Answer, Caller, Failed, parsed};
use serde::de::DeserializeOwned;
use serde_json::Value as Json;
use tokio::sync::OnceCell;

use crate::api;
use crate::class::Layout;
use crate::dialect::Paging;
use crate::schema::{Listed, ProviderConfig, ResourceType, ToldSchema, ToldType};
use crate::settings::Settings;

/// A service that was asked what it can do.
pub(crate) struct Provider {
    pub(crate) api: Caller,
    pub(crate) settings: Settings,
    pub(crate) config: ProviderConfig,
    types: OnceCell<Vec<ResourceType>>,
}

impl Provider {
    /// Asks a service what it can do. One that does not say so can do nothing beyond the least.
    ///
    /// # Errors
    /// When it cannot be asked, with how far that came.
    pub(crate) async fn open(egress: &Egress, settings: Settings, host: &Host) -> Result<Arc<Self>, Failed> {
        let api = api::caller(egress, host, &settings.reach).map_err(Failed::at(TestStep::Open))?;
        let answer = api.first_call(&api::get("/ServiceProviderConfig")).await?;
        let config = Self::config_in(&answer).map_err(Failed::at(TestStep::Capabilities))?;
        Ok(Arc::new(Self { api, settings, config, types: OnceCell::new() }))
    }

    fn config_in(answer: &Answer) -> Result<ProviderConfig, ConnectorError> {
        if matches!(answer.status(), 400 | 404 | 405 | 501) {
            return Ok(ProviderConfig::default());
        }
        if !answer.is_success() {
            return Err(answer.unusable("correct `baseUrl`"));
        }
        parsed(&answer.response.body).map_err(|problem| {
            answer.unusable(&format!("and that is no service of SCIM ({problem}): correct `baseUrl`"))
        })
    }

    /// Whether accounts are changed by PATCH.
    pub(crate) fn has_patch(&self) -> bool {
        self.settings.habits.patch.is_used(self.config.patch.supported)
    }

    /// Whether the members of groups are changed by PATCH.
    pub(crate) fn has_patch_of_members(&self) -> bool {
        self.settings.habits.patch_members.is_used(self.config.patch.supported)
    }

    pub(crate) fn has_filter(&self) -> bool {
        self.settings.filter.is_used(self.config.filter.supported)
    }

    pub(crate) fn has_bulk(&self) -> bool {
        self.settings.bulk.is_used(self.config.bulk.supported)
    }

    /// Whether lists are read by cursor.
    pub(crate) fn has_cursors(&self) -> bool {
        match self.settings.habits.paging {
            Paging::Auto => self.config.pagination.cursor,
            Paging::Index => false,
            Paging::Cursor => true,
        }
    }

    /// The types of resources that it has. Asked for once.
    pub(crate) async fn types(&self) -> Result<&[ResourceType], ConnectorError> {
        self.types.get_or_try_init(|| self.ask_types()).await.map(Vec::as_slice)
    }

    async fn ask_types(&self) -> Result<Vec<ResourceType>, ConnectorError> {
        let told: Vec<ToldType> = self.told("/ResourceTypes").await?;
        let schemas: Vec<ToldSchema> = self.told("/Schemas").await?;
        let usual = ResourceType::usual().into_iter();
        match told.is_empty() {
            true => Ok(usual.map(|known| known.with(&schemas)).collect()),
            false => Ok(told.into_iter().map(|told| ResourceType::of(told, &schemas)).collect()),
        }
    }

    /// A list of what is small; empty where the service has none. What cannot be read is left out.
    async fn told<T: DeserializeOwned>(&self, path: &str) -> Result<Vec<T>, ConnectorError> {
        let answer = self.api.call(&api::get(path)).await?;
        if !answer.is_success() {
            return Ok(Vec::new());
        }
        let listed: Listed<Json> = answer.parsed()?;
        Ok(listed.resources.into_iter().filter_map(|one| serde_json::from_value(one).ok()).collect())
    }

    /// A class as it stands here.
    pub(crate) async fn layout(&self, class: &RemoteClass) -> Result<Layout, ConnectorError> {
        let types = self.types().await?;
        Layout::of(class, types, Some(&self.settings.enabled)).map_err(|problems| self.api.unfit(problems))
    }
}
