//! Applications that fail again and again: left alone between attempts, tried again in time, by hand or when released.

use chrono::TimeDelta;
use muster_connector::ConnectorError;
use muster_connector::Durable;
use muster_connector::faulty::{Call, CallKind, Fault, Moment, Watch, no_faults};
use muster_engine::{ApplicationState, ReleaseError};
use muster_model::ApplicationId;
use muster_model::audit::Act;
use muster_model::configuration::ConfigurationKind;
use muster_model::failure::FailureClass;
use muster_model::run::{Mode, OutcomeStatus};
use muster_model::schedule::FireOutcome;
use muster_model::text::instant;
use muster_store::{QuarantineRecord, RunRecord};
use muster_testkit::world::configuration::{connector, reconciliation};
use muster_testkit::world::{World, on_each_database, provisioning, synchronization};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

use crate::left_out::{TARGETS, accounts, failing, fault, three_targets, told};
use crate::preceding::TASK;
use crate::schedules::{every, fires, look_after};

fn id(application: &str) -> ApplicationId {
    ApplicationId::new(application).expect("an id")
}

async fn record(world: &World, application: &str) -> Option<QuarantineRecord> {
    let records = world.store().quarantines().await.expect("the database");
    records.into_iter().find(|record| record.application == id(application))
}

async fn state(world: &World, application: &str) -> ApplicationState {
    let statuses = world.engine().application_statuses(world.store()).await.expect("statuses");
    statuses.into_iter().find(|status| status.application == id(application)).expect("a status").state
}

/// Runs the task over all targets, and says whether the target of the watch was called.
async fn calls(world: &World, watch: &Watch) -> (RunRecord, bool) {
    let before = watch.calls();
    let run = world.provision("ad").await;
    (run, watch.calls() > before)
}

/// Three runs that fail at `mail`, one minute after the other.
async fn quarantined(world: &mut World) -> Watch {
    let watch = world.disturb("mail", failing(CallKind::Sweep, 1));
    for number in 1..=3 {
        assert_ne!(state(world, "mail").await, ApplicationState::Quarantined);
        let (run, called) = calls(world, &watch).await;
        assert!(called, "{number}");
        assert_eq!(run.state.outcome, Some(OutcomeStatus::Partial));
        let record = record(world, "mail").await.expect("a record");
        assert_eq!((record.failures, record.run), (number, run.id));
        assert_eq!((record.class, &*record.reason), (FailureClass::Transient, "no answer"));
        assert_eq!(record.next_at.is_some(), number == 3);
    }
    assert_eq!(state(world, "mail").await, ApplicationState::Quarantined);
    watch
}

#[test]
fn a_target_that_fails_three_times_is_left_alone_until_its_next_attempt() {
    on_each_database(async |database| {
        let mut world = three_targets(database, Durable::EachCall).await;
        let watch = quarantined(&mut world).await;
        let first = record(&world, "mail").await.expect("a record");
        assert_eq!(first.next_at, Some(first.last_at + TimeDelta::minutes(5)));

        // The others go on meanwhile.
        world.hire("6", "6@x", "Name 6", "IT");
        world.synchronize("hr").await;
        let (run, called) = calls(&world, &watch).await;
        assert!(!called);
        assert_eq!((run.state.outcome, &run.left_out[..]), (Some(OutcomeStatus::Partial), &[id("mail")][..]));
        let told = told(&world, &run).await;
        let next = first.next_at.map(instant).expect("an instant");
        for part in ["application `mail`", "quarantine", "no answer", &next, "releases it"] {
            assert!(told.len() == 1 && told[0].contains(part), "{part} in {told:?}");
        }
        assert_eq!(accounts(&world, "wiki").len(), 6);
        assert_eq!(record(&world, "mail").await, Some(first.clone()), "that was no attempt");

        // The next attempt comes in its time, and doubles the wait when it fails.
        world.clock().pass(TimeDelta::minutes(5));
        let (_, called) = calls(&world, &watch).await;
        assert!(called);
        let second = record(&world, "mail").await.expect("a record");
        assert_eq!((second.failures, second.first_at), (4, first.first_at));
        assert_eq!(second.next_at, Some(second.last_at + TimeDelta::minutes(10)));
        let (_, called) = calls(&world, &watch).await;
        assert!(!called);

        // Once it answers nothing is remembered.
        world.disturb("mail", no_faults());
        world.clock().pass(TimeDelta::minutes(10));
        let run = world.provision("ad").await;
        assert_eq!(run.state.outcome, Some(OutcomeStatus::Success), "{:?}", world.problems(&run).await);
        assert_eq!((accounts(&world, "mail").len(), record(&world, "mail").await), (6, None));
        assert_eq!(state(&world, "mail").await, ApplicationState::Active);
    });
}

#[test]
fn a_released_target_is_called_by_the_next_run_and_the_release_is_in_the_audit_log() {
    on_each_database(async |database| {
        let mut world = three_targets(database, Durable::EachCall).await;
        let watch = quarantined(&mut world).await;
        let release = async |application: &str| {
            world.engine().release_application(world.store(), &id(application)).await
        };
        release("mail").await.expect("released");
        // Nothing changes any more.
        release("mail").await.expect("released");
        release("wiki").await.expect("released");
        let none = release("nothing").await.expect_err("there is none");
        assert!(matches!(none, ReleaseError::NoApplication(_)), "{none}");
        let log = world.store().audit_behind(0, 1000).await.expect("the database");
        let released: Vec<_> = log.iter().filter(|one| one.entry.act == Act::Release).collect();
        assert_eq!(released.len(), 1);
        assert_eq!(released[0].entry.subject.id, "mail");

        let (_, called) = calls(&world, &watch).await;
        assert!(called);
        let record = record(&world, "mail").await.expect("a record");
        assert_eq!((record.failures, record.next_at), (4, Some(record.last_at + TimeDelta::minutes(10))));
    });
}

#[test]
fn a_task_of_that_application_alone_and_keys_are_attempts() {
    on_each_database(async |database| {
        let mut world = three_targets(database, Durable::EachCall).await;
        let watch = quarantined(&mut world).await;
        let mut launch = provisioning("ad", Mode::Apply);
        launch.keys = Some(vec!["1".to_owned()]);
        let before = watch.calls_of(CallKind::Read);
        world.run(launch).await;
        assert!(watch.calls_of(CallKind::Read) > before);
        // It answered.
        assert_eq!(record(&world, "mail").await, None);

        quarantined(&mut world).await;
        let watch = world.disturb("mail", failing(CallKind::Sweep, 1));
        let only = json!({ "id": "only", "name": "One", "scope": "kind eq \"IDENTITY\"", "applicationIds": ["mail"] });
        world.save(ConfigurationKind::ProvisioningTaskDefinition, only).await;
        let run = world.provision("only").await;
        assert_eq!(run.failure.as_deref(), Some("application `mail`: no answer"));
        assert_eq!(watch.calls(), 1);
        let failed = record(&world, "mail").await.expect("a record");
        assert_eq!((failed.failures, failed.run), (4, run.id));
    });
}

#[test]
fn what_the_system_asks_for_counts_and_maintenance_is_no_failure() {
    on_each_database(async |database| {
        let mut world = three_targets(database, Durable::EachCall).await;
        let asks = |call: &Call| {
            let retry_after = Some(Duration::from_secs(3600));
            let busy = ConnectorError::Transient { message: "busy".to_owned(), retry_after };
            (call.kind == CallKind::Sweep).then(|| Fault::Fail(Moment::Before, busy))
        };
        world.disturb("mail", Arc::new(asks));
        for _ in 1..=3 {
            world.provision("ad").await;
        }
        let failed = record(&world, "mail").await.expect("a record");
        assert_eq!(failed.next_at, Some(failed.last_at + TimeDelta::hours(1)));

        let mut definition = connector("wiki", "wiki");
        definition["maintenance"] = json!(true);
        world.save(ConfigurationKind::ConnectorDefinition, definition).await;
        let run = world.provision("ad").await;
        assert_eq!(run.left_out, [id("mail"), id("wiki")]);
        assert_eq!(record(&world, "wiki").await, None);
        assert_eq!(state(&world, "wiki").await, ApplicationState::Maintenance);
    });
}

#[test]
fn a_target_that_cannot_be_written_comes_into_quarantine_though_it_can_be_read() {
    on_each_database(async |database| {
        let mut world = three_targets(database, Durable::EachCall).await;
        let watch = world.disturb("mail", failing(CallKind::Writer, 1));
        for number in 1..=3 {
            world.provision("ad").await;
            assert_eq!(record(&world, "mail").await.map(|record| record.failures), Some(number));
        }
        let (_, called) = calls(&world, &watch).await;
        assert!(!called);
    });
}

#[test]
fn a_run_fails_without_a_call_when_all_its_applications_are_in_quarantine() {
    on_each_database(async |database| {
        let mut world = three_targets(database, Durable::EachCall).await;
        let watches = TARGETS.map(|target| world.disturb(target, failing(CallKind::Sweep, 1)));
        for _ in 1..=3 {
            let run = world.provision("ad").await;
            assert_eq!(run.state.outcome, Some(OutcomeStatus::Failure));
        }
        let calls = || watches.iter().map(Watch::calls).sum::<u64>();
        let before = calls();
        let run = world.provision("ad").await;
        assert_eq!((run.state.outcome, calls()), (Some(OutcomeStatus::Failure), before));
        assert!(run.failure.as_deref().unwrap_or_default().contains("quarantine"), "{run:?}");
    });
}

#[test]
fn a_schedule_that_needs_nothing_but_an_application_in_quarantine_is_blocked_until_its_next_attempt() {
    on_each_database(async |database| {
        let mut world = World::usual(database).await;
        world.hire("1", "ann@x", "Ann", "IT");
        let watch = world.disturb("hr", failing(CallKind::Sweep, 1));
        for _ in 1..=3 {
            let run = world.synchronize("hr").await;
            assert_eq!(run.state.outcome, Some(OutcomeStatus::Failure));
        }
        assert_eq!(state(&world, "hr").await, ApplicationState::Quarantined);
        let mut task = reconciliation("hr", "person");
        task["executionPlan"] = every(60);
        world.save(TASK, task).await;
        look_after(&world, TimeDelta::seconds(61)).await;
        let fired = fires(&world, "hr").await;
        let [fire] = &fired[..] else { panic!("{fired:?}") };
        let told = fire.message.as_deref().unwrap_or_default();
        assert_eq!((fire.outcome, fire.run), (FireOutcome::Blocked, None), "{told}");
        assert!(told.contains("application `hr`") && told.contains("quarantine"), "{told}");

        // Who launches it by hand tries.
        let before = watch.calls();
        world.synchronize("hr").await;
        assert_eq!(watch.calls(), before + 1);

        world.disturb("hr", no_faults());
        look_after(&world, TimeDelta::minutes(10)).await;
        let last = fires(&world, "hr").await.pop().expect("a fire");
        assert_eq!(last.outcome, FireOutcome::Launched, "{last:?}");
        world.resume().await;
        assert_eq!(record(&world, "hr").await, None);
    });
}

#[test]
fn a_tenant_hears_nothing_of_the_applications_of_another() {
    on_each_database(async |database| {
        let mut world = World::usual(database).await;
        let other = World::usual(database).await;
        world.disturb("hr", Arc::new(|_: &Call| Some(Fault::Fail(Moment::Before, fault()))));
        for _ in 1..=3 {
            world.run(synchronization("hr", Mode::Apply)).await;
        }
        assert_eq!(state(&world, "hr").await, ApplicationState::Quarantined);
        assert_eq!(state(&other, "hr").await, ApplicationState::Active);
        assert_eq!(other.store().quarantines().await.expect("the database"), []);
        other.engine().release_application(other.store(), &id("hr")).await.expect("nothing to do");
        assert_eq!(state(&world, "hr").await, ApplicationState::Quarantined);
    });
}

#[test]
fn what_is_remembered_of_failures_is_asked_for_once_a_run() {
    on_each_database(async |database| {
        let mut world = three_targets(database, Durable::EachCall).await;
        world.provision("ad").await;
        let healthy = world.provision("ad").await;
        quarantined(&mut world).await;
        world.disturb("mail", no_faults());
        world.engine().release_application(world.store(), &id("mail")).await.expect("released");
        let mended = world.provision("ad").await;
        assert_eq!(mended.state.outcome, Some(OutcomeStatus::Success));
        let again = world.provision("ad").await;
        // The statement that forgets a failure is part of the end, which no run counts.
        assert_eq!((again.statements, mended.statements), (healthy.statements, healthy.statements));
    });
}
