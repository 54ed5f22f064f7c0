//! IM objects as clients see them.

use muster_model::ImObject;
use serde::Serialize;
use serde_json::{Map, Value};

use super::value;

/// One IM object.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ObjectView {
    id: String,
    kind: &'static str,
    directory_id: String,
    object_type: Option<String>,
    enabled: bool,
    disabled_reason: Option<&'static str>,
    version: u32,
    attributes: Map<String, Value>,
}

impl From<&ImObject> for ObjectView {
    fn from(object: &ImObject) -> Self {
        Self {
            id: object.id.to_string(),
            kind: object.kind.as_str(),
            directory_id: object.directory.to_string(),
            object_type: object.object_type.clone(),
            enabled: object.disabled.is_none(),
            disabled_reason: object.disabled.map(|reason| reason.as_str()),
            version: object.version,
            attributes: value::attributes(&object.attributes),
        }
    }
}
