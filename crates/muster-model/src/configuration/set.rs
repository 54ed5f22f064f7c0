//! The configuration of a tenant: all its resources as one value, never changed in place.

use std::collections::BTreeMap;
use std::sync::Arc;

use uuid::Uuid;

use crate::attribute::{AttributeName, ValueType};
use crate::configuration::application::{Application, Direction, ReferenceTarget};
use crate::configuration::attribute_type::AttributeType;
use crate::configuration::connector_definition::ConnectorDefinition;
use crate::configuration::kind::ConfigurationKind;
use crate::configuration::post_processing::{
    ProvisioningTaskPostProcessingDefinition, SynchronizationTaskPostProcessingDefinition,
};
use crate::configuration::problems::{Problems, push_segment};
use crate::configuration::profile::ApplicationProfile;
use crate::configuration::resource::{ConfigurationReference, Resource};
use crate::configuration::set_check;
use crate::configuration::task::{ProvisioningTaskDefinition, SynchronizationTaskDefinition};
use crate::ids::{ApplicationId, ConfigurationId, SecretName};
use crate::object::ObjectKind;

/// All resources of a tenant, in the order of their kinds and ids. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Configuration {
    resources: BTreeMap<(ConfigurationKind, ConfigurationId), Arc<Resource>>,
}

impl FromIterator<Resource> for Configuration {
    /// Of several resources of one kind and id the last counts.
    fn from_iter<I: IntoIterator<Item = Resource>>(resources: I) -> Self {
        resources.into_iter().map(Arc::new).collect()
    }
}

impl FromIterator<Arc<Resource>> for Configuration {
    /// Of several resources of one kind and id the last counts.
    fn from_iter<I: IntoIterator<Item = Arc<Resource>>>(resources: I) -> Self {
        let keyed = resources.into_iter().map(|resource| ((resource.kind(), resource.id()), resource));
        Self { resources: keyed.collect() }
    }
}

impl Configuration {
    /// This configuration with a resource put in, or in the place of the one of its kind and id.
    #[must_use]
    pub fn with(mut self, resource: Resource) -> Self {
        self.resources.insert((resource.kind(), resource.id()), Arc::new(resource));
        self
    }

    /// This configuration without a resource.
    #[must_use]
    pub fn without(mut self, kind: ConfigurationKind, id: &ConfigurationId) -> Self {
        self.resources.remove(&(kind, id.clone()));
        self
    }

    /// All resources, in the order of their kinds and ids.
    pub fn iter(&self) -> impl Iterator<Item = &Resource> {
        self.resources.values().map(Arc::as_ref)
    }

    /// The resource of that kind and id.
    #[must_use]
    pub fn get(&self, kind: ConfigurationKind, id: &ConfigurationId) -> Option<&Resource> {
        self.resources.get(&(kind, id.clone())).map(Arc::as_ref)
    }

    /// The resource that a reference means.
    #[must_use]
    pub fn resolve(&self, reference: &ConfigurationReference) -> Option<&Resource> {
        reference.kinds.iter().find_map(|kind| self.get(*kind, &reference.id))
    }

    /// Who refers to a resource, and where: the pointers are those of [`check`](Self::check).
    #[must_use]
    pub fn referrers(&self, kind: ConfigurationKind, id: &ConfigurationId) -> Vec<(&Resource, String)> {
        let mut referrers = Vec::new();
        for resource in self.iter() {
            for reference in resource.references() {
                let meant = self.resolve(&reference);
                if meant.is_some_and(|meant| meant.kind() == kind && reference.id == *id) {
                    referrers.push((resource, format!("{}{}", Self::pointer(resource), reference.pointer)));
                }
            }
        }
        referrers
    }

    /// Who refers to a secret, and where: the pointers are those of [`check`](Self::check).
    #[must_use]
    pub fn secret_referrers(&self, name: &SecretName) -> Vec<(&Resource, String)> {
        let mut referrers = Vec::new();
        for resource in self.iter() {
            for reference in resource.secrets().iter().filter(|reference| reference.name == *name) {
                referrers.push((resource, format!("{}{}", Self::pointer(resource), reference.pointer)));
            }
        }
        referrers
    }

    /// The pointer of a resource within the configuration: `/applications/hr`.
    #[must_use]
    pub fn pointer(resource: &Resource) -> String {
        let mut pointer = String::new();
        push_segment(&mut pointer, resource.kind().path_segment());
        push_segment(&mut pointer, resource.id().as_str());
        pointer
    }

    /// What an attribute of a kind of objects refers to, if it is a reference: as the first inbound mapping that
    /// writes it says. All others say the same, or [`check`](Self::check) tells.
    #[must_use]
    pub fn reference_target(&self, kind: ObjectKind, attribute: &AttributeName) -> Option<&ReferenceTarget> {
        let object_types = self.applications().flat_map(|application| &application.object_types);
        let of_kind = object_types.filter(|object_type| object_type.object_kind == kind);
        let mut writing = of_kind.flat_map(|object_type| &object_type.attribute_mappings).filter(|mapping| {
            mapping.direction == Direction::Inbound
                && mapping.value_type == ValueType::Reference
                && mapping.attribute == *attribute
        });
        writing.find_map(|mapping| mapping.reference.as_ref())
    }

    /// What the inbound mappings say of the attributes of a kind of objects. Several of one attribute say the
    /// same, or [`check`](Self::check) tells; the first counts.
    #[must_use]
    pub fn attribute_types(&self, kind: ObjectKind) -> BTreeMap<&AttributeName, AttributeType> {
        let object_types = self.applications().flat_map(|application| &application.object_types);
        let of_kind = object_types.filter(|object_type| object_type.object_kind == kind);
        let mappings = of_kind.flat_map(|object_type| &object_type.attribute_mappings);
        let mut types = BTreeMap::new();
        for mapping in mappings.filter(|mapping| mapping.direction == Direction::Inbound) {
            types.entry(&mapping.attribute).or_insert_with(|| AttributeType::from(mapping));
        }
        types
    }

    /// The tasks whose runs come before a full run of a synchronization task, the nearest first: `preSynchronization`
    /// leads from one to the next. A circle, of which [`check`](Self::check) tells, is gone round once.
    #[must_use]
    pub fn preceding_tasks(&self, task: &ConfigurationId) -> Vec<&ConfigurationId> {
        let before = |id: &ConfigurationId| self.synchronization_task(id)?.pre_synchronization.as_ref();
        let mut preceding = Vec::new();
        let mut next = before(task);
        while let Some(id) = next.filter(|id| !preceding.contains(id)) {
            preceding.push(id);
            next = before(id);
        }
        preceding
    }

    /// The task of the connector that User Sync knows by this text: a unique id, or the id of the task. A text that may be
    /// a unique id is nothing else.
    #[must_use]
    pub fn connector(&self, known_by: &str) -> Option<&SynchronizationTaskDefinition> {
        self.synchronization_tasks().find(|task| match Uuid::parse_str(known_by) {
            Ok(unique_id) => task.unique_id == Some(unique_id),
            Err(_) => task.id.as_str() == known_by,
        })
    }

    /// Of references those that lead nowhere, at the pointers that they stand at.
    #[must_use]
    pub fn dangling(&self, references: &[ConfigurationReference]) -> Problems {
        set_check::dangling(self, references)
    }

    /// All that is wrong between resources. Pointers begin with that of the resource; [`Problems::below`]
    /// gives those of one resource.
    #[must_use]
    pub fn check(&self) -> Problems {
        set_check::check(self)
    }
}

/// Declares a getter of one resource and one of all resources of a kind.
macro_rules! getters {
    ($( $(#[doc = $doc:literal])+ $one:ident, $all:ident: $kind:ident of $id:ty; )+) => {
        impl Configuration { $(
            $(#[doc = $doc])+
            #[must_use]
            pub fn $one(&self, id: &$id) -> Option<&$kind> {
                match self.get(ConfigurationKind::$kind, &ConfigurationId::from(id.clone())) {
                    Some(Resource::$kind(resource)) => Some(resource),
                    _ => None,
                }
            }

            /// All resources of the kind, by id.
            pub fn $all(&self) -> impl Iterator<Item = &$kind> {
                self.iter().filter_map(|resource| match resource {
                    Resource::$kind(resource) => Some(resource),
                    _ => None,
                })
            }
        )+ }
    };
}

getters! {
    /// The connector definition of that id.
    connector_definition, connector_definitions: ConnectorDefinition of ConfigurationId;
    /// The application of that id.
    application, applications: Application of ApplicationId;
    /// The application profile of that id.
    application_profile, application_profiles: ApplicationProfile of ConfigurationId;
    /// The synchronization task of that id.
    synchronization_task, synchronization_tasks: SynchronizationTaskDefinition of ConfigurationId;
    /// The post-processing of synchronization tasks of that id.
    synchronization_task_post_processing, synchronization_task_post_processings:
        SynchronizationTaskPostProcessingDefinition of ConfigurationId;
    /// The provisioning task of that id.
    provisioning_task, provisioning_tasks: ProvisioningTaskDefinition of ConfigurationId;
    /// The post-processing of provisioning tasks of that id.
    provisioning_task_post_processing, provisioning_task_post_processings:
        ProvisioningTaskPostProcessingDefinition of ConfigurationId;
}

#[cfg(test)]
mod tests;
