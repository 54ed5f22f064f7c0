//! A system in memory behind the contract: for tests of the engine and for simulated worlds. It keeps every
//! promise of its capabilities and forgets everything with the process.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use muster_model::{AttributeName, Attributes, Names, Record};

use self::rules::Rules;
use crate::{
    Account, BadEntry, Capabilities, ClassProblem, Connector, ConnectorError, ConnectorKind, Cursor, Durable,
    Entry, Host, Operation, Page, Place, Properties, PropertyProblem, RemoteClass, Snapshot, Step, Sweep,
    SweepEnd, SweepRequest, Writer, properties,
};

mod rules;

/// The capabilities of a system that can do everything at once.
pub const CAPABLE: Capabilities = Capabilities {
    write: true,
    enable: true,
    membership_on_account: true,
    references_must_exist: false,
    create_is_found_by_key: true,
    durable: Durable::EachCall,
};

/// One account as the system holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemoryAccount {
    /// Whether it is enabled.
    pub enabled: bool,
    /// What it holds, the key attribute included.
    pub attributes: Attributes,
}

/// What stands under a key: an account, or an entry that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Held {
    Account(MemoryAccount),
    Bad { uid: Option<String> },
    Mistyped { uid: String, account: MemoryAccount },
}

type Class = BTreeMap<String, Held>;

/// All classes by their remote names, and how often anything changed.
#[derive(Debug, Clone, Default)]
struct State {
    classes: BTreeMap<String, Class>,
    version: u64,
}

/// A system in memory. Clones share what they hold.
#[derive(Debug, Clone)]
pub struct MemorySystem {
    state: Arc<Mutex<State>>,
    capabilities: Capabilities,
    references: Arc<[AttributeName]>,
}

impl MemorySystem {
    /// An empty system that can do what the capabilities say.
    #[must_use]
    pub fn new(capabilities: Capabilities) -> Self {
        Self { state: Arc::default(), capabilities, references: Arc::default() }
    }

    /// The same system, where the values of these attributes name other accounts by their keys, in any class.
    /// They have to exist, and to stay while they are named, when [`Capabilities::references_must_exist`] is set.
    #[must_use]
    pub fn with_references(self, references: Vec<AttributeName>) -> Self {
        Self { references: references.into(), ..self }
    }

    /// Another system that holds the same and goes its own way from here.
    #[must_use]
    pub fn copy(&self) -> Self {
        let state = self.lock().clone();
        Self { state: Arc::new(Mutex::new(state)), ..self.clone() }
    }

    /// Puts an account in the place of what stands under its key, past all rules, as somebody else would.
    pub fn put(&self, class: &str, uid: &str, account: MemoryAccount) {
        self.lock().class(class).insert(uid.to_owned(), Held::Account(account));
    }

    /// Puts an entry that cannot be read where an account with the key `at` would stand.
    pub fn put_bad(&self, class: &str, at: &str, uid: Option<String>) {
        self.lock().class(class).insert(at.to_owned(), Held::Bad { uid });
    }

    /// Puts an account whose key was mistyped where one with the key `at` would stand: it says that it is `uid`.
    pub fn put_mistyped(&self, class: &str, at: &str, uid: &str, account: MemoryAccount) {
        self.lock().class(class).insert(at.to_owned(), Held::Mistyped { uid: uid.to_owned(), account });
    }

    /// Takes away what stands under a key, past all rules, as somebody else would.
    pub fn take(&self, class: &str, uid: &str) {
        self.lock().class(class).remove(uid);
    }

    /// All accounts of a class by their keys.
    #[must_use]
    pub fn accounts(&self, class: &str) -> BTreeMap<String, MemoryAccount> {
        let state = self.lock();
        let held = state.classes.get(class).into_iter().flatten();
        held.filter_map(|(uid, held)| match held {
            Held::Account(account) => Some((uid.clone(), account.clone())),
            Held::Bad { .. } | Held::Mistyped { .. } => None,
        })
        .collect()
    }

    /// How many entries a sweep of a class reads, those that cannot be read included.
    #[must_use]
    pub fn entries(&self, class: &str) -> u64 {
        self.lock().classes.get(class).map_or(0, |class| class.len() as u64)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn view(&self, class: &RemoteClass) -> View {
        let names = class.attributes.iter().map(|attribute| attribute.name.clone()).collect::<Vec<_>>();
        let names = (!names.is_empty()).then(|| Names::new(names));
        View { names, enable: self.capabilities.enable }
    }
}

impl State {
    /// A class that is about to be changed.
    fn class(&mut self, name: &str) -> &mut Class {
        self.version += 1;
        self.classes.entry(name.to_owned()).or_default()
    }

    fn exists(&self, uid: &str) -> bool {
        self.classes.values().any(|class| class.contains_key(uid))
    }
}

/// How held accounts are shown.
#[derive(Debug, Clone)]
struct View {
    names: Option<Arc<Names>>,
    enable: bool,
}

impl View {
    fn entry(&self, place: u64, uid: &str, held: &Held) -> Entry {
        let place = Place(place);
        let (uid, account) = match held {
            Held::Account(account) => (uid, account),
            Held::Mistyped { uid, account } => (uid.as_str(), account),
            Held::Bad { uid } => {
                let message = format!("entry {} cannot be read; repair it", place.0);
                return Entry::Bad(BadEntry { place, uid: uid.clone(), message });
            }
        };
        let record = match &self.names {
            Some(names) => {
                let fields =
                    names.as_slice().iter().map(|name| account.attributes.get(name.as_str()).clone());
                Record { names: names.clone(), fields: fields.collect() }
            }
            None => Record::from_pairs(
                account.attributes.iter().map(|(name, field)| (name.clone(), field.clone())),
            ),
        };
        let enabled = self.enable.then_some(account.enabled);
        Entry::Account(Account { place, uid: uid.to_owned(), enabled, record })
    }
}

#[async_trait]
impl Connector for MemorySystem {
    fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    async fn probe(&self, _class: &RemoteClass) -> Result<(), ConnectorError> {
        Ok(())
    }

    async fn sweep(&self, request: SweepRequest) -> Result<Box<dyn Sweep>, ConnectorError> {
        let (read, last) = match &request.resume {
            None => (0, None),
            Some(cursor) => parse_cursor(cursor)?,
        };
        let snapshot = Snapshot(self.lock().version.to_string());
        let view = self.view(&request.class);
        Ok(Box::new(MemorySweep { system: self.clone(), request, view, snapshot, read, last }))
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

    async fn writer(&self, class: &RemoteClass) -> Result<Box<dyn Writer>, ConnectorError> {
        if !self.capabilities.write {
            return Err(ConnectorError::Unusable { message: "the system cannot be written".to_owned() });
        }
        let staged = match self.capabilities.durable {
            Durable::EachCall => None,
            Durable::AtClose => {
                let state = self.lock().clone();
                Some(Staged { began_at: state.version, state })
            }
        };
        Ok(Box::new(MemoryWriter { system: self.clone(), class: class.remote_name.clone(), staged }))
    }
}

fn parse_cursor(cursor: &Cursor) -> Result<(u64, Option<String>), ConnectorError> {
    let parts =
        cursor.0.split_once(':').and_then(|(read, last)| Some((read.parse().ok()?, Some(last.to_owned()))));
    parts.ok_or_else(|| ConnectorError::Unusable {
        message: format!("`{}` is no place of a sweep; start the sweep over", cursor.0),
    })
}

struct MemorySweep {
    system: MemorySystem,
    request: SweepRequest,
    view: View,
    snapshot: Snapshot,
    read: u64,
    last: Option<String>,
}

#[async_trait]
impl Sweep for MemorySweep {
    fn snapshot(&self) -> Snapshot {
        self.snapshot.clone()
    }

    async fn next(&mut self) -> Result<Step, ConnectorError> {
        use std::ops::Bound::{Excluded, Unbounded};

        let state = self.system.lock();
        let Some(class) = state.classes.get(&self.request.class.remote_name) else {
            return Ok(Step::End(SweepEnd::Complete));
        };
        let after = self.last.as_ref().map_or(Unbounded, Excluded);
        let mut entries = Vec::new();
        let mut last = None;
        for (uid, held) in class.range::<String, _>((after, Unbounded)).take(self.request.page_size.get()) {
            self.read += 1;
            entries.push(self.view.entry(self.read, uid, held));
            last = Some(uid.clone());
        }
        let Some(last) = last else { return Ok(Step::End(SweepEnd::Complete)) };
        let cursor = Cursor(format!("{}:{last}", self.read));
        self.last = Some(last);
        Ok(Step::Page(Page { entries, cursor, estimated_total: Some(class.len() as u64) }))
    }
}

struct MemoryWriter {
    system: MemorySystem,
    class: String,
    /// With [`Durable::AtClose`] a copy that takes the place of everything at the end.
    staged: Option<Staged>,
}

struct Staged {
    state: State,
    began_at: u64,
}

#[async_trait]
impl Writer for MemoryWriter {
    async fn write(&mut self, operations: Vec<Operation>) -> Vec<Result<(), ConnectorError>> {
        let Self { system, class, staged } = self;
        let rules = Rules { capabilities: system.capabilities, references: system.references.clone() };
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
        if state.version != staged.began_at {
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
    fn check_class(&self, _: &Properties, _: &RemoteClass, _: &Host) -> Vec<ClassProblem> {
        Vec::new()
    }

    fn place(&self, class: &RemoteClass, place: Place) -> String {
        format!("entry {} of `{}`", place.0, class.remote_name)
    }

    fn capabilities(&self, _properties: &Properties) -> Capabilities {
        self.system.capabilities
    }

    async fn open(
        &self,
        _properties: &Properties,
        _host: &Host,
    ) -> Result<Box<dyn Connector>, ConnectorError> {
        Ok(Box::new(self.system.clone()))
    }
}
