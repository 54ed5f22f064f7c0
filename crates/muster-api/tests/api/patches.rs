//! PATCH of configuration: in both forms, checked like a PUT, and whole or not at all.

use muster_testkit::http::{Answer, Client};
use serde_json::{Value, json};

use crate::processes::with_two_processes;
use crate::world::{application, conf, configure, expect_error, places, synchronization_task};

const MERGE: &str = "application/merge-patch+json";
const OPERATIONS: &str = "application/json-patch+json";

fn hr() -> String {
    conf("acme", "applications/hr")
}

fn patch(client: &Client, path: &str, form: &str, body: &Value) -> Answer {
    client.send("PATCH", path, &[("content-type", form)], body.to_string().as_bytes())
}

#[test]
fn both_forms_change_what_they_name_and_nothing_else() {
    with_two_processes(|[here, there]| {
        configure(here, "acme");
        let before = here.get(&hr()).expect(200);
        let merged =
            patch(here, &hr(), MERGE, &json!({"name": "People", "description": "From HR"})).expect(200);
        let mut expected = before.json();
        expected["name"] = "People".into();
        expected["description"] = "From HR".into();
        assert_eq!(merged.json(), expected);
        assert_ne!(merged.header("etag"), before.header("etag"));
        assert_eq!(there.get(&hr()).header("etag"), merged.header("etag"));

        let mapping = json!({
            "attribute": "mail", "direction": "INBOUND", "strategy": "SIMPLE", "source": "mail",
        });
        let operations = json!([
            {"op": "test", "path": "/name", "value": "People"},
            {"op": "remove", "path": "/description"},
            {"op": "add", "path": "/objectTypes/0/attributeMappings/-", "value": mapping},
        ]);
        let form = "Application/JSON-Patch+JSON; charset=utf-8";
        let patched = patch(there, &hr(), form, &operations).expect(200).json();
        assert_eq!(patched.get("description"), None);
        assert_eq!(patched["objectTypes"][0]["attributeMappings"][2]["attribute"], "mail");
        assert_eq!(here.get(&hr()).json(), patched);
        // What changes nothing is no new version.
        let tag = here.get(&hr()).header("etag").to_owned();
        assert_eq!(patch(here, &hr(), MERGE, &json!({})).expect(200).header("etag"), tag);
        let _ = patch(here, &hr(), MERGE, &json!({"description": null})).expect(200);
        assert_eq!(patch(here, &hr(), OPERATIONS, &json!([])).expect(200).header("etag"), tag);
    });
}

#[test]
fn what_comes_of_a_patch_is_checked_as_a_whole() {
    with_two_processes(|[client, _]| {
        configure(client, "acme");
        let before = client.get(&hr()).expect(200);
        let last = "/objectTypes/0/attributeMappings/1";
        for (form, body, expected) in [
            (MERGE, json!({"colour": "red", "name": 7}), vec!["/colour", "/name"]),
            (MERGE, json!({"connectorDefinitionId": "unknown"}), vec!["/connectorDefinitionId"]),
            (MERGE, json!({"name": null}), vec!["/name"]),
            (MERGE, json!({"id": "other"}), vec!["/id"]),
            (MERGE, json!({"id": null}), vec!["/id"]),
            (MERGE, json!("hr"), vec![""]),
            (OPERATIONS, json!([{"op": "replace", "path": "/id", "value": "other"}]), vec!["/id"]),
            (OPERATIONS, json!([{"op": "remove", "path": "/id"}]), vec!["/id"]),
            (OPERATIONS, json!([{"op": "replace", "path": "", "value": []}]), vec![""]),
            (
                OPERATIONS,
                json!([{"op": "replace", "path": format!("{last}/strategy"), "value": "COPY"}]),
                vec!["/objectTypes/0/attributeMappings/1/strategy"],
            ),
            // Operations are named by their place in the patch.
            (
                OPERATIONS,
                json!([
                    {"op": "replace", "path": "/name", "value": "Lost"},
                    {"op": "test", "path": "/name", "value": "HR"},
                ]),
                vec!["/1"],
            ),
            (OPERATIONS, json!([{"op": "remove", "path": "/nothing"}]), vec!["/0"]),
            (
                OPERATIONS,
                json!([{"op": "frob", "path": "/name"}, {"op": "add", "path": "name"}]),
                vec!["/0", "/1"],
            ),
            (OPERATIONS, json!({"name": "HR"}), vec![""]),
        ] {
            assert_eq!(places(patch(client, &hr(), form, &body)), expected, "{body}");
            let now = client.get(&hr()).expect(200);
            assert_eq!((now.header("etag"), now.json()), (before.header("etag"), before.json()), "{body}");
        }
        // What it breaks elsewhere is told as well.
        let class = json!([
            {"op": "replace", "path": "/objectClasses/0/id", "value": "badge"},
            {"op": "replace", "path": "/objectTypes/0/objectClassId", "value": "badge"},
        ]);
        let found = places(patch(client, &hr(), OPERATIONS, &class));
        assert_eq!(found, ["sync-task-definitions/hr-import#/objectClassId"]);
    });
}

#[test]
fn a_patch_is_refused_like_any_other_write() {
    with_two_processes(|[client, _]| {
        configure(client, "acme");
        let change = json!({"name": "Lost"});
        expect_error(patch(client, &conf("acme", "applications/none"), MERGE, &change), 404, "NOT_FOUND");
        for form in ["application/json", "text/plain", ""] {
            let answer = patch(client, &hr(), form, &change);
            assert_eq!(answer.header("accept-patch"), format!("{MERGE}, {OPERATIONS}"));
            expect_error(answer, 415, "UNSUPPORTED_MEDIA_TYPE");
        }
        let put =
            client.send("PUT", &hr(), &[("content-type", MERGE)], application("hr").to_string().as_bytes());
        assert_eq!(put.header("accept-patch"), "");
        expect_error(put, 415, "UNSUPPORTED_MEDIA_TYPE");
        let twice = br#"[{"op": "add", "path": "/name", "value": "a", "op": "remove"}]"#;
        let answer = client.send("PATCH", &hr(), &[("content-type", OPERATIONS)], twice);
        expect_error(answer, 400, "MALFORMED");
        let large = json!({"description": "x".repeat(1024 * 1024)});
        expect_error(patch(client, &hr(), MERGE, &large), 413, "TOO_LARGE");

        let tag = client.get(&hr()).header("etag").to_owned();
        let headers = |tag| [("content-type", MERGE), ("if-match", tag)];
        let body = json!({"name": "Second"}).to_string();
        let second = client.send("PATCH", &hr(), &headers(&tag), body.as_bytes()).expect(200);
        let late = client.send("PATCH", &hr(), &headers(&tag), change.to_string().as_bytes());
        let error = expect_error(late, 412, "PRECONDITION_FAILED");
        assert_eq!(error["properties"]["ETag"], second.header("etag"));
        assert_eq!(client.get(&hr()).json()["name"], "Second");
    });
}

#[test]
fn the_unique_id_of_a_task_stays_under_patches() {
    with_two_processes(|[client, _]| {
        configure(client, "acme");
        let path = conf("acme", "sync-task-definitions/hr-import");
        let before = client.get(&path).json();
        let other = json!({"uniqueId": "01900000-0000-7000-8000-000000000000"});
        assert_eq!(places(patch(client, &path, MERGE, &other)), ["/uniqueId"]);
        let kept =
            patch(client, &path, MERGE, &json!({"uniqueId": null, "directoryId": "branch"})).expect(200);
        assert_eq!(kept.json()["uniqueId"], before["uniqueId"]);
        assert_eq!(kept.json()["directoryId"], "branch");
        assert_eq!(kept.json()["name"], synchronization_task("hr-import")["name"]);
    });
}
