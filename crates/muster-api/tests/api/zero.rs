//! Texts with U+0000, which PostgreSQL does not take: both databases answer the same, and neither fails.

use muster_testkit::http::Client;
use serde_json::{Value, json};

use crate::processes::with_two_processes;
use crate::world::{application, conf, configure, expect_error, synchronization_task};

const TEXT: &str = "a\u{0}b";

fn with(mut body: Value, pointer: &str) -> Value {
    *body.pointer_mut(pointer).unwrap() = TEXT.into();
    body
}

/// Resources with the text in every place, each with its kind.
fn documents() -> Vec<(&'static str, Value)> {
    let connector = json!({"id": "c", "name": "C", "description": "", "type": "memory",
        "connectorProperties": [{"name": "p", "value": "v"}]});
    let task = || {
        let mut task = synchronization_task("other");
        task["description"] = "".into();
        task["filter"] = "".into();
        task["directoryId"] = "".into();
        task["postProcessingId"] = "".into();
        task
    };
    let connectors = [
        "/id",
        "/name",
        "/type",
        "/description",
        "/connectorProperties/0/name",
        "/connectorProperties/0/value",
    ]
    .map(|pointer| ("connector-definitions", with(connector.clone(), pointer)));
    let applications = [
        "/name",
        "/connectorDefinitionId",
        "/objectClasses/0/id",
        "/objectClasses/0/remoteName",
        "/objectClasses/0/uidAttribute",
        "/objectTypes/0/correlation/0/items/0/objectAttribute",
        "/objectTypes/0/attributeMappings/0/attribute",
        "/objectTypes/0/attributeMappings/0/source",
    ]
    .map(|pointer| ("applications", with(application("other"), pointer)));
    let tasks = ["/description", "/filter", "/directoryId", "/postProcessingId", "/applicationId"]
        .map(|pointer| ("sync-task-definitions", with(task(), pointer)));
    connectors.into_iter().chain(applications).chain(tasks).collect()
}

/// What is asked with the text in every place, each with the status of its answer.
fn questions() -> Vec<(&'static str, String, Value, u16)> {
    let user = json!({"name": "ann", "roles": ["viewer"], "password": "correct horse"});
    let token = json!({"name": "ci", "roles": ["viewer"], "expiresAt": null});
    let person = json!({"attributes": {"name": "Ada", "employeeNumber": "1"}, "objectType": "employee"});
    let named = json!({"attributes": {TEXT: "Ada"}});
    let launch = |body: Value| ("POST", "sync/sync-tasks/hr-import/instances".to_owned(), body);
    let asked = |(method, path, body): (&'static str, String, Value), status| (method, path, body, status);
    let post = |path: &str, body, status| ("POST", path.to_owned(), body, status);
    let put = |path: &str, body, status| ("PUT", path.to_owned(), body, status);
    let get = |path: &str, status| ("GET", path.to_owned(), Value::Null, status);
    let conf = |kind: &str, body, status| post(&format!("sync/conf/{kind}"), body, status);
    let documents = documents().into_iter();
    let mut questions: Vec<_> = documents.map(|(kind, body)| conf(kind, body, 400)).collect();
    questions.extend([
        post("users", with(user.clone(), "/name"), 400),
        post("users", with(user.clone(), "/roles/0"), 400),
        post("users", json!({"name": "zoe", "roles": ["viewer"], "password": "correct\u{0}horse"}), 201),
        put("users/a%00b", user, 404),
        post("tokens", with(token.clone(), "/name"), 400),
        post("tokens", with(token.clone(), "/roles/0"), 400),
        post("tokens", with(token, "/expiresAt"), 400),
        put("sync/secrets/s", json!({"value": TEXT}), 400),
        put("sync/secrets/a%00b", json!({"value": "v"}), 400),
        get("sync/conf/applications/a%00b", 404),
        get("sync/conf/applications?q=%00", 400),
        get("sync/conf/applications?after=a%00", 400),
        post("sync/conf/~evaluate", json!({"expression": "name", "attributes": {"name": TEXT}}), 200),
        post("sync/conf/~evaluate", json!({"condition": "name eq \"a\\u0000b\""}), 200),
        post("im/IDENTITY", with(person.clone(), "/attributes/name"), 201),
        post("im/IDENTITY", with(person.clone(), "/attributes/employeeNumber"), 201),
        post("im/IDENTITY", with(person.clone(), "/objectType"), 400),
        post("im/IDENTITY", named, 400),
        get("im/IDENTITY?filter=name%20eq%20%22a%5Cu0000b%22", 200),
        get("im/IDENTITY?filter=name%20eq%20%22a%00b%22", 400),
        get("im/IDENTITY?directoryId=%00", 400),
        asked(launch(json!({"keys": [TEXT]})), 400),
        asked(launch(with(json!({"mode": "x"}), "/mode")), 400),
        asked(launch(json!({"mode": "SIMULATE", "configuration": {"applications": [with(application("other"), "/name")]}})), 400),
        get("sync/audit?actor=%00", 400),
        get("sync/sync-tasks/a%00b/instances", 404),
        get("sync/sync-tasks/hr-import/instances/a%00b", 404),
    ]);
    questions
}

fn ask(client: &Client, (method, path, body): (&str, &str, &Value)) -> u16 {
    let path = format!("/acme/api/{path}");
    let json = [("content-type", "application/json")];
    let body = if body.is_null() { String::new() } else { body.to_string() };
    client.send(method, &path, if body.is_empty() { &[] } else { &json }, body.as_bytes()).status
}

#[test]
fn no_text_with_a_zero_fails() {
    with_two_processes(|[admin, _]| {
        configure(admin, "acme");
        let mut others = Vec::new();
        for (method, path, body, status) in questions() {
            let told = ask(admin, (method, &path, &body));
            if told != status {
                others.push(format!("{told} instead of {status}: {method} {path} {body}"));
            }
        }
        assert!(others.is_empty(), "{}", others.join("\n"));
    });
}

#[test]
fn nobody_is_known_by_a_name_with_a_zero() {
    with_two_processes(|[admin, _]| {
        let anybody = admin.with_user("a\0", "b");
        for tenant in ["acme", "nowhere"] {
            expect_error(anybody.get(&conf(tenant, "applications")), 401, "UNAUTHORIZED");
        }
    });
}

#[test]
fn values_with_a_zero_are_kept_and_found() {
    with_two_processes(|[admin, _]| {
        let attributes = json!({"name": TEXT, "tags": ["x", TEXT]});
        let made = admin.post("/acme/api/im/IDENTITY", &json!({"attributes": attributes})).expect(201).json();
        assert_eq!(made["attributes"], attributes);
        let path = format!("/acme/api/im/IDENTITY/{}", made["id"].as_str().unwrap());
        assert_eq!(admin.get(&path).expect(200).json()["attributes"], attributes);
        let changed = json!({"attributes": {"name": "Ada", "tags": []}});
        let _ = admin.put(&path, &changed).expect(200);
        let history = admin.get(&format!("{path}/~history")).expect(200).json();
        assert!(history.to_string().contains("a\\u0000b"), "{history}");
        let _ = admin.put(&path, &json!({"attributes": attributes})).expect(200);
        let condition = "name%20eq%20%22a%5Cu0000b%22%20and%20tags%20eq%20%22a%5Cu0000b%22";
        let found = admin.get(&format!("/acme/api/im/IDENTITY?filter={condition}")).expect(200).json();
        assert_eq!(found.as_array().map(Vec::len), Some(1), "{found}");
    });
}
