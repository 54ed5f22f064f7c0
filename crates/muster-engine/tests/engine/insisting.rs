//! Targets that insist on names of accounts that exist: the order in which accounts are made and deleted, and what
//! waits for the last pass.

use std::sync::{Arc, Mutex, PoisonError};

use muster_connector::faulty::Call;
use muster_connector::memory::{CAPABLE, MemorySystem};
use muster_connector::{Capabilities, Durable};
use muster_model::Field;
use muster_model::configuration::ConfigurationKind;
use muster_model::run::{Outcome, OutcomeStatus};
use muster_store::{Release, RunRecord};
use muster_testkit::world::configuration::{crm, hr, inbound, naming, outbound, provisioning};
use muster_testkit::world::{TestDatabase, World, on_each_database};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::json;

use crate::references::{insisting, managers, people, person, settled, system};

#[test]
fn managers_come_before_those_who_name_them() {
    on_each_database(async |database| {
        for (what, owners, named) in [
            (
                "a chain, the last first",
                vec![("1", "2"), ("2", "3"), ("3", "4"), ("4", "5"), ("5", "")],
                vec!["1@x -> 2@x", "2@x -> 3@x", "3@x -> 4@x", "4@x -> 5@x", "5@x -> "],
            ),
            (
                "a chain, the first first",
                vec![("5", "4"), ("4", "3"), ("3", "2"), ("2", "1"), ("1", "")],
                vec!["1@x -> ", "2@x -> 1@x", "3@x -> 2@x", "4@x -> 3@x", "5@x -> 4@x"],
            ),
            (
                "a cycle of three, and one who names it",
                vec![("1", "2"), ("2", "3"), ("3", "1"), ("4", "2")],
                vec!["1@x -> 2@x", "2@x -> 3@x", "3@x -> 1@x", "4@x -> 2@x"],
            ),
            ("oneself", vec![("1", "1"), ("2", "1")], vec!["1@x -> 1@x", "2@x -> 1@x"]),
        ] {
            for durable in [Durable::EachCall, Durable::AtClose] {
                let world = insisting(database).await.with_system("ad", system(true, durable));
                let hired: Vec<_> =
                    owners.iter().map(|(number, manager)| (*number, "IT", *manager)).collect();
                people(&world, &hired).await;
                let run = world.provision("ad").await;
                assert_eq!(run.state.outcome, Some(OutcomeStatus::Success), "{what} {durable:?}");
                assert_eq!(managers(&world), named, "{what} {durable:?}");
                settled(&world).await;
                let leaving: Vec<_> =
                    owners.iter().map(|(number, manager)| (*number, "HR", *manager)).collect();
                people(&world, &leaving).await;
                let run = world.provision("ad").await;
                let problems = world.problems(&run).await;
                assert_eq!(
                    run.state.outcome,
                    Some(OutcomeStatus::Success),
                    "{what} {durable:?} {problems:?}"
                );
                assert_eq!(managers(&world), Vec::<String>::new(), "{what} {durable:?}");
            }
        }
    });
}

/// A target with people and the units that they name. One class of accounts is written before the other.
fn units(units_first: bool) -> Vec<(ConfigurationKind, serde_json::Value)> {
    let mut people = naming("REMOTE_NAME");
    let class = json!({ "id": "unit", "remoteName": "unit", "uidAttribute": "ou" });
    people["objectClasses"].as_array_mut().expect("classes").push(class);
    people["objectClasses"][0]["attributes"]
        .as_array_mut()
        .expect("attributes")
        .push(json!({ "name": "unit" }));
    let object_types = people["objectTypes"].as_array_mut().expect("object types");
    let mut unit = outbound("unit", "unit");
    unit["take"] = json!("REMOTE_NAME");
    object_types[0]["attributeMappings"].as_array_mut().expect("mappings").push(unit);
    object_types.push(json!({
        "objectKind": "ORGANIZATION", "objectClassId": "unit", "direction": "OUTBOUND",
        "attributeMappings": [outbound("ou", "code")],
    }));
    if units_first {
        object_types.reverse();
    }
    let mut source = hr();
    let mut unit = inbound("unit", "unit", 10);
    unit["type"] = json!("REFERENCE");
    unit["reference"] = json!({ "objectKind": "ORGANIZATION", "byAttribute": "code" });
    source["objectTypes"][0]["attributeMappings"].as_array_mut().expect("mappings").push(unit);
    let mut organizations = crm();
    organizations["objectTypes"][0] = json!({
        "objectKind": "ORGANIZATION", "objectClassId": "contact", "direction": "INBOUND",
        "attributeMappings": [inbound("code", "id", 10), inbound("phone", "phone", 10)],
    });
    let profile = json!({
        "id": "units", "name": "Units", "applicationId": "ad", "objectKind": "ORGANIZATION",
        "objectMatchingCondition": "phone eq \"yes\"", "deprovisioning": "DELETE",
    });
    let mut task = provisioning();
    task["scope"] = json!("kind pr");
    vec![
        (ConfigurationKind::Application, source),
        (ConfigurationKind::Application, organizations),
        (ConfigurationKind::Application, people),
        (ConfigurationKind::ApplicationProfile, profile),
        (ConfigurationKind::ProvisioningTaskDefinition, task),
    ]
}

#[test]
fn accounts_of_one_class_name_those_of_another() {
    on_each_database(async |database| {
        for units_first in [false, true] {
            let system = MemorySystem::new(Capabilities { references_must_exist: true, ..CAPABLE });
            let system = system.with_references(vec!["manager".into(), "unit".into()]);
            let world = insisting(database).await.with_system("ad", system);
            for (kind, document) in units(units_first) {
                world.save(kind, document).await;
            }
            let hire = |number: &str, department: &str, manager: &str| {
                let email = format!("{number}@x");
                let fields = [
                    ("number", number),
                    ("email", &*email),
                    ("department", department),
                    ("manager", manager),
                    ("unit", "u1"),
                ];
                world.put("hr", "person", number, &fields);
            };
            let open = |state: &str| world.contact("u1", "", state);
            for (department, state, named) in [("IT", "yes", 2), ("HR", "no", 0)] {
                hire("1", department, "2");
                hire("2", department, "");
                open(state);
                world.synchronize("crm").await;
                world.synchronize("hr").await;
                let run = world.provision("ad").await;
                let problems = world.problems(&run).await;
                assert_eq!(run.state.outcome, Some(OutcomeStatus::Success), "{department}: {problems:?}");
                let accounts = world.system("ad").accounts("account");
                let naming = accounts.values().filter(|one| one.attributes.get("unit") == &Field::text("u1"));
                assert_eq!(naming.count(), named, "{department}");
                assert_eq!(accounts.len(), named, "{department}");
                assert_eq!(world.system("ad").accounts("unit").len(), named.min(1), "{department}");
                if named > 0 {
                    settled(&world).await;
                }
            }
        }
    });
}

#[test]
fn an_account_that_is_called_as_one_of_another_class_is_named_whatever_becomes_of_that() {
    on_each_database(async |database| {
        let world = insisting(database).await;
        for (kind, mut document) in units(false) {
            if document["id"] == "ad" && kind == ConfigurationKind::Application {
                document["objectTypes"][1]["attributeMappings"][0] = outbound("ou", "phone");
            }
            if document["id"] == "units" {
                document["objectMatchingCondition"] = json!("phone pr");
            }
            world.save(kind, document).await;
        }
        // Two units want to be called as the account of the first person is: that account is made, theirs is not.
        world.contact("u1", "", "1@x");
        world.contact("u2", "", "1@x");
        world.synchronize("crm").await;
        people(&world, &[("1", "IT", ""), ("2", "IT", "1")]).await;
        let run = world.provision("ad").await;
        assert_eq!(run.counters.outcome(Outcome::Failed), 1);
        assert_eq!(managers(&world), ["1@x -> ", "2@x -> 1@x"], "{:?}", world.problems(&run).await);
    });
}

/// Nobody is kept from an account because the account of the manager is refused.
#[test]
fn who_names_an_account_that_could_not_be_made_gets_one_without_the_name() {
    use muster_connector::ConnectorError;
    use muster_connector::faulty::{Fault, FaultPlan, Moment, no_faults};

    on_each_database(async |database| {
        for owners in [
            [("1", "IT", ""), ("2", "IT", "1"), ("3", "IT", "2")],
            [("1", "IT", "3"), ("2", "IT", "1"), ("3", "IT", "2")],
        ] {
            let mut world = insisting(database).await;
            people(&world, &owners).await;
            let refuse: FaultPlan = Arc::new(|call: &Call| {
                let error = ConnectorError::Rejected { message: "not today".to_owned() };
                (call.uid.as_deref() == Some("1@x")).then_some(Fault::Fail(Moment::Before, error))
            });
            world.disturb("ad", refuse);
            let run = world.provision("ad").await;
            assert_eq!(run.counters.outcome(Outcome::Failed), 1, "{:?}", world.problems(&run).await);
            assert_eq!(managers(&world), ["2@x -> ", "3@x -> 2@x"]);
            world.disturb("ad", no_faults());
            world.store().release_parked(Release::All, world.clock().instant()).await.expect("the database");
            let run = world.provision("ad").await;
            assert_eq!(run.state.outcome, Some(OutcomeStatus::Success));
            assert_eq!(managers(&world)[1..], ["2@x -> 1@x", "3@x -> 2@x"]);
            settled(&world).await;
        }
    });
}

/// The keys of the accounts that a run writes, in their order.
async fn written(world: &mut World) -> (RunRecord, Vec<String>) {
    let written = Arc::new(Mutex::new(Vec::new()));
    let seen = written.clone();
    let plan = move |call: &Call| {
        seen.lock().unwrap_or_else(PoisonError::into_inner).extend(call.uid.clone());
        None
    };
    world.disturb("ad", Arc::new(plan));
    let run = world.provision("ad").await;
    let written = written.lock().unwrap_or_else(PoisonError::into_inner).clone();
    (run, written)
}

/// A chain and a cycle, made, and then deleted but for two of them: what was done, and told of it.
async fn made_and_deleted(database: &TestDatabase, durable: Durable, at_once: u64) -> Vec<String> {
    let world = insisting(database).await.with_system("ad", system(true, durable));
    let mut world = world.with_page_size(3).with_ordered_at_once(at_once);
    let mut told = Vec::new();
    let managers_of =
        [("1", ""), ("2", "1"), ("3", "2"), ("4", "3"), ("5", "7"), ("6", "5"), ("7", "6"), ("8", "6")];
    for department in ["IT", "HR"] {
        let stays = |number| department == "IT" || number == "1" || number == "8";
        let hired: Vec<_> = managers_of
            .iter()
            .map(|(number, manager)| (*number, if stays(*number) { "IT" } else { "HR" }, *manager))
            .collect();
        people(&world, &hired).await;
        let (run, written) = written(&mut world).await;
        told.extend(written);
        told.extend(world.problems(&run).await);
        told.push(format!("{:?} {:?} {:?}", run.plan_hash, run.counters, run.state.outcome));
        told.extend(managers(&world));
    }
    told.push(world.whole_state().await);
    told
}

#[test]
fn accounts_are_written_in_one_order_however_much_of_the_plan_is_in_memory_at_a_time() {
    on_each_database(async |database| {
        for durable in [Durable::EachCall, Durable::AtClose] {
            let whole = made_and_deleted(database, durable, 1_000_000).await;
            for at_once in [1, 2, 5] {
                let in_parts = made_and_deleted(database, durable, at_once).await;
                assert_eq!(in_parts, whole, "{at_once} {durable:?}");
            }
        }
    });
}

/// What somebody is on one day: in which department, under whom.
type Day = Vec<(u8, u8, u8)>;

fn days() -> impl Strategy<Value = Vec<Day>> {
    let somebody = (1..=7u8, 0..3u8, 0..=8u8);
    prop::collection::vec(prop::collection::vec(somebody, 1..8), 1..4)
}

/// Lives the days and answers whom accounts name in the end.
async fn live(world: &World, days: &[Day]) -> Vec<String> {
    for day in days {
        for (number, department, manager) in day {
            let manager = if *manager == 0 { String::new() } else { manager.to_string() };
            let department = ["IT", "FIN", "HR"][usize::from(*department)];
            person(world, &number.to_string(), department, &manager);
        }
        world.synchronize("hr").await;
        let run = world.provision("ad").await;
        let failed = run.counters.outcome(Outcome::Failed);
        assert_eq!(failed, 0, "{:?}", world.problems(&run).await);
    }
    managers(world)
}

/// In all accounts that there are, the managers are named that have one, whatever the target insists on.
#[test]
fn a_target_that_insists_ends_as_one_that_does_not() {
    on_each_database(async |database| {
        let cases = if database.is_postgres() { 6 } else { 24 };
        let config = Config { cases, failure_persistence: None, max_shrink_iters: 100, ..Config::default() };
        let here = tokio::runtime::Handle::current();
        tokio::task::block_in_place(|| {
            let outcome = TestRunner::new(config).run(&days(), |days| {
                here.block_on(async {
                    let lenient =
                        insisting(database).await.with_system("ad", system(false, Durable::EachCall));
                    let expected = live(&lenient, &days).await;
                    for durable in [Durable::EachCall, Durable::AtClose] {
                        let strict = insisting(database).await.with_system("ad", system(true, durable));
                        assert_eq!(live(&strict, &days).await, expected, "{durable:?}");
                    }
                    let mut last = std::collections::BTreeMap::new();
                    for (number, department, manager) in days.iter().flatten() {
                        last.insert(*number, (*department, *manager));
                    }
                    let has_account =
                        |number: u8| last.get(&number).is_some_and(|(department, _)| *department < 2);
                    let named = last.iter().filter(|(number, _)| has_account(**number)).map(
                        |(number, (_, manager))| {
                            let manager =
                                if has_account(*manager) { format!("{manager}@x") } else { String::new() };
                            format!("{number}@x -> {manager}")
                        },
                    );
                    assert_eq!(expected, named.collect::<Vec<_>>());
                });
                Ok(())
            });
            outcome.unwrap_or_else(|error| panic!("{error}"));
        });
    });
}
