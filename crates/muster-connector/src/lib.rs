//! What the engine asks of a connector: capabilities, sweeps, single reads and writes.
//!
//! Never decides what to do with an account and knows no store. A connector is one adapter to one kind of
//! outside system; the engine sees only this contract, and every connector passes the one suite in
//! [`conformance`].

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use muster_model::{AttributeName, Field, Record, Value};

pub mod conformance;
mod fault;
pub mod faulty;
pub mod memory;
pub mod paths;
pub mod properties;

pub use fault::ConnectorError;

/// What a connector can promise, so that the engine plans only what the system can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// Whether accounts can be written at all.
    pub write: bool,
    /// Whether an account can be disabled and enabled without being deleted.
    pub enable: bool,
    /// Whether memberships can be held by the account.
    pub membership_on_account: bool,
    /// Whether a value that names another account is refused while that account does not exist, and an account that
    /// others name cannot be deleted.
    pub references_must_exist: bool,
    /// Whether a created account can be found by its key at once, so that no intent needs to be stored.
    pub create_is_found_by_key: bool,
    /// When a write counts.
    pub durable: Durable,
}

/// When a write counts as done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durable {
    /// Each call counts when it answers.
    EachCall,
    /// All calls count together once [`Writer::close`] has succeeded; until then none does.
    AtClose,
}

/// The class of objects to read or write, as the application names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteClass {
    /// The name of the class in the remote system; for a file its path.
    pub remote_name: String,
    /// The attribute that holds the unique key.
    pub uid_attribute: AttributeName,
    /// The attributes to read and write; empty means all that the system offers.
    pub attributes: Vec<RemoteAttribute>,
}

/// One attribute of a class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteAttribute {
    /// Its name in the remote system.
    pub name: AttributeName,
    /// Whether it holds several values.
    pub multi_valued: bool,
}

/// Where in its source an entry stands, for people: a line of a file, the number of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place(pub u64);

/// One account as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Where it stands.
    pub place: Place,
    /// Its unique key, in the system's own spelling, never empty.
    pub uid: String,
    /// Whether it is enabled; `None` where the system has no such notion.
    pub enabled: Option<bool>,
    /// What it holds.
    pub record: Record,
}

/// An entry that could not be read. It counts as present.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadEntry {
    /// Where it stands.
    pub place: Place,
    /// Its key, if that much could be read for certain. Without it nobody can be concluded to be gone.
    pub uid: Option<String>,
    /// What is wrong, naming file and line, and what to do.
    pub message: String,
}

/// One entry of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// It could be read.
    Account(Account),
    /// It could not.
    Bad(BadEntry),
}

/// Where a sweep can be taken up again, in the connector's own form. It is stored, so it holds no U+0000.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor(pub String);

/// What identifies the state of a source, so that a sweep is only taken up on the same one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot(pub String);

/// A bounded part of a sweep, in the order of the source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Its entries; may be empty.
    pub entries: Vec<Entry>,
    /// Where to take up after this page.
    pub cursor: Cursor,
    /// How many entries the whole sweep will have read, as far as can be told by now.
    pub estimated_total: Option<u64>,
}

/// How a sweep ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SweepEnd {
    /// Everything was read; what was not met is gone.
    Complete,
    /// The source ended before it should have; nothing may be concluded from absence.
    CutShort {
        /// What was seen and what to do.
        reason: String,
    },
}

/// How many entries a page holds at most, at least 1. Clones are the same size: whoever asked for a sweep may change it
/// while the sweep goes on, and pages that are not read yet follow.
#[derive(Debug, Clone)]
pub struct PageSize(Arc<AtomicUsize>);

impl PageSize {
    /// Has pages hold at most so many entries from here on.
    pub fn set(&self, entries: usize) {
        self.0.store(entries, Ordering::Relaxed);
    }

    /// The size, at least 1.
    #[must_use]
    pub fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed).max(1)
    }
}

impl From<usize> for PageSize {
    fn from(entries: usize) -> Self {
        Self(Arc::new(AtomicUsize::new(entries)))
    }
}

/// What a sweep is asked for.
#[derive(Debug, Clone)]
pub struct SweepRequest {
    /// The class to read.
    pub class: RemoteClass,
    /// Entries a page.
    pub page_size: PageSize,
    /// Where to take up; `None` from the start.
    pub resume: Option<Cursor>,
    /// How many entries the last complete sweep of this class read.
    pub last_count: Option<u64>,
}

/// The next step of a sweep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// A page; more may follow.
    Page(Page),
    /// The end; asking again answers the same.
    End(SweepEnd),
}

/// A running read of all accounts of a class, page by page, in bounded memory.
#[async_trait]
pub trait Sweep: Send {
    /// What identifies the source as it was when the sweep began.
    fn snapshot(&self) -> Snapshot;

    /// The next page, or the end.
    ///
    /// # Errors
    /// When the source cannot be read on. The sweep can be taken up later at the last cursor.
    async fn next(&mut self) -> Result<Step, ConnectorError>;
}

/// How one attribute is to change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AttributeWrite {
    /// Put this in the place of what is there; [`Field::Absent`] and [`Field::Null`] clear.
    Replace(Field),
    /// Add and remove single values of a multi-valued attribute; what is there already or gone already is fine.
    Values {
        /// Values to add.
        add: Vec<Value>,
        /// Values to remove.
        remove: Vec<Value>,
    },
}

/// One write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    /// Make an account. Fails with [`ConnectorError::Conflict`] when the key exists.
    Create {
        /// Its key.
        uid: String,
        /// What it holds, the key attribute included.
        attributes: Vec<(AttributeName, Field)>,
        /// Whether it is enabled.
        enabled: bool,
    },
    /// Change an account. Fails with [`ConnectorError::Missing`] when there is none.
    Update {
        /// Its key.
        uid: String,
        /// What changes.
        writes: Vec<(AttributeName, AttributeWrite)>,
        /// The new state, when it changes.
        enabled: Option<bool>,
    },
    /// Delete an account. One that is gone already is fine.
    Delete {
        /// Its key.
        uid: String,
    },
}

impl Operation {
    /// The key of the account it concerns.
    #[must_use]
    pub fn uid(&self) -> &str {
        match self {
            Self::Create { uid, .. } | Self::Update { uid, .. } | Self::Delete { uid } => uid,
        }
    }
}

/// A session of writes to one class.
#[async_trait]
pub trait Writer: Send {
    /// Carries out the operations in their order and answers one outcome for each, in the same order.
    ///
    /// With [`Durable::AtClose`] an outcome is a promise that `close` keeps or breaks for all.
    async fn write(&mut self, operations: Vec<Operation>) -> Vec<Result<(), ConnectorError>>;

    /// Ends the session; with [`Durable::AtClose`] everything takes effect here, at once or not at all.
    ///
    /// # Errors
    /// When the writes could not be made durable; then none of an `AtClose` session took effect.
    async fn close(self: Box<Self>) -> Result<(), ConnectorError>;
}

/// One configured outside system.
#[async_trait]
pub trait Connector: Send + Sync {
    /// What it can promise.
    fn capabilities(&self) -> Capabilities;

    /// Tests whether the system can be reached and the class read.
    ///
    /// # Errors
    /// When it cannot, saying what to do.
    async fn probe(&self, class: &RemoteClass) -> Result<(), ConnectorError>;

    /// Begins a read of all accounts of a class.
    ///
    /// # Errors
    /// When the source cannot be opened, or cannot be taken up at the cursor.
    async fn sweep(&self, request: SweepRequest) -> Result<Box<dyn Sweep>, ConnectorError>;

    /// Reads single accounts by their keys; keys without an account are left out.
    ///
    /// # Errors
    /// When the source cannot be read.
    async fn read(&self, class: &RemoteClass, uids: &[String]) -> Result<Vec<Entry>, ConnectorError>;

    /// Begins a session of writes to a class.
    ///
    /// # Errors
    /// When the system cannot be written, or not by this connector.
    async fn writer(&self, class: &RemoteClass) -> Result<Box<dyn Writer>, ConnectorError>;
}

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

/// The part of a class that has a problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClassPart {
    /// [`RemoteClass::remote_name`].
    RemoteName,
    /// [`RemoteClass::uid_attribute`].
    UidAttribute,
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// Where files may lie.
    pub files: FileRoots,
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
    fn check_class(&self, properties: &Properties, class: &RemoteClass, host: &Host) -> Vec<ClassProblem>;

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

    /// Opens a connector.
    ///
    /// # Errors
    /// When properties are wrong or the host forbids it.
    async fn open(&self, properties: &Properties, host: &Host) -> Result<Box<dyn Connector>, ConnectorError>;
}
