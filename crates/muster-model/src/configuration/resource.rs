//! Resources: a configuration of any kind, and what it refers to.

use crate::configuration::application::Application;
use crate::configuration::connector_definition::ConnectorDefinition;
use crate::configuration::kind::ConfigurationKind;
use crate::configuration::post_processing::{
    PostProcessing, ProvisioningTaskPostProcessingDefinition, SynchronizationTaskPostProcessingDefinition,
};
use crate::configuration::profile::ApplicationProfile;
use crate::configuration::task::{
    ExecutionPlan, ProvisioningTaskDefinition, Source, SynchronizationTaskDefinition, TaskType,
};
use crate::ids::{ConfigurationId, SecretName};
use crate::secret;

/// A configuration of any kind.
#[derive(Debug, Clone, PartialEq)]
pub enum Resource {
    /// How a remote system is reached.
    ConnectorDefinition(ConnectorDefinition),
    /// What a remote system holds and how that maps to IM objects.
    Application(Application),
    /// Who gets an account and which entitlements.
    ApplicationProfile(ApplicationProfile),
    /// A task that brings accounts into the identity repository.
    SynchronizationTaskDefinition(SynchronizationTaskDefinition),
    /// What happens after a run of a synchronization task.
    SynchronizationTaskPostProcessingDefinition(SynchronizationTaskPostProcessingDefinition),
    /// A task that brings the identity repository into applications.
    ProvisioningTaskDefinition(ProvisioningTaskDefinition),
    /// What happens after a run of a provisioning task.
    ProvisioningTaskPostProcessingDefinition(ProvisioningTaskPostProcessingDefinition),
}

/// A place in a resource that names another resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigurationReference {
    /// Where in the referring document it stands, as a JSON pointer.
    pub pointer: String,
    /// The kinds that the id may be of; the first that has it is meant.
    pub kinds: &'static [ConfigurationKind],
    /// The id.
    pub id: ConfigurationId,
}

/// A place in a resource that refers to a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretReference {
    /// Where in the referring document it stands, as a JSON pointer.
    pub pointer: String,
    /// The secret.
    pub name: SecretName,
}

impl Resource {
    /// When it runs, if it is the definition of a task.
    #[must_use]
    pub fn execution_plan(&self) -> Option<&ExecutionPlan> {
        match self {
            Self::SynchronizationTaskDefinition(task) => Some(&task.execution_plan),
            Self::ProvisioningTaskDefinition(task) => Some(&task.execution_plan),
            Self::ConnectorDefinition(_)
            | Self::Application(_)
            | Self::ApplicationProfile(_)
            | Self::SynchronizationTaskPostProcessingDefinition(_)
            | Self::ProvisioningTaskPostProcessingDefinition(_) => None,
        }
    }

    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> ConfigurationKind {
        match self {
            Self::ConnectorDefinition(_) => ConfigurationKind::ConnectorDefinition,
            Self::Application(_) => ConfigurationKind::Application,
            Self::ApplicationProfile(_) => ConfigurationKind::ApplicationProfile,
            Self::SynchronizationTaskDefinition(_) => ConfigurationKind::SynchronizationTaskDefinition,
            Self::SynchronizationTaskPostProcessingDefinition(_) => {
                ConfigurationKind::SynchronizationTaskPostProcessingDefinition
            }
            Self::ProvisioningTaskDefinition(_) => ConfigurationKind::ProvisioningTaskDefinition,
            Self::ProvisioningTaskPostProcessingDefinition(_) => {
                ConfigurationKind::ProvisioningTaskPostProcessingDefinition
            }
        }
    }

    /// Its id, unique within its kind.
    #[must_use]
    pub fn id(&self) -> ConfigurationId {
        match self {
            Self::ConnectorDefinition(definition) => definition.id.clone(),
            Self::Application(application) => application.id.clone().into(),
            Self::ApplicationProfile(profile) => profile.id.clone(),
            Self::SynchronizationTaskDefinition(task) => task.id.clone(),
            Self::SynchronizationTaskPostProcessingDefinition(definition) => definition.common.id.clone(),
            Self::ProvisioningTaskDefinition(task) => task.id.clone(),
            Self::ProvisioningTaskPostProcessingDefinition(definition) => definition.common.id.clone(),
        }
    }

    /// Every secret that it refers to.
    #[must_use]
    pub fn secrets(&self) -> Vec<SecretReference> {
        match self {
            Self::ConnectorDefinition(definition) => definition.secrets(),
            Self::SynchronizationTaskPostProcessingDefinition(definition) => {
                webhook_secrets(&definition.common)
            }
            Self::ProvisioningTaskPostProcessingDefinition(definition) => webhook_secrets(&definition.common),
            Self::Application(_)
            | Self::ApplicationProfile(_)
            | Self::SynchronizationTaskDefinition(_)
            | Self::ProvisioningTaskDefinition(_) => Vec::new(),
        }
    }

    /// Every other resource that it names.
    #[must_use]
    pub fn references(&self) -> Vec<ConfigurationReference> {
        match self {
            Self::ConnectorDefinition(_) => Vec::new(),
            Self::Application(application) => vec![refer(
                "/connectorDefinitionId",
                CONNECTOR_DEFINITION,
                application.connector_definition_id.clone(),
            )],
            Self::ApplicationProfile(profile) => {
                vec![refer("/applicationId", APPLICATION, profile.application_id.clone())]
            }
            Self::SynchronizationTaskDefinition(task) => synchronization_task_references(task),
            Self::SynchronizationTaskPostProcessingDefinition(definition) => {
                post_processing_references(&definition.common)
            }
            Self::ProvisioningTaskDefinition(task) => provisioning_task_references(task),
            Self::ProvisioningTaskPostProcessingDefinition(definition) => {
                post_processing_references(&definition.common)
            }
        }
    }
}

const CONNECTOR_DEFINITION: &[ConfigurationKind] = &[ConfigurationKind::ConnectorDefinition];
const APPLICATION: &[ConfigurationKind] = &[ConfigurationKind::Application];
const SYNCHRONIZATION_TASK: &[ConfigurationKind] = &[ConfigurationKind::SynchronizationTaskDefinition];
const SYNCHRONIZATION_POST_PROCESSING: &[ConfigurationKind] =
    &[ConfigurationKind::SynchronizationTaskPostProcessingDefinition];
const PROVISIONING_POST_PROCESSING: &[ConfigurationKind] =
    &[ConfigurationKind::ProvisioningTaskPostProcessingDefinition];
const ANY_TASK: &[ConfigurationKind] =
    &[ConfigurationKind::SynchronizationTaskDefinition, ConfigurationKind::ProvisioningTaskDefinition];

fn refer(
    pointer: impl Into<String>,
    kinds: &'static [ConfigurationKind],
    id: impl Into<ConfigurationId>,
) -> ConfigurationReference {
    ConfigurationReference { pointer: pointer.into(), kinds, id: id.into() }
}

fn synchronization_task_references(task: &SynchronizationTaskDefinition) -> Vec<ConfigurationReference> {
    let source = task.task_type.source();
    let before = task.pre_synchronization.as_ref();
    let after = task.post_processing_id.as_ref();
    [
        source.map(|source| refer("/applicationId", APPLICATION, source.application_id.clone())),
        before.map(|id| refer("/preSynchronization", SYNCHRONIZATION_TASK, id.clone())),
        after.map(|id| refer("/postProcessingId", SYNCHRONIZATION_POST_PROCESSING, id.clone())),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn provisioning_task_references(task: &ProvisioningTaskDefinition) -> Vec<ConfigurationReference> {
    let applications = task.application_ids.iter().flatten().enumerate();
    let mut references: Vec<_> = applications
        .map(|(index, id)| refer(format!("/applicationIds/{index}"), APPLICATION, id.clone()))
        .collect();
    let after = task.post_processing_id.as_ref();
    references.extend(
        after.map(|id| refer("/provisioningTaskPostProcessingId", PROVISIONING_POST_PROCESSING, id.clone())),
    );
    references
}

fn post_processing_references(common: &PostProcessing) -> Vec<ConfigurationReference> {
    let next = common.launch.iter().enumerate();
    next.map(|(index, next)| {
        refer(format!("/launch/{index}/taskDefinitionId"), ANY_TASK, next.task_definition_id.clone())
    })
    .collect()
}

fn webhook_secrets(common: &PostProcessing) -> Vec<SecretReference> {
    let webhooks = common.webhooks.iter().enumerate();
    webhooks
        .filter_map(|(index, webhook)| {
            let name = secret::whole(webhook.secret.as_deref()?)?;
            Some(SecretReference { pointer: format!("/webhooks/{index}/secret"), name })
        })
        .collect()
}

impl ConnectorDefinition {
    /// Every secret that its properties refer to.
    #[must_use]
    pub fn secrets(&self) -> Vec<SecretReference> {
        let properties = self.properties.iter().enumerate();
        properties
            .flat_map(|(index, property)| {
                let pointer = format!("/connectorProperties/{index}/value");
                let names = secret::names(&property.value).into_iter();
                names.map(move |name| SecretReference { pointer: pointer.clone(), name })
            })
            .collect()
    }
}

impl TaskType {
    /// What a reconciliation or an import reads; `None` for a clean-up.
    #[must_use]
    pub fn source(&self) -> Option<&Source> {
        match self {
            Self::Reconciliation(source) | Self::Import(source) => Some(source),
            Self::Cleanup(_) => None,
        }
    }
}
