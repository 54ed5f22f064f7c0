//! `preSynchronization`: a full run is preceded by one of the task that it names, and begun when that has ended well.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use muster_connector::ConnectorError;
use muster_connector::faulty::{Call, CallKind, Fault, Moment, no_faults};
use muster_engine::{EngineError, LaunchError};
use muster_model::RunId;
use muster_model::configuration::ConfigurationKind;
use muster_model::run::{Mode, OutcomeStatus, ProgressStatus, TaskKind};
use muster_store::{RunFilter, RunRecord};
use muster_testkit::world::configuration::reconciliation;
use muster_testkit::world::{TestDatabase, World, on_each_database, synchronization};
use serde_json::{Value, json};

pub(crate) const TASK: ConfigurationKind = ConfigurationKind::SynchronizationTaskDefinition;

/// A task of this id on the HR system.
pub(crate) fn people(id: &str) -> Value {
    let mut task = reconciliation("hr", "person");
    task["id"] = json!(id);
    task
}

/// The task on the CRM, which comes after another.
pub(crate) fn contacts(preceding: &str) -> Value {
    let mut task = reconciliation("crm", "contact");
    task["preSynchronization"] = json!(preceding);
    task
}

/// The usual world, where `crm` names `hr`. There is one person, and her contact.
pub(crate) async fn world(database: &TestDatabase) -> World {
    let world = World::usual(database).await.with_page_size(50);
    world.save(TASK, contacts("hr")).await;
    world.hire("1", "ann@x", "Ann", "IT");
    world.contact("c1", "ann@x", "0123");
    world
}

pub(crate) async fn launch(world: &World, task: &str) -> RunRecord {
    world.admit(synchronization(task, Mode::Apply)).await
}

pub(crate) async fn run(world: &World, id: RunId) -> RunRecord {
    world.store().run(id).await.expect("the database").expect("a run")
}

/// All runs, oldest first.
pub(crate) async fn runs(world: &World) -> Vec<RunRecord> {
    let runs = world.store().runs(TaskKind::Synchronization, &RunFilter::default()).await;
    let mut runs = runs.expect("the database");
    runs.reverse();
    runs
}

/// All runs in the order of their numbers: task, state, and how each ended.
pub(crate) async fn story(world: &World) -> String {
    let line = |run: &RunRecord| {
        let (status, outcome) = (run.state.status, run.state.outcome);
        format!("{} {}", run.task, outcome.map_or(status.as_str(), OutcomeStatus::as_str))
    };
    runs(world).await.iter().map(line).collect::<Vec<_>>().join(", ")
}

/// The run that one waits for.
pub(crate) fn awaited(run: &RunRecord) -> RunId {
    run.awaited().unwrap_or_else(|| panic!("{run:?} waits for nothing"))
}

/// Work on one run.
pub(crate) async fn work(world: &World, id: RunId) -> RunRecord {
    world.engine().execute(world.store(), run(world, id).await).await.expect("a run that is not lost")
}

#[test]
fn both_are_launched_and_the_one_that_is_named_is_run_first() {
    on_each_database(async |database| {
        let world = world(database).await;
        let second = launch(&world, "crm").await;
        let first = run(&world, awaited(&second)).await;
        assert_eq!((first.task.as_str(), first.no, first.awaited()), ("hr", second.no - 1, None));
        assert_eq!((first.started_at, second.state.status), (second.started_at, ProgressStatus::Pending));

        // Nobody may take it up, and it stands in the way of another as any run.
        let early = world.engine().execute(world.store(), second.clone()).await;
        assert!(matches!(early, Err(EngineError::Lost)), "{early:?}");
        let now = world.clock().instant() + TimeDelta::days(365);
        assert!(!second.waits_for_worker(now));
        let found = world.database().store().claimable(now).await.expect("the database");
        let found: Vec<_> =
            found.into_iter().filter(|(store, _)| store.slug() == world.store().slug()).collect();
        assert_eq!(found.iter().map(|(_, run)| run.id).collect::<Vec<_>>(), [first.id]);
        for (task, by) in [("crm", &second), ("hr", &first)] {
            let refused = world.engine().admit(world.store(), synchronization(task, Mode::Apply)).await;
            assert!(
                matches!(&refused, Err(LaunchError::AlreadyRunning(_, id)) if *id == by.id),
                "{refused:?}"
            );
        }
        assert_eq!(
            story(&world).await,
            "hr PENDING, crm PENDING",
            "a launch that is refused launches nothing"
        );

        let first = work(&world, first.id).await;
        assert_eq!(first.state.outcome, Some(OutcomeStatus::Success));
        let released = run(&world, second.id).await;
        assert_eq!((released.awaited(), released.waits_for), (None, Some(first.id)));
        let second = work(&world, second.id).await;
        assert_eq!((second.state.outcome, second.epoch), (Some(OutcomeStatus::Success), 1));
        // The person was there when her contact came.
        let objects = world.objects().await;
        assert_eq!(objects.len(), 1, "{objects:?}");
    });
}

#[test]
fn both_launches_are_in_the_audit_log_by_whom_launched_the_second() {
    on_each_database(async |database| {
        let world = world(database).await;
        let second = launch(&world, "crm").await;
        let log = world.store().audit_behind(0, 1000).await.expect("the database");
        let found: Vec<_> = log.iter().map(|chained| &chained.entry).collect();
        let [.., of_first, of_second] = &found[..] else { panic!("{found:?}") };
        assert_eq!((of_first.run, of_second.run), (Some(awaited(&second)), Some(second.id)));
        assert_eq!((&of_first.actor, &of_first.at), (&of_second.actor, &of_second.at));
        let waits_for = awaited(&second).to_string();
        assert_eq!(of_second.details.get("waitsFor"), Some(&waits_for), "{of_second:?}");
        assert!(!of_first.details.contains_key("waitsFor"), "{of_first:?}");
    });
}

#[test]
fn a_run_that_is_under_way_is_waited_for() {
    on_each_database(async |database| {
        let mut world = world(database).await.with_lease(Duration::from_secs(24 * 60 * 60));
        let stopped = world.run_up_to(synchronization("hr", Mode::Apply), "hr", (CallKind::Page, 1)).await;
        let second = launch(&world, "crm").await;
        assert_eq!(awaited(&second), stopped.run.id);
        world.resume().await;
        assert_eq!(story(&world).await, "hr RUNNING, crm PENDING");
        let first = stopped.go_on().await;
        assert_eq!(first.state.outcome, Some(OutcomeStatus::Success));
        world.resume().await;
        assert_eq!(story(&world).await, "hr SUCCESS, crm SUCCESS");
        // The next launch finds none under way.
        let third = launch(&world, "crm").await;
        assert_ne!(awaited(&third), first.id);
        world.resume().await;
        assert_eq!(story(&world).await, "hr SUCCESS, crm SUCCESS, hr SUCCESS, crm SUCCESS");
    });
}

#[test]
fn runs_that_are_not_full_are_not_waited_for() {
    on_each_database(async |database| {
        let world = world(database).await;
        let simulation = world.admit(synchronization("hr", Mode::Simulate)).await;
        let mut keys = synchronization("hr", Mode::Apply);
        keys.keys = Some(vec!["1".to_owned()]);
        let single = world.admit(keys).await;
        let second = launch(&world, "crm").await;
        assert!(![simulation.id, single.id].contains(&awaited(&second)));
        assert_eq!(story(&world).await, "hr PENDING, hr PENDING, hr PENDING, crm PENDING");
    });
}

#[test]
fn nothing_precedes_simulations_single_keys_and_an_approved_simulation() {
    on_each_database(async |database| {
        let world = world(database).await;
        world.synchronize("hr").await;
        let simulated = world.run(synchronization("crm", Mode::Simulate)).await;
        let mut keys = synchronization("crm", Mode::Apply);
        keys.keys = Some(vec!["c1".to_owned()]);
        assert_eq!(world.admit(keys).await.waits_for, None);
        let hash = simulated.plan_hash.expect("a plan");
        let approved = world.engine().approve(world.store(), simulated.id, hash).await.expect("approved");
        assert_eq!(run(&world, approved).await.waits_for, None);
        assert_eq!(story(&world).await, "hr SUCCESS, crm SUCCESS, crm PENDING, crm PENDING");
    });
}

#[test]
fn a_run_begins_after_some_entries_failed_and_not_after_a_failure() {
    on_each_database(async |database| {
        for (fault, of_first, of_second) in [
            (Some("cut"), OutcomeStatus::Partial, OutcomeStatus::Success),
            (Some("fail"), OutcomeStatus::Failure, OutcomeStatus::Failure),
            (None, OutcomeStatus::Aborted, OutcomeStatus::Failure),
        ] {
            let mut world = world(database).await;
            world.disturb(
                "hr",
                Arc::new(move |call: &Call| match (call.kind, fault) {
                    (CallKind::Page, Some("cut")) => Some(Fault::CutShort { reason: "enough".to_owned() }),
                    (CallKind::Page, Some(_)) => Some(Fault::Fail(
                        Moment::Before,
                        ConnectorError::Rejected { message: "no".to_owned() },
                    )),
                    _ => None,
                }),
            );
            let watch = world.disturb("crm", no_faults());
            let second = launch(&world, "crm").await;
            let first = awaited(&second);
            if fault.is_none() {
                world.engine().cancel(world.store(), first).await.expect("cancelled");
            }
            world.resume().await;
            let (first, second) = (run(&world, first).await, run(&world, second.id).await);
            assert_eq!((first.state.outcome, second.state.outcome), (Some(of_first), Some(of_second)));
            let expected = format!(
                "the run of `hr` that comes before this one, {}, ended {}; nothing was read",
                first.id,
                of_first.as_str()
            );
            let failed = of_second == OutcomeStatus::Failure;
            assert_eq!(second.failure, failed.then_some(expected));
            assert_eq!(watch.calls() == 0, failed, "nothing was asked of the system");
            // What failed is over: both can be launched again.
            world.disturb("hr", no_faults());
            let again = launch(&world, "crm").await;
            world.resume().await;
            assert_eq!(run(&world, again.id).await.state.outcome, Some(OutcomeStatus::Success));
        }
    });
}

#[test]
fn a_run_that_waits_is_cancelled_at_once_and_the_one_before_it_goes_on() {
    on_each_database(async |database| {
        let world = world(database).await;
        let second = launch(&world, "crm").await;
        world.engine().cancel(world.store(), second.id).await.expect("cancelled");
        assert_eq!(story(&world).await, "hr PENDING, crm ABORTED");
        let cancelled = run(&world, second.id).await;
        assert_eq!((cancelled.awaited(), cancelled.counters.entries()), (None, 0));
        world.resume().await;
        assert_eq!(story(&world).await, "hr SUCCESS, crm ABORTED");
        assert_eq!(run(&world, second.id).await.epoch, cancelled.epoch, "nobody took it up again");
    });
}

/// The world of a crowd of whom all but one are gone: the next run of `hr` is held.
async fn crowd(database: &TestDatabase) -> World {
    let world = world(database).await;
    for number in 2..=30 {
        world.hire(&number.to_string(), &format!("{number}@x"), "Somebody", "IT");
    }
    world.synchronize("hr").await;
    for number in 2..=30 {
        world.dismiss(&number.to_string());
    }
    world
}

#[test]
fn a_held_run_is_waited_for_until_somebody_decides_about_it() {
    on_each_database(async |database| {
        for (approves, expected) in
            [(true, "hr SUCCESS, hr SUCCESS, crm SUCCESS"), (false, "hr SUCCESS, hr ABORTED, crm FAILURE")]
        {
            let world = crowd(database).await;
            let second = launch(&world, "crm").await;
            world.resume().await;
            assert_eq!(story(&world).await, "hr SUCCESS, hr HELD, crm PENDING");
            let held = run(&world, awaited(&run(&world, second.id).await)).await;
            let hash = held.plan_hash.expect("a plan");
            match approves {
                true => drop(world.engine().approve(world.store(), held.id, hash).await.expect("approved")),
                false => world.engine().reject(world.store(), held.id, hash).await.expect("rejected"),
            }
            world.resume().await;
            assert_eq!(story(&world).await, expected);
        }
    });
}

#[test]
fn nobody_decides_and_nothing_waits_for_ever() {
    on_each_database(async |database| {
        let world = crowd(database).await;
        launch(&world, "crm").await;
        world.resume().await;
        world.clock().pass(TimeDelta::hours(73));
        world.engine().expire_held().await.expect("the database");
        world.resume().await;
        assert_eq!(story(&world).await, "hr SUCCESS, hr ABORTED, crm FAILURE");
    });
}

#[test]
fn three_in_a_row_are_run_in_their_order_and_fail_in_it() {
    on_each_database(async |database| {
        let world = world(database).await;
        let mut middle = people("hr");
        middle["preSynchronization"] = json!("staff");
        world.save(TASK, people("staff")).await;
        world.save(TASK, middle).await;
        let last = launch(&world, "crm").await;
        let middle = run(&world, awaited(&last)).await;
        let first = run(&world, awaited(&middle)).await;
        assert_eq!((first.task.as_str(), middle.task.as_str(), first.awaited()), ("staff", "hr", None));
        assert_eq!(story(&world).await, "staff PENDING, hr PENDING, crm PENDING");
        work(&world, first.id).await;
        assert_eq!(awaited(&run(&world, last.id).await), middle.id, "still");
        world.resume().await;
        assert_eq!(story(&world).await, "staff SUCCESS, hr SUCCESS, crm SUCCESS");

        // What is under way takes the place of all before it.
        let middle = launch(&world, "hr").await;
        let first = awaited(&middle);
        work(&world, first).await;
        let last = launch(&world, "crm").await;
        assert_eq!((awaited(&last), runs(&world).await.len()), (middle.id, 6), "no other run of `staff`");
        world.engine().cancel(world.store(), middle.id).await.expect("cancelled");
        world.resume().await;
        let story = story(&world).await;
        assert!(story.ends_with("staff SUCCESS, hr ABORTED, crm FAILURE"), "{story}");
    });
}

#[test]
fn a_run_that_is_taken_up_too_early_stays_as_it_is() {
    on_each_database(async |database| {
        let world = world(database).await;
        let second = launch(&world, "crm").await;
        let sql = format!("UPDATE run SET lease_until = 0 WHERE no = {} AND task = 'crm'", second.no);
        assert!(world.database().execute(&sql).await > 0);
        let left = work(&world, second.id).await;
        assert_eq!((left.state.status, left.state.outcome), (ProgressStatus::Running, None));
        assert_eq!(left.counters.entries(), 0);
        world.resume().await;
        assert_eq!(story(&world).await, "hr SUCCESS, crm SUCCESS");
    });
}

#[test]
fn a_run_whose_preceding_one_is_gone_is_not_begun() {
    on_each_database(async |database| {
        let world = world(database).await;
        let second = launch(&world, "crm").await;
        let first = work(&world, awaited(&second)).await;
        world.store().drop_changes(first.seq).await.expect("the database");
        world.store().drop_run(first.seq).await.expect("the database");
        let second = work(&world, second.id).await;
        assert_eq!(second.state.outcome, Some(OutcomeStatus::Failure));
        let failure = second.failure.expect("a reason");
        assert!(
            failure.contains(&first.id.to_string()) && failure.contains("not there any more"),
            "{failure}"
        );
    });
}

#[test]
fn who_waits_for_whom_is_no_rival() {
    on_each_database(async |database| {
        let world = world(database).await;
        let second = launch(&world, "crm").await;
        let first = run(&world, awaited(&second)).await;
        let has_rivals = async |run: &RunRecord| world.store().has_rivals(run).await.expect("the database");
        assert!(!has_rivals(&first).await);
        work(&world, first.id).await;
        world.clock().pass(TimeDelta::minutes(1));
        // By its own hand nobody wrote; the other run has ended before this one looks.
        let written = world.database().execute("UPDATE tenant SET objects_written_at = 0").await;
        assert!(written > 0 && !has_rivals(&run(&world, second.id).await).await);
        let other = world.admit(synchronization("hr", Mode::Simulate)).await;
        assert!(has_rivals(&other).await, "any other is one");
    });
}
