//! Applications as runs find them: whether one fails, when it is tried again, and releasing it; and what is found out about
//! one without a run.

use std::sync::Arc;

use muster_api::ApiSettings;
use muster_connector::ConnectorError;
use muster_connector::faulty::{Call, CallKind, Fault, FaultyKind, Moment, Watch};
use muster_connector::memory::{CAPABLE, MemoryKind, MemorySystem};
use muster_engine::Connectors;
use muster_testkit::http::Client;
use muster_testkit::server::{Staff, TestServer};
use serde_json::{Value, json};

use crate::tasks::wait_for_end;
use crate::world::{application, conf, configure, expect_error};

const STATUS: &str = "/acme/api/sync/conf/applications/hr/~status";
const RELEASE: &str = "/acme/api/sync/conf/applications/hr/~release";

/// A server whose application cannot be read.
fn down() -> (TestServer, Client, Watch) {
    with_kind(Watch::new(Arc::new(|call: &Call| {
        let fault = ConnectorError::Transient { message: "no answer".to_owned(), retry_after: None };
        (call.kind == CallKind::Sweep).then_some(Fault::Fail(Moment::Before, fault))
    })))
}

/// A server whose application fails by a plan.
fn with_kind(watch: Watch) -> (TestServer, Client, Watch) {
    let kind = MemoryKind { name: "down", system: MemorySystem::new(CAPABLE) };
    let mut connectors = Connectors::new();
    connectors.insert("down", Arc::new(FaultyKind::new(Box::new(kind), watch.clone())));
    let server = TestServer::start_with(Staff::Working, ApiSettings::default(), connectors);
    server.make_tenant("acme");
    let admin = server.make_token("acme", "admin");
    configure(&admin, "acme");
    let definition = json!({"id": "down", "name": "Down", "type": "down"});
    let _ = admin.post(&conf("acme", "connector-definitions"), &definition).expect(201);
    let mut application = application("hr");
    application["connectorDefinitionId"] = json!("down");
    let _ = admin.put(&format!("{}/hr", conf("acme", "applications")), &application).expect(200);
    (server, admin, watch)
}

fn fail(admin: &Client) -> String {
    let instances = "/acme/api/sync/sync-tasks/hr-import/instances";
    let id = admin.post_nothing(instances).expect(200).text().to_owned();
    let ended = wait_for_end(admin, &format!("{instances}/{id}"));
    assert_eq!(ended["outcomeStatus"], "FAILURE", "{ended}");
    id
}

fn status(admin: &Client) -> Value {
    admin.get(STATUS).expect(200).json()
}

#[test]
fn a_client_sees_an_application_come_into_quarantine_and_releases_it() {
    let (server, admin, watch) = down();
    let active = json!({
        "applicationId": "hr", "state": "ACTIVE", "failures": 0, "class": null, "reason": null, "since": null,
        "lastAttempt": null, "nextAttempt": null, "instanceId": null, "whatToDo": "nothing",
    });
    assert_eq!(status(&admin), active);
    let first = fail(&admin);
    let failing = status(&admin);
    assert_eq!((&failing["state"], &failing["failures"]), (&json!("FAILING"), &json!(1)), "{failing}");
    assert_eq!((&failing["reason"], &failing["class"]), (&json!("no answer"), &json!("TRANSIENT")));
    assert_eq!((&failing["instanceId"], &failing["nextAttempt"]), (&json!(first), &Value::Null));
    fail(&admin);
    let third = fail(&admin);
    let quarantined = status(&admin);
    assert_eq!(
        (&quarantined["state"], &quarantined["failures"], &quarantined["instanceId"]),
        (&json!("QUARANTINED"), &json!(3), &json!(third)),
        "{quarantined}"
    );
    assert_eq!(quarantined["since"], failing["since"]);
    assert!(quarantined["nextAttempt"].as_str() > quarantined["lastAttempt"].as_str(), "{quarantined}");
    assert!(quarantined["whatToDo"].as_str().unwrap().contains("release"), "{quarantined}");

    // Who may only look releases nothing; what is not there neither.
    let viewer = server.make_token("acme", "viewer");
    expect_error(viewer.post_nothing(RELEASE), 403, "FORBIDDEN");
    for path in [STATUS, RELEASE] {
        let path = path.replace("hr", "nothing");
        let answer = if path.ends_with("release") { admin.post_nothing(&path) } else { admin.get(&path) };
        expect_error(answer, 404, "NOT_FOUND");
    }
    let operator = server.make_token("acme", "operator");
    for _ in 0..2 {
        let _ = operator.post_nothing(RELEASE).expect(204);
    }
    let released = status(&admin);
    assert!(released["nextAttempt"].as_str() < quarantined["nextAttempt"].as_str(), "{released}");
    let log = admin.get("/acme/api/sync/audit?act=RELEASE").expect(200).json();
    assert_eq!(log.as_array().unwrap().len(), 1, "{log}");
    assert_eq!(watch.calls(), 3);
}

#[test]
fn another_tenant_neither_sees_nor_releases_it() {
    let (server, admin, _watch) = down();
    server.make_tenant("globex");
    let stranger = server.make_token("globex", "admin");
    configure(&stranger, "globex");
    for _ in 0..3 {
        fail(&admin);
    }
    expect_error(stranger.get(STATUS), 404, "NOT_FOUND");
    expect_error(stranger.post_nothing(RELEASE), 404, "NOT_FOUND");
    let own = stranger.get(&STATUS.replace("acme", "globex")).expect(200).json();
    assert_eq!(own["state"], "ACTIVE");
    let _ = stranger.post_nothing(&RELEASE.replace("acme", "globex")).expect(204);
    assert_eq!(status(&admin)["state"], "QUARANTINED");
}

const TEST: &str = "/acme/api/sync/conf/connector-definitions/down/~test";
const SCHEMA: &str = "/acme/api/sync/conf/applications/hr/~schema";

#[test]
fn a_connection_is_tested_and_says_what_is_wrong() {
    let (_server, admin, _) = down();
    let tested = admin.post_nothing(TEST).expect(200).json();
    let class = json!({"step": "CLASS", "property": null, "class": "people", "passed": true, "message": "can be read"});
    assert_eq!(tested, json!({"connectorDefinitionId": "down", "passed": true, "steps": [class]}));
    let missing = TEST.replace("down", "none");
    let _ = expect_error(admin.post_nothing(&missing), 404, "NOT_FOUND");

    let definition = json!({"id": "file", "name": "File", "type": "memory"});
    let _ = admin.post(&conf("acme", "connector-definitions"), &definition).expect(201);
    let tested = admin.post_nothing(&TEST.replace("down", "file")).expect(200).json();
    assert_eq!((&tested["passed"], &tested["steps"]), (&json!(true), &json!([])), "nobody uses it yet");
}

#[test]
fn a_failed_step_is_told_and_no_error_of_the_request() {
    let fault = |kind| {
        let watch = Watch::new(Arc::new(move |call: &Call| {
            let fault = ConnectorError::Unusable { message: "the password is wrong".to_owned() };
            (call.kind == kind).then_some(Fault::Fail(Moment::Before, fault))
        }));
        with_kind(watch)
    };
    let (_server, admin, _) = fault(CallKind::Probe);
    let tested = admin.post_nothing(TEST).expect(200).json();
    assert_eq!(tested["passed"], false);
    assert_eq!(tested["steps"][0]["message"], "the password is wrong");
    let (_server, admin, _) = fault(CallKind::Discover);
    let error = expect_error(admin.get(SCHEMA), 409, "CONFLICT");
    assert_eq!(error["description"], "the password is wrong");
}

#[test]
fn an_application_says_what_it_offers() {
    let (_server, admin, _) = down();
    let schema = admin.get(SCHEMA).expect(200).json();
    assert_eq!(schema["applicationId"], "hr");
    assert_eq!(schema["objectClasses"][0]["remoteName"], "people");
    let missing = SCHEMA.replace("/hr/", "/none/");
    let _ = expect_error(admin.get(&missing), 404, "NOT_FOUND");
}
