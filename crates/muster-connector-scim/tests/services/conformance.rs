//! The suite of the contract, over two services that nobody here wrote, in the shapes that services have.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use muster_connector::conformance::{Fixture, Sample, conforms};
use muster_connector::{Connector, Operation, RemoteAttribute, RemoteClass, RemoteMembership};
use muster_model::{AttributeName, Field};
use muster_testkit::servers::scim::ScimServer;

use crate::{open, users, write};

/// A service, and how it is talked to.
struct Subject {
    server: ScimServer,
    others: Vec<(&'static str, &'static str)>,
    text: &'static str,
    several: &'static str,
    has_groups: bool,
    systems: AtomicUsize,
    /// Of the last system.
    groups: Mutex<Vec<String>>,
}

impl Subject {
    fn new(server: ScimServer, others: &[(&'static str, &'static str)]) -> Self {
        Self {
            server,
            others: others.to_vec(),
            text: "name.familyName",
            several: "emails.value",
            has_groups: false,
            systems: AtomicUsize::new(0),
            groups: Mutex::default(),
        }
    }
}

#[async_trait]
impl Fixture for Subject {
    async fn system(&self, accounts: &[Sample]) -> Box<dyn Connector> {
        let number = self.systems.fetch_add(1, Ordering::SeqCst);
        let connector = open(&self.server.url(&format!("t{number}")), &self.others).await;
        if self.has_groups {
            let made = write(&*connector, &groups(), ["g1", "g2"].map(group).into()).await;
            let made = made.into_iter().map(|made| made.unwrap().given_uid.unwrap());
            *self.groups.lock().unwrap() = made.collect();
        }
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
        let class = users(&[("userName", false), (self.text, false), (self.several, true)]);
        let membership = self.has_groups.then(|| RemoteMembership {
            attribute: "groups".into(),
            remote_name: "Group".to_owned(),
            uid_attribute: "id".into(),
            member_attribute: "members".into(),
        });
        RemoteClass { membership, ..class }
    }

    fn entitlements(&self) -> Vec<String> {
        self.groups.lock().unwrap().clone()
    }

    fn text_attribute(&self) -> AttributeName {
        self.text.into()
    }

    fn several_attribute(&self) -> Option<AttributeName> {
        Some(self.several.into())
    }

    fn reference_attribute(&self) -> Option<AttributeName> {
        None
    }
}

fn groups() -> RemoteClass {
    RemoteClass {
        name_attribute: Some("displayName".into()),
        attributes: vec![RemoteAttribute { name: "displayName".into(), multi_valued: false }],
        ..RemoteClass::new("Group", "id")
    }
}

fn group(name: &str) -> Operation {
    let attributes = vec![("displayName".into(), Field::text(name))];
    Operation::Create { uid: name.to_owned(), attributes, enabled: true }
}

/// What a `scim2-server` offers.
fn offers(features: &[&str]) -> String {
    let has = |name: &str| features.contains(&name);
    serde_json::json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"],
        "patch": {"supported": has("patch")},
        "bulk": {"supported": has("bulk"), "maxOperations": 5, "maxPayloadSize": 1_048_576},
        "filter": {"supported": has("filter"), "maxResults": 1000},
        "changePassword": {"supported": false},
        "sort": {"supported": has("sort")},
        "etag": {"supported": has("etag")},
        "pagination": {
            "cursor": has("cursor"),
            "index": !has("cursor"),
            "defaultPaginationMethod": if has("cursor") { "cursor" } else { "index" },
            "defaultPageSize": 10,
            "maxPageSize": 100,
        },
        "authenticationSchemes": [],
    })
    .to_string()
}

#[tokio::test]
async fn a_service_that_can_everything_conforms() {
    let server = ScimServer::scim2(&offers(&["patch", "bulk", "filter", "sort", "etag"]));
    conforms(&Subject { has_groups: true, ..Subject::new(server, &[("changes", "LAST_MODIFIED")]) }).await;
}

#[tokio::test]
async fn a_service_with_cursors_and_an_extension_conforms() {
    let text = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department";
    let server = ScimServer::scim2(&offers(&["patch", "filter", "cursor"]));
    conforms(&Subject { text, several: "phoneNumbers.value", ..Subject::new(server, &[]) }).await;
}

#[tokio::test]
async fn a_service_without_patch_conforms() {
    let server = ScimServer::scim2(&offers(&["filter", "etag"]));
    conforms(&Subject { has_groups: true, ..Subject::new(server, &[]) }).await;
}

#[tokio::test]
async fn a_service_that_can_nothing_conforms() {
    let text = "emails[type eq \"work\"].display";
    let server = ScimServer::scim2(&offers(&[]));
    conforms(&Subject { text, several: "phoneNumbers.value", ..Subject::new(server, &[]) }).await;
}

#[tokio::test]
async fn an_element_that_is_selected_is_made_changed_and_removed() {
    let text = "emails[type eq \"work\"].value";
    let server = ScimServer::scim2(&offers(&["patch", "filter"]));
    conforms(&Subject { text, several: "phoneNumbers.value", ..Subject::new(server, &[]) }).await;
}

#[tokio::test]
async fn values_without_paths_conform() {
    let server = ScimServer::scim2(&offers(&["patch", "filter"]));
    let others = [("patchForm", "VALUES"), ("filterWithOr", "false"), ("askForAttributes", "false")];
    conforms(&Subject { text: "nickName", ..Subject::new(server, &others) }).await;
}

#[tokio::test]
async fn the_other_service_conforms() {
    let server = ScimServer::scimmy(r#"{"patch": true, "filter": true, "bulk": true, "sort": true}"#);
    conforms(&Subject { has_groups: true, ..Subject::new(server, &[]) }).await;
}

#[tokio::test]
async fn the_other_service_conforms_without_patch_filter_and_bulk() {
    let server = ScimServer::scimmy(r#"{"patch": true, "filter": true, "bulk": true}"#);
    let others = [("patch", "NEVER"), ("patchMembers", "NEVER"), ("filter", "NEVER"), ("bulk", "NEVER")];
    conforms(&Subject { has_groups: true, ..Subject::new(server, &others) }).await;
}

#[tokio::test]
async fn the_other_service_conforms_as_entra_would_speak_to_it() {
    let server = ScimServer::scimmy(r#"{"patch": true, "filter": true}"#);
    // What a service really was made for says whether it takes texts for truths.
    let others = [("dialect", "ENTRA"), ("booleans", "JSON"), ("memberRemoval", "FILTER")];
    conforms(&Subject { has_groups: true, ..Subject::new(server, &others) }).await;
}
