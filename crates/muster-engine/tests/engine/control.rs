//! Who may work on what: one full run a task, one worker a run, and none that was told to stop.

use chrono::TimeDelta;
use futures_util::future::join_all;
use muster_connector::Capabilities;
use muster_connector::faulty::CallKind;
use muster_connector::memory::{CAPABLE, MemorySystem};
use muster_engine::{EngineError, LaunchError};
use muster_model::configuration::ConfigurationKind;
use muster_model::run::{Mode, Outcome, OutcomeStatus, ProgressStatus};
use muster_store::{ChangeFilter, ChangeStatus};
use muster_testkit::world::configuration::{hr, naming, reconciliation};
use muster_testkit::world::{
    TestDatabase, World, on_each_database, on_sqlite, provisioning, synchronization,
};
use serde_json::json;

async fn five(database: &TestDatabase) -> World {
    let world = World::usual(database).await.with_page_size(1);
    for number in 1..=5 {
        world.hire(&number.to_string(), &format!("{number}@x"), &format!("Name {number}"), "IT");
    }
    world
}

#[test]
fn of_many_launches_of_one_task_exactly_one_wins() {
    on_each_database(async |database| {
        let world = five(database).await;
        let other = database.another_process().await;
        let (here, there) = (world.engine(), world.engine_on(other.clone()));
        let door = other.tenant(world.store().slug()).await.expect("the database").expect("the tenant");
        for _ in 0..5 {
            let launches = (0..8).map(|number| {
                let (engine, store) = if number % 2 == 0 { (&here, world.store()) } else { (&there, &door) };
                engine.admit(store, synchronization("hr", Mode::Apply))
            });
            let answers = join_all(launches).await;
            let won: Vec<_> = answers.iter().filter_map(|answer| answer.as_ref().ok()).collect();
            assert_eq!(won.len(), 1, "{answers:?}");
            for answer in &answers {
                let lost_to = |error: &LaunchError| matches!(error, LaunchError::AlreadyRunning(_, id) if *id == won[0].id);
                assert!(answer.as_ref().err().is_none_or(lost_to), "{answer:?}");
            }
            here.execute(world.store(), won[0].clone()).await.expect("a run");
        }
    });
}

#[test]
fn simulations_single_keys_and_other_tasks_take_no_guard() {
    on_each_database(async |database| {
        let world = five(database).await;
        let engine = world.engine();
        let mut of_keys = synchronization("hr", Mode::Apply);
        of_keys.keys = Some(vec!["1".to_owned()]);
        let launches = [
            synchronization("hr", Mode::Apply),
            synchronization("hr", Mode::Simulate),
            synchronization("hr", Mode::Simulate),
            of_keys.clone(),
            of_keys,
            synchronization("crm", Mode::Apply),
            provisioning("ad", Mode::Apply),
        ];
        // All at once: on PostgreSQL they also compete for the next number of a run.
        let answers = join_all(launches.into_iter().map(|launch| engine.admit(world.store(), launch))).await;
        let mut numbers: Vec<i64> = answers.into_iter().map(|answer| answer.expect("a run").no).collect();
        numbers.sort_unstable();
        assert_eq!(numbers, (1..=7).collect::<Vec<_>>());
        world.resume().await;
        assert_eq!(world.objects().await.len(), 5);
    });
}

#[test]
fn runs_of_different_tasks_change_the_same_people_side_by_side() {
    on_each_database(async |database| {
        let world = World::usual(database).await.with_page_size(4);
        let people = 1..=20;
        let stir = |round: u32| {
            for number in people.clone() {
                world.hire(
                    &number.to_string(),
                    &format!("{number}@x"),
                    &format!("Name {number}.{round}"),
                    "IT",
                );
                world.contact(&format!("c{number}"), &format!("{number}@x"), &format!("{number}-{round}"));
            }
        };
        stir(0);
        world.synchronize("hr").await;
        world.synchronize("crm").await;
        for round in 1..=4 {
            stir(round);
            let (hr, crm) = tokio::join!(world.synchronize("hr"), world.synchronize("crm"));
            for run in [hr, crm] {
                let ended = run.state.outcome;
                assert!(matches!(ended, Some(OutcomeStatus::Success | OutcomeStatus::Partial)), "{run:?}");
            }
            world.synchronize("hr").await;
            world.synchronize("crm").await;
            for (number, object) in world.objects().await {
                let text = |name: &str| {
                    object.attributes.get(name).first().map(|value| value.to_text().into_owned())
                };
                assert_eq!(text("name"), Some(format!("Name {number}.{round}")));
                assert_eq!(text("phone"), Some(format!("{number}-{round}")));
            }
        }
    });
}

#[test]
fn a_worker_that_lost_its_run_writes_nothing_more() {
    // Stopped before a page, before the next, and at the end of the sweep.
    for call in [1, 3, 6] {
        on_each_database(async |database| {
            let mut world = five(database).await;
            let launch = synchronization("hr", Mode::Apply);
            let zombie = world.run_up_to(launch, "hr", (CallKind::Page, call)).await;
            // Nobody hears of the worker any more; another takes over and ends the run.
            world.clock().pass(TimeDelta::minutes(1));
            world.disturb("hr", muster_connector::faulty::no_faults());
            world.resume().await;
            let after = world.whole_state().await;
            let woken = zombie.go_on().await;
            assert_eq!(woken.state.outcome, Some(OutcomeStatus::Success), "it sees what the other did");
            assert_eq!(world.whole_state().await, after);
            assert_eq!(world.objects().await.len(), 5);
        });
    }
}

#[test]
fn a_worker_that_lost_its_run_to_one_that_still_works_writes_nothing_more() {
    on_each_database(async |database| {
        let mut world = five(database).await;
        let launch = synchronization("hr", Mode::Apply);
        let zombie = world.run_up_to(launch, "hr", (CallKind::Page, 3)).await;
        world.clock().pass(TimeDelta::minutes(1));
        let now = world.clock().instant();
        let (_, taken) = database.store().claimable(now).await.expect("the database").remove(0);
        let heir = world.work_up_to(taken, "hr", (CallKind::Page, 2)).await;
        let between = world.whole_state().await;
        zombie.go_on().await;
        assert_eq!(world.whole_state().await, between, "the zombie was woken and refused");
        let run = heir.go_on().await;
        assert_eq!(run.state.outcome, Some(OutcomeStatus::Success));
        assert_eq!((run.counters.read, world.objects().await.len()), (5, 5));
    });
}

#[test]
fn two_sources_that_load_one_person_at_once_make_one_object() {
    on_each_database(async |database| {
        let mut world = World::usual(database).await;
        let mut temps = hr();
        (temps["id"], temps["connectorDefinitionId"]) = (json!("temps"), json!("crm"));
        for mapping in temps["objectTypes"][0]["attributeMappings"].as_array_mut().expect("mappings") {
            mapping["authority"] = json!(2);
        }
        world.save(ConfigurationKind::Application, temps).await;
        let task = reconciliation("temps", "person");
        world.save(ConfigurationKind::SynchronizationTaskDefinition, task).await;
        world.hire("1", "ann@x", "Ann", "IT");
        world.put("crm", "person", "t1", &[("number", "t1"), ("email", "ann@x")]);
        world.put("crm", "person", "t2", &[("number", "t2"), ("email", "cid@x")]);
        // The second source has been read, and waits with its plan until the first is in.
        let launch = synchronization("temps", Mode::Apply);
        let stopped = world.run_up_to(launch, "crm", (CallKind::Page, 2)).await;
        world.synchronize("hr").await;
        let run = stopped.go_on().await;
        assert_eq!(run.counters.outcome(Outcome::Created), 1, "{:?}", run.counters);
        assert_eq!(world.objects().await.len(), 2);
        world.disturb("crm", muster_connector::faulty::no_faults());
        let run = world.synchronize("temps").await;
        assert_eq!(run.state.outcome, Some(OutcomeStatus::Success));
        assert_eq!(world.objects().await.len(), 2);
    });
}

#[test]
fn two_workers_do_not_take_up_one_run() {
    on_each_database(async |database| {
        let world = five(database).await;
        let run = world.admit(synchronization("hr", Mode::Apply)).await;
        let engines = [world.engine(), world.engine(), world.engine()];
        let answers = join_all(engines.iter().map(|engine| engine.execute(world.store(), run.clone()))).await;
        let lost = answers.iter().filter(|answer| matches!(answer, Err(EngineError::Lost))).count();
        assert_eq!(lost, 2, "{answers:?}");
    });
}

#[test]
fn a_cancelled_run_stores_no_further_page() {
    on_each_database(async |database| {
        let mut world = five(database).await;
        let stopped = world.run_up_to(synchronization("hr", Mode::Apply), "hr", (CallKind::Page, 4)).await;
        let pages = world.pages_of(stopped.run.id).await;
        let run = stopped.cancel(&world).await;
        assert_eq!(
            (run.state.status, run.state.outcome),
            (ProgressStatus::Finished, Some(OutcomeStatus::Aborted))
        );
        assert_eq!(world.pages_of(run.id).await, pages);
        assert!(run.counters.add_up());
        assert!(world.objects().await.is_empty());
        let problems = world.problems(&run).await;
        assert_eq!(problems, ["the run was cancelled; what it had applied until then stays"]);
        world.disturb("hr", muster_connector::faulty::no_faults());
        world.synchronize("hr").await;
        assert_eq!(world.objects().await.len(), 5);
    });
}

#[test]
fn a_run_that_is_cancelled_in_its_sweep_counts_nothing_as_done_and_keeps_its_estimate() {
    on_each_database(async |database| {
        let mut world = World::usual(database).await.with_page_size(1);
        for number in 1..=12 {
            world.hire(&number.to_string(), &format!("{number}@x"), "Somebody", "IT");
        }
        let stopped = world.run_up_to(synchronization("hr", Mode::Apply), "hr", (CallKind::Page, 10)).await;
        let live = world.store().run(stopped.run.id).await.expect("the database").expect("a run");
        let run = stopped.cancel(&world).await;
        assert_eq!((live.counters.outcome(Outcome::Created), live.estimate), (live.counters.read, 12));
        assert!((1..12).contains(&live.counters.read), "{live:?}");
        let ended = (run.counters.read, run.counters.outcome(Outcome::NotApplied), run.estimate);
        assert_eq!(ended, (live.counters.read, live.counters.read, 12));
        assert!(run.counters.add_up() && world.objects().await.is_empty());
    });
}

#[test]
fn a_run_that_nobody_works_on_is_cancelled_at_once() {
    on_each_database(async |database| {
        let world = five(database).await;
        let run = world.admit(synchronization("hr", Mode::Apply)).await;
        world.engine().cancel(world.store(), run.id).await.expect("cancelled");
        let stored = world.store().run(run.id).await.expect("the database").expect("a run");
        assert_eq!(stored.state.outcome, Some(OutcomeStatus::Aborted));
        let refused = world.engine().execute(world.store(), run).await;
        assert!(matches!(refused, Err(EngineError::Lost)), "{refused:?}");
    });
}

#[test]
fn a_cancelled_run_writes_nothing_more_to_its_target() {
    on_each_database(async |database| {
        let mut world = five(database).await;
        world.synchronize("hr").await;
        let stopped = world.run_up_to(provisioning("ad", Mode::Apply), "ad", (CallKind::Write, 3)).await;
        let watch = stopped.watch.clone();
        let run = stopped.cancel(&world).await;
        assert_eq!(run.state.outcome, Some(OutcomeStatus::Aborted));
        // The batch under way was written; its outcome is not known to us, and the next run finds it.
        assert_eq!((watch.calls_of(CallKind::Write), world.system("ad").accounts("account").len()), (3, 3));
        world.disturb("ad", muster_connector::faulty::no_faults());
        let run = world.provision("ad").await;
        assert_eq!(run.state.outcome, Some(OutcomeStatus::Success));
        assert_eq!(world.system("ad").accounts("account").len(), 5);
    });
}

#[test]
fn statements_are_the_runs_own() {
    on_sqlite(async |database| {
        let alone = five(database).await;
        let alone = alone.synchronize("hr").await.statements;
        let mut world = five(database).await;
        let stopped = world.run_up_to(synchronization("hr", Mode::Apply), "hr", (CallKind::Page, 3)).await;
        let other = five(database).await;
        other.synchronize("crm").await;
        let run = stopped.go_on().await;
        assert!(alone > 20, "{alone}");
        assert_eq!(run.statements, alone, "another run has sent statements meanwhile");
    });
}

#[test]
fn of_a_run_that_is_cancelled_while_it_writes_exactly_what_it_stored_counts_as_done() {
    on_each_database(async |database| {
        let target = Capabilities { references_must_exist: true, ..CAPABLE };
        let system = MemorySystem::new(target).with_references(vec!["manager".into()]);
        let mut world = World::usual(database).await.with_page_size(1).with_system("ad", system);
        world.save(ConfigurationKind::Application, naming("REMOTE_NAME")).await;
        // Everybody reports to the one before, so they are made one after the other.
        for number in 1..=8 {
            let (uid, email, manager) = (number.to_string(), format!("{number}@x"), (number - 1).to_string());
            let fields =
                [("number", &*uid), ("email", &*email), ("department", "IT"), ("manager", &*manager)];
            world.put("hr", "person", &uid, if number == 1 { &fields[..3] } else { &fields });
        }
        world.synchronize("hr").await;
        let stopped = world.run_up_to(provisioning("ad", Mode::Apply), "ad", (CallKind::Write, 4)).await;
        let run = stopped.cancel(&world).await;
        let changes = world.store().changes(&run, ChangeFilter { after: 0, limit: 100 }).await;
        let mut applied: Vec<String> = changes
            .expect("the database")
            .into_iter()
            .filter(|change| change.status == ChangeStatus::Applied)
            .map(|change| change.uid)
            .collect();
        applied.sort_unstable();
        assert_eq!(applied, ["1@x", "2@x", "3@x"]);
        let counted = [Outcome::Created, Outcome::NotApplied].map(|outcome| run.counters.outcome(outcome));
        assert_eq!((counted, run.counters.add_up()), ([3, 5], true));
    });
}
