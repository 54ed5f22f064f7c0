//! What is sent for each write, how often, and what its answers mean.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use muster_connector::{
    Admission, AttributeWrite, ConnectorError, ConnectorKind, Host, Operation, Pace, Paced, RemoteClass,
    Written,
};
use muster_model::{Field, Value};
use serde_json::{Value as Json, json};

use crate::fake::{Asked, Fake, Reply, list, ok, person, refusal};
use crate::{DONE, class_of, create, delete, host, kind, open, properties, text, update, users, write};

const MAIL: &str = "emails[type eq \"work\"].value";
const NUMBER: &str = "urn:x:2.0:User:number";

fn class() -> RemoteClass {
    users(&[("name.familyName", false), (MAIL, false), ("emails.value", true), (NUMBER, false)])
}

fn patching() -> Json {
    json!({"patch": {"supported": true}, "filter": {"supported": true}})
}

/// A service that takes everything.
fn takes(asked: &Asked) -> Option<Reply> {
    match asked.method.as_str() {
        "POST" => Some(Reply::Json(201, Vec::new(), json!({"id": "k1"}))),
        "PATCH" | "DELETE" => Some(Reply::Json(204, Vec::new(), Json::Null)),
        _ => None,
    }
}

#[tokio::test]
async fn a_created_account_costs_one_call() {
    let fake = Fake::start(patching(), takes);
    let connector = open(&fake.url(), &[]).await;
    let made = create("ada", &[("name.familyName", "L"), (MAIL, "a@x"), (NUMBER, "7")]);
    let outcomes = write(&*connector, &class(), vec![made]).await;
    assert_eq!(outcomes, [Ok(Written { given_uid: Some("k1".to_owned()) })]);
    assert_eq!(fake.lines(), ["POST /Users"]);
    let asked = &fake.asked()[0];
    assert_eq!(asked.headers["content-type"], "application/scim+json");
    assert_eq!(asked.headers["authorization"], "Bearer t");
    let expected = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", "urn:x:2.0:User"],
        "userName": "ada",
        "name": {"familyName": "L"},
        "emails": [{"type": "work", "value": "a@x"}],
        "urn:x:2.0:User": {"number": "7"},
        "active": true,
    });
    assert_eq!(asked.body, expected);
}

/// What a change sends as operations of its one PATCH.
async fn operations(others: &[(&str, &str)], operation: Operation) -> Json {
    let fake = Fake::start(patching(), takes);
    let connector = open(&fake.url(), others).await;
    assert_eq!(write(&*connector, &class(), vec![operation]).await, [DONE]);
    assert_eq!(fake.lines(), ["PATCH /Users/k1"]);
    fake.asked()[0].body["Operations"].clone()
}

fn changes() -> Operation {
    let values = |texts: &[&str]| texts.iter().copied().map(Value::from).collect();
    let several = AttributeWrite::Values { add: values(&["n@x"]), remove: values(&["o\"@x"]) };
    let writes = vec![
        ("name.familyName", text("L")),
        (MAIL, text("w@x")),
        ("emails.value", several),
        (NUMBER, AttributeWrite::Replace(Field::Null)),
    ];
    match update("k1", writes) {
        Operation::Update { uid, name, writes, .. } => {
            Operation::Update { uid, name, writes, enabled: Some(false) }
        }
        other @ (Operation::Create { .. } | Operation::Delete { .. }) => other,
    }
}

#[tokio::test]
async fn a_change_is_one_patch_with_what_changes() {
    let expected = json!([
        {"op": "replace", "path": "name.familyName", "value": "L"},
        {"op": "replace", "path": MAIL, "value": "w@x"},
        {"op": "remove", "path": "emails[value eq \"o\\\"@x\"]"},
        {"op": "add", "path": "emails", "value": [{"value": "n@x"}]},
        {"op": "remove", "path": NUMBER},
        {"op": "replace", "path": "active", "value": false},
    ]);
    assert_eq!(operations(&[], changes()).await, expected);
}

#[tokio::test]
async fn dialects_say_the_same_in_other_words() {
    let entra = operations(&[("dialect", "ENTRA")], changes()).await;
    assert_eq!(entra[0]["op"], "Replace");
    assert_eq!(entra[5], json!({"op": "Replace", "path": "active", "value": "False"}));
    let values = operations(&[("patchForm", "VALUES")], changes()).await;
    let whole = json!({"op": "replace", "value": {"name": {"familyName": "L"}, "active": false}});
    assert_eq!(values.as_array().and_then(|all| all.last()), Some(&whole));
    let cleared = update("k1", vec![("emails.value", AttributeWrite::Replace(Field::Many(vec![])))]);
    assert_eq!(operations(&[], cleared).await, json!([{"op": "remove", "path": "emails"}]));
    let all = update(
        "k1",
        vec![("emails.value", AttributeWrite::Replace(Field::Many(vec!["a".into(), "b".into()])))],
    );
    let expected = json!([{"op": "replace", "path": "emails", "value": [{"value": "a"}, {"value": "b"}]}]);
    assert_eq!(operations(&[], all).await, expected);
}

#[tokio::test]
async fn what_is_not_there_yet_is_added_after_a_look() {
    let fake = Fake::start(patching(), |asked| {
        match (asked.method.as_str(), asked.body["Operations"][0]["op"].as_str()) {
            ("GET", _) => Some(ok(json!({"id": "k1", "emails": [{"type": "home", "value": "h@x"}]}))),
            ("PATCH", Some("replace")) => Some(refusal(400, "noTarget", "nothing is selected")),
            ("PATCH", _) => Some(Reply::Json(204, Vec::new(), Json::Null)),
            _ => None,
        }
    });
    let connector = open(&fake.url(), &[]).await;
    assert_eq!(write(&*connector, &class(), vec![update("k1", vec![(MAIL, text("w@x"))])]).await, [DONE]);
    assert_eq!(fake.lines(), ["PATCH /Users/k1", "GET /Users/k1", "PATCH /Users/k1"]);
    let added = json!([{"op": "add", "path": "emails", "value": [{"type": "work", "value": "w@x"}]}]);
    assert_eq!(fake.asked()[2].body["Operations"], added);
}

#[tokio::test]
async fn without_patch_an_account_is_replaced_under_its_version() {
    let version = Arc::new(AtomicUsize::new(1));
    let puts = Arc::clone(&version);
    let fake = Fake::start(json!({"etag": {"supported": true}}), move |asked| match asked.method.as_str() {
        "GET" => {
            let etag = format!("W/\"{}\"", version.load(Ordering::SeqCst));
            let body = json!({"id": "k1", "userName": "u1", "nickName": "stays", "meta": {"version": etag}});
            Some(Reply::Json(200, vec![("etag", etag)], body))
        }
        // Somebody else writes before the first attempt.
        "PUT" if puts.fetch_add(1, Ordering::SeqCst) == 1 => Some(refusal(412, "", "it has changed")),
        "PUT" => Some(ok(json!({"id": "k1"}))),
        _ => None,
    });
    let connector = open(&fake.url(), &[]).await;
    assert_eq!(
        write(&*connector, &class(), vec![update("k1", vec![("name.familyName", text("L"))])]).await,
        [DONE]
    );
    assert_eq!(fake.lines(), ["GET /Users/k1", "PUT /Users/k1", "GET /Users/k1", "PUT /Users/k1"]);
    let last = fake.asked().pop().unwrap();
    assert_eq!(last.headers["if-match"], "W/\"2\"");
    assert_eq!(
        last.body,
        json!({"id": "k1", "userName": "u1", "nickName": "stays", "name": {"familyName": "L"}})
    );
    fake.forget();
    // What is so already is not written.
    assert_eq!(
        write(&*connector, &class(), vec![update("k1", vec![("userName", text("u1"))])]).await,
        [DONE]
    );
    assert_eq!(fake.lines(), ["GET /Users/k1"]);
}

#[tokio::test]
async fn somebody_who_is_always_faster_is_a_fault_that_passes() {
    let fake = Fake::start(json!({}), |asked| match asked.method.as_str() {
        "GET" => Some(ok(person(1))),
        _ => Some(refusal(412, "", "it has changed")),
    });
    let connector = open(&fake.url(), &[]).await;
    let operation = update("k1", vec![("name.familyName", text("L"))]);
    let outcomes = write(&*connector, &class(), vec![operation]).await;
    assert_eq!(outcomes[0].as_ref().map_err(class_of), Err("Transient"));
    assert_eq!(fake.lines().len(), 4, "two attempts");
}

#[tokio::test]
async fn refusals_have_their_class() {
    for (status, scim_type, class_expected) in [
        (400, "invalidValue", "Rejected"),
        (400, "mutability", "Rejected"),
        (400, "uniqueness", "Conflict"),
        (401, "", "Unusable"),
        (403, "", "Unusable"),
        (404, "", "Missing"),
        (409, "uniqueness", "Conflict"),
        (413, "", "Rejected"),
        (429, "", "Transient"),
        (500, "", "Transient"),
        (501, "", "Rejected"),
        (503, "", "Transient"),
    ] {
        let fake = Fake::start(patching(), move |asked| {
            (asked.method == "PATCH").then(|| refusal(status, scim_type, "since it is so"))
        });
        let connector = open(&fake.url(), &[]).await;
        let outcomes = write(&*connector, &class(), vec![update("k1", vec![("userName", text("x"))])]).await;
        let error = outcomes[0].as_ref().unwrap_err();
        assert_eq!(class_of(error), class_expected, "{status}: {error}");
        let told = error.to_string();
        assert!(
            told.contains(&status.to_string()) && told.contains("since it is so") && told.contains(scim_type),
            "{told}"
        );
        assert!(told.contains("/api/Users/k1"), "{told}");
    }
}

#[tokio::test]
async fn an_attribute_that_the_class_lacks_is_refused_before_anything_is_sent() {
    let fake = Fake::start(patching(), takes);
    let connector = open(&fake.url(), &[]).await;
    let outcomes = write(&*connector, &class(), vec![update("k1", vec![("shoeSize", text("42"))])]).await;
    assert_eq!(outcomes[0].as_ref().map_err(class_of), Err("Rejected"));
    assert_eq!(fake.lines(), [""; 0]);
}

#[tokio::test]
async fn deleting_what_is_gone_is_fine() {
    let fake = Fake::start(patching(), |_| None);
    let connector = open(&fake.url(), &[]).await;
    assert_eq!(write(&*connector, &class(), vec![delete("k1"), delete("k/2?")]).await, [DONE, DONE]);
    let mut lines = fake.lines();
    lines.sort();
    assert_eq!(lines, ["DELETE /Users/k%2F2%3F", "DELETE /Users/k1"]);
}

/// Makes a call that failed once more.
#[derive(Debug)]
struct Twice;

struct Free;

impl Admission for Free {}

#[async_trait::async_trait]
impl Pace for Twice {
    async fn admit(&self) -> Result<Box<dyn Admission>, ConnectorError> {
        Ok(Box::new(Free))
    }

    async fn answered(&self, attempt: u32, fault: Option<&ConnectorError>) -> bool {
        attempt < 2 && matches!(fault, Some(ConnectorError::Transient { .. }))
    }
}

#[tokio::test]
async fn a_create_whose_answer_was_lost_makes_nobody_twice() {
    let made = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&made);
    let fake = Fake::start(patching(), move |asked| match asked.method.as_str() {
        // It is made, and nobody is told.
        "POST" => {
            count.fetch_add(1, Ordering::SeqCst);
            Some(Reply::Raw(Vec::new()))
        }
        "GET" => Some(list(1, vec![person(1)])),
        _ => None,
    });
    let host = Host { pace: Paced::new(Arc::new(Twice)), ..host() };
    let connector = kind().open(&properties(&fake.url(), &[]), &host).await.unwrap();
    let outcomes = write(&*connector, &class(), vec![create("u1", &[])]).await;
    assert_eq!(outcomes[0].as_ref().map_err(class_of), Err("Conflict"), "{outcomes:?}");
    assert_eq!(made.load(Ordering::SeqCst), 1);
    assert_eq!(fake.lines(), ["POST /Users", "GET /Users"]);
    assert_eq!(fake.asked()[1].query["filter"], "userName eq \"u1\"");
}

#[tokio::test]
async fn a_name_that_may_be_several_is_looked_for_first() {
    let fake = Fake::start(patching(), |asked| match asked.method.as_str() {
        "GET" => Some(list(1, vec![json!({"id": "g1", "displayName": "Staff"})])),
        _ => takes(asked),
    });
    let connector = open(&fake.url(), &[]).await;
    let groups =
        RemoteClass { name_attribute: Some("displayName".into()), ..RemoteClass::new("Group", "id") };
    let outcomes = write(&*connector, &groups, vec![group("staff")]).await;
    assert_eq!(outcomes[0].as_ref().map_err(class_of), Err("Conflict"), "{outcomes:?}");
    // A service that does not filter gives somebody else, who is not taken for the one that is looked for.
    let outcomes = write(&*connector, &groups, vec![group("Guests")]).await;
    assert_eq!(outcomes, [Ok(Written { given_uid: Some("k1".to_owned()) })]);
    assert_eq!(fake.lines(), ["GET /Groups", "GET /Groups", "POST /Groups"]);
    assert_eq!(fake.asked()[2].body["active"], Json::Null, "a group is not enabled nor disabled");
}

fn group(name: &str) -> Operation {
    let attributes = vec![("displayName".into(), Field::text(name))];
    Operation::Create { uid: name.to_owned(), attributes, enabled: true }
}

#[tokio::test]
async fn names_that_may_be_several_are_looked_for_at_once() {
    let fake = Fake::start(patching(), |asked| match asked.method.as_str() {
        "GET" => Some(list(1, vec![json!({"id": "g1", "displayName": "g7"})])),
        _ => takes(asked),
    });
    let groups =
        RemoteClass { name_attribute: Some("displayName".into()), ..RemoteClass::new("Group", "id") };
    for filter in ["NEVER", "ALWAYS"] {
        let connector = open(&fake.url(), &[("filter", filter)]).await;
        fake.forget();
        let operations = (0..20).map(|number| group(&format!("G{number}"))).collect();
        let outcomes = write(&*connector, &groups, operations).await;
        let failed: Vec<usize> = (0..20).filter(|place| outcomes[*place].is_err()).collect();
        assert_eq!(failed, [7], "{outcomes:?}");
        assert_eq!(outcomes[7].as_ref().map_err(class_of), Err("Conflict"));
        let count = |line: &str| fake.lines().iter().filter(|known| *known == line).count();
        assert_eq!((count("GET /Groups"), count("POST /Groups")), (1, 19), "filter {filter}");
    }
}

#[tokio::test]
async fn nobody_is_made_twice_because_half_a_list_holds_a_name_twice() {
    let fake = Fake::start(patching(), |asked| match asked.method.as_str() {
        "GET" => Some(list(9, ["g1", "g2"].map(|id| json!({"id": id, "displayName": "Staff"})).into())),
        _ => takes(asked),
    });
    let connector = open(&fake.url(), &[("filter", "NEVER")]).await;
    let groups =
        RemoteClass { name_attribute: Some("displayName".into()), ..RemoteClass::new("Group", "id") };
    let outcomes = write(&*connector, &groups, vec![group("Staff"), group("Guests")]).await;
    assert_eq!(outcomes[1].as_ref().map_err(class_of), Err("Transient"), "{outcomes:?}");
    assert!(outcomes[0].is_err());
    assert!(fake.lines().iter().all(|line| line == "GET /Groups"), "{:?}", fake.lines());
}

#[tokio::test]
async fn the_key_of_a_new_account_is_looked_for_where_it_is_not_told() {
    let fake = Fake::start(patching(), |asked| match asked.method.as_str() {
        "POST" => Some(Reply::Json(201, Vec::new(), json!({}))),
        "GET" => Some(list(1, vec![person(1)])),
        _ => None,
    });
    let connector = open(&fake.url(), &[]).await;
    let outcomes = write(&*connector, &class(), vec![create("U1", &[])]).await;
    assert_eq!(outcomes, [Ok(Written { given_uid: Some("k1".to_owned()) })]);
}

fn bulk(most: usize) -> Json {
    json!({
        "patch": {"supported": true},
        "bulk": {"supported": true, "maxOperations": most, "maxPayloadSize": 100_000},
    })
}

#[tokio::test]
async fn several_writes_are_one_request_and_fail_alone() {
    let fake = Fake::start(bulk(3), |asked| {
        let told = asked.body["Operations"].as_array()?.iter().map(|one| match one["method"].as_str() {
            Some("POST") if one["data"]["userName"] == "taken" => {
                json!({"method": "POST", "bulkId": one["bulkId"], "status": "409",
                    "response": {"scimType": "uniqueness", "detail": "taken"}})
            }
            Some("POST") => json!({"method": "POST", "bulkId": one["bulkId"], "status": {"code": "201"},
                "location": format!("https://x/Users/{}", one["data"]["userName"].as_str().unwrap())}),
            Some("PATCH") => json!({"method": "PATCH", "location": format!("https://x{}", one["path"].as_str().unwrap()),
                "status": "404"}),
            _ => json!({"method": "DELETE", "location": format!("https://x{}", one["path"].as_str().unwrap()), "status": 204}),
        });
        // In another order than it was asked for.
        Some(ok(json!({"Operations": told.rev().collect::<Vec<_>>()})))
    });
    let connector = open(&fake.url(), &[]).await;
    let operations = vec![
        create("a", &[]),
        create("taken", &[]),
        create("b", &[]),
        update("k8", vec![("name.familyName", text("L"))]),
        delete("k9"),
    ];
    let outcomes = write(&*connector, &class(), operations).await;
    assert_eq!(outcomes[0], Ok(Written { given_uid: Some("a".to_owned()) }));
    assert_eq!(outcomes[1].as_ref().map_err(class_of), Err("Conflict"));
    assert_eq!(outcomes[2], Ok(Written { given_uid: Some("b".to_owned()) }));
    assert_eq!(outcomes[3].as_ref().map_err(class_of), Err("Missing"));
    assert_eq!(outcomes[4], DONE);
    assert_eq!(fake.lines(), ["POST /Bulk", "POST /Bulk"], "five operations, three at most a request");
    assert!(fake.asked().iter().all(|asked| asked.body.get("failOnErrors").is_none()));
}

#[tokio::test]
async fn what_is_refused_within_bulk_is_told_without_our_token() {
    let fake = Fake::start(bulk(3), |asked| {
        let header = asked.headers["authorization"].clone();
        let told = asked.body["Operations"].as_array()?.iter().map(|one| {
            let response = json!({"scimType": header, "detail": format!("nobody may with {header}")});
            json!({"method": "POST", "bulkId": one["bulkId"], "status": "400", "response": response})
        });
        Some(ok(json!({"Operations": told.collect::<Vec<_>>()})))
    });
    let connector = open(&fake.url(), &[("token", "t0ken")]).await;
    let outcomes = write(&*connector, &class(), vec![create("a", &[]), create("b", &[])]).await;
    assert_eq!(fake.lines(), ["POST /Bulk"]);
    for outcome in outcomes {
        let told = outcome.unwrap_err().to_string();
        assert!(told.ends_with("answered 400 Bearer …: nobody may with Bearer …"), "{told}");
    }
}

#[tokio::test]
async fn what_bulk_does_not_tell_is_not_taken_for_done() {
    let fake = Fake::start(bulk(9), |asked| {
        let first = asked.body["Operations"][0]["bulkId"].clone();
        Some(ok(json!({"Operations": [{"bulkId": first, "status": "201", "location": "/Users/k1"}]})))
    });
    let connector = open(&fake.url(), &[]).await;
    let outcomes = write(&*connector, &class(), vec![create("a", &[]), create("b", &[])]).await;
    assert_eq!(outcomes[0], Ok(Written { given_uid: Some("k1".to_owned()) }));
    assert_eq!(outcomes[1].as_ref().map_err(class_of), Err("Transient"));
}

#[tokio::test]
async fn a_bulk_request_that_is_refused_is_sent_in_parts() {
    let fake = Fake::start(bulk(9), |asked| match asked.path.as_str() {
        "/Bulk" => Some(refusal(413, "", "too much")),
        _ => takes(asked),
    });
    let connector = open(&fake.url(), &[]).await;
    let outcomes = write(&*connector, &class(), vec![create("a", &[]), delete("k9")]).await;
    assert_eq!(outcomes, [Ok(Written { given_uid: Some("k1".to_owned()) }), DONE]);
    let mut lines = fake.lines();
    lines.sort();
    assert_eq!(lines, ["DELETE /Users/k9", "POST /Bulk", "POST /Users"]);
}
