//! Syncs, their status and their results as clients of User Sync see them, and directories that are deleted.

use muster_testkit::http::{Answer, Client};
use muster_testkit::server::{Staff, TestServer};
use serde_json::{Value, json};

use crate::tasks::wait_for;
use crate::world::{conf, configured, expect_error, places, put_people};

const BASE: &str = "/acme/rest/samlsso-admin/1.0";
const TASK: &str = "sync-task-definitions/hr-import";

/// The example of the documentation.
const EXAMPLE: &str = r#"{
    "status": "DONE", "addedCount": 0, "resultCount": 2, "notModifiedCount": 2, "failedCount": 0, "updatedCount": 0,
    "deletedCount": 0, "filteredCount": 0,
    "messages": ["Scheduled with jobid 388382e4-46cb-408f-bd12-ee71545653b0", "Skipping admin or sysadmin <admin>"],
    "clusterNode": "NOT_CLUSTERED", "connectorUID": "7df9fd3f-793f-4595-b415-b839b76b0018",
    "lastModified": "2022-10-05T08:17:44Z", "created": "2022-10-05T08:17:44Z", "duration": 0, "id": 94,
    "resultMessage": null, "resultFilePath": null, "syncUserResults": null, "connectorSupportInformation": null,
    "syncStatusResult": "SUCCESS", "_self": "/syncstatus/94"
}"#;

fn unique_id(admin: &Client) -> String {
    let task = admin.get(&conf("acme", TASK)).expect(200).json();
    task["uniqueId"].as_str().unwrap().to_owned()
}

fn sync(client: &Client, connector: &str) -> Answer {
    client.post_nothing(&format!("{BASE}/usersync/connector/{connector}/sync"))
}

/// Waits until a sync is done.
fn done(client: &Client, started: &Value) -> Value {
    let path = format!("{BASE}/usersync{}", started["_self"].as_str().unwrap());
    wait_for(client, &path, |status| status["status"] == "DONE")
}

fn results(client: &Client, number: u64, query: &str) -> Vec<Value> {
    let path = format!("{BASE}/usersync/syncstatus/{number}/results{query}");
    client.get(&path).expect(200).json().as_array().unwrap().clone()
}

fn change_task(admin: &Client, field: &str, value: Value) {
    let path = conf("acme", TASK);
    let mut task = admin.get(&path).expect(200).json();
    task[field] = value;
    let _ = admin.put(&path, &task).expect(200);
}

/// A server whose next sync is held: a limit of no creates at all.
fn held() -> (TestServer, Client, Value) {
    let (server, admin) = configured(Staff::Working);
    change_task(&admin, "guards", json!({"create": {"count": 0}}));
    put_people(&server, &[("1", "Ann"), ("2", "Bob")]);
    let started = sync(&admin, "hr-import").expect(200).json();
    let status = done(&admin, &started);
    (server, admin, status)
}

#[test]
fn a_sync_is_started_watched_and_its_results_are_read() {
    let (server, admin) = configured(Staff::Working);
    put_people(&server, &[("1", "Ann"), ("2", "Bob")]);
    let connector = unique_id(&admin);
    let last = format!("{BASE}/usersync/connector/{connector}/syncstatus");
    expect_error(admin.get(&last), 404, "NOT_FOUND");

    let started = sync(&admin, &connector).expect(200).json();
    let status = done(&admin, &started);
    let example: Value = serde_json::from_str(EXAMPLE).unwrap();
    let fields = |status: &Value| status.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!((fields(&started), fields(&status)), (fields(&example), fields(&example)));
    for (name, shown) in example.as_object().unwrap().iter().filter(|(_, shown)| !shown.is_null()) {
        let same = std::mem::discriminant(shown) == std::mem::discriminant(&status[name]);
        assert!(same, "{name}: {shown}, {}", status[name]);
    }
    let runs = admin.get("/acme/api/sync/sync-tasks/hr-import/instances").expect(200).json();
    let run = runs[0]["id"].as_str().unwrap();
    assert_eq!(status["messages"], json!([format!("Scheduled with jobid {run}")]));
    for (name, expected) in [
        ("id", json!(1)),
        ("_self", json!("/syncstatus/1")),
        ("connectorUID", json!(connector)),
        ("addedCount", json!(2)),
        ("resultCount", json!(2)),
        ("syncStatusResult", json!("SUCCESS")),
        ("resultMessage", Value::Null),
        ("clusterNode", json!("NOT_CLUSTERED")),
    ] {
        assert_eq!(status[name], expected, "{name}");
    }
    assert_eq!(status["created"].as_str().unwrap().len(), "2022-10-05T08:17:44Z".len());
    assert_eq!(admin.get(&last).expect(200).json(), status);
    let ann = json!({
        "operation": "ADDED",
        "identifier": "1",
        "inputUser": null,
        "resultingUser": {"employeeNumber": "1", "name": "Ann"},
        "message": null,
    });
    assert_eq!(results(&admin, 1, "")[0], ann);
}

#[test]
fn syncs_are_numbered_whoever_launches_them_and_single_keys_are_not_the_connectors_last() {
    let (server, admin) = configured(Staff::Working);
    put_people(&server, &[("1", "Ann")]);
    let instances = "/acme/api/sync/sync-tasks/hr-import/instances";
    for body in [json!({}), json!({"mode": "SIMULATE"}), json!({"keys": ["1", "7"]})] {
        let run = admin.post(instances, &body).expect(200).text().to_owned();
        wait_for(&admin, &format!("{instances}/{run}"), |run| run["progressStatus"] == "FINISHED");
    }
    let of_keys = admin.get(&format!("{BASE}/usersync/syncstatus/2")).expect(200).json();
    assert_eq!([&of_keys["failedCount"], &of_keys["notModifiedCount"]], [&json!(1), &json!(1)]);
    assert_eq!(of_keys["syncStatusResult"], "PARTIALLY_FAILED");
    let told = results(&admin, 2, "");
    assert_eq!([&told[0]["operation"], &told[0]["identifier"]], [&json!("FAILED"), &json!("7")]);
    assert_eq!(told[0]["message"], "no account has the key `7`; nobody is concluded to be gone");
    let last = admin.get(&format!("{BASE}/usersync/connector/hr-import/syncstatus")).expect(200).json();
    assert_eq!(last["id"], 1);
    assert_eq!(sync(&admin, "hr-import").expect(200).json()["id"], 3);
}

#[test]
fn results_are_ten_or_as_many_as_are_asked_for() {
    let (server, admin) = configured(Staff::Working);
    let people: Vec<(String, String)> =
        (1..=1200).map(|number| (number.to_string(), format!("Name {number}"))).collect();
    let people: Vec<(&str, &str)> = people.iter().map(|(no, name)| (&**no, &**name)).collect();
    put_people(&server, &people);
    done(&admin, &sync(&admin, "hr-import").expect(200).json());
    done(&admin, &sync(&admin, "hr-import").expect(200).json());
    for number in [1, 2] {
        for (query, expected) in [
            ("", 10),
            ("?count=3", 3),
            ("?count=0", 0),
            ("?count=1199", 1199),
            ("?count=-1", 1200),
            ("?count=5000", 1200),
        ] {
            assert_eq!(results(&admin, number, query).len(), expected, "{number} {query}");
        }
        let all = results(&admin, number, "?count=-1");
        let mut told: Vec<&str> = all.iter().map(|result| result["identifier"].as_str().unwrap()).collect();
        told.sort_unstable();
        told.dedup();
        assert_eq!(told.len(), 1200);
    }
    let unchanged = json!({
        "operation": "NOT_MODIFIED", "identifier": "1", "inputUser": null, "resultingUser": null, "message": null,
    });
    assert!(results(&admin, 2, "?count=-1").contains(&unchanged));
    for count in ["", "ten", "-2", "1.5", "99999999999"] {
        let path = format!("{BASE}/usersync/syncstatus/1/results?count={count}");
        assert_eq!(places(admin.get(&path)), ["?count"], "{count}");
    }
}

#[test]
fn what_does_not_exist_is_not_found() {
    let (_server, admin) = configured(Staff::Working);
    for path in [
        "usersync/connector/nothing/syncstatus",
        "usersync/connector/01900000-0000-7000-8000-000000000000/syncstatus",
        "usersync/syncstatus/1",
        "usersync/syncstatus/0",
        "usersync/syncstatus/-1",
        "usersync/syncstatus/last",
        "usersync/syncstatus/99999999999999999999",
        "usersync/syncstatus/1/results",
    ] {
        expect_error(admin.get(&format!("{BASE}/{path}")), 404, "NOT_FOUND");
    }
    expect_error(sync(&admin, "nothing"), 404, "NOT_FOUND");
    for directory in ["nothing", "..", "a%20b"] {
        assert_eq!(admin.delete(&format!("{BASE}/directory/{directory}")).status, 404, "{directory}");
    }
}

#[test]
fn body_type_and_token_of_a_sync_are_ignored() {
    let (_server, admin) = configured(Staff::Working);
    let path = format!("{BASE}/usersync/connector/hr-import/sync");
    let form = ("content-type", "application/x-www-form-urlencoded");
    let calls: [(&[(&str, &str)], &str); 5] = [
        (&[], ""),
        (&[form, ("x-atlassian-token", "nocheck")], ""),
        (&[("content-type", "application/json; charset=utf-8")], ""),
        (&[("content-type", "application/json")], "{\"a\": "),
        (&[("content-type", "text/plain")], "anything"),
    ];
    for (index, (headers, body)) in calls.into_iter().enumerate() {
        let started = admin.send("POST", &path, headers, body.as_bytes()).expect(200).json();
        assert_eq!(started["id"], index + 1);
        done(&admin, &started);
    }
}

#[test]
fn a_sync_can_be_kept_for_the_process_that_took_the_call() {
    let (_server, admin) = configured(Staff::Working);
    let path = format!("{BASE}/usersync/connector/hr-import/sync?local=");
    let started = admin.post_nothing(&format!("{path}true")).expect(200).json();
    assert_eq!(done(&admin, &started)["syncStatusResult"], "SUCCESS");
    let _ = admin.post_nothing(&format!("{path}false")).expect(200);
    assert_eq!(places(admin.post_nothing(&format!("{path}yes"))), ["?local"]);
}

#[test]
fn a_sync_that_is_held_has_failed_until_it_is_approved() {
    let (_server, admin, status) = held();
    assert_eq!(status["syncStatusResult"], "FAILED");
    let message = status["resultMessage"].as_str().unwrap();
    assert!(message.contains("create"), "{message}");
    assert_eq!([&status["failedCount"], &status["addedCount"]], [&json!(2), &json!(0)]);
    for result in results(&admin, 1, "") {
        let told = [&result["operation"], &result["message"]];
        assert_eq!(told, [&json!("FAILED"), &json!("the plan of the sync waits for an approval")]);
    }
    let conflict = expect_error(sync(&admin, "hr-import"), 409, "CONFLICT");
    assert!(conflict["properties"]["heldBy"].is_string(), "{conflict}");
    expect_error(admin.delete(&format!("{BASE}/directory/main")), 409, "CONFLICT");

    let instances = "/acme/api/sync/sync-tasks/hr-import/instances";
    let run = admin.get(instances).expect(200).json()[0].clone();
    let approve = format!("{instances}/{}/~approve", run["id"].as_str().unwrap());
    let _ = admin.post(&approve, &json!({"planHash": run["planHash"]})).expect(200);
    let path = format!("{BASE}/usersync/syncstatus/1");
    let approved = wait_for(&admin, &path, |status| status["syncStatusResult"] == "SUCCESS");
    assert_eq!([&approved["addedCount"], &approved["status"]], [&json!(2), &json!("DONE")]);
}

#[test]
fn a_sync_that_is_rejected_says_so() {
    let (_server, admin, _) = held();
    let instances = "/acme/api/sync/sync-tasks/hr-import/instances";
    let run = admin.get(instances).expect(200).json()[0].clone();
    let reject = format!("{instances}/{}/~reject", run["id"].as_str().unwrap());
    let _ = admin.post(&reject, &json!({"planHash": run["planHash"]})).expect(204);
    let status = admin.get(&format!("{BASE}/usersync/syncstatus/1")).expect(200).json();
    assert_eq!([&status["status"], &status["syncStatusResult"]], [&json!("DONE"), &json!("FAILED")]);
    assert_eq!([&status["failedCount"], &status["resultCount"]], [&json!(2), &json!(2)]);
    assert!(status["resultMessage"].as_str().unwrap().contains("reject"), "{status}");
}

#[test]
fn a_directory_is_deleted_and_every_sync_says_so_afterwards() {
    let (server, admin) = configured(Staff::Working);
    put_people(&server, &[("1", "Ann"), ("2", "Bob")]);
    done(&admin, &sync(&admin, "hr-import").expect(200).json());
    let directory = format!("{BASE}/directory/main");
    for role in ["viewer", "operator", "configurator", "approver"] {
        let client = server.make_token("acme", role);
        expect_error(client.delete(&directory), 403, "FORBIDDEN");
    }
    assert_eq!(admin.get("/acme/api/im/IDENTITY").json().as_array().unwrap().len(), 2);
    assert_eq!(admin.delete(&directory).expect(204).text(), "");
    assert_eq!(admin.get("/acme/api/im/IDENTITY").json(), json!([]));
    expect_error(admin.delete(&directory), 404, "NOT_FOUND");

    // Through this door and the other; a save over there brings nothing back.
    let of_task = "/acme/api/sync/sync-tasks/hr-import/instances";
    change_task(&admin, "name", json!("Renamed"));
    for number in [2, 3] {
        let launched = match number {
            2 => sync(&admin, "hr-import"),
            _ => admin.post_nothing(of_task),
        };
        assert_eq!(launched.status, 200);
        let status = done(&admin, &json!({"_self": format!("/syncstatus/{number}")}));
        let run = admin.get(of_task).expect(200).json()[0].clone();
        let run = run["id"].as_str().unwrap();
        let messages = [format!("Scheduled with jobid {run}"), "Directory main does not exists".to_owned()];
        assert_eq!(status["messages"], json!(messages));
        assert_eq!(status["syncStatusResult"], "FAILED");
        assert_eq!(status["resultMessage"], "Directory main does not exists");
        assert_eq!(status["resultCount"], 0);
    }
    let object = json!({"attributes": {"name": "Eve"}});
    assert_eq!(admin.post("/acme/api/im/IDENTITY", &object).status, 400);
}

#[test]
fn results_go_with_the_changes_of_their_run_and_the_counts_stay() {
    let (server, admin) = configured(Staff::Working);
    put_people(&server, &[("1", "Ann")]);
    done(&admin, &sync(&admin, "hr-import").expect(200).json());
    let tenant = server.tenant("acme");
    server.block_on(async {
        let sync = tenant.sync(1).await.unwrap().unwrap();
        tenant.drop_changes(sync.run.seq).await.unwrap();
    });
    let path = format!("{BASE}/usersync/syncstatus/1");
    expect_error(admin.get(&format!("{path}/results")), 404, "NOT_FOUND");
    assert_eq!(admin.get(&path).expect(200).json()["addedCount"], 1);
}
