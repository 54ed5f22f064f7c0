//! Whether the applications of a tenant can be reached, and what they offer, asked without a run.

use std::time::Duration;

use muster_connector::{
    ConnectorError, ConnectorKind, Host, OfferedClass, Properties, RemoteClass, TestSteps, TestedStep,
};
use muster_model::configuration::application::{Application, ObjectClass};
use muster_model::{ApplicationId, ConfigurationId, ObjectClassId};
use muster_store::{StoreError, TenantStore};

use crate::Engine;
use crate::configuration::{ConfigurationError, LoadedConfiguration};
use crate::remote::remote_class;

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

/// The longest that somebody waits for an answer about a system.
const PATIENCE: Duration = Duration::from_secs(60);

/// Why nothing is found out about a system.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// There is no such connector definition.
    #[error("there is no connector definition `{0}`")]
    NoDefinition(ConfigurationId),
    /// There is no such application.
    #[error("there is no application `{0}`")]
    NoApplication(ApplicationId),
    /// The configuration cannot be read.
    #[error("the configuration cannot be used")]
    Configuration(#[from] ConfigurationError),
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] StoreError),
    /// The system cannot be asked, or does not answer as it should.
    #[error(transparent)]
    Connector(#[from] ConnectorError),
}

impl Engine {
    /// Tests a connector definition, step by step: whether its system can be reached, lets us in, and has the classes of
    /// all applications that use it. Also while it is in maintenance.
    ///
    /// # Errors
    /// When there is none, or the configuration cannot be read.
    pub async fn test_connector(
        &self,
        store: &TenantStore,
        definition: &ConfigurationId,
    ) -> Result<Vec<TestedStep>, ProbeError> {
        let configuration = LoadedConfiguration::load(store).await?.resources;
        let found = configuration.connector_definition(definition);
        let definition = found.ok_or_else(|| ProbeError::NoDefinition(definition.clone()))?;
        let using = configuration.applications();
        let using = using.filter(|application| application.connector_definition_id == definition.id);
        let mut classes: Vec<RemoteClass> = Vec::new();
        for application in using {
            for class in application.object_classes.iter().map(|class| remote_class(application, class)) {
                if !classes.contains(&class) {
                    classes.push(class);
                }
            }
        }
        Ok(self.test_definition(store, definition, &classes).await)
    }

    /// What an application offers: its classes and their attributes.
    ///
    /// # Errors
    /// When there is none, or it cannot be asked.
    pub async fn discover(
        &self,
        store: &TenantStore,
        application: &ApplicationId,
    ) -> Result<Vec<OfferedClass>, ProbeError> {
        let configuration = LoadedConfiguration::load(store).await?.resources;
        let found = configuration.application(application);
        let application = found.ok_or_else(|| ProbeError::NoApplication(application.clone()))?;
        let classes: Vec<RemoteClass> =
            application.object_classes.iter().map(|class| remote_class(application, class)).collect();
        let offered = async {
            let connector = self.open_connector(store, &configuration, application).await?;
            connector.discover(&classes).await
        };
        let mut offered = tokio::time::timeout(PATIENCE, offered).await.map_err(|_| slow())??;
        offered.sort_by(|a, b| a.remote_name.cmp(&b.remote_name));
        for class in &mut offered {
            class.attributes.sort_by(|a, b| a.name.cmp(&b.name));
        }
        Ok(offered)
    }

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
        connector.probe(&remote_class(application, class)).await
    }
}

/// The steps of a test that are made while somebody waits; the one that is not answered by then has failed.
pub(crate) async fn patiently_tested(
    kind: &dyn ConnectorKind,
    settings: &Properties,
    host: &Host,
    classes: &[RemoteClass],
) -> Vec<TestedStep> {
    let mut steps = TestSteps::default();
    if tokio::time::timeout(PATIENCE, kind.test(settings, host, classes, &mut steps)).await.is_err() {
        steps.break_off(slow());
    }
    steps.into_made()
}

fn slow() -> ConnectorError {
    let message = format!("the system did not answer within {} s", PATIENCE.as_secs());
    ConnectorError::Transient { message, retry_after: None }
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use muster_connector::{
        Capabilities, ClassProblem, Connector, FileRoots, Place, PropertyProblem, TestStep,
    };

    use super::*;

    /// Answers at its address, and then no more.
    struct Silent;

    #[async_trait]
    impl ConnectorKind for Silent {
        fn name(&self) -> &'static str {
            "silent"
        }

        fn check(&self, _: &Properties) -> Vec<PropertyProblem> {
            Vec::new()
        }

        fn check_class(&self, _: &Properties, _: &RemoteClass, _: &FileRoots) -> Vec<ClassProblem> {
            Vec::new()
        }

        fn place(&self, _: &RemoteClass, _: Place) -> String {
            String::new()
        }

        fn capabilities(&self, _: &Properties) -> Capabilities {
            muster_connector::memory::CAPABLE
        }

        async fn open(&self, _: &Properties, _: &Host) -> Result<Box<dyn Connector>, ConnectorError> {
            std::future::pending().await
        }

        async fn test(&self, given: &Properties, host: &Host, _: &[RemoteClass], steps: &mut TestSteps) {
            steps.put(TestedStep::passed(TestStep::Address, "answers"));
            let opened = async { self.open(given, host).await.map(|_| ((), String::new())) };
            steps.make(TestStep::Credentials, opened).await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_steps_that_were_made_are_told_where_the_next_is_not_answered() {
        let files = FileRoots { own: "/nonexistent".into(), further: Vec::new() };
        let host = Host::new("acme".parse().unwrap(), files);
        let steps = patiently_tested(&Silent, &Properties::new(), &host, &[]).await;
        let expected = [
            TestedStep::passed(TestStep::Address, "answers"),
            TestedStep { step: TestStep::Credentials, result: Err(slow()) },
        ];
        assert_eq!(steps, expected);
    }
}
