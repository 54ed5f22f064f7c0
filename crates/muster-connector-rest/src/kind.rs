//! The kind of connector behind the contract, and its connectors.

use std::sync::Arc;

use async_trait::async_trait;
use muster_connector::{
    Capabilities, ChangeFeed, ClassProblem, Connector, ConnectorError, ConnectorKind, Durable, Entry,
    FileRoots, Host, OfferedAttribute, OfferedClass, Place, Properties, PropertyProblem, Reads, RemoteClass,
    Sweep, SweepRequest, TestStep, TestSteps, TestedStep, Writer, test_classes,
};
use muster_egress::Egress;
use muster_http::{Call, Caller, Failed, place_of, put_first_call};

use crate::api::{self, WORDS};
use crate::changes::{ChangeRequest, ChangeSweep};
use crate::class::{Layout, check};
use crate::description::{Class, Description};
use crate::list::{List, Piece};
use crate::reads::Reader;
use crate::settings::Settings;
use crate::sweep::RestSweep;
use crate::template::Values;
use crate::writer::RestWriter;

/// The kind of connector for JSON APIs that are described as data, `rest`.
#[derive(Debug, Clone)]
pub struct RestKind {
    egress: Egress,
}

impl RestKind {
    /// A kind whose connectors leave by this way.
    #[must_use]
    pub fn new(egress: Egress) -> Self {
        Self { egress }
    }

    fn connector(&self, properties: &Properties, host: &Host) -> Result<RestConnector, ConnectorError> {
        let settings = Settings::parse(properties)?;
        let api = Arc::new(api::caller(&self.egress, host, &settings)?);
        Ok(RestConnector { api, settings })
    }
}

/// What an API can do as it is described. Of classes that differ the least is promised of changes, the most of the rest.
fn capable(settings: &Settings) -> Capabilities {
    let classes = || settings.description.classes.values();
    let feeds = || classes().map(|class| class.feed()).filter(|feed| *feed != ChangeFeed::None);
    Capabilities {
        write: settings.is_writable && classes().any(|class| class.is_writable()),
        enable: classes().any(|class| class.is_switchable()),
        rename: classes().any(|class| class.update.is_some()),
        references_must_exist: false,
        create_is_found: true,
        changes: match feeds().next() {
            None => ChangeFeed::None,
            Some(_) if feeds().all(|feed| feed == ChangeFeed::WithDeletes) => ChangeFeed::WithDeletes,
            Some(_) => ChangeFeed::WithoutDeletes,
        },
        durable: Durable::EachCall,
    }
}

/// Wrong properties can do nothing: they cannot be opened.
const INCAPABLE: Capabilities = Capabilities {
    write: false,
    enable: false,
    rename: false,
    references_must_exist: false,
    create_is_found: true,
    changes: ChangeFeed::None,
    durable: Durable::EachCall,
};

#[async_trait]
impl ConnectorKind for RestKind {
    fn name(&self) -> &'static str {
        "rest"
    }

    fn check(&self, properties: &Properties) -> Vec<PropertyProblem> {
        Settings::parse(properties).err().unwrap_or_default()
    }

    fn check_class(&self, properties: &Properties, class: &RemoteClass, _: &FileRoots) -> Vec<ClassProblem> {
        Settings::parse(properties).map(|settings| check(class, &settings.description)).unwrap_or_default()
    }

    fn place(&self, class: &RemoteClass, place: Place) -> String {
        place_of(class, place)
    }

    fn capabilities(&self, properties: &Properties) -> Capabilities {
        Settings::parse(properties).map_or(INCAPABLE, |settings| capable(&settings))
    }

    fn gives_keys(&self, properties: &Properties, class: &RemoteClass) -> bool {
        let (description, _) = Description::parse(properties.get("description").map_or("", String::as_str));
        description.classes.get(&class.remote_name).is_some_and(|class| class.gives_keys)
    }

    /// Asks what the description has for it; where it has nothing, nothing is asked before the first sweep.
    async fn open(&self, properties: &Properties, host: &Host) -> Result<Box<dyn Connector>, ConnectorError> {
        let connector = self.connector(properties, host)?;
        connector.check().await.map_err(|failed| failed.fault)?;
        Ok(Box::new(connector))
    }

    async fn test(
        &self,
        properties: &Properties,
        host: &Host,
        classes: &[RemoteClass],
        steps: &mut TestSteps,
    ) {
        let connector = match self.connector(properties, host) {
            Ok(connector) => connector,
            Err(error) => return steps.put(TestedStep { step: TestStep::Open, result: Err(error) }),
        };
        steps.begin(TestStep::Address);
        let failed = connector.first_call().await.err();
        let has_failed = failed.is_some();
        put_first_call(steps, properties, WORDS.who, failed);
        if !has_failed {
            test_classes(&connector, classes, steps).await;
        }
    }
}

/// One API.
struct RestConnector {
    api: Arc<Caller>,
    settings: Settings,
}

impl RestConnector {
    fn layout(&self, class: &RemoteClass) -> Result<Layout, ConnectorError> {
        Layout::of(class, &self.settings.description).map_err(|problems| self.api.unfit(problems))
    }

    fn reader<'a>(&'a self, layout: &'a Layout) -> Reader<'a> {
        Reader { api: &self.api, layout, most: self.settings.most_entries }
    }

    /// The call that shows whether we are let in, if there is one.
    async fn check(&self) -> Result<(), Failed> {
        let Some(check) = &self.settings.description.check else { return Ok(()) };
        let call = check.call(&Values::new()).map_err(Failed::at(TestStep::Open))?;
        let answer = self.attempt(&call).await?;
        match answer {
            Some(message) => {
                Err(Failed { step: TestStep::Capabilities, fault: ConnectorError::Unusable { message } })
            }
            None => Ok(()),
        }
    }

    /// Makes a call, and says how far that came; what was refused is told.
    async fn attempt(&self, call: &Call) -> Result<Option<String>, Failed> {
        let answer = self.api.first_call(call).await?;
        Ok((!answer.is_success()).then_some(answer.told))
    }

    /// The first question of a test: the one that is described for it, or a list.
    async fn first_call(&self) -> Result<(), Failed> {
        let class = self.settings.description.classes.values().next();
        let (None, Some(class)) = (&self.settings.description.check, class) else {
            return self.check().await;
        };
        let values: Values = [
            ("pageSize".to_owned(), 1.into()),
            ("page".to_owned(), class.list.paging.first.into()),
            ("offset".to_owned(), 0.into()),
        ]
        .into();
        let call = class.list.operation.call(&values).map_err(Failed::at(TestStep::Open))?;
        match self.attempt(&call).await {
            // That concerns the list, whose class is looked at next.
            Err(Failed { step: TestStep::Capabilities, .. }) | Ok(_) => Ok(()),
            Err(failed) => Err(failed),
        }
    }
}

fn offered(name: &str, class: &Class) -> OfferedClass {
    let is_writable = class.is_writable();
    let attributes = class.attributes.iter().map(|(name, source)| OfferedAttribute {
        multi_valued: source.each.is_some(),
        writable: is_writable && source.is_writable,
        unique: source.pointer == class.key,
        ..OfferedAttribute::new(name.as_str())
    });
    OfferedClass { remote_name: name.to_owned(), description: None, attributes: attributes.collect() }
}

#[async_trait]
impl Connector for RestConnector {
    fn capabilities(&self) -> Capabilities {
        capable(&self.settings)
    }

    /// Reads one item of the class.
    async fn probe(&self, class: &RemoteClass) -> Result<(), ConnectorError> {
        let layout = self.layout(class)?;
        match List::all(&self.api, &layout.class, self.settings.most_entries).next(1).await? {
            Piece::Page(_) | Piece::End(Ok(())) => Ok(()),
            Piece::End(Err(reason)) => Err(ConnectorError::Transient {
                message: format!("{} `{}`: {reason}", self.api.address(), layout.name),
                retry_after: None,
            }),
        }
    }

    /// What the description has: the API itself tells nothing of it.
    async fn discover(&self, classes: &[RemoteClass]) -> Result<Vec<OfferedClass>, ConnectorError> {
        let described = self.settings.description.classes.iter();
        let mut offers: Vec<OfferedClass> = described.map(|(name, class)| offered(name, class)).collect();
        for class in classes {
            let Some(offer) = offers.iter_mut().find(|offer| offer.remote_name == class.remote_name) else {
                continue;
            };
            if !offer.attributes.iter().any(|known| known.name == class.uid_attribute) {
                let key = OfferedAttribute::new(class.uid_attribute.as_str());
                offer.attributes.push(OfferedAttribute { unique: true, ..key });
            }
        }
        Ok(offers)
    }

    async fn sweep(&self, request: SweepRequest) -> Result<Box<dyn Sweep>, ConnectorError> {
        let layout = self.layout(&request.class)?;
        let most = self.settings.most_entries;
        Ok(match &request.reads {
            Reads::All => Box::new(RestSweep::new(&self.api, layout, most, request)),
            Reads::Changes { since } => {
                let outdated = self.settings.description.refusals.outdated.clone();
                let request =
                    ChangeRequest { since: since.clone(), page_size: request.page_size, most, outdated };
                Box::new(ChangeSweep::new(&self.api, layout, request)?)
            }
        })
    }

    async fn read(&self, class: &RemoteClass, uids: &[String]) -> Result<Vec<Entry>, ConnectorError> {
        let layout = self.layout(class)?;
        self.reader(&layout).by_keys(uids).await
    }

    async fn find(&self, class: &RemoteClass, names: &[String]) -> Result<Vec<Entry>, ConnectorError> {
        let layout = self.layout(class)?;
        match layout.class.gives_keys || class.name_attribute.is_some() {
            true => self.reader(&layout).by_names(names).await,
            false => self.reader(&layout).by_keys(names).await,
        }
    }

    async fn writer(&self, class: &RemoteClass) -> Result<Box<dyn Writer>, ConnectorError> {
        if !self.settings.is_writable {
            return Err(self.api.not_writable());
        }
        let layout = self.layout(class)?;
        if !layout.class.is_writable() {
            let message =
                format!("the description of `{}` has no `create`, `update` or `delete`", layout.name);
            return Err(ConnectorError::Unusable { message });
        }
        Ok(Box::new(RestWriter::new(&self.api, layout, self.settings.most_entries)))
    }
}
