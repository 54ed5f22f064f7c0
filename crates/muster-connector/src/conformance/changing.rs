//! The promises of sweeps over what has changed.

use muster_model::Field;

use super::writing::{create, delete, expect, replace, session, writable};
use super::{Fixture, all_pages, key_of, made_with, ok, request, sample, sweep};
use crate::{ChangeFeed, ChangeToken, Connector, ConnectorError, Entry, Reads, SweepRequest};

/// What has changed since a token, and the next token.
async fn changes(
    subject: &dyn Fixture,
    connector: &dyn Connector,
    since: ChangeToken,
) -> (Vec<Entry>, ChangeToken) {
    let request = SweepRequest { reads: Reads::Changes { since }, ..request(subject, 2, None) };
    let mut sweep = ok(connector.sweep(request).await, "a sweep over changes begins");
    let (pages, token) = all_pages(sweep.as_mut(), 2).await;
    let Some(token) = token else { panic!("a sweep over changes ends with a token") };
    (pages.into_iter().flat_map(|page| page.entries).collect(), token)
}

pub(super) async fn changes_are_told_since_a_token(subject: &dyn Fixture) {
    let Some(connector) = writable(subject).await else { return };
    let feed = connector.capabilities().changes;
    let token = sweep(subject, &*connector, 10, None).await.token;
    assert_eq!(token.is_some(), feed != ChangeFeed::None, "a token is given where changes are told");
    let Some(token) = token else { return };
    let text = subject.text_attribute();
    let changed = key_of(subject, &*connector, 0).await;
    let gone = key_of(subject, &*connector, 1).await;
    let operations = vec![replace(&changed, text.clone(), "new"), delete(&gone), create(sample(subject, 4))];
    let outcomes = session(subject, &*connector, operations).await;
    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    let made = key_of(subject, &*connector, 4).await;

    let (entries, next) = changes(subject, &*connector, token.clone()).await;
    let mut told_gone = false;
    for entry in &entries {
        match entry {
            Entry::Account(account) => {
                let now = expect(subject, &*connector, &account.uid).await;
                assert_eq!(now.record, account.record, "`{}` is told as it is", account.uid);
            }
            Entry::Gone(entry) => {
                assert_eq!(entry.uid, gone, "nobody is said to be gone who is there");
                told_gone = true;
            }
            Entry::Bad(bad) => panic!("a sound account is read: {}", bad.message),
        }
    }
    let is_told = |uid: &str| {
        entries.iter().any(|entry| matches!(entry, Entry::Account(account) if account.uid == uid))
    };
    assert!(is_told(&changed), "who was changed is told: {entries:?}");
    assert!(is_told(&made), "who was made is told: {entries:?}");
    assert_eq!(told_gone, feed == ChangeFeed::WithDeletes, "who is gone is told where that is promised");
    let (again, _) = changes(subject, &*connector, token).await;
    assert_eq!(again.len(), entries.len(), "asking again tells the same");

    let outcomes = session(subject, &*connector, vec![replace(&made, text.clone(), "newer")]).await;
    assert!(outcomes[0].is_ok(), "{outcomes:?}");
    let (entries, _) = changes(subject, &*connector, next).await;
    let newer = entries.iter().find_map(|entry| match entry {
        Entry::Account(account) if account.uid == made => Some(account),
        Entry::Account(_) | Entry::Gone(_) | Entry::Bad(_) => None,
    });
    let Some(newer) = newer else { panic!("what changes later is told later: {entries:?}") };
    assert_eq!(newer.record.get(text.as_str()), &Field::text("newer"));
    assert_eq!(made_with(subject, newer), subject.uid(4));
}

pub(super) async fn an_outdated_token_is_refused(subject: &dyn Fixture) {
    let Some(connector) = writable(subject).await else { return };
    if connector.capabilities().changes == ChangeFeed::None {
        return;
    }
    let reads = Reads::Changes { since: subject.outdated() };
    let refused = match connector.sweep(SweepRequest { reads, ..request(subject, 2, None) }).await {
        Ok(mut sweep) => sweep.next().await.err(),
        Err(error) => Some(error),
    };
    assert!(matches!(refused, Some(ConnectorError::Outdated { .. })), "{refused:?}");
}
