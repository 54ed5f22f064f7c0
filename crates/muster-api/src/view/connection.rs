//! Remote systems as clients see them: what came of a test, and what they offer.

use muster_connector::{OfferedAttribute, OfferedClass, TestStep, TestedStep};
use muster_model::{ApplicationId, ConfigurationId};
use serde::Serialize;

/// What came of the test of a connection, step by step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ConnectionTestView {
    connector_definition_id: String,
    passed: bool,
    steps: Vec<TestedStepView>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct TestedStepView {
    step: &'static str,
    property: Option<String>,
    class: Option<String>,
    passed: bool,
    message: String,
}

/// The steps of a test, as clients see them.
pub(crate) const STEPS: [&str; 7] =
    ["OPEN", "ADDRESS", "TLS", "CREDENTIALS", "CAPABILITIES", "PROPERTY", "CLASS"];

impl ConnectionTestView {
    pub(crate) fn new(definition: &ConfigurationId, steps: &[TestedStep]) -> Self {
        Self {
            connector_definition_id: definition.to_string(),
            passed: steps.iter().all(|step| step.result.is_ok()),
            steps: steps.iter().map(TestedStepView::from).collect(),
        }
    }
}

impl From<&TestedStep> for TestedStepView {
    fn from(TestedStep { step, result }: &TestedStep) -> Self {
        let (step, property, class) = match step {
            TestStep::Open => (STEPS[0], None, None),
            TestStep::Address => (STEPS[1], None, None),
            TestStep::Tls => (STEPS[2], None, None),
            TestStep::Credentials => (STEPS[3], None, None),
            TestStep::Capabilities => (STEPS[4], None, None),
            TestStep::Property(name) => (STEPS[5], Some(name.clone()), None),
            TestStep::Class(name) => (STEPS[6], None, Some(name.clone())),
        };
        let message = result.as_ref().map_or_else(ToString::to_string, Clone::clone);
        Self { step, property, class, passed: result.is_ok(), message }
    }
}

/// What an application offers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ApplicationSchemaView {
    application_id: String,
    object_classes: Vec<OfferedClassView>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct OfferedClassView {
    remote_name: String,
    description: Option<String>,
    attributes: Vec<OfferedAttributeView>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct OfferedAttributeView {
    name: String,
    remote_type: Option<String>,
    multi_valued: bool,
    required: bool,
    writable: bool,
    unique: bool,
}

impl ApplicationSchemaView {
    pub(crate) fn new(application: &ApplicationId, offered: &[OfferedClass]) -> Self {
        Self {
            application_id: application.to_string(),
            object_classes: offered.iter().map(OfferedClassView::from).collect(),
        }
    }
}

impl From<&OfferedClass> for OfferedClassView {
    fn from(class: &OfferedClass) -> Self {
        Self {
            remote_name: class.remote_name.clone(),
            description: class.description.clone(),
            attributes: class.attributes.iter().map(OfferedAttributeView::from).collect(),
        }
    }
}

impl From<&OfferedAttribute> for OfferedAttributeView {
    fn from(attribute: &OfferedAttribute) -> Self {
        Self {
            name: attribute.name.to_string(),
            remote_type: attribute.remote_type.clone(),
            multi_valued: attribute.multi_valued,
            required: attribute.required,
            writable: attribute.writable,
            unique: attribute.unique,
        }
    }
}
