//! Provisioning over several applications of which some cannot be reached: the others go on, and nothing is concluded
//! about those that are left out.

use std::sync::Arc;

use muster_connector::faulty::{Call, CallKind, Fault, FaultPlan, Moment, no_faults};
use muster_connector::memory::{CAPABLE, MemorySystem};
use muster_connector::{Capabilities, ConnectorError, Durable};
use muster_model::configuration::ConfigurationKind;
use muster_model::error::ErrorCode;
use muster_model::run::{Mode, Outcome, OutcomeStatus};
use muster_store::RunRecord;
use muster_testkit::world::configuration::{ad, connector, staff};
use muster_testkit::world::{TestDatabase, World, on_each_database, provisioning};
use serde_json::json;

/// The targets of the task `ad`, in the order in which runs look at them.
pub(crate) const TARGETS: [&str; 3] = ["ad", "mail", "wiki"];

/// A world with three targets that all grant an account to everybody in IT, and five people.
pub(crate) async fn three_targets(database: &TestDatabase, durable: Durable) -> World {
    let can = Capabilities { durable, ..CAPABLE };
    let mut world = World::usual(database).await.with_page_size(2);
    for target in TARGETS {
        world = world.with_system(target, MemorySystem::new(can));
    }
    for target in &TARGETS[1..] {
        add_target(&world, target).await;
    }
    for number in 1..=5 {
        world.hire(&number.to_string(), &format!("{number}@x"), &format!("Name {number}"), "IT");
    }
    world.synchronize("hr").await;
    world
}

async fn add_target(world: &World, target: &str) {
    world.save(ConfigurationKind::ConnectorDefinition, connector(target, target)).await;
    let mut application = ad();
    application["id"] = json!(target);
    application["connectorDefinitionId"] = json!(target);
    world.save(ConfigurationKind::Application, application).await;
    let mut profile = staff();
    profile["id"] = json!(format!("staff-{target}"));
    profile["applicationId"] = json!(target);
    world.save(ConfigurationKind::ApplicationProfile, profile).await;
}

/// The same after a run that gave an account to everybody; since then two have come, one has left IT, and one has
/// another name.
async fn moved_on(database: &TestDatabase, durable: Durable) -> World {
    let world = three_targets(database, durable).await;
    let run = world.provision("ad").await;
    assert_eq!(run.state.outcome, Some(OutcomeStatus::Success), "{:?}", world.problems(&run).await);
    world.hire("1", "1@x", "Renamed", "IT");
    world.hire("2", "2@x", "Name 2", "HR");
    for number in ["6", "7"] {
        world.hire(number, &format!("{number}@x"), &format!("Name {number}"), "IT");
    }
    world.synchronize("hr").await;
    world
}

pub(crate) fn fault() -> ConnectorError {
    ConnectorError::Transient { message: "no answer".to_owned(), retry_after: None }
}

/// A plan by which calls of a kind fail, from this number on.
pub(crate) fn failing(kind: CallKind, from: u64) -> FaultPlan {
    Arc::new(move |call: &Call| {
        (call.kind == kind && call.number >= from).then(|| Fault::Fail(Moment::Before, fault()))
    })
}

/// The accounts of a target, each with its state and name.
pub(crate) fn accounts(world: &World, target: &str) -> Vec<String> {
    let accounts = world.system(target).accounts("account").into_iter();
    let shown = accounts.map(|(uid, account)| {
        let name = account.attributes.get("cn").first().map(|name| name.to_text().into_owned());
        let state = if account.enabled { "" } else { " disabled" };
        format!("{uid} {}{state}", name.unwrap_or_default())
    });
    shown.collect()
}

const BEFORE: [&str; 5] = ["1 Name 1", "2 Name 2", "3 Name 3", "4 Name 4", "5 Name 5"];
const AFTER: [&str; 7] =
    ["1 Renamed", "2 Name 2 disabled", "3 Name 3", "4 Name 4", "5 Name 5", "6 Name 6", "7 Name 7"];

/// What is told of the applications that a run left out.
pub(crate) async fn told(world: &World, run: &RunRecord) -> Vec<String> {
    let problems = world.store().problems(run, 1000).await.expect("the database");
    let of_run = problems.into_iter().filter(|problem| problem.code == ErrorCode::ApplicationLeftOut.id());
    of_run.map(|problem| problem.message).collect()
}

async fn is_left_out(world: &World, run: &RunRecord, target: &str) {
    assert_eq!(run.state.outcome, Some(OutcomeStatus::Partial), "{:?}", world.problems(run).await);
    let left_out: Vec<&str> = run.left_out.iter().map(|application| application.as_str()).collect();
    assert_eq!(left_out, [target]);
    let told = told(world, run).await;
    let [told] = &told[..] else { panic!("{told:?}") };
    for part in [&*format!("application `{target}`"), "no answer", "launch the task again"] {
        assert!(told.contains(part), "{told}");
    }
}

/// Afterwards everything is mended by the next run.
async fn is_mended(world: &mut World, target: &'static str) {
    world.disturb(target, no_faults());
    let run = world.provision("ad").await;
    assert_eq!(run.state.outcome, Some(OutcomeStatus::Success), "{:?}", world.problems(&run).await);
    for target in TARGETS {
        assert_eq!(accounts(world, target), AFTER, "{target}");
    }
}

#[test]
fn one_of_three_targets_that_cannot_be_swept_is_left_out_and_the_others_get_all_accounts() {
    on_each_database(async |database| {
        let before = moved_on(database, Durable::EachCall).await;
        // Before its first page, and after some have been staged.
        for (kind, from, targets) in [(CallKind::Sweep, 1, &TARGETS[..]), (CallKind::Page, 3, &TARGETS[1..2])]
        {
            for target in targets.iter().copied() {
                let mut world = before.copy().await;
                let watch = world.disturb(target, failing(kind, from));
                let run = world.provision("ad").await;
                is_left_out(&world, &run, target).await;
                assert_eq!(watch.calls_of(CallKind::Operation), 0, "{target}");
                for other in TARGETS {
                    let expected = if other == target { &BEFORE[..] } else { &AFTER[..] };
                    assert_eq!(accounts(&world, other), expected, "{other} of {target}");
                }
                // Of two targets: five read, two lacking; nothing of the third.
                assert_eq!((run.counters.read, run.counters.lacking), (10, 4), "{run:?}");
                assert_eq!(run.counters.outcome(Outcome::Created), 4);
                assert_eq!(run.counters.outcome(Outcome::NotApplied), 0);
                is_mended(&mut world, target).await;
            }
        }
    });
}

#[test]
fn a_target_in_maintenance_is_left_out_and_never_called() {
    on_each_database(async |database| {
        let mut world = moved_on(database, Durable::EachCall).await;
        let watch = world.disturb("mail", no_faults());
        let mut definition = connector("mail", "mail");
        definition["maintenance"] = json!(true);
        world.save(ConfigurationKind::ConnectorDefinition, definition).await;
        let run = world.provision("ad").await;
        assert_eq!(run.state.outcome, Some(OutcomeStatus::Partial));
        let told = told(&world, &run).await;
        assert!(told.len() == 1 && told[0].contains("is in maintenance"), "{told:?}");
        assert_eq!(watch.calls(), 0);
        assert_eq!(accounts(&world, "mail"), BEFORE);
        assert_eq!(accounts(&world, "wiki"), AFTER);
    });
}

#[test]
fn where_one_source_is_cut_short_the_others_are_looked_at_for_who_lacks_an_account() {
    on_each_database(async |database| {
        let mut world = moved_on(database, Durable::EachCall).await;
        world.disturb(
            "mail",
            Arc::new(|call: &Call| {
                let cut = Fault::CutShort { reason: "the line broke".to_owned() };
                (call.kind == CallKind::Page && call.number == 2).then_some(cut)
            }),
        );
        let run = world.provision("ad").await;
        assert_eq!(run.state.outcome, Some(OutcomeStatus::Partial));
        assert_eq!(told(&world, &run).await, [""; 0]);
        assert_eq!(accounts(&world, "ad"), AFTER);
        assert_eq!(accounts(&world, "wiki"), AFTER);
        // What was read of it is brought up to date, nobody is made.
        let mail = accounts(&world, "mail");
        assert_eq!(mail, ["1 Renamed", "2 Name 2 disabled", "3 Name 3", "4 Name 4", "5 Name 5"]);
        assert_eq!((run.counters.read, run.counters.lacking), (12, 4), "{run:?}");
    });
}

#[test]
fn a_target_that_cannot_be_written_is_left_out_and_its_changes_are_not_applied() {
    on_each_database(async |database| {
        for (durable, kind) in [(Durable::EachCall, CallKind::Writer), (Durable::AtClose, CallKind::Close)] {
            let before = moved_on(database, durable).await;
            for target in TARGETS {
                let mut world = before.copy().await;
                world.disturb(target, failing(kind, 1));
                let run = world.provision("ad").await;
                is_left_out(&world, &run, target).await;
                for other in TARGETS {
                    let expected = if other == target { &BEFORE[..] } else { &AFTER[..] };
                    assert_eq!(accounts(&world, other), expected, "{other} of {target}");
                }
                // Two to make, one to change, one to disable.
                assert_eq!(run.counters.outcome(Outcome::NotApplied), 4, "{run:?}");
                assert_eq!(run.counters.outcome(Outcome::Created), 4, "{run:?}");
                assert_eq!(run.counters.outcome(Outcome::Disabled), 2, "{run:?}");
                is_mended(&mut world, target).await;
            }
        }
    });
}

#[test]
fn what_was_written_before_a_target_failed_counts_as_written() {
    on_each_database(async |database| {
        // Of the two waves that have something to write the second cannot be closed.
        let mut world = moved_on(database, Durable::AtClose).await;
        world.disturb("ad", failing(CallKind::Close, 2));
        let run = world.provision("ad").await;
        is_left_out(&world, &run, "ad").await;
        let expected = ["1 Renamed", "2 Name 2", "3 Name 3", "4 Name 4", "5 Name 5", "6 Name 6", "7 Name 7"];
        assert_eq!(accounts(&world, "ad"), expected);
        assert_eq!(run.counters.outcome(Outcome::Created), 6, "{run:?}");
        assert_eq!(run.counters.outcome(Outcome::NotApplied), 1, "{run:?}");
        is_mended(&mut world, "ad").await;
    });
}

#[test]
fn a_run_fails_when_every_application_is_left_out_and_when_it_has_only_one() {
    on_each_database(async |database| {
        let mut world = moved_on(database, Durable::EachCall).await;
        for target in TARGETS {
            world.disturb(target, failing(CallKind::Sweep, 1));
        }
        let run = world.provision("ad").await;
        assert_eq!(run.state.outcome, Some(OutcomeStatus::Failure));
        assert_eq!(run.failure.as_deref(), Some("application `ad`: no answer"));
        assert_eq!(told(&world, &run).await.len(), 3);

        let only =
            json!({ "id": "ad", "name": "One", "scope": "kind eq \"IDENTITY\"", "applicationIds": ["mail"] });
        world.save(ConfigurationKind::ProvisioningTaskDefinition, only).await;
        let run = world.provision("ad").await;
        assert_eq!(run.state.outcome, Some(OutcomeStatus::Failure));
        assert_eq!(run.failure.as_deref(), Some("application `mail`: no answer"));
        assert_eq!(told(&world, &run).await, [""; 0]);
    });
}

#[test]
fn keys_are_looked_for_where_they_can_be_and_not_given_up_where_they_cannot() {
    on_each_database(async |database| {
        let mut world = moved_on(database, Durable::EachCall).await;
        world.disturb("mail", failing(CallKind::Read, 1));
        let mut launch = provisioning("ad", Mode::Apply);
        launch.keys = Some(vec!["1".to_owned(), "nobody".to_owned()]);
        let run = world.run(launch.clone()).await;
        is_left_out(&world, &run, "mail").await;
        assert_eq!(run.counters.outcome(Outcome::Failed), 0, "{run:?}");
        assert_eq!(run.counters.outcome(Outcome::Updated), 2, "{run:?}");

        world.disturb("mail", no_faults());
        let run = world.run(launch).await;
        assert_eq!(run.counters.outcome(Outcome::Updated), 1, "{run:?}");
        assert_eq!(run.counters.outcome(Outcome::Failed), 1, "{run:?}");
    });
}

#[test]
fn a_simulation_plans_for_the_applications_that_answer() {
    on_each_database(async |database| {
        let mut world = moved_on(database, Durable::EachCall).await;
        world.disturb("wiki", failing(CallKind::Sweep, 1));
        let run = world.run(provisioning("ad", Mode::Simulate)).await;
        is_left_out(&world, &run, "wiki").await;
        assert_eq!(run.counters.outcome(Outcome::Created), 4, "{run:?}");
        assert_eq!(run.counters.outcome(Outcome::NotApplied), 0, "{run:?}");
        assert_eq!(accounts(&world, "ad"), BEFORE);
    });
}
