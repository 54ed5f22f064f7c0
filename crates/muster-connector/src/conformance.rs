//! The suite that every connector passes: the promises of this crate's contract, tested through the contract
//! alone. A connector's own tests call [`conforms`] with a fixture for each of its dialects.

mod reading;
mod writing;

use async_trait::async_trait;
use muster_model::{AttributeName, Field};

use crate::{
    Account, Connector, Cursor, Entry, Page, RemoteClass, Snapshot, Step, Sweep, SweepEnd, SweepRequest,
};

/// An account that the suite puts into a system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// Its key.
    pub uid: String,
    /// Whether it is enabled.
    pub enabled: bool,
    /// What it holds, the key attribute included.
    pub attributes: Vec<(AttributeName, Field)>,
}

/// What the suite needs of a connector under test.
#[async_trait]
pub trait Fixture: Send + Sync {
    /// A connector to a new system of its own that holds exactly these accounts.
    async fn system(&self, accounts: &[Sample]) -> Box<dyn Connector>;

    /// The class to read and write; it lists its attributes.
    fn class(&self) -> RemoteClass;

    /// A key that the system admits, another one for each number.
    fn uid(&self, number: usize) -> String {
        format!("u{number}")
    }

    /// A single-valued attribute for texts, not the key.
    fn text_attribute(&self) -> AttributeName;

    /// A multi-valued attribute for texts, if there is one.
    fn several_attribute(&self) -> Option<AttributeName>;

    /// An attribute whose values name other accounts of the class by key, if there is one.
    fn reference_attribute(&self) -> Option<AttributeName>;
}

/// Tests a connector against the contract.
///
/// # Panics
/// When the connector breaks a promise; the message says which.
pub async fn conforms(subject: &dyn Fixture) {
    reading::pages_of_any_size_give_the_same(subject).await;
    reading::a_sweep_is_taken_up_at_each_cursor(subject).await;
    reading::keys_without_an_account_are_left_out(subject).await;
    reading::an_unchanged_source_has_one_snapshot(subject).await;
    writing::closing_without_writes_changes_nothing(subject).await;
    writing::accounts_are_created_once(subject).await;
    writing::accounts_are_updated(subject).await;
    writing::accounts_are_deleted(subject).await;
    writing::accounts_are_enabled_as_promised(subject).await;
    writing::values_are_added_and_removed_once(subject).await;
    writing::operations_for_one_key_build_on_each_other(subject).await;
    writing::references_are_held_as_promised(subject).await;
}

fn samples(subject: &dyn Fixture, count: usize) -> Vec<Sample> {
    (0..count).map(|number| sample(subject, number)).collect()
}

fn sample(subject: &dyn Fixture, number: usize) -> Sample {
    let uid = subject.uid(number);
    let mut attributes = vec![
        (subject.class().uid_attribute, Field::text(&uid)),
        (subject.text_attribute(), Field::text(format!("text {number}"))),
    ];
    if let Some(several) = subject.several_attribute() {
        attributes.push((several, Field::Many(vec!["first".into(), "second".into()])));
    }
    Sample { uid, enabled: true, attributes }
}

/// All steps of a sweep.
struct Swept {
    snapshot: Snapshot,
    pages: Vec<Page>,
}

impl Swept {
    fn entries(&self) -> Vec<Entry> {
        self.pages.iter().flat_map(|page| page.entries.clone()).collect()
    }
}

async fn sweep(
    subject: &dyn Fixture,
    connector: &dyn Connector,
    page_size: usize,
    resume: Option<Cursor>,
) -> Swept {
    let request =
        SweepRequest { class: subject.class(), page_size: page_size.into(), resume, last_count: None };
    let mut sweep = ok(connector.sweep(request).await, "a sweep begins");
    let snapshot = sweep.snapshot();
    let pages = all_pages(sweep.as_mut(), page_size).await;
    Swept { snapshot, pages }
}

async fn all_pages(sweep: &mut dyn Sweep, page_size: usize) -> Vec<Page> {
    let mut pages = Vec::new();
    loop {
        match ok(sweep.next().await, "a sweep goes on") {
            Step::Page(page) => {
                assert!(page.entries.len() <= page_size, "a page holds at most what was asked for");
                pages.push(page);
            }
            Step::End(end) => {
                assert_eq!(end, SweepEnd::Complete, "a sound source is read to its end");
                let again = ok(sweep.next().await, "an ended sweep answers");
                assert_eq!(again, Step::End(end), "asking an ended sweep again answers the same");
                return pages;
            }
        }
    }
}

/// The accounts that stand under these keys now.
async fn read(subject: &dyn Fixture, connector: &dyn Connector, uids: &[String]) -> Vec<Account> {
    let entries = ok(connector.read(&subject.class(), uids).await, "keys are read");
    entries.into_iter().map(account).collect()
}

/// The one account that stands under this key now.
async fn read_one(subject: &dyn Fixture, connector: &dyn Connector, uid: &str) -> Option<Account> {
    let mut found = read(subject, connector, &[uid.to_owned()]).await;
    assert!(found.len() <= 1, "`{uid}` is read once");
    found.pop()
}

fn account(entry: Entry) -> Account {
    match entry {
        Entry::Account(account) => account,
        Entry::Bad(bad) => panic!("a sound account is read: {}", bad.message),
    }
}

fn ok<T>(result: Result<T, crate::ConnectorError>, promise: &str) -> T {
    match result {
        Ok(value) => value,
        Err(error) => panic!("{promise}, but: {error}"),
    }
}
