//! The suite of the contract over an API of our own that can do what `json-server` cannot: names that are kept apart, calls to
//! enable and disable, groups that hold their members, and changes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use async_trait::async_trait;
use muster_connector::conformance::{Fixture, Sample, conforms};
use muster_connector::{Connector, Operation, RemoteAttribute, RemoteClass, RemoteMembership};
use muster_model::AttributeName;
use serde_json::{Value as Json, json};

use crate::fake::{Asked, Fake, Reply, ok, refusal};
use crate::{open, users, write};

const DESCRIPTION: &str = r#"{"classes": {
    "users": {
        "items": "/data", "key": "/id", "givenKey": true, "enabled": "/active",
        "attributes": {"name": "/name", "mail": "/contact/mail", "tags": {"pointer": "/tags", "each": ""}},
        "list": {
            "path": "/users", "query": {"cursor": "{cursor}", "limit": "{pageSize}"},
            "paging": {"style": "CURSOR", "next": "/next"}
        },
        "read": {"path": "/users/{key}"},
        "find": {"path": "/users", "query": {"name": "{name}"}},
        "create": {"path": "/users", "body": {"name": "{name}", "contact": {"mail": "{mail}"}, "tags": "{tags}"}},
        "update": {"path": "/users/{key}", "body": "{changes}"},
        "delete": {"path": "/users/{key}"},
        "enable": {"path": "/users/{key}/on"},
        "disable": {"path": "/users/{key}/off"},
        "addMember": {"path": "/groups/{group}/{key}"},
        "removeMember": {"path": "/groups/{group}/{key}"},
        "changes": {
            "path": "/delta", "query": {"since": "{token}"}, "token": "/now",
            "start": {"path": "/now"}, "gone": {"pointer": "/deleted"}
        }
    },
    "groups": {
        "items": "/data", "key": "/id", "attributes": {"members": {"pointer": "/members", "each": ""}},
        "list": {"path": "/groups"}
    }
}}"#;

/// What the API keeps.
#[derive(Default)]
struct Kept {
    /// Users by number, each with the instant of its last change.
    users: BTreeMap<usize, (usize, Json)>,
    /// Who was deleted, and when.
    deleted: BTreeMap<usize, usize>,
    groups: BTreeMap<String, BTreeSet<usize>>,
    now: usize,
    last: usize,
}

impl Kept {
    fn answer(&mut self, asked: &Asked) -> Reply {
        let parts: Vec<&str> = asked.path.split('/').skip(1).collect();
        let number = |text: &str| text.trim_start_matches('k').parse::<usize>().unwrap_or(0);
        match (asked.method.as_str(), parts.as_slice()) {
            ("GET", ["now"]) => ok(json!({"now": self.now.to_string()})),
            ("GET", ["delta"]) => self.delta(asked.number("since")),
            ("GET", ["users"]) => self.list(asked),
            ("GET", ["groups"]) => {
                let group = |(id, members): (&String, &BTreeSet<usize>)| json!({"id": id, "members": members.iter().map(|member| format!("k{member}")).collect::<Vec<_>>()});
                ok(json!({"data": self.groups.iter().map(group).collect::<Vec<_>>()}))
            }
            ("POST", ["users"]) => self.create(&asked.body),
            ("GET", ["users", key]) => match self.users.get(&number(key)) {
                Some((_, user)) => ok(user.clone()),
                None => refusal(404, "nobody"),
            },
            ("PATCH", ["users", key]) => self.change(number(key), &asked.body),
            ("POST", ["users", key, state]) => self.change(number(key), &json!({"active": *state == "on"})),
            ("DELETE", ["users", key]) => self.delete(number(key)),
            (method, ["groups", group, key]) => {
                let members = self.groups.entry((*group).to_owned()).or_default();
                let is_new =
                    if method == "PUT" { members.insert(number(key)) } else { members.remove(&number(key)) };
                if is_new { ok(json!({})) } else { refusal(if method == "PUT" { 409 } else { 404 }, "is so") }
            }
            _ => refusal(404, "there is nothing"),
        }
    }

    fn list(&self, asked: &Asked) -> Reply {
        let after = asked.number("cursor");
        let size = asked.query.get("limit").map_or(usize::MAX, |limit| limit.parse().unwrap());
        let is_wanted =
            |user: &Json| asked.query.get("name").is_none_or(|name| user["name"] == name.as_str());
        let mut found = self.users.range(after + 1..).filter(|(_, (_, user))| is_wanted(user));
        let page: Vec<_> = found.by_ref().take(size).collect();
        let next = found.next().and(page.last()).map(|(number, _)| number.to_string());
        ok(json!({"data": page.iter().map(|(_, (_, user))| user).collect::<Vec<_>>(), "next": next}))
    }

    fn delta(&self, since: usize) -> Reply {
        let changed = self.users.values().filter(|(at, _)| *at > since).map(|(_, user)| user.clone());
        let gone = self.deleted.iter().filter(|(_, at)| **at > since);
        let gone = gone.map(|(number, _)| json!({"id": format!("k{number}"), "deleted": true}));
        ok(json!({"data": changed.chain(gone).collect::<Vec<_>>(), "now": self.now.to_string()}))
    }

    fn is_taken(&self, name: &Json, but: usize) -> bool {
        self.users.iter().any(|(number, (_, user))| *number != but && user["name"] == *name)
    }

    fn create(&mut self, body: &Json) -> Reply {
        if self.is_taken(&body["name"], 0) {
            return refusal(409, "the name is taken");
        }
        (self.now, self.last) = (self.now + 1, self.last + 1);
        let mut user = body.clone();
        user["id"] = format!("k{}", self.last).into();
        user["active"] = true.into();
        self.users.insert(self.last, (self.now, user.clone()));
        Reply::Json(201, Vec::new(), user)
    }

    fn change(&mut self, number: usize, body: &Json) -> Reply {
        if self.is_taken(&body["name"], number) && !body["name"].is_null() {
            return refusal(409, "the name is taken");
        }
        self.now += 1;
        let Some((at, user)) = self.users.get_mut(&number) else { return refusal(404, "nobody") };
        *at = self.now;
        merge(user, body);
        ok(user.clone())
    }

    fn delete(&mut self, number: usize) -> Reply {
        if self.users.remove(&number).is_none() {
            return refusal(404, "nobody");
        }
        self.now += 1;
        self.deleted.insert(number, self.now);
        Reply::Json(204, Vec::new(), Json::Null)
    }
}

/// RFC 7396.
fn merge(into: &mut Json, patch: &Json) {
    let Some(patch) = patch.as_object() else {
        *into = patch.clone();
        return;
    };
    for (name, value) in patch {
        if value.is_null() {
            into.as_object_mut().unwrap().remove(name);
        } else {
            merge(&mut into[name], value);
        }
    }
}

struct Subject(Mutex<Vec<Fake>>);

#[async_trait]
impl Fixture for Subject {
    async fn system(&self, accounts: &[Sample]) -> Box<dyn Connector> {
        let groups = ["g1", "g2"].map(|group| (group.to_owned(), BTreeSet::new())).into();
        let kept = Mutex::new(Kept { groups, ..Kept::default() });
        let fake = Fake::start(move |asked| kept.lock().unwrap().answer(asked));
        let connector = open(&fake.url(), DESCRIPTION, &[]).await;
        let each = accounts.iter().cloned();
        let operations =
            each.map(|Sample { uid, enabled, attributes }| Operation::Create { uid, attributes, enabled });
        for made in write(&*connector, &self.class(), operations.collect()).await {
            made.unwrap();
        }
        self.0.lock().unwrap().push(fake);
        connector
    }

    fn class(&self) -> RemoteClass {
        let attributes = [("name", false), ("mail", false), ("tags", true)];
        RemoteClass {
            name_attribute: Some("name".into()),
            attributes: attributes
                .map(|(name, multi_valued)| RemoteAttribute { name: name.into(), multi_valued })
                .into(),
            membership: Some(RemoteMembership {
                attribute: "groups".into(),
                remote_name: "groups".to_owned(),
                uid_attribute: "id".into(),
                member_attribute: "members".into(),
            }),
            ..users()
        }
    }

    fn entitlements(&self) -> Vec<String> {
        vec!["g1".to_owned(), "g2".to_owned()]
    }

    fn text_attribute(&self) -> AttributeName {
        "mail".into()
    }

    fn several_attribute(&self) -> Option<AttributeName> {
        Some("tags".into())
    }

    fn reference_attribute(&self) -> Option<AttributeName> {
        None
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_with_groups_switches_and_changes_conforms() {
    conforms(&Subject(Mutex::default())).await;
}
