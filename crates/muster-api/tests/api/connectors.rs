//! Connectors: tasks with their applications, listed, shown and saved as clients of User Sync do.

use muster_model::configuration::ConfigurationKind;
use muster_store::{ResourceWrite, Written};
use muster_testkit::http::{Answer, Client};
use muster_testkit::server::Staff;
use serde_json::{Value, json};

use crate::processes::with_two_processes;
use crate::world::{conf, configure, configured, expect_error, places, synchronization_task};

pub(crate) const MERGE: &str = "application/merge-patch+json";
pub(crate) const OPERATIONS: &str = "application/json-patch+json";

pub(crate) fn connectors(tenant: &str) -> String {
    format!("/{tenant}/rest/samlsso-admin/1.0/usersync/connector")
}

/// The path of the connector of [`configure`].
pub(crate) fn hr(admin: &Client) -> String {
    let task = admin.get(&conf("acme", "sync-task-definitions/hr-import")).expect(200).json();
    format!("{}/{}", connectors("acme"), task["uniqueId"].as_str().unwrap())
}

pub(crate) fn patch(client: &Client, path: &str, form: &str, body: &Value) -> Answer {
    client.send("PATCH", path, &[("content-type", form)], body.to_string().as_bytes())
}

pub(crate) fn cleanup(id: &str) -> Value {
    json!({
        "id": id, "name": "Clean-up", "taskType": "CLEANUP", "directoryId": "main", "inactiveDays": 90,
        "action": "DISABLE",
    })
}

#[test]
fn every_task_that_brings_or_cleans_up_users_is_a_connector() {
    let (server, admin) = configured(Staff::Absent);
    let tasks = conf("acme", "sync-task-definitions");
    let made = admin.post(&tasks, &cleanup("cleanup")).expect(201).json();
    let hr_task = admin.get(&format!("{tasks}/hr-import")).json();
    let list = admin.get(&connectors("acme")).expect(200).json();
    assert_eq!(admin.get(&format!("{}/", connectors("acme"))).expect(200).json(), list);
    let summary = |connector: &Value| {
        let text = |field: &str| connector[field].as_str().unwrap().to_owned();
        [text("uniqueId"), text("id"), text("name"), text("directoryId")]
    };
    let text = |task: &Value, field: &str| task[field].as_str().unwrap().to_owned();
    let expected = [
        [text(&made, "uniqueId"), "cleanup".into(), "Clean-up".into(), "main".into()],
        [text(&hr_task, "uniqueId"), "hr-import".into(), "HR".into(), "main".into()],
    ];
    assert_eq!(list.as_array().unwrap().iter().map(summary).collect::<Vec<_>>(), expected);

    let one = admin.get(&hr(&admin)).expect(200);
    assert_eq!(one.json(), list[1]);
    let application = admin.get(&conf("acme", "applications/hr")).json();
    let configuration = json!({
        "name": "HR", "taskType": "RECONCILIATION", "objectClassId": "person", "application": application,
    });
    assert_eq!(one.json()["configuration"], configuration);
    assert_eq!(
        list[0]["configuration"],
        json!({
            "name": "Clean-up", "taskType": "CLEANUP", "directoryId": "main", "inactiveDays": 90,
            "action": "DISABLE",
        })
    );
    let known = admin.send("GET", &hr(&admin), &[("if-none-match", one.header("etag"))], b"");
    assert_eq!((known.status, known.header("etag"), known.body.len()), (304, one.header("etag"), 0));
    assert!(server.make_token("acme", "viewer").get(&hr(&admin)).expect(200).json()["uniqueId"].is_string());
}

#[test]
fn a_connector_is_found_by_its_unique_id_or_by_the_id_of_its_task() {
    let (_server, admin) = configured(Staff::Absent);
    let found = admin.get(&hr(&admin)).expect(200).json();
    let unique_id = found["uniqueId"].as_str().unwrap();
    // A task that is called like a unique id is found by its own unique id alone.
    let mut namesake = cleanup(unique_id);
    namesake["name"] = "Namesake".into();
    let _ = admin.post(&conf("acme", "sync-task-definitions"), &namesake).expect(201);
    for id in [unique_id, &unique_id.to_uppercase(), "hr-import"] {
        assert_eq!(admin.get(&format!("{}/{id}", connectors("acme"))).expect(200).json(), found, "{id}");
    }
    for id in ["7df9fd3f-793f-4595-b415-b839b76b0018", "nothing", "hr", "~nothing", "%00"] {
        let path = format!("{}/{id}", connectors("acme"));
        expect_error(admin.get(&path), 404, "NOT_FOUND");
        expect_error(admin.put(&path, &json!({})), 404, "NOT_FOUND");
        expect_error(patch(&admin, &path, MERGE, &json!({})), 404, "NOT_FOUND");
    }
}

#[test]
fn what_is_shown_can_be_edited_and_saved() {
    with_two_processes(|[here, there]| {
        configure(here, "acme");
        let path = hr(here);
        let before = here.get(&path).expect(200);
        let mut configuration = before.json()["configuration"].clone();
        // What is saved as it was shown stays as it is.
        let same = there.put(&path, &configuration).expect(200);
        assert_eq!((same.json(), same.header("etag")), (before.json(), before.header("etag")));

        configuration["name"] = "People".into();
        configuration["directoryId"] = "branch".into();
        configuration["application"]["description"] = "From HR".into();
        // The ids of the application and of nothing else may be left out.
        configuration["application"].as_object_mut().unwrap().remove("id");
        let saved = here.put(&path, &configuration).expect(200);
        assert_ne!(saved.header("etag"), before.header("etag"));
        configuration["application"]["id"] = "hr".into();
        let view = saved.json();
        assert_eq!((&view["name"], &view["directoryId"]), (&json!("People"), &json!("branch")));
        assert_eq!((&view["configuration"], &view["id"]), (&configuration, &json!("hr-import")));
        assert_eq!(view["uniqueId"], before.json()["uniqueId"]);
        let again = there.get(&path).expect(200);
        assert_eq!((again.json(), again.header("etag")), (view, saved.header("etag")));
        let application = there.get(&conf("acme", "applications/hr")).json();
        assert_eq!(application["description"], "From HR");

        // Who has not seen what is there now changes nothing, whether task or application has changed.
        let other = json!({"description": "By somebody else"});
        let _ = patch(there, &conf("acme", "applications/hr"), MERGE, &other).expect(200);
        let when = |tag: &str| {
            let headers = [("content-type", "application/json"), ("if-match", tag)];
            here.send("PUT", &path, &headers, configuration.to_string().as_bytes())
        };
        expect_error(when(saved.header("etag")), 412, "PRECONDITION_FAILED");
        let now = here.get(&path).header("etag").to_owned();
        let _ = when(&now).expect(200);
    });
}

#[test]
fn a_connector_that_breaks_rules_is_not_saved() {
    with_two_processes(|[client, _]| {
        configure(client, "acme");
        let _ =
            client.post(&conf("acme", "sync-task-definitions"), &synchronization_task("other")).expect(201);
        let path = hr(client);
        let before = client.get(&path).expect(200);
        let with = |pairs: &[(&str, Value)]| {
            let mut configuration = before.json()["configuration"].clone();
            for (pointer, value) in pairs {
                let (above, name) = pointer.rsplit_once('/').unwrap();
                configuration.pointer_mut(above).unwrap()[name] = value.clone();
            }
            configuration
        };
        let badge = [
            ("/objectClassId", json!("badge")),
            ("/application/objectClasses/0/id", json!("badge")),
            ("/application/objectTypes/0/objectClassId", json!("badge")),
        ];
        for (body, expected) in [
            (json!([]), vec![""]),
            (json!({}), vec!["/name", "/taskType"]),
            (
                with(&[("/name", json!(7)), ("/application/name", json!(7))]),
                vec!["/application/name", "/name"],
            ),
            (
                with(&[("/colour", json!("red")), ("/application/colour", json!("red"))]),
                vec!["/application/colour", "/colour"],
            ),
            (with(&[("/application", json!(null))]), vec!["/application"]),
            (with(&[("/application", json!(7))]), vec!["/application"]),
            (with(&[("/application/id", json!("other"))]), vec!["/application/id"]),
            (
                with(&[("/taskType", json!("CLEANUP")), ("/action", json!("KEEP"))]),
                vec!["/application", "/directoryId", "/objectClassId"],
            ),
            // What stands beside the configuration is no part of it, even where it is right.
            (
                with(&[
                    ("/id", json!("hr-import")),
                    ("/uniqueId", before.json()["uniqueId"].clone()),
                    ("/applicationId", json!("hr")),
                ]),
                vec!["/applicationId", "/id", "/uniqueId"],
            ),
            // Both are looked at to the end.
            (
                with(&[
                    ("/postProcessingId", json!("none")),
                    ("/application/connectorDefinitionId", json!("none")),
                    ("/application/name", json!(7)),
                ]),
                vec!["/application/connectorDefinitionId", "/application/name", "/postProcessingId"],
            ),
            (with(&[("/objectClassId", json!("badge"))]), vec!["/objectClassId"]),
            (with(&badge[1..]), vec!["/objectClassId", "sync-task-definitions/other#/objectClassId"]),
            (with(&badge), vec!["sync-task-definitions/other#/objectClassId"]),
        ] {
            assert_eq!(places(client.put(&path, &body)), expected, "{body}");
            let now = client.get(&path).expect(200);
            assert_eq!((now.json(), now.header("etag")), (before.json(), before.header("etag")), "{body}");
        }
    });
}

#[test]
fn a_body_of_another_type_is_refused() {
    let (_server, admin) = configured(Staff::Absent);
    for form in ["text/plain", "application/x-www-form-urlencoded", MERGE, ""] {
        let answer = admin.send("PUT", &hr(&admin), &[("content-type", form)], b"{}");
        expect_error(answer, 415, "UNSUPPORTED_MEDIA_TYPE");
    }
    for form in ["application/json", "text/plain", ""] {
        let answer = patch(&admin, &hr(&admin), form, &json!({}));
        assert_eq!(answer.header("accept-patch"), format!("{MERGE}, {OPERATIONS}"));
        expect_error(answer, 415, "UNSUPPORTED_MEDIA_TYPE");
    }
}

#[test]
fn a_clean_up_and_a_synchronization_become_each_other() {
    let (_server, admin) = configured(Staff::Absent);
    let _ = admin.post(&conf("acme", "sync-task-definitions"), &cleanup("cleanup")).expect(201);
    let path = format!("{}/cleanup", connectors("acme"));
    let mut configuration = admin.get(&hr(&admin)).json()["configuration"].clone();
    configuration["application"]["description"] = "Met twice".into();
    let saved = admin.put(&path, &configuration).expect(200).json();
    assert_eq!(saved["configuration"], configuration);
    let known = admin.get(&hr(&admin)).json();
    assert_eq!(known["configuration"]["application"]["description"], "Met twice");
    // An application of another id is a new one.
    let mut anew = admin.put(&path, &cleanup_configuration()).expect(200).json()["configuration"].clone();
    assert_eq!(anew.get("application"), None);
    anew = configuration;
    anew["application"]["id"] = "hr2".into();
    // Two applications that map the same attributes of one kind would get into each other's way.
    anew["application"]["objectTypes"][0]["objectKind"] = "RESOURCE".into();
    assert_eq!(admin.put(&path, &anew).expect(200).json()["configuration"], anew);
    assert_eq!(admin.get(&conf("acme", "applications/hr2")).expect(200).json(), anew["application"]);
    assert_eq!(admin.get(&hr(&admin)).json(), known);
}

fn cleanup_configuration() -> Value {
    let mut configuration = cleanup("cleanup");
    configuration.as_object_mut().unwrap().remove("id");
    configuration
}

/// A way to save the task of an id.
type Save<'a> = &'a dyn Fn(&str);

#[test]
fn a_task_gets_its_unique_id_by_whatever_door_it_is_saved_and_keeps_it() {
    let (server, admin) = configured(Staff::Absent);
    let tasks = conf("acme", "sync-task-definitions");
    let change = json!({"description": "Saved"});
    let saves: [(&str, Save<'_>); 5] = [
        ("by-put", &|id| {
            let _ = admin.put(&format!("{tasks}/{id}"), &synchronization_task(id)).expect(200);
        }),
        ("by-patch", &|id| {
            let _ = patch(&admin, &format!("{tasks}/{id}"), MERGE, &change).expect(200);
        }),
        ("by-restoring", &|id| {
            let _ = admin.post(&format!("{tasks}/{id}/~restore"), &json!({"version": 1})).expect(200);
        }),
        ("by-dataset", &|id| {
            let xml = admin.get(&conf("acme", "dataset/export")).expect(200);
            assert!(xml.text().contains(id));
            let typed = [("content-type", "application/xml")];
            let _ = admin.send("POST", &conf("acme", "dataset/import"), &typed, &xml.body).expect(200);
        }),
        ("by-saving", &|id| {
            let _ = patch(&admin, &format!("{}/{id}", connectors("acme")), MERGE, &change).expect(200);
        }),
    ];
    let unique_id = |id: &str| {
        let connector = admin.get(&format!("{}/{id}", connectors("acme"))).expect(200).json();
        connector["uniqueId"].as_str().map(str::to_owned)
    };
    for (id, save) in saves {
        let store = server.tenant("acme");
        let body = synchronization_task(id).to_string();
        let kind = ConfigurationKind::SynchronizationTaskDefinition.number();
        server.block_on(async {
            let checked = store.configuration_version().await.unwrap();
            let write = ResourceWrite::new(kind, id, Written::Created(body));
            store.write_resource(checked, write).await.unwrap();
        });
        assert_eq!(unique_id(id), None, "{id}");
        save(id);
        let made = unique_id(id).unwrap();
        // And whoever saves it then.
        saves.iter().for_each(|(_, save)| save(id));
        assert_eq!(unique_id(id), Some(made), "{id}");
    }
}

#[test]
fn a_deleted_directory_comes_back_when_its_connector_is_saved() {
    with_two_processes(|[client, _]| {
        configure(client, "acme");
        let path = hr(client);
        let before = client.get(&path).expect(200);
        let directory = "/acme/rest/samlsso-admin/1.0/directory/main";
        let _ = client.delete(directory).expect(204);
        // Other ways to save it leave the directory as it is.
        let file = client.get(&format!("{}/~export", connectors("acme"))).expect(200).json();
        for name in ["People", "HR"] {
            let _ = patch(client, &path, MERGE, &json!({"name": name})).expect(200);
            let _ = client.post(&format!("{}/~import", connectors("acme")), &file).expect(200);
            let task = conf("acme", "sync-task-definitions/hr-import");
            let _ = patch(client, &task, MERGE, &json!({"description": name})).expect(200);
            expect_error(client.delete(directory), 404, "NOT_FOUND");
        }
        let saved = client.put(&path, &before.json()["configuration"]).expect(200);
        assert_eq!(saved.json(), before.json());
        let _ = client.delete(directory).expect(204);
        // What is saved as it is brings it back as well.
        let same = client.put(&path, &before.json()["configuration"]).expect(200);
        assert_eq!(same.header("etag"), saved.header("etag"));
        let _ = client.delete(directory).expect(204);
        expect_error(client.delete(directory), 404, "NOT_FOUND");
    });
}
