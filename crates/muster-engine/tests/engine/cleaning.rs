//! Clean-ups: users who have not been seen for long, without any application.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use expect_test::expect;
use muster_connector::memory::MemoryAccount;
use muster_engine::{Launch, LaunchError};
use muster_model::configuration::ConfigurationKind;
use muster_model::run::{Mode, Outcome, OutcomeStatus, ProgressStatus};
use muster_model::text::instant;
use muster_model::{Attributes, DisabledReason, Field, Value as Datum};
use muster_plan::inbound::name_of;
use muster_store::RunRecord;
use muster_testkit::world::configuration::{cleared, correlation, hr, inbound};
use muster_testkit::world::{TestDatabase, World, on_each_database, synchronization};
use serde_json::{Value, json};

use crate::shown;

/// HR, that knows when people were seen and who is an administrator.
fn people() -> Value {
    let mut application = hr();
    application["objectClasses"][0]["nameAttribute"] = "login".into();
    let object_type = &mut application["objectTypes"][0];
    object_type["correlation"] = json!([correlation("number", "number")]);
    object_type["protected"] = "role eq \"admin\"".into();
    object_type["groups"] = json!({ "attribute": "memberOf" });
    let mut seen = cleared(inbound("lastAuthenticated", "seen", 10));
    seen["type"] = "DATE_TIME".into();
    let mut groups = inbound("memberOf", "groups", 10);
    groups["multiValued"] = true.into();
    object_type["attributeMappings"] = json!([
        inbound("number", "number", 10),
        inbound("userName", "login", 10),
        inbound("email", "email", 10),
        inbound("role", "role", 10),
        seen,
        groups,
    ]);
    application
}

fn task(action: &str, more: &Value) -> Value {
    let mut task = json!({
        "id": "cleaner", "name": "Cleaner", "taskType": "CLEANUP", "directoryId": "main", "inactiveDays": 30,
        "action": action,
    });
    for (name, value) in more.as_object().unwrap() {
        task[name] = value.clone();
    }
    task
}

fn person(world: &World, number: &str, (login, role, days): (&str, &str, Option<i64>), groups: &[&str]) {
    let email = format!("{login}@x");
    let mut attributes: Attributes =
        [("number", number), ("login", login), ("email", &email), ("role", role)]
            .map(|(name, text)| (name, Field::text(text)))
            .into_iter()
            .collect();
    if let Some(days) = days {
        let seen = world.clock().instant() - TimeDelta::days(days);
        attributes.set("seen".into(), Field::text(instant(seen)));
    }
    attributes.set("groups".into(), Field::Many(groups.iter().map(|group| Datum::from(*group)).collect()));
    world.system("hr").put("person", number, MemoryAccount { enabled: true, attributes });
}

/// An administrator, somebody without a time stamp, two who were away, one of them a guest, and one who was not.
async fn staffed(database: &TestDatabase, action: &str, more: &Value) -> World {
    let world = World::usual(database).await;
    world.save(ConfigurationKind::Application, people()).await;
    world.save(ConfigurationKind::SynchronizationTaskDefinition, task(action, more)).await;
    person(&world, "1", ("admin", "admin", Some(400)), &[]);
    person(&world, "2", ("test", "user", None), &[]);
    person(&world, "3", ("ann", "user", Some(40)), &["staff"]);
    person(&world, "4", ("bob", "user", Some(400)), &["guests"]);
    person(&world, "5", ("cay", "user", Some(1)), &["guests"]);
    world.synchronize("hr").await;
    world
}

fn counted(run: &RunRecord) -> String {
    let outcome = run.state.outcome.map_or(run.state.status.as_str(), |outcome| outcome.as_str());
    format!("{outcome}: {}", shown::counted(&run.counters))
}

async fn disabled(world: &World) -> Vec<String> {
    let objects = world.objects().await;
    objects.into_iter().filter(|(_, object)| object.disabled.is_some()).map(|(name, _)| name).collect()
}

#[test]
fn users_who_were_away_are_disabled_and_the_others_skipped() {
    on_each_database(async |database| {
        let world = staffed(database, "DISABLE", &json!({})).await;
        let before = world.picture().await;
        let run = world.synchronize("cleaner").await;
        let found = shown::done(&world, &before, &run).await;
        expect![[r#"
            SUCCESS: 5 read, 0 lacking, 3 unchanged, 2 disabled
            * DISABLE ann
            * DISABLE bob
            - object 3 v1: email=ann@x lastAuthenticated=2026-09-22T08:00:00.000Z memberOf=staff role=user userName=ann
            - object 4 v1: email=bob@x lastAuthenticated=2025-09-27T08:00:00.000Z memberOf=guests role=user userName=bob
            + object 3 v2 INACTIVE: email=ann@x lastAuthenticated=2026-09-22T08:00:00.000Z memberOf=staff role=user userName=ann
            + object 4 v2 INACTIVE: email=bob@x lastAuthenticated=2025-09-27T08:00:00.000Z memberOf=guests role=user userName=bob
            + history of 3 v1 until DISABLE: 
            + history of 4 v1 until DISABLE: "#]].assert_eq(&found);
        let messages = world.store().messages(&run).await.unwrap();
        assert_eq!(
            messages,
            [
                "Skipping admin or sysadmin <admin>",
                "User <test> has no lastAuthenticated timestamp and cleanup users without timestamp is disabled. \
                 Therefore the user will not be cleaned up."
            ]
        );
        assert_eq!(world.object("3").await.disabled, Some(DisabledReason::Inactive));
        // The source still has them, and does not take them back.
        person(&world, "3", ("ann", "user", Some(40)), &["staff", "more"]);
        world.synchronize("hr").await;
        assert_eq!(disabled(&world).await, ["3", "4"]);
        assert_eq!(world.object("3").await.attributes.get("memberOf").values().len(), 2, "kept in step");
        let again = world.synchronize("cleaner").await;
        assert_eq!(world.changes(&again).await, Vec::<String>::new());
    });
}

#[test]
fn whom_it_looks_for_is_told_by_groups_and_by_whether_the_unseen_count() {
    on_each_database(async |database| {
        for (more, expected) in [
            (json!({ "groups": ["guests"] }), vec!["4"]),
            (json!({ "groups": ["guests", "staff"] }), vec!["3", "4"]),
            (json!({ "groups": ["guests"], "inactiveDays": null }), vec!["4", "5"]),
            (json!({ "includeNeverSeen": true }), vec!["2", "3", "4"]),
        ] {
            let world = staffed(database, "DISABLE", &more).await;
            let run = world.synchronize("cleaner").await;
            assert_eq!(disabled(&world).await, expected, "{more}");
            assert_eq!(run.counters.read, 5);
        }
    });
}

#[test]
fn deleted_users_whom_a_source_still_has_are_made_again() {
    on_each_database(async |database| {
        let world = staffed(database, "DELETE", &json!({})).await;
        let run = world.synchronize("cleaner").await;
        assert_eq!(counted(&run), "SUCCESS: 5 read, 0 lacking, 3 unchanged, 2 deleted");
        assert_eq!(world.objects().await.into_keys().collect::<Vec<_>>(), ["1", "2", "5"]);
        world.dismiss("3");
        let run = world.synchronize("hr").await;
        assert_eq!(run.counters.outcome(Outcome::Created), 1, "{run:?}");
        assert_eq!(world.objects().await.into_keys().collect::<Vec<_>>(), ["1", "2", "4", "5"]);
    });
}

#[test]
fn anonymized_users_stay_so_until_somebody_enables_them() {
    on_each_database(async |database| {
        let world = staffed(database, "ANONYMIZE", &json!({})).await;
        let before = world.object("4").await;
        let run = world.synchronize("cleaner").await;
        assert_eq!(counted(&run), "SUCCESS: 5 read, 0 lacking, 3 unchanged, 2 disabled");
        let bob = world.object("4").await;
        assert_eq!(bob.disabled, Some(DisabledReason::Inactive));
        assert_eq!(bob.attributes.get("userName"), &Field::text(name_of(bob.id)));
        let left: Vec<_> = bob.attributes.iter().map(|(name, _)| name.to_string()).collect();
        assert_eq!(left, ["number", "userName"]);
        for _ in 0..2 {
            world.synchronize("hr").await;
            world.synchronize("cleaner").await;
            assert_eq!(world.object("4").await.attributes, bob.attributes);
        }
        world.enable_by_hand(bob.id).await;
        world.forget_digests().await;
        world.synchronize("hr").await;
        let back = world.object("4").await;
        assert_eq!((back.disabled, &back.attributes), (None, &before.attributes));
    });
}

#[test]
fn users_that_are_kept_are_only_counted() {
    on_each_database(async |database| {
        let world = staffed(database, "KEEP", &json!({})).await;
        let before = world.picture().await;
        let run = world.synchronize("cleaner").await;
        assert_eq!(counted(&run), "SUCCESS: 5 read, 0 lacking, 5 unchanged");
        assert_eq!(world.picture().await, before);
        assert_eq!(world.store().messages(&run).await.unwrap().len(), 2);
    });
}

/// Many who were away.
async fn crowd(world: &World, count: u32) {
    for number in 100..100 + count {
        person(world, &number.to_string(), (&format!("p{number}"), "user", Some(90)), &[]);
    }
    world.synchronize("hr").await;
}

#[test]
fn too_many_are_held_for_somebody_to_look_at() {
    on_each_database(async |database| {
        let world = staffed(database, "DELETE", &json!({})).await.with_page_size(10);
        crowd(&world, 30).await;
        let held = world.attempt(synchronization("cleaner", Mode::Apply)).await;
        assert_eq!(held.state.status, ProgressStatus::Held);
        assert_eq!(held.held_by.as_deref(), Some("delete: 32 of 35, the limit is 10 % and at least 20"));
        assert_eq!(world.objects().await.len(), 35);
        let again = world.engine().admit(world.store(), synchronization("cleaner", Mode::Apply)).await;
        assert!(matches!(again, Err(LaunchError::AlreadyRunning(..))), "one at a time");
        let hash = held.plan_hash.unwrap();
        world.engine().approve(world.store(), held.id, hash).await.unwrap();
        world.resume().await;
        assert_eq!(world.objects().await.len(), 3);
    });
}

#[test]
fn no_user_costs_a_statement() {
    on_each_database(async |database| {
        let statements = async |count| {
            let world =
                staffed(database, "DISABLE", &json!({ "guards": { "disable": { "percent": 100 } } })).await;
            let world = world.with_page_size(1000);
            crowd(&world, count).await;
            let run = world.synchronize("cleaner").await;
            assert_eq!(run.counters.outcome(Outcome::Disabled), u64::from(count) + 2);
            run.statements
        };
        // All of both are one page, and large enough for the database to be asked to look at its tables. A worker may
        // say now and then that it is alive.
        let (few, many) = (statements(150).await, statements(400).await);
        assert!(many < few + 20, "{few} {many}");
    });
}

#[test]
fn what_a_clean_up_did_is_undone() {
    on_each_database(async |database| {
        for action in ["DISABLE", "ANONYMIZE", "DELETE"] {
            let world = staffed(database, action, &json!({})).await;
            let state = async || {
                let objects = world.objects().await;
                let told = |(name, object): (&String, &muster_model::ImObject)| {
                    format!(
                        "{name} {} {:?} {:?} {:?}",
                        object.id, object.disabled, object.attributes, object.provenance
                    )
                };
                let mut lines: Vec<String> = objects.iter().map(told).collect();
                lines.extend(world.keys().await);
                lines.join("\n")
            };
            let before = state().await;
            let run = world.synchronize("cleaner").await;
            assert_ne!(state().await, before, "{action}");
            world.clock().pass(TimeDelta::minutes(1));
            let launched = world.engine().admit_undo(world.store(), run.id).await.unwrap();
            let held = world.engine().execute(world.store(), launched).await.unwrap();
            assert_eq!(held.state.status, ProgressStatus::Held);
            world.engine().approve(world.store(), held.id, held.plan_hash.unwrap()).await.unwrap();
            world.resume().await;
            let undone = world.store().run(held.id).await.unwrap().unwrap();
            assert_eq!(undone.state.outcome, Some(OutcomeStatus::Success), "{action} {undone:?}");
            assert_eq!(state().await, before, "{action}");
            // The source finds everybody as they were.
            let run = world.synchronize("hr").await;
            assert_eq!(
                (run.counters.outcome(Outcome::Created), world.objects().await.len()),
                (0, 5),
                "{action}"
            );
        }
    });
}

#[test]
fn whom_a_source_has_made_again_is_not_made_twice() {
    on_each_database(async |database| {
        let world = staffed(database, "DELETE", &json!({})).await;
        let run = world.synchronize("cleaner").await;
        world.synchronize("hr").await;
        let launched = world.engine().admit_undo(world.store(), run.id).await.unwrap();
        let held = world.engine().execute(world.store(), launched).await.unwrap();
        let told = world.problems(&held).await;
        let stays = "another object has its keys by now; it stays as it is";
        assert_eq!(told.iter().filter(|one| *one == stays).count(), 2, "{told:?}");
    });
}

#[test]
fn a_run_that_dies_anywhere_comes_to_the_same() {
    on_each_database(async |database| {
        for action in ["ANONYMIZE", "DELETE"] {
            let begun = staffed(database, action, &json!({})).await.with_page_size(2);
            let calm = begun.copy().await;
            let run = calm.synchronize("cleaner").await;
            let expected =
                (calm.outcome_state().await, counted(&run), calm.store().messages(&run).await.unwrap());
            let (mut point, mut deaths) = (0, 0);
            loop {
                let world = begun.copy().await;
                let run = world.admit(synchronization("cleaner", Mode::Apply)).await;
                let (engine, store, fuse) = world.mortal_process(point).await;
                let _ = engine.execute(&store, run.clone()).await;
                drop((engine, store));
                if !fuse.is_blown() {
                    break;
                }
                deaths += 1;
                world.resume().await;
                let run = world.store().run(run.id).await.unwrap().unwrap();
                let messages = world.store().messages(&run).await.unwrap();
                let found = (world.outcome_state().await, counted(&run), messages);
                assert_eq!(found, expected, "{action} after {point} points");
                point += if database.is_postgres() { 3 } else { 1 };
            }
            assert!(deaths > 5, "{deaths}");
        }
    });
}

/// However far it has come, what it did stays, counts, and is all that it did; the next one does the rest.
#[test]
fn a_clean_up_that_is_cancelled_leaves_off_where_it_is() {
    on_each_database(async |database| {
        let begun = staffed(database, "DISABLE", &json!({})).await.with_sizes(1, 1);
        let mut done = BTreeSet::new();
        for point in 0.. {
            let world = begun.copy().await;
            let run = world.admit(synchronization("cleaner", Mode::Apply)).await;
            let (engine, store, fuse) = world.mortal_process(point).await;
            let _ = engine.execute(&store, run.clone()).await;
            drop((engine, store));
            if !fuse.is_blown() {
                break;
            }
            let live = world.store().run(run.id).await.unwrap().unwrap();
            if live.state.status == ProgressStatus::Finished {
                continue;
            }
            world.engine().cancel(world.store(), run.id).await.unwrap();
            // Whose lease is over works on nothing more.
            world.resume().await;
            let run = world.store().run(run.id).await.unwrap().unwrap();
            assert_eq!(run.state.outcome, Some(OutcomeStatus::Aborted), "{point}");
            let gone = disabled(&world).await;
            let counted = run.counters.outcome(Outcome::Disabled);
            assert_eq!((counted, run.counters.add_up()), (gone.len() as u64, true), "{point} {run:?}");
            done.insert(gone.len());
            world.synchronize("cleaner").await;
            assert_eq!(disabled(&world).await, ["3", "4"], "{point}");
        }
        assert_eq!(done, [0, 1, 2].into());
    });
}

#[test]
fn a_clean_up_that_is_held_is_cancelled_at_once() {
    on_each_database(async |database| {
        let world = staffed(database, "DELETE", &json!({ "guards": { "delete": { "count": 1 } } })).await;
        let held = world.attempt(synchronization("cleaner", Mode::Apply)).await;
        assert_eq!(held.state.status, ProgressStatus::Held);
        let before = world.picture().await;
        world.engine().cancel(world.store(), held.id).await.unwrap();
        let run = world.store().run(held.id).await.unwrap().unwrap();
        assert_eq!(counted(&run), "ABORTED: 5 read, 0 lacking, 3 unchanged, 2 notApplied");
        assert_eq!(world.picture().await, before);
    });
}

#[test]
fn what_a_clean_up_cannot_do_it_says() {
    on_each_database(async |database| {
        let world = staffed(database, "DISABLE", &json!({})).await;
        let launch = Launch { keys: Some(vec!["3".to_owned()]), ..synchronization("cleaner", Mode::Apply) };
        let error = world.engine().admit(world.store(), launch).await.expect_err("refused");
        assert!(matches!(&error, LaunchError::Refused(why) if why.contains("without `keys`")), "{error}");
        let simulated = world.run(synchronization("cleaner", Mode::Simulate)).await;
        assert_eq!(simulated.counters.outcome(Outcome::Disabled), 2);
        assert_eq!(disabled(&world).await, Vec::<String>::new());
    });
}

#[test]
fn a_clean_up_that_looks_for_more_is_looked_at_first() {
    on_each_database(async |database| {
        let world = staffed(database, "DISABLE", &json!({ "inactiveDays": 60 })).await;
        world.synchronize("cleaner").await;
        assert_eq!(disabled(&world).await, ["4"]);
        world.save(ConfigurationKind::SynchronizationTaskDefinition, task("DISABLE", &json!({}))).await;
        let held = world.attempt(synchronization("cleaner", Mode::Apply)).await;
        let why = "task `cleaner` looks for more users: whom that takes something from is looked at once";
        assert_eq!(held.held_by.as_deref(), Some(why));
    });
}
