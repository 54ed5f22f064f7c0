//! PATCH of connectors: the examples of both standards, met on a configuration, and patches that it does not take.

use muster_testkit::http::Client;
use muster_testkit::server::Staff;
use serde_json::{Value, json};

use crate::connectors::{MERGE, OPERATIONS, hr, patch};
use crate::processes::with_two_processes;
use crate::world::{configure, configured, expect_error, places};

const MAPPINGS: &str = "/application/objectTypes/0/attributeMappings";

/// What a patch comes to.
enum Expected {
    /// These values at these pointers, and nothing else is another.
    Changed(Vec<(String, Option<Value>)>),
    /// A refusal that names these places.
    Refused(Vec<&'static str>),
}

use Expected::{Changed, Refused};

fn at(pointer: impl Into<String>, value: Value) -> (String, Option<Value>) {
    (pointer.into(), Some(value))
}

/// A connector of which an example may begin with this configuration.
fn begin(admin: &Client, path: &str) -> Value {
    let mut configuration = admin.get(path).expect(200).json()["configuration"].clone();
    configuration["description"] = "bar".into();
    configuration["guards"] = json!({"delete": {"count": 10}});
    admin.put(path, &configuration).expect(200).json()["configuration"].clone()
}

/// The configuration with what is expected in it.
fn changed(mut configuration: Value, changes: &[(String, Option<Value>)]) -> Value {
    for (pointer, value) in changes {
        let (above, name) = pointer.rsplit_once('/').unwrap();
        let above = configuration.pointer_mut(above).unwrap().as_object_mut().unwrap();
        match value {
            Some(value) => above.insert(name.to_owned(), value.clone()),
            None => above.remove(name),
        };
    }
    configuration
}

fn check(form: &str, examples: Vec<(&str, Value, Expected)>) {
    let (_server, admin) = configured(Staff::Absent);
    let path = hr(&admin);
    let first = admin.get(&path).expect(200).json()["configuration"].clone();
    for (example, body, expected) in examples {
        let _ = admin.put(&path, &first).expect(200);
        let before = begin(&admin, &path);
        let tag = admin.get(&path).header("etag").to_owned();
        let answer = patch(&admin, &path, form, &body);
        let after = match expected {
            Changed(changes) => {
                let after = changed(before, &changes);
                assert_eq!(answer.expect(200).json()["configuration"], after, "{example}");
                after
            }
            Refused(expected) => {
                assert_eq!(places(answer), expected, "{example}");
                assert_eq!(admin.get(&path).header("etag"), tag, "{example}");
                before
            }
        };
        assert_eq!(admin.get(&path).json()["configuration"], after, "{example}");
    }
}

/// An inbound mapping of one attribute.
fn mapping(name: &str) -> Value {
    json!({"attribute": name, "direction": "INBOUND", "strategy": "SIMPLE", "source": name})
}

/// RFC 6902, appendix A, as far as a list is concerned.
#[test]
fn the_examples_of_json_patch_with_lists_hold_for_connectors() {
    let number =
        json!({"attribute": "employeeNumber", "direction": "INBOUND", "strategy": "SIMPLE", "source": "no"});
    let items = json!({"items": [{"objectAttribute": "name", "accountAttribute": "name"}]});
    let first_items = json!({"items": [{"objectAttribute": "employeeNumber", "accountAttribute": "no"}]});
    let list = |list: Value| at(MAPPINGS, list);
    check(
        OPERATIONS,
        vec![
            (
                "A.2",
                json!([{"op": "add", "path": format!("{MAPPINGS}/1"), "value": mapping("mail")}]),
                Changed(vec![list(json!([number, mapping("mail"), mapping("name")]))]),
            ),
            (
                "A.4",
                json!([{"op": "remove", "path": format!("{MAPPINGS}/1")}]),
                Changed(vec![list(json!([number]))]),
            ),
            (
                "A.7",
                json!([{"op": "move", "from": format!("{MAPPINGS}/0"), "path": format!("{MAPPINGS}/1")}]),
                Changed(vec![list(json!([mapping("name"), number]))]),
            ),
            (
                "A.8",
                json!([
                    {"op": "test", "path": "/name", "value": "HR"},
                    {"op": "test", "path": format!("{MAPPINGS}/1/source"), "value": "name"},
                ]),
                Changed(vec![]),
            ),
            (
                "A.16",
                json!([{"op": "add", "path": "/application/objectTypes/0/correlation/-", "value": items}]),
                Changed(vec![at("/application/objectTypes/0/correlation", json!([first_items, items]))]),
            ),
        ],
    );
}

/// The others.
#[test]
fn the_examples_of_json_patch_hold_for_connectors() {
    check(
        OPERATIONS,
        vec![
            (
                "A.1",
                json!([{"op": "add", "path": "/guards/disable", "value": {"count": 1}}]),
                Changed(vec![at("/guards/disable", json!({"count": 1}))]),
            ),
            (
                "A.3",
                json!([{"op": "remove", "path": "/description"}]),
                Changed(vec![("/description".to_owned(), None)]),
            ),
            (
                "A.5",
                json!([{"op": "replace", "path": "/name", "value": "boo"}]),
                Changed(vec![at("/name", json!("boo"))]),
            ),
            (
                "A.6",
                json!([{"op": "move", "from": "/description", "path": "/application/description"}]),
                Changed(vec![
                    ("/description".to_owned(), None),
                    at("/application/description", json!("bar")),
                ]),
            ),
            ("A.9", json!([{"op": "test", "path": "/name", "value": "bar"}]), Refused(vec!["/0"])),
            (
                "A.10",
                json!([{"op": "add", "path": "/errorPolicy", "value": {"maximumErrors": 7}}]),
                Changed(vec![at("/errorPolicy", json!({"maximumErrors": 7}))]),
            ),
            (
                "A.11",
                json!([{"op": "add", "path": "/description", "value": "qux", "xyz": 123}]),
                Changed(vec![at("/description", json!("qux"))]),
            ),
            ("A.12", json!([{"op": "add", "path": "/baz/bat", "value": "qux"}]), Refused(vec!["/0"])),
            // Names that have to be escaped: there are none that a configuration knows, but it tells which it got.
            (
                "A.14",
                json!([{"op": "add", "path": "/~01", "value": 10}, {"op": "add", "path": "/~1", "value": 9}]),
                Refused(vec!["/~01", "/~1"]),
            ),
            (
                "A.15",
                json!([
                    {"op": "test", "path": "/guards/delete/count", "value": 10},
                    {"op": "test", "path": "/guards/delete/count", "value": "10"},
                ]),
                Refused(vec!["/1"]),
            ),
        ],
    );
}

/// A.13: which of two operations is meant nobody knows.
#[test]
fn an_operation_that_is_two_is_none() {
    let (_server, admin) = configured(Staff::Absent);
    let twice = br#"[{"op": "add", "path": "/description", "value": "qux", "op": "remove"}]"#;
    let answer = admin.send("PATCH", &hr(&admin), &[("content-type", OPERATIONS)], twice);
    expect_error(answer, 400, "MALFORMED");
}

/// The fifteen of RFC 7396, appendix A, in their order.
#[test]
fn the_examples_of_merge_patch_hold_for_connectors() {
    check(
        MERGE,
        vec![
            ("1", json!({"name": "c"}), Changed(vec![at("/name", json!("c"))])),
            ("2", json!({"filter": "name pr"}), Changed(vec![at("/filter", json!("name pr"))])),
            ("3", json!({"description": null}), Changed(vec![("/description".to_owned(), None)])),
            (
                "4",
                json!({"description": null, "name": "b"}),
                Changed(vec![("/description".to_owned(), None), at("/name", json!("b"))]),
            ),
            ("5", json!({"application": {"objectTypes": "c"}}), Refused(vec!["/application/objectTypes"])),
            ("6", json!({"name": ["b"]}), Refused(vec!["/name"])),
            (
                "7",
                json!({"application": {"name": "d", "description": null}}),
                Changed(vec![at("/application/name", json!("d"))]),
            ),
            ("8", json!({"application": {"objectTypes": [1]}}), Refused(vec!["/application/objectTypes/0"])),
            ("9", json!(["c", "d"]), Refused(vec![""])),
            ("10", json!([]), Refused(vec![""])),
            ("11", json!(null), Refused(vec![""])),
            ("12", json!("bar"), Refused(vec![""])),
            ("13", json!({"sweep": "CHANGES"}), Changed(vec![at("/sweep", json!("CHANGES"))])),
            (
                "14",
                json!({"application": {"objectClasses": {"a": "b", "c": null}}}),
                Refused(vec!["/application/objectClasses"]),
            ),
            (
                "15",
                json!({"guards": {"disable": {"count": 1, "percent": null}}}),
                Changed(vec![at("/guards/disable", json!({"count": 1}))]),
            ),
        ],
    );
}

#[test]
fn what_a_configuration_does_not_take_changes_nothing() {
    with_two_processes(|[client, _]| {
        configure(client, "acme");
        let path = hr(client);
        let before = client.get(&path).expect(200);
        for (form, body, expected) in [
            // A path that a configuration does not have.
            (OPERATIONS, json!([{"op": "replace", "path": "/configuration/name", "value": "x"}]), vec!["/0"]),
            (OPERATIONS, json!([{"op": "replace", "path": "/directoryId", "value": "x"}]), vec!["/0"]),
            (OPERATIONS, json!([{"op": "remove", "path": "/nothing"}]), vec!["/0"]),
            (OPERATIONS, json!([{"op": "add", "path": "/colour", "value": "red"}]), vec!["/colour"]),
            (OPERATIONS, json!([{"op": "add", "path": "/uniqueId", "value": "x"}]), vec!["/uniqueId"]),
            (OPERATIONS, json!([{"op": "test", "path": "/uniqueId", "value": "x"}]), vec!["/0"]),
            (
                MERGE,
                json!({"colour": "red", "configuration": {"name": "x"}}),
                vec!["/colour", "/configuration"],
            ),
            // A wrong type.
            (OPERATIONS, json!([{"op": "replace", "path": "/name", "value": 7}]), vec!["/name"]),
            (MERGE, json!({"name": {"first": "x"}}), vec!["/name"]),
            // No object.
            (OPERATIONS, json!([{"op": "replace", "path": "", "value": []}]), vec![""]),
            (OPERATIONS, json!({"op": "replace", "path": "/name", "value": "x"}), vec![""]),
            // What is required, and what stays.
            (MERGE, json!({"name": null}), vec!["/name"]),
            (MERGE, json!({"application": null}), vec!["/application"]),
            (MERGE, json!({"application": {"id": "other"}}), vec!["/application/id"]),
            // A `test` that fails after what it was to guard.
            (
                OPERATIONS,
                json!([
                    {"op": "replace", "path": "/name", "value": "Lost"},
                    {"op": "replace", "path": "/application/name", "value": "Lost"},
                    {"op": "test", "path": "/application/id", "value": "other"},
                ]),
                vec!["/2"],
            ),
        ] {
            assert_eq!(places(patch(client, &path, form, &body)), expected, "{body}");
            let now = client.get(&path).expect(200);
            assert_eq!((now.json(), now.header("etag")), (before.json(), before.header("etag")), "{body}");
        }
        expect_error(client.send("PATCH", &path, &[("content-type", MERGE)], b""), 400, "MALFORMED");
        // What changes nothing is no new version.
        for (form, body) in [(MERGE, json!({})), (OPERATIONS, json!([])), (MERGE, json!({"nothing": null}))] {
            assert_eq!(patch(client, &path, form, &body).expect(200).header("etag"), before.header("etag"));
        }
    });
}
