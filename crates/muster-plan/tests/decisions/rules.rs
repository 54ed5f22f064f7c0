//! Rules from documents, as a configuration gives them.

use chrono::{DateTime, Utc};
use muster_model::configuration::application::{Application, Direction, ObjectTypeMapping};
use muster_model::configuration::{ConfigurationKind, Document, Leniency, Resource};
use muster_model::{ApplicationId, Attributes, Field};
use muster_plan::inbound::Anonymizing;
use muster_plan::rules::{RuleContext, Rules};
use serde_json::{Value, json};

/// An object type mapping of the class `person`, with further fields.
pub(crate) fn object_type(direction: &str, fields: &Value) -> ObjectTypeMapping {
    application(direction, fields).object_types.remove(0)
}

/// What anonymizing takes away of the objects of such a mapping.
pub(crate) fn anonymizing(fields: &Value) -> Anonymizing {
    let application = application("INBOUND", fields);
    let mut anonymizing = Anonymizing::default();
    anonymizing.add(&application.object_types[0], &application.object_classes[0]);
    anonymizing
}

fn application(direction: &str, fields: &Value) -> Application {
    let mut mapping = json!({ "objectKind": "IDENTITY", "objectClassId": "person", "direction": direction });
    for (name, value) in fields.as_object().expect("fields") {
        mapping[name] = value.clone();
    }
    let document = json!({
        "id": "hr",
        "name": "HR",
        "connectorDefinitionId": "hr",
        "objectClasses": [
            { "id": "person", "remoteName": "person", "uidAttribute": "number", "nameAttribute": "name" },
        ],
        "objectTypes": [mapping],
    });
    let document = Document::read(ConfigurationKind::Application, &document, Leniency::Strict);
    let parsed = document.and_then(|document| document.parse()).unwrap_or_else(|found| panic!("{found}"));
    let Resource::Application(application) = parsed else { panic!("no application") };
    application
}

/// The rules of an object type for its direction; every mapping is outranked by these applications.
pub(crate) fn rules(direction: Direction, fields: &Value, outranked_by: &[&str]) -> Rules {
    let word = if direction == Direction::Inbound { "INBOUND" } else { "OUTBOUND" };
    let outranked: Vec<ApplicationId> =
        outranked_by.iter().map(|id| ApplicationId::new(id).expect("an id")).collect();
    let context = RuleContext { direction, filter: None, outranked_by: &|_| outranked.clone() };
    Rules::compile(&object_type(word, fields), context).unwrap_or_else(|found| panic!("{found:?}"))
}

/// One mapping of `name` from `name`, with further fields.
pub(crate) fn mapping(direction: &str, fields: &Value) -> Value {
    let mut mapping =
        json!({ "attribute": "name", "direction": direction, "strategy": "SIMPLE", "source": "name" });
    for (name, value) in fields.as_object().expect("fields") {
        mapping[name] = value.clone();
    }
    mapping
}

pub(crate) fn attributes(fields: &[(&str, &str)]) -> Attributes {
    fields.iter().map(|(name, text)| (*name, Field::text(*text))).collect()
}

/// Sunday, 1 November 2026, 08:00 UTC.
pub(crate) fn now() -> DateTime<Utc> {
    DateTime::from_timestamp_millis(1_793_520_000_000).expect("an instant")
}
