//! What single syncs of one process keep, after the configuration that it was made from is another: each goes by what is
//! configured when it is asked for, whatever became of the one before.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use muster_connector::ConnectorError;
use muster_connector::faulty::{Call, Fault, Moment};
use muster_engine::{Engine, SingleUser};
use muster_model::configuration::ConfigurationKind;
use muster_model::run::OwnerBy;
use muster_store::{ResourceChanges, ResourceWrite, TenantStore, Written};
use muster_testkit::world::configuration::connector;
use muster_testkit::world::{TestDatabase, World, on_each_database};
use serde_json::{Value, json};

use crate::single::{CONNECTOR, source, task, world};

/// What one engine answers of user 1, in a word or as the error says.
async fn answer(engine: &Engine, store: &TenantStore) -> String {
    let user = SingleUser { identifier: "1", owner_by: OwnerBy::Key };
    match engine.sync_single_user(store, CONNECTOR, user).await {
        Ok(result) => result.operation.to_string(),
        Err(error) => error.to_string(),
    }
}

/// A world whose HR system can be switched off, and its one process.
async fn switchable(database: &TestDatabase) -> (World, Engine, Arc<AtomicBool>) {
    let mut world = world(database).await;
    let is_off = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&is_off);
    let plan = move |_: &Call| {
        let refused = ConnectorError::Transient { message: "refused".to_owned(), retry_after: None };
        asked.load(Ordering::SeqCst).then(|| Fault::Fail(Moment::Before, refused))
    };
    world.disturb("hr", Arc::new(plan));
    world.hire("1", "ann@x", "Ann", "IT");
    let engine = world.engine();
    (world, engine, is_off)
}

/// Properties with a secret that nobody has entered yet.
fn secret() -> Value {
    json!([{ "name": "password", "value": "${secret:hr}" }])
}

#[test]
fn what_was_refused_is_done_once_the_configuration_is_corrected() {
    on_each_database(async |database| {
        let (world, engine, _) = switchable(database).await;
        for (field, wrong, refused) in [
            ("maintenance", json!(true), "the connector is not available: "),
            ("type", json!("sap"), "the connector cannot be made: "),
            ("connectorProperties", secret(), "the connector cannot be made: "),
        ] {
            let mut definition = connector("hr", "hr");
            definition[field] = wrong;
            world.save(ConfigurationKind::ConnectorDefinition, definition).await;
            for _ in 0..2 {
                let told = answer(&engine, world.store()).await;
                assert!(told.starts_with(refused), "{field}: {told}");
            }
            world.save(ConfigurationKind::ConnectorDefinition, connector("hr", "hr")).await;
            let told = answer(&engine, world.store()).await;
            assert!(["ADDED", "NOT_MODIFIED"].contains(&&*told), "{field}: {told}");
        }
    });
}

/// The old system is switched off at once, so that it is the look at the account that fails.
#[test]
fn a_connector_that_leads_elsewhere_by_now_is_opened_there() {
    on_each_database(async |database| {
        let (world, engine, is_off) = switchable(database).await;
        assert_eq!(answer(&engine, world.store()).await, "ADDED");
        is_off.store(true, Ordering::SeqCst);
        let refused = "the connector is not available: refused";
        assert_eq!(answer(&engine, world.store()).await, refused);
        world.save(ConfigurationKind::ConnectorDefinition, connector("hr", "crm")).await;
        let fields = [("number", "1"), ("email", "ann@x"), ("name", "Anna"), ("department", "IT")];
        world.put("crm", "person", "1", &fields);
        assert_eq!(answer(&engine, world.store()).await, "UPDATED");

        world.save(ConfigurationKind::ConnectorDefinition, connector("hr", "hr")).await;
        assert_eq!(answer(&engine, world.store()).await, refused, "and this one is off still");
        world.delete(ConfigurationKind::SynchronizationTaskDefinition, "hr").await;
        let gone = format!("there is no connector `{CONNECTOR}`");
        assert_eq!(answer(&engine, world.store()).await, gone);
    });
}

/// Its configuration has the same number of writes, so nothing but the tenant tells the two apart.
#[test]
fn a_tenant_that_is_made_again_has_connectors_of_its_own() {
    on_each_database(async |database| {
        let world = World::open(database).await;
        let fields = [("number", "1"), ("email", "ann@x"), ("name", "Ann"), ("department", "IT")];
        world.put("crm", "person", "1", &fields);
        let engine = world.engine();
        configure(world.store(), "hr").await;
        assert_eq!(answer(&engine, world.store()).await, "FAILED", "HR has nobody");
        let slug = world.store().slug();
        assert!(database.store().delete_tenant(slug).await.expect("the database"));
        let again =
            database.store().create_tenant(slug, world.clock().instant()).await.expect("a new tenant");
        configure(&again, "crm").await;
        assert_eq!(answer(&engine, &again).await, "ADDED");
    });
}

/// Stores the source behind a connector of this type, in one write.
async fn configure(store: &TenantStore, connector_type: &str) {
    let write = |kind: ConfigurationKind, document: Value| {
        let id = document["id"].as_str().expect("an id").to_owned();
        ResourceWrite::new(kind.number(), id, Written::Created(document.to_string()))
    };
    let writes = vec![
        write(ConfigurationKind::ConnectorDefinition, connector("hr", connector_type)),
        write(ConfigurationKind::Application, source()),
        write(ConfigurationKind::SynchronizationTaskDefinition, task()),
    ];
    let checked = store.configuration_version().await.expect("the database");
    store.write_resources(checked, &ResourceChanges::of(writes)).await.expect("written");
}
