//! A system in memory behind the contract: for tests of the engine and for simulated worlds. It keeps every
//! promise of its capabilities and forgets everything with the process.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use muster_model::{AttributeName, Attributes, Names, Record, Value};

use crate::{Account, BadEntry, Capabilities, ChangeFeed, Durable, Entry, Place, RemoteClass};

mod connector;
mod rules;
mod sweep;

pub use connector::MemoryKind;

/// The capabilities of a system that can do everything at once.
pub const CAPABLE: Capabilities = Capabilities {
    write: true,
    enable: true,
    rename: true,
    references_must_exist: false,
    create_is_found: true,
    changes: ChangeFeed::WithDeletes,
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

/// All classes by their remote names, and what has changed in them.
#[derive(Debug, Clone, Default)]
struct State {
    classes: BTreeMap<String, Class>,
    /// The class and key of each change, in their order.
    log: Vec<(String, String)>,
    /// How many changes from the first are not told any more.
    forgotten: usize,
    /// How many keys have been given.
    given: u64,
}

/// A system in memory. Clones share what they hold.
#[derive(Debug, Clone)]
pub struct MemorySystem {
    state: Arc<Mutex<State>>,
    capabilities: Capabilities,
    references: Arc<[AttributeName]>,
    gives_keys: bool,
}

impl MemorySystem {
    /// An empty system that can do what the capabilities say.
    #[must_use]
    pub fn new(capabilities: Capabilities) -> Self {
        Self { state: Arc::default(), capabilities, references: Arc::default(), gives_keys: false }
    }

    /// The same system, where the values of these attributes name other accounts by their keys, in any class.
    /// They have to exist, and to stay while they are named, when [`Capabilities::references_must_exist`] is set.
    #[must_use]
    pub fn with_references(self, references: Vec<AttributeName>) -> Self {
        Self { references: references.into(), ..self }
    }

    /// The same system, which gives accounts their keys itself: `id-1`, `id-2` and so on. They are made under their names.
    #[must_use]
    pub fn with_given_keys(self) -> Self {
        Self { gives_keys: true, ..self }
    }

    /// Tells nobody any more what has changed until now.
    pub fn forget_changes(&self) {
        let mut state = self.lock();
        state.forgotten = state.log.len();
    }

    /// Another system that holds the same and goes its own way from here.
    #[must_use]
    pub fn copy(&self) -> Self {
        let state = self.lock().clone();
        Self { state: Arc::new(Mutex::new(state)), ..self.clone() }
    }

    /// Puts an account in the place of what stands under its key, past all rules, as somebody else would.
    pub fn put(&self, class: &str, uid: &str, account: MemoryAccount) {
        self.lock().class(class, uid).insert(uid.to_owned(), Held::Account(account));
    }

    /// Puts an entry that cannot be read where an account with the key `at` would stand.
    pub fn put_bad(&self, class: &str, at: &str, uid: Option<String>) {
        self.lock().class(class, at).insert(at.to_owned(), Held::Bad { uid });
    }

    /// Puts an account whose key was mistyped where one with the key `at` would stand: it says that it is `uid`.
    pub fn put_mistyped(&self, class: &str, at: &str, uid: &str, account: MemoryAccount) {
        self.lock().class(class, at).insert(at.to_owned(), Held::Mistyped { uid: uid.to_owned(), account });
    }

    /// Takes away what stands under a key, past all rules, as somebody else would.
    pub fn take(&self, class: &str, uid: &str) {
        self.lock().class(class, uid).remove(uid);
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
    /// A class of which one entry is about to be changed.
    fn class(&mut self, name: &str, uid: &str) -> &mut Class {
        self.log.push((name.to_owned(), uid.to_owned()));
        self.classes.entry(name.to_owned()).or_default()
    }

    /// The key of the account of a class that has a name.
    fn named(&self, class: &RemoteClass, name: &str) -> Option<String> {
        self.all_named(class, name).into_iter().next()
    }

    /// The keys of all that have it.
    fn all_named(&self, class: &RemoteClass, name: &str) -> Vec<String> {
        let attribute = class.naming_attribute().as_str();
        let is_called = |held: &Held| match held {
            Held::Account(account) => {
                account.attributes.get(attribute).first().map(Value::to_text).as_deref() == Some(name)
            }
            Held::Bad { .. } | Held::Mistyped { .. } => false,
        };
        let held = self.classes.get(&class.remote_name).into_iter().flatten();
        held.filter(|(_, held)| is_called(held)).map(|(uid, _)| uid.clone()).collect()
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
