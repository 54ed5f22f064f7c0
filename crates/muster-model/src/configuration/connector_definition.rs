//! Connector definitions: how a remote system is reached.

use crate::ids::ConfigurationId;

/// How a remote system is reached.
#[derive(Debug, Clone, PartialEq)]
pub struct ConnectorDefinition {
    /// The caller's id.
    pub id: ConfigurationId,
    /// What people call it.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// The kind of connector: `csv`, `ldap`, …
    pub connector_type: String,
    /// Its settings, in the order given; a value may refer to a secret as `${secret:name}`.
    pub properties: Vec<ConnectorProperty>,
    /// How hard the remote system may be worked.
    pub limits: ConnectorLimits,
    /// While true no run uses it.
    pub maintenance: bool,
}

/// One setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectorProperty {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
}

/// How hard a remote system may be worked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ConnectorLimits {
    /// Operations at the same time, at least 1; 32 where nothing is set.
    pub max_concurrent_operations: Option<u32>,
    /// How long one operation may take, at least 1; 30,000 where nothing is set.
    pub operation_timeout_millis: Option<u32>,
    /// Operations a second, at least 1.
    pub requests_per_second: Option<u32>,
    /// How often and how fast a failed operation is tried again.
    pub retry: Option<Retry>,
}

/// How a failed operation is tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    /// Tries after the first, 0 to 10.
    pub maximum: u32,
    /// The wait before the second try; it doubles each time.
    pub initial_delay_millis: u32,
    /// The longest wait.
    pub maximum_delay_millis: u32,
}
