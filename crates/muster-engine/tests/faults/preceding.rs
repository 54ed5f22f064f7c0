//! A run that another precedes, and a process that dies while it launches the two, or ends the first: the second is run
//! once, after it.

use muster_model::configuration::ConfigurationKind;
use muster_model::run::{Mode, OutcomeStatus, TaskKind};
use muster_store::{RunFilter, RunRecord};
use muster_testkit::world::configuration::reconciliation;
use muster_testkit::world::{TestDatabase, World, on_each_database, synchronization};
use serde_json::json;

/// A world where `crm` comes after `hr`.
async fn world(database: &TestDatabase) -> World {
    let world = World::usual(database).await.with_page_size(50);
    let mut task = reconciliation("crm", "contact");
    task["preSynchronization"] = json!("hr");
    world.save(ConfigurationKind::SynchronizationTaskDefinition, task).await;
    world.hire("1", "ann@x", "Ann", "IT");
    world.contact("c1", "ann@x", "0123");
    world
}

async fn runs_of(world: &World, task: &str) -> Vec<RunRecord> {
    let filter = RunFilter { task: Some(task.parse().expect("an id")), ..RunFilter::default() };
    world.store().runs(TaskKind::Synchronization, &filter).await.expect("the database")
}

/// The outcomes of the runs of both tasks, and how often the second was taken up.
async fn outcomes(world: &World) -> (Option<OutcomeStatus>, Option<OutcomeStatus>, i64) {
    let (first, second) = (runs_of(world, "hr").await, runs_of(world, "crm").await);
    let ([first], [second]) = (&first[..], &second[..]) else { panic!("{first:?}, {second:?}") };
    (first.state.outcome, second.state.outcome, second.epoch)
}

const BOTH_WELL: (Option<OutcomeStatus>, Option<OutcomeStatus>, i64) =
    (Some(OutcomeStatus::Success), Some(OutcomeStatus::Success), 1);

#[test]
fn both_are_launched_or_none_is() {
    on_each_database(async |database| {
        for point in 0.. {
            let world = world(database).await;
            let (engine, store, fuse) = world.mortal_process(point).await;
            let launched = engine.admit(&store, synchronization("crm", Mode::Apply)).await;
            drop((engine, store));
            let found = (runs_of(&world, "hr").await.len(), runs_of(&world, "crm").await.len());
            assert!([(0, 0), (1, 1)].contains(&found), "died after {point} points: {found:?}");
            if found == (0, 0) {
                world.admit(synchronization("crm", Mode::Apply)).await;
            }
            world.resume().await;
            assert_eq!(outcomes(&world).await, BOTH_WELL, "died after {point} points");
            assert_eq!(world.objects().await.len(), 1);
            if !fuse.is_blown() {
                launched.expect("a run");
                // Two configurations, two runs, their audit entries and the commit.
                assert!(point > 6, "a launch of two has more points than {point}");
                break;
            }
        }
    });
}

#[test]
fn the_second_is_run_once_wherever_a_process_dies_that_works_on_the_first() {
    on_each_database(async |database| {
        let stride = if database.is_postgres() { 3 } else { 1 };
        for point in (0..).step_by(stride) {
            let world = world(database).await;
            let second = world.admit(synchronization("crm", Mode::Apply)).await;
            let first = second.awaited().expect("a run before it");
            let first = world.store().run(first).await.expect("the database").expect("a run");
            let (engine, store, fuse) = world.mortal_process(point).await;
            let worked = engine.execute(&store, first).await;
            drop((engine, store));
            world.resume().await;
            assert_eq!(outcomes(&world).await, BOTH_WELL, "died after {point} points");
            assert_eq!(world.objects().await.len(), 1);
            if !fuse.is_blown() {
                worked.expect("a run");
                break;
            }
        }
    });
}

#[test]
fn the_second_fails_once_wherever_a_process_dies_that_cancels_the_first() {
    on_each_database(async |database| {
        for point in 0.. {
            let world = world(database).await;
            let second = world.admit(synchronization("crm", Mode::Apply)).await;
            let first = second.awaited().expect("a run before it");
            let (engine, store, fuse) = world.mortal_process(point).await;
            let cancelled = engine.cancel(&store, first).await;
            drop((engine, store));
            world.resume().await;
            let ended = outcomes(&world).await;
            let aborted = (Some(OutcomeStatus::Aborted), Some(OutcomeStatus::Failure), 1);
            // Whoever dies before has cancelled nothing.
            assert!([BOTH_WELL, aborted].contains(&ended), "died after {point} points: {ended:?}");
            if !fuse.is_blown() {
                cancelled.expect("cancelled");
                assert_eq!(ended, aborted);
                break;
            }
        }
    });
}

#[test]
fn the_second_is_run_once_wherever_a_process_dies_that_works_on_it() {
    on_each_database(async |database| {
        let before = world(database).await;
        before.synchronize("hr").await;
        for point in (0..).step_by(3) {
            let world = before.copy().await;
            let second = world.admit(synchronization("crm", Mode::Apply)).await;
            let first = second.awaited().expect("a run before it");
            let first = world.store().run(first).await.expect("the database").expect("a run");
            world.engine().execute(world.store(), first).await.expect("a run");
            let (engine, store, fuse) = world.mortal_process(point).await;
            let released = world.store().run(second.id).await.expect("the database").expect("a run");
            let worked = engine.execute(&store, released).await;
            drop((engine, store));
            world.resume().await;
            let (first, second, _) = outcomes(&world).await;
            assert_eq!((first, second), (BOTH_WELL.0, BOTH_WELL.1), "died after {point} points");
            if !fuse.is_blown() {
                worked.expect("a run");
                break;
            }
        }
    });
}
