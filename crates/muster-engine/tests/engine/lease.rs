//! A worker that no longer has its run, or was told to stop, writes no account, wherever it stood when that happened.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use muster_connector::faulty::CallKind;
use muster_model::RunId;
use muster_model::run::{Mode, OutcomeStatus};
use muster_testkit::world::{TestDatabase, World, on_each_database, provisioning, synchronization};
use tokio::time::{sleep, timeout};

/// Far more than anything takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// A lease that nobody renews while a test lasts, except who is asked.
const LONG: Duration = Duration::from_secs(24 * 60 * 60);

/// A person who is to get an account.
async fn with_ann(database: &TestDatabase) -> World {
    let world = World::usual(database).await;
    world.hire("1", "ann@x", "Ann", "IT");
    world.synchronize("hr").await;
    world
}

async fn lease_until(world: &World, id: RunId) -> DateTime<Utc> {
    world.store().run(id).await.expect("the database").expect("a run").lease_until
}

/// Waits until the worker has learned, by renewing its lease, what was so before: one renewal may have been under way,
/// and before the next is asked for, that one was heard.
async fn beats(world: &World, id: RunId) {
    for _ in 0..2 {
        let before = lease_until(world, id).await;
        world.clock().pass(TimeDelta::seconds(1));
        let renewed = async {
            while lease_until(world, id).await <= before {
                sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(PATIENCE, renewed).await.expect("a lease that is renewed");
    }
}

#[test]
fn who_has_slept_past_the_lease_writes_nothing_once_another_has_the_run() {
    on_each_database(async |database| {
        let mut world = with_ann(database).await.with_lease(LONG);
        let stopped = world.run_up_to(provisioning("ad", Mode::Apply), "ad", (CallKind::Writer, 1)).await;
        let (id, watch) = (stopped.run.id, stopped.watch.clone());
        world.clock().pass(TimeDelta::days(2));
        let now = world.clock().instant();
        let run = world.store().run(id).await.expect("the database").expect("a run");
        let taken = world.store().claim(&run, "another", now, now + TimeDelta::seconds(15)).await;
        assert_eq!(taken.expect("claimed").epoch, run.epoch + 1);
        assert!(!stopped.go_on().await.state.is_terminal());
        assert_eq!(watch.calls_of(CallKind::Operation), 0, "the batch is for whoever has the run now");
        world.resume().await;
        let ended = world.store().run(id).await.expect("the database").expect("a run");
        assert_eq!(ended.state.outcome, Some(OutcomeStatus::Success));
        assert_eq!(watch.calls_of(CallKind::Operation), 1);
    });
}

#[test]
fn who_has_slept_past_the_lease_goes_on_where_nobody_else_has_the_run() {
    on_each_database(async |database| {
        let mut world = with_ann(database).await.with_lease(LONG);
        let stopped = world.run_up_to(provisioning("ad", Mode::Apply), "ad", (CallKind::Writer, 1)).await;
        let (id, watch) = (stopped.run.id, stopped.watch.clone());
        world.clock().pass(TimeDelta::days(2));
        let ended = stopped.go_on().await;
        assert_eq!((ended.id, ended.state.outcome), (id, Some(OutcomeStatus::Success)));
        assert_eq!(watch.calls_of(CallKind::Operation), 1);
        assert!(ended.lease_until > world.clock().instant(), "it was renewed before anything was written");
    });
}

/// A worker takes the run up and is never heard of again.
async fn lose_a_worker(world: &World, id: RunId) {
    world.clock().pass(TimeDelta::minutes(1));
    let now = world.clock().instant();
    let run = world.store().run(id).await.expect("the database").expect("a run");
    world.store().claim(&run, "lost", now, now + TimeDelta::seconds(15)).await.expect("claimed");
}

#[test]
fn a_run_that_ends_worker_after_worker_at_one_place_is_not_taken_up_for_ever() {
    on_each_database(async |database| {
        let world = with_ann(database).await;
        let id = world.admit(provisioning("ad", Mode::Apply)).await.id;
        for _ in 0..6 {
            lose_a_worker(&world, id).await;
        }
        let run = world.store().run(id).await.expect("the database").expect("a run");
        assert_eq!(run.breakdowns, 5, "the first found nobody before it");
        world.clock().pass(TimeDelta::minutes(1));
        world.resume().await;
        let ended = world.store().run(id).await.expect("the database").expect("a run");
        assert_eq!(ended.state.outcome, Some(OutcomeStatus::Failure));
        let failure = ended.failure.expect("a reason");
        assert!(failure.contains("6 workers in a row were lost"), "{failure}");
        assert_eq!(world.system("ad").accounts("account").len(), 0);
        // Whoever has removed the cause launches it again.
        let run = world.provision("ad").await;
        assert_eq!(run.state.outcome, Some(OutcomeStatus::Success));
    });
}

#[test]
fn a_run_that_gets_on_with_each_worker_is_taken_up_however_many_are_lost() {
    on_each_database(async |database| {
        let world = World::usual(database).await.with_page_size(1).with_lease(LONG);
        for number in 1..=8 {
            world.hire(&number.to_string(), &format!("{number}@x"), &format!("Name {number}"), "IT");
        }
        let id = world.admit(synchronization("hr", Mode::Apply)).await.id;
        for _ in 0..6 {
            let (engine, store, _fuse) = world.mortal_process(12).await;
            world.clock().pass(TimeDelta::days(2));
            let run = store.run(id).await.expect("the database").expect("a run");
            let lost = engine.execute(&store, run).await;
            assert!(lost.is_err(), "it died: {lost:?}");
        }
        world.clock().pass(TimeDelta::days(2));
        world.resume().await;
        let ended = world.store().run(id).await.expect("the database").expect("a run");
        assert_eq!(ended.state.outcome, Some(OutcomeStatus::Success), "{ended:?}");
    });
}

#[test]
fn a_cancel_that_was_seen_lets_no_further_batch_out() {
    on_each_database(async |database| {
        let mut world = with_ann(database).await.with_lease(Duration::from_millis(50));
        let stopped = world.run_up_to(provisioning("ad", Mode::Apply), "ad", (CallKind::Writer, 1)).await;
        let (id, watch) = (stopped.run.id, stopped.watch.clone());
        world.engine().cancel(world.store(), id).await.expect("cancelled");
        beats(&world, id).await;
        let ended = stopped.go_on().await;
        assert_eq!(ended.state.outcome, Some(OutcomeStatus::Aborted));
        assert_eq!(watch.calls_of(CallKind::Operation), 0);
    });
}
