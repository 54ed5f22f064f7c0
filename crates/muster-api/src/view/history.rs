//! The history of objects as clients see it.

use muster_model::run::TaskKind;
use muster_store::HistoryRecord;
use serde::Serialize;
use serde_json::Value;

use super::{ActorView, instant, value};

/// One write of an object, and what it replaced.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ObjectHistoryView {
    version: u32,
    at: String,
    action: &'static str,
    actor: Option<ActorView>,
    instance_id: Option<String>,
    synchronization_task_id: Option<String>,
    replaced: Option<ReplacedView>,
}

/// What a version held that the next does not.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReplacedView {
    version: u32,
    enabled: bool,
    disabled_reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    object_type: Option<Option<String>>,
    attributes: Vec<ReplacedAttributeView>,
}

/// What an attribute held. An absent value has no member.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ReplacedAttributeView {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<Value>,
}

impl From<&HistoryRecord> for ObjectHistoryView {
    fn from(record: &HistoryRecord) -> Self {
        let task = record.run.as_ref().filter(|(_, kind, _)| *kind == TaskKind::Synchronization);
        Self {
            version: record.replaced + 1,
            at: instant(record.at),
            action: record.action.as_str(),
            actor: record.actor.as_ref().map(ActorView::from),
            instance_id: record.run.as_ref().map(|(id, ..)| id.to_string()),
            synchronization_task_id: task.map(|(.., task)| task.to_string()),
            replaced: (record.replaced > 0).then(|| ReplacedView::from(record)),
        }
    }
}

impl From<&HistoryRecord> for ReplacedView {
    fn from(record: &HistoryRecord) -> Self {
        let attributes = record.before.iter().map(|(name, field)| ReplacedAttributeView {
            name: name.as_str().to_owned(),
            before: value::field(field),
        });
        Self {
            version: record.replaced,
            enabled: record.disabled.is_none(),
            disabled_reason: record.disabled.map(|reason| reason.as_str()),
            object_type: record.object_type.clone().map(|text| (!text.is_empty()).then_some(text)),
            attributes: attributes.collect(),
        }
    }
}
