//! A pace that lets one call at a time be made: whoever waits for another call while one is under way waits for ever.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use muster_connector::{
    Admission, AttributeWrite, Connector, ConnectorError, ConnectorKind, Host, Operation, Pace, Paced,
    RemoteClass, RemoteMembership, WriteResult, Written,
};
use muster_model::Field;
use serde_json::{Value as Json, json};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::fake::{Asked, Fake, Reply, list, ok, refusal};
use crate::{DONE, class_of, create, delete, host, kind, properties, sweep, text, update, users, write};

/// One call at a time, each of them once more where it failed.
#[derive(Debug)]
struct OneByOne(Arc<Semaphore>);

struct Turn {
    _permit: OwnedSemaphorePermit,
}

impl Admission for Turn {}

#[async_trait]
impl Pace for OneByOne {
    async fn admit(&self) -> Result<Box<dyn Admission>, ConnectorError> {
        Ok(Box::new(Turn { _permit: Arc::clone(&self.0).acquire_owned().await.unwrap() }))
    }

    async fn answered(&self, attempt: u32, fault: Option<&ConnectorError>) -> bool {
        attempt < 2 && matches!(fault, Some(ConnectorError::Transient { .. }))
    }
}

async fn open_one_by_one(fake: &Fake, others: &[(&str, &str)]) -> Box<dyn Connector> {
    let pace = Paced::new(Arc::new(OneByOne(Arc::new(Semaphore::new(1)))));
    kind().open(&properties(&fake.url(), others), &Host { pace, ..host() }).await.unwrap()
}

/// What is so long under way has no end.
async fn ends<T>(act: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), act).await.unwrap()
}

fn groups() -> RemoteClass {
    RemoteClass { name_attribute: Some("displayName".into()), ..RemoteClass::new("Group", "id") }
}

fn group(number: usize) -> Operation {
    let name = format!("G{number}");
    let attributes = vec![("displayName".into(), Field::text(&name))];
    Operation::Create { uid: name, attributes, enabled: true }
}

fn made(numbers: impl IntoIterator<Item = usize>) -> Vec<WriteResult> {
    numbers.into_iter().map(|number| Ok(Written { given_uid: Some(format!("k-G{number}")) })).collect()
}

fn patching() -> Json {
    json!({"patch": {"supported": true}, "filter": {"supported": true}})
}

/// Makes a group under a key of its name.
fn makes(asked: &Asked) -> Reply {
    let name = asked.body["displayName"].as_str().unwrap();
    Reply::Json(201, Vec::new(), json!({"id": format!("k-{name}")}))
}

#[tokio::test]
async fn a_create_looks_for_its_name_before_its_turn() {
    let fake = Fake::start(patching(), |asked| match asked.method.as_str() {
        "GET" => Some(list(1, vec![json!({"id": "k-G3", "displayName": "g3"})])),
        "POST" => Some(makes(asked)),
        _ => None,
    });
    let connector = open_one_by_one(&fake, &[]).await;
    let outcomes = ends(write(&*connector, &groups(), (0..8).map(group).collect())).await;
    assert_eq!(outcomes[3].as_ref().map_err(class_of), Err("Conflict"), "{outcomes:?}");
    assert_eq!(outcomes[..3], made(0..3));
    assert_eq!(outcomes[4..], made(4..8));
}

#[tokio::test]
async fn a_create_that_was_lost_looks_again_before_its_next_turn() {
    let lost: Mutex<HashSet<String>> = Mutex::default();
    let fake = Fake::start(patching(), move |asked| match asked.method.as_str() {
        // Of `G1` it is made known only afterwards that it was made.
        "GET" if lost.lock().unwrap().contains("G1") => {
            Some(list(1, vec![json!({"id": "k-G1", "displayName": "G1"})]))
        }
        "GET" => Some(list(0, Vec::new())),
        "POST" if lost.lock().unwrap().insert(asked.body["displayName"].as_str().unwrap().to_owned()) => {
            Some(Reply::Raw(Vec::new()))
        }
        "POST" => Some(makes(asked)),
        _ => None,
    });
    let connector = open_one_by_one(&fake, &[]).await;
    let outcomes = ends(write(&*connector, &groups(), (0..4).map(group).collect())).await;
    assert_eq!(outcomes[1].as_ref().map_err(class_of), Err("Conflict"), "{outcomes:?}");
    assert_eq!([&outcomes[..1], &outcomes[2..]].concat(), made([0, 2, 3]));
    let posts = fake.lines().iter().filter(|line| *line == "POST /Groups").count();
    assert_eq!(posts, 4 + 3, "each is sent once more but the one that was found");
}

fn members() -> RemoteClass {
    let membership = RemoteMembership {
        attribute: "memberOf".into(),
        remote_name: "Group".to_owned(),
        uid_attribute: "id".into(),
        member_attribute: "members".into(),
    };
    RemoteClass { membership: Some(membership), ..users(&[("nickName", false)]) }
}

/// Does what it is asked for, in as many calls as a service may want: keys are not told, and nothing is there to be
/// replaced.
fn wants_many_calls(asked: &Asked) -> Option<Reply> {
    match (asked.method.as_str(), asked.path.as_str()) {
        ("POST", "/Bulk") => Some(refusal(413, "", "too much")),
        ("POST", _) => Some(Reply::Json(201, Vec::new(), json!({}))),
        ("GET", "/Users") => Some(list(1, vec![json!({"id": "k1", "userName": "u1"})])),
        ("GET", "/Groups") => Some(list(1, vec![json!({"id": "g1", "members": [{"value": "k2"}]})])),
        ("GET", path) => Some(ok(json!({"id": path.rsplit('/').next(), "nickName": "old"}))),
        ("PATCH", path) if path.starts_with("/Users") && asked.text.contains("\"replace\"") => {
            match asked.text.contains("first") {
                true => Some(refusal(400, "noTarget", "nothing is there")),
                false => Some(Reply::Json(204, Vec::new(), Json::Null)),
            }
        }
        ("PATCH" | "PUT" | "DELETE", _) => Some(Reply::Json(204, Vec::new(), Json::Null)),
        _ => None,
    }
}

#[tokio::test]
async fn every_write_and_read_ends() {
    let offers = json!({
        "patch": {"supported": true},
        "filter": {"supported": true},
        "bulk": {"supported": true, "maxOperations": 9, "maxPayloadSize": 100_000},
    });
    for others in [&[][..], &[("patch", "NEVER"), ("patchMembers", "NEVER"), ("filter", "NEVER")]] {
        let fake = Fake::start(offers.clone(), wants_many_calls);
        let connector = open_one_by_one(&fake, others).await;
        let these = AttributeWrite::Replace(Field::Many(vec!["g2".into()]));
        let joins = AttributeWrite::Values { add: vec!["g1".into()], remove: vec!["g2".into()] };
        let operations = vec![
            create("u1", &[]),
            update("k2", vec![("nickName", text("first")), ("memberOf", these)]),
            update("k3", vec![("nickName", text("second")), ("memberOf", joins)]),
            delete("k4"),
        ];
        let outcomes = ends(write(&*connector, &members(), operations)).await;
        assert_eq!(outcomes[0], Ok(Written { given_uid: Some("k1".to_owned()) }), "{others:?}");
        // That it is not there stays so after a look, with PATCH.
        assert_eq!(outcomes[1].is_ok(), !others.is_empty(), "{outcomes:?}");
        assert_eq!(outcomes[2..], [DONE, DONE], "{others:?}");
        let (entries, _) = ends(sweep(&*connector, members())).await.unwrap();
        assert_eq!(entries.len(), 1);
        let uids = ["k1", "k2", "k3"].map(str::to_owned);
        assert_eq!(ends(connector.read(&members(), &uids)).await.unwrap().len(), 3);
        let names = ["u1", "u2"].map(str::to_owned);
        assert_eq!(ends(connector.find(&members(), &names)).await.unwrap().len(), 1);
    }
}
