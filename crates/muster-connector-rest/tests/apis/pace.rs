//! A pace that lets one call at a time be made: whoever waits for another call while one is under way waits for ever. And
//! creates that take several calls of which the first alone goes well.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use muster_connector::{
    Admission, Connector, ConnectorError, ConnectorKind, Host, Operation, Pace, Paced, RemoteClass,
    RemoteMembership, WriteResult, Written,
};
use muster_model::Field;
use serde_json::{Value as Json, json};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::fake::{Asked, Fake, Reply, ok, refusal};
use crate::{class_of, host, kind, properties, users, write};

const DESCRIPTION: &str = r#"{"classes": {
    "users": {
        "items": "/data", "item": "/data", "key": "/id", "givenKey": true, "checkNames": true,
        "attributes": {"name": "/name"},
        "list": {"path": "/users"},
        "find": {"path": "/users", "query": {"name": "{name}"}},
        "create": {"path": "/users", "body": "{all}"},
        "enabled": "/active",
        "enable": {"method": "POST", "path": "/users/{key}/on"}, "disable": {"method": "POST", "path": "/users/{key}/off"},
        "addMember": {"path": "/groups/{group}/members/{key}"},
        "removeMember": {"path": "/groups/{group}/members/{key}"}
    },
    "groups": {
        "items": "/data", "key": "/id", "attributes": {"members": {"pointer": "/members", "each": "/user"}},
        "list": {"path": "/groups"}
    }
}}"#;

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

async fn open_one_by_one(fake: &Fake) -> Box<dyn Connector> {
    let pace = Paced::new(Arc::new(OneByOne(Arc::new(Semaphore::new(1)))));
    let properties = properties(&fake.url(), DESCRIPTION, &[]);
    assert_eq!(kind().check(&properties), [], "the properties are sound");
    kind().open(&properties, &Host { pace, ..host() }).await.unwrap()
}

/// What is so long under way has no end.
async fn written(fake: &Fake, class: &RemoteClass, operations: Vec<Operation>) -> Vec<WriteResult> {
    let connector = open_one_by_one(fake).await;
    let written = write(&*connector, class, operations);
    tokio::time::timeout(Duration::from_secs(60), written).await.unwrap()
}

fn named() -> RemoteClass {
    RemoteClass { name_attribute: Some("name".into()), ..users() }
}

fn create(name: &str, enabled: bool) -> Operation {
    let attributes = vec![("name".into(), Field::text(name))];
    Operation::Create { uid: name.to_owned(), attributes, enabled }
}

/// Nobody is there, and who is made gets the key `k-NAME`.
fn makes(asked: &Asked) -> Reply {
    match asked.body["name"].as_str() {
        Some(name) => Reply::Json(201, vec![], json!({"data": {"id": format!("k-{name}")}})),
        None => ok(json!({"data": []})),
    }
}

#[tokio::test]
async fn a_create_looks_for_its_name_before_its_turn() {
    let fake = Fake::start(makes);
    let operations = (0..8).map(|number| create(&format!("u{number}"), true)).collect();
    let made: Vec<WriteResult> =
        (0..8).map(|number| Ok(Written { given_uid: Some(format!("k-u{number}")) })).collect();
    assert_eq!(written(&fake, &named(), operations).await, made);
    assert_eq!(fake.asked().len(), 16, "a look and a call each");
}

#[tokio::test]
async fn an_account_that_was_made_in_part_is_a_conflict_and_not_lost() {
    let membership = RemoteMembership {
        attribute: "groups".into(),
        remote_name: "groups".to_owned(),
        uid_attribute: "id".into(),
        member_attribute: "members".into(),
    };
    let class = RemoteClass { membership: Some(membership), ..named() };
    let member = |mut operation| {
        if let Operation::Create { attributes, .. } = &mut operation {
            attributes.push(("groups".into(), Field::Many(vec!["g1".into()])));
        }
        operation
    };
    for (operation, refused) in [
        (create("anna", false), "/users/k-anna/off"),
        (member(create("anna", true)), "/groups/g1/members/k-anna"),
    ] {
        for status in [503, 400] {
            let fake = Fake::start(move |asked| match asked.line().ends_with(refused) {
                true => refusal(status, "not now"),
                false => makes(asked),
            });
            let outcome = written(&fake, &class, vec![operation.clone()]).await.remove(0);
            assert_eq!(outcome.as_ref().map_err(class_of), Err("Conflict"), "{outcome:?}");
            let told = outcome.unwrap_err().to_string();
            assert!(told.contains("was made as `k-anna`"), "{told}");
            assert!(
                fake.asked().iter().any(|asked| asked.body != Json::Null && asked.line() == "POST /users")
            );
        }
    }
}
