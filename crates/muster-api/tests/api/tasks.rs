//! Tasks, line by line as the seed of the synchronization service has them.

use std::time::{Duration, Instant};

use muster_model::run::{Mode, OwnerBy, TaskKind};
use muster_model::{ConfigurationId, RunId};
use muster_plan::lifecycle::{Absence, RunState};
use muster_store::NewRun;
use muster_testkit::http::Client;
use muster_testkit::server::{Staff, TestServer};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::world::{
    conf, configured, expect_error, places, profile, provisioning_task, put_people, synchronization_task,
    target,
};

pub(crate) const TASK: &str = "/acme/api/sync/sync-tasks/hr-import/instances";

/// The fields of the seed's sample, and ours.
const FIELDS: [&str; 28] = [
    "id",
    "synchronizationTaskId",
    "progressStatus",
    "outcomeStatus",
    "startDate",
    "endDate",
    "processingTimeMillis",
    "numberOfEntriesToProcess",
    "numberOfProcessedEntries",
    "numberOfErrors",
    "progressPercentage",
    "jobId",
    "waitsForInstanceId",
    "pausedSince",
    "stalledSince",
    "undoesInstanceId",
    "leftOutApplicationIds",
    "phase",
    "mode",
    "counters",
    "planHash",
    "heldBy",
    "override",
    "expiresAt",
    "failure",
    "peakMemoryBytes",
    "statements",
    "postProcessing",
];

pub(crate) fn launch(client: &Client, instances: &str) -> String {
    let answer = client.post_nothing(instances).expect(200);
    assert_eq!(answer.header("content-type"), "text/plain; charset=utf-8");
    let id = answer.text().to_owned();
    assert!(Uuid::parse_str(&id).is_ok(), "{id}");
    id
}

/// Waits until a run is as wanted; the last progress counts.
pub(crate) fn wait_for(client: &Client, path: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let begun = Instant::now();
    loop {
        let progress = client.get(path).expect(200).json();
        if wanted(&progress) {
            return progress;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "{progress}");
        std::thread::yield_now();
    }
}

pub(crate) fn wait_for_end(client: &Client, path: &str) -> Value {
    wait_for(client, path, |progress| progress["progressStatus"] == "FINISHED")
}

/// Puts a run into the store as a launch would, which provisioning tasks do by the same way.
fn put_run(server: &TestServer, kind: TaskKind, task: &str) -> String {
    let id = Uuid::now_v7();
    let new = NewRun {
        id: RunId(id),
        task_kind: kind,
        task: ConfigurationId::new(task).unwrap(),
        state: RunState::launched(Mode::Apply, Absence::Concluded),
        keys: None,
        owner_by: OwnerBy::Key,
        rules: [7; 16],
        rules_body: "[]".to_owned(),
        estimate: 0,
        approved_hash: None,
        overriding: None,
        chain: None,
        preceded_by: None,
        undoes: None,
        now: server.engine().surroundings().now(),
    };
    let tenant = server.tenant("acme");
    let launched = async { tenant.launch(tenant.configuration_version().await?, &new).await };
    server.block_on(launched).unwrap();
    id.to_string()
}

#[test]
fn a_launch_answers_an_id_as_plain_text() {
    let (_server, admin) = configured(Staff::Absent);
    let id = launch(&admin, TASK);
    let progress = admin.get(&format!("{TASK}/{id}")).expect(200).json();
    let fields: Vec<_> = progress.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(fields, FIELDS);
    assert_eq!(progress["id"], id.as_str());
    assert_eq!(progress["synchronizationTaskId"], "hr-import");
    assert_eq!(progress["progressStatus"], "PENDING");
    assert_eq!(progress["outcomeStatus"], Value::Null);
    assert_eq!(progress["numberOfEntriesToProcess"], 0);
    assert_eq!(progress["progressPercentage"], 0);
}

#[test]
fn an_empty_body_may_be_of_any_type() {
    let (_server, admin) = configured(Staff::Absent);
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let _ = admin.send("POST", &format!("{TASK}/"), &form, b"").expect(200);
    expect_error(admin.send("POST", TASK, &form, b"mode=APPLY"), 415, "UNSUPPORTED_MEDIA_TYPE");
}

#[test]
fn an_unknown_task_or_instance_is_not_found() {
    let (server, admin) = configured(Staff::Absent);
    let id = launch(&admin, TASK);
    let other = put_run(&server, TaskKind::Provisioning, "hr-import");
    let nobody = Uuid::now_v7();
    expect_error(admin.post_nothing("/acme/api/sync/sync-tasks/unknown/instances"), 404, "NOT_FOUND");
    expect_error(admin.post_nothing("/acme/api/sync/sync-tasks/~all/instances"), 404, "NOT_FOUND");
    expect_error(admin.post_nothing("/acme/api/sync/prov-tasks/hr-import/instances"), 404, "NOT_FOUND");
    expect_error(admin.get("/acme/api/sync/sync-tasks/unknown/instances"), 404, "NOT_FOUND");
    for path in [
        format!("{TASK}/{nobody}"),
        format!("{TASK}/1"),
        format!("{TASK}/{other}"),
        format!("/acme/api/sync/sync-tasks/unknown/instances/{id}"),
        format!("/acme/api/sync/prov-tasks/hr-import/instances/{id}"),
    ] {
        expect_error(admin.get(&path), 404, "NOT_FOUND");
        expect_error(admin.get(&format!("{path}/changes")), 404, "NOT_FOUND");
        expect_error(admin.post_nothing(&format!("{path}/~cancel")), 404, "NOT_FOUND");
    }
}

#[test]
fn a_task_that_is_running_is_not_launched_again() {
    let (_server, admin) = configured(Staff::Absent);
    let id = launch(&admin, TASK);
    let error = expect_error(admin.post_nothing(TASK), 409, "CONFLICT");
    assert_eq!(error["properties"], json!({"instanceId": id, "progressStatus": "PENDING"}));
    assert!(error["fix"].as_str().unwrap().contains(&format!("{id}/~cancel")), "{error}");

    // Simulations, runs of single keys and other tasks go side by side with it.
    let _ = admin.post(TASK, &json!({"mode": "SIMULATE"})).expect(200);
    let _ = admin.post(TASK, &json!({"keys": ["1"]})).expect(200);
    let list = conf("acme", "sync-task-definitions");
    let _ = admin.post(&list, &synchronization_task("second")).expect(201);
    launch(&admin, "/acme/api/sync/sync-tasks/second/instances");

    let _ = admin.post_nothing(&format!("{TASK}/{id}/~cancel")).expect(200);
    launch(&admin, TASK);
}

#[test]
fn two_launches_at_once_give_one_run() {
    let (_server, admin) = configured(Staff::Absent);
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let calls: Vec<_> = (0..8).map(|_| scope.spawn(|| admin.post_nothing(TASK).status)).collect();
        calls.into_iter().map(|call| call.join().unwrap()).collect()
    });
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 409).count(), 7, "{statuses:?}");
}

#[test]
fn a_synchronization_is_cancelled_once() {
    let (_server, admin) = configured(Staff::Absent);
    let run = format!("{TASK}/{}", launch(&admin, TASK));
    let answer = admin.post_nothing(&format!("{run}/~cancel")).expect(200);
    assert!(answer.body.is_empty());
    let progress = admin.get(&run).expect(200).json();
    assert_eq!(
        (&progress["progressStatus"], &progress["outcomeStatus"]),
        (&json!("FINISHED"), &json!("ABORTED"))
    );
    assert_ne!(progress["progressPercentage"], 100);
    let details = admin.get(&format!("{run}?option=expandErrorDetails:true")).json()["errorDetails"].clone();
    assert_eq!((&details[0]["label"], &details[1]), (&json!("RUN_CANCELLED"), &Value::Null));
    expect_error(admin.post_nothing(&format!("{run}/~cancel")), 409, "CONFLICT");
}

#[test]
fn a_cancelled_run_that_winds_down_is_running_and_aborted() {
    let (server, admin) = configured(Staff::Absent);
    let id = launch(&admin, TASK);
    let (tenant, now) = (server.tenant("acme"), server.engine().surroundings().now());
    let run = server.block_on(tenant.run(RunId(id.parse().unwrap()))).unwrap().unwrap();
    // A worker has it, and has not come to its next page.
    server.block_on(tenant.claim(&run, "worker", now, now + chrono::TimeDelta::hours(1))).unwrap();
    let path = format!("{TASK}/{id}");
    assert_eq!(admin.get(&path).json()["progressStatus"], "RUNNING");
    for _ in 0..2 {
        let _ = admin.post_nothing(&format!("{path}/~cancel")).expect(200);
        let progress = admin.get(&path).json();
        let states = (&progress["progressStatus"], &progress["outcomeStatus"]);
        assert_eq!(states, (&json!("RUNNING"), &json!("ABORTED")));
    }
    let details = admin.get(&format!("{path}?option=expandErrorDetails:true")).json()["errorDetails"].clone();
    assert_eq!(details.as_array().unwrap().len(), 1, "the first time counts: {details}");
}

#[test]
fn a_run_that_failed_says_why() {
    let (server, admin) = configured(Staff::Absent);
    let path = conf("acme", "connector-definitions/memory");
    let mut body = admin.get(&path).json();
    body["maintenance"] = true.into();
    let _ = admin.put(&path, &body).expect(200);
    let id = launch(&admin, TASK);
    let run = server.block_on(server.tenant("acme").run(RunId(id.parse().unwrap()))).unwrap().unwrap();
    server.block_on(server.engine().execute(&server.tenant("acme"), run)).unwrap();
    let progress = admin.get(&format!("{TASK}/{id}?option=expandErrorDetails:true")).json();
    assert_eq!(progress["outcomeStatus"], "FAILURE");
    assert!(progress["failure"].as_str().unwrap().contains("maintenance"), "{progress}");
    assert_eq!(progress["errorDetails"][0]["label"], "RUN_FAILED");
    assert_eq!(progress["errorDetails"][0]["description"], progress["failure"]);
}

fn configure_provisioning(admin: &Client) {
    for (kind, body) in [
        ("applications", target("payroll")),
        ("application-profiles", profile("all", "payroll")),
        ("prov-task-definitions", provisioning_task("accounts")),
    ] {
        let _ = admin.post(&conf("acme", kind), &body).expect(201);
    }
}

#[test]
fn a_provisioning_is_launched_and_watched_like_a_synchronization() {
    let (server, admin) = configured(Staff::Working);
    configure_provisioning(&admin);
    put_people(&server, &[("1", "Ann"), ("2", "Bob")]);
    wait_for_end(&admin, &format!("{TASK}/{}", launch(&admin, TASK)));
    let instances = "/acme/api/sync/prov-tasks/accounts/instances";
    let run = format!("{instances}/{}", launch(&admin, instances));
    let progress = wait_for_end(&admin, &run);
    assert_eq!(progress["outcomeStatus"], "SUCCESS", "{progress}");
    assert_eq!(progress["provisioningTaskId"], "accounts");
    assert_eq!(progress["counters"]["situations"]["ABSENT"], 2, "{progress}");
    let accounts = server.system().accounts("payroll");
    assert_eq!(accounts.keys().collect::<Vec<_>>(), ["1", "2"]);
    let changes = admin.get(&format!("{run}/changes")).expect(200).json();
    let first = &changes[0];
    assert_eq!((&first["action"], &first["status"]), (&json!("CREATE"), &json!("APPLIED")), "{changes}");
    assert_eq!(first["profileId"], "all");
    assert!(first["objectId"].is_string());
    for _ in 0..2 {
        let _ = admin.post_nothing(&format!("{run}/~cancel")).expect(200);
    }
    assert_eq!(admin.get(&run).json()["outcomeStatus"], "SUCCESS");
}

#[test]
fn what_a_provisioning_uses_is_not_deleted() {
    let (_server, admin) = configured(Staff::Absent);
    configure_provisioning(&admin);
    let instances = "/acme/api/sync/prov-tasks/accounts/instances";
    let id = launch(&admin, instances);
    for used in ["application-profiles/all", "prov-task-definitions/accounts"] {
        let error = expect_error(admin.delete(&conf("acme", used)), 409, "CONFLICT");
        assert!(error["properties"].get(&id).is_some(), "{used}: {error}");
    }
    // The synchronization is none of its business.
    let _ = admin.delete(&conf("acme", "sync-task-definitions/hr-import")).expect(204);
    let _ = admin.post_nothing(&format!("{instances}/{id}/~cancel")).expect(200);
    let _ = admin.delete(&conf("acme", "application-profiles/all")).expect(204);
}

#[test]
fn a_provisioning_is_cancelled_again_and_again() {
    let (server, admin) = configured(Staff::Absent);
    let id = put_run(&server, TaskKind::Provisioning, "accounts");
    let run = format!("/acme/api/sync/prov-tasks/accounts/instances/{id}");
    let progress = admin.get(&run).expect(200).json();
    assert_eq!(progress["provisioningTaskId"], "accounts");
    assert!(progress.get("synchronizationTaskId").is_none());
    for _ in 0..3 {
        let answer = admin.post_nothing(&format!("{run}/~cancel")).expect(200);
        assert!(answer.body.is_empty());
    }
    assert_eq!(admin.get(&run).expect(200).json()["outcomeStatus"], "ABORTED");
}

#[test]
fn histories_are_newest_first_and_filtered() {
    let (server, admin) = configured(Staff::Absent);
    let list = conf("acme", "sync-task-definitions");
    let _ = admin.post(&list, &synchronization_task("second")).expect(201);
    configure_provisioning(&admin);
    let second = "/acme/api/sync/sync-tasks/second/instances";
    let first = launch(&admin, TASK);
    let _ = admin.post_nothing(&format!("{TASK}/{first}/~cancel")).expect(200);
    let middle = launch(&admin, second);
    let last = launch(&admin, TASK);
    let provisioning = put_run(&server, TaskKind::Provisioning, "accounts");
    let all = "/acme/api/sync/sync-tasks/~instances";
    let provisioned = "/acme/api/sync/prov-tasks";
    for (path, expected) in [
        (TASK.to_owned(), vec![&last, &first]),
        (second.to_owned(), vec![&middle]),
        (all.to_owned(), vec![&last, &middle, &first]),
        (format!("{all}/?limit=2"), vec![&last, &middle]),
        (format!("{all}?after={middle}"), vec![&first]),
        (format!("{all}?status=PENDING"), vec![&last, &middle]),
        (format!("{TASK}?status=FINISHED"), vec![&first]),
        (format!("{all}?since=2999-01-01T00:00:00Z"), vec![]),
        (format!("{all}?since=2020-01-01T00:00:00Z&limit=1"), vec![&last]),
        (format!("{provisioned}/~instances"), vec![&provisioning]),
        (format!("{provisioned}/accounts/instances"), vec![&provisioning]),
    ] {
        let found = admin.get(&path).expect(200).json();
        let ids: Vec<_> = found.as_array().unwrap().iter().map(|run| run["id"].as_str().unwrap()).collect();
        assert_eq!(ids, expected, "{path}");
    }
    let wrong = admin.get(&format!("{all}?option=expandErrorDetails:yes&status=DONE&limit=0"));
    assert_eq!(places(wrong), ["?limit", "?option", "?status"]);
}

#[test]
fn a_history_with_errors_is_as_long_as_one_without() {
    let (server, admin) = configured(Staff::Working);
    put_people(&server, &[("1", "Ann")]);
    server.system().put_bad("people", "2", Some("2".to_owned()));
    let first = launch(&admin, TASK);
    wait_for_end(&admin, &format!("{TASK}/{first}"));
    server.system().put_bad("people", "3", Some("3".to_owned()));
    let second = launch(&admin, TASK);
    wait_for_end(&admin, &format!("{TASK}/{second}"));
    for _ in 0..100 {
        let id = put_run(&server, TaskKind::Synchronization, "hr-import");
        // A worker may have come before us.
        let told = admin.post_nothing(&format!("{TASK}/{id}/~cancel"));
        assert!([200, 409].contains(&told.status), "{}", told.text());
        wait_for_end(&admin, &format!("{TASK}/{id}"));
    }
    let plain = admin.get(TASK).expect(200).json();
    let expanded = admin.get(&format!("{TASK}?option=expandErrorDetails:true")).expect(200).json();
    let (plain, expanded) = (plain.as_array().unwrap(), expanded.as_array().unwrap());
    assert_eq!((plain.len(), expanded.len()), (102, 102));
    let details = |run: &Value| run["errorDetails"].as_array().unwrap().len();
    assert_eq!((details(&expanded[100]), details(&expanded[101])), (2, 1));
    for (id, run) in [(second, &expanded[100]), (first, &expanded[101])] {
        let one = admin.get(&format!("{TASK}/{id}?option=expandErrorDetails:true")).expect(200).json();
        assert_eq!(run["errorDetails"], one["errorDetails"]);
    }
}

#[test]
fn errors_are_shown_where_they_are_asked_for() {
    let (server, admin) = configured(Staff::Working);
    put_people(&server, &[("1", "Ann"), ("2", "Bob")]);
    server.system().put_bad("people", "3", Some("3".to_owned()));
    let run = format!("{TASK}/{}", launch(&admin, TASK));
    let progress = wait_for_end(&admin, &run);
    assert_eq!(progress["outcomeStatus"], "PARTIAL", "{progress}");
    assert_eq!(progress["numberOfErrors"], 1);
    assert!(progress.get("errorDetails").is_none());
    for (option, shown) in [
        ("expandErrorDetails:true", true),
        ("expandErrorDetails%3Atrue", true),
        ("expandErrorDetails:false", false),
    ] {
        for (path, at) in [(run.clone(), ""), (TASK.to_owned(), "/0")] {
            let answer = admin.get(&format!("{path}?option={option}")).expect(200).json();
            let details = answer.pointer(&format!("{at}/errorDetails"));
            assert_eq!(details.is_some(), shown, "{path} {option}");
        }
    }
    let answer = admin.get(&format!("{run}?option=expandErrorDetails:true")).json();
    let detail = &answer["errorDetails"][0];
    assert_eq!(detail["@class"], "com.memority.toolkit.core.error.SimpleErrorRepresentation");
    assert_eq!((&detail["errorId"], &detail["label"]), (&json!("MUS-C0000102"), &json!("ENTRY_UNREADABLE")));
    assert_eq!(detail["properties"]["accountKey"], "3", "{detail}");
    assert_eq!(detail["properties"]["outcome"], "failed");
    assert_eq!(places(admin.get(&format!("{run}?option=expandErrorDetails:1"))), ["?option"]);
    assert_eq!(places(admin.get(&format!("{run}?option=all"))), ["?option"]);
}

#[test]
fn a_run_is_watched_to_its_end_and_its_people_are_seen() {
    let (server, admin) = configured(Staff::Working);
    put_people(&server, &[("1", "Ann"), ("2", "Bob"), ("3", "Cem")]);
    let run = format!("{TASK}/{}", launch(&admin, TASK));
    let progress = wait_for_end(&admin, &run);
    assert_eq!(progress["outcomeStatus"], "SUCCESS", "{progress}");
    assert_eq!(progress["progressPercentage"], 100);
    assert_eq!(progress["numberOfEntriesToProcess"], 3);
    assert_eq!(progress["numberOfProcessedEntries"], 3);
    let counters = &progress["counters"];
    assert_eq!(
        (&counters["actions"]["created"], &counters["situations"]["UNMATCHED"]),
        (&json!(3), &json!(3))
    );
    let sum: u64 =
        counters["actions"].as_object().unwrap().values().map(|count| count.as_u64().unwrap()).sum();
    assert_eq!(sum, 3, "{counters}");

    let people = admin.get("/acme/api/im/IDENTITY").expect(200).json();
    let names: Vec<_> =
        people.as_array().unwrap().iter().map(|one| one["attributes"]["name"].as_str().unwrap()).collect();
    assert_eq!(names.len(), 3, "{people}");
    let first = admin.get("/acme/api/im/IDENTITY/?limit=1").expect(200).json();
    let id = first[0]["id"].as_str().unwrap();
    let rest = admin.get(&format!("/acme/api/im/IDENTITY?after={id}")).expect(200).json();
    assert_eq!(rest.as_array().unwrap().len(), 2);
    assert_eq!(admin.get(&format!("/acme/api/im/IDENTITY/{id}")).expect(200).json(), first[0]);
    expect_error(admin.get(&format!("/acme/api/im/ROLE/{id}")), 404, "NOT_FOUND");
    expect_error(admin.get("/acme/api/im/PERSON"), 404, "NOT_FOUND");
    assert_eq!(admin.get("/acme/api/im/ROLE").expect(200).json(), json!([]));

    // The second time there is nothing to do.
    let run = format!("{TASK}/{}", launch(&admin, TASK));
    let progress = wait_for_end(&admin, &run);
    assert_eq!(progress["counters"]["actions"]["unchanged"], 3, "{progress}");
    assert_eq!(admin.get(&format!("{run}/changes")).expect(200).json(), json!([]));
}
