//! The promises of writes, as far as the capabilities go.

use muster_model::{AttributeName, Field, Value};

use super::{Fixture, Sample, key, key_of, ok, read_one, sample, samples, sweep};
use crate::{Account, AttributeWrite, Connector, ConnectorError, Operation, WriteResult, Written};

/// What became of an operation that is no create.
const DONE: WriteResult = Ok(Written { given_uid: None });

/// A system with three accounts; `None` where nothing can be written.
pub(super) async fn writable(subject: &dyn Fixture) -> Option<Box<dyn Connector>> {
    let connector = subject.system(&samples(subject, 3)).await;
    if connector.capabilities().write {
        return Some(connector);
    }
    assert!(connector.writer(&subject.class()).await.is_err(), "what cannot be written gives no writer");
    None
}

/// One session with these operations.
pub(super) async fn session(
    subject: &dyn Fixture,
    connector: &dyn Connector,
    operations: Vec<Operation>,
) -> Vec<WriteResult> {
    let mut writer = ok(connector.writer(&subject.class()).await, "a session begins");
    let count = operations.len();
    let outcomes = writer.write(operations).await;
    assert_eq!(outcomes.len(), count, "each operation has one outcome");
    ok(writer.close().await, "a session ends");
    outcomes
}

pub(super) async fn expect(subject: &dyn Fixture, connector: &dyn Connector, uid: &str) -> Account {
    match read_one(subject, connector, uid).await {
        Some(account) => account,
        None => panic!("`{uid}` is found by its key"),
    }
}

pub(super) fn create(sample: Sample) -> Operation {
    let Sample { uid, enabled, attributes } = sample;
    Operation::Create { uid, attributes, enabled }
}

fn update(uid: &str, name: AttributeName, write: AttributeWrite) -> Operation {
    Operation::Update { uid: uid.to_owned(), name: None, writes: vec![(name, write)], enabled: None }
}

pub(super) fn delete(uid: &str) -> Operation {
    Operation::Delete { uid: uid.to_owned(), name: None }
}

pub(super) fn replace(uid: &str, name: AttributeName, text: &str) -> Operation {
    update(uid, name, AttributeWrite::Replace(Field::text(text)))
}

pub(super) async fn closing_without_writes_changes_nothing(subject: &dyn Fixture) {
    let Some(connector) = writable(subject).await else { return };
    let before = sweep(subject, &*connector, 10, None).await.snapshot;
    assert_eq!(session(subject, &*connector, vec![]).await, []);
    let after = sweep(subject, &*connector, 10, None).await.snapshot;
    assert_eq!(after, before, "a session without writes leaves the source as it is");
}

pub(super) async fn accounts_are_created_once(subject: &dyn Fixture) {
    let Some(connector) = writable(subject).await else { return };
    let new = sample(subject, 3);
    let outcomes = session(
        subject,
        &*connector,
        vec![create(new.clone()), create(new.clone()), create(sample(subject, 0))],
    )
    .await;
    let given = match &outcomes[0] {
        Ok(written) => written.given_uid.clone(),
        Err(error) => panic!("a new key is created, but: {error}"),
    };
    let made = key_of(subject, &*connector, 3).await;
    assert_eq!(
        given.is_some(),
        subject.class().name_attribute.is_some(),
        "keys are told where they are given"
    );
    assert_eq!(given.unwrap_or_else(|| new.uid.clone()), made, "the key that is told is the account's");
    for outcome in &outcomes[1..] {
        assert!(matches!(outcome, Err(ConnectorError::Conflict { .. })), "a key exists once: {outcome:?}");
    }
    let account = expect(subject, &*connector, &made).await;
    for (name, field) in &new.attributes {
        assert_eq!(account.record.get(name.as_str()), field, "`{name}` is created");
    }
    let again = session(subject, &*connector, vec![create(new)]).await;
    assert!(matches!(again[0], Err(ConnectorError::Conflict { .. })), "a key exists once: {again:?}");
    assert_eq!(sweep(subject, &*connector, 10, None).await.entries().len(), 4, "one account was made");
}

pub(super) async fn accounts_are_updated(subject: &dyn Fixture) {
    let Some(connector) = writable(subject).await else { return };
    let (uid, text) = (key_of(subject, &*connector, 1).await, subject.text_attribute());
    let (none, bystander) = (subject.unknown_uid(), key_of(subject, &*connector, 2).await);
    let other = expect(subject, &*connector, &bystander).await;
    let operations = vec![replace(&uid, text.clone(), "new"), replace(&none, text.clone(), "new")];
    let outcomes = session(subject, &*connector, operations).await;
    assert_eq!(outcomes[0], DONE, "an account is updated");
    assert!(matches!(outcomes[1], Err(ConnectorError::Missing { .. })), "nobody to update: {outcomes:?}");
    assert_eq!(expect(subject, &*connector, &uid).await.record.get(text.as_str()), &Field::text("new"));
    assert_eq!(read_one(subject, &*connector, &none).await, None, "an update creates nothing");
    let untouched = expect(subject, &*connector, &bystander).await;
    assert_eq!(untouched.record, other.record, "other accounts stay as they are");

    let clear = update(&uid, text.clone(), AttributeWrite::Replace(Field::Null));
    assert_eq!(session(subject, &*connector, vec![clear]).await, [DONE]);
    let cleared = expect(subject, &*connector, &uid).await;
    let left: Vec<_> = cleared.record.get(text.as_str()).values().iter().map(Value::to_text).collect();
    assert!(left.iter().all(|value| value.is_empty()), "a cleared attribute holds nothing: {left:?}");
}

pub(super) async fn accounts_are_deleted(subject: &dyn Fixture) {
    let Some(connector) = writable(subject).await else { return };
    let uid = key_of(subject, &*connector, 1).await;
    let operations = vec![delete(&uid), delete(&uid), delete(&subject.unknown_uid())];
    let outcomes = session(subject, &*connector, operations).await;
    assert_eq!(outcomes, [DONE, DONE, DONE], "deleting what is gone already is fine");
    assert_eq!(read_one(subject, &*connector, &uid).await, None, "a deleted account is gone");
    assert_eq!(sweep(subject, &*connector, 10, None).await.entries().len(), 2, "the others stay");
}

pub(super) async fn accounts_are_enabled_as_promised(subject: &dyn Fixture) {
    let Some(connector) = writable(subject).await else { return };
    let uid = key_of(subject, &*connector, 0).await;
    if !connector.capabilities().enable {
        assert_eq!(expect(subject, &*connector, &uid).await.enabled, None, "there is no such notion");
        return;
    }
    let text = expect(subject, &*connector, &uid).await.record;
    for state in [false, false, true] {
        let operation =
            Operation::Update { uid: uid.clone(), name: None, writes: vec![], enabled: Some(state) };
        assert_eq!(session(subject, &*connector, vec![operation]).await, [DONE]);
        let account = expect(subject, &*connector, &uid).await;
        assert_eq!(account.enabled, Some(state), "an account is enabled and disabled");
        assert_eq!(account.record, text, "and keeps what it holds");
    }
    let disabled = Sample { enabled: false, ..sample(subject, 5) };
    let made = session(subject, &*connector, vec![create(disabled)]).await;
    assert!(made[0].is_ok(), "a disabled account is made: {made:?}");
    let uid = key_of(subject, &*connector, 5).await;
    assert_eq!(expect(subject, &*connector, &uid).await.enabled, Some(false));
}

pub(super) async fn values_are_added_and_removed_once(subject: &dyn Fixture) {
    let Some(connector) = writable(subject).await else { return };
    let Some(name) = subject.several_attribute() else { return };
    let uid = key_of(subject, &*connector, 0).await;
    for (add, remove, expected) in [
        (vec!["third"], vec![], vec!["first", "second", "third"]),
        (vec!["third", "first"], vec![], vec!["first", "second", "third"]),
        (vec![], vec!["second", "never"], vec!["first", "third"]),
        (vec!["fourth"], vec!["first", "second"], vec!["fourth", "third"]),
        (vec![], vec!["fourth", "third"], vec![]),
        (vec!["first"], vec![], vec!["first"]),
    ] {
        let texts = |texts: &[&str]| texts.iter().copied().map(Value::from).collect::<Vec<_>>();
        let write = AttributeWrite::Values { add: texts(&add), remove: texts(&remove) };
        let outcomes = session(subject, &*connector, vec![update(&uid, name.clone(), write)]).await;
        assert_eq!(outcomes, [DONE], "adding {add:?}, removing {remove:?}");
        let account = expect(subject, &*connector, &uid).await;
        let mut held: Vec<_> = account
            .record
            .get(name.as_str())
            .values()
            .iter()
            .map(|value| value.to_text().into_owned())
            .collect();
        held.sort();
        assert_eq!(held, expected, "after adding {add:?}, removing {remove:?}");
    }
}

pub(super) async fn operations_for_one_key_build_on_each_other(subject: &dyn Fixture) {
    let Some(connector) = writable(subject).await else { return };
    let text = subject.text_attribute();
    let old = key_of(subject, &*connector, 0).await;
    let gone = key_of(subject, &*connector, 1).await;
    let mut operations = vec![
        replace(&old, text.clone(), "first"),
        replace(&old, text.clone(), "second"),
        delete(&gone),
        replace(&gone, text.clone(), "too late"),
        create(sample(subject, 1)),
    ];
    let gives_keys = subject.class().name_attribute.is_some();
    if !gives_keys {
        operations.push(create(sample(subject, 4)));
        operations.push(replace(&subject.uid(4), text.clone(), "third"));
        operations.push(create(sample(subject, 5)));
        operations.push(delete(&subject.uid(5)));
    }
    let outcomes = session(subject, &*connector, operations).await;
    for (number, outcome) in outcomes.iter().enumerate() {
        match number {
            3 => {
                assert!(matches!(outcome, Err(ConnectorError::Missing { .. })), "deleted before: {outcome:?}")
            }
            _ => assert!(outcome.is_ok(), "operation {number}: {outcome:?}"),
        }
    }
    let expected: &[(usize, &str)] = match gives_keys {
        true => &[(0, "second"), (1, "text 1")],
        false => &[(0, "second"), (1, "text 1"), (4, "third")],
    };
    for (number, expected) in expected {
        let uid = key_of(subject, &*connector, *number).await;
        let account = expect(subject, &*connector, &uid).await;
        assert_eq!(account.record.get(text.as_str()), &Field::text(*expected), "`{uid}`");
    }
    if !gives_keys {
        assert_eq!(read_one(subject, &*connector, &subject.uid(5)).await, None, "made and deleted");
    }
    let count = sweep(subject, &*connector, 10, None).await.entries().len();
    assert_eq!(count, if gives_keys { 3 } else { 4 });
}

pub(super) async fn references_are_held_as_promised(subject: &dyn Fixture) {
    let Some(connector) = writable(subject).await else { return };
    let Some(name) = subject.reference_attribute() else { return };
    let (holder, sound) = (key_of(subject, &*connector, 0).await, key_of(subject, &*connector, 1).await);
    let dangling = subject.unknown_uid();
    let operations = vec![replace(&holder, name.clone(), &sound), replace(&sound, name.clone(), &dangling)];
    let outcomes = session(subject, &*connector, operations).await;
    assert_eq!(outcomes[0], DONE, "a reference to an account is admitted");
    match connector.capabilities().references_must_exist {
        true => assert!(matches!(outcomes[1], Err(ConnectorError::Rejected { .. })), "{outcomes:?}"),
        false => assert_eq!(outcomes[1], DONE, "a reference to nobody yet is admitted"),
    }
    let holder = expect(subject, &*connector, &holder).await;
    assert_eq!(holder.record.get(name.as_str()).first().map(Value::to_text).as_deref(), Some(sound.as_str()));
}

pub(super) async fn an_account_keeps_its_key_under_another_name(subject: &dyn Fixture) {
    let Some(connector) = writable(subject).await else { return };
    let Some(name) = subject.class().name_attribute else { return };
    if !connector.capabilities().rename {
        return;
    }
    let uid = key_of(subject, &*connector, 0).await;
    let rename = |new: &str, known: Option<String>| Operation::Update {
        uid: uid.clone(),
        name: known,
        writes: vec![(name.clone(), AttributeWrite::Replace(Field::text(new)))],
        enabled: None,
    };
    // The second names the account as it was called before: it has another name by now.
    for (new, known) in [(6, None), (7, Some(subject.uid(0)))] {
        assert_eq!(session(subject, &*connector, vec![rename(&subject.uid(new), known)]).await, [DONE]);
        assert_eq!(key(subject, &*connector, new).await.as_ref(), Some(&uid), "the key stays");
    }
    assert_eq!(key(subject, &*connector, 0).await, None, "the old name is free");
    let taken = session(subject, &*connector, vec![rename(&subject.uid(1), None)]).await;
    assert!(matches!(taken[0], Err(ConnectorError::Conflict { .. })), "a name is one account's: {taken:?}");
}

pub(super) async fn memberships_are_added_and_removed_once(subject: &dyn Fixture) {
    let Some(connector) = writable(subject).await else { return };
    let Some(membership) = subject.class().membership else { return };
    let groups = subject.entitlements();
    let [one, two] = groups.as_slice() else { panic!("two entitlements exist: {groups:?}") };
    let uid = key_of(subject, &*connector, 0).await;
    let bystander = key_of(subject, &*connector, 1).await;
    for (add, remove, expected) in [
        (vec![one, two], vec![], vec![one, two]),
        (vec![one], vec![], vec![one, two]),
        (vec![], vec![one], vec![two]),
        (vec![], vec![one], vec![two]),
        (vec![one], vec![two], vec![one]),
    ] {
        let texts = |texts: &[&String]| texts.iter().map(|text| Value::from(text.as_str())).collect();
        let write = AttributeWrite::Values { add: texts(&add), remove: texts(&remove) };
        let outcomes =
            session(subject, &*connector, vec![update(&uid, membership.attribute.clone(), write)]).await;
        assert_eq!(outcomes, [DONE], "adding {add:?}, removing {remove:?}");
        let held = memberships(&expect(subject, &*connector, &uid).await, &membership.attribute);
        let mut expected: Vec<String> = expected.into_iter().cloned().collect();
        expected.sort();
        assert_eq!(held, expected, "after adding {add:?}, removing {remove:?}");
    }
    let other = expect(subject, &*connector, &bystander).await;
    assert_eq!(memberships(&other, &membership.attribute), [""; 0], "nobody else is a member");
    assert_eq!(session(subject, &*connector, vec![delete(&uid)]).await, [DONE], "a member can be deleted");
}

fn memberships(account: &Account, attribute: &AttributeName) -> Vec<String> {
    let field = account.record.get(attribute.as_str());
    let mut held: Vec<String> = field.values().iter().map(|value| value.to_text().into_owned()).collect();
    held.sort();
    held
}
