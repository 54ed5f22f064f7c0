//! What admins fear of sources and rules, where no other file of these tests has it: each is held, refused or left out
//! before anything is taken from anybody.

use expect_test::expect;
use muster_model::configuration::ConfigurationKind;
use muster_model::run::OutcomeStatus;
use muster_store::RunRecord;
use muster_testkit::world::configuration::{connector, hr};
use muster_testkit::world::{World, on_each_database};
use serde_json::json;

use crate::shown;

const CROWD: u32 = 30;

fn hire_all(world: &World) {
    for number in 1..=CROWD {
        world.hire(&number.to_string(), &format!("{number}@x"), &format!("Name {number}"), "IT");
    }
}

async fn warned(world: &World, run: &RunRecord, message: &str) -> bool {
    let problems = world.store().problems(run, 1000).await.expect("the database");
    problems.iter().any(|problem| problem.message == message)
}

#[test]
fn where_keys_repeat_somebody_may_not_have_been_read() {
    on_each_database(async |database| {
        let world = World::usual(database).await.with_page_size(7);
        hire_all(&world);
        world.synchronize("hr").await;
        // The key of the third was mistyped, so that the second seems to be there twice and the third not at all.
        let third = world.system("hr").accounts("person")["3"].clone();
        world.system("hr").put_mistyped("person", "3", "2", third);
        let run = world.synchronize("hr").await;
        assert_eq!(run.state.outcome, Some(OutcomeStatus::Partial));
        let expected = expect!["30 read, 0 lacking, 29 unchanged, 1 failed"];
        expected.assert_eq(&shown::counted(&run.counters));
        assert!(world.objects().await.values().all(|object| object.disabled.is_none()), "nobody is gone");
        let message =
            "1 of 30 entries repeat a key, as when a page comes twice; nobody is concluded to be gone";
        assert!(warned(&world, &run, message).await);
    });
}

#[test]
fn a_rule_that_finds_one_person_for_everybody_links_one() {
    on_each_database(async |database| {
        let world = World::usual(database).await.with_page_size(7);
        world.hire("0", "office@x", "The Office", "IT");
        world.synchronize("hr").await;
        let before = world.objects().await;
        let mut second = hr();
        second["id"] = json!("second");
        second["connectorDefinitionId"] = json!("second");
        let mappings = second["objectTypes"][0]["attributeMappings"].as_array_mut().expect("mappings");
        mappings.retain(|mapping| mapping["attribute"] == "name" || mapping["attribute"] == "email");
        mappings.iter_mut().for_each(|mapping| mapping["authority"] = json!(5));
        world.save(ConfigurationKind::ConnectorDefinition, connector("second", "crm")).await;
        world.save(ConfigurationKind::Application, second).await;
        let mut task = muster_testkit::world::configuration::reconciliation("second", "person");
        task["id"] = json!("second");
        world.save(ConfigurationKind::SynchronizationTaskDefinition, task).await;
        for number in 1..=CROWD {
            let fields = [("number", &*number.to_string()), ("email", "office@x"), ("name", "Somebody")];
            world.put("crm", "person", &number.to_string(), &fields);
        }
        let run = world.synchronize("second").await;
        let expected = expect!["30 read, 0 lacking, 30 reported"];
        expected.assert_eq(&shown::counted(&run.counters));
        let after = world.objects().await;
        assert_eq!(after.len(), 1, "nobody is made or deleted");
        let name = |objects: &std::collections::BTreeMap<_, muster_model::ImObject>| {
            objects.values().next().map(|object| object.attributes.clone())
        };
        assert_eq!(name(&after), name(&before), "the leading source has the higher authority");
    });
}

#[test]
fn where_new_keys_repeat_somebody_may_not_have_been_read() {
    on_each_database(async |database| {
        let world = World::usual(database).await.with_page_size(7);
        hire_all(&world);
        world.synchronize("hr").await;
        // A spreadsheet has made one number of two, so that two are lacking and one is new, twice.
        for number in ["3", "4"] {
            let account = world.system("hr").accounts("person")[number].clone();
            world.system("hr").put_mistyped("person", number, "1E+06", account);
        }
        let run = world.synchronize("hr").await;
        assert_eq!(run.state.outcome, Some(OutcomeStatus::Partial));
        assert!(world.objects().await.values().all(|object| object.disabled.is_none()), "nobody is gone");
        let message =
            "1 of 30 entries repeat a key, as when a page comes twice; nobody is concluded to be gone";
        assert!(warned(&world, &run, message).await, "{:?}", world.store().problems(&run, 10).await);
    });
}

#[test]
fn where_many_entries_fail_nobody_is_concluded_to_be_gone() {
    on_each_database(async |database| {
        let world = World::usual(database).await.with_page_size(7);
        for number in 1..=100 {
            world.hire(&number.to_string(), &format!("{number}@x"), &format!("Name {number}"), "IT");
        }
        world.synchronize("hr").await;
        world.dismiss("100");
        let fail = |numbers: std::ops::RangeInclusive<u32>| {
            for number in numbers.map(|number| number.to_string()) {
                world.system("hr").put_bad("person", &number, Some(number.clone()));
            }
        };
        fail(1..=20);
        let run = world.synchronize("hr").await;
        let expected = expect!["99 read, 1 lacking, 79 unchanged, 1 disabled, 20 failed"];
        expected.assert_eq(&shown::counted(&run.counters));
        world.dismiss("99");
        fail(21..=21);
        let run = world.synchronize("hr").await;
        let expected = expect!["98 read, 0 lacking, 77 unchanged, 21 failed"];
        expected.assert_eq(&shown::counted(&run.counters));
        let message = "21 of 98 entries failed; look at why, correct it and run the task again; nobody is concluded \
                       to be gone";
        assert!(warned(&world, &run, message).await);
    });
}

#[test]
fn where_most_entries_fail_nothing_is_done() {
    on_each_database(async |database| {
        let world = World::usual(database).await.with_page_size(7);
        hire_all(&world);
        world.synchronize("hr").await;
        for number in (1..=21).map(|number: u32| number.to_string()) {
            world.system("hr").put_bad("person", &number, Some(number.clone()));
        }
        world.hire("31", "31@x", "Somebody", "IT");
        let before = world.outcome_state().await;
        let run = world.synchronize("hr").await;
        assert_eq!(run.state.outcome, Some(OutcomeStatus::Failure));
        let expected = expect![
            "21 of 31 entries failed, which is more than half; nothing was applied: see whether the source holds what it should, or say in `errorPolicy.maximumErrors` how many may fail"
        ];
        expected.assert_eq(run.failure.as_deref().unwrap_or_default());
        assert_eq!(world.outcome_state().await, before);
        let mut task = muster_testkit::world::configuration::reconciliation("hr", "person");
        task["errorPolicy"] = json!({ "maximumErrors": 21 });
        world.save(ConfigurationKind::SynchronizationTaskDefinition, task).await;
        let expected = expect!["31 read, 0 lacking, 1 created, 9 unchanged, 21 failed"];
        expected.assert_eq(&shown::counted(&world.synchronize("hr").await.counters));
    });
}
