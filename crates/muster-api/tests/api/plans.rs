//! Plans: simulated, held, looked at, approved and rejected by their hash.

use muster_testkit::http::Client;
use muster_testkit::server::{Staff, TestServer};
use serde_json::{Value, json};

use crate::tasks::{wait_for, wait_for_end};
use crate::world::{application, conf, configured, expect_error, places, put_people, synchronization_task};

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

/// The labels of what is to be known about a run.
fn labels(client: &Client, run: &str) -> Vec<String> {
    let progress = client.get(&format!("{run}?option=expandErrorDetails:true")).expect(200).json();
    let details = progress["errorDetails"].as_array().unwrap();
    details.iter().map(|detail| detail["label"].as_str().unwrap().to_owned()).collect()
}

fn statuses(client: &Client, run: &str) -> Vec<String> {
    let changes = client.get(&format!("{run}/changes")).expect(200).json();
    let changes = changes.as_array().unwrap();
    changes.iter().map(|change| change["status"].as_str().unwrap().to_owned()).collect()
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
    let mapped = |source: &str| json!([{"strategy": "SIMPLE", "source": source, "strength": "STRONG", "text": format!("`{source}`, STRONG")}]);
    assert_eq!(
        first["attributes"],
        json!([
            {"name": "employeeNumber", "after": "1", "why": mapped("no")},
            {"name": "name", "after": "Ann", "why": mapped("name")},
        ])
    );
    let why = "the reaction to UNMATCHED is CREATE, as usual; no object fits by `no` = `employeeNumber`";
    assert_eq!((&first["why"], &first["objectKind"]), (&json!(why), &json!("IDENTITY")));
    assert_eq!((&first["objectName"], &first["placeInWords"]), (&json!("1"), &json!("entry 1 of `people`")));
    let page = admin.get(&format!("{TASK}/{id}/changes?after=1&limit=1")).expect(200).json();
    assert_eq!(page, json!([changes[1]]));
    for (query, expected) in [
        ("action=CREATE&situation=UNMATCHED&status=PLANNED", vec![1, 2]),
        ("action=DELETE", vec![]),
        ("status=NOT_APPLIED", vec![]),
        ("status=APPLIED", vec![]),
        ("status=STALE", vec![]),
        ("uid=2", vec![2]),
        ("attribute=name&after=1", vec![2]),
        ("attribute=enabled", vec![]),
    ] {
        let found = admin.get(&format!("{TASK}/{id}/changes?{query}")).expect(200).json();
        let numbers: Vec<_> = found.as_array().unwrap().iter().map(|one| one["number"].clone()).collect();
        assert_eq!(numbers, expected, "{query}");
    }
    let first = admin.get(&format!("{TASK}/{id}/changes?uid=1&limit=1")).expect(200);
    assert_eq!(first.header("link"), "<?uid=1&limit=1&after=1>; rel=\"next\"");
    let wrong = "action=create&situation=x&status=PENDING&uid=&attribute=&format=xml";
    assert_eq!(
        places(admin.get(&format!("{TASK}/{id}/changes?{wrong}"))),
        ["?action", "?attribute", "?format", "?situation", "?status", "?uid"]
    );
    assert_eq!(places(admin.get(&format!("{TASK}/{id}/changes?after=x&limit=1001"))), ["?after", "?limit"]);
}

#[test]
fn a_plan_is_written_as_csv_whole_and_without_formulas() {
    let (server, admin) = configured(Staff::Working);
    put_people(&server, &[("1", "=1+1"), ("2", "Bob, \"the\" builder")]);
    let (id, _) = simulate(&admin);
    let changes = format!("{TASK}/{id}/changes");
    let answer = admin.get(&format!("{changes}?format=csv&attribute=name")).expect(200);
    assert_eq!(answer.header("content-type"), "text/csv; charset=utf-8");
    let text = answer.text().to_owned();
    let lines: Vec<_> = text.split("\r\n").collect();
    assert_eq!(lines.len(), 6, "the names of columns, a row an attribute, nothing: {text}");
    assert!(lines[0].starts_with("number,action,situation,reaction,status,accountKey,place,"), "{text}");
    assert!(lines[2].contains(",name,,'=1+1,\"`name`, STRONG\","), "{text}");
    assert!(lines[4].contains(",name,,\"Bob, \"\"the\"\" builder\","), "{text}");
    let none = admin.get(&format!("{changes}?format=csv&action=DELETE")).expect(200).text().to_owned();
    assert_eq!(none, format!("{}\r\n", lines[0]));
    assert_eq!(places(admin.get(&format!("{changes}?format=csv&limit=5"))), ["?limit"]);
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
fn an_outdated_approval_ends_and_says_why() {
    let (server, admin) = configured(Staff::Working);
    put_people(&server, &[("1", "Ann"), ("2", "Bob")]);
    let (id, progress) = simulate(&admin);
    put_people(&server, &[("3", "Cem")]);
    let body = json!({"planHash": progress["planHash"]});
    let approval = admin.post(&format!("{TASK}/{id}/~approve"), &body).expect(200).json();
    let run = format!("{TASK}/{}", approval["id"].as_str().unwrap());
    let progress = wait_for_end(&admin, &run);
    assert_eq!(progress["outcomeStatus"], "ABORTED", "{progress}");
    assert_eq!(
        (&progress["heldBy"], &progress["counters"]["actions"]["notApplied"]),
        (&Value::Null, &json!(3))
    );
    assert_eq!(
        (labels(&admin, &run), statuses(&admin, &run)),
        (texts(["PLAN_OUTDATED"]), texts(["NOT_APPLIED"; 3]))
    );
    assert_eq!(admin.get("/acme/api/im/IDENTITY").json(), json!([]));
    let _ = admin.post_nothing(TASK).expect(200);
}

#[test]
fn a_key_that_does_not_exist_is_a_failed_entry() {
    let (server, admin) = configured(Staff::Working);
    put_people(&server, &[("1", "Ann")]);
    let id = admin.post(TASK, &json!({"keys": ["1", "9999"]})).expect(200).text().to_owned();
    let run = format!("{TASK}/{id}");
    let progress = wait_for_end(&admin, &run);
    assert_eq!((&progress["outcomeStatus"], &progress["numberOfErrors"]), (&json!("PARTIAL"), &json!(1)));
    assert_eq!(progress["numberOfEntriesToProcess"], 2, "{progress}");
    let details = admin.get(&format!("{run}?option=expandErrorDetails:true")).json()["errorDetails"].clone();
    assert_eq!(details[0]["label"], "ENTRY_NOT_FOUND", "{details}");
    assert_eq!(details[0]["properties"]["accountKey"], "9999");
}

fn texts<const N: usize>(texts: [&str; N]) -> Vec<String> {
    texts.map(str::to_owned).to_vec()
}

#[test]
fn a_held_plan_is_named_by_the_next_launch_and_approved() {
    let (_server, admin, run, progress) = held();
    assert!(progress["heldBy"].as_str().unwrap().starts_with("create"), "{progress}");
    let listed = admin.get(TASK).json();
    let expires = progress["expiresAt"].as_str().unwrap();
    assert_eq!(listed[0]["expiresAt"], expires);
    let hours = |text: &str| text.parse::<chrono::DateTime<chrono::Utc>>().unwrap();
    let kept = hours(expires) - hours(progress["startDate"].as_str().unwrap());
    assert_eq!(kept.num_hours(), 72, "{progress}");
    let counters = &progress["counters"];
    assert_eq!((&counters["planned"], &counters["actions"]["created"]), (&json!(true), &json!(2)));
    assert_eq!(
        (labels(&admin, &run), statuses(&admin, &run)),
        (texts(["GUARD_TRIPPED"]), texts(["PLANNED"; 2]))
    );
    assert_eq!(admin.get("/acme/api/im/IDENTITY").json(), json!([]));
    let error = expect_error(admin.post_nothing(TASK), 409, "CONFLICT");
    assert_eq!(error["properties"]["heldBy"], progress["heldBy"]);
    assert!(error["fix"].as_str().unwrap().contains("~approve"), "{error}");

    let approval =
        admin.post(&format!("{run}/~approve"), &json!({"planHash": progress["planHash"]})).expect(200);
    assert_eq!(approval.json(), json!({"id": progress["id"]}));
    let progress = wait_for_end(&admin, &run);
    assert_eq!(progress["outcomeStatus"], "SUCCESS", "{progress}");
    let counters = &progress["counters"];
    assert_eq!((&counters["planned"], &counters["actions"]["created"]), (&json!(false), &json!(2)));
    assert_eq!(statuses(&admin, &run), ["APPLIED"; 2]);
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
    let counters = &progress["counters"];
    assert_eq!((&counters["planned"], &counters["actions"]["created"]), (&json!(false), &json!(0)));
    assert_eq!(counters["actions"]["notApplied"], 2, "{counters}");
    assert_eq!(labels(&admin, &run), ["PLAN_REJECTED", "GUARD_TRIPPED"]);
    assert_eq!(statuses(&admin, &run), ["NOT_APPLIED"; 2]);
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
    assert_eq!(
        changes[0]["attributes"][1],
        json!({
            "name": "name", "after": "ANN",
            "why": [{
                "strategy": "SIMPLE", "source": "name", "transformations": ["UPPER"], "strength": "STRONG",
                "text": "`name` UPPER, STRONG",
            }],
        })
    );
    let saved = admin.get(&conf("acme", "applications/hr")).json();
    assert!(saved["objectTypes"][0]["attributeMappings"][1].get("transformations").is_none(), "{saved}");

    // What was never saved is not approved, until it is.
    let simulated = admin.get(&format!("{TASK}/{id}")).json();
    let approve =
        |plan: &Value| admin.post(&format!("{TASK}/{id}/~approve"), &json!({"planHash": plan["planHash"]}));
    let error = expect_error(approve(&simulated), 409, "CONFLICT");
    assert!(error["description"].as_str().unwrap().contains("configuration"), "{error}");
    assert_eq!(admin.get("/acme/api/im/IDENTITY").json(), json!([]));
    let _ = admin.put(&conf("acme", "applications/hr"), &unsaved).expect(200);
    let approval = approve(&simulated).expect(200).json();
    let run = format!("{TASK}/{}", approval["id"].as_str().unwrap());
    assert_eq!(wait_for_end(&admin, &run)["outcomeStatus"], "SUCCESS");
    assert_eq!(admin.get("/acme/api/im/IDENTITY").json()[0]["attributes"]["name"], "ANN");

    unsaved["connectorDefinitionId"] = "unknown".into();
    let found = places(admin.post(TASK, &body("SIMULATE", &unsaved)));
    assert_eq!(found, ["/configuration/applications/0/connectorDefinitionId"]);

    // The connector is asked as well, and what breaks in saved resources is told under their reference.
    let connector =
        json!({"id": "memory", "name": "M", "type": "memory", "connectorProperties": [{"name": "host"}]});
    let mut renamed = application("hr");
    renamed["objectClasses"][0]["id"] = "badge".into();
    renamed["objectTypes"][0]["objectClassId"] = "badge".into();
    let unsaved = json!({"connector-definitions": [connector], "applications": [renamed]});
    let found = places(admin.post(TASK, &json!({"mode": "SIMULATE", "configuration": unsaved})));
    assert_eq!(
        found,
        [
            "/configuration/connector-definitions/0/connectorProperties/0",
            "sync-task-definitions/hr-import#/objectClassId"
        ]
    );
}

#[test]
fn only_a_saved_definition_is_launched() {
    let (_server, admin) = configured(Staff::Absent);
    let unsaved = json!({"sync-task-definitions": [synchronization_task("newone")]});
    let body = json!({"mode": "SIMULATE", "configuration": unsaved});
    let instances = "/acme/api/sync/sync-tasks/newone/instances";
    expect_error(admin.post(instances, &body), 404, "NOT_FOUND");
    assert_eq!(admin.get("/acme/api/sync/sync-tasks/~instances").expect(200).json(), json!([]));
    let _ = admin.post(&conf("acme", "sync-task-definitions"), &synchronization_task("newone")).expect(201);
    let id = admin.post(instances, &body).expect(200).text().to_owned();
    assert_eq!(admin.get(instances).expect(200).json()[0]["id"], id.as_str());
}

#[test]
fn what_this_version_cannot_do_is_refused_where_it_is_written() {
    let (_server, admin) = configured(Staff::Absent);
    let cleanup = json!({
        "id": "cleaner", "name": "C", "taskType": "CLEANUP", "directoryId": "main", "action": "KEEP",
    });
    let _ = admin.post(&conf("acme", "sync-task-definitions"), &cleanup).expect(201);
    let launch = json!({"keys": ["1"]});
    let found = places(admin.post("/acme/api/sync/sync-tasks/cleaner/instances", &launch));
    assert_eq!(found, [""], "a clean-up reads no accounts");
    let body = json!({"override": {"reason": "the list is right"}});
    assert_eq!(places(admin.post(TASK, &body)), ["/override/guards"]);
}

#[test]
fn a_simulation_cannot_be_rejected_and_says_why() {
    let (server, admin) = configured(Staff::Working);
    put_people(&server, &[("1", "Ann")]);
    let (id, progress) = simulate(&admin);
    let body = json!({"planHash": progress["planHash"]});
    let error = expect_error(admin.post(&format!("{TASK}/{id}/~reject"), &body), 409, "CONFLICT");
    assert!(error["description"].as_str().unwrap().contains("is a simulation"), "{error}");
    assert!(!error["fix"].as_str().unwrap().contains("HELD"), "{error}");
    let _ = admin.post(&format!("{TASK}/{id}/~approve"), &body).expect(200);
}

#[test]
fn what_holds_a_plan_is_listed_and_who_may_approve_answers_for_one_run() {
    let (server, admin, run, progress) = held();
    assert_eq!(progress["heldBy"], "create: 2 of 0, the limit is 0");
    let trips = admin.get(&format!("{run}/trips")).expect(200).json();
    assert_eq!(trips.as_array().unwrap().len(), 1);
    assert_eq!(
        [&trips[0]["applicationId"], &trips[0]["guard"], &trips[0]["changes"], &trips[0]["count"]],
        [&json!("hr"), &json!("create"), &json!(2), &json!(0)]
    );
    let rows = admin.send("GET", &format!("{run}/trips"), &[("Accept", "text/csv")], b"").expect(200);
    assert!(rows.text().starts_with("applicationId,guard,of,changes,population,"), "{}", rows.text());
    assert!(rows.text().contains("\r\nhr,create,,2,0,0,,0,,,"), "{}", rows.text());
    let _ = admin.post_nothing(&format!("{run}/~cancel")).expect(200);

    let body =
        |count: u64| json!({"override": {"reason": "we begin", "guards": {"create": {"count": count}}}});
    let operator = server.make_token("acme", "operator");
    expect_error(operator.post(TASK, &body(2)), 403, "FORBIDDEN");
    let id = admin.post(TASK, &body(2)).expect(200).text().to_owned();
    let progress = wait_for_end(&admin, &format!("{TASK}/{id}"));
    assert_eq!(progress["outcomeStatus"], "SUCCESS", "{progress}");
    assert_eq!(progress["override"], body(2)["override"]);
    assert_eq!(admin.get(&format!("{TASK}/{id}/trips")).expect(200).json(), json!([]));
    let entries = admin.get("/acme/api/sync/audit?limit=20").expect(200).text().to_owned();
    assert!(entries.contains("we begin"), "{entries}");
}

#[test]
fn a_value_says_where_it_comes_from() {
    let (server, admin) = configured(Staff::Working);
    put_people(&server, &[("1", "Ann")]);
    let id = admin.post_nothing(TASK).expect(200).text().to_owned();
    wait_for_end(&admin, &format!("{TASK}/{id}"));
    let person = admin.get("/acme/api/im/IDENTITY").json()[0].clone();
    let object = format!("/acme/api/im/IDENTITY/{}", person["id"].as_str().unwrap());
    let why = admin.get(&format!("{object}/~why")).expect(200).json();
    assert_eq!(why.as_array().unwrap().len(), 2, "{why}");
    let number = &why[0];
    assert_eq!((&number["attribute"], &number["value"]), (&json!("employeeNumber"), &json!("1")));
    assert_eq!((&number["writtenBy"], &number["instanceId"]), (&json!("RUN"), &json!(id)));
    assert_eq!((&number["applicationId"], &number["accountKeys"]), (&json!("hr"), &json!(["1"])));
    assert_eq!((&number["taskId"], &number["why"][0]["source"]), (&json!("hr-import"), &json!("no")));

    let patch = json!({"attributes": {"employeeNumber": "1", "name": "Anna"}});
    let _ = admin.put(&object, &patch).expect(200);
    let why = admin.get(&format!("{object}/~why?attribute=name")).expect(200).json();
    assert_eq!(why.as_array().unwrap().len(), 1, "{why}");
    assert_eq!((&why[0]["writtenBy"], &why[0]["value"]), (&json!("HAND"), &json!("Anna")));
    assert_eq!(why[0]["actor"], json!({"kind": "TOKEN", "name": "admin"}));
    assert_eq!(why[0]["why"], json!([]));
    expect_error(admin.get(&format!("{object}/~why?attribute=x")), 404, "NOT_FOUND");
    expect_error(admin.get(&format!("{}/~why", object.replace("IDENTITY", "ROLE"))), 404, "NOT_FOUND");
}

#[test]
fn a_run_is_undone_by_a_plan_that_somebody_approves() {
    let (server, admin) = configured(Staff::Working);
    put_people(&server, &[("1", "Ann"), ("2", "Bob")]);
    let id = admin.post_nothing(TASK).expect(200).text().to_owned();
    wait_for_end(&admin, &format!("{TASK}/{id}"));
    let viewer = server.make_token("acme", "viewer");
    expect_error(viewer.post_nothing(&format!("{TASK}/{id}/~undo")), 403, "FORBIDDEN");
    let launched = admin.post_nothing(&format!("{TASK}/{id}/~undo")).expect(200).json();
    let undo = format!("{TASK}/{}", launched["id"].as_str().unwrap());
    let progress = wait_for(&admin, &undo, |progress| progress["progressStatus"] == "HELD");
    assert_eq!((&progress["undoesInstanceId"], &progress["mode"]), (&json!(id), &json!("APPLY")));
    assert!(progress["heldBy"].as_str().unwrap().contains("an undo is always held"), "{progress}");
    let again = expect_error(admin.post_nothing(&format!("{TASK}/{id}/~undo")), 409, "CONFLICT");
    assert_eq!(again["properties"]["instanceId"], progress["id"]);
    let changes = admin.get(&format!("{undo}/changes?action=DELETE")).expect(200).json();
    assert_eq!(changes.as_array().unwrap().len(), 2, "{changes}");
    assert_eq!(changes[0]["why"], format!("it undoes change 1 of run {id}"));

    let approver = server.make_token("acme", "approver");
    let body = json!({"planHash": progress["planHash"]});
    let _ = approver.post(&format!("{undo}/~approve"), &body).expect(200);
    assert_eq!(wait_for_end(&admin, &undo)["outcomeStatus"], "SUCCESS");
    assert_eq!(admin.get("/acme/api/im/IDENTITY").json(), json!([]));
    let entries = admin.get("/acme/api/sync/audit?act=LAUNCH").expect(200).json();
    assert_eq!(entries[0]["details"]["undoes"], id.as_str(), "{entries}");

    let (simulated, _) = simulate(&admin);
    let refused = expect_error(admin.post_nothing(&format!("{TASK}/{simulated}/~undo")), 409, "CONFLICT");
    assert!(refused["description"].as_str().unwrap().contains("simulation"), "{refused}");
}
