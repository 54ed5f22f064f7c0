//! Connectors as a file: exported, imported, and told of all that is wrong.

use muster_testkit::http::Client;
use muster_testkit::server::{Staff, TestServer};
use serde_json::{Value, json};

use crate::connectors::{cleanup, connectors};
use crate::world::{
    application, conf, configure, configured, connector_definition, expect_error, places,
    synchronization_task,
};

fn export(client: &Client, tenant: &str) -> Value {
    client.get(&format!("{}/~export", connectors(tenant))).expect(200).json()
}

fn import(tenant: &str) -> String {
    format!("{}/~import", connectors(tenant))
}

/// A server with three connectors, two of which have one application; each has a directory of its own.
fn three() -> (TestServer, Client) {
    let (server, admin) = configured(Staff::Absent);
    let mut second = synchronization_task("hr-second");
    second["taskType"] = "IMPORT".into();
    second["directoryId"] = "branch".into();
    second["preSynchronization"] = "hr-import".into();
    let mut last = cleanup("cleanup");
    last["directoryId"] = "left".into();
    for task in [second, last] {
        let _ = admin.post(&conf("acme", "sync-task-definitions"), &task).expect(201);
    }
    (server, admin)
}

/// The version of each resource that connectors are made of.
fn versions(admin: &Client) -> Vec<String> {
    let tasks = ["hr-import", "hr-second", "cleanup"].map(|id| format!("sync-task-definitions/{id}"));
    let all = tasks.iter().map(String::as_str).chain(["applications/hr"]);
    all.map(|resource| admin.get(&conf("acme", resource)).expect(200).header("etag").to_owned()).collect()
}

#[test]
fn what_was_exported_and_imported_is_exported_the_same() {
    let (server, admin) = three();
    let (first, list, before) =
        (export(&admin, "acme"), admin.get(&connectors("acme")).json(), versions(&admin));
    assert!(!first.to_string().contains("directoryId"), "{first}");
    // Where it came from nothing changes, directories least of all.
    assert_eq!(admin.post(&import("acme"), &first).expect(200).json(), list);
    assert_eq!((export(&admin, "acme"), versions(&admin)), (first.clone(), before));
    // Elsewhere all of it is new, once there is what it refers to, in the directory that tasks have by default.
    server.make_tenant("beta");
    let beta = server.make_token("beta", "configurator");
    let lacking = "/0/configuration/application/connectorDefinitionId";
    let found = places(beta.post(&import("beta"), &Value::Array(vec![first[1].clone()])));
    assert_eq!(found, [lacking]);
    let _ = beta.post(&conf("beta", "connector-definitions"), &connector_definition("memory")).expect(201);
    let made = beta.post(&import("beta"), &first).expect(200).json();
    assert!(made.as_array().unwrap().iter().all(|one| one["directoryId"] == "main"), "{made}");
    assert_eq!(export(&beta, "beta"), first);
    assert_eq!(beta.post(&import("beta"), &export(&beta, "beta")).expect(200).json(), made);
}

#[test]
fn a_connector_is_matched_by_its_unique_id_and_keeps_its_directory() {
    let (_server, admin) = three();
    let mut file = export(&admin, "acme");
    let second = &mut file[2];
    assert_eq!(second["id"], "hr-second");
    second["id"] = "called-otherwise".into();
    second["name"] = "Not read".into();
    second["directoryId"] = "elsewhere".into();
    second["configuration"]["directoryId"] = "elsewhere".into();
    second["configuration"]["name"] = "Renamed".into();
    let answer = admin.post(&import("acme"), &json!([second])).expect(200).json();
    let one = &answer[0];
    assert_eq!(
        [&one["id"], &one["name"], &one["directoryId"]],
        ["hr-second", "Renamed", "branch"].map(|text| json!(text)).each_ref()
    );
    // A connector that is not there is new: of the unique id that it brings, or of one that is made.
    let given = "7df9fd3f-793f-4595-b415-b839b76b0018";
    let configuration = second["configuration"].clone();
    let file = json!([
        {"uniqueId": given, "configuration": configuration},
        {"id": "third", "uniqueId": null, "configuration": configuration},
    ]);
    let made = admin.post(&import("acme"), &file).expect(200).json();
    assert_eq!((&made[0]["id"], &made[0]["uniqueId"]), (&json!(given), &json!(given)));
    assert_eq!((&made[1]["id"], &made[1]["directoryId"]), (&json!("third"), &json!("main")));
    assert_ne!(made[1]["uniqueId"], made[0]["uniqueId"]);
    assert_eq!(admin.get(&connectors("acme")).json().as_array().unwrap().len(), 5);
    // The list that is shown is as good as a file.
    let list = admin.get(&connectors("acme")).json();
    assert_eq!(admin.post(&import("acme"), &list).expect(200).json(), list);
}

/// A document that says something else at these pointers.
fn with(one: &Value, pairs: &[(&str, Value)]) -> Value {
    let mut one = one.clone();
    for (pointer, value) in pairs {
        let (above, name) = pointer.rsplit_once('/').unwrap();
        one.pointer_mut(above).unwrap()[name] = value.clone();
    }
    one
}

#[test]
fn all_that_is_wrong_is_told_at_once_and_nothing_is_written() {
    let (_server, admin) = three();
    let (file, before) = (export(&admin, "acme"), versions(&admin));
    let (last, first, second) = (&file[0], &file[1], &file[2]);
    let renamed = with(first, &[("/configuration/name", json!("Renamed"))]);
    for (items, expected) in [
        (
            vec![
                renamed.clone(),
                json!(7),
                json!({"uniqueId": "7", "colour": "red"}),
                with(last, &[("/configuration/action", json!("SHRUG"))]),
                with(second, &[("/configuration/postProcessingId", json!("none"))]),
            ],
            vec![
                "/1",
                "/2/colour",
                "/2/configuration",
                "/2/uniqueId",
                "/3/configuration/action",
                "/4/configuration/postProcessingId",
            ],
        ),
        // A task that is there under another unique id, and one that cannot be called so.
        (
            vec![
                with(second, &[("/uniqueId", json!(null)), ("/id", json!("hr-import"))]),
                with(second, &[("/uniqueId", json!(null)), ("/id", json!("a b"))]),
                renamed.clone(),
            ],
            vec!["/0/id", "/1/id"],
        ),
        // One application that is said to be two, and one connector likewise.
        (
            vec![renamed.clone(), with(second, &[("/configuration/application/name", json!("Other"))])],
            vec!["/1/configuration/application"],
        ),
        (vec![renamed.clone(), first.clone()], vec!["/1/configuration"]),
        // What is wrong between resources.
        (
            vec![
                renamed,
                with(last, &[("/configuration/preSynchronization", json!("none"))]),
                with(second, &[("/configuration/objectClassId", json!("badge"))]),
            ],
            vec!["/1/configuration/preSynchronization", "/2/configuration/objectClassId"],
        ),
    ] {
        assert_eq!(places(admin.post(&import("acme"), &Value::Array(items.clone()))), expected, "{items:?}");
        assert_eq!(versions(&admin), before, "{items:?}");
    }
    assert_eq!(places(admin.post(&import("acme"), first)), [""]);
    let body = file.to_string();
    let typed = admin.send("POST", &import("acme"), &[("content-type", "text/plain")], body.as_bytes());
    expect_error(typed, 415, "UNSUPPORTED_MEDIA_TYPE");
}

#[test]
fn what_another_item_breaks_is_told_there_alone() {
    let (_server, admin) = three();
    let file = export(&admin, "acme");
    let (last, first, second) = (&file[0], &file[1], &file[2]);
    let as_new = [("/uniqueId", json!(null)), ("/id", json!("new"))];
    let after =
        |one: &Value, preceding: &str| with(one, &[("/configuration/preSynchronization", json!(preceding))]);
    for (broken, expected) in [
        (("/configuration/taskType", json!("NONE")), "/0/configuration/taskType"),
        (("/colour", json!("red")), "/0/colour"),
    ] {
        let broken = with(first, &[as_new.as_slice(), &[broken]].concat());
        let items = [broken, after(second, "new"), after(last, "none")];
        let found = places(admin.post(&import("acme"), &json!(items)));
        assert_eq!(found, [expected, "/2/configuration/preSynchronization"]);
    }
}

#[test]
fn an_import_of_two_connectors_with_one_new_application_writes_it_once() {
    let (server, admin) = configured(Staff::Absent);
    server.make_tenant("beta");
    let beta = server.make_token("beta", "admin");
    configure(&beta, "beta");
    let mut both = export(&admin, "acme").as_array().unwrap().clone();
    let mut other = both[0].clone();
    other["uniqueId"] = json!(null);
    other["id"] = "other".into();
    other["configuration"]["preSynchronization"] = "first".into();
    both[0]["id"] = "first".into();
    both.insert(0, other);
    for one in &mut both {
        // Two applications that map the same attributes of one kind would get into each other's way.
        one["configuration"]["application"] = application("new");
        one["configuration"]["application"]["objectTypes"][0]["objectKind"] = "RESOURCE".into();
    }
    let made = beta.post(&import("beta"), &Value::Array(both)).expect(200).json();
    assert_eq!(made.as_array().unwrap().len(), 2);
    let versions = beta.get(&conf("beta", "applications/new/~history")).expect(200).json();
    assert_eq!(versions.as_array().unwrap().len(), 1);
}
