//! What admins fear of sources and rules, where no other file of these tests has it: each is held, refused or left out
//! before anything is taken from anybody.

use expect_test::expect;
use muster_model::configuration::ConfigurationKind;
use muster_model::run::OutcomeStatus;
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
        let problems = world.store().problems(&run, 10).await.expect("the database");
        let message =
            "1 of 30 entries repeat a key, as when a page comes twice; nobody is concluded to be gone";
        let warned = problems.iter().any(|problem| problem.message == message);
        assert!(warned, "{problems:?}");
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
