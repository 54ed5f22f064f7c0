//! Connectors of User Sync as clients see them.

use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

/// A task with its application.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ConnectorView {
    pub(crate) unique_id: Option<Uuid>,
    pub(crate) id: String,
    pub(crate) name: String,
    /// Left out of files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) directory_id: Option<String>,
    pub(crate) configuration: Value,
}
