//! Disputes over HTTP: listed as JSON and CSV, decided, taken back; accounts linked and unlinked by hand.

use muster_testkit::http::Client;
use muster_testkit::server::Staff;
use serde_json::{Value, json};

use crate::tasks::wait_for_end;
use crate::world::{application, conf, configured, expect_error, places, put_people};

const DISPUTES: &str = "/acme/api/sync/disputes";

fn run(admin: &Client) {
    let instances = "/acme/api/sync/sync-tasks/hr-import/instances";
    let id = admin.post_nothing(instances).expect(200).text().to_owned();
    let ended = wait_for_end(admin, &format!("{instances}/{id}"));
    assert_eq!(ended["outcomeStatus"], "SUCCESS", "{ended}");
}

fn list(admin: &Client, query: &str) -> Vec<Value> {
    admin.get(&format!("{DISPUTES}{query}")).expect(200).json().as_array().unwrap().clone()
}

/// Three people whom no object fits, and a source that makes none of them.
fn unmatched() -> (muster_testkit::server::TestServer, Client) {
    let (server, admin) = configured(Staff::Working);
    let mut application = application("hr");
    application["objectTypes"][0]["reactions"] = json!({"UNMATCHED": "REPORT"});
    let _ = admin.put(&format!("{}/hr", conf("acme", "applications")), &application).expect(200);
    put_people(&server, &[("1", "Ann"), ("2", "Bob"), ("=3", "Zoe")]);
    run(&admin);
    (server, admin)
}

#[test]
fn disputes_are_listed_page_by_page_and_by_what_is_asked() {
    let (_server, admin) = unmatched();
    let all = list(&admin, "");
    assert_eq!(all.len(), 3);
    let first = &all[0];
    assert_eq!(
        (&first["situation"], &first["applicationId"], &first["decision"], &first["candidates"]),
        (&json!("UNMATCHED"), &json!("hr"), &Value::Null, &json!([]))
    );
    assert!(first["why"]["message"].as_str().unwrap().contains("no object fits it"), "{first}");
    let id = |dispute: &Value| dispute["id"].as_str().unwrap().to_owned();
    assert_eq!(list(&admin, "?limit=1"), all[..1]);
    assert_eq!(list(&admin, &format!("?limit=1&after={}", id(first))), all[1..2]);
    for (query, found) in [
        ("?situation=UNMATCHED&decided=false&applicationId=hr", 3),
        ("?situation=DISPUTED", 0),
        ("?decided=true", 0),
        ("?applicationId=other", 0),
    ] {
        assert_eq!(list(&admin, query).len(), found, "{query}");
    }
    let refused = admin.get(&format!("{DISPUTES}?situation=LINKED&decided=1&after=7"));
    assert_eq!(places(refused), ["?after", "?decided", "?situation"]);
    run(&admin);
    let again = list(&admin, "");
    assert_eq!(again.iter().map(id).collect::<Vec<_>>(), all.iter().map(id).collect::<Vec<_>>());
}

#[test]
fn the_list_is_a_table_that_no_spreadsheet_computes() {
    let (_server, admin) = unmatched();
    let answer = admin.send("GET", DISPUTES, &[("accept", "text/csv")], b"").expect(200);
    assert!(answer.headers["content-type"].starts_with("text/csv"), "{answer:?}");
    let text = String::from_utf8(answer.body).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].starts_with("id,applicationId,objectClassId,accountKey,situation,"), "{text}");
    assert_eq!(lines.len(), 4, "{text}");
    assert!(text.contains(",'=3,UNMATCHED,"), "{text}");
}

#[test]
fn what_is_decided_is_shown_followed_and_taken_back() {
    let (server, admin) = unmatched();
    let viewer = server.make_token("acme", "viewer");
    let operator = server.make_token("acme", "operator");
    let found = list(&viewer, "");
    let of = |uid: &str| {
        let dispute = found.iter().find(|dispute| dispute["accountKey"] == uid).unwrap();
        format!("{DISPUTES}/{}", dispute["id"].as_str().unwrap())
    };
    let decide =
        |client: &Client, uid: &str, body: Value| client.post(&format!("{}/~decide", of(uid)), &body);
    let _ = decide(&viewer, "1", json!({"decision": "NEW"})).expect(403);
    let decided = decide(&operator, "1", json!({"decision": "NEW"})).expect(200).json();
    assert_eq!(
        (&decided["decision"]["decision"], &decided["situation"]),
        (&json!("NEW"), &json!("UNMATCHED"))
    );
    let _ = decide(&operator, "2", json!({"decision": "IGNORE"})).expect(200);
    let nobody = json!({"decision": "LINK", "objectId": "01900000-0000-7000-8000-000000000000"});
    let refused = decide(&operator, "2", nobody);
    assert_eq!(places(refused), ["/objectId"]);
    run(&admin);
    let left: Vec<_> = list(&viewer, "?decided=true").iter().map(|one| one["accountKey"].clone()).collect();
    assert_eq!(left, ["2"], "1 is an object by now");
    let _ = operator.delete(&format!("{}/decision", of("2"))).expect(204);
    assert_eq!(list(&viewer, "?decided=true"), [] as [Value; 0]);
    let nowhere = format!("{DISPUTES}/{}/~decide", "0".repeat(32));
    let _ = operator.post(&nowhere, &json!({"decision": "NEW"})).expect(404);
    let acts = admin.get("/acme/api/sync/audit?act=DECIDE").expect(200).json();
    assert_eq!(acts.as_array().unwrap().len(), 2);
}

#[test]
fn accounts_are_taken_from_their_owners_and_given_to_others() {
    let (server, admin) = unmatched();
    let operator = server.make_token("acme", "operator");
    for dispute in list(&admin, "") {
        let path = format!("{DISPUTES}/{}/~decide", dispute["id"].as_str().unwrap());
        let _ = admin.post(&path, &json!({"decision": "NEW"})).expect(200);
    }
    run(&admin);
    let objects = admin.get("/acme/api/im/IDENTITY").expect(200).json();
    let id = |name: &str| {
        let object = objects.as_array().unwrap().iter().find(|object| object["attributes"]["name"] == name);
        object.unwrap()["id"].as_str().unwrap().to_owned()
    };
    let accounts = "/acme/api/sync/accounts";
    let account = json!({"applicationId": "hr", "objectClassId": "person", "accountKey": "1", "version": 1});
    let refused = operator.post(&format!("{accounts}/~unlink"), &json!({"version": "x", "ignore": 1}));
    let wrong = ["/accountKey", "/applicationId", "/ignore", "/objectClassId", "/version"];
    assert_eq!(places(refused), wrong);
    let _ = operator.post(&format!("{accounts}/~unlink"), &account).expect(204);
    assert_eq!(list(&admin, "?decided=true")[0]["decision"]["decision"], "IGNORE");
    let _ = operator.post(&format!("{accounts}/~unlink"), &account).expect(409);
    let mut other = account.clone();
    (other["objectId"], other["version"]) = (id("Bob").into(), Value::Null);
    let taken = expect_error(operator.post(&format!("{accounts}/~relink"), &other), 409, "CONFLICT");
    assert!(taken["description"].as_str().unwrap().ends_with("belongs to account `2`"), "{taken}");
    other["objectId"] = id("Ann").into();
    let _ = operator.post(&format!("{accounts}/~relink"), &other).expect(204);
    assert_eq!(list(&admin, ""), [] as [Value; 0]);
    let mut unknown = account;
    unknown["accountKey"] = "9".into();
    let _ = operator.post(&format!("{accounts}/~unlink"), &unknown).expect(404);
}
