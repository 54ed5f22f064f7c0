//! Waking: a run that one process launches is worked on by another, though nobody looks for runs.

use std::sync::Arc;
use std::time::Duration;

use muster_connector::faulty::CallKind;
use muster_engine::{Engine, Notifications};
use muster_model::RunId;
use muster_model::run::{Mode, OutcomeStatus, ProgressStatus};
use muster_store::{RunRecord, Store, Wakeup};
use muster_testkit::world::{Barrier, TestDatabase, World, on_each_database, synchronization};
use tokio::time::{sleep, timeout};

/// Far more than anything takes, and far less than a day, which is how often these workers look.
const PATIENCE: Duration = Duration::from_secs(60);

/// Connections that listen, in the database's own list of connections.
const LISTENERS: &str = "FROM pg_stat_activity WHERE datname = current_database() \
     AND application_name = 'muster wakeups' AND query LIKE 'LISTEN%' AND state = 'idle'";

/// A world whose processes wake each other; `None` where the database does not carry that.
async fn waking(database: &TestDatabase) -> Option<World> {
    assert_eq!(database.store().wakeups().is_some(), database.is_postgres());
    if !database.is_postgres() {
        return None;
    }
    let world = World::usual(database).await.with_workers_that_do_not_look(1);
    world.hire("1", "ann@x", "Ann", "IT");
    world.contact("c1", "ann@x", "1");
    Some(world)
}

fn process(world: &World, store: Store) -> Engine {
    let wakeups = store.wakeups().expect("a database that carries wakeups");
    world.engine_with(store, Arc::new(Notifications::new(wakeups)))
}

/// Tries until it comes to something.
async fn wait_for<T>(what: &str, mut attempt: impl AsyncFnMut() -> Option<T>) -> T {
    let trying = async {
        loop {
            if let Some(done) = attempt().await {
                return done;
            }
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(PATIENCE, trying).await.unwrap_or_else(|_| panic!("waited for {what} in vain"))
}

async fn wait_for_listeners(database: &TestDatabase, number: u64) {
    let listening = async || database.execute(&format!("SELECT pid {LISTENERS}")).await == number;
    wait_for("listeners", async || listening().await.then_some(())).await;
}

async fn wait_for_status(world: &World, id: RunId, status: ProgressStatus) -> RunRecord {
    wait_for("a run", async || {
        let run = world.store().run(id).await.expect("the database").expect("a run");
        (run.state.status == status).then_some(run)
    })
    .await
}

#[test]
fn a_process_without_workers_has_its_runs_worked_on_by_another() {
    on_each_database(async |database| {
        let Some(world) = waking(database).await else { return };
        let here = process(&world, database.store().clone());
        let there = process(&world, database.another_process().await);
        let workers = there.start();
        wait_for_listeners(database, 1).await;
        let run = here.launch(world.store(), synchronization("hr", Mode::Apply)).await.expect("a run");
        let run = wait_for_status(&world, run.id, ProgressStatus::Finished).await;
        assert_eq!(run.state.outcome, Some(OutcomeStatus::Success));
        // What a person approves goes on there too.
        world.hire("2", "bob@x", "Bob", "IT");
        let simulated =
            here.launch(world.store(), synchronization("hr", Mode::Simulate)).await.expect("a run");
        let simulated = wait_for_status(&world, simulated.id, ProgressStatus::Finished).await;
        let hash = simulated.plan_hash.expect("a plan");
        let approved = here.approve(world.store(), simulated.id, hash).await.expect("approved");
        wait_for_status(&world, approved, ProgressStatus::Finished).await;
        assert_eq!(world.objects().await.len(), 2);
        workers.shut_down().await;
    });
}

#[test]
fn a_process_whose_workers_are_busy_has_its_runs_worked_on_by_another() {
    on_each_database(async |database| {
        let Some(mut world) = waking(database).await else { return };
        let (barrier, plan) = Barrier::at(CallKind::Page, 1);
        world.disturb("hr", plan);
        let here = process(&world, database.store().clone());
        let busy = here.start();
        let first = here.launch(world.store(), synchronization("hr", Mode::Apply)).await.expect("a run");
        barrier.reached().await;
        let there = process(&world, database.another_process().await);
        let free = there.start();
        wait_for_listeners(database, 2).await;
        let second = here.launch(world.store(), synchronization("crm", Mode::Apply)).await.expect("a run");
        wait_for_status(&world, second.id, ProgressStatus::Finished).await;
        let first = world.store().run(first.id).await.expect("the database").expect("a run");
        assert_eq!(first.state.status, ProgressStatus::Running, "nobody else took what has a worker");
        barrier.open();
        wait_for_status(&world, first.id, ProgressStatus::Finished).await;
        busy.shut_down().await;
        free.shut_down().await;
    });
}

#[test]
fn of_many_processes_that_are_woken_one_works() {
    on_each_database(async |database| {
        let Some(world) = waking(database).await else { return };
        let mut workers = Vec::new();
        for _ in 0..5 {
            workers.push(process(&world, database.another_process().await).start());
        }
        wait_for_listeners(database, 5).await;
        let here = process(&world, database.store().clone());
        for _ in 0..10 {
            let run = here.launch(world.store(), synchronization("hr", Mode::Apply)).await.expect("a run");
            let run = wait_for_status(&world, run.id, ProgressStatus::Finished).await;
            assert_eq!((run.epoch, run.state.outcome), (1, Some(OutcomeStatus::Success)), "claimed once");
        }
        for workers in workers {
            workers.shut_down().await;
        }
    });
}

#[test]
fn a_process_that_lost_its_listening_connection_gets_another() {
    on_each_database(async |database| {
        let Some(world) = waking(database).await else { return };
        let here = process(&world, database.store().clone());
        let there = process(&world, database.another_process().await);
        let workers = there.start();
        for _ in 0..3 {
            wait_for_listeners(database, 1).await;
            let ended =
                database.execute(&format!("SELECT pg_terminate_backend(pid, 10000) {LISTENERS}")).await;
            assert_eq!(ended, 1);
            wait_for_listeners(database, 1).await;
            let run = here.launch(world.store(), synchronization("hr", Mode::Apply)).await.expect("a run");
            wait_for_status(&world, run.id, ProgressStatus::Finished).await;
        }
        workers.shut_down().await;
    });
}

#[test]
fn what_is_no_wakeup_is_left_out() {
    on_each_database(async |database| {
        let Some(world) = waking(database).await else { return };
        let wakeups = Arc::new(database.store().wakeups().expect("wakeups"));
        let listening = wakeups.clone();
        let received = tokio::spawn(async move { listening.receive().await });
        wait_for_listeners(database, 1).await;
        for text in ["", "acme", "acme 7", "\u{1}"] {
            database.execute(&format!("SELECT pg_notify('muster_run', '{text}')")).await;
        }
        let run = world.admit(synchronization("hr", Mode::Apply)).await;
        let wakeup = Wakeup { tenant: world.store().slug().clone(), run: run.id };
        wakeups.send(&wakeup).await.expect("the database");
        let received = timeout(PATIENCE, received).await.expect("in time").expect("no panic");
        assert_eq!(received.expect("the database"), wakeup);
    });
}
