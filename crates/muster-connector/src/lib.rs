//! What the engine asks of a connector: capabilities, sweeps, single reads and writes.
//!
//! Never decides what to do with an account and knows no store. A connector is one adapter to one kind of
//! outside system; the engine sees only this contract, and every connector passes the one suite in
//! [`conformance`].

use async_trait::async_trait;

mod class;
pub mod conformance;
mod enabled;
mod entry;
mod fault;
pub mod faulty;
pub mod guard;
mod kind;
pub mod memory;
mod offer;
mod pace;
pub mod paths;
pub mod properties;
mod rounds;
mod sweep;
mod test;
pub mod text;
mod write;

pub use class::{RemoteAttribute, RemoteClass, RemoteMembership};
pub use enabled::EnabledRule;
pub use entry::{Account, BadEntry, Entry, GoneEntry, Place};
pub use fault::ConnectorError;
pub use kind::{ClassPart, ClassProblem, ConnectorKind, FileRoots, Host, Properties, PropertyProblem};
pub use offer::{OfferedAttribute, OfferedClass};
pub use pace::{Admission, Pace, Paced, Unpaced};
pub use rounds::rounds;
pub use sweep::{ChangeToken, Cursor, Page, PageSize, Reads, Snapshot, Step, Sweep, SweepEnd, SweepRequest};
pub use test::{TestStep, TestSteps, TestedStep, test_classes, tested};
pub use write::{AttributeWrite, Operation, WriteResult, Writer, Written};

/// What a connector can promise, so that the engine plans only what the system can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// Whether accounts can be written at all.
    pub write: bool,
    /// Whether an account can be disabled and enabled without being deleted.
    pub enable: bool,
    /// Whether an account can be given another name.
    pub rename: bool,
    /// Whether a value that names another account is refused while that account does not exist, and an account that
    /// others name cannot be deleted.
    pub references_must_exist: bool,
    /// Whether a created account can be found at once by what it was made with, its key or its name, so that no intent
    /// needs to be stored.
    pub create_is_found: bool,
    /// What the system tells of changes since a token.
    pub changes: ChangeFeed,
    /// When a write counts.
    pub durable: Durable,
}

/// What a system tells of changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeFeed {
    /// Nothing: all accounts have to be read.
    None,
    /// Who was made and changed. Who is gone only a read of all accounts shows.
    WithoutDeletes,
    /// Everything.
    WithDeletes,
}

/// When a write counts as done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durable {
    /// Each call counts when it answers.
    EachCall,
    /// All calls count together once [`Writer::close`] has succeeded; until then none does.
    AtClose,
}

/// One configured outside system.
#[async_trait]
pub trait Connector: Send + Sync {
    /// What it can promise, as the system itself says where it can be asked.
    fn capabilities(&self) -> Capabilities;

    /// Tests whether the class is there and can be read.
    ///
    /// # Errors
    /// When it cannot, saying what to do.
    async fn probe(&self, class: &RemoteClass) -> Result<(), ConnectorError>;

    /// What the system offers: its classes and their attributes. Systems that have none but those that somebody names
    /// look for the given ones.
    ///
    /// # Errors
    /// When the system cannot be asked.
    async fn discover(&self, classes: &[RemoteClass]) -> Result<Vec<OfferedClass>, ConnectorError>;

    /// Begins a read of all accounts of a class, or of what has changed.
    ///
    /// # Errors
    /// When the source cannot be opened, or cannot be taken up at the cursor; with [`ConnectorError::Outdated`] where
    /// changes since the token cannot be told any more.
    async fn sweep(&self, request: SweepRequest) -> Result<Box<dyn Sweep>, ConnectorError>;

    /// Reads single accounts by their keys; keys without an account are left out.
    ///
    /// # Errors
    /// When the source cannot be read.
    async fn read(&self, class: &RemoteClass, uids: &[String]) -> Result<Vec<Entry>, ConnectorError>;

    /// Reads single accounts by the names that they are made under; names without an account are left out.
    ///
    /// # Errors
    /// When the source cannot be read.
    async fn find(&self, class: &RemoteClass, names: &[String]) -> Result<Vec<Entry>, ConnectorError> {
        self.read(class, names).await
    }

    /// Begins a session of writes to a class.
    ///
    /// # Errors
    /// When the system cannot be written, or not by this connector.
    async fn writer(&self, class: &RemoteClass) -> Result<Box<dyn Writer>, ConnectorError>;
}
