//! What is read: accounts, and entries that are none.

use muster_model::Record;

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
    /// It is gone, for certain: only where changes are read, see [`Reads::Changes`](crate::Reads).
    Gone(GoneEntry),
}

/// An account of which the system says that it has been deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GoneEntry {
    /// Where that stands.
    pub place: Place,
    /// The key that it had.
    pub uid: String,
}
