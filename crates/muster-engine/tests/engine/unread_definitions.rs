//! Schedules whose task definition cannot be read: told once, paused, shown as far as they are known, mended.

use chrono::TimeDelta;
use muster_engine::ScheduleError;
use muster_model::configuration::ConfigurationKind;
use muster_model::schedule::{FireOutcome, ScheduleState};
use muster_testkit::world::configuration::reconciliation;
use muster_testkit::world::{World, on_each_database};
use serde_json::json;

use crate::schedules::{KIND, every, fires, look, look_after, plan, planned, scheduling, task};

/// Makes the definitions of tasks of a tenant unreadable, or readable again.
async fn respell(world: &World, body: &str) {
    let slug = world.store().slug();
    let kind = KIND.definition_kind() as u8;
    let sql = format!(
        "UPDATE configuration SET body = {body} WHERE kind = {kind} \
         AND tenant = (SELECT id FROM tenant WHERE slug = '{slug}')"
    );
    assert!(world.database().execute(&sql).await > 0);
}

const SPOIL: &str = "body || '}'";
const MEND: &str = "substr(body, 1, length(body) - 1)";

#[test]
fn a_definition_that_cannot_be_read_is_an_error_once_and_fires_when_it_is_mended() {
    on_each_database(async |database| {
        let world = planned(database, every(60)).await;
        assert_eq!(look(&world.engine()).await, 0);
        respell(&world, SPOIL).await;
        assert_eq!(look_after(&world, TimeDelta::seconds(60)).await, 1);
        assert_eq!(look_after(&world, TimeDelta::days(1)).await, 0, "nobody knows when it is due next");
        let outcomes: Vec<_> = fires(&world, "hr").await.into_iter().map(|fire| fire.outcome).collect();
        assert_eq!(outcomes, [FireOutcome::Error]);
        respell(&world, MEND).await;
        plan(&world, every(60)).await;
        assert_eq!(look_after(&world, TimeDelta::seconds(60)).await, 1);
        assert_eq!(fires(&world, "hr").await[1].outcome, FireOutcome::Launched);
    });
}

#[test]
fn a_definition_that_cannot_be_read_can_be_paused() {
    on_each_database(async |database| {
        let world = planned(database, every(60)).await;
        let (engine, store) = (world.engine(), world.store());
        assert_eq!(look(&engine).await, 0);
        respell(&world, SPOIL).await;
        for _ in 0..2 {
            engine.pause_schedule(store, KIND, &task("hr")).await.expect("paused");
        }
        assert_eq!(look_after(&world, TimeDelta::days(1)).await, 0);
        let resumed = engine.resume_schedule(store, KIND, &task("hr")).await;
        assert!(matches!(resumed, Err(ScheduleError::Configuration { .. })), "{resumed:?}");
        respell(&world, MEND).await;
        assert_eq!(scheduling(&world).await.state, ScheduleState::Paused);
        engine.resume_schedule(store, KIND, &task("hr")).await.expect("resumed");
        assert_eq!(look_after(&world, TimeDelta::seconds(60)).await, 1);
    });
}

#[test]
fn of_a_definition_that_cannot_be_read_what_is_known_is_shown() {
    on_each_database(async |database| {
        let world = planned(database, every(60)).await;
        let (engine, store) = (world.engine(), world.store());
        let readable = scheduling(&world).await;
        respell(&world, SPOIL).await;
        let unread = scheduling(&world).await;
        assert_eq!((unread.job, unread.state, unread.paused), (readable.job, ScheduleState::Error, false));
        assert_eq!(unread.next, readable.next[..1], "what comes after that nobody knows");
        let why = unread.plan.unwrap_err();
        assert!(why.starts_with("the definition of task `hr` cannot be read: "), "{why}");
        assert!(why.contains("trailing characters"), "{why}");
        assert_eq!(look_after(&world, TimeDelta::seconds(60)).await, 1);
        let fired = scheduling(&world).await;
        assert_eq!((fired.state, fired.next.len()), (ScheduleState::Error, 0));
        assert_eq!(fired.last_fire.unwrap().outcome, FireOutcome::Error);

        // What was never scheduled has no schedule that anything could be said of.
        database.execute("DELETE FROM schedule").await;
        for refused in [
            engine.scheduling(store, KIND, &task("hr")).await.map(|_| ()),
            engine.pause_schedule(store, KIND, &task("hr")).await,
            engine.resume_schedule(store, KIND, &task("hr")).await,
        ] {
            assert!(matches!(refused, Err(ScheduleError::Configuration { .. })), "{refused:?}");
        }
    });
}

#[test]
fn many_schedules_that_cannot_be_read_do_not_keep_the_place_of_one_that_can() {
    on_each_database(async |database| {
        let spoilt = World::usual(database).await;
        for number in 0..101 {
            let mut document = reconciliation("hr", "person");
            document["id"] = json!(format!("hr-{number}"));
            document["executionPlan"] = every(59);
            spoilt.save(ConfigurationKind::SynchronizationTaskDefinition, document).await;
        }
        let world = planned(database, every(60)).await;
        assert_eq!(look(&world.engine()).await, 0);
        // The definitions of all of them, and of ten the schedule as well.
        respell(&spoilt, SPOIL).await;
        let slug = spoilt.store().slug();
        let unreadable = format!(
            "UPDATE schedule SET plan = unhex('00') WHERE task LIKE 'hr-%5' \
             AND tenant = (SELECT id FROM tenant WHERE slug = '{slug}')"
        );
        assert_eq!(database.execute(&unreadable).await, 10);
        assert_eq!(look_after(&world, TimeDelta::seconds(60)).await, 91 + 1);
        assert_eq!(fires(&world, "hr").await[0].outcome, FireOutcome::Launched);
        assert_eq!(look_after(&world, TimeDelta::seconds(60)).await, 1, "and the next time");
    });
}
