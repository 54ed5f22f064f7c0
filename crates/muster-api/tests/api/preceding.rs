//! Tasks with `preSynchronization`: what a launch answers, and what clients see of the wait.

use std::sync::Arc;

use muster_api::ApiSettings;
use muster_connector::memory::{CAPABLE, MemoryKind, MemorySystem};
use muster_connector::{Capabilities, ChangeFeed};
use muster_testkit::http::Client;
use muster_testkit::server::{Staff, TestServer};
use serde_json::{Value, json};

use crate::tasks::wait_for_end;
use crate::world::{
    application, conf, configure, configured, connector_definition, expect_error, put_people,
    synchronization_task,
};

const FIRST: &str = "/acme/api/sync/sync-tasks/hr-import/instances";
const SECOND: &str = "/acme/api/sync/sync-tasks/second/instances";

/// Saves a task that comes after another.
fn save_after(admin: &Client, preceding: &str) {
    let mut task = synchronization_task("second");
    task["preSynchronization"] = json!(preceding);
    let _ = admin.post(&conf("acme", "sync-task-definitions"), &task).expect(201);
}

#[test]
fn a_launch_answers_the_run_that_waits_and_its_progress_says_for_which() {
    let (_server, admin) = configured(Staff::Absent);
    save_after(&admin, "hr-import");
    let id = admin.post_nothing(SECOND).expect(200).text().to_owned();
    let second = format!("{SECOND}/{id}");
    let progress = admin.get(&second).expect(200).json();
    let first = progress["waitsForInstanceId"].as_str().unwrap().to_owned();
    assert_eq!((&progress["id"], &progress["progressStatus"]), (&json!(id), &json!("PENDING")));
    let preceding = admin.get(&format!("{FIRST}/{first}")).expect(200).json();
    assert_eq!(
        (&preceding["waitsForInstanceId"], &preceding["progressStatus"]),
        (&Value::Null, &json!("PENDING"))
    );

    for (task, id) in [(SECOND, &id), (FIRST, &first)] {
        let error = expect_error(admin.post_nothing(task), 409, "CONFLICT");
        assert_eq!(error["properties"], json!({"instanceId": id, "progressStatus": "PENDING"}));
    }
    let simulated = admin.post(SECOND, &json!({"mode": "SIMULATE"})).expect(200).text().to_owned();
    let simulated = admin.get(&format!("{SECOND}/{simulated}")).expect(200).json();
    assert_eq!(simulated["waitsForInstanceId"], Value::Null);

    let _ = admin.post_nothing(&format!("{second}/~cancel")).expect(200);
    let progress = admin.get(&second).expect(200).json();
    assert_eq!(
        (&progress["outcomeStatus"], &progress["waitsForInstanceId"]),
        (&json!("ABORTED"), &Value::Null)
    );
    assert_eq!(admin.get(&format!("{FIRST}/{first}")).json()["progressStatus"], "PENDING", "it goes on");
}

#[test]
fn both_are_worked_on_in_their_order() {
    let (server, admin) = configured(Staff::Working);
    save_after(&admin, "hr-import");
    put_people(&server, &[("1", "Ann"), ("2", "Bob")]);
    let id = admin.post_nothing(SECOND).expect(200).text().to_owned();
    let second = wait_for_end(&admin, &format!("{SECOND}/{id}"));
    assert_eq!((&second["outcomeStatus"], &second["waitsForInstanceId"]), (&json!("SUCCESS"), &Value::Null));
    assert_eq!(second["counters"]["actions"]["created"], 0, "the first has made them: {second}");
    let first = admin.get(FIRST).expect(200).json();
    assert_eq!((&first[0]["outcomeStatus"], &first[1]), (&json!("SUCCESS"), &Value::Null));
    assert_eq!(first[0]["counters"]["actions"]["created"], 2);
    assert!(first[0]["endDate"].as_str() <= second["endDate"].as_str());
}

#[test]
fn a_task_that_cannot_be_run_refuses_those_after_it_by_its_name() {
    let without_changes = Capabilities { changes: ChangeFeed::None, ..CAPABLE };
    let plain = MemoryKind { name: "plain", system: MemorySystem::new(without_changes) };
    let connectors = [("plain", Arc::new(plain) as Arc<_>)].into();
    let server = TestServer::start_with(Staff::Absent, ApiSettings::default(), connectors);
    server.make_tenant("acme");
    let admin = server.make_token("acme", "admin");
    configure(&admin, "acme");
    let mut definition = connector_definition("plain");
    definition["type"] = "plain".into();
    let _ = admin.post(&conf("acme", "connector-definitions"), &definition).expect(201);
    let mut unchanging = application("plain");
    unchanging["connectorDefinitionId"] = "plain".into();
    unchanging["objectTypes"][0]["objectKind"] = "RESOURCE".into();
    let _ = admin.post(&conf("acme", "applications"), &unchanging).expect(201);
    let mut task = synchronization_task("reader");
    (task["applicationId"], task["sweep"]) = ("plain".into(), "CHANGES".into());
    let _ = admin.post(&conf("acme", "sync-task-definitions"), &task).expect(201);
    save_after(&admin, "reader");
    let error = expect_error(admin.post_nothing(SECOND), 409, "CONFLICT");
    let description = error["description"].as_str().unwrap();
    assert!(description.starts_with("`reader`, which comes before `second`, cannot be run: "), "{error}");
    assert!(
        description.contains("is CHANGES") && error["fix"].as_str().unwrap().contains("preSynchronization")
    );
    assert_eq!(admin.get(SECOND).expect(200).json(), json!([]));
}
