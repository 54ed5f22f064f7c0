//! A process that dies while it deals with a due time: the time fires once, and its run is worked on.

use chrono::TimeDelta;
use muster_model::ConfigurationId;
use muster_model::configuration::ConfigurationKind;
use muster_model::run::{OutcomeStatus, TaskKind};
use muster_model::schedule::FireOutcome;
use muster_store::RunFilter;
use muster_testkit::world::configuration::reconciliation;
use muster_testkit::world::{World, on_each_database};
use serde_json::json;

const KIND: TaskKind = TaskKind::Synchronization;

#[test]
fn a_due_time_has_fired_or_it_fires_later() {
    on_each_database(async |database| {
        for point in 0.. {
            let world = World::usual(database).await;
            world.hire("1", "ann@x", "Ann", "IT");
            let mut document = reconciliation("hr", "person");
            document["executionPlan"] =
                json!({ "scheduleType": "INTERVAL", "interval": 1, "intervalUnit": "HOURS" });
            world.save(ConfigurationKind::SynchronizationTaskDefinition, document).await;
            world.clock().pass(TimeDelta::hours(1));
            let (engine, store, fuse) = world.mortal_process(point).await;
            let looked = engine.look_at_schedules().await;
            drop((engine, store));
            // Another process looks, and takes up whatever waits for a worker.
            while world.engine().look_at_schedules().await.expect("the database").dealt > 0 {}
            world.resume().await;
            let hr = ConfigurationId::new("hr").expect("an id");
            let fires = world.store().fires(KIND, &hr, 10).await.expect("the database");
            let runs = world.store().runs(KIND, &RunFilter::default()).await.expect("the database");
            let outcomes: Vec<_> = fires.iter().map(|fire| fire.outcome).collect();
            assert_eq!(outcomes, [FireOutcome::Launched], "died after {point} points");
            assert_eq!((runs.len(), Some(runs[0].id)), (1, fires[0].run), "died after {point} points");
            assert_eq!(runs[0].state.outcome, Some(OutcomeStatus::Success));
            assert_eq!(world.objects().await.len(), 1);
            // The next world is alone: this one is due no more.
            world.delete(ConfigurationKind::SynchronizationTaskDefinition, "hr").await;
            if !fuse.is_blown() {
                assert_eq!(looked.expect("nobody disturbed it").dealt, 1);
                assert!(point > 10, "a look has more points than {point}");
                break;
            }
        }
    });
}
