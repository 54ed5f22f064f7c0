//! A system in memory that lets in whoever knows its password, and tells everybody what it was given: for tests of
//! secrets. And the master key of all tests.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use muster_connector::memory::{MemoryKind, MemorySystem};
use muster_connector::properties::{PropertyDescription, unknown};
use muster_connector::{
    Capabilities, ClassProblem, Connector, ConnectorError, ConnectorKind, FileRoots, Host, Place, Properties,
    PropertyProblem, RemoteClass,
};
use muster_store::MasterKey;

const KNOWN: [PropertyDescription; 3] = [
    PropertyDescription { name: "host", default: None, description: "Where it is." },
    PropertyDescription { name: "user", default: None, description: "Who asks." },
    PropertyDescription { name: "password", default: None, description: "What lets in." },
];

/// The master key of all tests.
///
/// # Panics
/// Never.
#[must_use]
pub fn master_key() -> MasterKey {
    MasterKey::of(&[7; 32]).expect("32 octets")
}

/// The connector type of a locked system.
#[derive(Debug, Clone)]
pub struct LockedKind {
    name: &'static str,
    password: String,
    system: MemorySystem,
    opened: Arc<Mutex<Vec<Properties>>>,
}

impl LockedKind {
    /// A system behind a password.
    #[must_use]
    pub fn new(name: &'static str, password: &str, system: MemorySystem) -> Self {
        Self { name, password: password.to_owned(), system, opened: Arc::default() }
    }

    /// What it was opened with, one after the other.
    #[must_use]
    pub fn opened(&self) -> Vec<Properties> {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn memory(&self) -> MemoryKind {
        MemoryKind { name: self.name, system: self.system.clone() }
    }
}

#[async_trait]
impl ConnectorKind for LockedKind {
    fn name(&self) -> &'static str {
        self.name
    }

    fn check(&self, properties: &Properties) -> Vec<PropertyProblem> {
        unknown(properties, &KNOWN)
    }

    fn check_class(
        &self,
        properties: &Properties,
        class: &RemoteClass,
        files: &FileRoots,
    ) -> Vec<ClassProblem> {
        self.memory().check_class(properties, class, files)
    }

    fn is_address(&self, property: &str) -> bool {
        self.memory().is_address(property)
    }

    fn place(&self, class: &RemoteClass, place: Place) -> String {
        self.memory().place(class, place)
    }

    fn file<'a>(&self, class: &'a RemoteClass) -> Option<&'a str> {
        self.memory().file(class)
    }

    fn capabilities(&self, properties: &Properties) -> Capabilities {
        self.memory().capabilities(properties)
    }

    fn gives_keys(&self, properties: &Properties, class: &RemoteClass) -> bool {
        self.memory().gives_keys(properties, class)
    }

    async fn open(&self, properties: &Properties, host: &Host) -> Result<Box<dyn Connector>, ConnectorError> {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner).push(properties.clone());
        let given = properties.get("password").map_or("", String::as_str);
        if given != self.password {
            return Err(ConnectorError::Rejected { message: format!("the password is not `{given}`") });
        }
        self.memory().open(properties, host).await
    }
}

#[cfg(test)]
mod tests {
    use muster_connector::memory::CAPABLE;

    use super::*;

    #[test]
    fn it_gives_keys_as_its_system_does() {
        let (none, class) = (Properties::new(), RemoteClass::new("people", "id"));
        let system = MemorySystem::new(CAPABLE);
        for (system, gives_keys) in [(system.clone(), false), (system.with_given_keys(), true)] {
            assert_eq!(LockedKind::new("locked", "", system).gives_keys(&none, &class), gives_keys);
        }
    }
}
