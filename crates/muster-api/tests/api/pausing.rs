//! Runs over HTTP that are paused and resumed.

use muster_model::RunId;
use muster_testkit::server::Staff;
use serde_json::json;
use uuid::Uuid;

use crate::tasks::{TASK, launch, wait_for_end};
use crate::world::{conf, configured, expect_error, put_people};

#[test]
fn a_run_is_paused_and_resumed_as_often_as_one_likes() {
    let (_server, admin) = configured(Staff::Absent);
    let id = launch(&admin, TASK);
    let run = format!("{TASK}/{id}");
    let progress = || admin.get(&run).expect(200).json();
    assert_eq!((&progress()["pausedSince"], &progress()["stalledSince"]), (&json!(null), &json!(null)));
    for _ in 0..2 {
        assert!(admin.post_nothing(&format!("{run}/~pause")).expect(204).body.is_empty());
        let paused = progress();
        assert_eq!((&paused["progressStatus"], &paused["outcomeStatus"]), (&json!("PAUSED"), &json!(null)));
        assert!(paused["pausedSince"].is_string(), "{paused}");
    }
    let paused = admin.get(&format!("{TASK}?status=PAUSED")).expect(200).json();
    assert_eq!(paused[0]["id"], id.as_str());

    let error = expect_error(admin.post_nothing(TASK), 409, "CONFLICT");
    assert_eq!(error["properties"], json!({"instanceId": id, "progressStatus": "PAUSED"}));
    assert!(error["fix"].as_str().unwrap().contains(&format!("{id}/~resume")), "{error}");
    for _ in 0..2 {
        assert!(admin.post_nothing(&format!("{run}/~resume")).expect(204).body.is_empty());
        assert_eq!(progress()["progressStatus"], "PENDING");
    }
    let _ = admin.post_nothing(&format!("{run}/~pause")).expect(204);
    let _ = admin.post_nothing(&format!("{run}/~cancel")).expect(200);
    assert_eq!(progress()["outcomeStatus"], "ABORTED", "a paused run ends at once");
    assert_eq!(progress()["pausedSince"], json!(null));
    for action in ["pause", "resume"] {
        expect_error(admin.post_nothing(&format!("{run}/~{action}")), 409, "CONFLICT");
        let unknown = format!("{TASK}/{}/~{action}", Uuid::now_v7());
        expect_error(admin.post_nothing(&unknown), 404, "NOT_FOUND");
        let elsewhere = format!("/acme/api/sync/prov-tasks/hr-import/instances/{id}/~{action}");
        expect_error(admin.post_nothing(&elsewhere), 404, "NOT_FOUND");
    }
}

#[test]
fn a_paused_run_is_left_alone_by_workers_until_it_is_resumed() {
    let (server, admin) = configured(Staff::Working);
    put_people(&server, &[("1", "Ann")]);
    // Launched and paused by another process, before anybody here hears of it.
    let (engine, tenant) = (server.engine(), server.tenant("acme"));
    let paused = server.block_on(async {
        let launch = muster_testkit::world::synchronization("hr-import", muster_model::run::Mode::Apply);
        let run = engine.admit(&tenant, launch).await.unwrap();
        engine.pause(&tenant, run.id).await.unwrap();
        run
    });
    let run = format!("{TASK}/{}", paused.id);
    // Another task's run comes and goes meanwhile.
    let mut other = crate::world::synchronization_task("second");
    other["name"] = json!("Second");
    let _ = admin.post(&conf("acme", "sync-task-definitions"), &other).expect(201);
    let second = "/acme/api/sync/sync-tasks/second/instances";
    wait_for_end(&admin, &format!("{second}/{}", launch(&admin, second)));
    assert_eq!(admin.get(&run).json()["progressStatus"], "PAUSED");
    let _ = admin.post_nothing(&format!("{run}/~resume")).expect(204);
    assert_eq!(wait_for_end(&admin, &run)["outcomeStatus"], "SUCCESS");
}

#[test]
fn a_held_run_waits_for_a_decision_already() {
    let (server, admin) = configured(Staff::Working);
    put_people(&server, &[("1", "Ann")]);
    let path = conf("acme", "sync-task-definitions/hr-import");
    let mut task = admin.get(&path).json();
    task["guards"] = json!({"create": {"count": 0}});
    let _ = admin.put(&path, &task).expect(200);
    let id = launch(&admin, TASK);
    let run = format!("{TASK}/{id}");
    crate::tasks::wait_for(&admin, &run, |run| run["progressStatus"] == "HELD");
    let error = expect_error(admin.post_nothing(&format!("{run}/~pause")), 409, "CONFLICT");
    assert!(error["description"].as_str().unwrap().contains("waits for a decision"), "{error}");
    assert!(error["fix"].as_str().unwrap().contains(&format!("{id}/~approve")), "{error}");
    let _ = admin.post_nothing(&format!("{run}/~resume")).expect(204);
    assert_eq!(admin.get(&run).json()["progressStatus"], "HELD");
    let stored = server.block_on(server.tenant("acme").run(RunId(id.parse().unwrap()))).unwrap().unwrap();
    assert!(stored.paused_at.is_none());
}
