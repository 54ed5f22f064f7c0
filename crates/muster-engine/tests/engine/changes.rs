//! Sweeps over what has changed since the last run: what they read, what they conclude, and when everything is read.

use std::sync::Arc;

use muster_connector::faulty::{CallKind, Fault, Moment, no_faults};
use muster_connector::memory::CAPABLE;
use muster_connector::{Capabilities, ChangeFeed, ConnectorError};
use muster_model::configuration::ConfigurationKind;
use muster_model::run::{Mode, Outcome, OutcomeStatus};
use muster_store::RunRecord;
use muster_testkit::world::configuration::{hr, reconciliation};
use muster_testkit::world::{TestDatabase, World, on_each_database, on_sqlite, synchronization};
use serde_json::Value;

/// A world whose source tells changes, and whose task asks for them.
async fn told(database: &TestDatabase) -> World {
    let world = World::usual(database).await;
    world.save(ConfigurationKind::SynchronizationTaskDefinition, task("CHANGES")).await;
    world
}

fn task(sweep: &str) -> Value {
    let mut task = reconciliation("hr", "person");
    task["sweep"] = sweep.into();
    task
}

/// Ann, Bob and Cid, read whole.
async fn loaded(database: &TestDatabase) -> World {
    load(told(database).await).await
}

async fn load(world: World) -> World {
    for (number, name) in [("1", "Ann"), ("2", "Bob"), ("3", "Cid")] {
        world.hire(number, &format!("{number}@x"), name, "IT");
    }
    let run = world.synchronize("hr").await;
    assert_eq!((run.state.outcome, run.counters.read), (Some(OutcomeStatus::Success), 3));
    assert_eq!(
        world.problems(&run).await,
        Vec::<String>::new(),
        "the first run reads all, as everybody expects"
    );
    world
}

/// How many entries a run read, and what it did.
async fn found(world: &World, run: &RunRecord) -> (u64, Vec<String>) {
    (run.counters.read, world.changes(run).await)
}

#[test]
fn only_what_has_changed_is_read() {
    on_each_database(async |database| {
        let world = loaded(database).await;
        assert_eq!(found(&world, &world.synchronize("hr").await).await, (0, vec![]));
        world.hire("2", "2@x", "Bobby", "IT");
        world.hire("4", "4@x", "Dan", "IT");
        let run = world.synchronize("hr").await;
        assert_eq!(run.failure, None);
        assert_eq!((run.counters.read, run.counters.outcome(Outcome::Created)), (2, 1));
        assert_eq!(run.state.outcome, Some(OutcomeStatus::Success));
        assert_eq!(run.counters.outcome(Outcome::Updated), 1);
        assert_eq!(world.objects().await.len(), 4);
        assert_eq!(found(&world, &world.synchronize("hr").await).await, (0, vec![]));
        // What the next full run shortens its patience by is what the last full run read.
        assert_eq!(world.last_read("hr", "person").await, Some(3));
    });
}

#[test]
fn who_is_said_to_be_gone_is_gone_and_nobody_else() {
    on_each_database(async |database| {
        let world = loaded(database).await;
        world.dismiss("2");
        let run = world.synchronize("hr").await;
        assert_eq!(found(&world, &run).await, (0, vec!["DISABLE 2".to_owned()]));
        assert_eq!((run.counters.lacking, run.state.outcome), (1, Some(OutcomeStatus::Success)));
        let disabled: Vec<_> =
            world.objects().await.into_values().map(|object| object.disabled.is_some()).collect();
        assert_eq!(disabled.iter().filter(|is| **is).count(), 1);
        world.hire("2", "2@x", "Bob", "IT");
        assert_eq!(world.synchronize("hr").await.counters.read, 1, "whoever comes back is read");
        assert!(world.objects().await.into_values().all(|object| object.disabled.is_none()));
    });
}

#[test]
fn a_source_that_does_not_tell_who_is_gone_lets_nobody_go() {
    on_sqlite(async |database| {
        let feed = Capabilities { changes: ChangeFeed::WithoutDeletes, ..CAPABLE };
        let world = load(told(database).await.with_capabilities("hr", feed)).await;
        world.dismiss("2");
        assert_eq!(found(&world, &world.synchronize("hr").await).await, (0, vec![]));
        world.save(ConfigurationKind::SynchronizationTaskDefinition, task("FULL")).await;
        let run = world.synchronize("hr").await;
        assert_eq!(world.changes(&run).await, ["DISABLE 2"], "a full run finds out");
    });
}

/// What a run says of having read all.
fn in_full(why: &str) -> Vec<String> {
    vec![format!("all accounts are read instead of what has changed: {why}")]
}

#[test]
fn a_token_that_is_refused_makes_a_full_run_that_says_so() {
    on_each_database(async |database| {
        let world = loaded(database).await;
        world.dismiss("1");
        world.system("hr").forget_changes();
        let run = world.synchronize("hr").await;
        assert_eq!(run.counters.read, 2);
        let said = world.problems(&run).await;
        assert!(said.len() == 1 && said[0].contains("is older than what is still told"), "{said:?}");
        assert_eq!(world.changes(&run).await, ["DISABLE 1"], "who is gone is found by reading all");
        assert_eq!(found(&world, &world.synchronize("hr").await).await, (0, vec![]));
    });
}

#[test]
fn a_token_that_is_refused_in_mid_sweep_begins_anew() {
    on_each_database(async |database| {
        let mut world = loaded(database).await.with_page_size(1);
        for number in ["1", "2", "3"] {
            world.hire(number, &format!("{number}@x"), "New", "IT");
        }
        let _ = world.disturb(
            "hr",
            Arc::new(|call| {
                let message = "the log was cut".to_owned();
                (call.kind == CallKind::Page && call.number == 2)
                    .then(|| Fault::Fail(Moment::Before, ConnectorError::Outdated { message }))
            }),
        );
        let run = world.synchronize("hr").await;
        assert_eq!((run.counters.read, run.counters.outcome(Outcome::Updated)), (3, 3));
        assert_eq!(world.problems(&run).await, in_full("the log was cut"));
        assert_eq!(run.state.outcome, Some(OutcomeStatus::Success));
    });
}

#[test]
fn another_configuration_has_everything_read() {
    on_each_database(async |database| {
        let world = loaded(database).await;
        let mut application = hr();
        application["description"] = "other".into();
        world.save(ConfigurationKind::Application, application).await;
        let run = world.synchronize("hr").await;
        assert_eq!(run.counters.read, 3);
        assert_eq!(world.problems(&run).await, in_full("the configuration has changed since the last run"));
        assert_eq!(world.synchronize("hr").await.counters.read, 0);
    });
}

#[test]
fn what_failed_is_read_again() {
    on_each_database(async |database| {
        let world = loaded(database).await;
        world.system("hr").put_bad("person", "5", Some("5".to_owned()));
        for _ in 0..2 {
            let run = world.synchronize("hr").await;
            assert_eq!((run.counters.read, run.state.outcome), (1, Some(OutcomeStatus::Partial)));
        }
        world.hire("5", "5@x", "Eve", "IT");
        let run = world.synchronize("hr").await;
        assert_eq!(
            (run.counters.outcome(Outcome::Created), run.state.outcome),
            (1, Some(OutcomeStatus::Success))
        );
        assert_eq!(world.synchronize("hr").await.counters.read, 0);
    });
}

#[test]
fn a_run_that_died_has_moved_no_token() {
    on_each_database(async |database| {
        let mut world = loaded(database).await.with_page_size(1);
        world.hire("1", "1@x", "Anna", "IT");
        world.dismiss("2");
        let _ = world.disturb(
            "hr",
            Arc::new(|call| {
                let message = "the line went dead".to_owned();
                (call.kind == CallKind::Page && call.number == 2).then(|| {
                    Fault::Fail(Moment::Before, ConnectorError::Transient { message, retry_after: None })
                })
            }),
        );
        assert_eq!(world.synchronize("hr").await.state.outcome, Some(OutcomeStatus::Failure));
        let _ = world.disturb("hr", no_faults());
        let simulated = world.run(synchronization("hr", Mode::Simulate)).await;
        assert_eq!(simulated.counters.read, 1, "a simulation reads from there, and moves nothing either");
        let run = world.synchronize("hr").await;
        assert_eq!((run.counters.read, run.counters.lacking), (1, 1));
        assert_eq!(run.counters.outcome(Outcome::Updated), 1);
    });
}

#[test]
fn whose_object_somebody_else_has_changed_is_read_by_key() {
    on_each_database(async |database| {
        let world = loaded(database).await;
        let bob = world.object("2").await;
        world.overwrite(bob.id, "Bob", "Robert").await;
        world.database().execute("UPDATE shadow SET digest = NULL WHERE uid = '2'").await;
        let run = world.synchronize("hr").await;
        assert_eq!(run.counters.read, 1, "Bob alone, although he has not changed in the source");
        assert_eq!(run.state.outcome, Some(OutcomeStatus::Success));
    });
}

#[test]
fn a_source_that_tells_nothing_is_refused() {
    on_sqlite(async |database| {
        let silent = Capabilities { changes: ChangeFeed::None, ..CAPABLE };
        let world = told(database).await.with_capabilities("hr", silent);
        let engine = world.engine();
        let refused = engine.launch(world.store(), synchronization("hr", Mode::Apply)).await;
        let said = refused.map(|_| ()).unwrap_err().to_string();
        assert!(said.contains("is CHANGES, which the connector of this application cannot read"), "{said}");
    });
}

/// The numbers of the people who are in dispute.
async fn in_dispute(world: &World) -> Vec<String> {
    world.database().texts("SELECT uid FROM dispute ORDER BY uid").await
}

#[test]
fn who_is_in_dispute_stays_so_and_is_read_until_it_is_settled() {
    on_each_database(async |database| {
        let world = loaded(database).await;
        world.hire("4", "new@x", "Dan", "IT");
        world.hire("5", "new@x", "Eve", "IT");
        world.synchronize("hr").await;
        assert_eq!(in_dispute(&world).await, ["4", "5"]);
        let run = world.synchronize("hr").await;
        assert_eq!(
            (run.counters.read, in_dispute(&world).await.len()),
            (2, 2),
            "nothing has changed, they stay"
        );
        // One is corrected; the other has not changed, and gets its object all the same.
        world.hire("5", "eve@x", "Eve", "IT");
        world.synchronize("hr").await;
        world.synchronize("hr").await;
        assert_eq!(in_dispute(&world).await, Vec::<String>::new());
        assert_eq!(world.objects().await.len(), 5);
        assert_eq!(world.synchronize("hr").await.counters.read, 0);
    });
}

#[test]
fn who_goes_on_under_another_key_is_not_disabled() {
    on_each_database(async |database| {
        let world = loaded(database).await;
        world.dismiss("2");
        world.hire("22", "2@x", "Bob", "IT");
        let run = world.synchronize("hr").await;
        assert_eq!(run.state.outcome, Some(OutcomeStatus::Success), "{:?}", world.problems(&run).await);
        assert!(world.objects().await.into_values().all(|object| object.disabled.is_none()));
        assert_eq!(world.objects().await.len(), 3);
        assert_eq!(world.synchronize("hr").await.counters.read, 0);
        // Whoever is still there keeps the place.
        world.hire("33", "3@x", "Cid", "IT");
        world.synchronize("hr").await;
        assert_eq!(in_dispute(&world).await, ["33"]);
        assert_eq!(world.objects().await.len(), 3);
    });
}
