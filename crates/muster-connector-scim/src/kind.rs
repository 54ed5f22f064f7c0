//! The kind of connector behind the contract, and its connectors.

use std::sync::Arc;

use async_trait::async_trait;
use muster_connector::{
    Capabilities, ChangeFeed, ClassProblem, Connector, ConnectorError, ConnectorKind, Durable, Entry,
    FileRoots, Host, OfferedClass, Place, Properties, PropertyProblem, RemoteClass, Sweep, SweepRequest,
    TestStep, TestSteps, TestedStep, Writer, test_classes,
};
use muster_egress::Egress;
use muster_http::{Failed, place_of, put_first_call};

use crate::api::WORDS;
use crate::class::check;
use crate::list::{Got, List};
use crate::provider::Provider;
use crate::reads::Reader;
use crate::settings::{Changes, Settings};
use crate::sweep::ScimSweep;
use crate::writer::ScimWriter;

/// The kind of connector for services of SCIM 2.0, `scim`.
#[derive(Debug, Clone)]
pub struct ScimKind {
    egress: Egress,
}

impl ScimKind {
    /// A kind whose connectors leave by this way.
    #[must_use]
    pub fn new(egress: Egress) -> Self {
        Self { egress }
    }

    async fn connect(&self, properties: &Properties, host: &Host) -> Result<ScimConnector, Failed> {
        let settings = Settings::parse(properties)
            .map_err(|problems| Failed { step: TestStep::Open, fault: problems.into() })?;
        Ok(ScimConnector { service: Provider::open(&self.egress, settings, host).await? })
    }
}

/// What a service can do, with what the settings make of it.
const fn capable(write: bool, changes: ChangeFeed) -> Capabilities {
    Capabilities {
        write,
        enable: true,
        rename: true,
        references_must_exist: false,
        create_is_found: true,
        changes,
        durable: Durable::EachCall,
    }
}

fn feed(settings: &Settings) -> ChangeFeed {
    match settings.changes {
        Changes::None => ChangeFeed::None,
        Changes::LastModified => ChangeFeed::WithoutDeletes,
    }
}

#[async_trait]
impl ConnectorKind for ScimKind {
    fn name(&self) -> &'static str {
        "scim"
    }

    fn check(&self, properties: &Properties) -> Vec<PropertyProblem> {
        Settings::parse(properties).err().unwrap_or_default()
    }

    fn check_class(&self, _: &Properties, class: &RemoteClass, _: &FileRoots) -> Vec<ClassProblem> {
        check(class)
    }

    fn place(&self, class: &RemoteClass, place: Place) -> String {
        place_of(class, place)
    }

    /// Wrong properties can do nothing: they cannot be opened.
    fn capabilities(&self, properties: &Properties) -> Capabilities {
        match Settings::parse(properties) {
            Ok(settings) => capable(settings.is_writable, feed(&settings)),
            Err(_) => capable(false, ChangeFeed::None),
        }
    }

    fn gives_keys(&self, _: &Properties, _: &RemoteClass) -> bool {
        true
    }

    async fn open(&self, properties: &Properties, host: &Host) -> Result<Box<dyn Connector>, ConnectorError> {
        let connected = self.connect(properties, host).await.map_err(|failed| failed.fault)?;
        Ok(Box::new(connected))
    }

    async fn test(
        &self,
        properties: &Properties,
        host: &Host,
        classes: &[RemoteClass],
        steps: &mut TestSteps,
    ) {
        steps.begin(TestStep::Address);
        match self.connect(properties, host).await {
            Ok(connector) => {
                put_first_call(steps, properties, WORDS.who, None);
                let found = connector.service.config.in_words();
                steps.put(TestedStep::passed(TestStep::Capabilities, found));
                test_classes(&connector, classes, steps).await;
            }
            Err(failed) => put_first_call(steps, properties, WORDS.who, Some(failed)),
        }
    }
}

/// One service.
struct ScimConnector {
    service: Arc<Provider>,
}

#[async_trait]
impl Connector for ScimConnector {
    fn capabilities(&self) -> Capabilities {
        let settings = &self.service.settings;
        let changes = if self.service.has_filter() { feed(settings) } else { ChangeFeed::None };
        capable(settings.is_writable, changes)
    }

    /// Reads one resource of the class.
    async fn probe(&self, class: &RemoteClass) -> Result<(), ConnectorError> {
        let layout = self.service.layout(class).await?;
        let wanted = Reader { service: &self.service, layout: &layout }.wanted(None);
        match List::new(Arc::clone(&self.service), wanted).next(1).await? {
            Got::Items(_) | Got::End(Ok(())) => Ok(()),
            Got::End(Err(reason)) => Err(ConnectorError::Transient {
                message: format!("{}{}: {reason}", self.service.api.address(), layout.endpoint),
                retry_after: None,
            }),
        }
    }

    /// What the service says that it has, with those attributes of the given classes that select elements of a list.
    async fn discover(&self, classes: &[RemoteClass]) -> Result<Vec<OfferedClass>, ConnectorError> {
        Ok(self.service.types().await?.iter().map(|known| known.class(classes)).collect())
    }

    async fn sweep(&self, request: SweepRequest) -> Result<Box<dyn Sweep>, ConnectorError> {
        let layout = self.service.layout(&request.class).await?;
        Ok(Box::new(ScimSweep::new(Arc::clone(&self.service), layout, request)?))
    }

    async fn read(&self, class: &RemoteClass, uids: &[String]) -> Result<Vec<Entry>, ConnectorError> {
        let layout = self.service.layout(class).await?;
        Reader { service: &self.service, layout: &layout }.by_keys(uids).await
    }

    async fn find(&self, class: &RemoteClass, names: &[String]) -> Result<Vec<Entry>, ConnectorError> {
        let layout = self.service.layout(class).await?;
        Reader { service: &self.service, layout: &layout }.by_names(names).await
    }

    async fn writer(&self, class: &RemoteClass) -> Result<Box<dyn Writer>, ConnectorError> {
        if !self.service.settings.is_writable {
            return Err(self.service.api.not_writable());
        }
        let layout = self.service.layout(class).await?;
        Ok(Box::new(ScimWriter::new(Arc::clone(&self.service), layout)))
    }
}
