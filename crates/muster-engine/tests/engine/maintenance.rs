//! Systems in maintenance: schedules leave their tasks alone, and whoever launches one is told.

use chrono::TimeDelta;
use muster_model::configuration::ConfigurationKind;
use muster_model::run::{OutcomeStatus, TaskKind};
use muster_model::schedule::FireOutcome;
use muster_store::RunFilter;
use muster_testkit::world::configuration::{connector, reconciliation};
use muster_testkit::world::{World, on_each_database};
use serde_json::json;

use crate::preceding::{TASK, contacts};
use crate::schedules::{every, fires, look_after};

async fn maintain(world: &World, maintenance: bool) {
    let mut definition = connector("hr", "hr");
    definition["maintenance"] = json!(maintenance);
    world.save(ConfigurationKind::ConnectorDefinition, definition).await;
}

async fn runs(world: &World) -> usize {
    let runs = world.store().runs(TaskKind::Synchronization, &RunFilter::default()).await;
    runs.expect("the database").len()
}

#[test]
fn a_schedule_is_blocked_while_a_system_that_its_task_needs_is_in_maintenance() {
    on_each_database(async |database| {
        let world = World::usual(database).await;
        // The second reads another system, and is preceded by the first.
        for mut task in [reconciliation("hr", "person"), contacts("hr")] {
            task["executionPlan"] = every(60);
            world.save(TASK, task).await;
        }
        maintain(&world, true).await;
        look_after(&world, TimeDelta::seconds(61)).await;
        assert_eq!(runs(&world).await, 0);
        for task in ["hr", "crm"] {
            let fired = fires(&world, task).await;
            let [fire] = &fired[..] else { panic!("{fired:?}") };
            let told = fire.message.as_deref().unwrap_or_default();
            assert_eq!((fire.outcome, fire.run), (FireOutcome::Blocked, None), "{told}");
            assert!(told.contains("`hr`") && told.contains("is in maintenance"), "{told}");
        }
        // Whoever launches it all the same sees why it fails.
        let run = world.synchronize("hr").await;
        assert_eq!(run.state.outcome, Some(OutcomeStatus::Failure));
        assert!(run.failure.as_deref().unwrap_or_default().contains("is in maintenance"), "{run:?}");

        maintain(&world, false).await;
        look_after(&world, TimeDelta::seconds(61)).await;
        // It brings the run of the other task with it, whichever of the two fires first.
        let last = fires(&world, "crm").await.pop().expect("a fire");
        assert_eq!(last.outcome, FireOutcome::Launched, "{last:?}");
    });
}
