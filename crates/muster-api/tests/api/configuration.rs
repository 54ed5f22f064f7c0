//! The seven kinds of configuration: created, read, listed, replaced, deleted, and refused.

use std::sync::Arc;

use muster_api::ApiSettings;
use muster_connector_csv::CsvKind;
use muster_testkit::server::{Staff, TestServer};
use serde_json::{Value, json};

use crate::world::{
    application, conf, configured, connector_definition, expect_error, places, profile, provisioning_task,
    server, synchronization_task, target,
};

/// One resource of each kind, those first that others refer to.
fn one_of_each() -> Vec<(&'static str, Value)> {
    let report = json!({"id": "report"});
    vec![
        ("connector-definitions", connector_definition("memory")),
        ("applications", application("hr")),
        ("applications", target("payroll")),
        ("application-profiles", profile("all", "payroll")),
        ("sync-task-definitions", synchronization_task("hr-import")),
        ("sync-task-post-processing-definitions", report.clone()),
        ("prov-task-definitions", provisioning_task("accounts")),
        ("prov-task-post-processing-definitions", report),
    ]
}

#[test]
fn every_kind_is_created_read_replaced_and_deleted() {
    let (_server, admin) = server(Staff::Absent);
    let report = json!({"errorPublicationDefinition": {"reportRelativeFilePath": "out/errors.csv"}});
    for (kind, body) in one_of_each() {
        let (list, id) = (conf("acme", kind), body["id"].as_str().unwrap().to_owned());
        let one = format!("{list}/{id}");
        expect_error(admin.get(&one), 404, "NOT_FOUND");
        expect_error(admin.put(&one, &body), 404, "NOT_FOUND");
        expect_error(admin.delete(&one), 404, "NOT_FOUND");
        let created = admin.post(&list, &body).expect(201);
        assert_eq!(created.header("location"), one);
        assert_eq!(admin.get(&one).expect(200).json(), created.json());
        expect_error(admin.post(&format!("{list}/"), &body), 409, "CONFLICT");

        let mut changed = body.clone();
        let field = if body.get("name").is_some() { "name" } else { "reportDefinition" };
        changed[field] = if field == "name" { json!("Renamed") } else { report.clone() };
        assert_eq!(admin.put(&one, &changed).expect(200).json()[field], changed[field]);
        changed.as_object_mut().unwrap().remove("id");
        let _ = admin.put(&one, &changed).expect(200);
        changed["id"] = "other".into();
        assert_eq!(places(admin.put(&one, &changed)), ["/id"]);
        assert_eq!(admin.get(&one).expect(200).json()[field], changed[field]);
        let listed = admin.get(&format!("{list}/")).expect(200).json();
        assert!(listed.as_array().unwrap().contains(&admin.get(&one).json()), "{listed}");
    }
    for (kind, body) in one_of_each().into_iter().rev() {
        let one = format!("{}/{}", conf("acme", kind), body["id"].as_str().unwrap());
        let deleted = admin.delete(&one).expect(204);
        assert!(deleted.body.is_empty());
        expect_error(admin.get(&one), 404, "NOT_FOUND");
    }
}

#[test]
fn lists_are_sorted_searched_and_paged() {
    let (_server, admin) = server(Staff::Absent);
    let list = conf("acme", "connector-definitions");
    for id in ["b", "a", "C", "a.b"] {
        let mut body = connector_definition(id);
        body["description"] = format!("The system of {}", if id == "b" { "BADGES" } else { "HR" }).into();
        let _ = admin.post(&list, &body).expect(201);
    }
    for (query, expected) in [
        ("", vec!["C", "a", "a.b", "b"]),
        ("?limit=2", vec!["C", "a"]),
        ("?limit=2&after=a", vec!["a.b", "b"]),
        ("?after=b", vec![]),
        ("?q=badges", vec!["b"]),
        ("?q=A", vec!["a", "a.b", "b"]),
        ("?q=nothing", vec![]),
    ] {
        let found = admin.get(&format!("{list}{query}")).expect(200).json();
        let ids: Vec<_> = found.as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap()).collect();
        assert_eq!(ids, expected, "{query}");
    }
}

#[test]
fn everything_wrong_is_told_at_once() {
    let (_server, admin) = configured(Staff::Absent);
    let mut wrong = application("other");
    wrong["colour"] = "red".into();
    wrong["name"] = 7.into();
    wrong["objectTypes"][0]["attributeMappings"][0]["strategy"] = "COPY".into();
    wrong["objectTypes"][0]["objectKind"] = "PERSON".into();
    assert_eq!(
        places(admin.post(&conf("acme", "applications"), &wrong)),
        ["/colour", "/name", "/objectTypes/0/attributeMappings/0/strategy", "/objectTypes/0/objectKind"]
    );
    assert_eq!(places(admin.post(&conf("acme", "applications"), &json!("hr"))), [""]);

    // What only the other resources, the connector and the compiler know.
    let mut task = synchronization_task("other");
    task["applicationId"] = "unknown".into();
    task["postProcessingId"] = "unknown".into();
    let found = places(admin.post(&conf("acme", "sync-task-definitions"), &task));
    assert_eq!(found, ["/applicationId", "/postProcessingId"]);

    let mut connector = connector_definition("other");
    connector["connectorProperties"] = json!([{"name": "host", "value": "here"}]);
    let found = places(admin.post(&conf("acme", "connector-definitions"), &connector));
    assert_eq!(found, ["/connectorProperties/0"]);
    connector["type"] = "fax".into();
    assert_eq!(places(admin.post(&conf("acme", "connector-definitions"), &connector)), ["/type"]);

    let mut rule = application("hr");
    rule["objectTypes"][0]["attributeMappings"][1] = json!({
        "attribute": "name", "direction": "INBOUND", "strategy": "CUSTOM", "rule": "upper(name",
    });
    let found = places(admin.put(&conf("acme", "applications/hr"), &rule));
    assert!(found.iter().all(|place| place.starts_with("/objectTypes/0/attributeMappings/1")), "{found:?}");
}

#[test]
fn a_broken_document_hides_no_other_problem() {
    let (_server, admin) = configured(Staff::Absent);
    let wrong_class = json!({"id": "c", "remoteName": "c"});
    for (kind, body, expected) in [
        (
            "applications",
            json!({"id": "x", "colour": 1, "connectorDefinitionId": "unknown", "objectClasses": [wrong_class]}),
            vec!["/colour", "/connectorDefinitionId", "/name", "/objectClasses/0/uidAttribute"],
        ),
        (
            "connector-definitions",
            json!({"id": "x", "type": "memory", "colour": 1,
                   "connectorProperties": [{"name": 7}, {"name": "host", "value": "h"}]}),
            vec!["/colour", "/connectorProperties/0/name", "/connectorProperties/1", "/name"],
        ),
        (
            "connector-definitions",
            json!({"id": "x", "name": "X", "type": "fax", "colour": 1}),
            vec!["/colour", "/type"],
        ),
        (
            "prov-task-definitions",
            json!({"id": "x", "scope": "kind pr", "applicationIds": ["hr", "unknown"]}),
            vec!["/applicationIds/1", "/name"],
        ),
        (
            "sync-task-definitions",
            json!({"id": "x", "taskType": "IMPORT", "applicationId": "unknown", "preSynchronization": "x"}),
            vec!["/applicationId", "/name"],
        ),
    ] {
        assert_eq!(places(admin.post(&conf("acme", kind), &body)), expected, "{body}");
    }
    let mut broken = application("hr");
    broken["colour"] = 1.into();
    broken["connectorDefinitionId"] = "unknown".into();
    let found = places(admin.put(&conf("acme", "applications/hr"), &broken));
    assert_eq!(found, ["/colour", "/connectorDefinitionId"]);
}

#[test]
fn paths_are_confined_when_they_are_saved() {
    let connectors = [("csv", Arc::new(CsvKind) as Arc<_>)].into();
    let server = TestServer::start_with(Staff::Absent, ApiSettings::default(), connectors);
    server.make_tenant("acme");
    let admin = server.make_token("acme", "admin");
    let definition = |properties: Value| json!({"id": "memory", "name": "Files", "type": "csv", "connectorProperties": properties});
    let _ = admin.post(&conf("acme", "connector-definitions"), &definition(json!([]))).expect(201);
    for (path, expected) in [
        ("../../etc/passwd", Some("/objectClasses/0/remoteName")),
        ("/etc/passwd", Some("/objectClasses/0/remoteName")),
        ("in/hr.csv", None),
    ] {
        let mut body = application("hr");
        body["objectClasses"][0]["remoteName"] = path.into();
        let answer = admin.post(&conf("acme", "applications"), &body);
        match expected {
            Some(place) => assert_eq!(places(answer), [place], "{path}"),
            None => drop(answer.expect(201)),
        }
        body["colour"] = 1.into();
        let found = places(admin.post(&conf("acme", "applications"), &body));
        let all: Vec<_> = ["/colour"].into_iter().chain(expected).collect();
        assert_eq!(found, all, "{path}");
    }
    // What a change of the connector does to the classes of applications is told as well.
    let without_header = definition(json!([
        {"name": "header", "value": "false"}, {"name": "columns", "value": "name,mail"},
    ]));
    let found = places(admin.put(&conf("acme", "connector-definitions/memory"), &without_header));
    assert_eq!(found, ["applications/hr#/objectClasses/0/uidAttribute"]);
}

#[test]
fn what_would_be_taken_otherwise_than_it_is_written_is_refused() {
    let (_server, admin) = configured(Staff::Absent);
    let _ = admin.post(&conf("acme", "applications"), &target("payroll")).expect(201);
    let list = conf("acme", "prov-task-definitions");
    for (field, value, place) in [
        ("applicationIds", json!([]), Some("/applicationIds")),
        ("sortExpression", json!("nosuch,ASC"), Some("/sortExpression")),
        ("sortExpression", json!("name,DESC"), None),
    ] {
        let mut task = provisioning_task("accounts");
        task[field] = value;
        let answer = admin.post(&list, &task);
        match place {
            Some(place) => assert_eq!(places(answer), [place]),
            None => drop(answer.expect(201)),
        }
    }
    let twice = br#"{"id": "x", "name": "X", "type": "memory", "id": "y"}"#;
    let json = [("content-type", "application/json")];
    let answer = admin.send("POST", &conf("acme", "connector-definitions"), &json, twice);
    let error = expect_error(answer, 400, "MALFORMED");
    assert_eq!(error["properties"], json!({"1:47": "the member `id` stands there already"}));
}

#[test]
fn a_change_that_breaks_others_is_refused_and_names_them() {
    let (_server, admin) = configured(Staff::Absent);
    let mut changed = application("hr");
    changed["objectClasses"][0]["id"] = "badge".into();
    changed["objectTypes"][0]["objectClassId"] = "badge".into();
    let found = places(admin.put(&conf("acme", "applications/hr"), &changed));
    assert_eq!(found, ["sync-task-definitions/hr-import#/objectClassId"]);
    assert_eq!(admin.get(&conf("acme", "applications/hr")).json()["objectClasses"][0]["id"], "person");
}

#[test]
fn what_is_referred_to_is_not_deleted() {
    let (_server, admin) = configured(Staff::Absent);
    let error = expect_error(admin.delete(&conf("acme", "applications/hr")), 409, "CONFLICT");
    assert_eq!(error["properties"], json!({"sync-task-definitions/hr-import": "/applicationId"}));
    let error = expect_error(admin.delete(&conf("acme", "connector-definitions/memory")), 409, "CONFLICT");
    assert_eq!(error["properties"], json!({"applications/hr": "/connectorDefinitionId"}));
}

#[test]
fn what_a_live_run_uses_is_not_deleted_but_may_be_replaced() {
    let (_server, admin) = configured(Staff::Absent);
    let instances = "/acme/api/sync/sync-tasks/hr-import/instances";
    let id = admin.post_nothing(instances).expect(200).text().to_owned();
    let task = conf("acme", "sync-task-definitions/hr-import");
    let error = expect_error(admin.delete(&task), 409, "CONFLICT");
    assert!(error["properties"].get(&id).is_some(), "{error}");
    let _ = admin.put(&task, &synchronization_task("hr-import")).expect(200);
    let unused = conf("acme", "connector-definitions");
    let _ = admin.post(&unused, &connector_definition("unused")).expect(201);
    let _ = admin.delete(&format!("{unused}/unused")).expect(204);

    let _ = admin.post_nothing(&format!("{instances}/{id}/~cancel")).expect(200);
    let _ = admin.delete(&task).expect(204);
}

#[test]
fn a_task_gets_a_unique_id_and_its_directory() {
    let (server, admin) = configured(Staff::Absent);
    let list = conf("acme", "sync-task-definitions");
    let mut task = synchronization_task("branch");
    task["directoryId"] = "branch".into();
    let created = admin.post(&list, &task).expect(201).json();
    let unique_id = created["uniqueId"].as_str().unwrap().to_owned();
    let directories = server.block_on(server.tenant("acme").directories()).unwrap();
    let directories: Vec<_> = directories.iter().map(muster_model::DirectoryId::as_str).collect();
    assert_eq!(directories, ["branch", "main"]);

    let replaced = admin.put(&format!("{list}/branch"), &task).expect(200).json();
    assert_eq!(replaced["uniqueId"], unique_id.as_str());
    task["id"] = "twin".into();
    task["uniqueId"] = unique_id.into();
    assert_eq!(places(admin.post(&list, &task)), ["/uniqueId"]);
}
