//! The kind of connector behind the contract, and its connectors.

use std::sync::Arc;

use async_trait::async_trait;
use muster_connector::{
    Capabilities, ChangeFeed, ClassProblem, Connector, ConnectorError, ConnectorKind, Durable, Entry,
    FileRoots, Host, OfferedClass, Place, Properties, PropertyProblem, RemoteClass, Sweep, SweepRequest,
    TestStep, TestedStep, Writer, test_classes,
};
use muster_egress::Egress;

use crate::api::Failed;
use crate::class::check;
use crate::entry::NO_PLACE;
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
        let settings = parsed(properties).map_err(|fault| Failed { step: TestStep::Open, fault })?;
        Ok(ScimConnector { service: Provider::open(&self.egress, settings, host).await? })
    }
}

fn parsed(properties: &Properties) -> Result<Settings, ConnectorError> {
    Settings::parse(properties).map_err(|problems| {
        let problems: Vec<String> =
            problems.into_iter().map(|problem| format!("`{}`: {}", problem.name, problem.message)).collect();
        ConnectorError::Unusable { message: problems.join("; ") }
    })
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
        match place {
            NO_PLACE => format!("`{}`", class.remote_name),
            Place(number) => format!("`{}` number {number}", class.remote_name),
        }
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

    async fn test(&self, properties: &Properties, host: &Host, classes: &[RemoteClass]) -> Vec<TestedStep> {
        let is_encrypted = properties.get("baseUrl").is_some_and(|url| url.starts_with("https://"));
        let connected = self.connect(properties, host).await;
        let (failed, connector) = match connected {
            Ok(connector) => (None, Some(connector)),
            Err(failed) => (Some(failed), None),
        };
        let mut steps = before(is_encrypted, failed);
        if let Some(connector) = connector {
            let found = connector.service.config.in_words();
            steps.push(TestedStep::passed(TestStep::Capabilities, found));
            steps.extend(test_classes(&connector, classes).await);
        }
        steps
    }
}

/// The steps before a service says what it can do, the last one as it failed.
fn before(is_encrypted: bool, failed: Option<Failed>) -> Vec<TestedStep> {
    let tls = if is_encrypted {
        "the certificate is good"
    } else {
        "nothing is encrypted: `baseUrl` begins with `http:`"
    };
    let (step, fault) = failed.map_or((None, None), |failed| (Some(failed.step), Some(failed.fault)));
    let known = [
        (TestStep::Address, "the service answers"),
        (TestStep::Tls, tls),
        (TestStep::Credentials, "the credentials are taken"),
    ];
    // Settings that are wrong come before all of it.
    let reached = known
        .into_iter()
        .take_while(|(known, _)| step.as_ref().is_none_or(|step| step != known && *step != TestStep::Open));
    let mut steps: Vec<_> = reached.map(|(step, found)| TestedStep::passed(step, found)).collect();
    steps.extend(step.zip(fault).map(|(step, fault)| TestedStep { step, result: Err(fault) }));
    steps
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
            let message =
                format!("{} is not to be written: `writable` is `false`", self.service.api.address());
            return Err(ConnectorError::Unusable { message });
        }
        let layout = self.service.layout(class).await?;
        Ok(Box::new(ScimWriter::new(Arc::clone(&self.service), layout)))
    }
}
