//! Failed entries over HTTP: listed, grouped, as CSV, and tried again.

use muster_testkit::http::Client;
use muster_testkit::server::{Staff, TestServer};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::tasks::{TASK, launch, wait_for_end};
use crate::world::{PEOPLE, configured, expect_error, places, put_people};

/// A run of which three entries failed, one of them without a key.
fn failed() -> (TestServer, Client, String) {
    let (server, admin) = configured(Staff::Working);
    put_people(&server, &[("1", "Ann"), ("2", "Bob")]);
    for (at, uid) in [("=7", Some("=7")), ("8", Some("8")), ("9", None)] {
        server.system().put_bad(PEOPLE, at, uid.map(str::to_owned));
    }
    let run = format!("{TASK}/{}", launch(&admin, TASK));
    let ended = wait_for_end(&admin, &run);
    assert_eq!((&ended["outcomeStatus"], &ended["numberOfErrors"]), (&json!("PARTIAL"), &json!(3)));
    (server, admin, run)
}

fn list(client: &Client, path: &str) -> Vec<Value> {
    client.get(path).expect(200).json().as_array().unwrap().clone()
}

#[test]
fn failed_entries_are_listed_and_paged() {
    let (_server, admin, run) = failed();
    let all = list(&admin, &format!("{run}/failures"));
    let uids: Vec<_> = all.iter().map(|one| one["uid"].as_str()).collect();
    assert_eq!(uids.len(), 3, "{all:?}");
    for uid in [Some("=7"), Some("8"), None] {
        assert!(uids.contains(&uid), "{all:?}");
    }
    let first = &all[0];
    let fields: Vec<_> = first.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(
        fields,
        ["entry", "uid", "place", "step", "code", "label", "message", "class", "cause", "retriable"]
    );
    assert_eq!((&first["step"], &first["label"]), (&json!("READ"), &json!("ENTRY_UNREADABLE")));
    assert_eq!((&first["code"], &first["class"]), (&json!("MUS-C0000102"), &json!("REJECTED")));

    let one = list(&admin, &format!("{run}/failures?limit=1"));
    assert_eq!(one, all[..1]);
    let rest = list(&admin, &format!("{run}/failures?after={}", one[0]["entry"]));
    assert_eq!(rest, all[1..]);
    let cause = first["cause"].as_str().unwrap();
    assert_eq!(list(&admin, &format!("{run}/failures?cause={cause}")), all);
    assert!(list(&admin, &format!("{run}/failures?cause=none")).is_empty());
}

#[test]
fn failed_entries_are_counted_by_what_they_failed_for() {
    let (_server, admin, run) = failed();
    let all = list(&admin, &format!("{run}/failures"));
    let causes = list(&admin, &format!("{run}/failures?groupBy=cause"));
    assert_eq!(causes.len(), 1, "{causes:?}");
    let cause = &causes[0];
    let fields: Vec<_> = cause.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(fields, ["cause", "code", "label", "message", "class", "count", "entries"]);
    assert_eq!((&cause["count"], &cause["entries"]), (&json!(3), &Value::from(all.clone())));
    assert_eq!(cause["message"], all[0]["message"]);
    for (query, place) in [
        ("groupBy=code", "?groupBy"),
        ("groupBy=cause&after=1", "?after"),
        ("after=x", "?after"),
        ("cause=%00", "?cause"),
        ("limit=0", "?limit"),
    ] {
        assert_eq!(places(admin.get(&format!("{run}/failures?{query}"))), [place], "{query}");
    }
    let nobody = format!("{TASK}/{}/failures", Uuid::now_v7());
    expect_error(admin.get(&nobody), 404, "NOT_FOUND");
}

#[test]
fn as_csv_no_cell_is_a_formula() {
    let (_server, admin, run) = failed();
    let csv = |query: &str| {
        let answer = admin.send("GET", &format!("{run}/failures{query}"), &[("accept", "text/csv")], b"");
        let answer = answer.expect(200);
        assert_eq!(answer.header("content-type"), "text/csv; charset=utf-8");
        answer.text().to_owned()
    };
    let all = csv("");
    assert!(all.starts_with("entry,uid,place,step,code,label,message,class,cause,retriable\r\n"), "{all}");
    assert_eq!(all.lines().count(), 4, "{all}");
    assert!(all.contains(",'=7,") && !all.contains(",=7,"), "{all}");
    assert_eq!(csv("?limit=2").lines().count(), 3);
    assert_eq!(csv("?cause=none").lines().count(), 1);
    let grouped = csv("?groupBy=cause");
    assert!(grouped.starts_with("cause,code,label,message,class,count,entries\r\n"), "{grouped}");
    assert_eq!(grouped.lines().count(), 2, "{grouped}");
}

#[test]
fn failed_entries_are_tried_again_without_the_others() {
    let (server, admin, run) = failed();
    put_people(&server, &[("=7", "Cid"), ("8", "Dan")]);
    let retry = |body: Value| admin.post(&format!("{run}/failures/~retry"), &body);
    let all = list(&admin, &format!("{run}/failures"));
    let eight = all.iter().find(|one| one["uid"] == "8").unwrap();
    let answer = retry(json!({"entries": [eight["entry"]]})).expect(200);
    assert_eq!(answer.header("content-type"), "text/plain; charset=utf-8");
    let ended = wait_for_end(&admin, &format!("{TASK}/{}", answer.text()));
    let counted = (&ended["counters"]["read"], &ended["counters"]["actions"]["created"]);
    assert_eq!(counted, (&json!(1), &json!(1)), "{ended}");

    let answer = retry(json!({"all": true})).expect(200);
    assert_eq!(answer.header("muster-left-out"), "1", "one has no key");
    let ended = wait_for_end(&admin, &format!("{TASK}/{}", answer.text()));
    let actions = &ended["counters"]["actions"];
    assert_eq!((&actions["created"], &actions["unchanged"]), (&json!(1), &json!(1)), "{ended}");

    let keyless = all.iter().find(|one| one["uid"].is_null()).unwrap();
    for (body, place) in [
        (json!({}), ""),
        (json!({"all": true, "cause": "x"}), ""),
        (json!({"entries": [999]}), "/entries"),
        (json!({"entries": [keyless["entry"]]}), "/entries"),
        (json!({"entries": []}), "/entries"),
    ] {
        assert_eq!(places(retry(body.clone())), [place], "{body}");
    }
    expect_error(retry(json!({"cause": "none"})), 409, "CONFLICT");
    let nobody = format!("{TASK}/{}/failures/~retry", Uuid::now_v7());
    expect_error(admin.post(&nobody, &json!({"all": true})), 404, "NOT_FOUND");
}
