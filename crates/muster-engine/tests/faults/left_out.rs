//! Runs that go on without an application, and whose process dies: whoever takes one up leaves out the same.

use std::sync::Arc;

use muster_connector::faulty::{Call, CallKind, Fault, FaultPlan, FaultyKind, Moment, Watch};
use muster_connector::memory::{CAPABLE, MemoryAccount, MemoryKind, MemorySystem};
use muster_connector::{Capabilities, ConnectorError};
use muster_model::configuration::ConfigurationKind;
use muster_model::run::{Mode, OutcomeStatus};
use muster_testkit::world::configuration::{ad, connector, staff};
use muster_testkit::world::{TestDatabase, World, on_each_database, provisioning};
use serde_json::json;

use crate::crash::Story;

/// People, the usual target, and one before it that fails by a plan.
async fn beside(database: &TestDatabase, system: MemorySystem, plan: FaultPlan) -> World {
    for number in 1..=9 {
        let account = MemoryAccount { enabled: true, attributes: Default::default() };
        system.put("account", &format!("stranger {number}"), account);
    }
    let kind = MemoryKind { name: "aa", system };
    let kind = FaultyKind::new(Box::new(kind), Watch::new(plan));
    let world = World::usual(database).await.with_page_size(1).with_connector(Arc::new(kind));
    world.save(ConfigurationKind::ConnectorDefinition, connector("aa", "aa")).await;
    let mut application = ad();
    (application["id"], application["connectorDefinitionId"]) = (json!("aa"), json!("aa"));
    world.save(ConfigurationKind::Application, application).await;
    let mut profile = staff();
    (profile["id"], profile["applicationId"]) = (json!("staff-aa"), json!("aa"));
    world.save(ConfigurationKind::ApplicationProfile, profile).await;
    for number in 1..=3 {
        world.hire(&number.to_string(), &format!("{number}@x"), &format!("Name {number}"), "IT");
    }
    world.synchronize("hr").await;
    world
}

async fn survives(database: &TestDatabase, before: impl AsyncFn(&TestDatabase) -> World) {
    let world = before(database).await;
    let run = world.provision("ad").await;
    assert_eq!(run.state.outcome, Some(OutcomeStatus::Partial), "{:?}", world.problems(&run).await);
    assert_eq!(world.system("ad").accounts("account").len(), 3);
    let story = Story { before, launch: || provisioning("ad", Mode::Apply) };
    story.survives_a_dead_process(database).await;
}

#[test]
fn an_application_that_cannot_be_swept_to_its_end() {
    on_each_database(async |database| {
        survives(database, async |database: &TestDatabase| {
            // Whoever takes the sweep up meets the fault as well, some pages later.
            let plan: FaultPlan = Arc::new(|call: &Call| {
                let fault = ConnectorError::Transient { message: "no answer".to_owned(), retry_after: None };
                (call.kind == CallKind::Page && call.number.is_multiple_of(7))
                    .then_some(Fault::Fail(Moment::Before, fault))
            });
            beside(database, MemorySystem::new(CAPABLE), plan).await
        })
        .await;
    });
}

#[test]
fn an_application_that_cannot_be_written() {
    on_each_database(async |database| {
        survives(database, async |database: &TestDatabase| {
            let system = MemorySystem::new(Capabilities { write: false, ..CAPABLE });
            beside(database, system, Arc::new(|_: &Call| None)).await
        })
        .await;
    });
}
