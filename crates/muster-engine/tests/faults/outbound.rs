//! Provisioning runs that are interrupted, against targets that remember each call and targets that remember
//! all calls at once.

use muster_connector::memory::{CAPABLE, MemorySystem};
use muster_connector::{Capabilities, Durable};
use muster_model::configuration::ConfigurationKind;
use muster_model::run::{Mode, OutcomeStatus};
use muster_testkit::world::configuration::{ad, giving_keys, naming, provisioning as task, staff};
use muster_testkit::world::{TestDatabase, World, on_each_database, on_sqlite, provisioning};
use serde_json::json;

use crate::crash::Story;

async fn people(database: &TestDatabase, durable: Durable) -> World {
    let target = Capabilities { durable, ..CAPABLE };
    let world = World::usual(database).await.with_page_size(2).with_capabilities("ad", target);
    for number in 1..=5 {
        world.hire(&number.to_string(), &format!("{number}@x"), &format!("Name {number}"), "IT");
    }
    world.synchronize("hr").await;
    world
}

/// Accounts to make, to link, to change, to disable, to delete and to forget, and one that lies about its owner.
async fn busy(database: &TestDatabase, durable: Durable) -> World {
    let world = people(database, durable).await;
    let gone = ["8", "9", "10"];
    let hire_gone = |department: &str| {
        for number in gone {
            world.hire(number, &format!("{number}@x"), &format!("Name {number}"), department);
        }
    };
    hire_gone("IT");
    world.synchronize("hr").await;
    world.provision("ad").await;
    let mut leaving = staff();
    leaving["id"] = json!("leaving");
    leaving["objectMatchingCondition"] = json!("department eq \"OLD\"");
    leaving["deprovisioning"] = json!("DELETE");
    world.save(ConfigurationKind::ApplicationProfile, leaving).await;
    world.hire("5", "5@x", "Five", "OLD");
    world.synchronize("hr").await;
    world.provision("ad").await;
    world.hire("1", "1@x", "Renamed", "FIN");
    world.hire("2", "2@x", "Name 2", "HR");
    world.hire("5", "5@x", "Five", "HR");
    world.hire("6", "6@x", "Six", "IT");
    world.hire("7", "7@x", "Seven", "FIN");
    hire_gone("HR");
    for number in gone {
        world.system("ad").take("account", number);
    }
    world.synchronize("hr").await;
    world.put("ad", "account", "lost", &[("uid", "lost"), ("mail", "7@x")]);
    world.put("ad", "account", "3", &[("uid", "3"), ("mail", "wrong@x"), ("groups", "admins")]);
    world.system("ad").take("account", "4");
    world
}

fn person(world: &World, number: &str, department: &str, manager: &str) {
    let email = format!("{number}@x");
    let fields = [("number", number), ("email", &*email), ("department", department), ("manager", manager)];
    world.put("hr", "person", number, &fields);
}

/// A target that insists on managers who exist: a chain and a cycle to make, one who names himself, one whose
/// manager is nobody, and one who gets another manager.
async fn joining(database: &TestDatabase, durable: Durable) -> World {
    let target = Capabilities { durable, references_must_exist: true, ..CAPABLE };
    let system = MemorySystem::new(target).with_references(vec!["manager".into()]);
    let world = World::usual(database).await.with_page_size(2).with_system("ad", system);
    world.save(ConfigurationKind::Application, naming("REMOTE_NAME")).await;
    let mut profile = staff();
    profile["deprovisioning"] = json!("DELETE");
    world.save(ConfigurationKind::ApplicationProfile, profile).await;
    for (number, manager) in [("1", ""), ("2", "1"), ("3", "4"), ("4", "3"), ("5", "2")] {
        person(&world, number, "IT", manager);
    }
    world.synchronize("hr").await;
    world.provision("ad").await;
    let people = [("5", "7"), ("6", "7"), ("7", ""), ("8", "9"), ("9", "8"), ("10", "10"), ("11", "99")];
    for (number, manager) in people {
        person(&world, number, "IT", manager);
    }
    world.synchronize("hr").await;
    world
}

/// The same with a chain and a cycle to delete.
async fn entangled(database: &TestDatabase, durable: Durable) -> World {
    let world = joining(database, durable).await;
    for (number, manager) in [("1", ""), ("2", "1"), ("3", "4"), ("4", "3")] {
        person(&world, number, "HR", manager);
    }
    world.synchronize("hr").await;
    world
}

/// People of whom some have accounts already, others are to get them, under keys that the target gives.
async fn given(database: &TestDatabase, durable: Durable) -> World {
    let system = MemorySystem::new(Capabilities { durable, ..CAPABLE }).with_given_keys();
    let world = World::usual(database).await.with_page_size(2).with_system("ad", system);
    world.save(ConfigurationKind::Application, giving_keys(ad())).await;
    let hire = |number: u32, email: &str| {
        world.hire(&number.to_string(), email, &format!("Name {number}"), "IT");
    };
    (1..=3).for_each(|number| hire(number, &format!("{number}@x")));
    world.synchronize("hr").await;
    world.provision("ad").await;
    hire(1, "one@x");
    (4..=7).for_each(|number| hire(number, &format!("{number}@x")));
    world.synchronize("hr").await;
    world
}

#[test]
fn accounts_that_get_their_keys_from_the_target() {
    for durable in [Durable::EachCall, Durable::AtClose] {
        on_each_database(async |database| {
            let before = async |database: &TestDatabase| given(database, durable).await;
            let story = Story { before, launch: || provisioning("ad", Mode::Apply) };
            story.survives_a_dead_process(database).await;
        });
        on_sqlite(async |database| {
            let before = async |database: &TestDatabase| given(database, durable).await;
            let story = Story { before, launch: || provisioning("ad", Mode::Apply) };
            story.survives_a_cancel(database).await;
            let before =
                async |database: &TestDatabase| given(database, durable).await.with_ordered_at_once(3);
            let story = Story { before, launch: || provisioning("ad", Mode::Apply) };
            story.survives_a_dead_process(database).await;
        });
    }
}

#[test]
fn accounts_that_name_each_other() {
    on_each_database(async |database| {
        let before = async |database: &TestDatabase| entangled(database, Durable::EachCall).await;
        let story = Story { before, launch: || provisioning("ad", Mode::Apply) };
        story.survives_a_dead_process(database).await;
    });
}

#[test]
fn accounts_that_name_each_other_in_a_plan_that_is_gone_through_in_parts() {
    for durable in [Durable::EachCall, Durable::AtClose] {
        on_sqlite(async |database| {
            let before =
                async |database: &TestDatabase| entangled(database, durable).await.with_ordered_at_once(3);
            let story = Story { before, launch: || provisioning("ad", Mode::Apply) };
            story.survives_a_dead_process(database).await;
        });
    }
}

#[test]
fn a_run_that_is_cancelled_leaves_nothing_that_the_next_does_not_finish() {
    for verify in ["LIVE", "SHADOW"] {
        on_each_database(async |database| {
            let before = async |database: &TestDatabase| {
                let world = joining(database, Durable::EachCall).await;
                let mut task = task();
                task["verify"] = json!(verify);
                world.save(ConfigurationKind::ProvisioningTaskDefinition, task).await;
                world
            };
            let story = Story { before, launch: || provisioning("ad", Mode::Apply) };
            story.survives_a_cancel(database).await;
        });
    }
}

#[test]
fn the_process_dies_at_a_call_to_a_target_that_insists() {
    for durable in [Durable::EachCall, Durable::AtClose] {
        on_each_database(async |database| {
            let before = async |database: &TestDatabase| entangled(database, durable).await;
            let story = Story { before, launch: || provisioning("ad", Mode::Apply) };
            story.survives_a_death_at_any_call(database, "ad").await;
            let world = entangled(database, durable).await;
            let run = world.provision("ad").await;
            assert_eq!(run.state.outcome, Some(OutcomeStatus::Success), "{:?}", world.problems(&run).await);
        });
    }
}

#[test]
fn first_accounts_each_call_by_itself() {
    on_each_database(async |database| {
        let before = async |database: &TestDatabase| people(database, Durable::EachCall).await;
        let story = Story { before, launch: || provisioning("ad", Mode::Apply) };
        story.survives_a_dead_process(database).await;
    });
}

#[test]
fn first_accounts_all_at_once() {
    on_each_database(async |database| {
        let before = async |database: &TestDatabase| people(database, Durable::AtClose).await;
        let story = Story { before, launch: || provisioning("ad", Mode::Apply) };
        story.survives_a_dead_process(database).await;
    });
}

#[test]
fn all_kinds_of_changes_each_call_by_itself() {
    on_each_database(async |database| {
        let before = async |database: &TestDatabase| busy(database, Durable::EachCall).await;
        let story = Story { before, launch: || provisioning("ad", Mode::Apply) };
        story.survives_a_dead_process(database).await;
    });
}

#[test]
fn all_kinds_of_changes_all_at_once() {
    on_each_database(async |database| {
        let before = async |database: &TestDatabase| busy(database, Durable::AtClose).await;
        let story = Story { before, launch: || provisioning("ad", Mode::Apply) };
        story.survives_a_dead_process(database).await;
    });
}

#[test]
fn accounts_as_their_shadows_remember_them() {
    on_each_database(async |database| {
        let before = async |database: &TestDatabase| {
            let world = busy(database, Durable::EachCall).await;
            let mut remembered = task();
            remembered["verify"] = json!("SHADOW");
            world.save(ConfigurationKind::ProvisioningTaskDefinition, remembered).await;
            world
        };
        let story = Story { before, launch: || provisioning("ad", Mode::Apply) };
        story.survives_a_dead_process(database).await;
    });
}

#[test]
fn the_process_dies_at_a_call_to_the_target() {
    for durable in [Durable::EachCall, Durable::AtClose] {
        on_each_database(async |database| {
            let before = async |database: &TestDatabase| busy(database, durable).await;
            let story = Story { before, launch: || provisioning("ad", Mode::Apply) };
            story.survives_a_death_at_any_call(database, "ad").await;
        });
    }
}
