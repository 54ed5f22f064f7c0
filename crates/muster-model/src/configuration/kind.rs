//! The seven kinds of configuration and their names in paths, XML and logs.

use std::fmt;

/// A kind of configuration. The order is the order of dataset exports: what is referred to stands before what
/// refers to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ConfigurationKind {
    /// How a remote system is reached.
    ConnectorDefinition,
    /// What a remote system holds and how that maps to IM objects.
    Application,
    /// Who gets an account and which entitlements.
    ApplicationProfile,
    /// A task that brings accounts into the identity repository.
    SynchronizationTaskDefinition,
    /// What happens after a run of a synchronization task.
    SynchronizationTaskPostProcessingDefinition,
    /// A task that brings the identity repository into applications.
    ProvisioningTaskDefinition,
    /// What happens after a run of a provisioning task.
    ProvisioningTaskPostProcessingDefinition,
}

impl ConfigurationKind {
    /// All kinds, in their order.
    pub const ALL: [Self; 7] = [
        Self::ConnectorDefinition,
        Self::Application,
        Self::ApplicationProfile,
        Self::SynchronizationTaskDefinition,
        Self::SynchronizationTaskPostProcessingDefinition,
        Self::ProvisioningTaskDefinition,
        Self::ProvisioningTaskPostProcessingDefinition,
    ];

    /// The name of the kind: its element in a dataset, its schema in the API description.
    #[must_use]
    pub fn element_name(self) -> &'static str {
        match self {
            Self::ConnectorDefinition => "ConnectorDefinition",
            Self::Application => "Application",
            Self::ApplicationProfile => "ApplicationProfile",
            Self::SynchronizationTaskDefinition => "SynchronizationTaskDefinition",
            Self::SynchronizationTaskPostProcessingDefinition => {
                "SynchronizationTaskPostProcessingDefinition"
            }
            Self::ProvisioningTaskDefinition => "ProvisioningTaskDefinition",
            Self::ProvisioningTaskPostProcessingDefinition => "ProvisioningTaskPostProcessingDefinition",
        }
    }

    /// The segment after `conf/` in paths.
    #[must_use]
    pub fn path_segment(self) -> &'static str {
        match self {
            Self::ConnectorDefinition => "connector-definitions",
            Self::Application => "applications",
            Self::ApplicationProfile => "application-profiles",
            Self::SynchronizationTaskDefinition => "sync-task-definitions",
            Self::SynchronizationTaskPostProcessingDefinition => "sync-task-post-processing-definitions",
            Self::ProvisioningTaskDefinition => "prov-task-definitions",
            Self::ProvisioningTaskPostProcessingDefinition => "prov-task-post-processing-definitions",
        }
    }

    /// The number under which the kind is stored: its place among all.
    #[must_use]
    pub fn number(self) -> u8 {
        self as u8
    }

    /// The kind of that number.
    #[must_use]
    pub fn of_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }

    /// The kind of that path segment.
    #[must_use]
    pub fn from_path_segment(segment: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.path_segment() == segment)
    }
}

impl fmt::Display for ConfigurationKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.element_name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_segments_and_numbers_lead_back_to_their_kind() {
        for kind in ConfigurationKind::ALL {
            assert_eq!(ConfigurationKind::of_number(kind.number()), Some(kind));
            assert_eq!(ConfigurationKind::from_path_segment(kind.path_segment()), Some(kind));
        }
        assert_eq!(ConfigurationKind::from_path_segment("Application"), None);
        assert_eq!(ConfigurationKind::of_number(7), None);
        assert!(ConfigurationKind::ALL.is_sorted());
    }
}
