//! Schedules: fire once when due, whoever looks and however late; pauses and changes of plans.

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::join_all;
use muster_connector::memory::CAPABLE;
use muster_connector::{Capabilities, ChangeFeed};
use muster_engine::{Engine, ScheduleError, Scheduling};
use muster_model::configuration::ConfigurationKind;
use muster_model::run::{Mode, OutcomeStatus, TaskKind};
use muster_model::schedule::{FireOutcome, ScheduleState};
use muster_model::{ConfigurationId, DirectoryId};
use muster_store::{FireRecord, RunFilter, RunRecord};
use muster_testkit::world::configuration::{provisioning, reconciliation};
use muster_testkit::world::{TestDatabase, World, on_each_database, synchronization};
use serde_json::{Value, json};

pub(crate) const KIND: TaskKind = TaskKind::Synchronization;

fn at(text: &str) -> DateTime<Utc> {
    DateTime::parse_from_rfc3339(text).unwrap_or_else(|error| panic!("{text}: {error}")).to_utc()
}

pub(crate) fn task(id: &str) -> ConfigurationId {
    ConfigurationId::new(id).unwrap_or_else(|error| panic!("{error}"))
}

pub(crate) fn every(seconds: u32) -> Value {
    json!({ "scheduleType": "INTERVAL", "interval": seconds, "intervalUnit": "SECONDS" })
}

fn cron(expression: &str, zone: &str) -> Value {
    json!({ "scheduleType": "CRON", "cron": expression, "timeZone": zone })
}

fn once(instant: DateTime<Utc>) -> Value {
    json!({ "scheduleType": "ONCE", "fireTime": instant.to_rfc3339() })
}

/// Gives the reconciliation of the HR system a plan.
pub(crate) async fn plan(world: &World, plan: Value) {
    let mut document = reconciliation("hr", "person");
    document["executionPlan"] = plan;
    world.save(ConfigurationKind::SynchronizationTaskDefinition, document).await;
}

/// The usual world, where the reconciliation of the HR system has a plan from its first instant on.
pub(crate) async fn planned(database: &TestDatabase, of: Value) -> World {
    let world = World::usual(database).await;
    plan(&world, of).await;
    world
}

/// Looks until nothing is due; answers how many due times were dealt with.
pub(crate) async fn look(engine: &Engine) -> u32 {
    let mut dealt = 0;
    loop {
        let look = engine.look_at_schedules().await.expect("the database");
        assert_eq!(look.left, 0);
        if look.dealt == 0 {
            return dealt;
        }
        dealt += look.dealt;
    }
}

/// What a process that was started just now finds due after so much time.
pub(crate) async fn look_after(world: &World, time: TimeDelta) -> u32 {
    world.clock().pass(time);
    look(&world.engine()).await
}

pub(crate) async fn fires(world: &World, id: &str) -> Vec<FireRecord> {
    let mut fires = world.store().fires(KIND, &task(id), 1000).await.expect("the database");
    fires.reverse();
    fires
}

async fn runs(world: &World) -> Vec<RunRecord> {
    let mut runs = world.store().runs(KIND, &RunFilter::default()).await.expect("the database");
    runs.reverse();
    runs
}

pub(crate) async fn scheduling(world: &World) -> Scheduling {
    world.engine().scheduling(world.store(), KIND, &task("hr")).await.expect("a schedule")
}

/// Works on the only run that waits.
async fn work(world: &World) -> RunRecord {
    let run = runs(world).await.pop().expect("a run");
    world.engine().execute(world.store(), run).await.expect("a run that is not lost")
}

#[test]
fn a_due_time_launches_a_run_of_the_schedules_job() {
    on_each_database(async |database| {
        let world = planned(database, every(60)).await;
        let begun = world.clock().instant();
        assert_eq!(look_after(&world, TimeDelta::milliseconds(59_999)).await, 0);
        assert_eq!(look_after(&world, TimeDelta::milliseconds(1)).await, 1);
        assert_eq!(look(&world.engine()).await, 0, "once");
        let run = work(&world).await;
        let due = begun + TimeDelta::seconds(60);
        let fired = FireRecord {
            due_at: due,
            at: due,
            outcome: FireOutcome::Launched,
            run: Some(run.id),
            missed: 0,
            message: None,
        };
        assert_eq!(fires(&world, "hr").await, std::slice::from_ref(&fired));
        let shown = scheduling(&world).await;
        assert_eq!((run.job, run.started_at), (Some(shown.job), due));
        assert_eq!((shown.state, shown.previous), (ScheduleState::Normal, Some(due)));
        let next: Vec<_> = (2..7).map(|minute| begun + TimeDelta::minutes(minute)).collect();
        assert_eq!((shown.next, shown.last_fire), (next, Some(fired)));
        // A run that somebody launches is of no job.
        assert_eq!(world.synchronize("hr").await.job, None);
    });
}

#[test]
fn what_comes_due_while_the_task_runs_is_blocked() {
    on_each_database(async |database| {
        let world = planned(database, every(60)).await;
        assert_eq!(look_after(&world, TimeDelta::seconds(60)).await, 1);
        assert_eq!(scheduling(&world).await.state, ScheduleState::Blocked, "its own run is under way");
        for _ in 0..2 {
            assert_eq!(look_after(&world, TimeDelta::seconds(60)).await, 1);
        }
        let first = work(&world).await;
        assert_eq!(runs(&world).await.len(), 1, "what was blocked does not queue up");
        let outcomes: Vec<_> =
            fires(&world, "hr").await.into_iter().map(|fire| (fire.outcome, fire.run)).collect();
        let blocked = (FireOutcome::Blocked, Some(first.id));
        assert_eq!(outcomes, [(FireOutcome::Launched, Some(first.id)), blocked, blocked]);
        let shown = scheduling(&world).await;
        assert_eq!((shown.state, shown.previous), (ScheduleState::Normal, Some(first.started_at)));
        assert_eq!(look(&world.engine()).await, 0, "and is not made up for");
        assert_eq!(look_after(&world, TimeDelta::seconds(60)).await, 1);
        assert_eq!(runs(&world).await.len(), 2);
    });
}

#[test]
fn simulations_and_runs_of_single_keys_block_nothing() {
    on_each_database(async |database| {
        let world = planned(database, every(90)).await;
        world.admit(synchronization("hr", Mode::Simulate)).await;
        assert_eq!(look_after(&world, TimeDelta::seconds(30)).await, 1);
        assert_eq!(fires(&world, "hr").await[0].outcome, FireOutcome::Launched);
    });
}

#[test]
fn what_was_missed_while_nobody_looked_is_made_up_for_once() {
    on_each_database(async |database| {
        let world = planned(database, every(60)).await;
        let begun = world.clock().instant();
        assert_eq!(look_after(&world, TimeDelta::zero()).await, 0);
        assert_eq!(look_after(&world, TimeDelta::seconds(10 * 60 + 30)).await, 1);
        let fires = fires(&world, "hr").await;
        assert_eq!((fires.len(), fires[0].due_at, fires[0].missed), (1, begun + TimeDelta::seconds(60), 9));
        assert_eq!((runs(&world).await.len(), fires[0].at), (1, begun + TimeDelta::seconds(630)));
        assert_eq!(scheduling(&world).await.next[0], begun + TimeDelta::minutes(11));
    });
}

#[test]
fn what_was_due_between_a_write_and_its_schedule_is_made_up_for() {
    on_each_database(async |database| {
        // The process died right after it had stored the definition: nobody has computed a schedule.
        let world = planned(database, every(60)).await;
        let begun = world.clock().instant();
        assert_eq!(look_after(&world, TimeDelta::seconds(90)).await, 1);
        assert_eq!(fires(&world, "hr").await[0].due_at, begun + TimeDelta::seconds(60));
        work(&world).await;
        plan(&world, once(world.clock().instant() + TimeDelta::seconds(5))).await;
        assert_eq!(look_after(&world, TimeDelta::days(1)).await, 1);
        assert_eq!(fires(&world, "hr").await.len(), 2);
    });
}

#[test]
fn a_pause_outlasts_restarts_and_changes_and_makes_up_for_nothing() {
    on_each_database(async |database| {
        let world = planned(database, every(60)).await;
        let begun = world.clock().instant();
        for _ in 0..2 {
            world.engine().pause_schedule(world.store(), KIND, &task("hr")).await.expect("paused");
        }
        assert_eq!(look_after(&world, TimeDelta::seconds(630)).await, 0, "another process");
        plan(&world, every(30)).await;
        assert_eq!(look_after(&world, TimeDelta::seconds(60)).await, 0, "another plan");
        let shown = scheduling(&world).await;
        assert_eq!((shown.state, shown.paused, shown.next), (ScheduleState::Paused, true, Vec::new()));
        for _ in 0..2 {
            world.engine().resume_schedule(world.store(), KIND, &task("hr")).await.expect("resumed");
        }
        assert_eq!(look(&world.engine()).await, 0);
        let shown = scheduling(&world).await;
        assert_eq!((shown.state, shown.paused), (ScheduleState::Normal, false));
        assert_eq!(shown.next[0], begun + TimeDelta::seconds(630 + 90), "in step with when it was saved");
        assert_eq!(look_after(&world, TimeDelta::seconds(30)).await, 1);
        // A run in progress goes on while its schedule is paused.
        world.engine().pause_schedule(world.store(), KIND, &task("hr")).await.expect("paused");
        assert!(work(&world).await.state.is_terminal());
    });
}

#[test]
fn a_task_without_a_schedule_has_nothing_to_pause() {
    on_each_database(async |database| {
        let world = World::usual(database).await;
        let (engine, store) = (world.engine(), world.store());
        for id in ["hr", "crm"] {
            engine.pause_schedule(store, KIND, &task(id)).await.expect("nothing to do");
        }
        let shown = scheduling(&world).await;
        assert_eq!((shown.state, shown.paused, shown.next), (ScheduleState::None, false, Vec::new()));
        plan(&world, every(60)).await;
        let first = scheduling(&world).await;
        assert_eq!((first.state, first.job), (ScheduleState::Normal, shown.job), "one job a task");
        engine.pause_schedule(store, KIND, &task("hr")).await.expect("paused");
        plan(&world, json!({ "scheduleType": "MANUAL" })).await;
        assert_eq!(scheduling(&world).await.state, ScheduleState::None);
        plan(&world, every(60)).await;
        assert_eq!(scheduling(&world).await.state, ScheduleState::Normal);
        for asked in [
            engine.scheduling(store, KIND, &task("nowhere")).await.map(drop),
            engine.scheduling(store, TaskKind::Provisioning, &task("hr")).await.map(drop),
            engine.pause_schedule(store, KIND, &task("nowhere")).await,
            engine.resume_schedule(store, KIND, &task("nowhere")).await,
        ] {
            assert!(matches!(asked, Err(ScheduleError::NoTask(_))), "{asked:?}");
        }
    });
}

#[test]
fn once_fires_once_and_never_when_it_was_past_when_saved() {
    on_each_database(async |database| {
        let world = World::usual(database).await;
        let begun = world.clock().instant();
        plan(&world, once(begun - TimeDelta::seconds(1))).await;
        assert_eq!(look_after(&world, TimeDelta::days(1)).await, 0);
        let shown = scheduling(&world).await;
        assert_eq!((shown.state, shown.previous, shown.last_fire), (ScheduleState::Complete, None, None));
        let due = world.clock().instant() + TimeDelta::seconds(5);
        plan(&world, once(due)).await;
        assert_eq!(scheduling(&world).await.next, [due]);
        assert_eq!(look_after(&world, TimeDelta::seconds(5)).await, 1);
        assert_eq!(look_after(&world, TimeDelta::days(1)).await, 0);
        work(&world).await;
        let shown = scheduling(&world).await;
        assert_eq!((shown.state, shown.previous), (ScheduleState::Complete, Some(due)));
        // Saved again without another plan it stays over.
        plan(&world, once(due)).await;
        assert_eq!(look_after(&world, TimeDelta::days(1)).await, 0);
    });
}

#[test]
fn a_clean_up_fires_like_any_other_task() {
    on_each_database(async |database| {
        let world = World::usual(database).await;
        let cleanup = json!({
            "id": "hr",
            "name": "hr",
            "taskType": "CLEANUP",
            "directoryId": "main",
            "inactiveDays": 30,
            "action": "DISABLE",
            "executionPlan": every(60),
        });
        world.save(ConfigurationKind::SynchronizationTaskDefinition, cleanup).await;
        assert_eq!(look_after(&world, TimeDelta::seconds(60)).await, 1);
        assert_eq!(fires(&world, "hr").await.remove(0).outcome, FireOutcome::Launched);
        work(&world).await;
        assert_eq!(scheduling(&world).await.state, ScheduleState::Normal);
    });
}

#[test]
fn a_due_time_after_the_directory_was_deleted_launches_a_sync_that_says_so() {
    on_each_database(async |database| {
        let world = planned(database, every(60)).await;
        world.hire("1", "ann@x", "Ann", "IT");
        world.synchronize("hr").await;
        world.engine().delete_directory(world.store(), &DirectoryId::main()).await.expect("deleted");
        assert_eq!(look_after(&world, TimeDelta::seconds(60)).await, 1);
        assert_eq!(fires(&world, "hr").await.remove(0).outcome, FireOutcome::Launched);
        let run = work(&world).await;
        let failure = (run.state.outcome, run.failure.as_deref());
        assert_eq!(failure, (Some(OutcomeStatus::Failure), Some("Directory main does not exists")));
        assert_eq!(world.objects().await.len(), 0);
        // A directory that is gone is no reason to leave off.
        assert_eq!(look_after(&world, TimeDelta::seconds(60)).await, 1);
        work(&world).await;
        assert_eq!(scheduling(&world).await.state, ScheduleState::Normal);
    });
}

#[test]
fn a_task_that_cannot_be_launched_is_an_error_until_it_can() {
    on_each_database(async |database| {
        let without_changes = Capabilities { changes: ChangeFeed::None, ..CAPABLE };
        let world = World::usual(database).await.with_capabilities("hr", without_changes);
        let mut task = reconciliation("hr", "person");
        (task["sweep"], task["executionPlan"]) = ("CHANGES".into(), every(60));
        world.save(ConfigurationKind::SynchronizationTaskDefinition, task).await;
        assert_eq!(look_after(&world, TimeDelta::seconds(60)).await, 1);
        let fire = fires(&world, "hr").await.remove(0);
        let message = fire.message.as_deref().unwrap_or_default();
        assert!(fire.outcome == FireOutcome::Error && message.contains("CHANGES"), "{fire:?}");
        let shown = scheduling(&world).await;
        assert_eq!((shown.state, shown.previous, shown.next.len()), (ScheduleState::Error, None, 5));
        plan(&world, every(60)).await;
        assert_eq!(look_after(&world, TimeDelta::seconds(60)).await, 1);
        work(&world).await;
        assert_eq!(scheduling(&world).await.state, ScheduleState::Normal);
        assert_eq!(fires(&world, "hr").await.len(), 2);
    });
}

#[test]
fn clocks_that_are_changed_make_a_time_neither_vanish_nor_double() {
    on_each_database(async |database| {
        let world = planned(database, cron("0 30 2 * * ?", "Europe/Berlin")).await;
        for (until, expected) in [
            (
                "2027-03-30T12:00:00Z",
                ["2027-03-27T01:30:00Z", "2027-03-28T01:00:00Z", "2027-03-29T00:30:00Z"],
            ),
            (
                "2027-11-02T12:00:00Z",
                ["2027-10-30T00:30:00Z", "2027-10-31T00:30:00Z", "2027-11-01T01:30:00Z"],
            ),
        ] {
            let begin = at(expected[0]) - TimeDelta::minutes(10);
            // What was missed until here.
            assert_eq!(look_after(&world, begin - world.clock().instant()).await, 1);
            work(&world).await;
            let before = fires(&world, "hr").await.len();
            while world.clock().instant() < at(until) - TimeDelta::days(1) {
                if look_after(&world, TimeDelta::minutes(10)).await > 0 {
                    work(&world).await;
                }
            }
            let launched: Vec<_> = fires(&world, "hr").await[before..].to_vec();
            let times: Vec<_> = launched.iter().map(|fire| fire.due_at).collect();
            assert_eq!(times, expected.map(at));
            assert!(
                launched.iter().all(|fire| fire.outcome == FireOutcome::Launched && fire.at == fire.due_at)
            );
        }
    });
}

#[test]
fn of_two_processes_that_look_at_once_one_fires() {
    on_each_database(async |database| {
        let world = planned(database, every(1)).await;
        let mut document = provisioning();
        document["executionPlan"] = every(1);
        world.save(ConfigurationKind::ProvisioningTaskDefinition, document).await;
        let other = database.another_process().await;
        let processes = [world.engine(), world.engine_on(other.clone()), world.engine_on(other)];
        for _ in 0..10 {
            world.clock().pass(TimeDelta::seconds(1));
            let looks = processes.iter().map(|engine| engine.look_at_schedules());
            for look in join_all(looks).await {
                assert_eq!(look.expect("the database").left, 0);
            }
            for (store, run) in
                world.database().store().claimable(world.clock().instant()).await.expect("the database")
            {
                world.engine().execute(&store, run).await.expect("a run");
            }
        }
        for (kind, id) in [(KIND, "hr"), (TaskKind::Provisioning, "ad")] {
            let fires = world.store().fires(kind, &task(id), 1000).await.expect("the database");
            assert_eq!(fires.len(), 10, "{id}");
            assert!(fires.iter().all(|fire| fire.outcome == FireOutcome::Launched), "{fires:?}");
            let runs = world.store().runs(kind, &RunFilter::default()).await.expect("the database");
            let mut launched: Vec<_> = fires.iter().filter_map(|fire| fire.run).collect();
            launched.dedup();
            assert_eq!(runs.iter().map(|run| run.id).collect::<Vec<_>>(), launched);
        }
    });
}

#[test]
fn what_another_process_writes_is_seen_before_anything_fires() {
    on_each_database(async |database| {
        let world = planned(database, every(60)).await;
        let engine = world.engine();
        assert_eq!(look(&engine).await, 0);
        // Another process takes the plan away, and the task, while this one sleeps.
        plan(&world, json!({ "scheduleType": "MANUAL" })).await;
        world.clock().pass(TimeDelta::seconds(90));
        assert_eq!(look(&engine).await, 0);
        plan(&world, every(60)).await;
        world.clock().pass(TimeDelta::seconds(60));
        assert_eq!(look(&engine).await, 1);
        work(&world).await;
        world.delete(ConfigurationKind::SynchronizationTaskDefinition, "hr").await;
        world.clock().pass(TimeDelta::seconds(60));
        assert_eq!(look(&engine).await, 0);
        assert!(fires(&world, "hr").await.is_empty(), "they went with the task");
        plan(&world, every(60)).await;
        world.clock().pass(TimeDelta::seconds(60));
        assert_eq!((look(&engine).await, fires(&world, "hr").await.len()), (1, 1));
    });
}

#[test]
fn a_tenant_goes_with_its_schedules() {
    on_each_database(async |database| {
        let world = planned(database, every(60)).await;
        assert_eq!(look_after(&world, TimeDelta::seconds(60)).await, 1);
        assert!(database.store().delete_tenant(world.store().slug()).await.expect("the database"));
        assert_eq!(look_after(&world, TimeDelta::seconds(60)).await, 0);
    });
}

#[test]
fn a_look_at_nothing_costs_two_statements_however_many_schedules_there_are() {
    on_each_database(async |database| {
        let world = planned(database, every(60)).await;
        for number in 0..50 {
            let mut document = reconciliation("hr", "person");
            document["id"] = json!(format!("hr-{number}"));
            document["executionPlan"] = cron("0 0 3 * * ?", "Europe/Berlin");
            world.save(ConfigurationKind::SynchronizationTaskDefinition, document).await;
        }
        let store = database.another_process().await;
        let engine = world.engine_on(store.clone());
        let next = engine.look_at_schedules().await.expect("the database").next_due;
        assert_eq!(next, Some(world.clock().instant() + TimeDelta::seconds(60)));
        let before = store.statements();
        engine.look_at_schedules().await.expect("the database");
        assert_eq!(store.statements() - before, 2);
    });
}
