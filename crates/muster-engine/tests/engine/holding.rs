//! What guards look at besides one plan and its limits: runs before it, who answers for it, and what the configuration
//! was when the task was last carried out.

use chrono::TimeDelta;
use expect_test::expect;
use muster_engine::Launch;
use muster_model::audit::Act;
use muster_model::configuration::ConfigurationKind;
use muster_model::configuration::guard::{Guarded, Guards, Limit};
use muster_model::run::{Mode, OutcomeStatus, Override, ProgressStatus};
use muster_plan::guard::Hold;
use muster_store::{AuditFilter, RunRecord};
use muster_testkit::world::configuration::{hr, provisioning as provisioning_task, reconciliation, staff};
use muster_testkit::world::{TestDatabase, World, on_each_database, provisioning, synchronization};
use serde_json::{Value, json};

const CROWD: u32 = 30;

async fn crowd(database: &TestDatabase) -> World {
    let world = World::usual(database).await.with_page_size(7);
    for number in 1..=CROWD {
        world.hire(&number.to_string(), &format!("{number}@x"), &format!("Name {number}"), "IT");
    }
    world.synchronize("hr").await;
    world.provision("ad").await;
    world
}

fn dismiss(world: &World, numbers: std::ops::RangeInclusive<u32>) {
    numbers.for_each(|number| world.dismiss(&number.to_string()));
}

async fn save_task(world: &World, guards: Value) {
    let mut task = reconciliation("hr", "person");
    task["guards"] = guards;
    world.save(ConfigurationKind::SynchronizationTaskDefinition, task).await;
}

async fn react(world: &World, to_missing: &str) {
    let mut application = hr();
    application["objectTypes"][0]["reactions"]["MISSING"] = json!(to_missing);
    world.save(ConfigurationKind::Application, application).await;
}

async fn decide(world: &World, run: &RunRecord, approved: bool) {
    let (engine, hash) = (world.engine(), run.plan_hash.expect("a plan"));
    if approved {
        engine.approve(world.store(), run.id, hash).await.expect("approved");
        world.resume().await;
    } else {
        engine.reject(world.store(), run.id, hash).await.expect("rejected");
    }
}

fn went_well(run: &RunRecord) {
    assert_eq!((run.held_by.as_deref(), run.state.outcome), (None, Some(OutcomeStatus::Success)));
}

#[test]
fn a_feed_that_loses_a_few_with_each_delivery_is_held_like_one_that_loses_them_at_once() {
    on_each_database(async |database| {
        let world = crowd(database).await;
        save_task(&world, json!({ "disable": { "count": 5 } })).await;
        dismiss(&world, 1..=3);
        went_well(&world.synchronize("hr").await);
        dismiss(&world, 4..=6);
        let run = world.synchronize("hr").await;
        let expected = expect!["disable: 6 of 27 within 24 hours, 3 of them by earlier runs, the limit is 5"];
        expected.assert_eq(run.held_by.as_deref().unwrap_or_default());
        decide(&world, &run, true).await;
        dismiss(&world, 7..=8);
        went_well(&world.synchronize("hr").await);
        dismiss(&world, 9..=9);
        let run = world.synchronize("hr").await;
        let expected = expect!["disable: 6 of 22 within 24 hours, 5 of them by earlier runs, the limit is 5"];
        expected.assert_eq(run.held_by.as_deref().unwrap_or_default());
        decide(&world, &run, false).await;
        world.clock().pass(TimeDelta::hours(24));
        went_well(&world.synchronize("hr").await);
    });
}

#[test]
fn a_window_of_no_hours_looks_at_each_run_alone() {
    on_each_database(async |database| {
        let world = crowd(database).await;
        save_task(&world, json!({ "disable": { "percent": 10, "minimum": 5, "windowHours": 0 } })).await;
        dismiss(&world, 16..=16);
        let run = world.synchronize("hr").await;
        let expected = "the limit `disable` of `hr` for `person` is wider: whom that takes something from is looked at once";
        assert_eq!(run.held_by.as_deref(), Some(expected));
        for from in [1, 6, 11] {
            dismiss(&world, from..=from + 4);
            went_well(&world.synchronize("hr").await);
        }
    });
}

#[test]
fn tasks_that_look_at_the_same_accounts_are_counted_together() {
    on_each_database(async |database| {
        let world = crowd(database).await;
        for id in ["hr", "hr-too"] {
            let mut task = reconciliation("hr", "person");
            task["id"] = json!(id);
            task["guards"] = json!({ "disable": { "count": 5 } });
            world.save(ConfigurationKind::SynchronizationTaskDefinition, task).await;
        }
        dismiss(&world, 1..=4);
        went_well(&world.synchronize("hr").await);
        dismiss(&world, 5..=8);
        let run = world.synchronize("hr-too").await;
        let expected = expect!["disable: 8 of 26 within 24 hours, 4 of them by earlier runs, the limit is 5"];
        expected.assert_eq(run.held_by.as_deref().unwrap_or_default());
        decide(&world, &run, true).await;
        dismiss(&world, 9..=9);
        went_well(&world.synchronize("hr-too").await);
    });
}

#[test]
fn provisioning_tasks_of_one_application_are_counted_together() {
    on_each_database(async |database| {
        let world = crowd(database).await;
        for id in ["ad", "ad-too"] {
            let mut task = provisioning_task();
            task["id"] = json!(id);
            task["guards"] = json!({
                "disable": { "count": 5 }, "membershipRemoval": { "count": 100 }, "membersLost": { "count": 100 }
            });
            world.save(ConfigurationKind::ProvisioningTaskDefinition, task).await;
        }
        let withdraw = async |task: &str, numbers: std::ops::RangeInclusive<u32>| {
            for number in numbers {
                world.hire(&number.to_string(), &format!("{number}@x"), &format!("Name {number}"), "HR");
            }
            world.synchronize("hr").await;
            world.provision(task).await
        };
        let run = withdraw("ad", 1..=1).await;
        let expected = expect![[r#"
            the limit `membershipRemoval` of `ad` for `account` is wider: whom that takes something from is looked at once
            the limit `membersLost` of `ad` for `account` is wider: whom that takes something from is looked at once"#]];
        expected.assert_eq(run.held_by.as_deref().unwrap_or_default());
        went_well(&withdraw("ad", 2..=5).await);
        let run = withdraw("ad-too", 6..=9).await;
        let expected = expect!["disable: 8 of 30 within 24 hours, 4 of them by earlier runs, the limit is 5"];
        expected.assert_eq(run.held_by.as_deref().unwrap_or_default());
    });
}

#[test]
fn who_answers_for_a_run_says_how_far_it_may_go() {
    on_each_database(async |database| {
        let world = crowd(database).await;
        dismiss(&world, 2..=CROWD);
        let launch = |count| Launch {
            overriding: Some(Override {
                reason: "the branch closes".to_owned(),
                guards: Guards(vec![(
                    Guarded::Disable,
                    Limit { count: Some(count), percent: None, minimum: 0, window_hours: None },
                )]),
            }),
            ..synchronization("hr", Mode::Apply)
        };
        let run = world.run(launch(28)).await;
        assert_eq!(run.held_by.as_deref(), Some("disable: 29 of 30, the limit is 28"), "not as far as this");
        decide(&world, &run, false).await;
        let run = world.run(launch(29)).await;
        went_well(&run);
        assert_eq!(run.overriding, launch(29).overriding);
        let filter = AuditFilter { run: Some(run.id), limit: 10, ..AuditFilter::default() };
        let log = world.store().audit(&filter).await;
        let log = log.expect("the database");
        let launched = log.iter().find(|entry| entry.entry.act == Act::Launch).expect("an entry");
        let expected = expect![[r#"{"reason":"the branch closes","guards":{"disable":{"count":29}}}"#]];
        expected.assert_eq(&launched.entry.details["override"]);
        world.dismiss("1");
        world.hire("31", "31@x", "Name 31", "IT");
        went_well(&world.synchronize("hr").await);
    });
}

#[test]
fn a_change_of_configuration_that_takes_more_away_is_looked_at_once() {
    on_each_database(async |database| {
        let world = crowd(database).await;
        react(&world, "DELETE").await;
        went_well(&world.synchronize("hr").await);
        react(&world, "DISABLE").await;
        dismiss(&world, 1..=1);
        went_well(&world.synchronize("hr").await);
        react(&world, "DELETE").await;
        save_task(&world, json!({ "delete": { "percent": 11, "minimum": 20 } })).await;
        dismiss(&world, 2..=2);
        let simulated = world.run(synchronization("hr", Mode::Simulate)).await;
        let run = world.attempt(synchronization("hr", Mode::Apply)).await;
        assert_eq!(run.state.status, ProgressStatus::Held);
        let expected = expect![[r#"
            the reaction of `hr` to MISSING of `person` is DELETE, it was DISABLE: whom that takes something from is looked at once
            the limit `delete` of `hr` for `person` is wider: whom that takes something from is looked at once"#]];
        expected.assert_eq(run.held_by.as_deref().unwrap_or_default());
        let trips = world.store().trips(&run).await.expect("the database");
        assert!(matches!(&trips[..], [Hold::Widened(_), Hold::Widened(_)]), "{trips:?}");
        assert_eq!(world.store().trips(&simulated).await.expect("the database"), trips, "so it is simulated");
        decide(&world, &run, true).await;
        assert_eq!(world.objects().await.len(), 29);
        dismiss(&world, 3..=3);
        went_well(&world.synchronize("hr").await);
        assert_eq!(world.objects().await.len(), 28);
    });
}

#[test]
fn a_plan_that_takes_nothing_away_does_not_use_the_look_up() {
    on_each_database(async |database| {
        let world = crowd(database).await;
        dismiss(&world, 1..=1);
        let disabling = world.synchronize("hr").await;
        went_well(&disabling);
        react(&world, "DELETE").await;
        let looked_at = async || {
            let run = world.attempt(synchronization("hr", Mode::Apply)).await;
            let expected = "the reaction of `hr` to MISSING of `person` is DELETE, it was DISABLE: whom that takes \
                            something from is looked at once";
            assert_eq!(run.held_by.as_deref(), Some(expected));
            run
        };
        // Neither a run without anything to do, nor one that makes somebody, has shown anybody what the rule does.
        went_well(&world.synchronize("hr").await);
        world.hire("31", "31@x", "Name 31", "IT");
        went_well(&world.synchronize("hr").await);
        dismiss(&world, 2..=2);
        let run = looked_at().await;
        decide(&world, &run, false).await;
        // Nor has the approval of an undo, which decides nothing by the rule.
        let undo = world.engine().undo(world.store(), disabling.id).await.expect("launched");
        world.resume().await;
        let undo = world.store().run(undo.id).await.expect("the database").expect("a run");
        assert_eq!(undo.state.status, ProgressStatus::Held, "{undo:?}");
        decide(&world, &undo, true).await;
        let run = looked_at().await;
        decide(&world, &run, true).await;
        dismiss(&world, 3..=3);
        went_well(&world.synchronize("hr").await);
    });
}

#[test]
fn a_task_that_never_took_anything_away_is_compared_with_how_it_began() {
    on_each_database(async |database| {
        let world = crowd(database).await;
        for reaction in ["DELETE", "IGNORE", "DELETE"] {
            react(&world, reaction).await;
            went_well(&world.synchronize("hr").await);
        }
        dismiss(&world, 1..=1);
        let run = world.attempt(synchronization("hr", Mode::Apply)).await;
        assert_eq!(run.state.status, ProgressStatus::Held, "{run:?}");
    });
}

#[test]
fn what_profiles_and_scopes_take_away_is_looked_at_as_well() {
    on_each_database(async |database| {
        let world = crowd(database).await;
        world.hire("1", "1@x", "Name 1", "HR");
        world.synchronize("hr").await;
        let mut profile = staff();
        profile["deprovisioning"] = json!("DELETE");
        profile["entitlementAssignments"].as_array_mut().expect("a list").pop();
        world.save(ConfigurationKind::ApplicationProfile, profile).await;
        let mut task = provisioning_task();
        task["scope"] = json!("kind eq \"IDENTITY\" and email pr");
        world.save(ConfigurationKind::ProvisioningTaskDefinition, task).await;
        let run = world.attempt(provisioning("ad", Mode::Apply)).await;
        let holds = world.store().trips(&run).await.expect("the database");
        let ways: Vec<_> = holds
            .iter()
            .filter_map(|hold| match hold {
                Hold::Widened(way) => Some(way.as_str()),
                Hold::Limit { .. } | Hold::Emptied { .. } | Hold::Undo(_) => None,
            })
            .collect();
        assert_eq!(
            ways,
            [
                "the scope of task `ad` is another",
                "what profile `staff` does not grant any more is met with DELETE, it was DISABLE",
                "profile `staff` grants other entitlements",
            ]
        );
        assert_eq!(world.system("ad").accounts("account").len(), 30, "nothing is done");
    });
}
