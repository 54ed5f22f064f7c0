//! The systems of a simulated world: what a process does to them is noted, with whoever did it.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use muster_connector::faulty::{Call, CallKind, Fault, FaultPlan, Moment};
use muster_connector::memory::{MemoryAccount, MemoryKind, MemorySystem};
use muster_connector::{
    Capabilities, ClassProblem, Connector, ConnectorError, ConnectorKind, Durable, Entry, FileRoots, Host,
    OfferedClass, Operation, Place, Properties, PropertyProblem, RemoteClass, Sweep, SweepRequest,
    WriteResult, Writer,
};
use muster_model::Attributes;

use super::board::{At, Board};
use super::planted::{Half, Planted};
use super::rates::Rates;

/// Something that was done to a target, and stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Deed {
    /// The number of the tenant.
    pub(super) tenant: usize,
    /// What the worker is called that did it.
    pub(super) owner: String,
    pub(super) operation: Operation,
}

/// All deeds that nobody has looked at yet.
pub(super) type Ledger = Arc<Mutex<Vec<Deed>>>;

/// Takes what is new out of a ledger.
pub(super) fn taken(ledger: &Ledger) -> Vec<Deed> {
    std::mem::take(&mut *ledger.lock().unwrap_or_else(PoisonError::into_inner))
}

/// A system as one process reaches it.
#[derive(Clone)]
pub(super) struct NotedKind {
    pub(super) memory: MemoryKind,
    pub(super) tenant: usize,
    pub(super) owner: String,
    pub(super) ledger: Ledger,
    pub(super) planted: Option<Planted>,
}

struct Noted {
    inner: Box<dyn Connector>,
    kind: NotedKind,
}

struct NotedWriter {
    inner: Box<dyn Writer>,
    kind: NotedKind,
    class: String,
    /// Of a session that counts at its end.
    done: Option<Vec<Operation>>,
}

#[async_trait]
impl ConnectorKind for NotedKind {
    fn name(&self) -> &'static str {
        self.memory.name
    }

    fn check(&self, properties: &Properties) -> Vec<PropertyProblem> {
        self.memory.check(properties)
    }

    fn check_class(
        &self,
        properties: &Properties,
        class: &RemoteClass,
        files: &FileRoots,
    ) -> Vec<ClassProblem> {
        self.memory.check_class(properties, class, files)
    }

    fn is_address(&self, property: &str) -> bool {
        self.memory.is_address(property)
    }

    fn place(&self, class: &RemoteClass, place: Place) -> String {
        self.memory.place(class, place)
    }

    fn file<'a>(&self, class: &'a RemoteClass) -> Option<&'a str> {
        self.memory.file(class)
    }

    fn capabilities(&self, properties: &Properties) -> Capabilities {
        self.memory.capabilities(properties)
    }

    fn gives_keys(&self, properties: &Properties, class: &RemoteClass) -> bool {
        self.memory.gives_keys(properties, class)
    }

    async fn open(&self, properties: &Properties, host: &Host) -> Result<Box<dyn Connector>, ConnectorError> {
        let inner = self.memory.open(properties, host).await?;
        Ok(Box::new(Noted { inner, kind: self.clone() }))
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Connector for Noted {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn probe(&self, class: &RemoteClass) -> Result<(), ConnectorError> {
        self.inner.probe(class).await
    }

    async fn discover(&self, classes: &[RemoteClass]) -> Result<Vec<OfferedClass>, ConnectorError> {
        self.inner.discover(classes).await
    }

    async fn sweep(&self, request: SweepRequest) -> Result<Box<dyn Sweep>, ConnectorError> {
        let inner = self.inner.sweep(request).await?;
        Ok(match self.kind.planted {
            Some(Planted::HalfIsAll) => Box::new(Half { inner, pages: 0 }),
            _ => inner,
        })
    }

    async fn read(&self, class: &RemoteClass, uids: &[String]) -> Result<Vec<Entry>, ConnectorError> {
        self.inner.read(class, uids).await
    }

    async fn find(&self, class: &RemoteClass, names: &[String]) -> Result<Vec<Entry>, ConnectorError> {
        self.inner.find(class, names).await
    }

    async fn writer(&self, class: &RemoteClass) -> Result<Box<dyn Writer>, ConnectorError> {
        let inner = self.inner.writer(class).await?;
        let done = match self.capabilities().durable {
            Durable::EachCall => None,
            Durable::AtClose => Some(Vec::new()),
        };
        Ok(Box::new(NotedWriter { inner, kind: self.kind.clone(), class: class.remote_name.clone(), done }))
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Writer for NotedWriter {
    async fn write(&mut self, operations: Vec<Operation>) -> Vec<WriteResult> {
        let outcomes = self.inner.write(operations.clone()).await;
        let made = operations.into_iter().zip(&outcomes).filter(|(_, outcome)| outcome.is_ok());
        let made: Vec<Operation> = made.map(|(operation, _)| operation).collect();
        match &mut self.done {
            Some(done) => done.extend(made),
            None => self.kind.note(&self.class, made),
        }
        outcomes
    }

    async fn close(self: Box<Self>) -> Result<(), ConnectorError> {
        let Self { inner, kind, class, done } = *self;
        inner.close().await?;
        kind.note(&class, done.unwrap_or_default());
        Ok(())
    }
}

impl NotedKind {
    fn note(&self, class: &str, operations: Vec<Operation>) {
        if self.planted == Some(Planted::CreatesTwice) {
            let system: &MemorySystem = &self.memory.system;
            for operation in &operations {
                if let Operation::Create { uid, attributes, enabled } = operation {
                    let attributes: Attributes =
                        attributes.iter().map(|(name, field)| (name.as_str(), field.clone())).collect();
                    system.put(
                        class,
                        &format!("{uid}-again"),
                        MemoryAccount { enabled: *enabled, attributes },
                    );
                }
            }
        }
        let deeds = operations.into_iter().map(|operation| Deed {
            tenant: self.tenant,
            owner: self.owner.clone(),
            operation,
        });
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner).extend(deeds);
    }
}

/// What becomes of the calls of one process: each may stand still, fail, or lose its answer.
pub(super) fn plan(board: &Arc<Board>, rates: Rates, process: u32, system: String) -> FaultPlan {
    let board = Arc::clone(board);
    Arc::new(move |call: &Call| {
        let lost = || ConnectorError::Transient { message: "no answer".to_owned(), retry_after: None };
        let what = format!("{:?} {} of {system}", call.kind, call.uid.as_deref().unwrap_or_default());
        if call.kind == CallKind::Page && board.happens(rates.cut_short) {
            board.note(format_args!("  {process}: {what} CUT SHORT"));
            return Some(Fault::CutShort { reason: "the line was cut".to_owned() });
        }
        let moment = if board.happens(5000) { Moment::Before } else { Moment::After };
        if board.happens(rates.call_fails) {
            board.note(format_args!("  {process}: {what} FAILS {moment:?}"));
            return Some(Fault::Fail(moment, lost()));
        }
        board.happens(rates.call_stands).then(|| {
            let board = Arc::clone(&board);
            let what = format!("{what} {moment:?}");
            Fault::Stop(
                moment,
                Box::pin(async move {
                    board.stand(process, At::Call, what).await;
                }),
            )
        })
    })
}

#[cfg(test)]
mod tests {
    use muster_connector::memory::CAPABLE;
    use muster_model::Field;

    use super::*;

    #[tokio::test]
    async fn accounts_of_a_system_that_gives_keys_are_found_by_their_names() {
        let system = MemorySystem::new(CAPABLE).with_given_keys();
        let attributes: Attributes = [("id", "7"), ("login", "ann")]
            .map(|(name, text)| (name, Field::text(text)))
            .into_iter()
            .collect();
        system.put("people", "7", MemoryAccount { enabled: true, attributes });
        let memory = MemoryKind { name: "noted", system };
        let ledger = Ledger::default();
        let kind = NotedKind { memory, tenant: 0, owner: "worker".to_owned(), ledger, planted: None };
        let class = RemoteClass { name_attribute: Some("login".into()), ..RemoteClass::new("people", "id") };
        assert!(kind.gives_keys(&Properties::new(), &class));
        let files = FileRoots { own: "/nonexistent".into(), further: Vec::new() };
        let host = Host::new("acme".parse().expect("a slug"), files);
        let connector = kind.open(&Properties::new(), &host).await.expect("it is open");
        let found = connector.find(&class, &["ann".to_owned()]).await.expect("it is read");
        assert!(matches!(&found[..], [Entry::Account(account)] if account.uid == "7"), "{found:?}");
    }
}
