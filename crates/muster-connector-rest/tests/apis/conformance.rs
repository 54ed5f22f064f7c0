//! The suite of the contract, over `json-server` of npm, by the description that is shipped and by others.

use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use muster_connector::conformance::{Fixture, Sample, conforms};
use muster_connector::{Connector, Operation, RemoteAttribute, RemoteClass};
use muster_model::AttributeName;
use muster_testkit::servers::json::JsonServer;

use crate::{open, write};

/// The description that is shipped for it.
const EXAMPLE: &str = include_str!("../../../../examples/rest/json-server.json");
/// More systems than a suite makes.
const SYSTEMS: usize = 80;

/// A server with a list for each system, and how it is described.
struct Subject {
    server: JsonServer,
    description: String,
    class: &'static str,
    systems: AtomicUsize,
}

impl Subject {
    /// Of a description the class alone: what another class of it can do is no promise of this one.
    fn new(class: &'static str, description: &str) -> Self {
        let mut whole: serde_json::Value = serde_json::from_str(description).unwrap();
        whole["classes"].as_object_mut().unwrap().retain(|name, _| name == class);
        let lists: Vec<String> = (0..SYSTEMS).map(|number| format!("\"t{number}\": []")).collect();
        let server = JsonServer::start(&format!("{{{}}}", lists.join(",")));
        Self { server, description: whole.to_string(), class, systems: AtomicUsize::new(0) }
    }

    fn gives_keys(&self) -> bool {
        self.class == "users"
    }
}

#[async_trait]
impl Fixture for Subject {
    async fn system(&self, accounts: &[Sample]) -> Box<dyn Connector> {
        let number = self.systems.fetch_add(1, Ordering::SeqCst);
        assert!(number < SYSTEMS, "there is a list for each system");
        let description = self.description.replace(&format!("\"/{}", self.class), &format!("\"/t{number}"));
        let connector = open(&self.server.url(), &description, &[]).await;
        let operations = accounts
            .iter()
            .cloned()
            .map(|Sample { uid, enabled, attributes }| Operation::Create { uid, attributes, enabled });
        for made in write(&*connector, &self.class(), operations.collect()).await {
            made.unwrap();
        }
        connector
    }

    fn class(&self) -> RemoteClass {
        let attributes: &[(&str, bool)] = match self.gives_keys() {
            true => &[("userName", false), ("mail", false), ("groups", true), ("manager", false)],
            false => &[("id", false), ("title", false), ("tags", true)],
        };
        let each = attributes.iter().map(|(name, multi_valued)| RemoteAttribute {
            name: (*name).into(),
            multi_valued: *multi_valued,
        });
        RemoteClass {
            name_attribute: self.gives_keys().then(|| "userName".into()),
            attributes: each.collect(),
            ..RemoteClass::new(self.class, "id")
        }
    }

    fn text_attribute(&self) -> AttributeName {
        if self.gives_keys() { "mail".into() } else { "title".into() }
    }

    fn several_attribute(&self) -> Option<AttributeName> {
        Some(if self.gives_keys() { "groups".into() } else { "tags".into() })
    }

    fn reference_attribute(&self) -> Option<AttributeName> {
        self.gives_keys().then(|| "manager".into())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_gives_keys_conforms_by_the_description_that_is_shipped() {
    conforms(&Subject::new("users", EXAMPLE)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_of_our_own_conform_by_the_description_that_is_shipped() {
    conforms(&Subject::new("groups", EXAMPLE)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn offsets_and_no_calls_for_single_things_conform() {
    let description = r#"{"classes": {"users": {
        "key": "/id", "givenKey": true, "checkNames": true, "enabled": "/active",
        "attributes": {
            "userName": "/userName", "mail": "/mail", "groups": {"pointer": "/groups", "each": ""}, "manager": "/manager"
        },
        "list": {
            "path": "/users", "query": {"_start": "{offset}", "_limit": "{pageSize}"},
            "paging": {"style": "OFFSET", "pageSize": 2}
        },
        "find": {
            "path": "/users", "query": {"q": "{name}", "_start": "{offset}", "_limit": "{pageSize}"},
            "paging": {"style": "OFFSET", "end": "SHORT"}
        },
        "create": {"path": "/users", "body": {"kind": "person", "active": "{enabled}", "&": "{all}"}},
        "update": {"path": "/users/{key}", "body": "{changes}"},
        "delete": {"path": "/users/{key}"}
    }}}"#;
    conforms(&Subject::new("users", description)).await;
}
