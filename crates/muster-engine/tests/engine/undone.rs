//! Runs undone: what they did to the repository is put back, as far as nobody has changed it since.

use chrono::TimeDelta;
use expect_test::expect;
use muster_engine::UndoError;
use muster_model::configuration::ConfigurationKind;
use muster_model::run::{Mode, Outcome, OutcomeStatus, ProgressStatus};
use muster_store::RunRecord;
use muster_testkit::world::configuration::{crm, hr};
use muster_testkit::world::{
    TestDatabase, World, difference, on_each_database, provisioning, synchronization,
};
use serde_json::json;

use crate::shown;

/// A day with which everything was well.
async fn first_day(database: &TestDatabase, missing: &str) -> World {
    let world = World::usual(database).await;
    let mut application = hr();
    application["objectTypes"][0]["reactions"] = json!({ "MISSING": missing });
    application["objectClasses"][0]["nameAttribute"] = "name".into();
    // What counts as changed is told by what was remembered of the account.
    application["objectTypes"][0]["attributeMappings"][3]["strength"] = "NORMAL".into();
    world.save(ConfigurationKind::Application, application).await;
    for number in 1..=6 {
        let number = number.to_string();
        world.hire(&number, &format!("{number}@x"), &format!("Name {number}"), "IT");
    }
    world.synchronize("hr").await;
    world.contact("c3", "3@x", "33");
    world.synchronize("crm").await;
    let corrected = world.object("1").await.id;
    world.overwrite(corrected, "IT", "BY HAND").await;
    world.clock().pass(TimeDelta::minutes(1));
    world
}

/// A file that should never have been read.
fn mistake(world: &World) {
    world.hire("1", "new1@x", "Renamed", "IT");
    world.hire("2", "2@x", "Name 2", "SALES");
    world.dismiss("4");
    world.dismiss("5");
    world.hire("7", "7@x", "Seven", "IT");
    world.hire("8", "8@x", "Eight", "IT");
}

/// Whether states of different runs are compared, in which ids and run numbers differ.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Compared {
    WithKeys,
    /// A run that is cut off may leave keys that find nobody.
    WithoutKeys,
    ByValue,
}

/// Objects, their accounts with what is remembered of them, and keys; without versions, which only grow.
async fn state(world: &World, compared: Compared) -> String {
    let mut lines = Vec::new();
    for (name, object) in world.objects().await {
        let own = match compared {
            Compared::WithKeys | Compared::WithoutKeys => format!("{} {:?}", object.id, object.provenance),
            Compared::ByValue => String::new(),
        };
        lines.push(format!(
            "{name} {own} {:?} {:?} {:?}",
            object.object_type, object.disabled, object.attributes
        ));
        for account in world.store().accounts_of(object.id, None).await.expect("the database") {
            let (application, uid) = (account.application, account.uid);
            lines.push(format!("{name}: {application}/{uid} {:?} {:?}", account.state, account.snapshot));
        }
    }
    if compared == Compared::WithKeys {
        lines.extend(world.keys().await.iter().map(|key| format!("{key:?}")));
    }
    lines.join("\n")
}

fn assert_same(expected: &str, found: &str, what: &str) {
    assert!(expected == found, "{what}:\n{}", difference(expected, found));
}

async fn hold(world: &World, undone: &RunRecord) -> RunRecord {
    let engine = world.engine();
    let launched = engine.admit_undo(world.store(), undone.id).await.expect("launched");
    let held = engine.execute(world.store(), launched).await.expect("worked on");
    assert_eq!(held.state.status, ProgressStatus::Held, "{held:?}");
    assert!(held.held_by.as_deref().is_some_and(|by| by.contains("an undo is always held")));
    assert_eq!(held.undoes, Some(undone.id));
    held
}

async fn approve(world: &World, held: &RunRecord) -> RunRecord {
    let hash = held.plan_hash.expect("a plan");
    world.engine().approve(world.store(), held.id, hash).await.expect("approved");
    world.resume().await;
    let run = world.store().run(held.id).await.expect("the database").expect("the run");
    assert!(run.state.is_terminal() && run.counters.add_up(), "{run:?}");
    run
}

async fn undo(world: &World, undone: &RunRecord) -> RunRecord {
    let held = hold(world, undone).await;
    approve(world, &held).await
}

#[test]
fn what_a_mistake_did_is_put_back_and_can_be_done_again() {
    on_each_database(async |database| {
        for missing in ["DISABLE", "ANONYMIZE", "DELETE", "UNLINK"] {
            let world = first_day(database, missing).await;
            let before = state(&world, Compared::WithKeys).await;
            mistake(&world);
            let run = world.synchronize("hr").await;
            let (after, meant) =
                (state(&world, Compared::WithKeys).await, state(&world, Compared::ByValue).await);
            assert_ne!(before, after);

            let held = hold(&world, &run).await;
            assert_same(&after, &state(&world, Compared::WithKeys).await, "held, nothing is done");
            world.clock().pass(TimeDelta::minutes(1));
            let undone = approve(&world, &held).await;
            assert_eq!(undone.state.outcome, Some(OutcomeStatus::Success), "{undone:?}");
            assert_same(&before, &state(&world, Compared::WithKeys).await, missing);
            assert_eq!(undone.counters.outcome(Outcome::Deleted), 2, "{undone:?}");

            // An undo is undone like any other run.
            world.clock().pass(TimeDelta::minutes(1));
            let redone = undo(&world, &undone).await;
            assert_eq!(redone.state.outcome, Some(OutcomeStatus::Success), "{redone:?}");
            assert_same(&after, &state(&world, Compared::WithKeys).await, "the undo was undone");
            undo(&world, &redone).await;
            assert_same(&before, &state(&world, Compared::WithKeys).await, "and that again");

            // The same file comes to the same.
            world.clock().pass(TimeDelta::minutes(1));
            world.synchronize("hr").await;
            assert_same(&meant, &state(&world, Compared::ByValue).await, "the second day once more");
        }
    });
}

#[test]
fn accounts_that_were_linked_are_unlinked_again() {
    on_each_database(async |database| {
        let world = first_day(database, "DISABLE").await;
        let before = state(&world, Compared::WithKeys).await;
        world.contact("c4", "4@x", "44");
        world.contact("c9", "9@x", "99");
        let run = world.synchronize("crm").await;
        let rows = world.store().changes(&run, muster_store::ChangeFilter { after: 0, limit: 10 }).await;
        let linked = rows.expect("the database").into_iter().find(|row| row.uid == "c4").expect("a link");
        assert_eq!(linked.why.as_deref(), Some("the object fits by `email` = `email`"));
        let undone = undo(&world, &run).await;
        assert_eq!(undone.state.outcome, Some(OutcomeStatus::Success));
        assert_same(&before, &state(&world, Compared::WithKeys).await, "unlinked");
        expect!["2 read, 0 lacking, 1 deleted, 1 unlinked"].assert_eq(&shown::counted(&undone.counters));
    });
}

#[test]
fn what_has_changed_since_stays_and_is_listed() {
    on_each_database(async |database| {
        let world = first_day(database, "DELETE").await;
        mistake(&world);
        let run = world.synchronize("hr").await;
        let renamed = world.object("1").await.id;
        world.overwrite(renamed, "Renamed", "By hand").await;
        world.contact("c7", "7@x", "77");
        world.synchronize("crm").await;
        let held = hold(&world, &run).await;
        let expected = expect![[r#"
            UPDATE 1: stale
            UPDATE 2
            DELETE 7: stale
            DELETE 8
            CREATE 5
            CREATE 4"#]];
        expected.assert_eq(&world.changes(&held).await.join("\n"));
        // One more moves on while the plan is held.
        let moved = world.object("2").await.id;
        world.overwrite(moved, "Name 2", "Later").await;
        let undone = approve(&world, &held).await;
        assert_eq!(undone.state.outcome, Some(OutcomeStatus::Partial));
        expect!["6 read, 0 lacking, 2 created, 1 deleted, 3 stale"]
            .assert_eq(&shown::counted(&undone.counters));
        let told = world.problems(&undone).await;
        assert!(told.iter().any(|one| one == "the object has changed since; it stays as it is"), "{told:?}");
        let names = world.objects().await;
        assert_eq!(names["1"].attributes.get("name"), &muster_model::Field::text("By hand"));
        assert_eq!(names["2"].attributes.get("name"), &muster_model::Field::text("Later"));
        assert!(names.contains_key("7") && !names.contains_key("8") && names.contains_key("4"));
        // What was left out the next run decides anew.
        world.synchronize("hr").await;
        assert_eq!(world.object("1").await.attributes.get("name"), &muster_model::Field::text("Renamed"));
    });
}

#[test]
fn a_run_that_was_cut_off_anywhere_is_undone_as_far_as_it_came() {
    on_each_database(async |database| {
        let begun = first_day(database, "DELETE").await;
        mistake(&begun);
        let before = state(&begun, Compared::WithoutKeys).await;
        let (mut point, mut partly) = (0, 0);
        loop {
            let world = begun.copy().await;
            let run = world.admit(synchronization("hr", Mode::Apply)).await;
            let (engine, store, fuse) = world.mortal_process(point).await;
            let _ = engine.execute(&store, run.clone()).await;
            drop((engine, store));
            if !fuse.is_blown() {
                break;
            }
            let _ = world.engine().cancel(world.store(), run.id).await;
            world.resume().await;
            let done = state(&world, Compared::WithoutKeys).await;
            partly += u32::from(done != before);
            let undone = undo(&world, &run).await;
            assert_eq!(undone.state.outcome, Some(OutcomeStatus::Success), "after {point}: {undone:?}");
            assert_same(
                &before,
                &state(&world, Compared::WithoutKeys).await,
                &format!("after {point} points"),
            );
            point += if database.is_postgres() { 5 } else { 2 };
        }
        assert!(partly > 3, "some were cut off in the middle of their work: {partly}");
    });
}

#[test]
fn what_cannot_be_undone_says_what_to_do_instead() {
    on_each_database(async |database| {
        let world = first_day(database, "DISABLE").await;
        mistake(&world);
        let simulated = world.run(synchronization("hr", Mode::Simulate)).await;
        let provisioned = world.run(provisioning("ad", Mode::Apply)).await;
        let run = world.synchronize("hr").await;
        for (refused, expected) in [(&simulated, "simulation"), (&provisioned, "other systems")] {
            let error = world.engine().undo(world.store(), refused.id).await.expect_err("refused");
            assert!(error.to_string().contains(expected), "{error}");
            assert!(matches!(error, UndoError::Impossible { instead, .. } if !instead.is_empty()));
        }
        let held = hold(&world, &run).await;
        let again = world.engine().undo(world.store(), run.id).await.expect_err("one at a time");
        assert!(matches!(again, UndoError::AlreadyRunning(other) if other == held.id), "{again}");
        let hash = held.plan_hash.expect("a plan");
        let meant = state(&world, Compared::WithKeys).await;
        world.engine().reject(world.store(), held.id, hash).await.expect("rejected");
        assert_same(&meant, &state(&world, Compared::WithKeys).await, "rejected");
        world.store().drop_changes(run.seq).await.expect("the database");
        let error = world.engine().undo(world.store(), run.id).await.expect_err("refused");
        assert!(error.to_string().contains("are not kept any more"), "{error}");
        let mut other = crm();
        other["objectTypes"][0]["objectKind"] = "RESOURCE".into();
        let contacts = world.synchronize("crm").await;
        world.save(ConfigurationKind::Application, other).await;
        let error = world.engine().undo(world.store(), contacts.id).await.expect_err("refused");
        assert!(error.to_string().contains("another class of accounts"), "{error}");
    });
}
