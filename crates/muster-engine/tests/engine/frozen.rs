//! What a run was launched with it ends with: configuration that changes meanwhile is for the next one.

use std::sync::Arc;

use muster_connector::faulty::{Call, CallKind, Fault, FaultPlan, Moment};
use muster_model::configuration::ConfigurationKind;
use muster_model::run::{Mode, Outcome, OutcomeStatus, ProgressStatus};
use muster_store::{ChangeQuery, ChangeState, ChangeStatus, ResourceWrite, TenantStore, Written};
use muster_testkit::world::configuration::{hr, reconciliation};
use muster_testkit::world::{World, on_each_database, synchronization};
use serde_json::{Value, json};

const KIND: u8 = ConfigurationKind::Application as u8;

/// `hr`, where names come from the departments.
fn renaming() -> Value {
    let mut application = hr();
    let mappings = application["objectTypes"][0]["attributeMappings"].as_array_mut().expect("mappings");
    let name = mappings.iter_mut().find(|mapping| mapping["attribute"] == "name").expect("a name");
    name["source"] = json!("department");
    application
}

/// A plan that has the application replaced before one of the pages, and goes on.
fn replacing(world: &World, page: u64) -> FaultPlan {
    let store = world.store().clone();
    Arc::new(move |call: &Call| {
        (call.kind == CallKind::Page && call.number == page).then(|| {
            let store = store.clone();
            let replace = async move { replace(&store).await };
            Fault::Stop(Moment::Before, Box::pin(replace))
        })
    })
}

async fn replace(store: &TenantStore) {
    let checked = store.configuration_version().await.expect("the database");
    let write = ResourceWrite::new(KIND, "hr", Written::Updated(renaming().to_string()));
    assert_eq!(store.write_resource(checked, write).await.expect("the database"), 2);
}

async fn names(world: &World) -> Vec<String> {
    let objects = world.objects().await;
    let name = |object: &muster_model::ImObject| {
        object.attributes.get("name").first().map(|value| value.to_text().into_owned()).unwrap_or_default()
    };
    objects.values().map(name).collect()
}

#[test]
fn a_change_in_mid_run_is_for_the_next_run() {
    on_each_database(async |database| {
        let mut world = World::usual(database).await.with_page_size(1);
        for number in 1..=5 {
            let number = number.to_string();
            world.hire(&number, &format!("{number}@x"), &format!("Name {number}"), "IT");
        }
        let watch = world.disturb("hr", replacing(&world, 3));
        let run = world.run(synchronization("hr", Mode::Apply)).await;
        assert_eq!(run.state.outcome, Some(OutcomeStatus::Success));
        assert!(watch.calls_of(CallKind::Page) >= 5);
        assert_eq!(world.store().resource(KIND, "hr").await.expect("the database").expect("hr").version, 2);
        assert_eq!(names(&world).await, ["Name 1", "Name 2", "Name 3", "Name 4", "Name 5"]);

        world.disturb("hr", muster_connector::faulty::no_faults());
        let next = world.synchronize("hr").await;
        assert_ne!(next.rules, run.rules);
        assert_eq!(names(&world).await, ["IT"; 5]);
    });
}

#[test]
fn what_moved_on_while_a_plan_was_held_is_listed_and_found_by_the_next_run() {
    on_each_database(async |database| {
        let world = World::usual(database).await;
        for number in ["1", "2"] {
            world.hire(number, &format!("{number}@x"), "Before", "IT");
        }
        world.synchronize("hr").await;
        for number in ["1", "2"] {
            world.hire(number, &format!("{number}@x"), "After", "IT");
        }
        let mut task = reconciliation("hr", "person");
        task["guards"] = json!({ "update": { "count": 0 } });
        world.save(ConfigurationKind::SynchronizationTaskDefinition, task.clone()).await;
        let held = world.run(synchronization("hr", Mode::Apply)).await;
        assert_eq!(held.state.status, ProgressStatus::Held);
        let moved = world.object("1").await.id;
        world.overwrite(moved, "IT", "By hand").await;
        let hash = held.plan_hash.expect("a plan");
        world.engine().approve(world.store(), held.id, hash).await.expect("approved");
        world.resume().await;

        let run = world.store().run(held.id).await.expect("the database").expect("the run");
        assert_eq!(run.state.outcome, Some(OutcomeStatus::Partial));
        let stale = ChangeQuery {
            state: Some(ChangeState::Ended(Outcome::Stale)),
            limit: 10,
            ..ChangeQuery::default()
        };
        let listed = world.store().change_page(&run, &stale).await.expect("the database").changes;
        let told: Vec<_> = listed.iter().map(|change| (&*change.uid, &change.status)).collect();
        let [("1", ChangeStatus::Ended { message, .. })] = told.as_slice() else { panic!("{told:?}") };
        assert!(message.contains("moved on") && message.contains("the next run"), "{message}");
        assert_eq!(names(&world).await, ["Before", "After"]);

        task["guards"] = json!({});
        world.save(ConfigurationKind::SynchronizationTaskDefinition, task).await;
        let next = world.synchronize("hr").await;
        assert_eq!(next.counters.outcome(Outcome::Updated), 1);
        assert_eq!(names(&world).await, ["After", "After"]);
    });
}
