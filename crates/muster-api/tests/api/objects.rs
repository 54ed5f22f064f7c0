//! IM objects over HTTP: searched, read, written by hand, and what they were before.

use muster_testkit::http::{Answer, Client};
use muster_testkit::server::Staff;
use serde_json::{Value, json};

use crate::processes::with_two_processes;
use crate::world::{application, conf, configured, connector_definition, expect_error, places};

const PEOPLE: &str = "/acme/api/im/IDENTITY";
const MERGE: (&str, &str) = ("content-type", "application/merge-patch+json");
const OPERATIONS: (&str, &str) = ("content-type", "application/json-patch+json");

/// How often two clients race for one version.
const ROUNDS: usize = 20;

/// Saves an application whose mappings say of what types attributes are.
fn configure_types(admin: &Client) {
    let _ = admin.post(&conf("acme", "connector-definitions"), &connector_definition("memory")).expect(201);
    let mut hr = application("hr");
    let mappings = hr["objectTypes"][0]["attributeMappings"].as_array_mut().unwrap();
    for (name, kind, several) in
        [("age", "INTEGER", false), ("mail", "STRING", true), ("start", "DATE_TIME", false)]
    {
        mappings.push(json!({
            "attribute": name, "direction": "INBOUND", "strategy": "SIMPLE", "source": name,
            "type": kind, "multiValued": several,
        }));
    }
    mappings.push(json!({
        "attribute": "manager", "direction": "INBOUND", "strategy": "SIMPLE", "source": "manager",
        "type": "REFERENCE", "reference": {"objectKind": "IDENTITY", "byAttribute": "employeeNumber"},
    }));
    let _ = admin.post(&conf("acme", "applications"), &hr).expect(201);
}

fn make(client: &Client, attributes: Value) -> Answer {
    client.post(PEOPLE, &json!({"attributes": attributes})).expect(201)
}

fn id(answer: &Answer) -> String {
    answer.json()["id"].as_str().unwrap().to_owned()
}

fn path(answer: &Answer) -> String {
    format!("{PEOPLE}/{}", id(answer))
}

fn patch(client: &Client, path: &str, kind: (&str, &str), body: &Value) -> Answer {
    client.send("PATCH", path, &[kind], body.to_string().as_bytes())
}

fn search(client: &Client, filter: &str) -> Vec<String> {
    let escaped: String = filter.bytes().map(|octet| format!("%{octet:02X}")).collect();
    let found = client.get(&format!("{PEOPLE}?filter={escaped}")).expect(200).json();
    let numbers = found.as_array().unwrap().iter();
    numbers.map(|object| object["attributes"]["employeeNumber"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn an_object_is_made_read_changed_and_deleted() {
    with_two_processes(|[here, there]| {
        configure_types(here);
        let attributes = json!({
            "employeeNumber": "7", "age": 42, "mail": ["a@x", "b@x"], "start": "2026-03-01",
            "manager": {"key": "1"}, "nickname": "Ann", "none": null,
        });
        let made = make(here, attributes);
        let path = path(&made);
        assert_eq!(made.header("location"), path);
        let shown = there.get(&path).expect(200);
        assert_eq!((shown.json(), shown.header("etag")), (made.json(), made.header("etag")));
        let manager = json!({"kind": "IDENTITY", "by": "employeeNumber", "key": "1"});
        assert_eq!(
            made.json(),
            json!({
                "id": id(&made), "kind": "IDENTITY", "directoryId": "main", "objectType": null,
                "enabled": true, "disabledReason": null, "version": 1,
                "attributes": {
                    "age": 42, "employeeNumber": "7", "mail": ["a@x", "b@x"], "manager": manager,
                    "nickname": "Ann", "none": null, "start": "2026-03-01T00:00:00.000Z",
                },
            })
        );
        // What was read can be written back, and changes nothing.
        let same = there.put(&path, &made.json()).expect(200);
        assert_eq!((same.json(), same.header("etag")), (made.json(), made.header("etag")));
        let body = json!({"objectType": "guest", "enabled": false, "attributes": {"employeeNumber": "7"}});
        let put = there.put(&path, &body).expect(200);
        assert_eq!((&put.json()["version"], &put.json()["disabledReason"]), (&json!(2), &json!("BY_HAND")));
        assert_eq!((&put.json()["objectType"], put.json()), (&json!("guest"), here.get(&path).json()));
        let _ = here.delete(&path).expect(204);
        expect_error(there.get(&path), 404, "NOT_FOUND");
        expect_error(there.delete(&path), 404, "NOT_FOUND");
    });
}

#[test]
fn both_kinds_of_patches_change_an_object_in_part() {
    with_two_processes(|[here, there]| {
        configure_types(here);
        let path = path(&make(here, json!({"employeeNumber": "7", "age": 42, "mail": ["a@x"]})));
        let merged = patch(here, &path, MERGE, &json!({"attributes": {"age": null, "nickname": "Ann"}}));
        let attributes = json!({"employeeNumber": "7", "mail": ["a@x"], "nickname": "Ann"});
        assert_eq!(merged.expect(200).json()["attributes"], attributes);
        let operations = json!([
            {"op": "test", "path": "/version", "value": 2},
            {"op": "add", "path": "/attributes/mail/-", "value": "b@x"},
            {"op": "replace", "path": "/enabled", "value": false},
        ]);
        let patched = patch(there, &path, OPERATIONS, &operations).expect(200).json();
        assert_eq!(
            (&patched["attributes"]["mail"], &patched["version"]),
            (&json!(["a@x", "b@x"]), &json!(3))
        );
        assert_eq!((&patched["enabled"], &patched["disabledReason"]), (&json!(false), &json!("BY_HAND")));
        let enabled = patch(here, &path, MERGE, &json!({"enabled": true})).expect(200).json();
        assert_eq!((&enabled["enabled"], &enabled["disabledReason"]), (&json!(true), &Value::Null));
        // A test that fails changes nothing.
        assert_eq!(places(patch(here, &path, OPERATIONS, &operations)), ["/0"]);
        for (body, expected) in [
            (json!({"id": "x"}), "/id"),
            (json!({"kind": "ROLE"}), "/kind"),
            (json!({"directoryId": "other"}), "/directoryId"),
            (json!({"attributes": null}), "/attributes"),
            (json!({"attributes": {"mail": "b@x"}}), "/attributes/mail"),
            (json!({"colour": "red"}), "/colour"),
        ] {
            assert_eq!(places(patch(here, &path, MERGE, &body)), [expected], "{body}");
        }
        expect_error(patch(here, &path, MERGE, &json!({"version": 1})), 409, "CONFLICT");
        let json = ("content-type", "application/json");
        expect_error(patch(here, &path, json, &json!({})), 415, "UNSUPPORTED_MEDIA_TYPE");
        assert_eq!(here.get(&path).json()["version"], 4);
    });
}

#[test]
fn everything_wrong_with_an_object_is_told_at_once() {
    let (_server, admin) = configured(Staff::Absent);
    let body = json!({
        "id": "1", "kind": "ROLE", "version": 1, "directoryId": "~", "objectType": "", "enabled": "no",
        "disabledReason": "BORED", "colour": "red",
        "attributes": {
            "name": 7, "enabled": true, "a/b": [[1]], "half": 0.5, "": "x",
            "boss": {"kind": "IDENTITY", "key": "1"},
        },
    });
    let expected = [
        "/attributes/",
        "/attributes/a~1b/0",
        "/attributes/boss",
        "/attributes/enabled",
        "/attributes/half",
        "/attributes/name",
        "/colour",
        "/directoryId",
        "/disabledReason",
        "/enabled",
        "/id",
        "/kind",
        "/objectType",
        "/version",
    ];
    assert_eq!(places(admin.post(PEOPLE, &body)), expected);
    for (body, place) in [
        (json!([]), ""),
        (json!({}), "/attributes"),
        (json!({"attributes": []}), "/attributes"),
        (json!({"attributes": {}, "disabledReason": "MISSING"}), "/disabledReason"),
        (json!({"attributes": {}, "directoryId": "nowhere"}), "/directoryId"),
    ] {
        assert_eq!(places(admin.post(PEOPLE, &body)), [place], "{body}");
    }
    assert_eq!(admin.get(PEOPLE).expect(200).json(), json!([]));
    for kind in ["PERSON", "identity", "~IDENTITY"] {
        expect_error(admin.get(&format!("/acme/api/im/{kind}")), 404, "NOT_FOUND");
        expect_error(admin.post(&format!("/acme/api/im/{kind}"), &json!({})), 404, "NOT_FOUND");
    }
    let made = make(&admin, json!({}));
    for path in [format!("/acme/api/im/ROLE/{}", id(&made)), format!("{PEOPLE}/nobody")] {
        for method in ["GET", "DELETE"] {
            expect_error(admin.send(method, &path, &[], b""), 404, "NOT_FOUND");
        }
        expect_error(admin.put(&path, &json!({"attributes": {}})), 404, "NOT_FOUND");
        expect_error(admin.get(&format!("{path}/~history")), 404, "NOT_FOUND");
    }
}

#[test]
fn of_two_who_change_one_version_one_wins() {
    with_two_processes(|[here, there]| {
        let made = make(here, json!({"count": 0}));
        let (path, mut tag) = (path(&made), made.header("etag").to_owned());
        for round in 1..=ROUNDS {
            let change = |client: &Client, by: &str| {
                let body = json!({"attributes": {"count": round, "by": by}});
                let headers = [MERGE, ("if-match", tag.as_str())];
                client.send("PATCH", &path, &headers, body.to_string().as_bytes())
            };
            let (one, other) = std::thread::scope(|scope| {
                let other = scope.spawn(|| change(there, "there"));
                (change(here, "here"), other.join().unwrap())
            });
            let mut statuses = [one.status, other.status];
            statuses.sort_unstable();
            assert_eq!(statuses, [200, 412], "round {round}: {} {}", one.text(), other.text());
            let (won, lost) = if one.status == 200 { (one, other) } else { (other, one) };
            let refused = expect_error(lost, 412, "PRECONDITION_FAILED");
            tag = won.header("etag").to_owned();
            assert_eq!(refused["properties"]["ETag"], tag);
            assert_eq!(won.json()["version"], 1 + round);
        }
        for tag in ["\"1\"", "W/\"1\"", &format!("W/{tag}")] {
            let stale = [("if-match", tag)];
            expect_error(here.send("DELETE", &path, &stale, b""), 412, "PRECONDITION_FAILED");
        }
        let known = [("if-none-match", tag.as_str())];
        assert_eq!(here.send("GET", &path, &known, b"").status, 304);
        assert_eq!(here.send("DELETE", &path, &[("if-match", tag.as_str())], b"").status, 204);
    });
}

#[test]
fn writes_without_a_precondition_all_count() {
    with_two_processes(|[here, there]| {
        let path = path(&make(here, json!({})));
        std::thread::scope(|scope| {
            for (client, name) in [(here, "a"), (there, "b"), (here, "c"), (there, "d")] {
                let path = &path;
                scope.spawn(move || {
                    for round in 0..3 {
                        let body = json!({"attributes": {format!("{name}{round}"): round}});
                        let _ = patch(client, path, MERGE, &body).expect(200);
                    }
                });
            }
        });
        let object = here.get(&path).expect(200).json();
        assert_eq!(object["attributes"].as_object().unwrap().len(), 12, "{object}");
        assert_eq!(object["version"], 13);
    });
}

#[test]
fn a_condition_finds_objects_page_by_page() {
    with_two_processes(|[here, there]| {
        configure_types(here);
        for number in 0..30 {
            let department = if number % 3 == 0 { "IT" } else { "Sales" };
            make(
                here,
                json!({"employeeNumber": number.to_string(), "age": 20 + number, "department": department}),
            );
        }
        assert_eq!(search(there, r#"department eq "it" and age lt 30"#), ["0", "3", "6", "9"]);
        assert_eq!(search(there, r#"not (department eq "it") and age ge 48"#), ["28", "29"]);
        assert_eq!(search(there, r#"employeeNumber eq "7""#), ["7"]);
        assert_eq!(search(there, "mail pr"), [""; 0]);
        let mut found = Vec::new();
        let mut after = String::new();
        loop {
            let page = there
                .get(&format!("{PEOPLE}?filter=age%20ge%2040&sort=id&limit=4{after}"))
                .expect(200)
                .json();
            let page = page.as_array().unwrap().clone();
            let Some(last) = page.last() else { break };
            after = format!("&after={}", last["id"].as_str().unwrap());
            found.extend(page);
        }
        assert_eq!(found.len(), 10);
        let count =
            |query: &str| here.get(&format!("{PEOPLE}?{query}")).expect(200).json().as_array().unwrap().len();
        assert_eq!((count("directory=main&limit=1000"), count("limit=5"), count("")), (30, 5, 30));
        assert_eq!(places(here.get(&format!("{PEOPLE}?directory=nowhere"))), ["?directory"]);
        let wrong = format!("{PEOPLE}?filter=age%20eq&limit=1001&sort=name&after=1&q=x");
        assert_eq!(places(here.get(&wrong)), ["?after", "?filter", "?limit", "?q", "?sort"]);
    });
}

#[test]
fn a_tenant_sees_its_own_objects_alone() {
    let (server, admin) = configured(Staff::Absent);
    server.make_tenant("beta");
    let other = server.make_token("beta", "admin");
    let made = make(&admin, json!({"name": "Ann"}));
    let theirs = path(&made).replace("/acme/", "/beta/");
    expect_error(other.get(&theirs), 404, "NOT_FOUND");
    expect_error(other.get(&format!("{theirs}/~history")), 404, "NOT_FOUND");
    assert_eq!(other.get("/beta/api/im/IDENTITY?filter=name%20pr").expect(200).json(), json!([]));
    expect_error(other.put(&theirs, &json!({"attributes": {}})), 404, "NOT_FOUND");
    assert_eq!(admin.get(&path(&made)).expect(200).json(), made.json());
}
