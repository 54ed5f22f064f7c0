//! Whether the applications of a tenant can be reached, asked without a run.

use muster_connector::ConnectorError;
use muster_model::configuration::application::{Application, ObjectClass};
use muster_model::{ApplicationId, ObjectClassId};
use muster_store::TenantStore;

use crate::Engine;
use crate::configuration::{ConfigurationError, LoadedConfiguration, remote_class};

/// What came of looking at a class of an application.
#[derive(Debug)]
pub struct Probe {
    /// The application.
    pub application: ApplicationId,
    /// The class.
    pub class: ObjectClassId,
    /// Why it cannot be reached or read, if it cannot.
    pub result: Result<(), ConnectorError>,
}

impl Engine {
    /// Looks at every class of every application of a tenant.
    ///
    /// # Errors
    /// When the configuration cannot be read.
    pub async fn probe_applications(&self, store: &TenantStore) -> Result<Vec<Probe>, ConfigurationError> {
        let loaded = LoadedConfiguration::load(store).await?;
        let mut probes = Vec::new();
        for application in loaded.resources.applications() {
            for class in &application.object_classes {
                let result = self.probe(store, &loaded, (application, class)).await;
                probes.push(Probe { application: application.id.clone(), class: class.id.clone(), result });
            }
        }
        Ok(probes)
    }

    async fn probe(
        &self,
        store: &TenantStore,
        loaded: &LoadedConfiguration,
        (application, class): (&Application, &ObjectClass),
    ) -> Result<(), ConnectorError> {
        let connector = self.open_connector(store, &loaded.resources, application).await?;
        connector.probe(&remote_class(class)).await
    }
}
