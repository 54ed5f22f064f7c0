//! The promises of writes, as far as the capabilities go.

use muster_model::{AttributeName, Field, Value};

use super::{Fixture, Sample, ok, read_one, sample, samples, sweep};
use crate::{Account, AttributeWrite, Connector, ConnectorError, Operation};

type Outcome = Result<(), ConnectorError>;

/// A system with three accounts; `None` where nothing can be written.
async fn writable(subject: &dyn Fixture) -> Option<Box<dyn Connector>> {
    let connector = subject.system(&samples(subject, 3)).await;
    if connector.capabilities().write {
        return Some(connector);
    }
    assert!(connector.writer(&subject.class()).await.is_err(), "what cannot be written gives no writer");
    None
}

/// One session with these operations.
async fn session(
    subject: &dyn Fixture,
    connector: &dyn Connector,
    operations: Vec<Operation>,
) -> Vec<Outcome> {
    let mut writer = ok(connector.writer(&subject.class()).await, "a session begins");
    let count = operations.len();
    let outcomes = writer.write(operations).await;
    assert_eq!(outcomes.len(), count, "each operation has one outcome");
    ok(writer.close().await, "a session ends");
    outcomes
}

async fn expect(subject: &dyn Fixture, connector: &dyn Connector, uid: &str) -> Account {
    match read_one(subject, connector, uid).await {
        Some(account) => account,
        None => panic!("`{uid}` is found by its key"),
    }
}

fn create(sample: Sample) -> Operation {
    let Sample { uid, enabled, attributes } = sample;
    Operation::Create { uid, attributes, enabled }
}

fn update(uid: &str, name: AttributeName, write: AttributeWrite) -> Operation {
    Operation::Update { uid: uid.to_owned(), writes: vec![(name, write)], enabled: None }
}

fn replace(uid: &str, name: AttributeName, text: &str) -> Operation {
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
    assert_eq!(outcomes[0], Ok(()), "a new key is created");
    for outcome in &outcomes[1..] {
        assert!(matches!(outcome, Err(ConnectorError::Conflict { .. })), "a key exists once: {outcome:?}");
    }
    let account = expect(subject, &*connector, &new.uid).await;
    for (name, field) in &new.attributes {
        assert_eq!(account.record.get(name.as_str()), field, "`{name}` is created");
    }
    let again = session(subject, &*connector, vec![create(new)]).await;
    assert!(matches!(again[0], Err(ConnectorError::Conflict { .. })), "a key exists once: {again:?}");
    assert_eq!(sweep(subject, &*connector, 10, None).await.entries().len(), 4, "one account was made");
}

pub(super) async fn accounts_are_updated(subject: &dyn Fixture) {
    let Some(connector) = writable(subject).await else { return };
    let (uid, text) = (subject.uid(1), subject.text_attribute());
    let none = subject.uid(9);
    let other = expect(subject, &*connector, &subject.uid(2)).await;
    let operations = vec![replace(&uid, text.clone(), "new"), replace(&none, text.clone(), "new")];
    let outcomes = session(subject, &*connector, operations).await;
    assert_eq!(outcomes[0], Ok(()), "an account is updated");
    assert!(matches!(outcomes[1], Err(ConnectorError::Missing { .. })), "nobody to update: {outcomes:?}");
    assert_eq!(expect(subject, &*connector, &uid).await.record.get(text.as_str()), &Field::text("new"));
    assert_eq!(read_one(subject, &*connector, &none).await, None, "an update creates nothing");
    let untouched = expect(subject, &*connector, &subject.uid(2)).await;
    assert_eq!(untouched.record, other.record, "other accounts stay as they are");

    let clear = update(&uid, text.clone(), AttributeWrite::Replace(Field::Null));
    assert_eq!(session(subject, &*connector, vec![clear]).await, [Ok(())]);
    let cleared = expect(subject, &*connector, &uid).await;
    let left: Vec<_> = cleared.record.get(text.as_str()).values().iter().map(Value::to_text).collect();
    assert!(left.iter().all(|value| value.is_empty()), "a cleared attribute holds nothing: {left:?}");
}

pub(super) async fn accounts_are_deleted(subject: &dyn Fixture) {
    let Some(connector) = writable(subject).await else { return };
    let delete = |number| Operation::Delete { uid: subject.uid(number) };
    let outcomes = session(subject, &*connector, vec![delete(1), delete(1), delete(9)]).await;
    assert_eq!(outcomes, [Ok(()), Ok(()), Ok(())], "deleting what is gone already is fine");
    assert_eq!(read_one(subject, &*connector, &subject.uid(1)).await, None, "a deleted account is gone");
    assert_eq!(sweep(subject, &*connector, 10, None).await.entries().len(), 2, "the others stay");
}

pub(super) async fn accounts_are_enabled_as_promised(subject: &dyn Fixture) {
    let Some(connector) = writable(subject).await else { return };
    let uid = subject.uid(0);
    if !connector.capabilities().enable {
        assert_eq!(expect(subject, &*connector, &uid).await.enabled, None, "there is no such notion");
        return;
    }
    let text = expect(subject, &*connector, &uid).await.record;
    for state in [false, false, true] {
        let operation = Operation::Update { uid: uid.clone(), writes: vec![], enabled: Some(state) };
        assert_eq!(session(subject, &*connector, vec![operation]).await, [Ok(())]);
        let account = expect(subject, &*connector, &uid).await;
        assert_eq!(account.enabled, Some(state), "an account is enabled and disabled");
        assert_eq!(account.record, text, "and keeps what it holds");
    }
    let disabled = Sample { enabled: false, ..sample(subject, 5) };
    assert_eq!(session(subject, &*connector, vec![create(disabled)]).await, [Ok(())]);
    assert_eq!(expect(subject, &*connector, &subject.uid(5)).await.enabled, Some(false));
}

pub(super) async fn values_are_added_and_removed_once(subject: &dyn Fixture) {
    let Some(connector) = writable(subject).await else { return };
    let Some(name) = subject.several_attribute() else { return };
    let uid = subject.uid(0);
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
        assert_eq!(outcomes, [Ok(())], "adding {add:?}, removing {remove:?}");
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
    let (old, new, brief) = (subject.uid(0), subject.uid(4), subject.uid(5));
    let delete = |uid: &str| Operation::Delete { uid: uid.to_owned() };
    let operations = vec![
        replace(&old, text.clone(), "first"),
        create(sample(subject, 4)),
        replace(&old, text.clone(), "second"),
        replace(&new, text.clone(), "third"),
        create(sample(subject, 5)),
        delete(&brief),
        delete(&subject.uid(1)),
        replace(&subject.uid(1), text.clone(), "too late"),
        create(sample(subject, 1)),
    ];
    let outcomes = session(subject, &*connector, operations).await;
    for (number, outcome) in outcomes.iter().enumerate() {
        match number {
            7 => {
                assert!(matches!(outcome, Err(ConnectorError::Missing { .. })), "deleted before: {outcome:?}")
            }
            _ => assert_eq!(outcome, &Ok(()), "operation {number}"),
        }
    }
    for (uid, expected) in [(&old, "second"), (&new, "third"), (&subject.uid(1), "text 1")] {
        let account = expect(subject, &*connector, uid).await;
        assert_eq!(account.record.get(text.as_str()), &Field::text(expected), "`{uid}`");
    }
    assert_eq!(read_one(subject, &*connector, &brief).await, None, "made and deleted");
    assert_eq!(sweep(subject, &*connector, 10, None).await.entries().len(), 4);
}

pub(super) async fn references_are_held_as_promised(subject: &dyn Fixture) {
    let Some(connector) = writable(subject).await else { return };
    let Some(name) = subject.reference_attribute() else { return };
    let (sound, dangling) = (subject.uid(1), subject.uid(9));
    let operations =
        vec![replace(&subject.uid(0), name.clone(), &sound), replace(&sound, name.clone(), &dangling)];
    let outcomes = session(subject, &*connector, operations).await;
    assert_eq!(outcomes[0], Ok(()), "a reference to an account is admitted");
    match connector.capabilities().references_must_exist {
        true => assert!(matches!(outcomes[1], Err(ConnectorError::Rejected { .. })), "{outcomes:?}"),
        false => assert_eq!(outcomes[1], Ok(()), "a reference to nobody yet is admitted"),
    }
    let holder = expect(subject, &*connector, &subject.uid(0)).await;
    assert_eq!(holder.record.get(name.as_str()).first().map(Value::to_text).as_deref(), Some(sound.as_str()));
}
