//! The system in memory as a connector, and the kind that opens it.

use std::collections::BTreeSet;

use async_trait::async_trait;
use muster_model::AttributeName;

use super::rules::Rules;
use super::sweep::MemorySweep;
use super::{MemorySystem, State};
use crate::{
    Capabilities, ClassProblem, Connector, ConnectorError, ConnectorKind, Durable, Entry, FileRoots, Host,
    OfferedAttribute, OfferedClass, Operation, Place, Properties, PropertyProblem, RemoteClass, Sweep,
    SweepRequest, WriteResult, Writer, properties,
};

#[async_trait]
impl Connector for MemorySystem {
    fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    async fn probe(&self, _class: &RemoteClass) -> Result<(), ConnectorError> {
        Ok(())
    }

    /// The attributes that the accounts of the classes hold.
    async fn discover(&self, classes: &[RemoteClass]) -> Result<Vec<OfferedClass>, ConnectorError> {
        let offered = classes.iter().map(|class| {
            let held = self.accounts(&class.remote_name);
            let names =
                held.values().flat_map(|account| account.attributes.iter().map(|(name, _)| name.clone()));
            let names: BTreeSet<AttributeName> = names.collect();
            OfferedClass {
                remote_name: class.remote_name.clone(),
                description: None,
                attributes: names.into_iter().map(OfferedAttribute::new).collect(),
            }
        });
        Ok(offered.collect())
    }

    async fn sweep(&self, request: SweepRequest) -> Result<Box<dyn Sweep>, ConnectorError> {
        Ok(Box::new(MemorySweep::begin(self.clone(), request)?))
    }

    async fn read(&self, class: &RemoteClass, uids: &[String]) -> Result<Vec<Entry>, ConnectorError> {
        let view = self.view(class);
        let state = self.lock();
        let Some(accounts) = state.classes.get(&class.remote_name) else { return Ok(Vec::new()) };
        let place = |uid: &String| accounts.range(..=uid.clone()).count() as u64;
        let found =
            uids.iter().filter_map(|uid| accounts.get(uid).map(|held| view.entry(place(uid), uid, held)));
        Ok(found.collect())
    }

    async fn find(&self, class: &RemoteClass, names: &[String]) -> Result<Vec<Entry>, ConnectorError> {
        if class.name_attribute.is_none() {
            return self.read(class, names).await;
        }
        let uids: Vec<String> = {
            let state = self.lock();
            names.iter().flat_map(|name| state.all_named(class, name)).collect()
        };
        self.read(class, &uids).await
    }

    async fn writer(&self, class: &RemoteClass) -> Result<Box<dyn Writer>, ConnectorError> {
        if !self.capabilities.write {
            return Err(ConnectorError::Unusable { message: "the system cannot be written".to_owned() });
        }
        let staged = match self.capabilities.durable {
            Durable::EachCall => None,
            Durable::AtClose => {
                let state = self.lock().clone();
                Some(Staged { began_at: state.log.len(), state })
            }
        };
        Ok(Box::new(MemoryWriter { system: self.clone(), class: class.clone(), staged }))
    }
}

struct MemoryWriter {
    system: MemorySystem,
    class: RemoteClass,
    /// With [`Durable::AtClose`] a copy that takes the place of everything at the end.
    staged: Option<Staged>,
}

struct Staged {
    state: State,
    began_at: usize,
}

#[async_trait]
impl Writer for MemoryWriter {
    async fn write(&mut self, operations: Vec<Operation>) -> Vec<WriteResult> {
        let Self { system, class, staged } = self;
        let rules = Rules { system };
        let mut guard;
        let state = match staged {
            Some(staged) => &mut staged.state,
            None => {
                guard = system.lock();
                &mut *guard
            }
        };
        operations.into_iter().map(|operation| rules.apply(state, class, operation)).collect()
    }

    async fn close(self: Box<Self>) -> Result<(), ConnectorError> {
        let Some(staged) = self.staged else { return Ok(()) };
        let mut state = self.system.lock();
        if state.log.len() != staged.began_at {
            let message = "the system changed while it was written; try again".to_owned();
            return Err(ConnectorError::Transient { message, retry_after: None });
        }
        *state = staged.state;
        Ok(())
    }
}

/// The kind of connector that opens one system in memory, whatever the properties.
#[derive(Debug, Clone)]
pub struct MemoryKind {
    /// The `type` of the connector definitions that it serves.
    pub name: &'static str,
    /// The system that it opens.
    pub system: MemorySystem,
}

#[async_trait]
impl ConnectorKind for MemoryKind {
    fn name(&self) -> &'static str {
        self.name
    }

    fn check(&self, properties: &Properties) -> Vec<PropertyProblem> {
        properties::unknown(properties, &[])
    }

    /// Any class can be made.
    fn check_class(&self, _: &Properties, _: &RemoteClass, _: &FileRoots) -> Vec<ClassProblem> {
        Vec::new()
    }

    fn place(&self, class: &RemoteClass, place: Place) -> String {
        format!("entry {} of `{}`", place.0, class.remote_name)
    }

    fn capabilities(&self, _properties: &Properties) -> Capabilities {
        self.system.capabilities
    }

    fn gives_keys(&self, _properties: &Properties, _class: &RemoteClass) -> bool {
        self.system.gives_keys
    }

    async fn open(
        &self,
        _properties: &Properties,
        _host: &Host,
    ) -> Result<Box<dyn Connector>, ConnectorError> {
        Ok(Box::new(self.system.clone()))
    }
}
