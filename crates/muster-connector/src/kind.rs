//! Kinds of connectors: what they say about settings before anything is opened.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use muster_model::TenantSlug;

use crate::test::test_classes;
use crate::{
    Capabilities, Connector, ConnectorError, Paced, Place, RemoteClass, TestStep, TestSteps, TestedStep,
    properties,
};

/// Settings of a connector definition: property names and their texts, secrets already put in.
pub type Properties = BTreeMap<String, String>;

/// One problem of a property.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PropertyProblem {
    /// The property.
    pub name: String,
    /// What is wrong and what would be right.
    pub message: String,
}

impl fmt::Display for PropertyProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: {}", self.name, self.message)
    }
}

/// The part of a class that has a problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClassPart {
    /// [`RemoteClass::remote_name`].
    RemoteName,
    /// [`RemoteClass::uid_attribute`].
    UidAttribute,
    /// [`RemoteClass::name_attribute`].
    NameAttribute,
    /// [`RemoteClass::membership`].
    Membership,
}

/// One problem of a class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClassProblem {
    /// The part.
    pub part: ClassPart,
    /// What is wrong and what would be right.
    pub message: String,
}

/// The directories that a tenant's paths may lead into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileRoots {
    /// The tenant's own directory; relative paths start here.
    pub own: std::path::PathBuf,
    /// Further roots that the host's operator lists; absolute paths must lie in one of them.
    pub further: Vec<std::path::PathBuf>,
}

/// What a connector may use of the host.
#[derive(Debug, Clone)]
pub struct Host {
    /// Whose system it is.
    pub tenant: TenantSlug,
    /// Where files may lie.
    pub files: FileRoots,
    /// How long one call to the system may take.
    pub call_limit: Duration,
    /// When calls may be made.
    pub pace: Paced,
}

impl Host {
    /// A host that lets calls go out at once, and waits for them as long as is usual.
    #[must_use]
    pub fn new(tenant: TenantSlug, files: FileRoots) -> Self {
        Self { tenant, files, call_limit: Self::CALL_LIMIT, pace: Paced::default() }
    }

    /// How long a call may take when nothing else is set.
    pub const CALL_LIMIT: Duration = Duration::from_secs(30);
}

/// A kind of connector: checks properties and opens connectors. One exists for each `type` of a connector
/// definition, and the caller of the engine says which.
#[async_trait]
pub trait ConnectorKind: Send + Sync {
    /// The `type` of the connector definitions it serves.
    fn name(&self) -> &'static str;

    /// Checks properties without touching the outside; all problems at once.
    fn check(&self, properties: &Properties) -> Vec<PropertyProblem>;

    /// Checks a class that is to be read or written with these properties, without touching the outside; all
    /// problems at once. Properties that are wrong themselves are told by [`check`](Self::check) alone.
    fn check_class(
        &self,
        properties: &Properties,
        class: &RemoteClass,
        files: &FileRoots,
    ) -> Vec<ClassProblem>;

    /// Whether a property says where a connector connects to, or of whom it makes sure there. A secret is entered for
    /// one such address: when one of these properties changes, the secret has to be entered again.
    fn is_address(&self, property: &str) -> bool {
        properties::is_address(property)
    }

    /// A place of a class in words, as messages about its entries have it: "`hr/people.csv` line 7".
    fn place(&self, class: &RemoteClass, place: Place) -> String;

    /// The file that the accounts of a class are, by the path that the configuration names; `None` where they are none.
    fn file<'a>(&self, _class: &'a RemoteClass) -> Option<&'a str> {
        None
    }

    /// What a connector with these properties could do, without opening it.
    fn capabilities(&self, properties: &Properties) -> Capabilities;

    /// Whether accounts of a class get their keys from the system, so that they are made under their names.
    fn gives_keys(&self, _properties: &Properties, _class: &RemoteClass) -> bool {
        false
    }

    /// Opens a connector, and finds out what the system can do.
    ///
    /// # Errors
    /// When properties are wrong, the host forbids it, or the system cannot be reached or does not let us in.
    async fn open(&self, properties: &Properties, host: &Host) -> Result<Box<dyn Connector>, ConnectorError>;

    /// Tests, one step after the other, whether the system can be reached, lets us in, and has these classes. Ends with
    /// the first step that fails, except that every property and class is looked at.
    async fn test(
        &self,
        properties: &Properties,
        host: &Host,
        classes: &[RemoteClass],
        steps: &mut TestSteps,
    ) {
        steps.begin(TestStep::Open);
        match self.open(properties, host).await {
            Ok(connector) => test_classes(&*connector, classes, steps).await,
            Err(error) => steps.put(TestedStep { step: TestStep::Open, result: Err(error) }),
        }
    }
}
