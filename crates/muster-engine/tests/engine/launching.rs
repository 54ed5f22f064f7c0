//! Launches and deletions at once: no run lives without its definition, whoever of the two is first.

use chrono::TimeDelta;
use muster_model::RunId;
use muster_model::configuration::ConfigurationKind;
use muster_model::run::{Mode, OutcomeStatus, TaskKind};
use muster_plan::lifecycle::{Absence, RunState};
use muster_store::{ConfigurationVersion, NewRun, ResourceChanges, ResourceWrite, StoreError, Written};
use muster_testkit::world::configuration::reconciliation;
use muster_testkit::world::{World, on_each_database, synchronization};
use uuid::Uuid;

const KIND: ConfigurationKind = ConfigurationKind::SynchronizationTaskDefinition;

/// How often the two race.
const ROUNDS: u128 = 20;

fn new_run(world: &World, number: u128) -> NewRun {
    NewRun {
        id: RunId(Uuid::from_u128(number)),
        task_kind: TaskKind::Synchronization,
        task: "hr".parse().expect("an id"),
        state: RunState::launched(Mode::Apply, Absence::Concluded),
        keys: None,
        rules: [7; 16],
        rules_body: "[]".to_owned(),
        estimate: 0,
        approved_hash: None,
        overriding: None,
        chain: None,
        preceded_by: None,
        undoes: None,
        now: world.clock().instant(),
    }
}

fn deletion() -> ResourceChanges {
    ResourceChanges::of(vec![ResourceWrite::new(KIND as u8, "hr", Written::Deleted)])
}

async fn version(world: &World) -> ConfigurationVersion {
    world.store().configuration_version().await.expect("the database")
}

#[test]
fn a_run_is_launched_from_what_is_configured_then_or_not_at_all() {
    on_each_database(async |database| {
        let world = World::usual(database).await;
        let store = world.store();
        let made_from = version(&world).await;
        world.delete(KIND, "hr").await;
        let late = store.launch(made_from, &new_run(&world, 1)).await;
        assert!(matches!(late, Err(StoreError::ConfigurationMoved)), "{late:?}");
        assert!(store.live_runs().await.expect("the database").is_empty());
    });
}

#[test]
fn what_is_deleted_is_looked_for_in_the_runs_of_that_very_moment() {
    on_each_database(async |database| {
        let world = World::usual(database).await;
        let store = world.store();
        let checked = version(&world).await;
        let run = store.launch(checked, &new_run(&world, 1)).await.expect("a run");
        let late = store.write_resources(checked, &deletion()).await;
        assert!(matches!(late, Err(StoreError::ConfigurationMoved)), "{late:?}");
        assert!(store.resource(KIND as u8, "hr").await.expect("the database").is_some());
        let seen = ResourceChanges { seen_runs: [run.id].into(), ..deletion() };
        store.write_resources(checked, &seen).await.expect("deleted");
    });
}

#[test]
fn of_a_launch_and_a_deletion_at_once_one_counts() {
    on_each_database(async |database| {
        let world = World::usual(database).await;
        let store = world.store();
        for round in 1..=ROUNDS {
            let (checked, run) = (version(&world).await, new_run(&world, round));
            let deletion = deletion();
            let (launched, deleted) =
                tokio::join!(store.launch(checked, &run), store.write_resources(checked, &deletion));
            assert_ne!(launched.is_ok(), deleted.is_ok(), "{launched:?}, {deleted:?}");
            match launched {
                Ok(run) => world.engine().cancel(store, run.id).await.expect("cancelled"),
                Err(_) => world.save(KIND, reconciliation("hr", "person")).await,
            }
        }
    });
}

#[test]
fn a_run_that_is_kept_for_a_process_is_left_to_it_as_long_as_a_lease_lasts() {
    on_each_database(async |database| {
        let world = World::usual(database).await;
        let store = world.store();
        let (here, there) = (world.engine(), world.engine());
        for is_late in [false, true] {
            let launch = synchronization("hr", Mode::Apply);
            let run = here.launch_here(store, launch).await.expect("launched");
            there.execute(store, run.clone()).await.expect_err("taken from whom it is kept for");
            if is_late {
                world.clock().pass(TimeDelta::minutes(1));
            }
            let worker = if is_late { &there } else { &here };
            let run = worker.execute(store, run).await.expect("a run that is not lost");
            assert_eq!(run.state.outcome, Some(OutcomeStatus::Success));
            let sync = store.sync_of(run.id).await.expect("the database").expect("a sync");
            assert_eq!(sync.worker.as_deref(), Some(&*worker.settings().owner));
        }
    });
}
