//! The suite that every connector passes: the promises of this crate's contract, tested through the contract
//! alone. A connector's own tests call [`conforms`] with a fixture for each of its dialects.

mod changing;
mod reading;
mod writing;

use async_trait::async_trait;
use muster_model::{AttributeName, Field};

use crate::{
    Account, ChangeToken, Connector, Cursor, Entry, Page, Reads, RemoteClass, Snapshot, Step, Sweep,
    SweepEnd, SweepRequest,
};

/// An account that the suite puts into a system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// What it is made with: its key, or its name where the system gives keys itself.
    pub uid: String,
    /// Whether it is enabled.
    pub enabled: bool,
    /// What it holds, the attribute of the key or name included.
    pub attributes: Vec<(AttributeName, Field)>,
}

/// What the suite needs of a connector under test.
#[async_trait]
pub trait Fixture: Send + Sync {
    /// A connector to a new system of its own that holds exactly these accounts.
    async fn system(&self, accounts: &[Sample]) -> Box<dyn Connector>;

    /// The class to read and write; it lists its attributes. It has a name attribute exactly when the system gives keys
    /// itself.
    fn class(&self) -> RemoteClass;

    /// A key that the system admits, or name where it gives keys itself, another one for each number.
    fn uid(&self, number: usize) -> String {
        format!("u{number}")
    }

    /// A key that no account has.
    fn unknown_uid(&self) -> String {
        self.uid(9)
    }

    /// What an account has to hold besides.
    fn required(&self, _number: usize) -> Vec<(AttributeName, Field)> {
        Vec::new()
    }

    /// The keys of two entitlements that exist, where the class has some that hold their members.
    fn entitlements(&self) -> Vec<String> {
        Vec::new()
    }

    /// A token that the system cannot tell changes from.
    fn outdated(&self) -> ChangeToken {
        ChangeToken("no token of this system".to_owned())
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
    reading::names_without_an_account_are_left_out(subject).await;
    reading::what_is_offered_holds_the_class(subject).await;
    writing::closing_without_writes_changes_nothing(subject).await;
    writing::accounts_are_created_once(subject).await;
    writing::accounts_are_updated(subject).await;
    writing::accounts_are_deleted(subject).await;
    writing::accounts_are_enabled_as_promised(subject).await;
    writing::values_are_added_and_removed_once(subject).await;
    writing::operations_for_one_key_build_on_each_other(subject).await;
    writing::references_are_held_as_promised(subject).await;
    writing::an_account_keeps_its_key_under_another_name(subject).await;
    writing::memberships_are_added_and_removed_once(subject).await;
    changing::changes_are_told_since_a_token(subject).await;
    changing::an_outdated_token_is_refused(subject).await;
}

fn samples(subject: &dyn Fixture, count: usize) -> Vec<Sample> {
    (0..count).map(|number| sample(subject, number)).collect()
}

fn sample(subject: &dyn Fixture, number: usize) -> Sample {
    let uid = subject.uid(number);
    let mut attributes = vec![
        (subject.class().naming_attribute().clone(), Field::text(&uid)),
        (subject.text_attribute(), Field::text(format!("text {number}"))),
    ];
    if let Some(several) = subject.several_attribute() {
        attributes.push((several, Field::Many(vec!["first".into(), "second".into()])));
    }
    attributes.extend(subject.required(number));
    Sample { uid, enabled: true, attributes }
}

/// All steps of a sweep.
struct Swept {
    snapshot: Option<Snapshot>,
    pages: Vec<Page>,
    token: Option<ChangeToken>,
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
    let mut sweep = ok(connector.sweep(request(subject, page_size, resume)).await, "a sweep begins");
    let snapshot = sweep.snapshot();
    let (pages, token) = all_pages(sweep.as_mut(), page_size).await;
    Swept { snapshot, pages, token }
}

fn request(subject: &dyn Fixture, page_size: usize, resume: Option<Cursor>) -> SweepRequest {
    let (class, reads) = (subject.class(), Reads::All);
    SweepRequest { class, reads, page_size: page_size.into(), resume, last_count: None }
}

async fn all_pages(sweep: &mut dyn Sweep, page_size: usize) -> (Vec<Page>, Option<ChangeToken>) {
    let mut pages = Vec::new();
    loop {
        match ok(sweep.next().await, "a sweep goes on") {
            Step::Page(page) => {
                assert!(page.entries.len() <= page_size, "a page holds at most what was asked for");
                pages.push(page);
            }
            Step::End(end) => {
                let SweepEnd::Complete { token } = &end else { panic!("a sound source is read to its end") };
                let again = ok(sweep.next().await, "an ended sweep answers");
                assert_eq!(again, Step::End(end.clone()), "asking an ended sweep again answers the same");
                return (pages, token.clone());
            }
        }
    }
}

/// The key of the account that was made with [`Fixture::uid`] of a number, if it exists.
async fn key(subject: &dyn Fixture, connector: &dyn Connector, number: usize) -> Option<String> {
    let name = subject.uid(number);
    if subject.class().name_attribute.is_none() {
        return Some(name);
    }
    let found = ok(connector.find(&subject.class(), &[name]).await, "names are looked for");
    found.into_iter().map(account).map(|account| account.uid).next()
}

/// The same, of an account that exists.
async fn key_of(subject: &dyn Fixture, connector: &dyn Connector, number: usize) -> String {
    match key(subject, connector, number).await {
        Some(key) => key,
        None => panic!("`{}` is found", subject.uid(number)),
    }
}

/// What an account was made with.
fn made_with(subject: &dyn Fixture, account: &Account) -> String {
    let class = subject.class();
    let Some(name) = &class.name_attribute else { return account.uid.clone() };
    account.record.get(name.as_str()).first().map(|name| name.to_text().into_owned()).unwrap_or_default()
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
        Entry::Gone(gone) => panic!("`{}` is gone, but all accounts are read", gone.uid),
    }
}

fn ok<T>(result: Result<T, crate::ConnectorError>, promise: &str) -> T {
    match result {
        Ok(value) => value,
        Err(error) => panic!("{promise}, but: {error}"),
    }
}
