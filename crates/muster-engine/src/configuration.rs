//! The configuration of a tenant: loaded whole, frozen with a run, and compiled where it is used.

use std::sync::Arc;
use std::time::Duration;

use muster_connector::{
    Capabilities, ClassPart, Connector, ConnectorError, ConnectorKind, FileRoots, Host, Paced, Properties,
    RemoteClass, TestStep, TestedStep,
};
use muster_model::configuration::application::{
    Application, AttributeMapping, Direction, ObjectClass, ObjectTypeMapping,
};
use muster_model::configuration::connector_definition::{ConnectorDefinition, ConnectorProperty};
use muster_model::configuration::{Configuration, ConfigurationKind, Document, Leniency, Problems, Resource};
use muster_model::{ApplicationId, ObjectClassId, TenantSlug, ValueType};
use muster_plan::key::{KeySpec, KeySpecs};
use muster_plan::rules::{RuleContext, RuleProblem, Rules};
use muster_store::{Hash, StoreError, StoredResource, TenantStore};
use serde_json::value::RawValue;
use zeroize::Zeroize;

use crate::measured::measured;
use crate::parsed;
use crate::probe::patiently_tested;
use crate::remote::{remote_class, remote_class_among};
use crate::veil::Veil;
use crate::{Connectors, Engine};

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigurationError {
    /// It breaks rules.
    #[error("{0}")]
    Invalid(Problems),
    /// Something that was there when the run was launched is lacking.
    #[error("{0} does not exist")]
    Lacking(String),
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] StoreError),
}

/// A tenant's configuration, with the text that it was read from.
#[derive(Debug, Clone)]
pub struct LoadedConfiguration {
    /// The parsed resources.
    pub resources: Configuration,
    /// All documents as one JSON array, in the order of kind and id.
    pub body: String,
}

impl LoadedConfiguration {
    /// Loads what a tenant has configured.
    ///
    /// # Errors
    /// When the store fails or holds something that no longer parses.
    pub async fn load(store: &TenantStore) -> Result<Self, ConfigurationError> {
        Self::of(&store.resources().await?)
    }

    /// Reads the rows of a tenant's configuration, by kind and id.
    ///
    /// # Errors
    /// When one no longer parses.
    pub fn of(rows: &[StoredResource]) -> Result<Self, ConfigurationError> {
        let resources = rows.iter().map(|row| parsed::read(row.kind, &row.body));
        let resources = resources.collect::<Result<_, _>>()?;
        Ok(Self { resources, body: encode(rows) })
    }

    /// Reads the frozen configuration of a run.
    ///
    /// # Errors
    /// When it does not parse.
    pub fn parse(body: String) -> Result<Self, ConfigurationError> {
        let rows: Vec<(u8, &RawValue)> =
            serde_json::from_str(&body).map_err(|error| unreadable(error.to_string()))?;
        let resources = rows.iter().map(|(kind, document)| parsed::read(*kind, document.get()));
        Ok(Self { resources: resources.collect::<Result<_, _>>()?, body })
    }

    /// What tells this configuration from others.
    #[must_use]
    pub fn hash(&self) -> Hash {
        muster_plan::digest::hash(self.body.as_bytes())
    }
}

/// Reads a document that is stored under the number of its kind.
pub(crate) fn parse(kind: u8, document: &serde_json::Value) -> Result<Resource, ConfigurationError> {
    let kind = ConfigurationKind::of_number(kind).ok_or_else(|| unreadable(format!("kind {kind}")))?;
    Document::read(kind, document, Leniency::Strict)
        .and_then(|document| document.parse())
        .map_err(ConfigurationError::Invalid)
}

pub(crate) fn unreadable(detail: String) -> StoreError {
    StoreError::Unreadable { what: "configuration", detail }
}

fn encode(rows: &[StoredResource]) -> String {
    let documents: Vec<String> = rows.iter().map(|row| format!("[{},{}]", row.kind, row.body)).collect();
    format!("[{}]", documents.join(","))
}

/// The object class of that id.
pub(crate) fn object_class<'a>(
    application: &'a Application,
    id: &ObjectClassId,
) -> Result<&'a ObjectClass, ConfigurationError> {
    application.object_classes.iter().find(|class| class.id == *id).ok_or_else(|| {
        ConfigurationError::Lacking(format!("object class `{id}` of application `{}`", application.id))
    })
}

/// The object type mappings of a direction for a class of accounts.
pub(crate) fn object_types<'a>(
    application: &'a Application,
    direction: Direction,
    class: Option<&'a ObjectClassId>,
) -> impl Iterator<Item = &'a ObjectTypeMapping> {
    application.object_types.iter().filter(move |mapping| {
        mapping.direction.is_none_or(|served| served == direction)
            && class.is_none_or(|class| mapping.object_class_id == *class)
            && mapping.attribute_mappings.iter().any(|m| m.direction == direction)
    })
}

/// Compiles an object type mapping in the light of all other applications.
///
/// # Errors
/// All problems at once, under pointers within the object type mapping.
pub(crate) fn compile_rules(
    configuration: &Configuration,
    application: &ApplicationId,
    mapping: &ObjectTypeMapping,
    context: (Direction, Option<&muster_model::condition::Condition>),
) -> Result<Rules, Vec<RuleProblem>> {
    let outranked_by = |declared: &AttributeMapping| {
        configuration
            .applications()
            .filter(|other| other.id != *application)
            .filter(|other| {
                object_types(other, Direction::Inbound, None)
                    .filter(|theirs| theirs.object_kind == mapping.object_kind)
                    .flat_map(|theirs| &theirs.attribute_mappings)
                    .any(|theirs| {
                        theirs.direction == Direction::Inbound
                            && theirs.attribute == declared.attribute
                            && theirs.authority > declared.authority
                    })
            })
            .map(|other| other.id.clone())
            .collect::<Vec<_>>()
    };
    let nobody = |_: &AttributeMapping| Vec::new();
    let (direction, filter) = context;
    let outranked: &dyn Fn(&AttributeMapping) -> Vec<ApplicationId> = match direction {
        Direction::Inbound => &outranked_by,
        Direction::Outbound => &nobody,
    };
    Rules::compile(mapping, RuleContext { direction, filter, outranked_by: outranked })
}

/// All keys that the tenant's objects have to be found by.
///
/// # Errors
/// When a normalization cannot be compiled.
pub(crate) fn key_specs(configuration: &Configuration) -> Result<KeySpecs, ConfigurationError> {
    let mut specs = KeySpecs::default();
    for application in configuration.applications() {
        for mapping in &application.object_types {
            for rule in &mapping.correlation {
                let spec = KeySpec::of_rule(mapping.object_kind, rule).map_err(|problems| {
                    let texts: Vec<_> = problems.iter().map(ToString::to_string).collect();
                    ConfigurationError::Lacking(format!("a usable normalization ({})", texts.join("; ")))
                })?;
                specs.add(spec);
            }
        }
    }
    // References come last, so that they use the key of a correlation rule where there is one.
    for application in configuration.applications() {
        for mapping in application.object_types.iter().flat_map(|mapping| &mapping.attribute_mappings) {
            if let (ValueType::Reference, Some(target)) = (mapping.value_type, &mapping.reference) {
                specs.add_reference(target.object_kind, &target.by_attribute);
            }
        }
    }
    Ok(specs)
}

/// The applications, other than this one, whose accounts are a source of objects.
pub(crate) fn other_sources(
    configuration: &Configuration,
    application: &ApplicationId,
) -> Vec<ApplicationId> {
    configuration
        .applications()
        .filter(|other| other.id != *application)
        .filter(|other| object_types(other, Direction::Inbound, None).next().is_some())
        .map(|other| other.id.clone())
        .collect()
}

/// Settings as a connector wants them.
fn properties<'a>(settings: impl IntoIterator<Item = &'a ConnectorProperty>) -> Properties {
    settings.into_iter().map(|setting| (setting.name.clone(), setting.value.clone())).collect()
}

/// What connectors have against a configuration, without touching the outside. Pointers are those of
/// [`Configuration::check`].
#[must_use]
pub fn check_connectors(
    connectors: &Connectors,
    files: &FileRoots,
    configuration: &Configuration,
) -> Problems {
    let mut problems = Problems::new();
    for resource in configuration.iter() {
        let found = match resource {
            Resource::ConnectorDefinition(definition) => {
                let settings: Vec<_> = definition.properties.iter().enumerate().collect();
                check_settings(connectors, &definition.connector_type, &settings)
            }
            Resource::Application(application) => {
                let id = &application.connector_definition_id;
                let Some(definition) = configuration.connector_definition(id) else { continue };
                let mut found = Problems::new();
                for (index, class) in application.object_classes.iter().enumerate() {
                    let of_class =
                        check_class((connectors, files), definition, (&application.object_classes, class));
                    found.merge(of_class.placed_under(&format!("/objectClasses/{index}")));
                }
                found
            }
            Resource::ApplicationProfile(_)
            | Resource::SynchronizationTaskDefinition(_)
            | Resource::SynchronizationTaskPostProcessingDefinition(_)
            | Resource::ProvisioningTaskDefinition(_)
            | Resource::ProvisioningTaskPostProcessingDefinition(_) => continue,
        };
        problems.merge(found.placed_under(&Configuration::pointer(resource)));
    }
    problems
}

fn check_settings(
    connectors: &Connectors,
    connector_type: &str,
    settings: &[(usize, &ConnectorProperty)],
) -> Problems {
    let mut problems = Problems::new();
    let Some(kind) = connectors.get(connector_type) else {
        let known: Vec<_> = connectors.keys().map(|name| format!("`{name}`")).collect();
        problems.add("/type", format!("is none of the types built in: {}", known.join(", ")));
        return problems;
    };
    for problem in kind.check(&properties(settings.iter().map(|(_, setting)| *setting))) {
        match settings.iter().find(|(_, setting)| setting.name == problem.name) {
            Some((index, _)) => problems.add(format!("/connectorProperties/{index}"), problem.message),
            None => problems.add("/connectorProperties", problem.to_string()),
        }
    }
    problems
}

fn check_class(
    (connectors, files): (&Connectors, &FileRoots),
    definition: &ConnectorDefinition,
    (classes, class): (&[ObjectClass], &ObjectClass),
) -> Problems {
    let mut problems = Problems::new();
    let Some(kind) = connectors.get(definition.connector_type.as_str()) else { return problems };
    let (properties, remote) = (properties(&definition.properties), remote_class_among(classes, class));
    if remote.name_attribute.is_none() && kind.gives_keys(&properties, &remote) {
        let message = format!(
            "`{}` is given by the system; say which attribute holds the name that accounts are made under",
            remote.uid_attribute
        );
        problems.add("/nameAttribute", message);
    }
    for problem in kind.check_class(&properties, &remote, files) {
        let place = match problem.part {
            ClassPart::RemoteName => "/remoteName",
            ClassPart::UidAttribute => "/uidAttribute",
            ClassPart::NameAttribute => "/nameAttribute",
            ClassPart::Membership => "/membership",
        };
        problems.add(place, problem.message);
    }
    problems
}

/// A connector that has only to be opened.
pub(crate) struct Ready {
    kind: Arc<dyn ConnectorKind>,
    host: Host,
    settings: Properties,
    veil: Veil,
    tenant: String,
}

impl Ready {
    /// Opens it.
    ///
    /// # Errors
    /// When the system cannot be reached, or does not let us in.
    pub(crate) async fn open(mut self) -> Result<Box<dyn Connector>, ConnectorError> {
        let opened = self.kind.open(&self.settings, &self.host).await;
        self.settings.values_mut().for_each(Zeroize::zeroize);
        match opened {
            Ok(connector) => Ok(measured(self.veil.over(connector), self.tenant, self.kind.name())),
            Err(error) => Err(self.veil.over_error(error)),
        }
    }
}

impl Engine {
    /// What is wrong with a configuration as a whole, also in the eyes of its connectors, without touching the
    /// outside. Pointers are those of [`Configuration::check`].
    #[must_use]
    pub fn check(&self, tenant: &TenantSlug, configuration: &Configuration) -> Problems {
        let mut problems = configuration.check();
        problems.merge(check_connectors(&self.connectors, &self.settings.file_roots(tenant), configuration));
        problems
    }

    /// What the connector of a type has against settings, each with its place in the definition. Pointers are
    /// within the definition.
    #[must_use]
    pub fn check_settings(&self, connector_type: &str, settings: &[(usize, &ConnectorProperty)]) -> Problems {
        check_settings(&self.connectors, connector_type, settings)
    }

    /// What the connector of a definition has against one of the classes of an application. Pointers are within the
    /// class.
    #[must_use]
    pub fn check_class(
        &self,
        tenant: &TenantSlug,
        definition: &ConnectorDefinition,
        (classes, class): (&[ObjectClass], &ObjectClass),
    ) -> Problems {
        check_class((&self.connectors, &self.settings.file_roots(tenant)), definition, (classes, class))
    }

    /// What a connector of this definition could do; `None` where its type is not built in.
    pub(crate) fn can(&self, definition: &ConnectorDefinition) -> Option<Capabilities> {
        let kind = self.connectors.get(&*definition.connector_type)?;
        Some(kind.capabilities(&properties(&definition.properties)))
    }

    /// Whether accounts of a class get their keys from the system.
    pub(crate) fn gives_keys(
        &self,
        configuration: &Configuration,
        application: &Application,
        class: &ObjectClass,
    ) -> bool {
        let definition = configuration.connector_definition(&application.connector_definition_id);
        let kind = definition
            .and_then(|definition| Some((definition, self.connectors.get(&*definition.connector_type)?)));
        kind.is_some_and(|(definition, kind)| {
            kind.gives_keys(&properties(&definition.properties), &remote_class(application, class))
        })
    }

    /// What the connector of a definition may use of this machine, and at which pace.
    fn host(&self, tenant: &TenantSlug, definition: &ConnectorDefinition) -> Host {
        let limit = definition.limits.operation_timeout_millis;
        Host {
            call_limit: limit.map_or(Host::CALL_LIMIT, |millis| Duration::from_millis(millis.into())),
            pace: self.paces.of(tenant, definition, &self.surroundings),
            ..Host::new(tenant.clone(), self.settings.file_roots(tenant))
        }
    }

    /// Opens the connector of an application.
    ///
    /// # Errors
    /// When its definition is lacking, its type is not built in, or it cannot be opened.
    pub(crate) async fn open_connector(
        &self,
        store: &TenantStore,
        configuration: &Configuration,
        application: &Application,
    ) -> Result<Box<dyn Connector>, ConnectorError> {
        let unusable = |message: String| ConnectorError::Unusable { message };
        let id = &application.connector_definition_id;
        let definition = configuration
            .connector_definition(id)
            .ok_or_else(|| unusable(format!("connector definition `{id}` does not exist")))?;
        if definition.maintenance {
            return Err(unusable(format!("connector definition `{id}` is in maintenance")));
        }
        self.ready(store, definition).await?.open().await
    }

    /// All that it takes to open the connector of a definition.
    ///
    /// # Errors
    /// When its type is not built in, or it cannot have its secrets.
    pub(crate) async fn ready(
        &self,
        store: &TenantStore,
        definition: &ConnectorDefinition,
    ) -> Result<Ready, ConnectorError> {
        let (kind, host) = (self.kind(definition)?, self.host(store.slug(), definition));
        let mut settings = properties(&definition.properties);
        let veil = self.fill_in(store, definition, &mut settings).await?;
        Ok(Ready { kind: Arc::clone(kind), host, settings, veil, tenant: self.figures.tenant(store.slug()) })
    }

    /// Tests a connector definition with these classes.
    pub(crate) async fn test_definition(
        &self,
        store: &TenantStore,
        definition: &ConnectorDefinition,
        classes: &[RemoteClass],
    ) -> Vec<TestedStep> {
        let mut settings = properties(&definition.properties);
        let ready = match self.kind(definition) {
            Ok(kind) => self.fill_in(store, definition, &mut settings).await.map(|veil| (kind, veil)),
            Err(error) => Err(error),
        };
        let (kind, veil) = match ready {
            Ok(ready) => ready,
            Err(error) => return vec![TestedStep { step: TestStep::Open, result: Err(error) }],
        };
        let host = Host { pace: Paced::default(), ..self.host(store.slug(), definition) };
        let steps = patiently_tested(&**kind, &settings, &host, classes).await;
        settings.values_mut().for_each(Zeroize::zeroize);
        steps.into_iter().map(|step| veil.over_step(step)).collect()
    }

    fn kind(&self, definition: &ConnectorDefinition) -> Result<&Arc<dyn ConnectorKind>, ConnectorError> {
        self.connectors.get(definition.connector_type.as_str()).ok_or_else(|| ConnectorError::Unusable {
            message: format!("connector type `{}` is not built in", definition.connector_type),
        })
    }
}
