//! The history of objects, and their accounts, over HTTP: what runs and people wrote, what is remembered, what is.

use std::sync::Arc;

use muster_api::ApiSettings;
use muster_connector::ConnectorError;
use muster_connector::faulty::{CallKind, Fault, FaultyKind, Moment, Watch};
use muster_connector::memory::{CAPABLE, MemoryKind, MemorySystem};
use muster_engine::Connectors;
use muster_testkit::http::Client;
use muster_testkit::server::{Staff, TestServer};
use serde_json::{Value, json};

use crate::tasks::wait_for_end;
use crate::world::{
    PEOPLE, application, conf, configure, configured, connector_definition, expect_error, places, profile,
    provisioning_task, put_people, target,
};

const IDENTITIES: &str = "/acme/api/im/IDENTITY";

fn run(admin: &Client, kind: &str, task: &str) {
    let instances = format!("/acme/api/sync/{kind}/{task}/instances");
    let id = admin.post_nothing(&instances).expect(200).text().to_owned();
    let ended = wait_for_end(admin, &format!("{instances}/{id}"));
    assert_eq!(ended["outcomeStatus"], "SUCCESS", "{ended}");
}

fn the_one(admin: &Client) -> String {
    let objects = admin.get(IDENTITIES).expect(200).json();
    assert_eq!(objects.as_array().unwrap().len(), 1);
    objects[0]["id"].as_str().unwrap().to_owned()
}

/// Somebody from `hr` with an account in `payroll`.
fn provisioned(server: &TestServer, admin: &Client) -> String {
    for (kind, body) in [
        ("applications", target("payroll")),
        ("application-profiles", profile("all", "payroll")),
        ("prov-task-definitions", provisioning_task("accounts")),
    ] {
        let _ = admin.post(&conf("acme", kind), &body).expect(201);
    }
    put_people(server, &[("1", "Ann")]);
    run(admin, "sync-tasks", "hr-import");
    run(admin, "prov-tasks", "accounts");
    the_one(admin)
}

#[test]
fn history_tells_what_runs_and_people_replaced() {
    let (server, admin) = configured(Staff::Working);
    put_people(&server, &[("1", "Ann")]);
    run(&admin, "sync-tasks", "hr-import");
    let path = format!("{IDENTITIES}/{}", the_one(&admin));
    let patch = json!({"enabled": false, "attributes": {"name": "Anna", "nick": "Annie"}});
    let merge = [("content-type", "application/merge-patch+json")];
    let user = server.make_user("acme", "ann", "correct horse", "configurator");
    let _ = user.send("PATCH", &path, &merge, patch.to_string().as_bytes()).expect(200);
    run(&admin, "sync-tasks", "hr-import");
    let body = json!({"objectType": "guest", "attributes": {}, "enabled": true});
    let _ = admin.put(&path, &body).expect(200);
    let _ = admin.delete(&path).expect(204);
    let history = admin.get(&format!("{path}/~history")).expect(200).json();
    let said: Vec<_> = history
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            let replaced = &one["replaced"];
            let attributes = replaced["attributes"].as_array().unwrap().clone();
            json!([
                one["version"],
                one["action"],
                one["actor"]["name"],
                one["synchronizationTaskId"],
                replaced["version"],
                replaced["enabled"],
                replaced.get("objectType"),
                attributes
            ])
        })
        .collect();
    let held = |name: &str, value: &str| json!({"name": name, "before": value});
    assert_eq!(
        Value::from(said),
        json!([
            [5, "DELETE", "admin", null, 4, true, "guest", []],
            [
                4, "UPDATE", "admin", null, 3, false, null,
                [held("employeeNumber", "1"), held("name", "Ann"), held("nick", "Annie")],
            ],
            [3, "UPDATE", null, "hr-import", 2, false, null, [held("name", "Anna")]],
            [2, "DISABLE", "ann", null, 1, true, null, [held("name", "Ann"), {"name": "nick"}]],
        ])
    );
    assert_eq!(history[1]["replaced"]["objectType"], Value::Null);
    assert!(history[1]["replaced"].as_object().unwrap().contains_key("objectType"));
    assert_eq!(history[3]["replaced"]["disabledReason"], Value::Null);
    assert!(history[2]["instanceId"].is_string() && history[3]["instanceId"].is_null());
    // What it was it stays: nobody finds it under another kind.
    let as_role = path.replace("IDENTITY", "ROLE");
    expect_error(admin.get(&format!("{as_role}/~history")), 404, "NOT_FOUND");
    let page = admin.get(&format!("{path}/~history?limit=2&after=5")).expect(200).json();
    assert_eq!(page, json!([history[1], history[2]]));
    assert_eq!(admin.get(&format!("{path}/~history?after=1")).expect(200).json(), json!([]));
    let made = admin.post(IDENTITIES, &json!({"attributes": {}})).expect(201).json();
    let path = format!("{IDENTITIES}/{}/~history", made["id"].as_str().unwrap());
    let history = admin.get(&path).expect(200).json();
    assert_eq!((&history[0]["action"], &history[0]["replaced"]), (&json!("CREATE"), &Value::Null));
}

#[test]
fn accounts_are_shown_as_remembered_and_as_they_are() {
    let (server, admin) = configured(Staff::Working);
    let id = provisioned(&server, &admin);
    let path = format!("/acme/api/sync/accounts/identity/{id}");
    let accounts = admin.get(&path).expect(200).json();
    let hr = json!({
        "applicationId": "hr", "objectClassId": "person", "accountKey": "1", "state": "LIVE", "enabled": null,
        "disabledReason": null, "profileId": null, "version": 1, "attributes": {"name": "Ann", "no": "1"},
    });
    let payroll = json!({
        "applicationId": "payroll", "objectClassId": "person", "accountKey": "1", "state": "LIVE", "enabled": true,
        "disabledReason": null, "profileId": "all", "version": 1, "attributes": {"holder": "Ann", "no": "1"},
    });
    assert_eq!(accounts, json!([hr, payroll]));
    let of_hr = admin.get(&format!("{path}?applicationId=hr&fetchLiveStatus=false")).expect(200).json();
    assert_eq!(of_hr, json!([hr]));
    server.system().take(PEOPLE, "1");
    let mut changed = server.system().accounts("payroll")["1"].clone();
    changed.enabled = false;
    server.system().put("payroll", "1", changed);
    let accounts = admin.get(&format!("{path}?fetchLiveStatus=true")).expect(200).json();
    assert_eq!(accounts[0]["live"], json!({"found": false, "enabled": null, "attributes": {}}));
    let attributes = json!({"holder": "Ann", "no": "1"});
    assert_eq!(accounts[1]["live"], json!({"found": true, "enabled": false, "attributes": attributes}));
    assert_eq!(places(admin.get(&format!("{path}?applicationId=nobody"))), ["?applicationId"]);
    assert_eq!(places(admin.get(&format!("{path}?fetchLiveStatus=yes"))), ["?fetchLiveStatus"]);
    let role = admin.post("/acme/api/im/ROLE", &json!({"attributes": {}})).expect(201).json();
    for nobody in ["nobody", "01900000-0000-7000-8000-000000000000", role["id"].as_str().unwrap()] {
        let path = format!("/acme/api/sync/accounts/identity/{nobody}");
        expect_error(admin.get(&path), 404, "NOT_FOUND");
    }
}

#[test]
fn an_application_that_fails_is_an_error_in_its_rows_alone() {
    let watch = Watch::new(Arc::new(|call| {
        let message = "the payroll system is asleep; wake it".to_owned();
        (call.kind == CallKind::Read)
            .then(|| Fault::Fail(Moment::Before, ConnectorError::Unusable { message }))
    }));
    let memory = MemoryKind { name: "asleep", system: MemorySystem::new(CAPABLE) };
    let asleep = FaultyKind::new(Box::new(memory), watch);
    let connectors: Connectors = [("asleep", Arc::new(asleep) as _)].into();
    let server = TestServer::start_with(Staff::Working, ApiSettings::default(), connectors);
    server.make_tenant("acme");
    let admin = server.make_token("acme", "admin");
    configure(&admin, "acme");
    let id = provisioned(&server, &admin);
    let mut broken = connector_definition("asleep");
    broken["type"] = "asleep".into();
    let _ = admin.post(&conf("acme", "connector-definitions"), &broken).expect(201);
    let mut payroll = target("payroll");
    payroll["connectorDefinitionId"] = "asleep".into();
    let _ = admin.put(&conf("acme", "applications/payroll"), &payroll).expect(200);
    let path = format!("/acme/api/sync/accounts/identity/{id}?fetchLiveStatus=true");
    let accounts = admin.get(&path).expect(200).json();
    assert_eq!(accounts[0]["live"]["found"], true);
    assert_eq!(accounts[1]["live"], json!({"error": "the payroll system is asleep; wake it"}));
    // A class that is not configured any more cannot be asked, and a definition in maintenance is not.
    let mut hr = application("hr");
    hr["objectClasses"][0]["id"] = "people".into();
    hr["objectTypes"][0]["objectClassId"] = "people".into();
    let _ = admin.delete(&conf("acme", "sync-task-definitions/hr-import")).expect(204);
    let _ = admin.put(&conf("acme", "applications/hr"), &hr).expect(200);
    broken["maintenance"] = true.into();
    let _ = admin.put(&conf("acme", "connector-definitions/asleep"), &broken).expect(200);
    let accounts = admin.get(&path).expect(200).json();
    let error = "application `hr` has no object class `person` any more";
    assert_eq!(accounts[0]["live"], json!({"error": error}));
    assert_eq!(accounts[1]["live"]["error"], "connector definition `asleep` is in maintenance");
}
