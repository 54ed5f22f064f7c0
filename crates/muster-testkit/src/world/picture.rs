//! What a world looks like, as text: short for people who read a test, or every column for a comparison of
//! whole states.

use std::collections::BTreeMap;

use muster_model::{DisabledReason, Field, ImObject, ObjectId};
use muster_plan::change::Action;
use muster_store::{ChangeFilter, ChangeStatus, RunRecord};
use sea_orm::QueryResult;
use uuid::Uuid;

use super::World;

/// Tables and their columns that a history of runs determines, whoever carried it out and how often it was
/// interrupted. Left out is what tells one process or instant from another.
const DETERMINED: [(&str, &[&str]); 11] = [
    ("object", &["id", "kind", "directory", "type", "disabled", "version", "attributes", "provenance"]),
    (
        "shadow",
        &[
            "application",
            "no",
            "class",
            "uid",
            "uid_key",
            "owner",
            "state",
            "version",
            "disabled",
            "digest",
            "account_digest",
            "due_at",
            "profile",
            "granted",
            "snapshot",
        ],
    ),
    ("key", &["hash", "object"]),
    (
        "history",
        &[
            "id",
            "version",
            "(SELECT r.no FROM run r WHERE r.seq = history.run)",
            "action",
            "disabled",
            "before",
        ],
    ),
    ("message", &["(SELECT r.no FROM run r WHERE r.seq = message.run)", "bucket", "no", "text"]),
    (
        "run",
        &["no", "sync", "task", "status", "phase", "outcome", "counters", "plan_hash", "held_by", "failure"],
    ),
    (
        "change",
        &[
            "(SELECT r.no FROM run r WHERE r.seq = change.id >> 32)",
            "id & 4294967295",
            "bucket",
            "level",
            "action",
            "situation",
            "reaction",
            "uid",
            "place",
            "shadow",
            "shadow_version",
            "object",
            "object_version",
            "state",
            "before",
            "result",
            "memberships",
            "profile",
            "granted",
            "snapshot",
            "digest",
            "account_digest",
            "why",
            "replaced",
        ],
    ),
    (
        "problem",
        &[
            "(SELECT r.no FROM run r WHERE r.seq = problem.run)",
            "change",
            "outcome",
            "step",
            "code",
            "uid",
            "place",
            "message",
        ],
    ),
    ("population", &["application", "class", "last_read"]),
    ("key_spec", &["directory", "name"]),
    (
        "audit",
        &[
            "(SELECT r.no FROM run r WHERE r.tenant = audit.tenant AND r.id = audit.run)",
            "act",
            "CASE WHEN subject_kind = 'tenants' THEN 'the tenant' ELSE subject END",
            "outcome",
            "details",
        ],
    ),
];

/// The attributes of a shadow's owner: its id says when it was made.
const OWNER: &str =
    "(SELECT o.attributes FROM object o WHERE o.tenant = shadow.tenant AND o.id = shadow.owner)";

/// The attributes of the object that a key finds.
const FOUND: &str = "(SELECT o.attributes FROM object o WHERE o.tenant = key.tenant AND o.id = key.object)";

/// A field of an account, many values in an order of their own: they have none.
fn told(field: &Field) -> String {
    match field {
        Field::Many(values) => {
            let mut values: Vec<String> = values.iter().map(|value| format!("{value:?}")).collect();
            values.sort();
            format!("Many([{}])", values.join(", "))
        }
        Field::Absent | Field::Null | Field::One(_) => format!("{field:?}"),
    }
}

impl World {
    /// Every row that the history determines, as sorted lines of text, and all accounts of all systems.
    pub async fn whole_state(&self) -> String {
        let mut lines = Vec::new();
        for (table, columns) in DETERMINED {
            lines.extend(self.rows(table, columns).await);
        }
        lines.extend(self.accounts());
        lines.join("\n")
    }

    /// What objects and systems hold and which account belongs to whom, without how it came to that.
    pub async fn visible_state(&self) -> String {
        let columns = ["application", "class", "uid", "state", OWNER];
        let mut lines = self.rows("object", &["kind", "disabled", "attributes"]).await;
        lines.extend(self.rows("shadow", &columns).await);
        lines.extend(self.accounts());
        lines.join("\n")
    }

    /// The same with what is remembered of accounts: the state that a second pass and another way through the
    /// same history have to come to as well.
    pub async fn outcome_state(&self) -> String {
        let columns = ["application", "class", "uid", "state", "disabled", "granted", "snapshot", OWNER];
        let mut lines = self.rows("object", &["kind", "disabled", "attributes"]).await;
        lines.extend(self.rows("shadow", &columns).await);
        lines.extend(self.accounts());
        lines.join("\n")
    }

    /// The keys by which objects are found. Some may be left behind by what an object held before, and find
    /// nobody.
    pub async fn keys(&self) -> Vec<String> {
        let keys = self.rows("key", &["hash", FOUND]).await;
        keys.into_iter().filter(|line| !line.ends_with(" NULL")).collect()
    }

    async fn rows(&self, table: &str, columns: &[&str]) -> Vec<String> {
        let shown: Vec<String> = columns.iter().map(|column| self.shown(column)).collect();
        let condition = self.of_tenant();
        let sql = format!("SELECT {} FROM {table} WHERE {condition} ORDER BY 1", shown.join(" || ' ' || "));
        let rows = self.database().query(&sql).await;
        rows.iter().map(|row| format!("{table} {}", text(row, 0))).collect()
    }

    /// A column of any type as text that shows its null.
    fn shown(&self, column: &str) -> String {
        if self.database().is_postgres() {
            format!("coalesce(({column})::text, 'NULL')")
        } else {
            format!("quote({column})")
        }
    }

    fn accounts(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for (system, class) in [("hr", "person"), ("crm", "contact"), ("ad", "account")] {
            for (uid, account) in self.system(system).accounts(class) {
                let fields: Vec<String> =
                    account.attributes.iter().map(|(n, f)| format!("{n}={}", told(f))).collect();
                let state = if account.enabled { "enabled" } else { "disabled" };
                lines.push(format!("account {system}/{uid} {state} {}", fields.join(" ")));
            }
        }
        lines
    }

    /// Objects by their numbers, or their e-mail addresses where they have none, or their ids where that is not
    /// enough.
    ///
    /// # Panics
    /// When the database fails.
    pub async fn objects(&self) -> BTreeMap<String, ImObject> {
        let mut named = BTreeMap::new();
        for object in self.store().objects(None, None, 10_000).await.expect("the database") {
            let name = name(&object);
            let name = if named.contains_key(&name) { object.id.to_string() } else { name };
            named.insert(name, object);
        }
        named
    }

    /// The object of a number or an e-mail address.
    ///
    /// # Panics
    /// When there is none.
    pub async fn object(&self, name: &str) -> ImObject {
        self.objects().await.remove(name).unwrap_or_else(|| panic!("no object `{name}`"))
    }

    /// The world in a few lines: each object with its attributes, each shadow with its owner, each account of
    /// the target.
    pub async fn picture(&self) -> String {
        let objects = self.objects().await;
        let mut lines: Vec<String> = objects.iter().map(|(name, object)| line(name, object)).collect();
        let names: BTreeMap<ObjectId, &String> =
            objects.iter().map(|(name, object)| (object.id, name)).collect();
        let condition = self.of_tenant();
        let sql = format!(
            "SELECT application, uid, state, owner FROM shadow WHERE {condition} ORDER BY application, uid"
        );
        for row in self.database().query(&sql).await {
            let owner: Option<Uuid> = row.try_get_by_index(3).expect("an owner");
            let owner = owner
                .map_or("nobody", |id| names.get(&ObjectId(id)).map_or("a deleted object", |n| n.as_str()));
            let state: i64 = row.try_get_by_index(2).expect("a state");
            let state = if state == 0 { "live" } else { "gone" };
            lines.push(format!("shadow {}/{} {state}, of {owner}", text(&row, 0), text(&row, 1)));
        }
        lines.extend(self.histories(&names).await);
        for (uid, account) in self.system("ad").accounts("account") {
            let fields = account.attributes.iter();
            let fields: Vec<String> =
                fields.map(|(name, field)| format!("{name}={}", values(field.values()))).collect();
            let state = if account.enabled { "enabled" } else { "disabled" };
            lines.push(format!("account {uid} {state}: {}", fields.join(" ")));
        }
        lines.join("\n")
    }

    /// What each version of an object replaced.
    async fn histories(&self, names: &BTreeMap<ObjectId, &String>) -> Vec<String> {
        let condition = self.of_tenant();
        let sql = format!(
            "SELECT id, version, action, coalesce(before, '') FROM history WHERE {condition} ORDER BY id, version"
        );
        let rows = self.database().query(&sql).await;
        let lines = rows.iter().map(|row| {
            let id: Uuid = row.try_get_by_index(0).expect("an id");
            let version: i64 = row.try_get_by_index(1).expect("a version");
            let action: i64 = row.try_get_by_index(2).expect("an action");
            let action =
                usize::try_from(action).ok().and_then(|action| Action::ALL.get(action)).expect("an action");
            let name = names.get(&ObjectId(id)).map_or("a deleted object", |name| name.as_str());
            format!("history of {name} v{version} until {}: {}", action.as_str(), text(row, 3))
        });
        lines.collect()
    }

    /// The staged changes of a run: action, account and how each ended.
    ///
    /// # Panics
    /// When the database fails.
    pub async fn changes(&self, run: &RunRecord) -> Vec<String> {
        let rows = self.store().changes(run, ChangeFilter { after: 0, limit: 10_000 }).await;
        let rows = rows.expect("the database");
        rows.iter()
            .map(|row| match &row.status {
                ChangeStatus::Planned | ChangeStatus::Applied => {
                    format!("{} {}", row.action.as_str(), row.uid)
                }
                ChangeStatus::Ended { outcome, .. } => {
                    format!("{} {}: {outcome}", row.action.as_str(), row.uid)
                }
            })
            .collect()
    }

    /// What was noted about a run: step, code and place of each.
    ///
    /// # Panics
    /// When the database fails.
    pub async fn problems(&self, run: &RunRecord) -> Vec<String> {
        let problems = self.store().problems(run, 10_000).await.expect("the database");
        problems.into_iter().map(|problem| problem.message).collect()
    }
}

fn line(name: &str, object: &ImObject) -> String {
    let fields = object.attributes.iter().filter(|(attribute, _)| attribute.as_str() != "number");
    let fields: Vec<String> =
        fields.map(|(attribute, field)| format!("{attribute}={}", values(field.values()))).collect();
    let state = object.disabled.map_or("", DisabledReason::as_str);
    let state = if state.is_empty() { String::new() } else { format!(" {state}") };
    format!("object {name} v{}{state}: {}", object.version, fields.join(" "))
}

fn name(object: &ImObject) -> String {
    let of =
        |attribute: &str| object.attributes.get(attribute).first().map(|value| value.to_text().into_owned());
    of("number").or_else(|| of("email")).unwrap_or_else(|| object.id.to_string())
}

fn values(values: &[muster_model::Value]) -> String {
    values.iter().map(|value| value.to_text().into_owned()).collect::<Vec<_>>().join(",")
}

fn text(row: &QueryResult, place: usize) -> String {
    row.try_get_by_index(place).unwrap_or_else(|error| panic!("no text: {error}"))
}

/// The lines of two states that are not in both.
#[must_use]
pub fn difference(expected: &str, found: &str) -> String {
    let lacking = expected.lines().filter(|line| !found.lines().any(|other| other == *line));
    let strange = found.lines().filter(|line| !expected.lines().any(|other| other == *line));
    let lines = lacking.map(|line| format!("- {line}")).chain(strange.map(|line| format!("+ {line}")));
    lines.collect::<Vec<_>>().join("\n")
}
