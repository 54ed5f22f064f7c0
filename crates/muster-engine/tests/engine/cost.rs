//! What an entry costs the store.

use muster_model::configuration::ConfigurationKind;
use muster_model::run::Outcome;
use muster_testkit::world::configuration::{correlation, hr};
use muster_testkit::world::{TestDatabase, World, on_each_database};
use serde_json::json;

/// All rows of all tables.
async fn rows(database: &TestDatabase) -> u64 {
    let tables = match database.is_postgres() {
        true => {
            "SELECT table_name::text FROM information_schema.tables WHERE table_schema = current_schema()"
        }
        false => "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'",
    };
    let mut rows = 0;
    for table in database.texts(tables).await {
        let counted = database.texts(&format!("SELECT CAST(count(*) AS TEXT) FROM \"{table}\"")).await;
        rows += counted[0].parse::<u64>().expect("a count");
    }
    rows
}

#[test]
fn a_created_entry_is_four_rows() {
    const PEOPLE: u64 = 500;
    // The run, its bucket and rules, acts of the audit log, and what is given out once for many.
    const BESIDE: u64 = 20;

    on_each_database(async |database| {
        let world = World::usual(database).await.with_page_size(500);
        // As in the example: people are found by what their managers are named with.
        let mut application = hr();
        application["objectTypes"][0]["correlation"] = json!([correlation("number", "number")]);
        world.save(ConfigurationKind::Application, application).await;
        for (kind, id) in [
            (ConfigurationKind::SynchronizationTaskDefinition, "crm"),
            (ConfigurationKind::Application, "crm"),
            (ConfigurationKind::ProvisioningTaskDefinition, "ad"),
            (ConfigurationKind::ApplicationProfile, "staff"),
            (ConfigurationKind::Application, "ad"),
        ] {
            world.delete(kind, id).await;
        }
        for number in 0..PEOPLE {
            world.hire(&number.to_string(), &format!("{number}@x"), &format!("Name {number}"), "IT");
        }
        let before = rows(database).await;
        let run = world.synchronize("hr").await;
        assert_eq!(run.counters.outcome(Outcome::Created), PEOPLE);
        let written = rows(database).await - before;
        assert!(written <= 4 * PEOPLE + BESIDE, "change, object, shadow and key: {written}");
    });
}
