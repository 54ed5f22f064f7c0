//! Launches of runs that others precede: by a schedule, as next tasks, by workers that nobody tells but each other; and
//! what stands in their way.

use std::time::Duration;

use chrono::TimeDelta;
use muster_engine::LaunchError;
use muster_model::RunId;
use muster_model::configuration::ConfigurationKind;
use muster_model::run::{Mode, OutcomeStatus, TaskKind};
use muster_model::schedule::FireOutcome;
use muster_store::RunRecord;
use muster_testkit::world::{World, on_each_database, synchronization};
use serde_json::{Value, json};

use crate::preceding::{TASK, awaited, contacts, launch, people, run, runs, story, world};

/// How often launches and ends race.
const ROUNDS: usize = 15;

#[test]
fn a_schedule_launches_both() {
    on_each_database(async |database| {
        let world = world(database).await;
        let mut task = contacts("hr");
        task["executionPlan"] = json!({ "scheduleType": "INTERVAL", "interval": 1, "intervalUnit": "HOURS" });
        world.save(TASK, task).await;
        let look = async || {
            world.clock().pass(TimeDelta::hours(1));
            while world.engine().look_at_schedules().await.expect("the database").dealt > 0 {}
        };
        look().await;
        look().await;
        assert_eq!(story(&world).await, "hr PENDING, crm PENDING");
        let crm = "crm".parse().expect("an id");
        let fires = world.store().fires(TaskKind::Synchronization, &crm, 10).await.expect("the database");
        let second = runs(&world).await.pop().expect("a run");
        let fires: Vec<_> = fires.iter().map(|fire| (fire.outcome, fire.run)).collect();
        let waiting = Some(second.id);
        assert_eq!(fires, [(FireOutcome::Blocked, waiting), (FireOutcome::Launched, waiting)]);
        let first = run(&world, awaited(&second)).await;
        assert!(first.job.is_some() && first.job == second.job, "one schedule started both");
        world.resume().await;
        assert_eq!(story(&world).await, "hr SUCCESS, crm SUCCESS");
        world.delete(TASK, "crm").await;
    });
}

/// Has a task launched after each run of another.
async fn follow(world: &World, mut task: Value, next: &str) {
    let id = format!("after-{}", task["id"].as_str().expect("an id"));
    let after = json!({ "id": id, "launch": [{ "taskDefinitionId": next, "outcomes": ["SUCCESS"] }] });
    world.save(ConfigurationKind::SynchronizationTaskPostProcessingDefinition, after).await;
    task["postProcessingId"] = json!(id);
    world.save(TASK, task).await;
}

#[test]
fn a_next_task_brings_the_one_before_it_into_its_chain() {
    on_each_database(async |database| {
        let world = world(database).await;
        follow(&world, people("staff"), "crm").await;
        let launcher = world.synchronize("staff").await;
        assert_eq!(world.engine().carry_out_errands().await.expect("the database"), 1);
        assert_eq!(story(&world).await, "staff SUCCESS, hr PENDING, crm PENDING");
        for launched in &runs(&world).await[1..] {
            let chain = launched.chain.expect("a chain");
            assert_eq!(
                (chain.start, chain.launched_by),
                (launcher.started_at, launcher.id),
                "{}",
                launched.task
            );
        }
        world.resume().await;
        assert_eq!(story(&world).await, "staff SUCCESS, hr SUCCESS, crm SUCCESS");
    });
}

#[test]
fn a_task_that_launches_the_one_after_it_has_come_before_it_already() {
    on_each_database(async |database| {
        let world = world(database).await;
        follow(&world, people("hr"), "crm").await;
        world.synchronize("hr").await;
        world.engine().carry_out_errands().await.expect("the database");
        world.resume().await;
        world.engine().carry_out_errands().await.expect("the database");
        assert_eq!(story(&world).await, "hr SUCCESS, crm SUCCESS", "not `hr` again, and so on for ever");
        // The task in the middle comes between the two all the same.
        let mut middle = people("hr");
        middle["preSynchronization"] = json!("staff");
        world.save(TASK, people("staff")).await;
        world.save(TASK, middle).await;
        follow(&world, people("staff"), "crm").await;
        world.synchronize("staff").await;
        world.engine().carry_out_errands().await.expect("the database");
        let story = story(&world).await;
        assert!(story.ends_with("staff SUCCESS, hr PENDING, crm PENDING"), "{story}");
    });
}

#[test]
fn what_stands_in_the_way_of_the_first_refuses_the_whole_launch() {
    on_each_database(async |database| {
        let world = world(database).await;
        world.delete(ConfigurationKind::Application, "hr").await;
        let refused = world.engine().admit(world.store(), synchronization("crm", Mode::Apply)).await;
        let Err(LaunchError::Preceding { task, source }) = &refused else { panic!("{refused:?}") };
        assert_eq!((task.as_str(), source.to_string().as_str()), ("hr", "application `hr` does not exist"));
        let text = refused.expect_err("refused").to_string();
        assert_eq!(text, "task `hr`, which comes before it, cannot be launched");
        assert_eq!(story(&world).await, "");
        assert_eq!(world.count_rows("rules").await, 0);
    });
}

/// Waits until a run has ended.
async fn wait_for_end(world: &World, id: RunId) -> RunRecord {
    let ended = async {
        loop {
            let run = run(world, id).await;
            if run.state.is_terminal() {
                return run;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), ended).await.expect("it ends")
}

#[test]
fn workers_that_do_not_look_are_told_of_each_run_in_its_turn() {
    on_each_database(async |database| {
        let world = world(database).await.with_workers_that_do_not_look(2);
        let mut middle = people("hr");
        middle["preSynchronization"] = json!("staff");
        world.save(TASK, people("staff")).await;
        world.save(TASK, middle).await;
        let engine = world.engine();
        let workers = engine.start();
        for (cancels, expected) in [(false, OutcomeStatus::Success), (true, OutcomeStatus::Failure)] {
            let launched = match cancels {
                false => engine.launch(world.store(), synchronization("crm", Mode::Apply)).await,
                // Not offered: the cancel ends it, and tells of those that wait.
                true => engine.admit(world.store(), synchronization("crm", Mode::Apply)).await,
            };
            let last = launched.expect("a run");
            if cancels {
                let middle = run(&world, awaited(&last)).await;
                engine.cancel(world.store(), awaited(&middle)).await.expect("cancelled");
            }
            assert_eq!(wait_for_end(&world, last.id).await.state.outcome, Some(expected));
        }
        workers.shut_down().await;
    });
}

#[test]
fn a_launch_at_the_very_end_of_the_run_before_it_waits_for_one_that_ends() {
    on_each_database(async |database| {
        let world = world(database).await;
        let other = world.engine_on(database.another_process().await);
        let store =
            other.store().tenant(world.store().slug()).await.expect("the database").expect("a tenant");
        for round in 0..ROUNDS {
            let first = launch(&world, "hr").await;
            let launching = async {
                for _ in 0..round {
                    tokio::task::yield_now().await;
                }
                other.admit(&store, synchronization("crm", Mode::Apply)).await
            };
            let engine = world.engine();
            let (_, second) = tokio::join!(engine.execute(world.store(), first.clone()), launching);
            let second = second.expect("a run");
            world.resume().await;
            let second = run(&world, second.id).await;
            assert_eq!((second.state.outcome, second.epoch), (Some(OutcomeStatus::Success), 1), "{round}");
        }
    });
}
