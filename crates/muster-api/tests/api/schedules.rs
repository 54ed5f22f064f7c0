//! Schedules of tasks, line by line as the seed of the synchronization service and the contract have them.

use muster_model::configuration::ConfigurationKind;
use muster_store::{ResourceWrite, Written};
use muster_testkit::http::Client;
use muster_testkit::server::Staff;
use serde_json::{Value, json};

use crate::tasks::{wait_for, wait_for_end};
use crate::world::{
    conf, configured, expect_error, places, profile, provisioning_task, put_people, synchronization_task,
    target,
};

const TASKS: &str = "/acme/api/sync/sync-tasks";

/// The contract's fields in their order, and ours.
const FIELDS: [&str; 12] = [
    "jobId",
    "taskDefinitionId",
    "scheduleType",
    "state",
    "paused",
    "cron",
    "timeZone",
    "previousFireTime",
    "nextFireTime",
    "nextFireTimes",
    "lastFire",
    "message",
];

fn scheduling(client: &Client, task: &str) -> Value {
    let shown = client.get(&format!("{TASKS}/{task}/job/~scheduling")).expect(200).json();
    assert_eq!(shown.as_object().unwrap().keys().collect::<Vec<_>>(), FIELDS);
    shown
}

/// Gives the task a plan.
fn plan(admin: &Client, plan: Value) {
    let mut body = synchronization_task("hr-import");
    body["executionPlan"] = plan;
    let path = conf("acme", "sync-task-definitions/hr-import");
    let _ = admin
        .send("PUT", &path, &[("content-type", "application/json")], body.to_string().as_bytes())
        .expect(200);
}

fn post(client: &Client, action: &str) {
    let answer = client.post_nothing(&format!("{TASKS}/hr-import/job/{action}")).expect(204);
    assert_eq!(answer.text(), "");
}

#[test]
fn a_schedule_is_shown_as_soon_as_it_is_saved() {
    let (_server, admin) = configured(Staff::Absent);
    let manual = scheduling(&admin, "hr-import");
    let nothing = json!({
        "jobId": manual["jobId"],
        "taskDefinitionId": "hr-import",
        "scheduleType": "MANUAL",
        "state": "NONE",
        "paused": false,
        "cron": null,
        "timeZone": null,
        "previousFireTime": null,
        "nextFireTime": null,
        "nextFireTimes": [],
        "lastFire": null,
        "message": null,
    });
    assert_eq!(manual, nothing);
    let cron = "0 30 2 1 JAN ? 2090/2";
    plan(&admin, json!({"scheduleType": "CRON", "cron": cron, "timeZone": "Europe/Berlin"}));
    let shown = scheduling(&admin, "hr-import");
    let years = [2090, 2092, 2094, 2096, 2098].map(|year| format!("{year}-01-01T01:30:00.000Z"));
    assert_eq!(shown["nextFireTimes"], json!(years));
    assert_eq!((&shown["nextFireTime"], &shown["cron"]), (&json!(years[0]), &json!(cron)));
    assert_eq!((&shown["timeZone"], &shown["jobId"]), (&json!("Europe/Berlin"), &manual["jobId"]));
    assert_eq!((&shown["state"], &shown["scheduleType"]), (&json!("NORMAL"), &json!("CRON")));
    plan(&admin, json!({"scheduleType": "CRON", "cron": cron}));
    assert_eq!(scheduling(&admin, "hr-import")["timeZone"], "UTC");
    plan(&admin, json!({"scheduleType": "ONCE", "fireTime": "2090-01-01T00:00:00.25Z"}));
    let once = scheduling(&admin, "hr-import");
    assert_eq!((&once["cron"], &once["nextFireTimes"]), (&Value::Null, &json!(["2090-01-01T00:00:00.250Z"])));
    plan(&admin, json!({"scheduleType": "ONCE", "fireTime": "2020-01-01T00:00:00Z"}));
    let past = scheduling(&admin, "hr-import");
    assert_eq!((&past["state"], &past["nextFireTime"]), (&json!("COMPLETE"), &Value::Null));
    let interval = json!({"scheduleType": "INTERVAL", "interval": 2, "intervalUnit": "WEEKS", "fireTime": "2090-01-01T00:00:00Z"});
    plan(&admin, interval);
    let shown = scheduling(&admin, "hr-import");
    assert_eq!(
        (&shown["scheduleType"], &shown["nextFireTimes"][1]),
        (&json!("INTERVAL"), &json!("2090-01-15T00:00:00.000Z"))
    );
}

#[test]
fn a_schedule_is_paused_and_resumed_as_often_as_one_likes() {
    let (_server, admin) = configured(Staff::Absent);
    plan(&admin, json!({"scheduleType": "CRON", "cron": "0 0 0 1 1 ? 2090"}));
    for _ in 0..2 {
        post(&admin, "~pause");
        let shown = scheduling(&admin, "hr-import");
        assert_eq!((&shown["state"], &shown["paused"]), (&json!("PAUSED"), &json!(true)));
        assert_eq!((&shown["nextFireTime"], &shown["nextFireTimes"]), (&Value::Null, &json!([])));
    }
    for _ in 0..2 {
        post(&admin, "~resume");
        let shown = scheduling(&admin, "hr-import");
        assert_eq!((&shown["state"], &shown["paused"]), (&json!("NORMAL"), &json!(false)));
        assert_eq!(shown["nextFireTime"], "2090-01-01T00:00:00.000Z");
    }
}

#[test]
fn provisioning_tasks_have_schedules_too_and_are_shown_among_synchronization_tasks() {
    let (_server, admin) = configured(Staff::Absent);
    let mut task = provisioning_task("badges");
    task["executionPlan"] = json!({"scheduleType": "CRON", "cron": "0 0 0 1 1 ? 2090"});
    for (kind, body) in [
        ("applications", target("payroll")),
        ("application-profiles", profile("all", "payroll")),
        ("prov-task-definitions", task.clone()),
    ] {
        let _ = admin.post(&conf("acme", kind), &body).expect(201);
    }
    let own = admin.get("/acme/api/sync/prov-tasks/badges/job/~scheduling").expect(200).json();
    assert_eq!((&own["taskDefinitionId"], &own["state"]), (&json!("badges"), &json!("NORMAL")));
    assert_eq!(scheduling(&admin, "badges"), own);
    let _ = admin.post_nothing("/acme/api/sync/prov-tasks/badges/job/~pause").expect(204);
    assert_eq!(scheduling(&admin, "badges")["state"], "PAUSED");
    // Where there is a synchronization task of that id it is meant.
    let _ = admin.post(&conf("acme", "sync-task-definitions"), &synchronization_task("badges")).expect(201);
    assert_eq!(scheduling(&admin, "badges")["scheduleType"], "MANUAL");
    let _ = admin.post_nothing("/acme/api/sync/prov-tasks/badges/job/~resume").expect(204);
    let own = admin.get("/acme/api/sync/prov-tasks/badges/job/~scheduling").expect(200).json();
    assert_eq!(own["state"], "NORMAL");
}

#[test]
fn tasks_that_are_not_there_have_no_schedule() {
    let (_server, admin) = configured(Staff::Absent);
    for task in ["sync-tasks/nothing", "sync-tasks/~nothing", "prov-tasks/nothing", "prov-tasks/hr-import"] {
        let path = format!("/acme/api/sync/{task}/job");
        expect_error(admin.get(&format!("{path}/~scheduling")), 404, "NOT_FOUND");
        expect_error(admin.post_nothing(&format!("{path}/~pause")), 404, "NOT_FOUND");
        expect_error(admin.post_nothing(&format!("{path}/~resume")), 404, "NOT_FOUND");
    }
}

#[test]
fn of_a_definition_that_cannot_be_read_what_is_known_is_told() {
    let (server, admin) = configured(Staff::Absent);
    plan(&admin, json!({"scheduleType": "CRON", "cron": "0 30 2 1 JAN ? 2090/2"}));
    let readable = scheduling(&admin, "hr-import");
    let kind = ConfigurationKind::SynchronizationTaskDefinition.number();
    let spoil = |id: &str, written: fn(String) -> Written| {
        let store = server.tenant("acme");
        server.block_on(async {
            let version = store.configuration_version().await.unwrap();
            let body = json!({"id": id, "taskType": "DANCE"}).to_string();
            store.write_resource(version, ResourceWrite::new(kind, id, written(body))).await.unwrap();
        });
    };
    spoil("hr-import", Written::Updated);
    let unread = scheduling(&admin, "hr-import");
    for field in ["jobId", "paused", "nextFireTime", "lastFire"] {
        assert_eq!(unread[field], readable[field], "{field}");
    }
    assert_eq!((&unread["state"], &unread["scheduleType"]), (&json!("ERROR"), &Value::Null));
    let why = unread["message"].as_str().unwrap();
    assert!(why.starts_with("the definition of task `hr-import` cannot be read: "), "{why}");
    assert!(why.contains("/taskType"), "{why}");

    post(&admin, "~pause");
    assert_eq!(scheduling(&admin, "hr-import")["paused"], true);
    let resume = |task: &str| admin.post_nothing(&format!("{TASKS}/{task}/job/~resume"));
    let refused = expect_error(resume("hr-import"), 409, "CONFLICT");
    assert_eq!(refused["description"], why);
    assert!(refused["fix"].as_str().unwrap().contains("correct it there"), "{refused}");

    // What was never read has no schedule.
    spoil("unread", Written::Created);
    expect_error(admin.get(&format!("{TASKS}/unread/job/~scheduling")), 409, "CONFLICT");
    expect_error(admin.post_nothing(&format!("{TASKS}/unread/job/~pause")), 409, "CONFLICT");
    expect_error(resume("unread"), 409, "CONFLICT");
}

#[test]
fn what_the_parser_cannot_say_is_refused_with_its_position() {
    let (_server, admin) = configured(Staff::Absent);
    for (cron, message) in [
        ("0 0 0 L * ?", "`L` is not possible at position 6"),
        ("0 0 0 ? * 6#3", "`#` is not possible at position 11"),
        ("0 0 0 15W * ?", "`W` is not possible at position 8"),
    ] {
        let mut body = synchronization_task("other");
        body["executionPlan"] = json!({"scheduleType": "CRON", "cron": cron});
        let answer = admin.post(&conf("acme", "sync-task-definitions"), &body);
        let error = expect_error(answer, 400, "VALIDATION_FAILED");
        assert_eq!(error["properties"]["/executionPlan/cron"], message);
    }
    let mut body = synchronization_task("other");
    body["executionPlan"] = json!({"scheduleType": "CRON", "cron": "0 0 0 * * ?", "timeZone": "Berlin"});
    assert_eq!(
        places(admin.post(&conf("acme", "sync-task-definitions"), &body)),
        ["/executionPlan/timeZone"]
    );
}

#[test]
fn an_instance_says_which_job_started_it() {
    let (server, admin) = configured(Staff::Working);
    put_people(&server, &[("1", "Ada")]);
    let by_hand = admin.post_nothing(&format!("{TASKS}/hr-import/instances")).expect(200).text().to_owned();
    let by_hand = wait_for_end(&admin, &format!("{TASKS}/hr-import/instances/{by_hand}"));
    assert_eq!(by_hand["jobId"], Value::Null);
    plan(&admin, json!({"scheduleType": "INTERVAL", "interval": 1, "intervalUnit": "SECONDS"}));
    let shown = wait_for(&admin, &format!("{TASKS}/hr-import/job/~scheduling"), |shown| {
        shown["lastFire"]["outcome"] == "LAUNCHED"
    });
    post(&admin, "~pause");
    let id = shown["lastFire"]["instanceId"].as_str().unwrap();
    let scheduled = wait_for_end(&admin, &format!("{TASKS}/hr-import/instances/{id}"));
    assert_eq!((&scheduled["jobId"], &scheduled["outcomeStatus"]), (&shown["jobId"], &json!("SUCCESS")));
    assert_eq!(shown["previousFireTime"], shown["lastFire"]["dueTime"]);
}
