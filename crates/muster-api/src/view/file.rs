//! Files of a tenant as clients see them.

use chrono::{DateTime, Utc};
use serde::Serialize;

/// One file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FileView {
    path: String,
    size: u64,
    modified_at: String,
}

impl FileView {
    pub(crate) fn new(path: String, size: u64, modified_at: DateTime<Utc>) -> Self {
        Self { path, size, modified_at: super::instant(modified_at) }
    }

    pub(crate) fn path(&self) -> &str {
        &self.path
    }
}
