//! One service: what it says that it can do, what the settings make of that, and the layout of its classes.

use std::sync::{Arc, Mutex, PoisonError};

use muster_connector::{ConnectorError, Host, RemoteClass, TestStep};
use muster_egress::Egress;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;
use tokio::sync::OnceCell;

use crate::api::{Answer, Api, Call, Failed, check_depth, shown};
use crate::class::Layout;
use crate::dialect::Paging;
use crate::schema::{Listed, ProviderConfig, ResourceType, ToldSchema, ToldType};
use crate::settings::Settings;

/// A service that was asked what it can do.
pub(crate) struct Provider {
    pub(crate) api: Api,
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
        let failed = |step: TestStep| move |fault: ConnectorError| Failed { step, fault };
        let api = Api::new(egress, &settings, host).map_err(failed(TestStep::Open))?;
        let (call, step) = (Call::get("/ServiceProviderConfig"), Mutex::new(TestStep::Address));
        let asked = api.pace().call(|| async {
            api.attempt(&call).await.map_err(|failed| {
                *step.lock().unwrap_or_else(PoisonError::into_inner) = failed.step;
                failed.fault
            })
        });
        let asked = asked.await;
        let step = step.into_inner().unwrap_or_else(PoisonError::into_inner);
        let answer = asked.map_err(failed(step))?;
        let config = Self::config_in(&answer).map_err(failed(TestStep::Capabilities))?;
        Ok(Arc::new(Self { api, settings, config, types: OnceCell::new() }))
    }

    fn config_in(answer: &Answer) -> Result<ProviderConfig, ConnectorError> {
        if matches!(answer.status, 400 | 404 | 405 | 501) {
            return Ok(ProviderConfig::default());
        }
        if !answer.is_success() {
            return Err(answer.unusable("correct `baseUrl`"));
        }
        let read = check_depth(&answer.body)
            .and_then(|()| serde_json::from_slice(&answer.body).map_err(|error| shown(&error.to_string())));
        read.map_err(|problem| {
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
        let answer = self.api.call(&Call::get(path)).await?;
        if !answer.is_success() {
            return Ok(Vec::new());
        }
        check_depth(&answer.body).map_err(|problem| answer.garbage(&problem))?;
        let listed: Result<Listed<Json>, _> = serde_json::from_slice(&answer.body);
        let listed = listed.map_err(|error| answer.garbage(&shown(&error.to_string())))?;
        Ok(listed.resources.into_iter().filter_map(|one| serde_json::from_value(one).ok()).collect())
    }

    /// A class as it stands here.
    pub(crate) async fn layout(&self, class: &RemoteClass) -> Result<Layout, ConnectorError> {
        let types = self.types().await?;
        Layout::of(class, types, Some(&self.settings.enabled)).map_err(|problems| {
            let told: Vec<_> = problems.into_iter().map(|problem| problem.message).collect();
            ConnectorError::Unusable { message: format!("{}: {}", self.api.address(), told.join("; ")) }
        })
    }
}
