//! Single syncs whose process dies: whoever takes the run up comes to what it would have come to.

use muster_engine::SingleUser;
use muster_model::configuration::ConfigurationKind;
use muster_model::run::OwnerBy;
use muster_model::user_sync::UserOperation;
use muster_testkit::world::configuration::{hr, reconciliation};
use muster_testkit::world::{TestDatabase, World, difference, on_each_database};
use serde_json::json;

const CONNECTOR: &str = "7df9fd3f-793f-4595-b415-b839b76b0018";

async fn world(database: &TestDatabase) -> World {
    let world = World::usual(database).await;
    let (mut application, mut task) = (hr(), reconciliation("hr", "person"));
    application["objectClasses"][0]["nameAttribute"] = json!("email");
    task["uniqueId"] = json!(CONNECTOR);
    world.save(ConfigurationKind::Application, application).await;
    world.save(ConfigurationKind::SynchronizationTaskDefinition, task).await;
    world.hire("2", "bob@x", "Bob", "IT");
    world.synchronize("hr").await;
    world
}

async fn known(database: &TestDatabase) -> World {
    let world = world(database).await;
    world.hire("1", "ann@x", "Ann", "IT");
    world.synchronize("hr").await;
    world
}

/// Lets a process die at every point of a single sync, and another finish it.
async fn survives(
    database: &TestDatabase,
    before: impl AsyncFn(&TestDatabase) -> World,
    (owner_by, expected): (OwnerBy, UserOperation),
) {
    let user = SingleUser { identifier: "ann@x", owner_by };
    let calm = before(database).await;
    let result = calm.engine().sync_single_user(calm.store(), CONNECTOR, user).await.expect("a result");
    assert_eq!(result.operation, expected);
    let calm = calm.visible_state().await;
    for points in 0.. {
        let world = before(database).await;
        let (engine, store, fuse) = world.mortal_process(points).await;
        let result = engine.sync_single_user(&store, CONNECTOR, user).await;
        if !fuse.is_blown() {
            assert_eq!(result.expect("a result").operation, expected, "it has {points} points");
            assert!(points > 10, "it stores more than that");
            return;
        }
        world.resume().await;
        let again = world.engine().sync_single_user(world.store(), CONNECTOR, user).await.expect("a result");
        assert!([expected, UserOperation::NotModified].contains(&again.operation), "after {points} points");
        let state = world.visible_state().await;
        assert_eq!(state, calm, "after {points} points: {}", difference(&calm, &state));
    }
}

#[test]
fn of_a_user_who_is_new() {
    on_each_database(async |database| {
        let before = async |database: &TestDatabase| {
            let world = world(database).await;
            world.hire("1", "ann@x", "Ann", "IT");
            world
        };
        survives(database, before, (OwnerBy::Key, UserOperation::Added)).await;
    });
}

#[test]
fn of_a_user_who_has_changed() {
    on_each_database(async |database| {
        let before = async |database: &TestDatabase| {
            let world = known(database).await;
            world.hire("1", "ann@x", "Anna", "IT");
            world
        };
        survives(database, before, (OwnerBy::Key, UserOperation::Updated)).await;
    });
}

#[test]
fn of_a_user_who_was_created_again() {
    on_each_database(async |database| {
        let before = async |database: &TestDatabase| {
            let world = known(database).await;
            world.dismiss("1");
            world.hire("7", "ann@x", "Anna", "IT");
            world
        };
        survives(database, before, (OwnerBy::UserName, UserOperation::Updated)).await;
    });
}
