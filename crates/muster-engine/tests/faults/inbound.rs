//! Synchronization runs that are interrupted.

use muster_model::configuration::ConfigurationKind;
use muster_model::run::{Mode, Outcome, ProgressStatus};
use muster_testkit::world::configuration::hr;
use muster_testkit::world::{TestDatabase, World, difference, on_each_database, on_sqlite, synchronization};
use serde_json::json;

use crate::crash::Story;

async fn empty(database: &TestDatabase) -> World {
    let world = World::usual(database).await.with_page_size(2);
    for (number, manager) in [("1", ""), ("2", "1"), ("3", "1"), ("4", "9")] {
        person(&world, number, &format!("Name {number}"), manager);
    }
    // Two that cannot be told apart, and one that cannot be read.
    world.hire("5", "twin@x", "Ann", "IT");
    world.hire("6", "TWIN@x", "Anna", "IT");
    world.system("hr").put_bad("person", "7", Some("7".to_owned()));
    world
}

fn person(world: &World, number: &str, name: &str, manager: &str) {
    let email = format!("{number}@x");
    let fields = [("number", number), ("email", &*email), ("name", name), ("manager", manager)];
    world.put("hr", "person", number, &fields);
}

/// Some come, some go, some change, some come back, and some stay as they are.
async fn busy(database: &TestDatabase) -> World {
    let world = empty(database).await;
    world.hire("8", "8@x", "Eight", "IT");
    world.synchronize("hr").await;
    world.contact("c3", "3@x", "33");
    world.synchronize("crm").await;
    world.dismiss("8");
    world.synchronize("hr").await;
    world.hire("8", "8@x", "Eight", "IT");
    world.hire("9", "9@x", "Nine", "IT");
    world.hire("6", "6@x", "Anna", "IT");
    person(&world, "1", "Renamed", "2");
    world.hire("4", "four@x", "Name 4", "FIN");
    world.dismiss("2");
    world.dismiss("3");
    world
}

async fn deleting(database: &TestDatabase) -> World {
    let world = busy(database).await;
    let mut application = hr();
    application["objectTypes"][0]["reactions"] = json!({ "MISSING": "DELETE", "LINKED": "SYNCHRONIZE" });
    world.save(ConfigurationKind::Application, application).await;
    world
}

#[test]
fn a_first_load() {
    on_each_database(async |database| {
        let story = Story { before: empty, launch: || synchronization("hr", Mode::Apply) };
        story.survives_a_dead_process(database).await;
    });
}

/// More people whom nobody can tell apart than are told of in one batch.
#[test]
fn a_plan_of_which_more_is_found_than_is_noted_at_once() {
    on_sqlite(async |database| {
        let before = async |database: &TestDatabase| {
            let world = World::usual(database).await.with_page_size(600);
            for number in 1..=1200 {
                world.hire(&number.to_string(), "same@x", "Somebody", "IT");
            }
            world
        };
        let run = before(database).await.synchronize("hr").await;
        assert_eq!(run.counters.outcome(Outcome::Reported), 1200);
        let story = Story { before, launch: || synchronization("hr", Mode::Apply) };
        story.survives_a_dead_process(database).await;
    });
}

#[test]
fn joiners_leavers_and_changes() {
    on_each_database(async |database| {
        let story = Story { before: busy, launch: || synchronization("hr", Mode::Apply) };
        story.survives_a_dead_process(database).await;
    });
}

#[test]
fn leavers_that_are_deleted() {
    on_each_database(async |database| {
        let story = Story { before: deleting, launch: || synchronization("hr", Mode::Apply) };
        story.survives_a_dead_process(database).await;
    });
}

#[test]
fn a_run_that_is_cancelled_at_any_point() {
    on_each_database(async |database| {
        let launch = || synchronization("hr", Mode::Apply);
        Story { before: empty, launch }.survives_a_cancel(database).await;
        Story { before: busy, launch }.survives_a_cancel(database).await;
    });
}

#[test]
fn a_run_that_is_paused_at_any_point() {
    on_each_database(async |database| {
        let launch = || synchronization("hr", Mode::Apply);
        Story { before: busy, launch }.survives_a_pause(database).await;
    });
}

#[test]
fn a_process_that_dies_while_it_pauses_or_resumes_did_it_or_did_not() {
    on_each_database(async |database| {
        let before = empty(database).await;
        for point in 0.. {
            let world = before.copy().await;
            let id = world.admit(synchronization("hr", Mode::Apply)).await.id;
            let status = async || {
                let run = world.store().run(id).await.expect("the database").expect("a run");
                let log = world.store().audit_behind(0, 100).await.expect("the database");
                let acts: Vec<_> = log.iter().filter(|entry| entry.entry.run == Some(id)).collect();
                (run.state.status, acts.len())
            };
            let (engine, store, fuse) = world.mortal_process(point).await;
            let (paused, resumed) = (engine.pause(&store, id).await, engine.resume(&store, id).await);
            drop((engine, store));
            // An act is noted if it was done.
            let found = status().await;
            let expected =
                [(ProgressStatus::Pending, 1), (ProgressStatus::Paused, 2), (ProgressStatus::Pending, 3)];
            assert!(expected.contains(&found), "died after {point} points: {found:?}");
            if !fuse.is_blown() {
                assert!(paused.is_ok() && resumed.is_ok() && found == expected[2]);
                assert!(point > 4, "two acts have more points than {point}");
                break;
            }
        }
    });
}

#[test]
fn a_simulation() {
    on_each_database(async |database| {
        let story = Story { before: busy, launch: || synchronization("hr", Mode::Simulate) };
        story.survives_a_dead_process(database).await;
    });
}

#[test]
fn single_keys() {
    on_each_database(async |database| {
        let launch = || {
            let keys = Some(["1", "2", "9", "7"].map(str::to_owned).to_vec());
            muster_engine::Launch { keys, ..synchronization("hr", Mode::Apply) }
        };
        Story { before: busy, launch }.survives_a_dead_process(database).await;
    });
}

#[test]
fn the_process_dies_at_a_call_to_the_source() {
    on_each_database(async |database| {
        let story = Story { before: busy, launch: || synchronization("hr", Mode::Apply) };
        story.survives_a_death_at_any_call(database, "hr").await;
    });
}

/// What was read before the crash is another source than what is read after it.
#[test]
fn the_source_changes_between_the_crash_and_the_next_process() {
    on_each_database(async |database| {
        let change = |world: &World| {
            person(world, "0", "Before All", "");
            person(world, "3", "Back Again", "");
            person(world, "9", "Nine Again", "1");
        };
        let launch = || synchronization("hr", Mode::Apply);
        let before = busy(database).await;
        let calm = before.copy().await;
        change(&calm);
        calm.run(launch()).await;
        calm.synchronize("hr").await;
        let calm = calm.outcome_state().await;
        for point in (0..).step_by(3) {
            let world = before.copy().await;
            let run = world.admit(launch()).await;
            let (engine, store, fuse) = world.mortal_process(point).await;
            let worked = engine.execute(&store, run).await;
            drop((engine, store));
            change(&world);
            world.resume().await;
            world.synchronize("hr").await;
            let state = world.outcome_state().await;
            assert!(state == calm, "died after {point} points:\n{}", difference(&calm, &state));
            if !fuse.is_blown() {
                worked.expect("a run");
                break;
            }
        }
    });
}
