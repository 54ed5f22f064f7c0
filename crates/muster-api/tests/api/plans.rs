//! Plans: simulated, held, looked at, approved and rejected by their hash.

use muster_testkit::http::Client;
use muster_testkit::server::{Staff, TestServer};
use serde_json::{Value, json};

use crate::tasks::{wait_for, wait_for_end};
use crate::world::{application, conf, configured, expect_error, places, put_people};

const TASK: &str = "/acme/api/sync/sync-tasks/hr-import/instances";

fn simulate(client: &Client) -> (String, Value) {
    let id = client.post(TASK, &json!({"mode": "SIMULATE"})).expect(200).text().to_owned();
    let progress = wait_for_end(client, &format!("{TASK}/{id}"));
    (id, progress)
}

/// A server whose task is held: a limit of no creates at all.
fn held() -> (TestServer, Client, String, Value) {
    let (server, admin) = configured(Staff::Working);
    let path = conf("acme", "sync-task-definitions/hr-import");
    let mut task = admin.get(&path).json();
    task["guards"] = json!({"create": {"count": 0}});
    let _ = admin.put(&path, &task).expect(200);
    put_people(&server, &[("1", "Ann"), ("2", "Bob")]);
    let id = admin.post_nothing(TASK).expect(200).text().to_owned();
    let run = format!("{TASK}/{id}");
    let progress = wait_for(&admin, &run, |progress| {
        ["HELD", "FINISHED"].contains(&progress["progressStatus"].as_str().unwrap())
    });
    assert_eq!(progress["progressStatus"], "HELD", "{progress}");
    (server, admin, run, progress)
}

#[test]
fn a_simulation_shows_its_plan_and_does_nothing() {
    let (server, admin) = configured(Staff::Working);
    put_people(&server, &[("1", "Ann"), ("2", "Bob")]);
    let (id, progress) = simulate(&admin);
    assert_eq!((&progress["mode"], &progress["outcomeStatus"]), (&json!("SIMULATE"), &json!("SUCCESS")));
    assert_eq!(admin.get("/acme/api/im/IDENTITY").json(), json!([]));

    let changes = admin.get(&format!("{TASK}/{id}/changes")).expect(200).json();
    assert_eq!(changes.as_array().unwrap().len(), 2);
    let first = &changes[0];
    assert_eq!(first["number"], 1);
    assert_eq!(
        (&first["action"], &first["situation"], &first["reaction"]),
        (&json!("CREATE"), &json!("UNMATCHED"), &json!("CREATE"))
    );
    assert_eq!((&first["accountKey"], &first["status"]), (&json!("1"), &json!("PLANNED")));
    assert_eq!(
        first["attributes"],
        json!([{"name": "employeeNumber", "after": "1"}, {"name": "name", "after": "Ann"}])
    );
    let page = admin.get(&format!("{TASK}/{id}/changes?after=1&limit=1")).expect(200).json();
    assert_eq!(page, json!([changes[1]]));
    assert_eq!(places(admin.get(&format!("{TASK}/{id}/changes?after=x&limit=1001"))), ["?after", "?limit"]);
}

#[test]
fn an_approved_simulation_is_carried_out_by_a_run_of_its_own() {
    let (server, admin) = configured(Staff::Working);
    put_people(&server, &[("1", "Ann"), ("2", "Bob")]);
    let (id, progress) = simulate(&admin);
    let approve = format!("{TASK}/{id}/~approve");
    let other = "0".repeat(32);
    expect_error(admin.post(&approve, &json!({"planHash": other})), 409, "CONFLICT");
    assert_eq!(
        places(admin.post(&approve, &json!({"planHash": "x", "force": true}))),
        ["/force", "/planHash"]
    );
    let approval = admin.post(&approve, &json!({"planHash": progress["planHash"]})).expect(200).json();
    let run = format!("{TASK}/{}", approval["id"].as_str().unwrap());
    assert_ne!(approval["id"], id.as_str());
    let progress = wait_for_end(&admin, &run);
    assert_eq!(
        (&progress["mode"], &progress["outcomeStatus"]),
        (&json!("APPLY"), &json!("SUCCESS")),
        "{progress}"
    );
    assert_eq!(admin.get("/acme/api/im/IDENTITY").json().as_array().unwrap().len(), 2);
    let changes = admin.get(&format!("{run}/changes")).json();
    assert!(changes.as_array().unwrap().iter().all(|change| change["status"] == "APPLIED"), "{changes}");
}

#[test]
fn a_held_plan_is_named_by_the_next_launch_and_approved() {
    let (_server, admin, run, progress) = held();
    assert!(progress["heldBy"].as_str().unwrap().starts_with("create"), "{progress}");
    assert_eq!(admin.get("/acme/api/im/IDENTITY").json(), json!([]));
    let error = expect_error(admin.post_nothing(TASK), 409, "CONFLICT");
    assert_eq!(error["properties"]["heldBy"], progress["heldBy"]);
    assert!(error["fix"].as_str().unwrap().contains("~approve"), "{error}");

    let approval =
        admin.post(&format!("{run}/~approve"), &json!({"planHash": progress["planHash"]})).expect(200);
    assert_eq!(approval.json(), json!({"id": progress["id"]}));
    let progress = wait_for_end(&admin, &run);
    assert_eq!(progress["outcomeStatus"], "SUCCESS", "{progress}");
    assert_eq!(admin.get("/acme/api/im/IDENTITY").json().as_array().unwrap().len(), 2);
    expect_error(
        admin.post(&format!("{run}/~approve"), &json!({"planHash": progress["planHash"]})),
        409,
        "CONFLICT",
    );
}

#[test]
fn a_rejected_plan_ends_without_doing_anything() {
    let (_server, admin, run, progress) = held();
    let body = json!({"planHash": progress["planHash"]});
    expect_error(
        admin.post(&format!("{run}/~reject"), &json!({"planHash": "0".repeat(32)})),
        409,
        "CONFLICT",
    );
    let answer = admin.post(&format!("{run}/~reject"), &body).expect(204);
    assert!(answer.body.is_empty());
    let progress = admin.get(&run).json();
    assert_eq!(
        (&progress["progressStatus"], &progress["outcomeStatus"]),
        (&json!("FINISHED"), &json!("ABORTED"))
    );
    expect_error(admin.post(&format!("{run}/~reject"), &body), 409, "CONFLICT");
    assert_eq!(admin.get("/acme/api/im/IDENTITY").json(), json!([]));
}

#[test]
fn unsaved_configuration_is_simulated_only_and_by_who_may_configure() {
    let (server, admin) = configured(Staff::Working);
    put_people(&server, &[("1", "Ann")]);
    let mut unsaved = application("hr");
    unsaved["objectTypes"][0]["attributeMappings"][1]["transformations"] = json!([{"type": "UPPER"}]);
    let body = |mode: &str, application: &Value| json!({"mode": mode, "configuration": {"applications": [application]}});
    assert_eq!(places(admin.post(TASK, &body("APPLY", &unsaved))), ["/configuration"]);
    let operator = server.make_token("acme", "operator");
    expect_error(operator.post(TASK, &body("SIMULATE", &unsaved)), 403, "FORBIDDEN");
    let id = admin.post(TASK, &body("SIMULATE", &unsaved)).expect(200).text().to_owned();
    wait_for_end(&admin, &format!("{TASK}/{id}"));
    let changes = admin.get(&format!("{TASK}/{id}/changes")).json();
    assert_eq!(changes[0]["attributes"][1], json!({"name": "name", "after": "ANN"}));
    let saved = admin.get(&conf("acme", "applications/hr")).json();
    assert!(saved["objectTypes"][0]["attributeMappings"][1].get("transformations").is_none(), "{saved}");

    unsaved["connectorDefinitionId"] = "unknown".into();
    let found = places(admin.post(TASK, &body("SIMULATE", &unsaved)));
    assert_eq!(found, ["/applications/hr/connectorDefinitionId"]);
}
