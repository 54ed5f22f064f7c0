//! Schemas of connectors, as User Sync has them.

use muster_model::configuration::{ConfigurationKind, Document};
use serde_json::{Map, Value, json};

use super::reference;
use super::schemas::{ID, described, object, object_with, or_null, text};
use crate::user_sync::connectors::OUTSIDE;

/// Adds them to the schemas of configuration, of which they consist.
pub(super) fn add(schemas: &mut Map<String, Value>) {
    let task = Document::shape(ConfigurationKind::SynchronizationTaskDefinition);
    let configuration = configuration(schemas[task.name].clone());
    schemas.insert("ConnectorConfiguration".to_owned(), configuration);
    schemas.insert("Connector".to_owned(), connector());
    schemas.insert("PortableConnector".to_owned(), portable());
}

/// The schema of a task, but for what is no part of a connector's configuration, and with its application.
fn configuration(mut task: Value) -> Value {
    if let Some(properties) = task["properties"].as_object_mut() {
        properties.retain(|name, _| !OUTSIDE.contains(&name.as_str()));
        properties.insert("application".to_owned(), reference("Application"));
    }
    if let Some(required) = task["required"].as_array_mut() {
        required.retain(|name| name != "id");
    }
    let description = "What of a connector can be edited: the fields of its task, and its application, whose `id` may \
        be left out and stays. A clean-up has no application.";
    described(task, description)
}

fn uuid() -> Value {
    json!({"type": "string", "format": "uuid"})
}

fn id() -> Value {
    described(json!({"type": "string", "pattern": ID}), "The id of its task.")
}

fn connector() -> Value {
    let unmade = "Null for a task that has none yet; it gets one when it is saved.";
    object(&[
        ("uniqueId", described(or_null(uuid()), unmade)),
        ("id", id()),
        ("name", text()),
        ("directoryId", described(text(), "The population that it writes.")),
        ("configuration", reference("ConnectorConfiguration")),
    ])
}

fn portable() -> Value {
    let unique_id = "By it a connector is found that is there; left out, or unknown, it is a new one.";
    let ignored = |what| described(text(), what);
    object_with(
        &[("configuration", reference("ConnectorConfiguration"))],
        &[
            ("uniqueId", described(or_null(uuid()), unique_id)),
            (
                "id",
                described(id(), "What the task of a new connector is called; left out, as its unique id."),
            ),
            ("name", ignored("Not read: it stands in `configuration`.")),
            (
                "directoryId",
                ignored(
                    "Not read, nor in `configuration`: a connector keeps its directory, a new one gets `main`.",
                ),
            ),
        ],
    )
}
