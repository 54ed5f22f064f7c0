//! Writes, with the calls that they take, and answers that are lost, wrong or refusals.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use muster_connector::{
    Admission, AttributeWrite, Connector, ConnectorError, ConnectorKind, Host, Operation, Pace, Paced,
    RemoteClass, RemoteMembership, WriteResult, Written,
};
use muster_model::{Field, Value};
use serde_json::{Value as Json, json};

use crate::fake::{Asked, Fake, Reply, ok, refusal};
use crate::{class_of, host, kind, open, properties, users, write};

const DESCRIPTION: &str = r#"{
    "classes": {
        "users": {
            "items": "/data", "item": "/data", "key": "/id", "givenKey": true,
            "enabled": {"pointer": "/state", "enabled": "on", "disabled": "off"},
            "attributes": {
                "name": "/name", "mail": "/contact/mail", "age": "/age",
                "tags": {"pointer": "/tags", "each": "/v"}, "since": {"pointer": "/since", "readOnly": true}
            },
            "list": {"path": "/users"},
            "read": {"path": "/users/{key}"},
            "find": {"path": "/users", "query": {"name": "{name}"}},
            "create": {"path": "/users", "body": {"data": {"type": "user", "&": "{all}"}}},
            "update": {"path": "/users/{key}", "body": {"data": "{changes}"}, "contentType": "application/merge-patch+json"},
            "delete": {"path": "/users/{key}"},
            "addMember": {"path": "/groups/{group}/members/{key}"},
            "removeMember": {"path": "/groups/{group}/members/{key}"}
        },
        "groups": {
            "items": "/data", "key": "/id", "attributes": {"members": {"pointer": "/members", "each": "/user"}},
            "list": {"path": "/groups"}
        }
    },
    "errors": {"message": "/error/message"},
    "conflict": [{"status": 422, "pointer": "/error/message", "equals": "taken"}]
}"#;

fn named() -> RemoteClass {
    RemoteClass { name_attribute: Some("name".into()), ..users() }
}

fn create(name: &str) -> Operation {
    let attributes = vec![
        ("name".into(), Field::text(name)),
        ("mail".into(), Field::text("m@x")),
        ("age".into(), Field::One(Value::Integer(7))),
        ("tags".into(), Field::Many(vec!["a".into()])),
    ];
    Operation::Create { uid: name.to_owned(), attributes, enabled: true }
}

fn update(uid: &str, writes: Vec<(&str, AttributeWrite)>, enabled: Option<bool>) -> Operation {
    let writes = writes.into_iter().map(|(name, write)| (name.into(), write)).collect();
    Operation::Update { uid: uid.to_owned(), name: None, writes, enabled }
}

fn replace(text: &str) -> AttributeWrite {
    AttributeWrite::Replace(Field::text(text))
}

fn values(add: &[&str], remove: &[&str]) -> AttributeWrite {
    let texts = |texts: &[&str]| texts.iter().copied().map(Value::from).collect();
    AttributeWrite::Values { add: texts(add), remove: texts(remove) }
}

/// What comes of one operation, and the calls that it took.
async fn one(
    class: RemoteClass,
    operation: Operation,
    answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static,
) -> (WriteResult, Vec<Asked>) {
    let fake = Fake::start(answer);
    let connector = open(&fake.url(), DESCRIPTION, &[]).await;
    let outcome = write(&*connector, &class, vec![operation]).await.remove(0);
    (outcome, fake.asked())
}

fn lines(asked: &[Asked]) -> Vec<String> {
    asked.iter().map(Asked::line).collect()
}

#[tokio::test]
async fn each_operation_is_one_call_with_what_it_needs() {
    let (made, asked) =
        one(named(), create("anna"), |_| Reply::Json(201, vec![], json!({"data": {"id": 7}}))).await;
    assert_eq!(made, Ok(Written { given_uid: Some("7".to_owned()) }));
    assert_eq!(lines(&asked), ["POST /users"]);
    let sent = json!({"data": {"type": "user", "name": "anna", "contact": {"mail": "m@x"}, "age": 7, "tags": [{"v": "a"}], "state": "on"}});
    assert_eq!(asked[0].body, sent);
    for (operation, line, body) in [
        (
            update("a/b", vec![("mail", replace("n@x"))], None),
            "PATCH /users/a%2Fb",
            json!({"data": {"contact": {"mail": "n@x"}}}),
        ),
        (
            update("7", vec![("mail", AttributeWrite::Replace(Field::Null))], None),
            "PATCH /users/7",
            json!({"data": {"contact": {"mail": null}}}),
        ),
        (update("7", vec![], Some(false)), "PATCH /users/7", json!({"data": {"state": "off"}})),
        (Operation::Delete { uid: "7".to_owned(), name: None }, "DELETE /users/7", Json::Null),
    ] {
        let (outcome, asked) = one(named(), operation, |_| Reply::Json(204, vec![], Json::Null)).await;
        assert_eq!(outcome, Ok(Written::default()), "{line}");
        assert_eq!((lines(&asked), &asked[0].body), (vec![line.to_owned()], &body));
        if line.starts_with("PATCH") {
            assert_eq!(asked[0].headers["content-type"], "application/merge-patch+json");
        }
    }
    let (outcome, asked) = one(named(), update("7", vec![], None), |_| refusal(500, "never asked")).await;
    assert_eq!((outcome, asked.len()), (Ok(Written::default()), 0), "nothing to change is no call");
}

#[tokio::test]
async fn lists_are_read_before_single_values_change() {
    let answer = |asked: &Asked| match asked.method.as_str() {
        "GET" => {
            let etag = vec![("ETag", "\"v1\"".to_owned())];
            Reply::Json(200, etag, json!({"data": {"id": "7", "tags": [{"v": "a", "kept": 1}, {"v": "b"}]}}))
        }
        _ => Reply::Json(204, vec![], Json::Null),
    };
    let (outcome, asked) =
        one(named(), update("7", vec![("tags", values(&["c", "a"], &["b", "z"]))], None), answer).await;
    assert_eq!(outcome, Ok(Written::default()));
    assert_eq!(lines(&asked), ["GET /users/7", "PATCH /users/7"]);
    assert_eq!(asked[1].body, json!({"data": {"tags": [{"v": "a", "kept": 1}, {"v": "c"}]}}));
    assert_eq!(asked[1].headers["if-match"], "\"v1\"");
    let (outcome, asked) =
        one(named(), update("7", vec![("tags", values(&["a"], &["z"]))], None), answer).await;
    assert_eq!((outcome, lines(&asked)), (Ok(Written::default()), vec!["GET /users/7".to_owned()]));
}

#[tokio::test]
async fn refusals_are_typed() {
    let delete = || Operation::Delete { uid: "7".to_owned(), name: None };
    let change = || update("7", vec![("mail", replace("n@x"))], None);
    for (operation, status, message, class) in [
        (create("anna"), 409, "exists", "Conflict"),
        (create("anna"), 422, "taken", "Conflict"),
        (create("anna"), 422, "too short", "Rejected"),
        (create("anna"), 404, "no list", "Unusable"),
        (create("anna"), 500, "broken", "Transient"),
        (change(), 404, "gone", "Missing"),
        (change(), 410, "gone", "Missing"),
        (change(), 409, "taken", "Conflict"),
        (change(), 400, "bad", "Rejected"),
        (change(), 403, "not you", "Unusable"),
        (change(), 412, "changed", "Transient"),
        (delete(), 400, "bad", "Rejected"),
    ] {
        let (outcome, asked) = one(named(), operation, move |_| refusal(status, message)).await;
        let error = outcome.unwrap_err();
        assert_eq!(class_of(&error), class, "{status} {message}: {error}");
        assert!(error.to_string().contains(message), "{error}");
        assert_eq!(asked.len(), if status == 412 { 2 } else { 1 }, "{status}: {:?}", lines(&asked));
    }
    for status in [404, 410] {
        let (outcome, _) = one(named(), delete(), move |_| refusal(status, "gone")).await;
        assert_eq!(outcome, Ok(Written::default()), "who is gone already is fine");
    }
}

#[tokio::test]
async fn what_the_description_has_no_place_for_is_refused_before_anything_is_sent() {
    for operation in [
        update("7", vec![("since", replace("x"))], None),
        update("7", vec![("shoe", replace("x"))], None),
        update("7", vec![("id", replace("8"))], None),
        update("..", vec![("mail", replace("x"))], None),
        update("", vec![("mail", replace("x"))], None),
        Operation::Delete { uid: ".".to_owned(), name: None },
    ] {
        let shown = format!("{operation:?}");
        let (outcome, asked) = one(named(), operation, |_| ok(json!({}))).await;
        assert_eq!(
            (outcome.as_ref().err().map(class_of), asked.len()),
            (Some("Rejected"), 0),
            "{shown}: {outcome:?}"
        );
    }
}

/// Has each call that failed made once more.
#[derive(Debug)]
struct OnceMore;

struct Free;

impl Admission for Free {}

#[async_trait]
impl Pace for OnceMore {
    async fn admit(&self) -> Result<Box<dyn Admission>, ConnectorError> {
        Ok(Box::new(Free))
    }

    async fn answered(&self, attempt: u32, fault: Option<&ConnectorError>) -> bool {
        attempt == 1 && fault.is_some()
    }
}

#[tokio::test]
async fn a_create_whose_answer_is_lost_is_looked_for_and_not_made_twice() {
    for is_made in [true, false] {
        let posts = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&posts);
        let fake = Fake::start(move |asked| match asked.method.as_str() {
            "POST" if counted.fetch_add(1, Ordering::SeqCst) == 0 => Reply::Raw(b"HTTP/1.1 201".to_vec()),
            "POST" => ok(json!({"data": {"id": "8"}})),
            _ if is_made => ok(json!({"data": [{"id": "7", "name": "anna"}]})),
            _ => ok(json!({"data": []})),
        });
        let host = Host { pace: Paced::new(Arc::new(OnceMore)), ..host() };
        let connector = kind().open(&properties(&fake.url(), DESCRIPTION, &[]), &host).await.unwrap();
        let outcome = write(&*connector, &named(), vec![create("anna")]).await.remove(0);
        match is_made {
            true => {
                assert_eq!(outcome.as_ref().err().map(class_of), Some("Conflict"), "{outcome:?}");
                assert_eq!(fake.lines(), ["POST /users", "GET /users"]);
                assert_eq!(connector.find(&named(), &["anna".to_owned()]).await.unwrap().len(), 1);
            }
            false => {
                assert_eq!(outcome, Ok(Written { given_uid: Some("8".to_owned()) }));
                assert_eq!(fake.lines(), ["POST /users", "GET /users", "POST /users"]);
            }
        }
    }
}

#[tokio::test]
async fn a_key_that_is_not_told_is_looked_for() {
    let (made, asked) = one(named(), create("anna"), |asked| match asked.method.as_str() {
        "POST" => Reply::Json(201, vec![], Json::Null),
        _ => ok(json!({"data": [{"id": "7", "name": "anna"}, {"id": "8", "name": "annabel"}]})),
    })
    .await;
    assert_eq!(made, Ok(Written { given_uid: Some("7".to_owned()) }));
    assert_eq!(asked[1].query["name"], "anna");
}

#[tokio::test]
async fn a_key_that_is_not_the_one_that_was_asked_for_is_told_at_once() {
    let description = DESCRIPTION.replace(r#""givenKey": true,"#, "");
    let fake = Fake::start(|_| ok(json!({"data": {"id": "7", "name": "anna"}})));
    let connector = open(&fake.url(), &description, &[]).await;
    let outcome = write(&*connector, &users(), vec![create("anna")]).await.remove(0);
    assert_eq!(outcome.as_ref().err().map(class_of), Some("Unusable"), "{outcome:?}");
    assert_eq!(fake.asked()[0].body["data"]["id"], "anna");
}

#[tokio::test]
async fn keys_stand_in_parameters_too_and_never_fall_out_of_them() {
    let description = DESCRIPTION.replace(
        r#""delete": {"path": "/users/{key}"}"#,
        r#""delete": {"path": "/users", "query": {"id": "{key}"}}"#,
    );
    let fake = Fake::start(|_| Reply::Json(204, vec![], Json::Null));
    let connector = open(&fake.url(), &description, &[]).await;
    let delete = |uid: &str| Operation::Delete { uid: uid.to_owned(), name: None };
    let outcomes = write(&*connector, &named(), vec![delete(""), delete("a&id=b")]).await;
    assert_eq!(outcomes[0].as_ref().err().map(class_of), Some("Rejected"), "{outcomes:?}");
    assert_eq!(outcomes[1], Ok(Written::default()));
    let asked = fake.asked();
    assert_eq!((asked.len(), asked[0].query["id"].as_str()), (1, "a&id=b"));
}

#[tokio::test]
async fn a_search_that_gives_everybody_finds_nobody_gone() {
    let fake = Fake::start(|_| ok(json!({"data": [{"id": "1", "name": "bert"}]})));
    let connector = open(&fake.url(), DESCRIPTION, &[]).await;
    let error = connector.find(&named(), &["anna".to_owned()]).await.unwrap_err();
    assert!(matches!(error, ConnectorError::Unusable { .. }), "{error}");
}

/// Groups that hold their members, as a server keeps them.
fn membership() -> RemoteClass {
    RemoteClass {
        membership: Some(RemoteMembership {
            attribute: "groups".into(),
            remote_name: "groups".to_owned(),
            uid_attribute: "id".into(),
            member_attribute: "members".into(),
        }),
        ..named()
    }
}

fn with_groups(asked: &Asked) -> Reply {
    let group = |id: &str, members: Json| json!({"id": id, "members": members});
    match (asked.method.as_str(), asked.path.as_str()) {
        ("GET", "/groups") => {
            ok(json!({"data": [group("g1", json!([{"user": "7"}])), group("g2", json!([]))]}))
        }
        ("GET", "/users/7") => ok(json!({"data": {"id": "7", "name": "anna"}})),
        ("PUT", "/groups/g1/members/7") => refusal(409, "is there"),
        ("DELETE", "/groups/g2/members/7") => refusal(404, "is gone"),
        ("POST", "/users") => ok(json!({"data": {"id": "7"}})),
        ("PUT" | "DELETE", path) if path.starts_with("/groups/g3") => refusal(404, "there is no such group"),
        _ => Reply::Json(204, vec![], Json::Null),
    }
}

async fn members(connector: &dyn Connector) -> Vec<String> {
    let read = connector.read(&membership(), &["7".to_owned()]).await.unwrap();
    let muster_connector::Entry::Account(account) = &read[0] else { panic!("{read:?}") };
    account.record.get("groups").values().iter().map(|value| value.to_text().into_owned()).collect()
}

#[tokio::test]
async fn memberships_are_single_calls_and_read_from_the_groups() {
    let fake = Fake::start(with_groups);
    let connector = open(&fake.url(), DESCRIPTION, &[]).await;
    assert_eq!(members(&*connector).await, ["g1"]);
    let (outcome, asked) =
        one(membership(), update("7", vec![("groups", values(&["g1", "g2"], &["g2"]))], None), with_groups)
            .await;
    assert_eq!(outcome, Ok(Written::default()), "what is so already is fine");
    assert_eq!(
        lines(&asked),
        ["PUT /groups/g1/members/7", "PUT /groups/g2/members/7", "DELETE /groups/g2/members/7"]
    );
    let replaced = AttributeWrite::Replace(Field::Many(vec!["g2".into()]));
    let (outcome, asked) =
        one(membership(), update("7", vec![("groups", replaced)], None), with_groups).await;
    assert_eq!(outcome, Ok(Written::default()));
    assert_eq!(lines(&asked), ["GET /groups", "PUT /groups/g2/members/7", "DELETE /groups/g1/members/7"]);
    let (outcome, _) =
        one(membership(), update("7", vec![("groups", values(&["g3"], &[]))], None), with_groups).await;
    assert_eq!(outcome.as_ref().err().map(class_of), Some("Rejected"), "{outcome:?}");
    let Operation::Create { uid, mut attributes, enabled } = create("anna") else { panic!("a create") };
    attributes.push(("groups".into(), Field::Many(vec!["g2".into()])));
    let (outcome, asked) =
        one(membership(), Operation::Create { uid, attributes, enabled }, with_groups).await;
    assert_eq!(outcome, Ok(Written { given_uid: Some("7".to_owned()) }));
    assert_eq!(lines(&asked), ["POST /users", "PUT /groups/g2/members/7"]);
}
