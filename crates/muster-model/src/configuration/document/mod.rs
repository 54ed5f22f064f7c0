//! Documents: what tenants write, the same for JSON, XML and the stored row. A document holds no secret, only
//! references to secrets.
//!
//! [`Document::read`] takes a JSON tree, [`Document::parse`] makes the domain type of it, and a [`Resource`]
//! turns into its document again. XML is another spelling of the same tree. Every document declares its
//! [`Shape`], from which all descriptions are generated.
//!
//! What may be absent keeps its own default, which the shape names; what was written is kept as written, and
//! what comes out of a domain type leaves out whatever says the default. Null is absent. Of lists absent is
//! empty, since XML cannot tell one from the other; where absent means all, an empty list is refused.

pub mod application;
pub mod attribute_mapping;
pub mod check;
pub mod connector_definition;
pub mod execution_plan;
pub mod groups;
pub mod guards;
pub(crate) mod macros;
pub mod nearest;
pub mod object_class;
pub mod object_type;
pub mod overriding;
pub mod post_processing;
pub mod profile;
pub mod provisioning_task;
pub mod reactions;
pub mod reader;
mod references;
pub mod shape;
pub mod synchronization_task;
#[cfg(test)]
mod tests;
pub mod transformation;
pub mod value;
pub mod words;

use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::configuration::kind::ConfigurationKind;
use crate::configuration::problems::Problems;
use crate::configuration::resource::Resource;
use crate::ids::ConfigurationId;
use application::ApplicationDocument;
use connector_definition::ConnectorDefinitionDocument;
use post_processing::{
    ProvisioningTaskPostProcessingDefinitionDocument, SynchronizationTaskPostProcessingDefinitionDocument,
};
use profile::ApplicationProfileDocument;
use provisioning_task::ProvisioningTaskDefinitionDocument;
use reader::Leniency;
use shape::Shape;
use synchronization_task::SynchronizationTaskDefinitionDocument;
use value::{DocumentShape, FieldValue};

/// Declares what holds alike for the documents of all kinds.
macro_rules! documents {
    ($( $(#[doc = $doc:literal])+ $kind:ident($document:ident) ),+ $(,)?) => {
        /// A document of any kind.
        #[derive(Debug, Clone, PartialEq)]
        pub enum Document {
            $( $(#[doc = $doc])+ $kind($document), )+
        }

        impl Document {
            /// What documents of a kind look like.
            #[must_use]
            pub fn shape(kind: ConfigurationKind) -> &'static Shape {
                match kind {
                    $( ConfigurationKind::$kind => &<$document as DocumentShape>::SHAPE, )+
                }
            }

            /// Reads a document of a kind.
            ///
            /// # Errors
            /// All that is wrong with the form, and what is wrong with the meaning of those parts that could
            /// be read.
            pub fn read(
                kind: ConfigurationKind,
                value: &Value,
                leniency: Leniency,
            ) -> Result<Self, Problems> {
                match kind {
                    $( ConfigurationKind::$kind => reader::read(value, leniency).map(Self::$kind), )+
                }
            }

            /// Parses it into its domain type.
            ///
            /// # Errors
            /// All that is wrong within the document.
            pub fn parse(&self) -> Result<Resource, Problems> {
                match self {
                    $( Self::$kind(document) => check::parse(document).map(Resource::$kind), )+
                }
            }

            /// Its kind.
            #[must_use]
            pub fn kind(&self) -> ConfigurationKind {
                match self {
                    $( Self::$kind(_) => ConfigurationKind::$kind, )+
                }
            }

            /// Its id, unique within its kind.
            #[must_use]
            pub fn id(&self) -> ConfigurationId {
                match self {
                    $( Self::$kind(document) => document.id.clone().into(), )+
                }
            }

            /// Its JSON tree, as [`read`](Self::read) takes it.
            #[must_use]
            pub fn to_value(&self) -> Value {
                match self {
                    $( Self::$kind(document) => document.write(), )+
                }
            }
        }

        impl From<&Resource> for Document {
            fn from(resource: &Resource) -> Self {
                match resource {
                    $( Resource::$kind(resource) => Self::$kind(resource.into()), )+
                }
            }
        }
    };
}

documents! {
    /// How a remote system is reached.
    ConnectorDefinition(ConnectorDefinitionDocument),
    /// What a remote system holds and how that maps to IM objects.
    Application(ApplicationDocument),
    /// Who gets an account and which entitlements.
    ApplicationProfile(ApplicationProfileDocument),
    /// A task that brings accounts into the identity repository.
    SynchronizationTaskDefinition(SynchronizationTaskDefinitionDocument),
    /// What happens after a run of a synchronization task.
    SynchronizationTaskPostProcessingDefinition(SynchronizationTaskPostProcessingDefinitionDocument),
    /// A task that brings the identity repository into applications.
    ProvisioningTaskDefinition(ProvisioningTaskDefinitionDocument),
    /// What happens after a run of a provisioning task.
    ProvisioningTaskPostProcessingDefinition(ProvisioningTaskPostProcessingDefinitionDocument),
}

impl Serialize for Document {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_value().serialize(serializer)
    }
}
