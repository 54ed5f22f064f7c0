//! Secrets: kept sealed, given to the connector that they were entered for, and told to nobody.

use std::sync::Arc;

use muster_connector::memory::{CAPABLE, MemorySystem};
use muster_engine::{LoadedConfiguration, SecretError};
use muster_model::audit::Act;
use muster_model::configuration::{Configuration, ConfigurationKind, Document, Leniency};
use muster_model::run::OutcomeStatus;
use muster_model::{ConfigurationId, SecretName, TenantSettings};
use muster_store::{
    AuditFilter, BindingRule, MasterKey, Put, ResourceChanges, ResourceWrite, RunRecord, StoreError, Written,
};
use muster_testkit::locked::LockedKind;
use muster_testkit::world::configuration::{hr, reconciliation};
use muster_testkit::world::{TestDatabase, World, on_each_database, on_sqlite};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

const PASSWORD: &str = "correct horse battery staple";

fn name(text: &str) -> SecretName {
    text.parse().expect("a name")
}

fn definition(host: &str) -> Value {
    json!({
        "id": "hr", "name": "HR", "type": "locked",
        "connectorProperties": [
            { "name": "host", "value": host },
            { "name": "password", "value": "${secret:hr-password}" },
        ],
    })
}

/// A world whose HR system wants a password, and that system's type.
async fn locked(database: &TestDatabase) -> (World, LockedKind) {
    let kind = LockedKind::new("locked", PASSWORD, MemorySystem::new(CAPABLE));
    let world = World::open(database).await.with_connector(Arc::new(kind.clone()));
    world.save(ConfigurationKind::ConnectorDefinition, definition("hr.example")).await;
    world.save(ConfigurationKind::Application, hr()).await;
    world.save(ConfigurationKind::SynchronizationTaskDefinition, reconciliation("hr", "person")).await;
    (world, kind)
}

/// Saves a definition that refers to the password, as the API does, with all that belongs to it.
async fn save_bound(world: &World, id: &str, rule: BindingRule) -> Result<Vec<i64>, StoreError> {
    let (engine, store) = (world.engine(), world.store());
    let before = LoadedConfiguration::load(store).await.expect("a configuration").resources;
    let mut document = definition("elsewhere.example");
    document["id"] = id.into();
    let kind = ConfigurationKind::ConnectorDefinition;
    let resource =
        Document::read(kind, &document, Leniency::Strict).expect("a document").parse().expect("a resource");
    let after = before.clone().with(resource);
    let write = ResourceWrite::new(kind as u8, id, Written::Created(document.to_string()));
    let bindings = engine.new_bindings(&before, &after);
    let changes = ResourceChanges { bindings, rule, ..ResourceChanges::of(vec![write]) };
    store.write_resources(store.configuration_version().await.expect("a version"), &changes).await
}

async fn put(world: &World, value: &str) -> Put {
    let value = SecretString::from(value);
    world.engine().put_secret(world.store(), &name("hr-password"), &value).await.expect("a secret").0
}

/// The failure of a run that has to have failed.
fn failure(run: RunRecord) -> String {
    assert_eq!(run.state.outcome, Some(OutcomeStatus::Failure));
    run.failure.expect("a reason")
}

#[test]
fn a_secret_reaches_its_connector_and_nobody_else() {
    on_each_database(async |database| {
        let (world, kind) = locked(database).await;
        let missing = failure(world.synchronize("hr").await);
        assert!(missing.contains("secret `hr-password` does not exist"), "{missing}");
        assert_eq!(kind.opened().len(), 0);
        assert_eq!(put(&world, "wrong horse").await, Put::Created);
        let refused = failure(world.synchronize("hr").await);
        assert!(refused.contains("the password is not `${secret:hr-password}`"), "{refused}");
        assert_eq!(kind.opened()[0]["password"], "wrong horse");
        assert_eq!(put(&world, PASSWORD).await, Put::Replaced);
        let run = world.synchronize("hr").await;
        assert_ne!(run.state.outcome, Some(OutcomeStatus::Failure), "{:?}", run.failure);
    });
}

#[test]
fn a_changed_address_drops_the_binding_until_the_secret_is_entered_again() {
    on_each_database(async |database| {
        let (world, kind) = locked(database).await;
        put(&world, PASSWORD).await;
        world.save(ConfigurationKind::ConnectorDefinition, definition("evil.example")).await;
        let refused = failure(world.synchronize("hr").await);
        assert!(refused.contains("was not entered for where connector definition `hr` leads"), "{refused}");
        assert_eq!(kind.opened().len(), 0, "nothing was sent anywhere");
        put(&world, PASSWORD).await;
        let run = world.synchronize("hr").await;
        assert_eq!((run.failure, kind.opened().len()), (None, 1));
        // What does not say where it leads may change.
        let mut harmless = definition("evil.example");
        let user = json!({ "name": "user", "value": "muster" });
        harmless["connectorProperties"].as_array_mut().unwrap().push(user);
        world.save(ConfigurationKind::ConnectorDefinition, harmless).await;
        assert_eq!(world.synchronize("hr").await.failure, None);
    });
}

#[test]
fn a_further_definition_gets_a_secret_only_from_who_may_enter_it() {
    on_each_database(async |database| {
        let (world, _) = locked(database).await;
        let store = world.store();
        let bound = async || {
            let secrets = store.secrets().await.unwrap();
            secrets[0].definitions.iter().map(ConfigurationId::to_string).collect::<Vec<_>>()
        };
        put(&world, PASSWORD).await;
        assert_eq!(bound().await, ["hr"]);
        save_bound(&world, "other", BindingRule::IfUnbound).await.unwrap();
        assert_eq!(bound().await, ["hr"], "it was entered for another definition");
        save_bound(&world, "third", BindingRule::Always).await.unwrap();
        assert_eq!(bound().await, ["hr", "third"]);
    });
}

#[test]
fn a_secret_entered_before_its_definition_is_bound_with_it() {
    on_each_database(async |database| {
        let kind = LockedKind::new("locked", PASSWORD, MemorySystem::new(CAPABLE));
        let world = World::open(database).await.with_connector(Arc::new(kind));
        let store = world.store();
        put(&world, PASSWORD).await;
        // Whatever keeps the audit log from being written keeps the binding, and the definition with it.
        database.execute("ALTER TABLE audit RENAME TO elsewhere").await;
        save_bound(&world, "hr", BindingRule::IfUnbound).await.unwrap_err();
        database.execute("ALTER TABLE elsewhere RENAME TO audit").await;
        assert_eq!(store.secrets().await.unwrap()[0].definitions, []);
        assert_eq!(store.resources().await.unwrap(), []);
        save_bound(&world, "hr", BindingRule::IfUnbound).await.unwrap();
        assert_eq!(store.secrets().await.unwrap()[0].definitions.len(), 1);
        let log = store.audit(&AuditFilter { limit: 9, ..AuditFilter::default() }).await.unwrap();
        let newest = &log[0].entry;
        assert_eq!((newest.act, newest.subject.to_string().as_str()), (Act::Replace, "secrets/hr-password"));
        assert_eq!(newest.details, [("boundTo".to_owned(), "hr".to_owned())].into());
        // What is bound so already is not bound again.
        let after = LoadedConfiguration::load(store).await.unwrap().resources;
        let written = Written::Updated(definition("elsewhere.example").to_string());
        let write = ResourceWrite::new(ConfigurationKind::ConnectorDefinition as u8, "hr", written);
        let changes = ResourceChanges {
            bindings: world.engine().new_bindings(&Configuration::default(), &after),
            rule: BindingRule::Always,
            ..ResourceChanges::of(vec![write])
        };
        assert_eq!(changes.bindings.len(), 1);
        let checked = store.configuration_version().await.unwrap();
        store.write_resources(checked, &changes).await.unwrap();
        let log = store.audit(&AuditFilter { limit: 9, ..AuditFilter::default() }).await.unwrap();
        assert_eq!(log[0].entry.subject.to_string(), "connector-definitions/hr");
    });
}

#[test]
fn a_secret_in_use_stays_and_one_that_is_not_goes() {
    on_each_database(async |database| {
        let (world, _) = locked(database).await;
        put(&world, PASSWORD).await;
        let (engine, store, hr) = (world.engine(), world.store(), name("hr-password"));
        let Err(SecretError::Referred { referrers, .. }) = engine.delete_secret(store, &hr).await else {
            panic!("it is gone");
        };
        assert_eq!(referrers, ["connector-definitions/hr/connectorProperties/1/value"]);
        let nothing = json!({ "id": "hr", "name": "HR", "type": "locked" });
        world.save(ConfigurationKind::ConnectorDefinition, nothing).await;
        engine.delete_secret(store, &hr).await.unwrap();
        assert!(matches!(engine.delete_secret(store, &hr).await, Err(SecretError::Lacking(_))));
        assert_eq!(store.secrets().await.unwrap(), []);
    });
}

#[test]
fn what_cannot_be_a_value_is_refused() {
    on_sqlite(async |database| {
        let world = World::open(database).await;
        for value in ["", "a\0b", &"x".repeat(muster_engine::LONGEST_SECRET + 1)] {
            let value = SecretString::from(value);
            let refused = world.engine().put_secret(world.store(), &name("x"), &value).await;
            assert!(matches!(refused, Err(SecretError::Value(_))), "{refused:?}");
        }
    });
}

#[test]
fn rows_hold_no_value_and_cannot_be_exchanged() {
    on_each_database(async |database| {
        let world = World::open(database).await;
        let (engine, store) = (world.engine(), world.store());
        for (secret, value) in [("a", "value of a"), ("b", "value of b")] {
            engine.put_secret(store, &name(secret), &SecretString::from(value)).await.unwrap();
        }
        let hex = if database.is_postgres() { "encode(sealed, 'hex')" } else { "lower(hex(sealed))" };
        let sealed = database.texts(&format!("SELECT {hex} FROM secret ORDER BY name")).await;
        let value: String = b"value of".iter().map(|octet| format!("{octet:02x}")).collect();
        assert!(sealed.iter().all(|row| !row.contains(&value)) && sealed.len() == 2, "{sealed:?}");
        let nobody: ConfigurationId = "nobody".parse().unwrap();
        let opened = store.open_secrets(&[name("a"), name("c")], &nobody).await.unwrap();
        let told: Vec<_> =
            opened.iter().map(|(name, one)| (name.as_str(), one.value.expose_secret())).collect();
        assert_eq!(told, [("a", "value of a")]);
        assert!(!format!("{opened:?}").contains("value of a"));
        for change in [
            "UPDATE secret SET sealed = (SELECT sealed FROM secret WHERE name = 'b') WHERE name = 'a'",
            "UPDATE secret SET version = version + 1 WHERE name = 'b'",
        ] {
            assert_eq!(database.execute(change).await, 1);
        }
        for secret in ["a", "b"] {
            let opened = store.open_secrets(&[name(secret)], &nobody).await;
            assert!(matches!(opened, Err(StoreError::Unsealable { .. })), "{secret}: {opened:?}");
        }
    });
}

#[test]
fn another_master_key_is_recognised_and_none_is_no_key() {
    on_each_database(async |database| {
        let (world, _) = locked(database).await;
        let other = || MasterKey::of(&[8; 32]).unwrap();
        let early = database.without_key().await.with_master_key(other()).await.unwrap();
        let late = world.engine().put_secret(world.store(), &name("x"), &SecretString::from("x")).await;
        assert!(matches!(late, Err(SecretError::Store(StoreError::OtherMasterKey))), "{late:?}");
        let own = database.another_process().await;
        assert!(!own.is_sealed().await.unwrap() && early.has_master_key());
        put(&world, PASSWORD).await;
        let other = database.without_key().await.with_master_key(other()).await;
        assert!(matches!(other, Err(StoreError::OtherMasterKey)));
        let without = database.without_key().await;
        assert!(without.is_sealed().await.unwrap() && !without.has_master_key());
        let engine = world.engine_on(without);
        let store = engine.store().tenant(world.store().slug()).await.unwrap().unwrap();
        let put = engine.put_secret(&store, &name("x"), &SecretString::from("x")).await;
        assert!(matches!(put, Err(SecretError::Store(StoreError::NoMasterKey))), "{put:?}");
        let run =
            world.admit(muster_testkit::world::synchronization("hr", muster_model::run::Mode::Apply)).await;
        let refused = failure(engine.execute(&store, run).await.unwrap());
        assert!(refused.contains("there is no master key"), "{refused}");
    });
}

#[test]
fn a_tenant_goes_with_its_secrets() {
    on_each_database(async |database| {
        let (world, _) = locked(database).await;
        put(&world, PASSWORD).await;
        world.store().put_settings(&TenantSettings::default()).await.unwrap();
        assert!(database.store().delete_tenant(world.store().slug()).await.unwrap());
        for table in ["secret", "secret_binding", "data_key", "settings"] {
            let left = database.texts(&format!("SELECT CAST(count(*) AS TEXT) FROM {table}")).await;
            assert_eq!(left, ["0"], "{table}");
        }
    });
}
