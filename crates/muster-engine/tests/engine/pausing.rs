//! Runs that are paused and resumed: they go on where they were, and come to where an undisturbed one comes.

use chrono::TimeDelta;
use muster_connector::faulty::{CallKind, no_faults};
use muster_engine::{ControlError, EngineError, LaunchError};
use muster_model::RunId;
use muster_model::audit::Act;
use muster_model::run::{Mode, OutcomeStatus, ProgressStatus};
use muster_store::RunRecord;
use muster_testkit::world::{
    Stopped, TestDatabase, World, difference, on_each_database, provisioning, synchronization,
};

use crate::preceding;

async fn five(database: &TestDatabase) -> World {
    let world = World::usual(database).await.with_page_size(1);
    for number in 1..=5 {
        world.hire(&number.to_string(), &format!("{number}@x"), &format!("Name {number}"), "IT");
    }
    world
}

/// The whole state without the acts that a pause leaves.
async fn state(world: &World) -> String {
    let whole = world.whole_state().await;
    let of_pause = |line: &&str| line.contains("PAUSE") || line.contains("RESUME");
    let kept = whole.lines().filter(|line| !(line.starts_with("audit ") && of_pause(line)));
    kept.collect::<Vec<_>>().join("\n")
}

async fn acts(world: &World, run: RunId) -> Vec<Act> {
    let log = world.store().audit_behind(0, 1000).await.expect("the database");
    log.into_iter().filter(|entry| entry.entry.run == Some(run)).map(|entry| entry.entry.act).collect()
}

async fn stored(world: &World, run: RunId) -> RunRecord {
    world.store().run(run).await.expect("the database").expect("a run")
}

async fn pause(world: &World, run: RunId) {
    world.engine().pause(world.store(), run).await.expect("paused");
}

async fn resume(world: &World, run: RunId) {
    world.engine().resume(world.store(), run).await.expect("resumed");
}

/// Nobody takes the run up, however long it is and in whichever process.
async fn is_left_alone(world: &World, run: RunId) {
    let paused = stored(world, run).await;
    assert_eq!(paused.state.status, ProgressStatus::Paused);
    world.clock().pass(TimeDelta::days(30));
    let before = state(world).await;
    let other = world.database().another_process().await;
    let (now, engine) = (world.clock().instant(), world.engine_on(other.clone()));
    let claimable = other.claimable(now).await.expect("the database");
    assert!(claimable.iter().all(|(_, found)| found.id != run), "{claimable:?}");
    let taken = engine.execute(world.store(), paused).await;
    assert!(matches!(taken, Err(EngineError::Lost)), "{taken:?}");
    engine.expire_held().await.expect("the database");
    engine.look_for_stalled().await.expect("the database");
    world.resume().await;
    assert_eq!(state(world).await, before);
}

/// Pauses a run whose worker stands at a barrier, and lets that worker find out.
async fn pause_while_worked_on(world: &mut World, stopped: Stopped, system: &'static str) -> RunId {
    let run = stopped.run.id;
    pause(world, run).await;
    let before = state(world).await;
    let left = stopped.go_on().await;
    assert_eq!((left.state.status, left.state.outcome), (ProgressStatus::Paused, None));
    assert_eq!(
        difference(&before, &state(world).await).lines().filter(|l| !l.contains("account ")).count(),
        0
    );
    world.disturb(system, no_faults());
    run
}

#[test]
fn a_run_that_is_paused_at_any_page_goes_on_there() {
    on_each_database(async |database| {
        let before = five(database).await;
        let calm = before.copy().await;
        calm.synchronize("hr").await;
        let calm = state(&calm).await;
        for call in 1..=6 {
            let mut world = before.copy().await;
            let launch = synchronization("hr", Mode::Apply);
            let stopped = world.run_up_to(launch, "hr", (CallKind::Page, call)).await;
            let run = pause_while_worked_on(&mut world, stopped, "hr").await;
            let pages = world.pages_of(run).await;
            assert!(world.objects().await.is_empty());
            is_left_alone(&world, run).await;

            let other = world.engine().admit(world.store(), synchronization("hr", Mode::Apply)).await;
            assert!(matches!(other, Err(LaunchError::AlreadyRunning(_, id)) if id == run), "{other:?}");
            resume(&world, run).await;
            let watch = world.disturb("hr", no_faults());
            world.resume().await;
            assert_eq!(stored(&world, run).await.state.outcome, Some(OutcomeStatus::Success));
            let read = watch.calls_of(CallKind::Page);
            assert_eq!(read + pages as u64, 6, "paused before page {call}: what was read is not read again");
            assert_eq!(state(&world).await, calm, "paused before page {call}");
        }
    });
}

#[test]
fn a_run_that_is_paused_at_any_batch_goes_on_there() {
    on_each_database(async |database| {
        let before = five(database).await;
        before.synchronize("hr").await;
        let calm = before.copy().await;
        calm.provision("ad").await;
        let calm = state(&calm).await;
        for call in 1..=5 {
            let mut world = before.copy().await;
            let launch = provisioning("ad", Mode::Apply);
            let stopped = world.run_up_to(launch, "ad", (CallKind::Write, call)).await;
            let run = pause_while_worked_on(&mut world, stopped, "ad").await;
            is_left_alone(&world, run).await;
            resume(&world, run).await;
            world.resume().await;
            assert_eq!(stored(&world, run).await.state.outcome, Some(OutcomeStatus::Success));
            let found = state(&world).await;
            assert!(found == calm, "paused at batch {call}:\n{}", difference(&calm, &found));
        }
    });
}

#[test]
fn what_has_not_begun_is_paused_and_begun_when_it_is_resumed() {
    on_each_database(async |database| {
        let world = five(database).await;
        let run = world.admit(synchronization("hr", Mode::Apply)).await.id;
        pause(&world, run).await;
        is_left_alone(&world, run).await;
        resume(&world, run).await;
        world.resume().await;
        let ended = stored(&world, run).await;
        assert_eq!((ended.state.outcome, ended.epoch), (Some(OutcomeStatus::Success), 1));
        assert!(ended.paused >= TimeDelta::days(30) && ended.paused_at.is_none(), "{ended:?}");
        assert_eq!(world.objects().await.len(), 5);
    });
}

#[test]
fn pausing_and_resuming_twice_changes_nothing() {
    on_each_database(async |database| {
        let world = five(database).await;
        let run = world.admit(synchronization("hr", Mode::Apply)).await.id;
        resume(&world, run).await;
        assert_eq!(acts(&world, run).await, [Act::Launch], "it was not paused");
        pause(&world, run).await;
        let paused = stored(&world, run).await;
        world.clock().pass(TimeDelta::minutes(5));
        pause(&world, run).await;
        assert_eq!(stored(&world, run).await, paused);
        resume(&world, run).await;
        let resumed = stored(&world, run).await;
        resume(&world, run).await;
        assert_eq!(stored(&world, run).await, resumed);
        assert_eq!(acts(&world, run).await, [Act::Launch, Act::Pause, Act::Resume]);
        assert_eq!(resumed.paused, TimeDelta::minutes(5));

        world.resume().await;
        for _ in 0..2 {
            let refused = world.engine().pause(world.store(), run).await;
            assert!(matches!(refused, Err(ControlError::Ended(_))), "{refused:?}");
            let refused = world.engine().resume(world.store(), run).await;
            assert!(matches!(refused, Err(ControlError::Ended(_))), "{refused:?}");
        }
        let nobody = RunId(world.engine().surroundings().new_id());
        let refused = world.engine().pause(world.store(), nobody).await;
        assert!(matches!(refused, Err(ControlError::NoRun(_))), "{refused:?}");
    });
}

#[test]
fn what_waits_for_a_decision_is_not_paused() {
    on_each_database(async |database| {
        let world = five(database).await;
        let mut task = muster_testkit::world::configuration::reconciliation("hr", "person");
        task["guards"] = serde_json::json!({"create": {"count": 0}});
        world.save(preceding::TASK, task).await;
        let held = world.synchronize("hr").await;
        assert_eq!(held.state.status, ProgressStatus::Held, "{held:?}");
        let refused = world.engine().pause(world.store(), held.id).await;
        assert!(matches!(refused, Err(ControlError::Waits(_))), "{refused:?}");
        resume(&world, held.id).await;
        assert_eq!(stored(&world, held.id).await, held, "it was not paused");
    });
}

#[test]
fn a_paused_run_is_cancelled_at_once_whoever_has_it_in_hand() {
    on_each_database(async |database| {
        let mut world = five(database).await;
        world.synchronize("hr").await;
        let stopped = world.run_up_to(provisioning("ad", Mode::Apply), "ad", (CallKind::Write, 3)).await;
        let run = stopped.run.id;
        pause(&world, run).await;
        world.engine().cancel(world.store(), run).await.expect("cancelled");
        let ended = stored(&world, run).await;
        assert_eq!(ended.state.outcome, Some(OutcomeStatus::Aborted));
        assert!(ended.state.is_terminal() && ended.counters.add_up());
        assert_eq!(stopped.go_on().await, ended, "its worker finds it ended");
        assert_eq!(acts(&world, run).await, [Act::Launch, Act::Pause, Act::Cancel, Act::End]);

        world.disturb("ad", no_faults());
        let stopped = world.run_up_to(provisioning("ad", Mode::Apply), "ad", (CallKind::Page, 1)).await;
        world.engine().cancel(world.store(), stopped.run.id).await.expect("cancelled");
        let refused = world.engine().pause(world.store(), stopped.run.id).await;
        assert!(matches!(refused, Err(ControlError::Cancelled(_))), "{refused:?}");
        stopped.go_on().await;
    });
}

#[test]
fn a_run_that_is_resumed_before_its_worker_found_out_goes_on_once_that_lets_it_go() {
    on_each_database(async |database| {
        let mut world = five(database).await;
        let launch = synchronization("hr", Mode::Apply);
        let stopped = world.run_up_to(launch, "hr", (CallKind::Page, 3)).await;
        let run = stopped.run.id;
        pause(&world, run).await;
        resume(&world, run).await;
        let waiting = stored(&world, run).await;
        let taken = world.engine().execute(world.store(), waiting).await;
        assert!(matches!(taken, Err(EngineError::Lost)), "its worker has it still: {taken:?}");
        let left = stopped.go_on().await;
        assert_eq!(left.state.status, ProgressStatus::Pending);
        world.disturb("hr", no_faults());
        // Nobody waits for a lease to end.
        let run = world.engine().execute(world.store(), left).await.expect("a run");
        assert_eq!((run.state.outcome, run.counters.read), (Some(OutcomeStatus::Success), 5));
    });
}

#[test]
fn where_the_source_has_changed_meanwhile_the_sweep_starts_over() {
    on_each_database(async |database| {
        let mut world = five(database).await;
        let launch = synchronization("hr", Mode::Apply);
        let stopped = world.run_up_to(launch, "hr", (CallKind::Page, 4)).await;
        let run = pause_while_worked_on(&mut world, stopped, "hr").await;
        world.hire("0", "0@x", "Name 0", "IT");
        world.dismiss("2");
        resume(&world, run).await;
        world.resume().await;
        let ended = stored(&world, run).await;
        assert_eq!((ended.state.outcome, ended.counters.read), (Some(OutcomeStatus::Success), 5));
        let numbers: Vec<_> = world.objects().await.into_keys().collect();
        assert_eq!(numbers, ["0", "1", "3", "4", "5"]);
    });
}

#[test]
fn who_waits_for_a_paused_run_goes_on_waiting() {
    on_each_database(async |database| {
        let world = preceding::world(database).await;
        let second = preceding::launch(&world, "crm").await;
        let first = preceding::awaited(&second);
        pause(&world, first).await;
        world.resume().await;
        assert_eq!(preceding::story(&world).await, "hr PAUSED, crm PENDING");
        assert_eq!(stored(&world, second.id).await.awaited(), Some(first));
        resume(&world, first).await;
        world.resume().await;
        assert_eq!(preceding::story(&world).await, "hr SUCCESS, crm SUCCESS");

        // The one that waits is paused while the other ends.
        let second = preceding::launch(&world, "crm").await;
        pause(&world, second.id).await;
        assert_eq!(stored(&world, second.id).await.awaited(), Some(preceding::awaited(&second)));
        world.resume().await;
        assert_eq!(stored(&world, second.id).await.awaited(), None);
        is_left_alone(&world, second.id).await;
        resume(&world, second.id).await;
        world.resume().await;
        let ended = stored(&world, second.id).await;
        assert_eq!(ended.state.outcome, Some(OutcomeStatus::Success));

        // Resumed before that, it waits on.
        let second = preceding::launch(&world, "crm").await;
        pause(&world, second.id).await;
        resume(&world, second.id).await;
        assert_eq!(stored(&world, second.id).await.awaited(), Some(preceding::awaited(&second)));
        world.resume().await;
        assert!(preceding::story(&world).await.ends_with("hr SUCCESS, crm SUCCESS"));
    });
}

#[test]
fn a_run_that_does_not_get_on_is_told_of_once() {
    on_each_database(async |database| {
        let mut world = five(database).await;
        let launch = synchronization("hr", Mode::Apply);
        let stopped = world.run_up_to(launch, "hr", (CallKind::Page, 3)).await;
        let (run, engine, before) = (stopped.run.id, world.engine(), world.clock().instant());
        world.clock().pass(TimeDelta::seconds(599));
        assert_eq!(engine.look_for_stalled().await.expect("the database"), []);
        assert_eq!(engine.stalled_since(&stored(&world, run).await), None);
        world.clock().pass(TimeDelta::seconds(1));
        assert_eq!(engine.look_for_stalled().await.expect("the database"), [run]);
        assert_eq!(engine.stalled_since(&stored(&world, run).await), Some(before));
        world.clock().pass(TimeDelta::hours(1));
        assert_eq!(engine.look_for_stalled().await.expect("the database"), [], "it has been told of");
        pause(&world, run).await;
        assert_eq!(engine.stalled_since(&stored(&world, run).await), None, "it need not get on");
        assert_eq!(engine.look_for_stalled().await.expect("the database"), []);
        stopped.go_on().await;
        resume(&world, run).await;
        let launched = stored(&world, run).await;
        assert_eq!(engine.stalled_since(&launched), None, "nobody has it");
        let stopped = world.work_up_to(launched, "hr", (CallKind::Page, 1)).await;
        assert_eq!(engine.look_for_stalled().await.expect("the database"), []);
        world.clock().pass(TimeDelta::hours(1));
        assert_eq!(engine.look_for_stalled().await.expect("the database"), [run], "again");
        stopped.go_on().await;
        assert_eq!(engine.look_for_stalled().await.expect("the database"), []);
    });
}
