//! Connectors as they are stored: a task and its application, two resources.

use std::collections::BTreeMap;

use muster_engine::LoadedConfiguration;
use muster_model::DirectoryId;
use muster_model::configuration::ConfigurationKind;
use muster_store::StoredResource;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::configuration::{EntityTag, Saved};
use crate::error::ApiError;
use crate::view::ConnectorView;

/// The fields of a task that are no part of its connector's `configuration`: they stand beside it, or with the
/// application in it.
pub(crate) const OUTSIDE: [&str; 3] = ["id", "uniqueId", "applicationId"];

/// A task with its application.
pub(super) struct Connector {
    task: Map<String, Value>,
    /// A clean-up has none.
    application: Option<Value>,
    /// That of the task and that of its application, added up.
    versions: i64,
}

impl Connector {
    /// All that resources make up, in the order of their tasks.
    pub(super) fn all(rows: &[StoredResource]) -> Result<Vec<Self>, ApiError> {
        let of_kind = |kind: ConfigurationKind| rows.iter().filter(move |row| row.kind == kind.number());
        let applications: BTreeMap<_, _> =
            of_kind(ConfigurationKind::Application).map(|row| (row.id.as_str(), row)).collect();
        of_kind(ConfigurationKind::SynchronizationTaskDefinition)
            .map(|row| {
                let task: Map<String, Value> = read(row)?;
                let application = task.get("applicationId").and_then(Value::as_str);
                let application = application.and_then(|id| applications.get(id).copied());
                let versions = row.version + application.map_or(0, |row| row.version);
                Ok(Self { task, application: application.map(read).transpose()?, versions })
            })
            .collect()
    }

    /// The one of that unique id, or of a task of that id.
    pub(super) fn find(rows: &[StoredResource], text: &str) -> Result<Self, ApiError> {
        let loaded = LoadedConfiguration::of(rows)?;
        let task = loaded.resources.connector(text).map(|task| task.id.as_str());
        let found = Self::all(rows)?.into_iter().find(|connector| Some(connector.task_id()) == task);
        found.ok_or_else(|| ApiError::NotFound(format!("connector `{text}`")))
    }

    /// None of a task that was stored before tasks got one: it gets one when it is saved.
    pub(super) fn unique_id(&self) -> Option<Uuid> {
        self.text("uniqueId").and_then(|text| text.parse().ok())
    }

    pub(super) fn task_id(&self) -> &str {
        self.text("id").unwrap_or_default()
    }

    /// The directory that the task names, if it names one.
    pub(super) fn directory(&self) -> Option<&str> {
        self.text("directoryId")
    }

    pub(super) fn application_id(&self) -> Option<&str> {
        self.text("applicationId")
    }

    fn text(&self, field: &str) -> Option<&str> {
        self.task.get(field).and_then(Value::as_str)
    }

    /// What of it can be edited.
    pub(super) fn configuration(&self) -> Value {
        let fields = self.task.iter().filter(|(name, _)| !OUTSIDE.contains(&name.as_str()));
        let fields = fields.map(|(name, value)| (name.clone(), value.clone()));
        let application = self.application.clone().map(|application| ("application".to_owned(), application));
        Value::Object(fields.chain(application).collect())
    }

    pub(super) fn view(&self) -> ConnectorView {
        ConnectorView {
            unique_id: self.unique_id(),
            id: self.task_id().to_owned(),
            name: self.text("name").unwrap_or_default().to_owned(),
            directory_id: Some(self.directory().unwrap_or(DirectoryId::main().as_str()).to_owned()),
            configuration: self.configuration(),
        }
    }

    /// As its answers have it, with its entity tag.
    pub(super) fn saved(&self) -> Saved {
        let body = serde_json::to_string(&self.view()).unwrap_or_default();
        Saved { tag: EntityTag::of(self.versions, &body), body }
    }
}

fn read<T: serde::de::DeserializeOwned>(row: &StoredResource) -> Result<T, ApiError> {
    serde_json::from_str(&row.body).map_err(ApiError::internal)
}
