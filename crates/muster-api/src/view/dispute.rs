//! Disputes as clients see them.

use std::collections::HashMap;

use muster_model::text::hex;
use muster_model::{Attributes, Field, ImObject, ObjectId};
use muster_store::{DisputeRecord, MadeDecision};
use serde::Serialize;
use serde_json::{Map, Value};

use super::{ActorView, instant, value};

/// The columns of the list as CSV.
pub(crate) const DISPUTE_COLUMNS: [&str; 16] = [
    "id",
    "applicationId",
    "objectClassId",
    "accountKey",
    "situation",
    "candidates",
    "rule",
    "why",
    "firstSeen",
    "lastSeen",
    "instanceId",
    "decision",
    "objectId",
    "decidedBy",
    "decidedAt",
    "note",
];

/// Attributes by which people know somebody, those that are shown first.
const NAMING: [&str; 12] = [
    "name",
    "displayname",
    "cn",
    "firstname",
    "givenname",
    "lastname",
    "sn",
    "username",
    "number",
    "employeenumber",
    "email",
    "mail",
];

/// Naming attributes of one candidate.
const MOST_NAMES: usize = 5;

/// One account about which runs do not decide by themselves.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DisputeView {
    id: String,
    application_id: String,
    object_class_id: String,
    account_key: String,
    situation: &'static str,
    candidates: Vec<CandidateView>,
    why: WhyView,
    first_seen: String,
    last_seen: String,
    instance_id: Option<String>,
    decision: Option<DecisionView>,
    note: Option<String>,
}

/// An object that the account belongs to, or may belong to.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CandidateView {
    id: String,
    kind: Option<&'static str>,
    object_type: Option<String>,
    attributes: Map<String, Value>,
}

/// How the candidates were found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WhyView {
    message: String,
    rule: Option<u32>,
    values: Map<String, Value>,
}

/// What somebody decided.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DecisionView {
    decision: &'static str,
    object_id: Option<String>,
    actor: ActorView,
    at: String,
}

impl DisputeView {
    /// A dispute, with those of its candidates that are there.
    pub(crate) fn new(record: &DisputeRecord, objects: &HashMap<ObjectId, ImObject>) -> Self {
        let void =
            |id| format!("it was to belong to object {id}, which is gone; it waits for another decision");
        Self {
            id: hex(&record.key.0),
            application_id: record.application.to_string(),
            object_class_id: record.class.to_string(),
            account_key: record.uid.clone(),
            situation: record.situation.as_str(),
            candidates: record.candidates.iter().map(|id| CandidateView::new(*id, objects.get(id))).collect(),
            why: WhyView {
                message: record.message.clone(),
                rule: record.rule,
                values: value::attributes(&record.compared),
            },
            first_seen: instant(record.first_at),
            last_seen: instant(record.seen_at),
            instance_id: record.run.map(|run| run.to_string()),
            decision: record.decision.as_ref().map(Into::into),
            note: record.void.map(void),
        }
    }

    /// The cells of its row.
    pub(crate) fn cells(&self) -> Vec<String> {
        let decision = self.decision.as_ref();
        let rule = self.why.rule.map(|rule| rule.to_string()).unwrap_or_default();
        let candidates: Vec<&str> = self.candidates.iter().map(|candidate| candidate.id.as_str()).collect();
        let candidates = candidates.join(" ");
        let cells = [
            &*self.id,
            &*self.application_id,
            &*self.object_class_id,
            &*self.account_key,
            self.situation,
            &*candidates,
            &*rule,
            &*self.why.message,
            &*self.first_seen,
            &*self.last_seen,
            self.instance_id.as_deref().unwrap_or_default(),
            decision.map_or("", |made| made.decision),
            decision.and_then(|made| made.object_id.as_deref()).unwrap_or_default(),
            decision.map_or("", |made| made.actor.name()),
            decision.map_or("", |made| made.at.as_str()),
            self.note.as_deref().unwrap_or_default(),
        ];
        cells.into_iter().map(str::to_owned).collect()
    }
}

impl CandidateView {
    fn new(id: ObjectId, object: Option<&ImObject>) -> Self {
        Self {
            id: id.to_string(),
            kind: object.map(|object| object.kind.as_str()),
            object_type: object.and_then(|object| object.object_type.clone()),
            attributes: object
                .map(|object| value::attributes(&names(&object.attributes)))
                .unwrap_or_default(),
        }
    }
}

/// A few attributes that tell people who it is.
fn names(attributes: &Attributes) -> Attributes {
    let place = |name: &str| NAMING.iter().position(|known| name.eq_ignore_ascii_case(known));
    let mut found: Vec<_> =
        attributes.iter().filter_map(|(name, field)| Some((place(name.as_str())?, name, field))).collect();
    found.sort_by_key(|(place, ..)| *place);
    let short = |field: &Field| !field.values().is_empty();
    let found = found.into_iter().filter(|(.., field)| short(field)).take(MOST_NAMES);
    found.map(|(_, name, field)| (name.clone(), field.clone())).collect()
}

impl From<&MadeDecision> for DecisionView {
    fn from(made: &MadeDecision) -> Self {
        Self {
            decision: made.decision.as_str(),
            object_id: made.object.map(|object| object.to_string()),
            actor: (&made.actor).into(),
            at: instant(made.at),
        }
    }
}
