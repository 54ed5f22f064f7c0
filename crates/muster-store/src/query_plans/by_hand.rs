//! How the databases carry out what somebody asks and writes by hand, among some thousand people.

use muster_model::audit::Actor;
use muster_model::condition::Condition;
use muster_model::{
    AttributeName, Attributes, DirectoryId, Field, ImObject, ObjectId, ObjectKind, Provenance,
};
use muster_plan::by_hand::{HandChange, Wanted, create, delete, replace};
use muster_plan::key::{KeySpec, KeySpecs};
use uuid::Uuid;

use super::story::{Story, application, key, launch, now, object_id, tenant};
use super::{Sent, findings, on_each_database};
use crate::database::Urgency;
use crate::sight::Sight;
use crate::{HandWrite, ObjectSearch, StoreError, TenantStore};

/// How each statement begins that must have been explained.
const TOLD: [&str; 12] = [
    "SELECT o.id FROM object o WHERE",
    "SELECT o.id, o.kind, o.directory, o.type, o.disabled, o.version, o.attributes, o.provenance FROM object o",
    "SELECT o.id, o.kind, o.directory, o.type, o.disabled, o.version, o.attributes, o.provenance FROM (SELECT",
    "SELECT h.version",
    "SELECT s.application",
    "UPDATE tenant",
    "UPDATE object SET version",
    "DELETE FROM object",
    "INSERT INTO history",
    "DELETE FROM key WHERE",
    "UPDATE shadow SET digest = NULL, account_digest = NULL WHERE tenant = ? AND owner = ?",
    "UPDATE shadow SET digest = NULL, account_digest = NULL WHERE tenant = ? AND owner IN",
];

/// A key whose hashes are of names.
fn keys() -> KeySpecs {
    let mut keys = KeySpecs::default();
    keys.add(KeySpec::of_attribute(ObjectKind::Identity, &"name".into()));
    keys
}

fn named(object: &ImObject, name: &str) -> Wanted {
    Wanted {
        object_type: object.object_type.clone(),
        disabled: object.disabled,
        attributes: Attributes::from_iter([("name", Field::text(name))]),
    }
}

async fn search(tenant: &TenantStore) {
    let condition = Condition::parse(r#"name eq "name 77" and enabled eq true"#).unwrap();
    let search = ObjectSearch {
        kind: ObjectKind::Identity,
        directory: None,
        condition: Some(&condition),
        keys: None,
        after: None,
        limit: 1,
    };
    assert_eq!(tenant.search_objects(&search).await.unwrap()[0].id, object_id(77));
    let hashes = [key(77).hash, key(78).hash];
    let by_key = ObjectSearch { keys: Some(&hashes), limit: 10, ..search };
    assert_eq!(tenant.search_objects(&by_key).await.unwrap().len(), 1);
    tenant.indexed_directories().await.unwrap();
    let by = AttributeName::from("name");
    let (main, by) = (DirectoryId::main(), (ObjectKind::Identity, [&by]));
    assert!(tenant.referring_objects(&main, (by.0, &by.1), |_| true).await.unwrap().is_empty());
}

/// Makes, changes and deletes, each with all that can go with it.
async fn write(tenant: &TenantStore) {
    let checked = tenant.configuration_version().await.unwrap();
    let dropped = ["old".to_owned()];
    let referrers = [object_id(5), object_id(6)];
    let write = async |change: &HandChange| {
        let (dropped_keys, referrers) = (&dropped[..], &referrers[..]);
        let write = HandWrite { change, checked, dropped_keys, referrers, now: now() };
        tenant.write_by_hand(&write).await
    };
    let made = ImObject {
        id: ObjectId(Uuid::from_u128(1)),
        kind: ObjectKind::Identity,
        directory: DirectoryId::main(),
        object_type: None,
        disabled: None,
        version: 1,
        attributes: Attributes::from_iter([("name", Field::text("Made"))]),
        provenance: Provenance::default(),
    };
    write(&create(made, &keys())).await.unwrap();
    let old = tenant.object(object_id(10)).await.unwrap().unwrap();
    let wanted = named(&old, "Written");
    let change = replace(old.clone(), wanted, &keys()).unwrap();
    write(&change).await.unwrap();
    let again = write(&change).await;
    assert!(matches!(again, Err(StoreError::ObjectMoved)), "{again:?}");
    let gone = write(&delete(old, &keys())).await;
    assert!(matches!(gone, Err(StoreError::ObjectMoved)), "{gone:?}");
    let old = tenant.object(object_id(11)).await.unwrap().unwrap();
    write(&delete(old, &keys())).await.unwrap();
}

async fn read(tenant: &TenantStore) {
    let history = tenant.object_history((ObjectKind::Identity, object_id(10)), None, 10).await.unwrap();
    assert_eq!((history.len(), history[0].actor.as_ref()), (1, Some(&Actor::system())));
    let hr = application("hr");
    for application in [None, Some(&hr)] {
        assert_eq!(tenant.accounts_of(object_id(10), application).await.unwrap().len(), 1);
    }
}

#[test]
fn statements_by_hand_look_every_row_up_by_key() {
    on_each_database(async |store| {
        let tenant = tenant(&store).await;
        Story::begin(tenant.clone()).await;
        // Among a handful of runs any way to one is as good as any other.
        for number in 0..300 {
            launch(&tenant, &format!("task-{number}")).await;
        }
        let tx = tenant.database.begin(Urgency::Short).await.unwrap();
        tx.seen_by(Sight::Owner).await.unwrap();
        tx.script("ANALYZE run").await.unwrap();
        tx.commit().await.unwrap();
        tenant.database.recorder.take();
        search(&tenant).await;
        write(&tenant).await;
        read(&tenant).await;
        let statements = tenant.database.recorder.take();
        for start in TOLD {
            let is_told = statements.iter().any(|sent| sent.sql.starts_with(start));
            assert!(is_told, "nothing began with `{start}`");
        }
        let mut found = Vec::new();
        for Sent { sql, values } in statements {
            found.extend(findings(&tenant.database, &sql, values).await);
        }
        assert!(found.is_empty(), "{}", found.join("\n\n"));
    });
}
