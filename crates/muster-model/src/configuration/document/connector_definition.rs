//! The document of connector definitions, and what it means.

use std::ops::RangeInclusive;

use crate::configuration::connector_definition::{
    ConnectorDefinition, ConnectorLimits, ConnectorProperty, Retry,
};
use crate::configuration::document::check::{parse_list, parse_optional};
use crate::configuration::document::macros::document;
use crate::configuration::document::value::Parse;
use crate::configuration::problems::Trail;
use crate::ids::ConfigurationId;
use crate::secret;

const FROM_ONE: RangeInclusive<i64> = 1..=u32::MAX as i64;

document! {
    /// How a remote system is reached.
    ConnectorDefinitionDocument named "ConnectorDefinition" {
        /// The caller's own id.
        required id: ConfigurationId = "id";
        /// What people call it.
        required name: String = "name";
        /// What it is for.
        optional description: String = "description";
        /// The kind of connector, such as `csv`, `ldap`, `sql`, `scim`, `rest`.
        required connector_type: String = "type";
        /// Its settings; which there are depends on `type`.
        list connector_properties: ConnectorPropertyDocument = "connectorProperties" each "connectorProperty";
        /// How hard the remote system may be worked. This version checks and keeps it, and does not follow it.
        optional limits: ConnectorLimitsDocument = "limits";
        /// While true no run uses it.
        defaulted maintenance: bool = "maintenance";
    }
}

document! {
    /// One setting of a connector.
    ConnectorPropertyDocument named "ConnectorProperty" {
        /// Its name.
        required name: String = "name";
        /// Its value; refers to a secret as `${secret:name}`.
        defaulted value: String = "value";
    }
}

document! {
    /// How hard a remote system may be worked, by all applications of the definition together.
    ConnectorLimitsDocument named "ConnectorLimits" {
        /// Operations at the same time; absent, 32. It begins with 8 and finds out how many the system bears.
        optional max_concurrent_operations: u32 = "maxConcurrentOperations" in FROM_ONE;
        /// How long one operation may take, in milliseconds; absent, 30,000.
        optional operation_timeout_millis: u32 = "operationTimeoutMillis" in FROM_ONE;
        /// Operations a second; absent, not limited.
        optional requests_per_second: u32 = "requestsPerSecond" in FROM_ONE;
        /// How an operation that was not answered is tried again; absent, twice, after 200 and 400 milliseconds.
        optional retry: RetryDocument = "retry";
    }
}

document! {
    /// How a failed operation is tried again.
    RetryDocument named "Retry" {
        /// Tries after the first.
        required maximum: u32 = "maximum" in 0..=10;
        /// The wait before the second try in milliseconds; it doubles each time.
        required initial_delay_millis: u32 = "initialDelayMillis";
        /// The longest wait in milliseconds.
        required maximum_delay_millis: u32 = "maximumDelayMillis";
    }
}

impl Parse for ConnectorDefinitionDocument {
    type Domain = ConnectorDefinition;

    fn parse(&self, trail: &mut Trail) -> Option<ConnectorDefinition> {
        let names = self.connector_properties.iter().map(|property| &property.name);
        trail.refuse_repeated("connectorProperties", names);
        let properties = parse_list("connectorProperties", &self.connector_properties, trail);
        let limits = parse_optional("limits", self.limits.as_ref(), trail);
        Some(ConnectorDefinition {
            id: self.id.clone(),
            name: self.name.clone(),
            description: self.description.clone(),
            connector_type: self.connector_type.clone(),
            properties: properties?,
            limits: limits?.unwrap_or_default(),
            maintenance: self.maintenance.unwrap_or_default(),
        })
    }
}

impl From<&ConnectorDefinition> for ConnectorDefinitionDocument {
    fn from(definition: &ConnectorDefinition) -> Self {
        let limits = definition.limits;
        Self {
            id: definition.id.clone(),
            name: definition.name.clone(),
            description: definition.description.clone(),
            connector_type: definition.connector_type.clone(),
            connector_properties: definition.properties.iter().map(Into::into).collect(),
            limits: (limits != ConnectorLimits::default()).then(|| (&limits).into()),
            maintenance: definition.maintenance.then_some(true),
        }
    }
}

impl Parse for ConnectorPropertyDocument {
    type Domain = ConnectorProperty;

    // Which names there are and what their values have to be is known to the connector of the type alone.
    fn parse(&self, trail: &mut Trail) -> Option<ConnectorProperty> {
        if let Err(problem) = secret::parts(self.value.as_deref().unwrap_or_default()) {
            trail.problem_in("value", problem.to_string());
        }
        Some(ConnectorProperty { name: self.name.clone(), value: self.value.clone().unwrap_or_default() })
    }
}

impl From<&ConnectorProperty> for ConnectorPropertyDocument {
    fn from(property: &ConnectorProperty) -> Self {
        Self { name: property.name.clone(), value: Some(property.value.clone()) }
    }
}

impl Parse for ConnectorLimitsDocument {
    type Domain = ConnectorLimits;

    fn parse(&self, trail: &mut Trail) -> Option<ConnectorLimits> {
        Some(ConnectorLimits {
            max_concurrent_operations: self.max_concurrent_operations,
            operation_timeout_millis: self.operation_timeout_millis,
            requests_per_second: self.requests_per_second,
            retry: parse_optional("retry", self.retry.as_ref(), trail)?,
        })
    }
}

impl From<&ConnectorLimits> for ConnectorLimitsDocument {
    fn from(limits: &ConnectorLimits) -> Self {
        Self {
            max_concurrent_operations: limits.max_concurrent_operations,
            operation_timeout_millis: limits.operation_timeout_millis,
            requests_per_second: limits.requests_per_second,
            retry: limits.retry.as_ref().map(Into::into),
        }
    }
}

impl Parse for RetryDocument {
    type Domain = Retry;

    fn parse(&self, trail: &mut Trail) -> Option<Retry> {
        if self.maximum_delay_millis < self.initial_delay_millis {
            trail.problem_in("maximumDelayMillis", "is less than `initialDelayMillis`");
        }
        Some(Retry {
            maximum: self.maximum,
            initial_delay_millis: self.initial_delay_millis,
            maximum_delay_millis: self.maximum_delay_millis,
        })
    }
}

impl From<&Retry> for RetryDocument {
    fn from(retry: &Retry) -> Self {
        Self {
            maximum: retry.maximum,
            initial_delay_millis: retry.initial_delay_millis,
            maximum_delay_millis: retry.maximum_delay_millis,
        }
    }
}
