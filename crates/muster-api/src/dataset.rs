//! Datasets: all resources of a tenant as one XML document, read and written.

mod import;
mod weigh;

use std::collections::BTreeSet;
use std::sync::LazyLock;

use actix_web::HttpResponse;
use muster_dataset::{Documents, schema, write};
use muster_engine::ConfigurationError;
use muster_model::ConfigurationId;
use muster_model::configuration::ConfigurationKind;
use muster_store::{StoreError, StoredResource};

use crate::call::Call;
use crate::error::ApiError;
use crate::routes::DatasetOperation;

pub(crate) async fn perform(operation: DatasetOperation, call: Call) -> Result<HttpResponse, ApiError> {
    match operation {
        DatasetOperation::Import => import::import(call).await,
        DatasetOperation::Export => export(&call).await,
        DatasetOperation::Schema => Ok(describe()),
    }
}

async fn export(call: &Call) -> Result<HttpResponse, ApiError> {
    let kinds = kinds(call);
    let rows = call.store.resources().await?;
    let text = tokio::task::spawn_blocking(move || {
        let documents = documents(&rows, |kind| kinds.contains(&kind))?;
        Ok::<_, ConfigurationError>(write(documents.iter().map(|((kind, _), document)| (*kind, document))))
    });
    Ok(xml(text.await??))
}

fn describe() -> HttpResponse {
    static TEXT: LazyLock<String> = LazyLock::new(schema);
    xml(TEXT.clone())
}

fn xml(text: String) -> HttpResponse {
    HttpResponse::Ok().content_type("application/xml").body(text)
}

/// The kinds that a caller means: those named, or all.
fn kinds(call: &Call) -> BTreeSet<ConfigurationKind> {
    call.query.kinds.clone().unwrap_or_else(|| ConfigurationKind::ALL.into())
}

/// The documents of stored resources, of those kinds that are meant.
fn documents(
    rows: &[StoredResource],
    is_meant: impl Fn(ConfigurationKind) -> bool,
) -> Result<Documents, ConfigurationError> {
    let unreadable = |row: &StoredResource, detail: String| StoreError::Unreadable {
        what: "configuration",
        detail: format!("{} {}: {detail}", row.kind, row.id),
    };
    let mut documents = Documents::new();
    for row in rows {
        let kind = ConfigurationKind::of_number(row.kind);
        let kind = kind.ok_or_else(|| unreadable(row, "no such kind".to_owned()))?;
        if is_meant(kind) {
            let document =
                serde_json::from_str(&row.body).map_err(|error| unreadable(row, error.to_string()))?;
            documents.insert((kind, ConfigurationId::new(&row.id).map_err(StoreError::from)?), document);
        }
    }
    Ok(documents)
}
