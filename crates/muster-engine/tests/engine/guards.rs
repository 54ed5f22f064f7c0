//! Guards: plans that go too far are held, whole; people approve or reject exactly what they have read.

use chrono::TimeDelta;
use expect_test::{Expect, expect};
use muster_engine::{ControlError, LaunchError};
use muster_model::TenantSettings;
use muster_model::configuration::{ConfigurationKind, Document, Leniency};
use muster_model::error::ErrorCode;
use muster_model::run::{Mode, OutcomeStatus, ProgressStatus};
use muster_store::{ResourceWrite, RunRecord, Written};
use muster_testkit::world::configuration::{hr, provisioning as provisioning_task, reconciliation};
use muster_testkit::world::{TestDatabase, World, on_each_database, provisioning, synchronization};
use serde_json::{Value, json};

use crate::shown;

const CROWD: u32 = 30;

/// Thirty people, all with accounts.
async fn crowd(database: &TestDatabase) -> World {
    let world = World::usual(database).await.with_page_size(7);
    for number in 1..=CROWD {
        hire(&world, number);
    }
    world.synchronize("hr").await;
    world.provision("ad").await;
    world
}

fn hire(world: &World, number: u32) {
    world.hire(&number.to_string(), &format!("{number}@x"), &format!("Name {number}"), "IT");
}

fn dismiss_all_but_one(world: &World) {
    for number in 2..=CROWD {
        world.dismiss(&number.to_string());
    }
}

/// A run of HR that is held since nearly everybody is gone.
async fn held(world: &World) -> RunRecord {
    dismiss_all_but_one(world);
    let before = world.outcome_state().await;
    let run = world.synchronize("hr").await;
    assert_eq!((run.state.status, run.state.outcome), (ProgressStatus::Held, None));
    assert_eq!(run.held_by.as_deref(), Some("disable: 29 of 30, the limit is 10 % and at least 20"));
    assert_eq!(world.outcome_state().await, before, "a held plan does nothing");
    run
}

fn hash(run: &RunRecord) -> [u8; 16] {
    run.plan_hash.expect("a plan")
}

/// What is to be known about a run, with the labels of clients.
async fn noted(world: &World, run: &RunRecord) -> String {
    let problems = world.store().problems(run, 1000).await.expect("the database");
    let lines = problems.iter().map(|problem| {
        let code = ErrorCode::ALL.into_iter().find(|code| code.id() == problem.code).expect("a code");
        format!("{}: {}", code.label(), problem.message)
    });
    lines.collect::<Vec<_>>().join("\n")
}

async fn reload(world: &World, run: &RunRecord) -> RunRecord {
    world.store().run(run.id).await.expect("the database").expect("a run")
}

async fn limit(world: &World, of_application: Value, of_task: Value) {
    let mut application = hr();
    application["objectTypes"][0]["guards"] = of_application;
    world.save(ConfigurationKind::Application, application).await;
    let mut task = reconciliation("hr", "person");
    task["guards"] = of_task;
    world.save(ConfigurationKind::SynchronizationTaskDefinition, task).await;
}

#[test]
fn a_mass_dismissal_waits_for_approval_by_its_hash() {
    on_each_database(async |database| {
        let world = crowd(database).await;
        let run = held(&world).await;
        let engine = world.engine();
        let mut other = hash(&run);
        other[0] ^= 1;
        for refused in [
            engine.approve(world.store(), run.id, other).await.map(|_| ()),
            engine.reject(world.store(), run.id, other).await,
        ] {
            assert!(matches!(refused, Err(ControlError::OtherPlan(_))), "{refused:?}");
        }
        world.resume().await;
        assert_eq!(reload(&world, &run).await.state.status, ProgressStatus::Held, "no worker takes it up");
        assert_eq!(engine.approve(world.store(), run.id, hash(&run)).await.expect("approved"), run.id);
        world.resume().await;
        let run = reload(&world, &run).await;
        assert_eq!(run.state.outcome, Some(OutcomeStatus::Success));
        assert!(run.approved_at > run.held_at, "{run:?}");
        let expected = expect!["1 read, 29 lacking, 1 unchanged, 29 disabled"];
        expected.assert_eq(&shown::counted(&run.counters));
        let disabled = world.objects().await.values().filter(|object| object.disabled.is_some()).count();
        assert_eq!(disabled, 29);
        let again = engine.approve(world.store(), run.id, hash(&run)).await;
        assert!(matches!(again, Err(ControlError::NotHeld(_))), "{again:?}");
    });
}

#[test]
fn a_rejected_plan_is_aborted_and_nothing_of_it_counts_as_done() {
    on_each_database(async |database| {
        let world = crowd(database).await;
        let run = held(&world).await;
        let before = world.outcome_state().await;
        world.engine().reject(world.store(), run.id, hash(&run)).await.expect("rejected");
        let run = reload(&world, &run).await;
        assert_eq!(
            (run.state.status, run.state.outcome),
            (ProgressStatus::Finished, Some(OutcomeStatus::Aborted))
        );
        let expected = expect!["1 read, 29 lacking, 1 unchanged, 29 notApplied"];
        expected.assert_eq(&shown::counted(&run.counters));
        assert!(run.counters.add_up());
        assert_eq!(run.approved_at, None);
        let expected = expect![[r#"
            PLAN_REJECTED: the plan was rejected; nothing was done
            GUARD_TRIPPED: application `hr`: disable: 29 of 30, the limit is 10 % and at least 20"#]];
        expected.assert_eq(&noted(&world, &run).await);
        world.resume().await;
        assert_eq!(world.outcome_state().await, before);
        assert!(world.engine().admit(world.store(), synchronization("hr", Mode::Apply)).await.is_ok());
    });
}

#[test]
fn a_plan_that_nobody_decides_about_ends_after_three_days() {
    on_each_database(async |database| {
        let world = crowd(database).await;
        let run = held(&world).await;
        for (hours, expected) in [(71, ProgressStatus::Held), (2, ProgressStatus::Finished)] {
            world.clock().pass(TimeDelta::hours(hours));
            world.engine().expire_held().await.expect("the database");
            assert_eq!(reload(&world, &run).await.state.status, expected);
        }
        let run = reload(&world, &run).await;
        assert_eq!(run.state.outcome, Some(OutcomeStatus::Aborted));
        let noted = noted(&world, &run).await;
        let first = "PLAN_REJECTED: nobody approved the plan within 72 hours; nothing was done\n";
        assert!(noted.starts_with(first), "{noted}");
    });
}

#[test]
fn a_tenant_sets_how_long_its_plans_wait() {
    on_each_database(async |database| {
        let (world, other) = (crowd(database).await, crowd(database).await);
        let (run, others) = (held(&world).await, held(&other).await);
        let settings = TenantSettings { approval_hours: Some(4), ..TenantSettings::default() };
        world.store().put_settings(&settings).await.expect("the database");
        for (hours, expected) in [(3, ProgressStatus::Held), (2, ProgressStatus::Finished)] {
            world.clock().pass(TimeDelta::hours(hours));
            world.engine().expire_held().await.expect("the database");
            assert_eq!(reload(&world, &run).await.state.status, expected);
        }
        let noted = noted(&world, &run).await;
        assert!(noted.starts_with("PLAN_REJECTED: nobody approved the plan within 4 hours"), "{noted}");
        assert_eq!(
            reload(&other, &others).await.state.status,
            ProgressStatus::Held,
            "that of others waits on"
        );
    });
}

#[test]
fn a_held_run_keeps_its_task_to_itself() {
    on_each_database(async |database| {
        let world = crowd(database).await;
        let run = held(&world).await;
        let refused = world.engine().admit(world.store(), synchronization("hr", Mode::Apply)).await;
        assert!(matches!(&refused, Err(LaunchError::AlreadyRunning(_, by)) if *by == run.id), "{refused:?}");
        world.provision("ad").await;
        world.engine().cancel(world.store(), run.id).await.expect("cancelled");
        let run = reload(&world, &run).await;
        assert_eq!((run.state.outcome, run.counters.lacking), (Some(OutcomeStatus::Aborted), 29));
        let expected = expect!["1 read, 29 lacking, 1 unchanged, 29 notApplied"];
        expected.assert_eq(&shown::counted(&run.counters));
        let ended = world.engine().cancel(world.store(), run.id).await;
        assert!(matches!(ended, Err(ControlError::Ended(_))), "{ended:?}");
        let expected = expect![[r#"
            RUN_CANCELLED: the run was cancelled; what it had applied until then stays
            GUARD_TRIPPED: application `hr`: disable: 29 of 30, the limit is 10 % and at least 20"#]];
        expected.assert_eq(&noted(&world, &run).await);
    });
}

#[test]
fn a_limit_on_creates_holds_joiners_and_the_tasks_limit_replaces_it() {
    on_each_database(async |database| {
        let world = crowd(database).await;
        for number in 31..=34 {
            hire(&world, number);
        }
        limit(&world, json!({ "create": { "count": 3 } }), json!({})).await;
        let run = world.synchronize("hr").await;
        assert_eq!(run.held_by.as_deref(), Some("create: 4 of 30, the limit is 3"));
        assert_eq!(world.objects().await.len(), 30);
        world.engine().reject(world.store(), run.id, hash(&run)).await.expect("rejected");
        limit(&world, json!({ "create": { "count": 3 } }), json!({ "create": { "count": 4 } })).await;
        let run = world.synchronize("hr").await;
        assert_eq!((run.held_by, world.objects().await.len()), (None, 34));
        hire(&world, 35);
        limit(&world, json!({ "create": { "count": 3 } }), json!({ "create": { "count": 0 } })).await;
        let run = world.synchronize("hr").await;
        assert_eq!(run.held_by.as_deref(), Some("create: 1 of 34, the limit is 0"));
    });
}

#[test]
fn a_first_load_is_held_by_the_limit_on_creates_as_well() {
    on_each_database(async |database| {
        let world = World::usual(database).await;
        for number in 1..=5 {
            hire(&world, number);
        }
        limit(&world, json!({}), json!({ "create": { "count": 4 } })).await;
        let run = world.synchronize("hr").await;
        assert_eq!(run.state.status, ProgressStatus::Held);
        assert!(world.objects().await.is_empty());
    });
}

#[test]
fn a_mapping_that_clears_an_attribute_of_all_is_held() {
    on_each_database(async |database| {
        let world = crowd(database).await;
        let mut application = hr();
        application["objectTypes"][0]["attributeMappings"][2]["source"] = json!("nmae");
        world.save(ConfigurationKind::Application, application).await;
        let run = world.synchronize("hr").await;
        assert_eq!(
            run.held_by.as_deref(),
            Some("clearing of `name`: 30 of 30, the limit is 50 % and at least 10")
        );
    });
}

#[test]
fn withdrawn_accounts_and_memberships_are_held_at_the_target() {
    on_each_database(async |database| {
        let world = crowd(database).await;
        for number in 1..=CROWD {
            world.hire(&number.to_string(), &format!("{number}@x"), &format!("Name {number}"), "HR");
        }
        let moved = world.synchronize("hr").await;
        assert_eq!(moved.held_by, None);
        let before = world.outcome_state().await;
        let run = world.provision("ad").await;
        let expected = expect![[r#"
            disable: 30 of 30, the limit is 10 % and at least 20
            membershipRemoval: 60 of 60, the limit is 10 % and at least 20
            membersLost of `admins`: 30 of 30, the limit is 50 % and at least 10
            membersLost of `all`: 30 of 30, the limit is 50 % and at least 10"#]];
        expected.assert_eq(run.held_by.as_deref().unwrap_or_default());
        assert_eq!(world.outcome_state().await, before);
    });
}

#[test]
fn an_approved_simulation_is_carried_out_past_the_guards() {
    on_each_database(async |database| {
        let world = crowd(database).await;
        dismiss_all_but_one(&world);
        let before = world.outcome_state().await;
        let simulated = world.run(synchronization("hr", Mode::Simulate)).await;
        assert_eq!(simulated.state.outcome, Some(OutcomeStatus::Success));
        assert_eq!(world.outcome_state().await, before, "a simulation changes nothing");
        let engine = world.engine();
        let run = engine.approve(world.store(), simulated.id, hash(&simulated)).await.expect("approved");
        assert_ne!(run, simulated.id);
        world.resume().await;
        let run = world.store().run(run).await.expect("the database").expect("a run");
        assert_eq!(run.state.outcome, Some(OutcomeStatus::Success), "{run:?}");
        assert_eq!(hash(&run), hash(&simulated));
        assert_eq!(run.counters, simulated.counters);
    });
}

#[test]
fn an_approval_that_is_outdated_ends_the_run_and_keeps_nobody_waiting() {
    on_each_database(async |database| {
        let world = crowd(database).await;
        let engine = world.engine();
        let outdated = async |expected: Expect| {
            let simulated = world.run(synchronization("hr", Mode::Simulate)).await;
            dismiss_all_but_one(&world);
            let before = world.outcome_state().await;
            let run = engine.approve(world.store(), simulated.id, hash(&simulated)).await.expect("approved");
            world.resume().await;
            let run = world.store().run(run).await.expect("the database").expect("a run");
            let ended = (run.state.status, run.state.outcome);
            assert_eq!(ended, (ProgressStatus::Finished, Some(OutcomeStatus::Aborted)));
            assert_ne!(run.plan_hash, simulated.plan_hash);
            assert_eq!((run.held_by.as_deref(), run.held_at), (None, None));
            expected.assert_eq(&noted(&world, &run).await);
            assert_eq!(world.outcome_state().await, before);
            run
        };
        world.dismiss("2");
        let run = outdated(expect![[r#"
            PLAN_OUTDATED: the plan is not the one that was approved; nothing was done
            GUARD_TRIPPED: application `hr`: disable: 29 of 30, the limit is 10 % and at least 20"#]])
        .await;
        let expected = expect!["1 read, 29 lacking, 1 unchanged, 29 notApplied"];
        expected.assert_eq(&shown::counted(&run.counters));
        // Nothing is left to do at all, since another run did it.
        for number in 2..=CROWD {
            hire(&world, number);
        }
        world.dismiss("2");
        let simulated = world.run(synchronization("hr", Mode::Simulate)).await;
        world.synchronize("hr").await;
        let run = engine.approve(world.store(), simulated.id, hash(&simulated)).await.expect("approved");
        world.resume().await;
        let run = world.store().run(run).await.expect("the database").expect("a run");
        assert_eq!(run.state.outcome, Some(OutcomeStatus::Aborted));
        world.synchronize("hr").await;
    });
}

#[test]
fn what_was_simulated_is_only_approved_while_it_is_saved() {
    on_each_database(async |database| {
        let world = crowd(database).await;
        let mut unsaved = hr();
        unsaved["objectTypes"][0]["attributeMappings"][2]["source"] = json!("email");
        let document =
            Document::read(ConfigurationKind::Application, &unsaved, Leniency::Strict).expect("read");
        let mut launch = synchronization("hr", Mode::Simulate);
        launch.instead = vec![document.parse().expect("a resource")];
        let simulated = world.run(launch).await;
        let before = world.outcome_state().await;
        let engine = world.engine();
        let approve = async || engine.approve(world.store(), simulated.id, hash(&simulated)).await;
        let refused = approve().await;
        assert!(matches!(refused, Err(ControlError::OtherConfiguration(_))), "{refused:?}");
        world.resume().await;
        assert_eq!(world.outcome_state().await, before);
        // Saved as it was simulated, it is what the approval means.
        world.save(ConfigurationKind::Application, unsaved).await;
        let run = approve().await.expect("approved");
        world.resume().await;
        let run = world.store().run(run).await.expect("the database").expect("a run");
        assert_eq!(run.state.outcome, Some(OutcomeStatus::Success), "{run:?}");
        // And changed again, it is not.
        world.save(ConfigurationKind::Application, hr()).await;
        let refused = approve().await;
        assert!(matches!(refused, Err(ControlError::OtherConfiguration(_))), "{refused:?}");
    });
}

#[test]
fn what_moved_on_while_the_plan_was_held_is_left_out_and_found_by_the_next_run() {
    on_each_database(async |database| {
        let world = crowd(database).await;
        let run = held(&world).await;
        // Bob changes by another hand while people think about the plan.
        let bob = world.object("2").await.id;
        world.overwrite(bob, "Name 2", "Bob").await;
        world.engine().approve(world.store(), run.id, hash(&run)).await.expect("approved");
        world.resume().await;
        let run = reload(&world, &run).await;
        assert_eq!(run.state.outcome, Some(OutcomeStatus::Partial));
        let expected = expect!["1 read, 29 lacking, 1 unchanged, 28 disabled, 1 stale"];
        expected.assert_eq(&shown::counted(&run.counters));
        assert_eq!(world.object("2").await.disabled, None);
        let before = world.picture().await;
        let run = world.synchronize("hr").await;
        let expected = expect![[r#"
            SUCCESS: 1 read, 1 lacking, 1 unchanged, 1 disabled
            * DISABLE 2
            - object 2 v2: department=IT email=2@x name=Bob
            - shadow hr/2 live, of 2
            + object 2 v3 MISSING: department=IT email=2@x name=Bob
            + shadow hr/2 gone, of 2
            + history of 2 v2 until DISABLE: "#]];
        shown::check(&world, &before, &run, &expected).await;
    });
}

#[test]
fn owners_that_moved_on_are_left_out_at_the_target_as_well() {
    on_each_database(async |database| {
        let world = crowd(database).await;
        let rename = |world: &World, number: u32, name: &str| {
            world.hire(&number.to_string(), &format!("{number}@x"), name, "HR");
        };
        for number in 1..=CROWD {
            rename(&world, number, "Nobody");
        }
        let run = world.synchronize("hr").await;
        world.engine().approve(world.store(), run.id, hash(&run)).await.expect_err("not held");
        let run = world.provision("ad").await;
        assert_eq!(run.state.status, ProgressStatus::Held);
        // One of them is back in a department with accounts before anybody approves.
        world.hire("7", "7@x", "Seven", "FIN");
        world.synchronize("hr").await;
        world.engine().approve(world.store(), run.id, hash(&run)).await.expect("approved");
        world.resume().await;
        let run = reload(&world, &run).await;
        let expected = expect!["30 read, 0 lacking, 29 disabled, 1 stale"];
        expected.assert_eq(&shown::counted(&run.counters));
        let before = world.picture().await;
        let run = world.run(provisioning("ad", Mode::Apply)).await;
        let expected = expect![[r#"
            SUCCESS: 30 read, 0 lacking, 1 updated, 29 unchanged
            * UPDATE 7
            - account 7 enabled: cn=Name 7 groups=admins,all mail=7@x uid=7
            + account 7 enabled: cn=Seven groups=all mail=7@x uid=7"#]];
        shown::check(&world, &before, &run, &expected).await;
    });
}

#[test]
fn too_many_failures_end_the_run_before_anything_is_done() {
    on_each_database(async |database| {
        let world = crowd(database).await;
        let mut task = reconciliation("hr", "person");
        task["errorPolicy"] = json!({ "maximumErrors": 1 });
        world.save(ConfigurationKind::SynchronizationTaskDefinition, task).await;
        world.hire("1", "1@x", "Renamed", "IT");
        world.system("hr").put_bad("person", "2", Some("2".to_owned()));
        let run = world.synchronize("hr").await;
        assert_eq!(run.state.outcome, Some(OutcomeStatus::Partial));
        world.hire("1", "1@x", "Renamed Again", "IT");
        world.system("hr").put_bad("person", "3", Some("3".to_owned()));
        let before = world.outcome_state().await;
        let run = world.synchronize("hr").await;
        assert_eq!(run.state.outcome, Some(OutcomeStatus::Failure));
        let counted = expect!["30 read, 0 lacking, 27 unchanged, 2 failed, 1 notApplied"];
        counted.assert_eq(&shown::counted(&run.counters));
        let expected = expect!["2 entries failed, the error policy allows 1; nothing was applied"];
        expected.assert_eq(run.failure.as_deref().unwrap_or_default());
        assert_eq!(world.outcome_state().await, before);
    });
}

#[test]
fn taking_the_last_profile_of_an_application_away_is_held() {
    on_each_database(async |database| {
        let world = crowd(database).await;
        let mut task = provisioning_task();
        task["applicationIds"] = json!(["ad"]);
        world.save(ConfigurationKind::ProvisioningTaskDefinition, task).await;
        let checked = world.store().configuration_version().await.expect("the database");
        let kind = ConfigurationKind::ApplicationProfile as u8;
        let write = ResourceWrite::new(kind, "staff", Written::Deleted);
        world.store().write_resource(checked, write).await.expect("the database");
        let run = world.provision("ad").await;
        assert_eq!(run.state.status, ProgressStatus::Held);
        let expected = expect![[r#"
            disable: 30 of 30, the limit is 10 % and at least 20
            membershipRemoval: 60 of 60, the limit is 10 % and at least 20
            membersLost of `admins`: 30 of 30, the limit is 50 % and at least 10
            membersLost of `all`: 30 of 30, the limit is 50 % and at least 10
            profile `staff` is gone: whom that takes something from is looked at once"#]];
        expected.assert_eq(&run.held_by.expect("a reason"));
    });
}
