//! Tests of a connection, step by step, each with its own message.

use crate::{Connector, ConnectorError, RemoteClass};

/// One step of a test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TestStep {
    /// All that comes before the first question, where a connector does not tell its parts from each other.
    Open,
    /// The name leads to an address that may be called, and somebody answers there.
    Address,
    /// The connection is encrypted, and the other side is whom it should be.
    Tls,
    /// The system takes the credentials.
    Credentials,
    /// The system says what it can do.
    Capabilities,
    /// The class is there and can be read.
    Class(String),
}

/// A step that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestedStep {
    /// Which.
    pub step: TestStep,
    /// What was found, for people; or what is wrong and what to do.
    pub result: Result<String, ConnectorError>,
}

impl TestedStep {
    /// A step that went well.
    #[must_use]
    pub fn passed(step: TestStep, found: impl Into<String>) -> Self {
        Self { step, result: Ok(found.into()) }
    }
}

/// Looks at each class of an open connector.
pub async fn test_classes(connector: &dyn Connector, classes: &[RemoteClass]) -> Vec<TestedStep> {
    let mut steps = Vec::with_capacity(classes.len());
    for class in classes {
        let result = connector.probe(class).await.map(|()| "can be read".to_owned());
        steps.push(TestedStep { step: TestStep::Class(class.remote_name.clone()), result });
    }
    steps
}
